"""A circuit breaker: questions that are refused one after the other for the same cause, and no answer among them."""

from ..wire.refusals import common_cause

ENOUGH = 5  # questions
MANY = 20  # where the service says something else each time, with the same status and the same codes


class _Streak:
    """Refusals that have something in common."""

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._common: tuple[object, ...] | None = None
        self._since = 0.0  # when the first of them was sent
        self.count = 0

    @property
    def is_long(self) -> bool:
        return self.count >= self._enough

    def add(self, common: tuple[object, ...], sent: float) -> None:
        if common != self._common:
            self._common, self._since, self.count = common, sent, 0
        self._since = min(self._since, sent)
        self.count += 1

    def answered(self, sent: float) -> None:
        if sent >= self._since:
            self._common, self.count = None, 0


class Breaker:
    """Counts them. From `ENOUGH` on, nothing more is sent until what is in flight has shown whether any is answered."""

    def __init__(self) -> None:
        self._alike, self._akin = _Streak(ENOUGH), _Streak(MANY)
        self._last = ""

    @property
    def suspects(self) -> bool:
        return self._alike.is_long or self._akin.is_long

    @property
    def verdict(self) -> str:
        """Why the batch stops."""
        count, why = (self._alike.count, "for the same cause") if self._alike.is_long else (self._akin.count, "alike")
        return f"{count} questions were refused one after the other {why}. The last: {self._last}"

    def refused(self, error: Exception, question: str, sent: float, reason: str) -> None:
        """For good: it is not tried again."""
        cause = common_cause(error, question)
        if cause is None:
            return
        *kind, _ = cause
        self._alike.add(cause, sent)
        self._akin.add(tuple(kind), sent)
        self._last = reason

    def answered(self, sent: float) -> None:
        """What was sent before the first of them tells nothing: the account may have run dry meanwhile."""
        self._alike.answered(sent)
        self._akin.answered(sent)
