"""What the notebooks import: practice mode, the record of calls, the lessons' calls made robust, the practice tasks."""

from typing import TYPE_CHECKING, Any

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
from .session import connect, faults, shared_client
from .trace import Trace, timelines, watch

if TYPE_CHECKING:
    from .practice import open_bug, open_exercise, progress

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


def __getattr__(name: str) -> Any:
    """Loads the practice tasks when one is asked for: a lesson, or your own program, need not wait for them."""
    if name not in ("open_bug", "open_exercise", "progress"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import practice

    return getattr(practice, name)
