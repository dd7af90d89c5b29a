"""What the notebooks import: practice mode, the record of calls, the lessons' calls made robust, the practice tasks."""

from .batch import process_questions_batch
from .calls import (
    Answer,
    ask_ai,
    ask_model,
    async_multiple_calls,
    compare_models,
    safe_api_call,
    sync_multiple_calls,
)
from .catalog import COMPARE_MODELS, DEFAULT_MODEL
from .errors import BadInput, CallFailed, WorkbookError
from .practice import open_bug, open_exercise, progress
from .session import connect, faults, shared_client
from .trace import Trace, timelines, watch

__all__ = [
    "COMPARE_MODELS",
    "DEFAULT_MODEL",
    "Answer",
    "BadInput",
    "CallFailed",
    "Trace",
    "WorkbookError",
    "ask_ai",
    "ask_model",
    "async_multiple_calls",
    "compare_models",
    "connect",
    "faults",
    "open_bug",
    "open_exercise",
    "process_questions_batch",
    "progress",
    "safe_api_call",
    "shared_client",
    "sync_multiple_calls",
    "timelines",
    "watch",
]
