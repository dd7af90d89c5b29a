"""What the notebooks import: practice mode, the record of calls, the lessons' calls made robust, the practice tasks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import sdk as sdk  # first: it says so where the SDK is one that cannot be guarded
from .answer import Answer
from .calls import (
    ask_ai,
    ask_model,
    async_multiple_calls,
    compare_models,
    safe_api_call,
    stream_model,
    sync_multiple_calls,
)
from .catalog import COMPARE_MODELS, DEFAULT_MODEL
from .errors import BadInput, CallFailed, WorkbookError
from .nesting import use_maintained as _use_maintained
from .session import account, connect, faults, shared_client
from .wire.trace import Trace, timelines, watch

if TYPE_CHECKING:
    from .batch import estimate, last_batch, process_questions_as_completed, process_questions_batch, questions_in
    from .course import open_bug, open_exercise, progress, welcome
    from .course.quizzes import quiz
    from .widgets import concurrency_lab, predict, question_box
    from .widgets.batch_box import batch_box
    from .widgets.heartbeat import heartbeat
    from .widgets.key_panel import key_panel

__all__ = [
    "COMPARE_MODELS",
    "DEFAULT_MODEL",
    "Answer",
    "BadInput",
    "CallFailed",
    "Trace",
    "WorkbookError",
    "account",
    "ask_ai",
    "ask_model",
    "async_multiple_calls",
    "batch_box",
    "compare_models",
    "concurrency_lab",
    "connect",
    "estimate",
    "faults",
    "heartbeat",
    "key_panel",
    "last_batch",
    "open_bug",
    "open_exercise",
    "predict",
    "process_questions_as_completed",
    "process_questions_batch",
    "progress",
    "question_box",
    "questions_in",
    "quiz",
    "safe_api_call",
    "shared_client",
    "stream_model",
    "sync_multiple_calls",
    "timelines",
    "watch",
    "welcome",
]


_use_maintained()

# loaded when one is asked for: a lesson, or your own program, need not wait for them
_LATER = {
    "batch_box": "widgets",
    "concurrency_lab": "widgets",
    "estimate": "batch",
    "heartbeat": "widgets",
    "key_panel": "widgets",
    "last_batch": "batch",
    "open_bug": "course",
    "open_exercise": "course",
    "predict": "widgets",
    "process_questions_as_completed": "batch",
    "process_questions_batch": "batch",
    "progress": "course",
    "question_box": "widgets",
    "questions_in": "batch",
    "quiz": "course.quizzes",
    "welcome": "course",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
