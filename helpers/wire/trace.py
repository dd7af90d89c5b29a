"""The record of every request made in a `with watch()` block: what was sent, when, and what became of it."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, ref

from .. import timeline
from ..catalog import cost
from ..errors import BadInput
from . import send
from .bodies import Usage
from .clients import is_sync
from .exchange import RETRY_COUNT, Exchange, Outcome


class Attempt:
    """One request. Times are seconds since the trace began; None: that has not come, or never came."""

    __slots__ = ("_exchange", "_zero")

    def __init__(self, exchange: Exchange, zero: float) -> None:
        self._exchange = exchange
        self._zero = zero

    @property
    def sent(self) -> float:
        return self._exchange.sent - self._zero

    @property
    def first_byte(self) -> float | None:
        """Of the answer's body."""
        first = self._exchange.first_byte
        return None if first is None else first - self._zero

    @property
    def done(self) -> float | None:
        done = self._exchange.done
        return None if done is None else done - self._zero

    @property
    def status(self) -> int | None:
        return self._exchange.status

    @property
    def outcome(self) -> Outcome:
        return self._exchange.outcome

    @property
    def note(self) -> str:
        """What went wrong, in a word: "429", "timeout", "dropped"."""
        return self._exchange.note

    @property
    def code(self) -> str | None:
        """The service's own word for what went wrong: "rate_limit_exceeded"."""
        return self._exchange.response.code if self.outcome == "failed" else None

    @property
    def usage(self) -> Usage:
        return self._exchange.response.usage if self.outcome == "ok" else Usage()

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
    _exchange: Exchange  # the first of them

    @property
    def path(self) -> str:
        return str(self._exchange.url.path)

    @property
    def model(self) -> str:
        asked = self._exchange.request.model  # who asks for a response by its id names none
        return asked or (self._exchange.response.model if self.outcome == "ok" else "")

    @property
    def question(self) -> str:
        """The last message."""
        return self._exchange.request.question

    @property
    def stream(self) -> bool:
        return self._exchange.request.stream

    @property
    def prompt_tokens(self) -> int | None:
        return self._usage().prompt_tokens

    @property
    def completion_tokens(self) -> int | None:
        return self._usage().completion_tokens

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

    def _usage(self) -> Usage:
        return next((attempt.usage for attempt in reversed(self.attempts) if attempt.outcome == "ok"), Usage())

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
        self._calls: list[Call] = []
        self._zero = time.perf_counter()
        self._end: float | None = None
        self._lock = threading.Lock()
        self._unsorted: deque[_Record] = deque()  # noted; which call each belongs to is found out when somebody asks
        self._latest_of: dict[Hashable, Call] = {}  # by what sent it: see _Record
        self._clients: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._client_numbers = count(1)
        self._latest: Callable[[], object] = lambda: None  # the client that sent last: mostly it is the same
        self._latest_number = 0

    def __enter__(self) -> "Trace":
        send.install()
        self._zero = time.perf_counter()
        send.observers.append(self._observe)
        return self

    def __exit__(self, *_: object) -> None:
        # what is still in flight goes on being recorded; new requests do not
        send.observers.remove(self._observe)
        self._end = self.now()

    @property
    def calls(self) -> list[Call]:
        """In the order in which they were sent."""
        with self._lock:
            while self._unsorted:
                self._sort(self._unsorted.popleft())
        return self._calls

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
        calls = [(call, list(call.attempts)) for call in self.calls]
        labels = _labels([call for call, _ in calls])
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

    def _observe(self, exchange: Exchange, client: object) -> None:
        if not self._concerns():
            return
        shared, retry, blocking = _one_call.get(), "", False
        sender: Hashable = shared
        if shared is None:
            task = _task_or_thread()
            sender, blocking = task, task >= 0 and is_sync(client)
            retry = exchange.request_headers.get(RETRY_COUNT, "")
        with self._lock:
            self._unsorted.append(_Record(exchange, self._number_of(client), sender, shared, retry, blocking))

    def _sort(self, record: "_Record") -> None:
        """Makes it a call of its own, or the next attempt at the one that its sender made before."""
        exchange, shared = record.exchange, record.shared
        attempt, before = Attempt(exchange, self._zero), self._latest_of.get(record.sender)
        if before is not None and before.done is not None and before.done <= attempt.sent:
            # what was answered is not sent again
            again = before.outcome != "ok" and record.retry == str(len(before.attempts))
            if shared is not None or again:
                before.attempts.append(attempt)
                return
        queued = None if shared is None else shared.queued_since(self._zero)
        call = Call(len(self._calls) + 1, record.client, record.blocking, queued, [attempt], exchange)
        self._calls.append(call)
        self._latest_of[record.sender] = call

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

    Seen is what goes out by httpx2 or httpx, as from every client of the OpenAI SDK; not seen is what goes out in
    another way: by aiohttp (as LiteLLM's `aiohttp_openai/`), requests, urllib3, a WebSocket, or from another process.

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


class _Record(NamedTuple):
    """What is noted of a request when it is sent."""

    exchange: Exchange
    client: int  # its number
    sender: Hashable  # a task, a thread, or what a helper calls one call
    shared: "OneCall | None"
    retry: str  # of the SDK: the how-manieth time it is sent again
    blocking: bool


class OneCall:
    """For helpers: what this task sends inside is one call, queued since `queued_at` (a `time.perf_counter()`).

    For a further attempt it is entered again, by the same task or another, once the one before has left it.
    """

    __slots__ = ("_queued_at", "_token")

    def __init__(self, queued_at: float | None = None) -> None:
        self._queued_at = queued_at

    def queued_since(self, zero: float) -> float | None:
        return None if self._queued_at is None else max(0.0, self._queued_at - zero)

    def __enter__(self) -> None:
        self._token = _one_call.set(self)

    def __exit__(self, *_: object) -> None:
        _one_call.reset(self._token)


_one_call: ContextVar[OneCall | None] = ContextVar("one_call", default=None)


def _task_or_thread() -> int:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return id(task) if task else -threading.get_ident()


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
