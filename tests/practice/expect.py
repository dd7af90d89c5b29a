"""What a check should find in an attempt, written beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

F = TypeVar("F", bound=Callable)


@dataclass(frozen=True)
class Expected:
    outcome: str
    kind: str


def expect(kind: str, *, outcome: str = "failed") -> Callable[[F], F]:
    """Notes the finding's kind, and the outcome where it is no plain failure."""

    def note(function: F) -> F:
        function.expected = Expected("passed" if kind == "passed" else outcome, kind)  # type: ignore[attr-defined]
        return function

    return note
