"""The concurrency lab: how many calls in flight are worth it, measured by hand against a rate limit and a latency."""

import asyncio
import math
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2
import ipywidgets
import openai
from openai import AsyncOpenAI

from ..catalog import DEFAULT_MODEL, Model
from ..errors import WorkbookError
from ..inputs import number, whole_number
from ..mock_api import Faults, MockAPI, MockTransport
from ..mock_api.limits import Bucket
from ..wire import send
from ..wire.retries import pause_before_retry
from ..words import counted
from . import lab_picture
from .base import FRAME, Box, Line, button, row
from .front import Slider

MOST = 60  # calls in flight
SECONDS = 4.0  # of a measurement
RATES = (10, 20, 40, None)  # requests a second
LATENCIES = (0.2, 0.5, 1.0)  # seconds
SPREAD = 0.1  # of the latency: sigma of a log-normal distribution
BURST_SECONDS = 0.5  # so many seconds' worth of requests may come at once
LONGEST_PAUSE = 2.0  # seconds that are added by chance to what a 429 tells to wait, at most
OVERLOADED = 0.05  # of the requests refused: more than chance does below the knee
UNLIMITED = 1e9  # requests a minute
SEED = 5  # of the latencies' draws


@dataclass(frozen=True)
class Setting:
    rate: float | None  # requests a second that the API lets through
    latency: float  # seconds

    def __str__(self) -> str:
        rate = "no rate limit" if self.rate is None else f"{self.rate:g} a second"
        return f"{rate}, latency {self.latency:g} s"


@dataclass(frozen=True)
class Measured:
    """What one measurement in the concurrency lab found.

    `limit` is how many calls were in flight, `refused_share` the 429s' share of all requests (0.1: one in ten).
    Within `p95` seconds of its first request, retries and their pauses included, 95 % of the questions had their
    answer; it is None where no answer came.
    """

    limit: int
    answers_per_second: float
    refused_share: float
    p95: float | None

    def __str__(self) -> str:
        """
        >>> print(Measured(8, 15.6, 0.0, 0.62))
        At 8 in flight: 15.6 answers a second, no 429s, 95 % answered within 0.62 s.
        """
        refused = f"{_percent(self.refused_share)} of the requests refused (429)" if self.refused_share else "no 429s"
        if self.p95 is None:
            return f"At {self.limit} in flight: no answer came while it was measured, {refused}."
        answers = f"{self.answers_per_second:.1f} answers a second"
        return f"At {self.limit} in flight: {answers}, {refused}, 95 % answered within {self.p95:.2f} s."


def _percent(share: float) -> str:
    """
    >>> _percent(0), _percent(0.002), _percent(0.417)
    ('0 %', 'less than 1 %', '42 %')
    """
    return "less than 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


