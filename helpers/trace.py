"""The record of every request made in a `with watch()` block: what was sent, when, and what became of it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal
from weakref import WeakKeyDictionary

import httpx2

from . import timeline, wire
from .catalog import cost
from .errors import BadInput, what_broke
from .reading import Reading, asked

Outcome = Literal["ok", "failed", "cancelled", "running"]


@dataclass(slots=True)
class Attempt:
    """One request. Times are seconds since the trace began; None: that has not come, or never came."""

    sent: float
    first_byte: float | None = None  # of the answer's body
    done: float | None = None
    status: int | None = None
    outcome: Outcome = "running"
    note: str = ""  # what went wrong, in a word: "429", "timeout", "dropped"
    code: str | None = None  # the service's own word for it: "rate_limit_exceeded"


@dataclass(slots=True)
class Call:
    """One call of the SDK: a request, and the requests that were sent again for it."""

    number: int  # from 1, in the order in which they were sent
    client: int  # the number of the client that sent it, from 1
    path: str
    model: str
    question: str  # the last message
    stream: bool
    blocking: bool  # sent by a client without await, in a thread whose event loop had to stand still for it
    queued: float | None = None  # when a helper put it in the queue for a slot
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def sent(self) -> float:
        return self.attempts[0].sent

    @property
    def first_byte(self) -> float | None:
        return self.attempts[-1].first_byte

    @property
    def done(self) -> float | None:
        return self.attempts[-1].done

    @property
    def seconds(self) -> float | None:
        """From the first attempt's start to the last one's end; None while it runs."""
        return None if self.done is None else self.done - self.sent

    @property
    def status(self) -> int | None:
        return self.attempts[-1].status

    @property
    def outcome(self) -> Outcome:
        return self.attempts[-1].outcome


class Trace:
    """What `watch()` gives: the calls, and what follows from them. As the last line of a cell it is a picture.

    >>> with watch("nothing yet") as trace:
    ...     pass
    >>> trace.calls, trace.requests, trace.max_in_flight, trace.seconds
    ([], 0, 0, 0.0)
    """

    def __init__(self, title: str = "", concerns: Callable[[], bool] = lambda: True) -> None:
        self.title = title
        self._concerns = concerns  # asked in the task that sends a request: whether to record it
        self.calls: list[Call] = []
        self._zero = time.perf_counter()
        self._end: float | None = None
        self._lock = threading.Lock()
        self._clients: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._client_numbers = count(1)
        self._last_of_task: dict[int, Call] = {}

    def __enter__(self) -> "Trace":
        wire.install()
        self._zero = time.perf_counter()
        wire.observers.append(self._observe)
        return self

    def __exit__(self, *_: object) -> None:
        # what is still in flight goes on being recorded; new requests do not
        wire.observers.remove(self._observe)
        self._end = self.now()

    def now(self) -> float:
        """Seconds since the trace began."""
        return time.perf_counter() - self._zero

    @property
    def requests(self) -> int:
        """How many requests were sent, those sent again included."""
        return sum(len(call.attempts) for call in self.calls)

    @property
    def seconds(self) -> float:
        """From the first request's start to the last one's end; one still in flight counts until now."""
        if not self.calls:
            return 0.0
        return max(self._ends()) - min(call.sent for call in self.calls)

    @property
    def max_in_flight(self) -> int:
        """The most requests that were in flight at one moment; one that waits for a connection counts too."""
        return timeline.max_in_flight(self.panel().rows)

    @property
    def tokens(self) -> int:
        """Of all calls whose answer told its usage."""
        return sum((call.prompt_tokens or 0) + (call.completion_tokens or 0) for call in self.calls)

    @property
    def cost(self) -> float | None:
        """USD at the catalogue's prices, for the tokens that were reported; None where a price is unknown."""
        answered = [call for call in self.calls if call.prompt_tokens is not None]
        costs = [cost(call.model, call.prompt_tokens, call.completion_tokens) for call in answered]
        return None if None in costs else sum(each or 0.0 for each in costs)

    def panel(self) -> timeline.Panel:
        """The trace as the timeline draws it."""
        with self._lock:
            rows = tuple(
                timeline.Row(
                    label=label,
                    bars=tuple(
                        timeline.Bar(each.sent, each.first_byte, each.done, each.outcome, each.note)
                        for each in call.attempts
                    ),
                    queued=call.queued,
                )
                for call, label in zip(self.calls, self._labels(), strict=True)
            )
        return timeline.Panel(self.title, rows, max([self._end or self.now(), *self._ends()]))

    def _ends(self) -> list[float]:
        return [self.now() if call.done is None else call.done for call in self.calls]

    def _labels(self) -> list[str]:
        """What tells the calls apart: the model, the question, or both."""
        models = {call.model for call in self.calls}
        questions = {call.question for call in self.calls}
        labels = []
        for call in self.calls:
            parts = []
            if call.model and len(models) > 1:
                parts.append(call.model)
            if call.question and (len(questions) > 1 or len(models) == 1):
                parts.append(call.question)
            labels.append(" · ".join(parts) or call.path)
        return labels

    def __str__(self) -> str:
        return timeline.text([self.panel()])

    def __repr__(self) -> str:
        return f"<Trace {self.title!r}: {len(self.calls)} calls, {self.requests} requests>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return timeline.mimebundle([self.panel()])

    # ---- recording -------------------------------------------------------------------------------------------

    def _observe(self, request: httpx2.Request, client: object) -> "_Recorder | None":
        if not self._concerns():
            return None
        retry = int(request.headers.get("x-stainless-retry-count") or 0)
        shared = _one_call.get()
        task = _task_or_thread()
        with self._lock:
            attempt = Attempt(sent=self.now())
            earlier = shared.calls.get(id(self)) if shared else self._last_of_task.get(task)
            if earlier and (shared or retry == len(earlier.attempts)) and earlier.outcome != "running":
                call = earlier
            else:
                about = asked(request)
                if client not in self._clients:  # an id() would be used again
                    self._clients[client] = next(self._client_numbers)
                number = self._clients[client]
                blocking = task >= 0 and isinstance(client, httpx2.Client)
                call = Call(len(self.calls) + 1, number, request.url.path, **about, blocking=blocking)
                if shared and shared.queued_at is not None:
                    call.queued = max(0.0, shared.queued_at - self._zero)
                self.calls.append(call)
            call.attempts.append(attempt)
            self._last_of_task[task] = call
            if shared:
                shared.calls[id(self)] = call
        return _Recorder(self, call, attempt)


