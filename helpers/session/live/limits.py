"""The rate limits that an account really has, as the answers' headers tell them, in words."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ...wire.exchange import Exchange
from ...wire.headers import DAY, Unit, read_limit
from ...wire.refusals import refusal_in

MINUTE, HOUR = 60.0, 3600.0  # seconds
PERIODS = {MINUTE: "a minute", HOUR: "an hour", DAY: "a day"}
MANY = 1_000  # questions of which it is said how long they take at least


class Rate(NamedTuple):
    """So many in `period` seconds."""

    limit: float
    period: float

    @property
    def per_minute(self) -> float:
        return self.limit / self.period * MINUTE


class Limits(NamedTuple):
    """Of one model; None where the service does not tell."""

    requests: Rate | None = None
    tokens: Rate | None = None

    def __str__(self) -> str:
        """
        >>> print(Limits(Rate(500, 60), Rate(200_000, 60)))
        500 requests a minute, 200,000 tokens a minute: 1,000 questions take at least a minute
        """
        parts = [
            f"{rate.limit:,.0f} {unit} {PERIODS[rate.period]}"
            for unit, rate in (("requests", self.requests), ("tokens", self.tokens))
            if rate is not None
        ]
        if self.requests is None or self.requests.limit >= MANY:
            return ", ".join(parts)
        # as many as the limit allows may go at once, and only the rest has to wait
        minutes = (MANY - self.requests.limit) / self.requests.per_minute
        return f"{', '.join(parts)}: {MANY:,} questions take at least {_long(minutes)}"


class LimitsSeen:
    """Reads the headers of what comes back. An observer: see `send.observers`.

    `news` is called once for each model, with the sentence on its limits, when they are known; and once when the
    account has no credit left.
    """

    def __init__(self, news: Callable[[str], object]) -> None:
        self._news = news
        self.limits: dict[str, Limits] = {}  # by model, the one that was told of last at the end
        self.no_credit: tuple[str, str] | None = None  # what to tell while it has none

    def __call__(self, exchange: Exchange, _client: object) -> None:
        if exchange.method == "POST":
            exchange.at_end(self._ended)

    def _ended(self, exchange: Exchange) -> None:
        status, headers = exchange.status, exchange.headers
        if (status or 0) >= 400 and (said := refusal_in(status, exchange.response.said).no_credit):
            self.has_no_credit(said)
        if status == 200:
            self.no_credit = None
        if status == 200 and any(f"x-ratelimit-limit-{unit}" in headers for unit in ("requests", "tokens")):
            self.tell(exchange.request.model, headers)

    def tell(self, model: str, headers: Mapping[str, str]) -> None:
        limits = Limits(_rate(headers, "requests"), _rate(headers, "tokens"))
        if limits == Limits() or not model:
            return
        new = self.limits.pop(model, None) is None
        self.limits[model] = limits
        if new:
            self._news(f"Your limits for {model}: {limits}.")

    def has_no_credit(self, said: tuple[str, str]) -> None:
        if self.no_credit != said:
            self.no_credit = said
            self._news(" ".join(said))


def _rate(headers: Mapping[str, str], unit: Unit) -> Rate | None:
    """The limit, for the period that its `reset` fits best; small accounts have limits for a day."""
    there = read_limit(headers, unit)
    if there is None:
        return None
    # without a reset that says more it is what OpenAI counts by
    per_second = there.per_second or there.limit / MINUTE
    seconds = there.limit / per_second
    return Rate(there.limit, min(PERIODS, key=lambda period: abs(math.log(seconds / period))))


def _long(minutes: float) -> str:
    """
    >>> _long(0.4), _long(1.5), _long(90), _long(4_000)
    ('a minute', '2 minutes', '1.5 hours', '2.8 days')
    """
    if minutes <= 1:
        return "a minute"
    if minutes < 60:
        return f"{math.ceil(minutes)} minutes"
    hours = minutes / 60
    return f"{hours:.1f} hours" if hours < 24 else f"{hours / 24:.1f} days"
