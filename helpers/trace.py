"""The record of every request made in a `with watch()` block: what was sent, when, and what became of it."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal
from weakref import WeakKeyDictionary, ref

import httpx2

from . import timeline, wire
from .catalog import cost
from .errors import BadInput, what_broke
from .reading import Asked, Stream, Told, asked, body_of, told, whole

Outcome = Literal["ok", "failed", "cancelled", "running"]


@dataclass(slots=True, eq=False, repr=False)
class Attempt:
    """One request. Times are seconds since the trace began; None: that has not come, or never came."""

    sent: float
    first_byte: float | None = None  # of the answer's body
    done: float | None = None
    status: int | None = None
    outcome: Outcome = "running"
    note: str = ""  # what went wrong, in a word: "429", "timeout", "dropped"
    _zero: float = 0.0  # when the trace began
    _stream: Stream | None = None  # what reads along, where the body comes piece by piece
    _answer: bytes | Told = b""  # the bytes until somebody asks; then what they tell

    @property
    def code(self) -> str | None:
        """The service's own word for what went wrong: "rate_limit_exceeded"."""
        return self._told().code if self.outcome == "failed" else None

    def _told(self) -> Told:
        self._answer = answer = told(self._answer)
        return answer

    # it observes its own request (see wire.Observer): it notes times and keeps bytes; what they say is read later

    def headers(self, response: httpx2.Response, *, stream: bool) -> None:
        self.status = response.status_code
        if stream:
            self._stream = Stream(response)
        else:  # its body comes with them
            self.first_byte = time.perf_counter() - self._zero

    def data(self, chunk: bytes) -> None:
        if self._stream is None:
            self._answer = whole(chunk)
            return
        if self.first_byte is None:
            self.first_byte = time.perf_counter() - self._zero
        self._stream.data(chunk)

    def ended(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        if self.done is not None:
            return
        self.done = time.perf_counter() - self._zero
        stream = self._stream
        if error is not None:
            self.outcome, self.note = what_happened(error)
        elif stream is not None and stream.broken_off and not whole and (self.status or 0) < 400:
            self.outcome, self.note = "cancelled", "closed early"
        else:
            if stream is not None:
                self._answer, self._stream = stream.kept(), None
            if self.status is not None and self.status >= 400:
                self.outcome, self.note = "failed", str(self.status)
            else:
                self.outcome = "ok"

    def __repr__(self) -> str:
        return _shown(self, "sent", "first_byte", "done", "status", "outcome", "note", "code")


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """One call of the SDK: a request, and the requests that were sent again for it."""

    number: int  # from 1, in the order in which they were sent
    client: int  # the number of the client that sent it, from 1
    blocking: bool  # sent by a client without await, in a thread whose event loop had to stand still for it
    queued: float | None  # when a helper put it in the queue for a slot
    attempts: list[Attempt]
    _url: httpx2.URL
    _request: bytes | Asked  # the bytes until somebody asks; then what they ask

    @property
    def path(self) -> str:
        return self._url.path

    @property
    def model(self) -> str:
        return self._asked().model

    @property
    def question(self) -> str:
        """The last message."""
        return self._asked().question

    @property
    def stream(self) -> bool:
        return self._asked().stream

    @property
    def prompt_tokens(self) -> int | None:
        return self._used().prompt_tokens

    @property
    def completion_tokens(self) -> int | None:
        return self._used().completion_tokens

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

    def _asked(self) -> Asked:
        self._request = request = asked(self._request)
        return request

    def _used(self) -> Told:
        for attempt in reversed(self.attempts):
            if attempt.outcome == "ok":
                return attempt._told()
        return Told()

    def __repr__(self) -> str:
        about = ("number", "client", "path", "model", "question", "stream", "blocking", "queued")
        return _shown(self, *about, "prompt_tokens", "completion_tokens", "attempts")


def _shown(each: object, *names: str) -> str:
    return f"{type(each).__name__}({', '.join(f'{name}={getattr(each, name)!r}' for name in names)})"


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
        self._latest: Callable[[], object] = lambda: None  # the client that sent last: mostly it is the same
        self._latest_number = 0
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
        """USD at the catalogue's prices, for what was reported; None where nothing was, or where a price is unknown."""
        told = [call for call in self.calls if call.prompt_tokens is not None]
        if not told and any(call.outcome == "ok" for call in self.calls):
            return None
        costs = [cost(call.model, call.prompt_tokens, call.completion_tokens) for call in told]
        return None if None in costs else sum(each or 0.0 for each in costs)

    def panel(self) -> timeline.Panel:
        """The trace as the timeline draws it."""
        with self._lock:
            calls = [(call, list(call.attempts)) for call in self.calls]
        labels = _labels([call for call, _ in calls])  # reads the questions: nobody has to wait for that
        rows = tuple(
            timeline.Row(
                label=label,
                bars=tuple(
                    timeline.Bar(each.sent, each.first_byte, each.done, each.outcome, each.note) for each in attempts
                ),
                queued=call.queued,
            )
            for (call, attempts), label in zip(calls, labels, strict=True)
        )
        return timeline.Panel(self.title, rows, max([self._end or self.now(), *self._ends()]))

    def _ends(self) -> list[float]:
        return [self.now() if call.done is None else call.done for call in self.calls]

    def __str__(self) -> str:
        return timeline.text([self.panel()])

    def __repr__(self) -> str:
        return f"<Trace {self.title!r}: {len(self.calls)} calls, {self.requests} requests>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return timeline.mimebundle([self.panel()])

    # ---- recording -------------------------------------------------------------------------------------------

    def _observe(self, request: httpx2.Request, client: object) -> Attempt | None:
        if not self._concerns():
            return None
        shared = _one_call.get()
        task = 0 if shared else _task_or_thread()
        with self._lock:
            attempt = Attempt(time.perf_counter() - self._zero, _zero=self._zero)
            call = shared.of(self) if shared else self._last_of_task.get(task)
            if call and call.outcome != "running" and (shared or _is_sent_again(request, call)):
                call.attempts.append(attempt)
                return attempt
            queued = None if shared is None else shared.queued_since(self._zero)
            blocking = task >= 0 and isinstance(client, httpx2.Client)
            number = len(self.calls) + 1
            call = Call(number, self._number_of(client), blocking, queued, [attempt], request.url, body_of(request))
            self.calls.append(call)
            if shared:
                shared.remember(self, call)
            else:
                self._last_of_task[task] = call
        return attempt

    def _number_of(self, client: object) -> int:
        if self._latest() is client:
            return self._latest_number
        number = self._clients.get(client)  # not by its id(), which would be used again
        if number is None:
            number = self._clients[client] = next(self._client_numbers)
        self._latest, self._latest_number = ref(client), number
        return number


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


class OneCall:
    """For helpers: what this task sends inside is one call, queued since `queued_at` (a `time.perf_counter()`).

    For a further attempt it is entered again, by the same task or another, once the one before has left it.
    """

    __slots__ = ("_calls", "_queued_at", "_token")

    def __init__(self, queued_at: float | None = None) -> None:
        self._queued_at = queued_at
        self._calls: list[tuple[Trace, Call]] = []  # mostly there is no trace, or one

    def of(self, trace: Trace) -> Call | None:
        return next((call for known, call in self._calls if known is trace), None) if self._calls else None

    def remember(self, trace: Trace, call: Call) -> None:
        self._calls = [*((known, each) for known, each in self._calls if known is not trace), (trace, call)]

    def queued_since(self, zero: float) -> float | None:
        return None if self._queued_at is None else max(0.0, self._queued_at - zero)

    def __enter__(self) -> None:
        self._token = _one_call.set(self)

    def __exit__(self, *_: object) -> None:
        _one_call.reset(self._token)


_one_call: ContextVar[OneCall | None] = ContextVar("one_call", default=None)


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


def _is_sent_again(request: httpx2.Request, call: Call) -> bool:
    """Whether it is the SDK's next attempt at that call."""
    # looking up a header takes a while; what was answered is not sent again
    return call.outcome != "ok" and request.headers.get("x-stainless-retry-count") == str(len(call.attempts))


def _labels(calls: Sequence[Call]) -> list[str]:
    """What tells the calls apart: the model, the question, or both."""
    models = {call.model for call in calls}
    questions = {call.question for call in calls}
    labels = []
    for call in calls:
        parts = []
        if call.model and len(models) > 1:
            parts.append(call.model)
        if call.question and (len(questions) > 1 or len(models) == 1):
            parts.append(call.question)
        labels.append(" · ".join(parts) or call.path)
    return labels
