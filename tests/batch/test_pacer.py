"""The pacer in a simulated batch against simulated services: how long it takes, and how often it is refused.

Nobody sleeps: time is a number that jumps to the next event.
"""

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, pairwise
from random import Random
from typing import Any

import pytest

from helpers.batch.pacer import LONGEST, Pacer

SEEDS = range(4)
RETRY_AFTER = ("exact", "seconds", "none")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds, where a refusal does not say how long
TIMER = 0.001  # seconds that a sleep takes longer, at most
NEVER = 50_000.0  # seconds; a batch that is not done by then hangs


class NoPacer:
    """Sends at once."""

    def wait(self, now: float, tokens: float) -> float:
        return 0.0

    def sent(self, now: float, tokens: float) -> None:
        return None

    def answered(self, *_: Any) -> None:
        pass

    refused = answered


@dataclass
class Limit:
    """A bucket that is filled all the time; others may take from it, too."""

    rate: float = math.inf  # a second
    size: float = math.inf
    others: float = 0.0  # units a second, from `others_from` on
    others_from: float = 0.0
    level: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.size

    def refill(self, now: float) -> None:
        if self.rate < math.inf:
            gone = self.others * max(0.0, now - max(self.at, self.others_from))
            self.level = max(0.0, min(self.size, self.level + (now - self.at) * self.rate - gone))
        self.at = now

    def seconds_until(self, units: float) -> float:
        return max(0.0, (min(units, self.size) - self.level) / self.rate)

    def headers(self, unit: str) -> dict[str, str]:
        if self.rate == math.inf:
            return {}
        return {
            f"x-ratelimit-limit-{unit}": f"{self.size:.0f}",
            f"x-ratelimit-remaining-{unit}": f"{math.floor(self.level)}",
            f"x-ratelimit-reset-{unit}": f"{math.ceil((self.size - self.level) / self.rate * 1000)}ms",
        }


@dataclass
class Service:
    """Answers what its limits allow."""

    requests: Limit = field(default_factory=Limit)
    tokens: Limit = field(default_factory=Limit)
    tells: bool = False  # the headers
    retry_after: str = "none"
    by_chance: float = 0.0  # a share that it refuses anyhow
    counts_refused: bool = False
    answers_in: float = 0.05
    refuses_in: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def receive(self, now: float, tokens: float) -> tuple[bool, Mapping[str, str], float | None]:
        """Whether it answers; the headers; and the retry-after."""
        self.requests.refill(now)
        self.tokens.refill(now)
        wait = max(self.requests.seconds_until(1), self.tokens.seconds_until(tokens))
        answers = not wait and self.random.random() >= self.by_chance
        if answers or self.counts_refused:
            self.requests.level = max(0.0, self.requests.level - 1)
        if answers:
            self.tokens.level -= tokens
        return answers, self.headers(), None if answers else self.rounded(max(wait, 0.001))

    def headers(self) -> Mapping[str, str]:
        return self.requests.headers("requests") | self.tokens.headers("tokens") if self.tells else {}

    def rounded(self, wait: float) -> float | None:
        return {"exact": math.ceil(wait * 1000) / 1000, "seconds": float(math.ceil(wait)), "none": None}[
            self.retry_after
        ]


@dataclass
class EachMinute(Service):
    """Answers so many in each minute, as early in it as they come."""

    most: int = 60
    minute: int = -1
    left: int = 0

    def receive(self, now: float, tokens: float) -> tuple[bool, Mapping[str, str], float | None]:
        minute, second = divmod(now + 20, 60)
        if minute != self.minute:
            self.minute, self.left = int(minute), self.most
        answers = self.left > 0
        self.left -= answers
        headers = {
            "x-ratelimit-limit-requests": f"{self.most}",
            "x-ratelimit-remaining-requests": f"{self.left}",
            "x-ratelimit-reset-requests": f"{60 - second:.3f}s",
        }
        return answers, headers if self.tells else {}, None if answers else self.rounded(60 - second)


@dataclass
class Batch:
    seconds: float
    refused: int
    most: int  # how often one question was refused


