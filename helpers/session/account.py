"""The account: who answers, what was used so far, what is offered and allowed, in words and numbers."""

from . import live
from .state import live_now, mode, spent

MODES = {
    "practice": "Practice mode: a mock API on this computer answers. Nothing is charged.",
    None: "Not connected yet: run the cell with connect().",
}


def account() -> "Account":
    """Who answers, what was used so far, and, in live mode, the budget and the account's limits, as far as known.

    >>> print(account())  # doctest: +ELLIPSIS
    Practice mode: a mock API on this computer answers. Nothing is charged.
    Used so far: ...
    """
    if now := live_now():
        return Account(now.account())
    return Account(f"{in_words()}\nUsed so far: {spent()}.")


def in_words() -> str:
    """Who answers."""
    if now := live_now():
        return now.who()
    return MODES[mode()]


class Account(str):
    """A text; as the last line of a cell it is shown as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def offered() -> tuple[str, ...]:
    """The models to choose from: in live mode what the service offers."""
    now = live_now()
    return (now.offer if now else live.Offer(None)).models


def spending() -> str:
    """What this notebook has used so far, in a line or two."""
    said = f"This notebook so far: {spent()}"
    if now := live_now():
        return f"{said}. {now.in_short()}"
    return f"{said} (practice mode: nothing is charged)." if mode() == "practice" else f"{said}."


# ---- for those who send many calls, and need not know which mode it is ---------------------------------------------


def has_budget() -> bool:
    """Whether there is a budget to keep to."""
    return live_now() is not None


def require_budget() -> None:
    """Raises BudgetReached where live mode's budget is used up."""
    if now := live_now():
        now.budget.require()


def rate_limits(model: str, calls: int) -> tuple[float | None, float | None]:
    """Requests and tokens a minute that the account may use, where a service has told."""
    now = live_now()
    return now.per_minute(model, calls) if now else (None, None)


def at_once(model: str) -> tuple[float | None, float | None]:
    """How many requests and tokens may come at once, before the limits of a minute hold anything back."""
    now = live_now()
    return now.at_once(model) if now else (None, None)


def in_proportion(cost: float | None) -> str:
    """A sentence after an estimate of so many USD (None: not known): what it means for the budget; "" without one."""
    now = live_now()
    return now.what_is_left(cost) if now else ""
