"""A circuit breaker: questions that are refused one after the other for the same cause, and no answer among them."""

from ..wire.refusals import common_cause

ENOUGH = 5  # questions


class Breaker:
    """Counts them. From `ENOUGH` on, nothing more is sent until what is in flight has shown whether any is answered."""

    def __init__(self) -> None:
        self._cause: tuple[object, ...] | None = None
        self._since = 0.0  # when the first of them was sent
        self._count = 0
        self._last = ""

    @property
    def suspects(self) -> bool:
        return self._count >= ENOUGH

    @property
    def verdict(self) -> str:
        """Why the batch stops."""
        return f"{self._count} questions were refused one after the other for the same cause. The last: {self._last}"

    def refused(self, error: Exception, question: str, sent: float, reason: str) -> None:
        """For good: it is not tried again."""
        cause = common_cause(error, question)
        if cause is None:
            return
        if cause != self._cause:
            self._cause, self._since, self._count = cause, sent, 0
        self._since = min(self._since, sent)
        self._count, self._last = self._count + 1, reason

    def answered(self, sent: float) -> None:
        """What was sent before the first of them tells nothing: the account may have run dry meanwhile."""
        if sent >= self._since:
            self._cause, self._count = None, 0