def run(
    pacer: Any,
    service: Service,
    questions: int = 500,
    *,
    slots: int = 100,
    seed: int = 0,
    tokens: float = 100.0,
    about: float | None = None,
) -> Batch:
    """A batch. Each request takes `tokens`; the pacer is told that it takes `about` so many."""
    random, about = Random(seed), about or tokens
    events: list[Any] = []  # (when, a tie-breaker, what)
    retries: list[tuple[float, int]] = []  # (when, the question)
    new, at_the_gate = deque(range(questions)), deque[int]()
    refusals: Counter[int] = Counter()
    free, left, asleep_until, order = slots, questions, 0.0, count()

    def at(when: float, *what: Any) -> None:
        heappush(events, (when, next(order), what))

    at(0.0, "look")
    while left:
        now, _, (event, *about_it) = heappop(events)
        assert now < NEVER, f"{left} questions are left after {now:.0f} s"
        if event == "arrives":
            question, ticket = about_it
            answers, headers, retry_after = service.receive(now, tokens)
            latency = (service.answers_in if answers else service.refuses_in) * random.uniform(0.95, 1.05)
            at(now + latency, "is back", question, ticket, answers, headers, retry_after)
        elif event == "is back":
            question, ticket, answers, headers, retry_after = about_it
            free += 1
            if answers:
                left -= 1
                pacer.answered(ticket, now, headers, round(tokens))
            else:
                pacer.refused(ticket, now, headers, retry_after)
                refusals[question] += 1
                pause = min(FIRST_PAUSE * 2 ** min(refusals[question] - 1, 9), LONGEST_PAUSE)
                pause = pause * (1 - 0.25 * random.random()) if retry_after is None else retry_after
                heappush(retries, (now + pause, question))
                at(now + pause, "look")
        while free and (new or (retries and retries[0][0] <= now)):
            is_due = retries and retries[0][0] <= now
            at_the_gate.append(heappop(retries)[1] if is_due else new.popleft())
            free -= 1
        while at_the_gate and now >= asleep_until:
            if wait := pacer.wait(now, about):
                asleep_until = now + wait + random.uniform(0, TIMER)
                at(asleep_until, "look")
            else:
                at(now + random.uniform(0.001, 0.003), "arrives", at_the_gate.popleft(), pacer.sent(now, about))
    return Batch(now, refusals.total(), max(refusals.values(), default=0))


def capped(**how: Any) -> Service:
    """Answers 100 a second, and 20 at once: 500 questions take 4.8 s at least."""
    return Service(Limit(rate=100, size=20), **how)


IDEAL = 4.8


# ---- told ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("retry_after", RETRY_AFTER)
@pytest.mark.parametrize("counts_refused", [False, True])
def test_what_the_headers_tell_is_kept_to(retry_after: str, seed: int, counts_refused: bool) -> None:
    pacer = Pacer()
    batch = run(pacer, capped(tells=True, retry_after=retry_after, counts_refused=counts_refused), seed=seed)
    assert batch.seconds <= 1.1 * IDEAL
    assert batch.refused <= 100  # 80 of them of the 100 that go out before anything is known
    assert batch.most <= 2
    assert pacer.origin == "told"
    assert 0.9 * 6000 <= pacer.requests_per_minute <= 1.05 * 6000


