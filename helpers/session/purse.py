"""The purse: may the next call be sent, how many a minute, and what does an estimate mean for the budget?

For those who send many calls, and need not know which mode it is.
"""

from .state import live_now


def is_limited() -> bool:
    """Whether there is a budget to keep to."""
    return live_now() is not None


def require_budget() -> None:
    """Raises BudgetReached where live mode's budget is used up."""
    if now := live_now():
        now.require_budget()


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
