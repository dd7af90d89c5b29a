"""The account: who answers, what was used so far, what is offered, in words and numbers."""

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