@pytest.mark.parametrize("seed", SEEDS)
def test_headers_help_where_answers_are_slow(seed: int) -> None:
    slow = Service(Limit(rate=2, size=5), tells=True, answers_in=20, refuses_in=0.03)
    batch = run(Pacer(), slow, seed=seed)
    assert batch.seconds <= 1.05 * (495 / 2 + 20)
    assert batch.refused <= 220


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("held_up", [0.1, 0.3, 1.0])
def test_a_start_that_was_held_up_teaches_no_slow_rate(held_up: float, seed: int) -> None:
    """Something else kept the event loop busy while the first hundred went out: few got through in that time."""
    pacer = Pacer()
    out = [0.001 * number + (held_up if number >= 10 else 0.0) for number in range(100)]
    tickets = [pacer.sent(when - held_up - 0.15, 100) for when in out]
    for number, ticket in enumerate(tickets):
        back = pacer.refused if number % 5 else pacer.answered
        back(ticket, max(ticket.sent, -0.13), telling("20", "0", "0.2s"), None)
    assert run(pacer, capped(tells=True), seed=seed).seconds <= 2 * IDEAL


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("about", "refused"), [(100, 80), (200, 80), (50, 250)])
def test_tokens_that_the_headers_tell_of(about: float, refused: int, seed: int) -> None:
    service = Service(Limit(rate=1000, size=1000), Limit(rate=10_000, size=5_000), tells=True)
    batch = run(Pacer(), service, tokens=100, about=about, seed=seed)
    assert batch.seconds <= 1.2 * 4.5
    assert batch.refused <= refused


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("since", [0.0, 2.0])
def test_others_on_the_same_account(since: float, seed: int) -> None:
    """Half of it is theirs, and no header says so."""
    service = Service(Limit(rate=100, size=20, others=50, others_from=since), tells=True)
    batch = run(Pacer(), service, seed=seed)
    assert batch.seconds <= 1.5 * ((500 - 20 - 100 * since) / 50 + since)
    assert batch.refused <= 320
    assert batch.most <= 5


@pytest.mark.parametrize("written", ["150ms", "0.15s", "0.15", "0m0.15s", "0h0m0s150ms"])
def test_the_ways_to_write_a_time(written: str) -> None:
    pacer = Pacer()
    pacer.answered(pacer.sent(0.0, 1), 0.0, telling("15", "0", written), None)
    assert pacer.wait(0.0, 1) == pytest.approx(0.01 / 0.97, rel=0.01)


def test_a_later_request_tells_more() -> None:
    pacer = Pacer()
    first, second = pacer.sent(0.0, 1), pacer.sent(0.0, 1)
    pacer.answered(second, 0.03, telling("10", "0", "1s"), None)
    pacer.answered(first, 0.06, telling("10", "9", "1s"), None)
    assert pacer.wait(0.06, 1) > 0


# ---- given -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_given_rate_is_used_to_the_full_and_never_exceeded(seed: int) -> None:
    pacer = Pacer(requests_per_minute=6000)
    batch = run(pacer, capped(), seed=seed)
    assert batch.refused == 0
    assert batch.seconds <= 1.03 * 500 / 100
    assert (pacer.requests_per_minute, pacer.origin) == (6000, "given")


@pytest.mark.parametrize("about", [1, 50, 100, 200, 5_000])
def test_given_tokens_are_what_was_really_used(about: float) -> None:
    """Whatever the estimate was, and although one request is more than comes in at once."""
    limited = Service(tokens=Limit(rate=1000, size=10_200))
    batch = run(Pacer(tokens_per_minute=60_000), limited, 200, tokens=100, about=about)
    assert 0.9 * 20 - 10 <= batch.seconds <= 1.05 * 20
    assert batch.refused == 0


@pytest.mark.parametrize(("given", "requests"), [({"requests_per_minute": 60}, 60), ({"tokens_per_minute": 600}, 6)])
def test_what_is_given_holds_in_each_minute(given: dict[str, float], requests: int) -> None:
    pacer, now, times = Pacer(**given), 0.0, []
    while now < 300:
        times.append(now)
        pacer.sent(now, 100)
        now = when_it_may_go(pacer, now, 100)
    assert len(times) == pytest.approx(5 * requests, abs=1)
    assert all(later - earlier >= 0.99 * 60 / requests for earlier, later in pairwise(times))


def test_told_does_not_exceed_given() -> None:
    pacer = Pacer(requests_per_minute=600)
    batch = run(pacer, capped(tells=True), 100)
    assert batch.seconds >= 9.8
    assert pacer.origin == "given"


# ---- given, and told the same ----------------------------------------------------------------------------------


class Noting(Pacer):
    """Notes when each request goes."""

    def __init__(self, requests_per_minute: float) -> None:
        super().__init__(requests_per_minute)
        self.times: list[float] = []

    def sent(self, now: float, tokens: float) -> Any:
        self.times.append(now)
        return super().sent(now, tokens)

    def most_in(self, seconds: float) -> int:
        """How many went in any so many seconds."""
        first, most = 0, 0
        for last, time in enumerate(self.times):
            while self.times[first] <= time - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