class ConcurrencyLab(Box):
    """See `concurrency_lab`."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.points: dict[Setting, dict[int, Measured]] = defaultdict(dict)
        self.api: LabAPI | None = None  # what answered the last measurement
        self._earlier: Setting | None = None  # the one measured before the present one
        self._newest: Measured | None = None
        self._limit = Slider(label="calls in flight", value=2, least=1, most=MOST)
        rates = sorted({*RATES, setting.rate}, key=lambda rate: rate or math.inf)
        self._rate = ipywidgets.Dropdown(
            options=[("none" if rate is None else f"{rate:g} a second", rate) for rate in rates],
            value=setting.rate,
            description="rate limit",
            style=_WIDE,
        )
        self._latency = ipywidgets.Dropdown(
            options=[(f"{seconds:g} s", seconds) for seconds in sorted({*LATENCIES, setting.latency})],
            value=setting.latency,
            description="latency of a call",
            style=_WIDE,
        )
        for each in (self._rate, self._latency):
            each.observe(self.on_loop(self._set), "value")
        self._start = button("Measure", self.on_loop(self._measure_by_hand), name="measure")
        self._stop = button("Stop", self.on_loop(self._stopped_by_hand), name="stop", disabled=True)
        self._clear = button("Clear", self.on_loop(self._cleared), name="clear", disabled=True)
        self._progress = Line(name="progress")
        self._picture = ipywidgets.HTML()
        self._picture.add_class("workbook-picture")
        self._about = Line(name="explained")
        self._about.say(
            f"It asks a mock API of its own (nothing is charged, also in live mode). A measurement takes about "
            f"{SECONDS + 1:.0f} s. A point stays until you press Clear; those of the setting before turn grey."
        )
        self.show(
            self._about,
            row(self._limit, self._rate, self._latency),
            row(self._start, self._stop, self._clear, self._progress),
            self.status,
            self._picture,
            name="concurrency-lab",
            label="Concurrency lab",
        )
        self._draw()

    @property
    def setting(self) -> Setting:
        return Setting(self._rate.value, self._latency.value)

    def __repr__(self) -> str:
        lines = [
            "Concurrency lab: choose how many calls are in flight, press Measure, and find the knee.",
            "(It works where this cell is run in JupyterLab; or: await lab.measure(8).)",
        ]
        for setting, points in self.points.items():
            if points:
                lines += ["", f"{setting}:".capitalize(), *_table(points)]
        return "\n".join(lines)

    async def measure(self, limit: int, *, seconds: float = SECONDS) -> Measured:
        """Measures one point, as the button does, and shows it.

        `limit` calls are in flight for `seconds` seconds, after a warm-up of one latency. Raises BadInput for
        numbers that cannot be used, and WorkbookError while the lab is busy, or where the measurement is stopped.

        >>> lab = concurrency_lab(latency=0.2)
        >>> (await lab.measure(2, seconds=0.3)).limit
        2
        """
        what_to_do = f"Give a whole number from 1 to {MOST}."
        limit = whole_number(limit, "limit={} cannot be measured.", what_to_do, least=1, most=MOST)
        seconds = _checked("seconds", seconds, 0.1, 60)
        if self.widget is None:
            raise WorkbookError("This lab was closed.", "Make a new one: lab = concurrency_lab().")
        if self.busy:
            raise WorkbookError("The lab is measuring already.", "Wait until it is done, or press Stop.")
        self._limit.value = limit
        found: list[Measured] = []
        self._begin(limit, seconds, found)
        assert self._work is not None
        try:
            await self._work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # it is the caller who is cancelled
        if not found:
            raise WorkbookError("The measurement was broken off.", "Its box says why. Run it again.")
        return found[0]

    # ---- measuring -----------------------------------------------------------------------------------------------

    def _measure_by_hand(self, *_: object) -> None:
        if not self.busy:
            self._begin(self._limit.value, SECONDS, [])

    def _begin(self, limit: int, seconds: float, found: list[Measured]) -> None:
        self._controls(busy=True)
        self.status.say(f"Measuring {limit} in flight …")
        self.begin(lambda: self._measure(limit, seconds, found))

    def _stopped_by_hand(self, *_: object) -> None:
        self._stop.disabled = True
        self.stop()

    async def _measure(self, limit: int, seconds: float, found: list[Measured]) -> None:
        setting = self.setting
        said = "Stopped: nothing is kept of this measurement."
        self.api = LabAPI(setting)
        run = Measurement(self.api, setting, limit, seconds)
        drawing = asyncio.ensure_future(self._draw_all_the_time(run))
        try:
            await run.measure()
            self._newest = run.measured()
            self.points[setting][limit] = self._newest
            found.append(self._newest)
            said = f"{self._newest} {knee(self.points[setting])}".strip()
        finally:
            drawing.cancel()
            self._progress.say("")
            self._controls(busy=False)
            self._draw()
            self.status.say(said)

    async def _draw_all_the_time(self, run: "Measurement") -> None:
        while True:
            self._progress.say(run.progress())
            self._draw(run)
            await asyncio.sleep(2 * FRAME)

    # ---- the box -------------------------------------------------------------------------------------------------

    def _controls(self, *, busy: bool) -> None:
        for each in (self._rate, self._latency, self._start):
            each.disabled = busy
        self._clear.disabled = busy or not any(self.points.values())
        self._stop.disabled = not busy

    def _set(self, change: Any) -> None:
        old = {"rate": self._rate.value, "latency": self._latency.value}
        old["rate" if change["owner"] is self._rate else "latency"] = change["old"]
        if self.points.get(before := Setting(**old)):
            self._earlier = before
        self._newest = None
        self._draw()

    def _cleared(self, *_: object) -> None:
        self.points.clear()
        self._newest = self._earlier = None
        self._controls(busy=False)
        self._draw()
        self.status.say("Cleared.")

    def _draw(self, run: "Measurement | None" = None) -> None:
        setting = self.setting
        points = dict(self.points.get(setting, {}))
        running = run.so_far() if run else None
        if running:
            points.pop(running.limit, None)  # it is being measured anew
        earlier = self.points.get(self._earlier, {}) if self._earlier not in (None, setting) else {}
        self._picture.value = lab_picture.svg(
            _in_order(points),
            newest=self._newest if run is None else None,
            running=running,
            rate=setting.rate,
            latency=setting.latency,
            setting=str(setting),
            most=MOST,
            earlier=_in_order(earlier),
            earlier_setting=str(self._earlier),
        )


_WIDE = {"description_width": "initial"}


def _in_order(points: dict[int, Measured]) -> list[Measured]:
    return [points[limit] for limit in sorted(points)]


def knee(points: dict[int, Measured]) -> str:
    """Between which limits the knee lies; "" as long as there are not points on both sides of it."""
    over = [limit for limit, point in points.items() if point.refused_share > OVERLOADED]
    under = [limit for limit, point in points.items() if point.refused_share <= OVERLOADED and limit < min(over or [0])]
    if not over or not under:
        return ""
    return f"The knee lies between {max(under)} and {min(over)}: from there on, more calls in flight only wait longer."


def _table(points: dict[int, Measured]) -> list[str]:
    lines = ["in flight   answers a second   429s   95 % within"]
    for each in _in_order(points):
        p95 = "-" if each.p95 is None else f"{each.p95:.2f} s"
        share = f"{100 * each.refused_share:.0f} %"
        lines.append(f"{each.limit:9}   {each.answers_per_second:16.1f}   {share:>5}  {p95:>11}")
    return lines


# ---- one measurement -------------------------------------------------------------------------------------------------


class LabAPI(MockAPI):
    """A mock API with one latency and one rate limit, at the pace of real time.

    Its bucket of requests begins almost empty, as it would be after a while: a full one would let more through at
    first than the rate limit, and four seconds are too short for that to even out.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(seed=SEED)
        self._latency = setting.latency
        if setting.rate is not None:
            self.reset(
                faults=Faults(requests_per_minute=60 * setting.rate, burst=max(1.0, setting.rate * BURST_SECONDS))
            )
        else:
            self.reset(faults=Faults(requests_per_minute=UNLIMITED))

    def answer(self, model: Model, question: str) -> str:
        return "An answer."

    def latency(self, model: Model, question: str, rng: random.Random) -> tuple[float, float]:
        # the mean of a log-normal distribution is exp(mu + sigma² / 2)
        return self._latency * rng.lognormvariate(-(SPREAD**2) / 2, SPREAD), 0.0

    def buckets(self, model: str) -> tuple[Bucket, Bucket]:
        new = model not in self._buckets
        requests, tokens = super().buckets(model)
        if new:
            requests.take(requests.size - 1)
        return requests, tokens


