"""When the next request of a batch may go: one pacer for all, at a rate that was given, told, or learned."""

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CATCH_UP = 0.05  # seconds; what was missed for so long by late timers may be sent at once
LONGEST = 60.0  # seconds that anybody is kept waiting before the limits are looked at again

# what the service tells: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
READ_EVERY = 0.02  # seconds; looking up headers takes time
CAREFUL = 0.97  # of the rate that was told
PRECISE = 0.02  # seconds; a shorter `reset` says little, as it is rounded to milliseconds

# what the 429s tell
WINDOW, WINDOW_AT_MOST = 0.1, 1.0  # seconds in which requests are counted together
ENOUGH, ENOUGH_AT_LAST = 30, 3  # requests in a window: after WINDOW, and after WINDOW_AT_MOST
BY_CHANCE = 0.2  # a share of refusals that slows nothing
FEW = 0.1  # a share with which the rate may grow
LAG_LEAST, LAG_MOST = 0.05, 2.0  # seconds until a window's refusals have come back
SLOWEST = 0.1  # requests a second
CREEP = 0.02  # the rate grows by so much after a window, and by the double after each further one without a refusal

Origin = Literal["given", "told", "learned"]


@dataclass(slots=True)
class Ticket:
    """One request on its way."""

    sent: float
    requests: int  # that were sent until then
    tokens: float  # its own, about
    tokens_until_then: float
    window: "_Window"


@dataclass(slots=True)
class _Window:
    """Requests that were sent soon after each other, and how many of them were refused."""

    start: float
    sent: int = 0
    refused: int = 0
    wait: float | None = math.inf  # the shortest retry-after; None: one did not say
    end: float = 0.0


@dataclass(slots=True)
class _Bucket:
    """A token bucket: `rate` units a second come in, at most `size` are kept. It may be overdrawn."""

    rate: float
    size: float
    level: float
    at: float = -math.inf
    binding: bool = field(default=False)  # whether it ever made somebody wait

    def wait(self, now: float, units: float) -> float:
        missing = min(units, self.size) - self._refilled(now)
        if missing <= 1e-9:
            return 0.0
        self.binding = True
        return missing / self.rate

    def take(self, now: float, units: float) -> None:
        self.level = self._refilled(now) - units
        self.at = now

    def _refilled(self, now: float) -> float:
        return min(self.size, self.level + max(0.0, now - self.at) * self.rate) if self.at > -math.inf else self.level


def _evenly(rate: float, least: float) -> _Bucket:
    size = max(least, rate * CATCH_UP)
    return _Bucket(rate, size, size)


