"""Errors that a learner reads: one sentence on what happened, one on what to do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class WorkbookError(Exception):
    """What went wrong, in two sentences. The SDK's own exception, where there was one, is its `__cause__`."""

    def __init__(self, happened: str, what_to_do: str) -> None:
        super().__init__(f"{happened} {what_to_do}")
        self.happened = happened
        self.what_to_do = what_to_do

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.happened, self.what_to_do), self.__dict__

    def _render_traceback_(self, *_: Any) -> list[str]:
        # IPython asks for this: two sentences in place of forty lines of traceback
        return [f"{type(self).__name__}: {self.happened}", self.what_to_do]


class BadInput(WorkbookError, ValueError):
    """A value that cannot be used."""


class CallFailed(WorkbookError):
    """A call that ended without an answer. `attempts` requests were sent, in `time` seconds."""

    attempts: int = 0
    time: float = 0.0


class NoAnswer(CallFailed):
    """A call that ended well, and without an answer. It is paid all the same: `facts` are fields of its `Answer`."""

    facts: Mapping[str, Any] = MappingProxyType({})


class ContentFiltered(NoAnswer):
    """The service's filter kept the answer back."""


class ModelRefused(NoAnswer):
    """The model said that it will not answer."""


class ErrorSent(NoAnswer):
    """The service called it a success, and sent an error."""


class BudgetReached(WorkbookError):
    """A call that was not sent, since live mode's budget is used up."""