def watch(title: str = "") -> Trace:
    """Records every request made in its `with` block, by any code: sync or async, by hand or by a helper.

    In a notebook, `trace` as the last line of a cell shows the timeline.

    >>> with watch("One call") as trace:
    ...     text = await ask_ai("What is Python?")
    >>> trace.requests, trace.calls[0].question, trace.calls[0].outcome
    (1, 'What is Python?', 'ok')
    """
    return Trace(title)


def timelines(*traces: Trace | Sequence[Trace]) -> "Timelines":
    """Several traces in one picture, under each other, on one time scale: their lengths can be compared by eye.

    >>> with watch("One") as one, watch("Another") as another:
    ...     text = await ask_ai("What is Python?")
    >>> print(timelines(one, another))  # doctest: +ELLIPSIS
    One...Another...
    """
    several: list[Trace] = []
    for each in traces:
        several += each if isinstance(each, (list, tuple)) else [each]  # type: ignore[list-item]
    for trace in several:
        if not isinstance(trace, Trace):
            raise BadInput(
                f"timelines() got {type(trace).__name__!r}, which is not a trace.",
                "Give it what `with watch() as trace:` recorded: timelines(trace, another_trace).",
            )
    return Timelines(several)


class Timelines:
    """What `timelines()` gives; as the last line of a cell it is a picture."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        self.traces = traces

    def __str__(self) -> str:
        return timeline.text([trace.panel() for trace in self.traces])

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return timeline.mimebundle([trace.panel() for trace in self.traces])


class _OneCall:
    def __init__(self, queued_at: float | None) -> None:
        self.queued_at = queued_at
        self.calls: dict[int, Call] = {}  # by the id of the trace


_one_call: ContextVar[_OneCall | None] = ContextVar("one_call", default=None)


@contextmanager
def one_call(queued_at: float | None = None) -> Iterator[None]:
    """For helpers: what this task sends inside is one call, queued since `queued_at` (a `time.perf_counter()`)."""
    token = _one_call.set(_OneCall(queued_at))
    try:
        yield
    finally:
        _one_call.reset(token)


class _Recorder:
    """Writes down how one request fares."""

    def __init__(self, trace: Trace, call: Call, attempt: Attempt) -> None:
        self._trace = trace
        self._call = call
        self._attempt = attempt
        self._reading = Reading()

    def headers(self, response: httpx2.Response) -> None:
        self._attempt.status = response.status_code
        self._reading.headers(response)

    def data(self, chunk: bytes) -> None:
        if self._attempt.first_byte is None:
            self._attempt.first_byte = self._trace.now()
        self._reading.data(chunk)

    def ended(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        attempt = self._attempt
        if attempt.done is not None:
            return
        attempt.done = self._trace.now()
        if error is not None:
            attempt.outcome, attempt.note = what_happened(error)
        elif attempt.status is not None and attempt.status >= 400:
            attempt.outcome, attempt.note = "failed", str(attempt.status)
            problem = self._reading.content().get("error")
            attempt.code = problem.get("code") if isinstance(problem, dict) else None
        elif self._reading.broken_off and not whole:
            attempt.outcome, attempt.note = "cancelled", "closed early"
        else:
            attempt.outcome = "ok"
            self._call.prompt_tokens, self._call.completion_tokens = self._reading.usage()


def what_happened(error: BaseException) -> tuple[Outcome, str]:
    """How an exception on the way to the service is called in a picture."""
    if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)):
        return "cancelled", ""
    return "failed", what_broke(error) or type(error).__name__


def _task_or_thread() -> int:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return id(task) if task else -threading.get_ident()