class Pacer:
    """Says how long to wait (`wait`), and is told what becomes of each request. Times are seconds of one clock.

    Three things hold a request back, and the slowest counts:

    - *Given*: requests and tokens a minute, evenly spaced.
    - *Told*: the `x-ratelimit-*` headers. They say how many may come at once (`limit`), how many are left
      (`remaining`), and when all are back (`reset`); so they come back at a rate of (limit - remaining) / reset.
    - *Learned*, where no header says so: when many requests of a tenth of a second are refused, what was not refused
      is what the service takes. From then on the rate creeps up again. A few refusals now and then slow nothing.

    >>> pacer = Pacer(requests_per_minute=60)
    >>> ticket = pacer.sent(0.0, tokens=100)
    >>> pacer.wait(0.25, tokens=100)
    0.75
    """

    def __init__(self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> None:
        self._given = _evenly(requests_per_minute / 60, 1.0) if requests_per_minute else None
        self._given_tokens = _evenly(tokens_per_minute / 60, 0.0) if tokens_per_minute else None
        self._told: dict[str, _Bucket] = {}  # "requests", "tokens"
        self._told_by = self._read_at = -math.inf  # when the request was sent, and its headers were read
        self._learned: _Bucket | None = None
        self._ceiling = 0.0  # the last rate that was learned while more was refused than accepted by chance
        self._calm = 0  # windows without a refusal, one after the other
        self._pause_until = -math.inf
        self._requests = 0
        self._tokens = 0.0
        self._window = _Window(math.inf)
        self._closed: deque[_Window] = deque()
        self._decided_at = -math.inf
        self._lag = LAG_LEAST

    def wait(self, now: float, tokens: float) -> float:
        """Seconds until a request of about so many tokens may go; 0.0: now. Never more than a minute: ask again."""
        if self._closed and now >= self._closed[0].end + self._lag:
            self._judge(self._closed.popleft(), now)
        wait = self._pause_until - now
        for bucket, units in (
            (self._given, 1.0),
            (self._given_tokens, tokens),
            (self._told.get("requests"), 1.0),
            (self._told.get("tokens"), tokens),
            (self._learned, 1.0),
        ):
            if bucket is not None:
                wait = max(wait, bucket.wait(now, units))
        return min(max(wait, 0.0), LONGEST)

    def sent(self, now: float, tokens: float) -> Ticket:
        """A request goes out."""
        window = self._window
        window.start = min(window.start, now)
        age = now - window.start
        if age >= WINDOW and window.sent >= (ENOUGH if age < WINDOW_AT_MOST else ENOUGH_AT_LAST):
            window = self._next_window(now)
        window.sent += 1
        self._requests += 1
        self._tokens += tokens
        for bucket, units in (
            (self._given, 1.0),
            (self._given_tokens, tokens),
            (self._told.get("requests"), 1.0),
            (self._told.get("tokens"), tokens),
            (self._learned, 1.0),
        ):
            if bucket is not None:
                bucket.take(now, units)
        return Ticket(now, self._requests, tokens, self._tokens, window)

    def answered(self, ticket: Ticket, now: float, headers: Mapping[str, str], tokens: int | None) -> None:
        """Anything came back but a refusal; `tokens` is what it really used, if it says so."""
        if self._given_tokens is not None and tokens is not None:
            self._given_tokens.take(now, tokens - ticket.tokens)
        if now - self._read_at >= READ_EVERY:
            self._read(ticket, now, headers)

    def refused(self, ticket: Ticket, now: float, headers: Mapping[str, str], retry_after: float | None) -> None:
        """It got a 429."""
        self._lag = min(max(0.7 * self._lag + 0.3 * 3 * (now - ticket.sent), LAG_LEAST), LAG_MOST)
        self._read(ticket, now, headers)
        window = ticket.window
        window.refused += 1
        if retry_after is None or window.wait is None:
            window.wait = None
        else:
            window.wait = min(window.wait, retry_after)
        if self._learned is None and window.refused >= max(10, window.sent / 2):
            self._brake(window, now)

    def lost(self, ticket: Ticket, now: float) -> None:
        """Nothing came back: a timeout, a broken connection."""

    @property
    def limits(self) -> list[tuple[float, Origin]]:
        """The requests a minute that something was held back by, and where each limit comes from."""
        found: list[tuple[_Bucket | None, Origin]] = [
            (self._given, "given"),
            (self._told.get("requests"), "told"),
            (self._learned, "learned"),
        ]
        return [(bucket.rate * 60, origin) for bucket, origin in found if bucket is not None and bucket.binding]

    @property
    def requests_per_minute(self) -> float | None:
        return min((rate for rate, _ in self.limits), default=None)

    # ---- what the headers tell -------------------------------------------------------------------------------

    def _read(self, ticket: Ticket, now: float, headers: Mapping[str, str]) -> None:
        self._read_at = now
        if ticket.sent < self._told_by:
            return  # a later request has told
        for unit, since in (
            ("requests", self._requests - ticket.requests),
            ("tokens", self._tokens - ticket.tokens_until_then),
        ):
            limit = _number(headers.get(f"x-ratelimit-limit-{unit}"))
            remaining = _number(headers.get(f"x-ratelimit-remaining-{unit}"))
            reset = _seconds(headers.get(f"x-ratelimit-reset-{unit}"))
            if limit is None or remaining is None or reset is None or not (0 <= remaining <= limit) or limit < 1:
                continue
            self._told_by = ticket.sent
            bucket = self._told.get(unit)
            if remaining < limit and reset > 0 and (bucket is None or reset >= PRECISE):
                rate = CAREFUL * (limit - remaining) / reset
                if bucket is None:
                    bucket = self._told[unit] = _Bucket(rate, limit, limit)
                bucket.rate = max(rate, limit / 86_400)  # a day's worth at least comes back in a day
            if bucket is not None:
                bucket.size = limit
                # what is left there now: what came back since then, less what was sent since then
                bucket.level = min(limit, remaining + (now - ticket.sent) * bucket.rate) - since
                bucket.at = now

    # ---- what the 429s tell ----------------------------------------------------------------------------------

    def _next_window(self, now: float) -> _Window:
        self._window.end = now
        if self._window.sent:
            self._closed.append(self._window)
        self._window = _Window(now)
        return self._window

    def _brake(self, window: _Window, now: float) -> None:
        """The first time that half of a window is refused: no need to wait for the rest of it, most will be, too."""
        self._ceiling = math.inf
        self._slow_down(0.25 * (window.sent - window.refused) / max(now - window.start, WINDOW), now)

    def _judge(self, window: _Window, now: float) -> None:
        if window.start < self._decided_at:
            return
        seconds = max(window.end - window.start, WINDOW)
        accepted = window.sent - window.refused
        if window.refused >= BY_CHANCE * window.sent + 2:
            if accepted:
                rate = self._ceiling = 0.95 * accepted / seconds
            else:
                before = self._learned.rate if self._learned else window.sent / seconds
                self._ceiling, rate = max(self._ceiling, before), before / 4
                if window.wait is not None and window.wait < math.inf:
                    self._pause_until = now + window.wait
        elif self._learned is not None and window.refused <= FEW * window.sent:
            if window.refused:
                self._calm = 0
            elif self._learned.rate < 0.8 * self._ceiling:
                self._calm = 6
            rate = self._learned.rate * (1 + min(CREEP * 2**self._calm, 1.0))
            self._calm += not window.refused
            if rate > 3 * window.sent / seconds and self._learned.rate >= self._ceiling:
                self._learned = None  # something else is slower
                return
        else:
            return
        if self._learned is None or rate < self._learned.rate:
            self._slow_down(rate, now)
        else:
            self._learned.rate, self._learned.size = rate, max(1.0, rate * CATCH_UP)

    def _slow_down(self, rate: float, now: float) -> None:
        self._calm = 0
        self._decided_at = now  # what was sent before was sent at another rate: it says nothing of this one
        self._window = _Window(now)
        self._closed.clear()
        rate = max(rate, SLOWEST)
        self._learned = _Bucket(rate, max(1.0, rate * CATCH_UP), 0.0, now, binding=True)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds(text: str | None) -> float | None:
    """A duration as services write it.

    >>> _seconds("6m0s"), _seconds("1.5s"), _seconds("20ms"), _seconds("7"), _seconds("soon")
    (360.0, 1.5, 0.02, 7.0, None)
    """
    if text is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text.strip()) if len(text) < 40 else []
    if not parts:
        value = _number(text)
        return value if value is not None and 0 <= value <= 86_400 else None
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
    return min(sum(float(number) * units[unit] for number, unit in parts), 86_400.0)