class _Unseen(httpx2.AsyncClient):
    """What it sends never leaves this process and is no call of the learner's: no observer of `send` is told of it.

    So it is in no `watch()`, and not in the totals of the notebook.
    """

    send = send.untouched_asend


class Measurement:
    """`limit` workers, each of which asks, waits for its answer, and asks again."""

    def __init__(self, api: LabAPI, setting: Setting, limit: int, seconds: float) -> None:
        self.api = api
        self.limit = limit
        self.seconds = seconds
        self._latency = setting.latency
        self.begins = self.ends = math.inf  # the measured window, as time.perf_counter() has it
        # when it came, and for an answer the seconds since the question's first request; for a 429 None
        self.replies: list[tuple[float, float | None]] = []

    async def measure(self) -> None:
        # the SDK loads much of itself with its first question: that is not to be measured
        transport = MockTransport(MockAPI(pace=0.001))
        http = _Unseen(transport=transport, trust_env=False)
        async with AsyncOpenAI(
            api_key="none", base_url="http://lab.invalid/v1", max_retries=0, http_client=http
        ) as client:
            await _ask(client)
            transport.api = self.api
            self.begins = time.perf_counter() + self._latency
            # one after the other, evenly over one latency: so they are where they would be after a while
            workers = [
                asyncio.ensure_future(self._ask_and_ask(client, (nth + 0.5) * self._latency / self.limit))
                for nth in range(self.limit)
            ]
            try:
                ended, _ = await asyncio.wait(
                    workers, timeout=self._latency + self.seconds, return_when=asyncio.FIRST_EXCEPTION
                )
                for each in ended:  # by an error: a worker has no other end
                    each.result()
            finally:
                self.ends = time.perf_counter()
                for each in workers:
                    each.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _ask_and_ask(self, client: AsyncOpenAI, delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            asked = time.perf_counter()
            for attempt in count(1):
                try:
                    await _ask(client)
                except openai.RateLimitError as error:
                    self.replies.append((time.perf_counter(), None))
                    await asyncio.sleep(_pause(error, attempt))
                    continue
                now = time.perf_counter()
                self.replies.append((now, now - asked))
                break

    # ---- what was found ------------------------------------------------------------------------------------------

    def window(self) -> float:
        """Seconds that were measured until now."""
        return max(0.0, min(time.perf_counter(), self.ends) - self.begins)

    def measured(self) -> Measured:
        within = [seconds for when, seconds in self.replies if self.begins <= when <= self.ends]
        answered = sorted(seconds for seconds in within if seconds is not None)
        return Measured(
            self.limit,
            len(answered) / (self.window() or 1.0),
            (len(within) - len(answered)) / (len(within) or 1),
            answered[math.ceil(0.95 * len(answered)) - 1] if answered else None,
        )

    def so_far(self) -> Measured | None:
        """What has been found until now; None as long as that says nothing."""
        return self.measured() if self.window() >= min(0.5, self.seconds / 2) else None

    def progress(self) -> str:
        if not (window := self.window()):
            return "Warming up …"
        answers = sum(seconds is not None for when, seconds in self.replies if when >= self.begins)
        return f"{window:.1f} of {self.seconds:g} s, {counted(answers, 'answer')} …"


async def _ask(client: AsyncOpenAI) -> None:
    await client.chat.completions.create(
        model=DEFAULT_MODEL, messages=[{"role": "user", "content": "How many calls in flight?"}]
    )


def _pause(error: openai.RateLimitError, attempt: int) -> float:
    """Seconds to wait after a 429.

    It tells when there is room for one request, and tells so to all who wait. A good client adds some by chance, and
    the more, the more often its question was refused.
    """
    return (pause_before_retry(error, attempt) or 0.0) + random.random() * min(0.25 * 2.0**attempt, LONGEST_PAUSE)


# ---- the public name -------------------------------------------------------------------------------------------------


def _checked(name: str, value: object, least: float, most: float) -> float:
    what_to_do = f"Give a number from {least:g} to {most:g}."
    return number(value, f"{name}={{}} cannot be used.", what_to_do, least=least, most=most)


def concurrency_lab(*, requests_per_second: float | None = 20, latency: float = 0.5) -> ConcurrencyLab:
    """A box to find out how many calls in flight are worth it: measure throughput, 429s and waiting time.

    `requests_per_second` is the rate limit (None: there is none), `latency` the seconds that a call takes; both can be
    changed in the box. It asks a mock API of its own, so it costs nothing, also in live mode, and WORKBOOK_PACE does
    not change it. `await lab.measure(8)` measures from code. Raises BadInput for numbers that cannot be used.

    Throughput, calls in flight and latency hang together by Little's law: J. D. C. Little, "A Proof for the Queuing
    Formula: L = λW", Operations Research 9 (3), 1961, pages 383-387, https://doi.org/10.1287/opre.9.3.383

    >>> lab = concurrency_lab(requests_per_second=40, latency=0.2)
    >>> measured = await lab.measure(2, seconds=0.3)
    >>> print(lab)  # doctest: +ELLIPSIS
    Concurrency lab: ...
    40 a second, latency 0.2 s:
    in flight   answers a second   429s   95 % within
            2   ...
    """
    if requests_per_second is not None:
        requests_per_second = _checked("requests_per_second", requests_per_second, 1, 1_000)
    latency = _checked("latency", latency, 0.05, 10)
    return ConcurrencyLab(Setting(requests_per_second, latency))
