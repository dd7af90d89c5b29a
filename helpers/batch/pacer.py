"""When the next request of a batch may go: one pacer for all, at a rate that was given, told, or learned."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..wire.headers import Unit, read_limit

Origin = Literal["given", "told", "learned"]

CATCH_UP = 0.05  # seconds; what late timers missed for so long is made up for
LOOK_AGAIN = 0.1  # seconds; who waits asks again, since what comes back meanwhile may change it
LONGEST = 60.0  # seconds that one header or one retry-after holds the next request back, whatever it says

# what is given
MINUTE = 60.05  # seconds; a little more than one, as requests do not all take the same time on their way
SAME = 1.1  # x: headers whose limit, or whose rate, is as near as that to the given one tell of the same limit
RESERVE = 0.02  # of what may come at once (and one): left untouched, as requests overtake each other on their way
FEW, MOST_IN_MIND = 10, 1_000_000  # requests a minute; below and above none goes before its turn

# what the headers tell
READ_EVERY = 0.02  # seconds; looking up six headers takes longer than all the rest here
CAREFUL = 0.97  # of the rate that was told

# what refusals tell: the rate follows what got through, and is tried out a little higher now and then, as in BBR
# (https://queue.acm.org/detail.cfm?id=3022184): chance, which refuses a share at any rate, does not wear it down
WINDOW, WINDOW_AT_MOST = 0.1, 1.0  # seconds of sending that are looked at together
ENOUGH, ENOUGH_AT_LAST = 20, 3  # requests in a window: after WINDOW, and after WINDOW_AT_MOST
LAG, LAG_LEAST, LAG_MOST = 3.0, 0.05, 2.0  # a window's refusals are back after 3 x the time of one; seconds
BY_CHANCE, DEVIATIONS = 0.15, 3.0  # a share that chance may refuse, and standard deviations above it
IN_A_ROW = 10  # refusals without an answer between: that is not chance
CYCLE = 8  # windows whose best counts; after so many a higher rate is tried
BELOW, ABOVE = 0.95, 1.5  # x the best
NEAR = 0.8  # x the slow start threshold: below it a higher rate is tried at once (RFC 5681)
SLOWEST = 0.2  # requests a second, while nothing gets through


@dataclass(slots=True)
class _Bucket:
    """A token bucket: `rate` units a second come in, up to `size`; who takes more than is in it leaves a debt."""

    rate: float
    size: float
    at: float  # when it held `level`
    level: float = 0.0
    is_theirs: bool = False  # then all that a request takes must be there; in ours it is enough to have no debt
    binding: bool = False  # whether it ever held anything back

    def wait(self, now: float, units: float) -> float:
        missing = (min(units, self.size) if self.is_theirs else 0.0) - self.level
        wait = self.at + min(missing / self.rate, LONGEST if self.is_theirs else math.inf) - now
        if wait <= 1e-9:
            return 0.0
        self.binding = True
        return wait

    def take(self, now: float, units: float) -> None:
        self.level = min(self.size, self.level + max(0.0, now - self.at) * self.rate) - units
        self.at = now


@dataclass(slots=True)
class _Window:
    """Requests that were sent soon after each other, and what became of them."""

    start: float
    end: float
    sent: int = 0
    refused: int = 0
    again_at: float = math.inf  # the earliest that a retry-after named; -inf: one refusal named none

    @property
    def seconds(self) -> float:
        # n requests have n - 1 gaps between them
        return max((self.end - self.start) * self.sent / max(1, self.sent - 1), WINDOW)

    @property
    def too_many(self) -> bool:
        """Whether more were refused than chance explains."""
        chance = BY_CHANCE * self.sent
        return self.refused > chance + DEVIATIONS * math.sqrt(chance * (1 - BY_CHANCE))


@dataclass(slots=True)
class Ticket:
    """One request on its way."""

    sent: float
    tokens: float  # its own, about
    requests_so_far: int  # sent in all, with this one
    tokens_so_far: float
    window: _Window


def is_same_limit(given: float, told: float, at_once: float) -> bool:
    """Whether headers that tell of so many a minute, or at once, tell of the limit that was given (a minute).

    >>> is_same_limit(500, told=500, at_once=20), is_same_limit(500, told=30, at_once=500), is_same_limit(100, 500, 500)
    (True, True, False)
    """
    return any(1 / SAME <= number / given <= SAME for number in (told, at_once))


class Pacer:
    """Says how long to wait (`wait`), and is told what becomes of each request. Times are seconds of one clock.

    Three things hold a request back, and the slowest counts:

    - *Given*: requests and tokens a minute, evenly spaced. Where the headers tell of that same limit, as many requests
      as they say (`remaining`) go at once, but never more than what is given in any minute. Who gives less than the
      service allows wants it even, and gets it so.
    - *Told*: the `x-ratelimit-*` headers. They say how many may come at once (`limit`), how many are left
      (`remaining`), and when all are back (`reset`); so they come back at (limit - remaining) / reset.
    - *Learned*: when more of a short while's requests are refused than chance explains, the others are what the
      service takes. Before that nothing is held back.

    >>> pacer = Pacer(requests_per_minute=1200)
    >>> ticket = pacer.sent(0.0, tokens=100)
    >>> round(pacer.wait(0.01, tokens=100), 3)
    0.04
    """

    def __init__(self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> None:
        self._buckets: dict[tuple[Origin, Unit], _Bucket] = {}
        given: dict[Unit, float | None] = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        for unit, per_minute in given.items():
            if per_minute is not None and per_minute < math.inf:
                self._buckets["given", unit] = _Bucket(per_minute / 60, per_minute / 60 * CATCH_UP, 0.0)
        most = int(min(requests_per_minute or 0, MOST_IN_MIND + 1))
        # when its requests were sent
        self._last_minute = deque[float](maxlen=most if FEW <= most <= MOST_IN_MIND else 0)
        self._at_once: _Bucket | None = None  # of the limit that was given: what may go at once
        self._was_refused = False
        self._requests, self._tokens = 0, 0.0  # sent so far
        self._told_by = 0  # the latest request whose headers were read
        self._read_at = -math.inf
        self._window = _Window(0.0, 0.0)
        self._closed: deque[_Window] = deque()
        self._since = -math.inf  # windows that began before say nothing of how it is now
        self._lag = LAG_LEAST
        self._in_a_row = 0
        self._paused_until = -math.inf
        self._got_through: deque[float] = deque(maxlen=CYCLE)  # requests a second, of the last windows
        self._cycle = 0
        self._threshold = 0.0  # requests a second; up to about there growth is safe

    @property
    def requests_per_minute(self) -> float | None:
        """In force now; None: nothing has held a request back."""
        return self._slowest()[0]

    @property
    def origin(self) -> Origin | None:
        """Where `requests_per_minute` comes from."""
        return self._slowest()[1]

    def wait(self, now: float, tokens: float) -> float:
        """Seconds until a request of about so many tokens may go, or until it is time to ask again; 0.0: now."""
        while self._closed and now >= self._closed[0].end + self._lag:
            self._judge(self._closed.popleft(), now)
        wait, at_once = self._paused_until - now, self._what_may_go_at_once()
        for (origin, unit), bucket in self._buckets.items():
            if at_once and (origin, unit) == ("given", "requests"):
                # or in its turn, as if none had gone at once
                held = min(at_once.wait(now, 1 + math.ceil(RESERVE * at_once.size)), bucket.wait(now, 1.0))
                held = max(held, self._until_a_minute_has_room(now))
                bucket.binding |= held > 0
                wait = max(wait, held)
            else:
                wait = max(wait, bucket.wait(now, 1.0 if unit == "requests" else tokens))
        return min(max(wait, 0.0), LOOK_AGAIN)

    def sent(self, now: float, tokens: float) -> Ticket:
        """A request goes out."""
        age = now - self._window.start
        if age >= WINDOW and self._window.sent >= (ENOUGH if age < WINDOW_AT_MOST else ENOUGH_AT_LAST):
            self._close_window(now)
        window = self._window
        if not window.sent:
            window.start = now
        window.sent += 1
        window.end = now
        self._requests += 1
        self._tokens += tokens
        self._last_minute.append(now)
        if self._at_once:
            self._at_once.take(now, 1.0)
        for (_, unit), bucket in self._buckets.items():
            bucket.take(now, 1.0 if unit == "requests" else tokens)
        return Ticket(now, tokens, self._requests, self._tokens, window)

    def answered(self, ticket: Ticket, now: float, headers: Mapping[str, str], tokens: int | None) -> None:
        """Anything came back but a refusal; `tokens` is what it really used, if it says so."""
        self._in_a_row = 0
        given = self._buckets.get(("given", "tokens"))
        if given is not None and tokens is not None:
            given.level += ticket.tokens - tokens
        if now - self._read_at >= READ_EVERY:
            self._read(ticket, now, headers)

    def refused(self, ticket: Ticket, now: float, headers: Mapping[str, str], retry_after: float | None) -> None:
        """It got a 429. What was given counts it all the same: the service does so, too, says OpenAI's guide."""
        self._was_refused = True
        self._read(ticket, now, headers)
        self._lag += 0.3 * (LAG * (now - ticket.sent) - self._lag)
        self._lag = min(max(self._lag, LAG_LEAST), LAG_MOST)
        window = ticket.window
        window.refused += 1
        window.again_at = min(window.again_at, now + retry_after if retry_after is not None else -math.inf)
        self._in_a_row += 1
        if self._in_a_row == IN_A_ROW and window is self._window and ("told", "requests") not in self._buckets:
            self._close_window(now)  # and see what the service takes before more is sent
            self._paused_until = max(self._paused_until, now + self._lag)

    def lost(self, ticket: Ticket, now: float) -> None:
        """Nothing came back: a timeout, a broken connection. Nobody knows whether the service took it."""
        ticket.window.sent -= 1

    def _slowest(self) -> tuple[float | None, Origin | None]:
        slowest: tuple[float | None, Origin | None] = (None, None)
        for (origin, unit), bucket in self._buckets.items():
            if unit == "requests" and bucket.binding and (slowest[0] is None or bucket.rate * 60 < slowest[0]):
                slowest = bucket.rate * 60, origin
        return slowest

    # ---- what is given ---------------------------------------------------------------------------------------

    def _what_may_go_at_once(self) -> _Bucket | None:
        """Where the headers tell of the limit that was given; a refusal shows that somebody else uses it, too."""
        given, told = self._buckets.get(("given", "requests")), self._buckets.get(("told", "requests"))
        if given is None or told is None or self._was_refused or not self._last_minute.maxlen:
            return None
        return self._at_once if is_same_limit(60 * given.rate, 60 * told.rate / CAREFUL, told.size) else None

    def _count_at_once(self, told: _Bucket, now: float) -> None:
        """Our own count of it. Headers only take from it: answers overtake each other, and then tell of too much."""
        given = self._buckets.get(("given", "requests"))
        if given is None:
            return
        mine = self._at_once = self._at_once or _Bucket(0.0, told.size, now, told.level, is_theirs=True)
        mine.take(now, 0.0)
        mine.level, mine.size = min(mine.level, told.level), told.size
        mine.rate = min(told.rate, CAREFUL * given.rate)

    def _until_a_minute_has_room(self, now: float) -> float:
        if len(self._last_minute) < (self._last_minute.maxlen or 0):
            return 0.0
        return self._last_minute[0] + MINUTE - now

    # ---- what the headers tell -------------------------------------------------------------------------------

    def _read(self, ticket: Ticket, now: float, headers: Mapping[str, str]) -> None:
        if ticket.requests_so_far < self._told_by:
            return  # a later request has told
        self._read_at, self._told_by = now, ticket.requests_so_far
        self._tell("requests", ticket, now, headers, self._requests - ticket.requests_so_far)
        self._tell("tokens", ticket, now, headers, self._tokens - ticket.tokens_so_far)

    def _tell(self, unit: Unit, ticket: Ticket, now: float, headers: Mapping[str, str], taken_since: float) -> None:
        there = read_limit(headers, unit)
        if there is None:
            return
        limit, remaining, _ = there
        bucket = self._buckets.get(("told", unit))
        if there.per_second is not None:
            rate = CAREFUL * there.per_second
            if bucket is None:
                bucket = self._buckets["told", unit] = _Bucket(rate, limit, now, is_theirs=True)
            # both are rounded: the more is missing, the more precise it is
            bucket.rate += (1 - remaining / limit) * (rate - bucket.rate)
        if bucket is not None:
            bucket.size, bucket.at = limit, now
            bucket.level = min(limit, remaining + (now - ticket.sent) * bucket.rate - taken_since)
            if unit == "requests":
                self._count_at_once(bucket, now)

    # ---- what refusals tell ----------------------------------------------------------------------------------

    def _close_window(self, now: float) -> None:
        self._closed.append(self._window)
        self._window = _Window(now, now)

    def _judge(self, window: _Window, now: float) -> None:
        """Sets the rate by what got through of a window's requests."""
        if window.start < self._since or window.sent < 1:
            return
        sent, got_through = window.sent / window.seconds, (window.sent - window.refused) / window.seconds
        bucket = self._buckets.get(("learned", "requests"))
        if bucket is None and not window.too_many:
            return
        if bucket is None or (window.too_many and window.refused > window.sent / 2):
            bucket = self._start_again(bucket.rate if bucket else sent, got_through, now)
        elif bucket.rate > 3 * sent and not window.refused:
            del self._buckets["learned", "requests"]  # something else is slower
            return
        best = max(self._got_through, default=0.0)
        told = self._buckets.get(("told", "requests"))
        # what the headers tell is safe to grow to, as long as nothing is refused on the way there
        threshold = max(self._threshold, told.rate if told and not window.refused else 0.0)
        is_growing = got_through < NEAR * threshold and (not window.refused or got_through > 1.2 * best)
        self._got_through.append(got_through)
        self._cycle = (self._cycle + 1) % CYCLE
        if best := max(self._got_through):
            rate = best * (ABOVE if is_growing or not self._cycle else BELOW)
        else:
            rate = max(bucket.rate / 4, min(bucket.rate, SLOWEST))
            if -math.inf < window.again_at < math.inf:
                self._paused_until = max(self._paused_until, min(window.again_at, now + LONGEST))
        bucket.rate = max(rate, 1 / LONGEST)
        bucket.size = bucket.rate * CATCH_UP

    def _start_again(self, rate: float, got_through: float, now: float) -> _Bucket:
        """Forgets what got through before: the service takes much less than `rate`."""
        if not got_through:
            self._threshold = max(self._threshold, rate / 2)
        else:  # at first the rate was whatever the connections could take: half of that is no guide
            self._threshold = max(got_through, rate / 2 if ("learned", "requests") in self._buckets else 0.0)
        self._got_through.clear()
        self._cycle = 0
        self._since, self._window = now, _Window(now, now)
        bucket = self._buckets["learned", "requests"] = _Bucket(rate, 0.0, now, binding=True)
        return bucket