def account(limit: int, **how: Any) -> Service:
    """As OpenAI counts: so many at once, and so many a minute come back."""
    return Service(Limit(rate=limit / 60, size=limit), tells=True, answers_in=1.0, **how)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("questions", "seconds"), [(300, 6), (480, 6), (900, 66)])
def test_what_may_come_at_once_goes_at_once(questions: int, seconds: float, seed: int) -> None:
    """Evenly spaced they would take 36, 58 and 108 s."""
    pacer = Noting(500)
    batch = run(pacer, account(500, seed=seed), questions, slots=1000, seed=seed)
    assert batch.seconds <= seconds
    assert batch.refused == 0
    assert pacer.most_in(60) <= 500


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("retry_after", RETRY_AFTER)
@pytest.mark.parametrize(
    ("service", "given", "questions", "even"),
    [
        (lambda **how: capped(tells=True, **how), 6000, 500, 5.0),
        (lambda **how: Service(Limit(rate=20, size=20), tells=True, answers_in=0.9, **how), 1200, 60, 3.0),
        (lambda **how: Service(Limit(rate=2, size=5), tells=True, answers_in=2, **how), 120, 100, 50.0),
        (lambda **how: account(500, **how), 500, 1_200, 144.0),
        (lambda **how: account(500, **how), 520, 1_200, 139.0),
        (lambda **how: account(500, **how), 480, 1_200, 150.0),
        (lambda **how: EachMinute(most=60, tells=True, **how), 60, 300, 300.0),
        (lambda **how: EachMinute(most=600, tells=True, **how), 600, 3_000, 300.0),
        (lambda **how: account(60, counts_refused=True, **how), 60, 150, 150.0),
    ],
    ids=["capped", "lesson 10", "five", "account", "a bit more", "a bit less", "minute", "minutes", "counts refused"],
)
def test_a_given_limit_is_never_run_into_and_nothing_is_slower_than_evenly(
    service: Any, given: int, questions: int, even: float, retry_after: str, seed: int
) -> None:
    pacer = Noting(given)
    batch = run(pacer, service(retry_after=retry_after, seed=seed), questions, seed=seed)
    assert batch.refused == 0
    assert batch.seconds <= 1.03 * even + 2
    assert pacer.most_in(60) <= given + 1  # a timer that is late is made up for
    assert (pacer.origin, pacer.requests_per_minute) in (
        ("given", pytest.approx(given)),
        ("told", pytest.approx(given, 0.1)),
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("given", [100, 250, 400])
def test_who_gives_less_than_the_account_allows_gets_it_evenly(given: int, seed: int) -> None:
    pacer = Noting(given)
    batch = run(pacer, account(500, seed=seed), 300, seed=seed)
    assert batch.refused == 0
    assert pacer.most_in(6) <= given / 10 + 1
    assert batch.seconds <= 1.03 * 300 / given * 60 + 2


def test_what_others_have_used_does_not_go_at_once() -> None:
    service = account(500)
    service.requests.level = 20.0
    pacer = Noting(500)
    batch = run(pacer, service, 200)
    assert batch.refused == 0
    assert pacer.most_in(10) <= 20 + 500 / 6


def test_after_a_refusal_nothing_goes_before_its_turn() -> None:
    pacer, now = Pacer(requests_per_minute=600), 0.0
    pacer.answered(pacer.sent(now, 1), now, telling("600", "599", "0.1s"), None)
    assert pacer.wait(now, 1) == 0
    pacer.refused(pacer.sent(now, 1), now, telling("600", "599", "0.1s"), None)
    assert pacer.wait(now, 1) > 0


# ---- learned ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("retry_after", "times"), [("exact", 1.1), ("seconds", 1.3), ("none", 1.6)])
def test_refusals_alone_tell_the_rate(retry_after: str, times: float, seed: int) -> None:
    """What is above the ideal is the last question's own pause: with no retry-after, up to 2 s."""
    batch = run(Pacer(), capped(retry_after=retry_after, seed=seed), seed=seed)
    assert batch.seconds <= times * IDEAL
    assert batch.refused <= 400
    assert batch.most <= 5


@pytest.mark.parametrize("retry_after", RETRY_AFTER)
def test_a_long_batch_stays_at_the_rate_it_learned(retry_after: str) -> None:
    pacer = Pacer()
    batch = run(pacer, capped(retry_after=retry_after), 5_000)
    assert batch.seconds <= 1.1 * 49.8
    assert batch.refused <= 0.2 * 5_000


@pytest.mark.parametrize("slots", [10, 1000])
def test_few_slots_and_many(slots: int) -> None:
    batch = run(Pacer(), capped(retry_after="seconds"), 2_000, slots=slots)
    assert batch.seconds <= 1.25 * 19.8
    assert batch.refused <= 0.2 * 2_000 + 2 * slots


@pytest.mark.parametrize("slots", [10, 100])
@pytest.mark.parametrize("questions", [500, 5_000])
@pytest.mark.parametrize("share", [0.1, 0.15])
def test_refusals_by_chance_slow_nothing(share: float, questions: int, slots: int) -> None:
    for seed in range(3):
        with_pacer, without = (
            run(pacer, Service(by_chance=share, retry_after="exact", seed=seed), questions, slots=slots, seed=seed)
            for pacer in (Pacer(), NoPacer())
        )
        assert with_pacer.seconds <= 1.15 * without.seconds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("retry_after", RETRY_AFTER)
def test_slow_answers_and_quick_refusals(retry_after: str, seed: int) -> None:
    slow = Service(Limit(rate=2, size=5), answers_in=20, refuses_in=0.03, retry_after=retry_after)
    batch = run(Pacer(), slow, seed=seed)
    assert batch.seconds <= 1.1 * (495 / 2 + 20)
    assert batch.refused <= 550


@pytest.mark.parametrize("retry_after", RETRY_AFTER)
def test_three_a_minute(retry_after: str) -> None:
    batch = run(Pacer(), Service(Limit(rate=0.05, size=1), retry_after=retry_after), 10)
    assert batch.seconds <= 1.6 * 180
    assert batch.refused <= 60


@pytest.mark.parametrize("tells", [False, True])
@pytest.mark.parametrize("retry_after", RETRY_AFTER)
@pytest.mark.parametrize(("most", "questions"), [(60, 300), (600, 3_000)])
def test_what_is_allowed_comes_back_on_the_minute(most: int, questions: int, retry_after: str, tells: bool) -> None:
    """The first minute begins 20 s before the batch."""
    batch = run(Pacer(), EachMinute(most=most, tells=tells, retry_after=retry_after), questions)
    assert batch.seconds <= 2.5 * 220
    assert batch.refused <= 2.5 * questions


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("retry_after", RETRY_AFTER)
def test_a_service_that_counts_what_it_refuses(retry_after: str, seed: int) -> None:
    batch = run(Pacer(), capped(counts_refused=True, retry_after=retry_after), seed=seed)
    assert batch.seconds <= 2.5 * IDEAL
    assert batch.refused <= 450


def test_an_outage_is_got_over() -> None:
    """Ten seconds in which everything is refused, and nobody says for how long; then a minute without a refusal."""
    pacer, now, refused = Pacer(), 0.0, 0
    while now < 10:
        pacer.refused(pacer.sent(now, 1), now + 0.001, {}, None)
        refused += 1
        now = when_it_may_go(pacer, now + 0.002, 1)
    assert refused <= 200
    while now < 70:
        pacer.answered(pacer.sent(now, 1), now + 0.001, {}, None)
        now = when_it_may_go(pacer, now + 0.002, 1)
    learned = pacer.requests_per_minute
    assert learned is None or learned > 60 * 100


def test_where_nothing_gets_through_all_wait_for_the_earliest_retry_after() -> None:
    pacer = Pacer()
    for number, ticket in enumerate([pacer.sent(0.0, 1) for _ in range(30)]):
        pacer.refused(ticket, 0.01, {}, 5.0 + number)
    assert when_it_may_go(pacer, 0.01, 1) == pytest.approx(5.01, abs=0.05)


def test_a_retry_after_of_one_question_does_not_stop_the_others() -> None:
    pacer = Pacer()
    for number, ticket in enumerate([pacer.sent(0.0, 1) for _ in range(30)]):
        if number % 3:
            pacer.answered(ticket, 0.01, {}, None)
        else:
            pacer.refused(ticket, 0.01, {}, 5.0)
    assert when_it_may_go(pacer, 0.01, 1) <= 0.5


def test_a_rate_that_is_far_from_being_used_is_let_go_of() -> None:
    pacer = Pacer()
    for number, ticket in enumerate([pacer.sent(0.0, 1) for _ in range(100)]):
        if number < 20:
            pacer.answered(ticket, 0.01, {}, None)
        else:
            pacer.refused(ticket, 0.01, {}, None)
    assert when_it_may_go(pacer, 0.01, 1) < 1
    assert pacer.origin == "learned"
    for second in range(1, 60):
        assert pacer.wait(second, 1) == 0
        pacer.answered(pacer.sent(second, 1), second + 0.01, {}, None)
    assert pacer.requests_per_minute is None


def test_nothing_is_held_back_at_first() -> None:
    pacer = Pacer()
    for _ in range(1_000):
        assert pacer.wait(0.0, 1e6) == 0
        pacer.sent(0.0, 1e6)
    assert (pacer.requests_per_minute, pacer.origin) == (None, None)


# ---- rubbish ---------------------------------------------------------------------------------------------------


def telling(limit: str, remaining: str, reset: str, unit: str = "requests") -> dict[str, str]:
    names = (f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset"))
    return dict(zip(names, (limit, remaining, reset), strict=True))


def when_it_may_go(pacer: Pacer, now: float, tokens: float, patience: float = LONGEST + 1) -> float:
    came = now
    while wait := pacer.wait(now, tokens):
        assert 0 < wait < math.inf
        now += wait
        assert now - came <= patience, "it was kept waiting too long"
    return now


RUBBISH = [
    *("", " ", "0", "-1", "-0", "1", "60", "nan", "inf", "-inf", "1e999", "1e999s", "1e308", "1e-308", "-5ms", "0s"),
    *("0ms", "1ms", "999999999h", "1.2.3s", "5 s", "s", "ms", "1s1s", "2m1h", "٣", "½s", "∞", "🕰️", "1,000", "0x10"),
    *("1_000", "None", "2026-01-01T00:00:00Z", "1e6", "1e12", "9" * 400, "9" * 400 + "ms", "1.5s", "6m0s", "1h2m3s"),
]


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("told_to_wait", [False, True])
def test_no_header_can_stop_a_batch(told_to_wait: bool, seed: int) -> None:
    random, pacer, now = Random(seed), Pacer(), 0.0
    on_their_way = []

    def written() -> str:
        if random.random() < 0.8:
            return random.choice(RUBBISH)
        return "".join(random.choices("0123456789.-+eE msh∞\x00é", k=random.randrange(12)))

    for _ in range(100):
        # a retry-after may come to count while another one does
        now = when_it_may_go(pacer, now, 100, patience=(2 if told_to_wait else 1) * LONGEST + 1)
        on_their_way.append(pacer.sent(now, 100))
        now += random.choice([0.0, 0.03, 1.0])
        while on_their_way and random.random() < 0.6:
            ticket = on_their_way.pop(random.randrange(len(on_their_way)))
            headers = telling(written(), written(), written()) | telling(written(), written(), written(), "tokens")
            kept = {name: value for name, value in headers.items() if random.random() < 0.9}
            if random.random() < 0.5:
                pacer.answered(ticket, now, kept, random.choice([None, 0, 100, 10_000]))
            elif random.random() < 0.2:
                pacer.lost(ticket, now)
            else:
                times = [None, 0.01, 30.0, 1e300, math.inf, math.nan, -5.0]
                pacer.refused(ticket, now, kept, random.choice(times) if told_to_wait else None)
    assert pacer.requests_per_minute is None or 0 < pacer.requests_per_minute < math.inf


@pytest.mark.parametrize("reset", ["86400s", "24h", "1e999s", "nan", ""])
def test_a_header_holds_a_request_back_for_a_minute_at_most(reset: str) -> None:
    pacer, now = Pacer(), 0.0
    for _ in range(3):
        now = when_it_may_go(pacer, now, 1)
        pacer.answered(pacer.sent(now, 1), now, telling("1", "0", reset), None)
