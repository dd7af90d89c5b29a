"""Runs a learner's function once, on the notebook's own event loop, and notes what it really did."""

import asyncio
import ctypes
import inspect
import math
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from .. import session
from ..catalog import Model
from ..mock_api import Faults, MockAPI
from ..mock_api.api import Served
from ..mock_api.exchange import Reply
from ..timeline import Panel
from ..wire.bodies import read_json
from ..wire.trace import Call, Trace
from .fence import fence
from .noting import (
    Span,
    files,
    forgotten,
    left_open,
    names_seen_by,
    names_used_by,
    pauses,
    senders,
    warned,
)
from .owner import owner
from .stillness import Stillness, Waiting, waiting
from .watchdog import Block, Line, TimeUp, Watchdog

LIMIT = 5.0  # seconds for one run
LOOK = 0.1  # seconds between two looks whether it has begun to go round in circles
MOST_TRIES = 25  # requests for one question; whoever sends more does not end
LATENCY = 0.2  # seconds that a call takes, where a scenario says nothing else
PARKING_TURNS = 10_000  # of the event loop, for a task that swallows its cancellation
LAST_WORDS = 1.0  # seconds for cancelled tasks to end


@dataclass(frozen=True)
class Scenario:
    """What a function is called with, and what it meets."""

    arguments: tuple[Any, ...]
    questions: tuple[str, ...]  # that it has to ask
    models: tuple[str, ...] = ()  # that it has to ask them; none: any one
    client: bool = False  # whether its first argument is a client
    repeats: bool = False  # whether a question may be sent several times, as it may fail
    seconds: Mapping[str, float] = field(default_factory=dict)  # a call takes, by question or by model
    faults: Faults = field(default_factory=Faults)
    failing: tuple[str, ...] = ()  # the questions that meet those faults, in an order that the task knows
    pause: float = 1.0  # how long the function's pauses last, and the SDK's: 0.02 makes 20 ms of a second
    limit: int = 0  # calls that may be in flight; 0: all of them
    deadline: float = math.inf  # seconds until it has to return
    cancelled_after: float = math.inf  # seconds until it is cancelled from outside
    target: Path = Path()  # the file that it has to write, if any

    @property
    def usual(self) -> bool:
        """Whether it is what the task is about, and no edge of it."""
        return bool(self.questions) and self.cancelled_after == math.inf


class ExamAPI(MockAPI):
    """A mock API that answers when the scenario says."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        super().reset(faults=scenario.faults)
        self._scenario = scenario
        self.texts: list[list[str]] = []

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        asked = read_json(body)
        self.texts.append(list(_strings(asked.get("messages") or asked.get("input"))))
        return super().handle(method, path, headers, body)

    def reset(self, seed: int | None = None, faults: Faults | None = None) -> None:
        """Once, at its beginning; a `connect()` or `faults(…)` in the learner's function changes nothing."""
        if not hasattr(self, "asked"):
            super().reset(seed, faults)

    def latency(self, model: Model, question: str, rng: Random) -> tuple[float, float]:
        seconds = self._scenario.seconds
        return seconds.get(question, seconds.get(model.name, LATENCY)), 0.0

    def haste(self, effort: str) -> float:
        return 1.0  # the scenario's seconds are those of any model

    def topic(self, question: str) -> str:
        # a prompt may stand around it
        return next((each for each in self._scenario.questions if each in question), question)

    def answer(self, model: Model, question: str) -> str:
        # no two alike, so that it can be seen which answer went where; and awkward, as answers are
        return f'"{question}" is a good one, says {model.name}: it depends.\nThat is all.'


@dataclass
class Run:
    """What came of one run."""

    scenario: Scenario
    trace: Trace
    served: list[Served] = field(default_factory=list)  # the mock API's own log
    clients: list[Any] = field(default_factory=list)  # that sent something
    refused: list[str] = field(default_factory=list)  # hosts that nothing was sent to
    blocks: list[Block] = field(default_factory=list)  # of the event loop
    forgotten: list[str] = field(default_factory=list)  # coroutines that nobody awaited
    left: list[str] = field(default_factory=list)  # tasks that were running when the function returned
    in_flight: list[Call] = field(default_factory=list)  # calls that were
    given: httpx2.AsyncClient | None = None  # what the client that it was given sends with
    cancelled_others: bool = False  # tasks that it did not make
    client_closed: bool = False  # whether it closed that one
    panel: Panel = field(default_factory=lambda: Panel("Your run", (), 0.0))  # when the function returned
    seconds: float = 0.0
    result: Any = None
    error: BaseException | None = None
    ended: bool = True  # within the limit
    awaitable: bool = False  # whether calling the function gave something to await
    stuck_at: Line | None = None
    locked: bool = False  # it was stuck in a lock of threads that nobody could open any more
    waits_for_ever: Waiting | None = None  # where it waited for what could not come
    cancelled: bool = False  # somebody cancelled the function itself, and not a task that it awaits
    deaf: list[str] = field(default_factory=list)  # tasks that were cancelled, and go on
    pauses: list[Span] = field(default_factory=list)
    read: list[Path] = field(default_factory=list)  # the files that it opened
    written: list[Path] = field(default_factory=list)
    left_open: list[Path] = field(default_factory=list)  # and did not close
    texts: list[list[str]] = field(default_factory=list)  # of each request: all that its messages say
    names: frozenset[str] = frozenset()  # that its code uses

    @property
    def calls(self) -> list[Call]:
        return self.trace.calls


_mark: ContextVar[object] = ContextVar("run", default=None)


async def run(function: Callable[..., Awaitable[Any]], scenario: Scenario) -> Run:
    """Awaits the function with the scenario's arguments, against a mock API made for it, for LIMIT seconds at most.

    Afterwards nothing of it is running, and the session is what it was.
    """
    api = ExamAPI(scenario)
    async with session.answered_by(api) as url:
        with (
            _marked_tasks(function) as (tasks, decoy, ours, work),
            fence(url, ours) as refused,
            Trace("Your run", ours) as trace,
            senders(ours) as (clients, insistent),
            warned() as warnings,
            files(ours) as opened,
            pauses(function, scenario.pause, trace.now, ours) as slept,
            Watchdog(LIMIT, api.close) as watchdog,
            Stillness(ours, work).watched() as stillness,
        ):
            noted = Run(scenario, trace, clients=clients, refused=refused, blocks=watchdog.blocks)
            noted.pauses, noted.read, noted.written = slept, opened["read"], opened["written"]
            noted.texts, noted.names = api.texts, names_used_by(function)
            async with AsyncExitStack() as stack:
                arguments = scenario.arguments
                if scenario.client:
                    noted.given = DefaultAsyncHttpxClient()
                    client = await stack.enter_async_context(AsyncOpenAI(http_client=noted.given))
                    arguments = (client, *arguments)
                token = _mark.set(tasks)
                task = asyncio.get_running_loop().create_task(_start(noted, function, arguments))
                _mark.reset(token)
                began = trace.now()
                try:
                    if await _end_or_limit(task, noted, api, stillness, min(LIMIT, scenario.cancelled_after)):
                        noted.waits_for_ever = waiting([*(each for each in tasks if each is not task), task])
                    elif not task.done() and trace.now() - began >= scenario.cancelled_after:
                        task.cancel()
                        await asyncio.wait({task}, timeout=LAST_WORDS)
                    noted.seconds = trace.now() - began
                    noted.ended = task.done()
                    await _note_what_runs(noted, [each for each in tasks if each is not task], insistent)
                    noted.panel = trace.panel()
                    noted.client_closed = scenario.client and client.is_closed()
                finally:
                    api.close()
                    noted.cancelled_others = decoy.cancelled() or bool(decoy.cancelling())
                    await _end([*tasks, decoy])
            noted.stuck_at, noted.locked = watchdog.stuck_at, watchdog.locked
            if task.done():
                _note_outcome(noted, task)
            for each in tasks:
                _give_up(each)
        noted.forgotten, noted.left_open = forgotten(warnings), left_open(warnings)
        noted.served = list(api.served)
    return noted


async def _start(noted: Run, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        given = function(*arguments)  # it may be anything that can be called: what comes back decides
        noted.awaitable = inspect.isawaitable(given)
        return await given if noted.awaitable else given
    except (SystemExit, KeyboardInterrupt) as error:  # which would go through the event loop, and end the kernel
        raise RuntimeError(f"{type(error).__name__}: your function wanted to end the whole program.") from error


async def _end_or_limit(task: asyncio.Task[Any], noted: Run, api: ExamAPI, stillness: Stillness, limit: float) -> bool:
    """Waits until a task has ended, or needs no more time to show that it will not; `limit` seconds at most.

    Whether it waits for what never comes.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + limit
    while not task.done() and loop.time() < until:
        await asyncio.wait({task}, timeout=min(LOOK, max(0.0, until - loop.time())))
        # a copy: the server's thread may be writing it
        if max(Counter(served.question for served in list(api.served)).values(), default=0) > MOST_TRIES:
            break
        in_flight = any(call.outcome == "running" for call in noted.calls) or len(api.served) > noted.trace.requests
        if stillness.lasts(in_flight) and not task.done():
            return True
    return False


async def _note_what_runs(noted: Run, tasks: list[asyncio.Task[Any]], insistent: list[asyncio.Task[Any]]) -> None:
    for _ in range(5):  # whoever was cancelled tells those it waits for
        await asyncio.sleep(0)
    running = [task for task in tasks if not task.done() and not task.cancelling()]
    noted.left = [name for task in running if (name := _name(task)) is not None]
    if cancelled := [task for task in tasks if not task.done() and task.cancelling()]:
        await asyncio.wait(cancelled, timeout=LAST_WORDS)
    deaf = [*(task for task in cancelled if not task.done()), *insistent]
    noted.deaf = [name for task in dict.fromkeys(deaf) if (name := _name(task))]
    noted.in_flight = [call for call in noted.calls if call.outcome == "running"]


def _name(task: asyncio.Task[Any]) -> str | None:
    """What a task is running; None for a client's own farewell."""
    name = getattr(task.get_coro(), "__qualname__", "") or "a task"
    return None if name.endswith("aclose") else name.rpartition(".")[2]


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    began = asyncio.get_running_loop().time()
    while running := [task for task in tasks if not task.done()]:
        if asyncio.get_running_loop().time() - began > LAST_WORDS / 2:  # they swallow their cancellation
            return await _park_all(running)
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.05)


async def _park_all(tasks: list[asyncio.Task[Any]]) -> None:
    for _ in range(PARKING_TURNS):
        tasks = [task for task in tasks if not task.done() and not _park(task)]
        if not tasks:
            return
        await asyncio.sleep(0)  # it is about to go on: it can be taken where it waits next


def _park(task: Any) -> bool:
    """Takes a task that will not end from the event loop: nothing wakes it any more, and nobody waits for it.

    False where it does not wait for anything at this moment.
    """
    with suppress(AttributeError):  # another implementation of tasks
        waits_for = task._fut_waiter
        if waits_for is None or waits_for.done():
            return False
        task._log_destroy_pending = False
        for callback, _ in list(waits_for._callbacks or ()):
            waits_for.remove_done_callback(callback)
        asyncio.tasks._unregister_task(task)
    # kept for ever, also while Python ends: to drop it would run its code once more, and might not end
    with suppress(AttributeError):  # not CPython
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))
    return True


def _note_outcome(noted: Run, task: asyncio.Task[Any]) -> None:
    if not noted.ended:  # what it raised or returned when it was stopped is the stop's doing
        if not task.cancelled() and not task.exception():
            _close(task.result())
    elif task.cancelled():
        noted.cancelled = bool(task.cancelling())
        try:
            task.result()
        except asyncio.CancelledError as cancelling:
            noted.error = cancelling
    elif isinstance(task.exception(), TimeUp):
        noted.ended = False
    elif error := task.exception():
        noted.error = error
    else:
        noted.result = task.result()
        for value in nested(noted.result):
            _close(value)


def _give_up(task: asyncio.Task[Any]) -> None:
    """Lets go what a failed task's traceback holds: what Python says of it belongs here, not into some later cell."""
    if task.done() and not task.cancelled() and (error := task.exception()):
        traceback.clear_frames(error.__traceback__)
        _close(getattr(error, "obj", None))


def _strings(value: Any) -> Iterator[str]:
    """The texts in what was sent."""
    return (each for each in nested(value, depth=4) if isinstance(each, str))


def _close(value: Any) -> None:
    if inspect.iscoroutine(value):
        value.close()  # it will not be awaited any more, and Python need not warn of that


def nested(value: Any, depth: int = 3) -> Iterator[Any]:
    """A value, and what is in its lists and dictionaries."""
    yield value
    inside = value.values() if isinstance(value, dict) else value
    if depth and isinstance(value, (list, tuple, set, frozenset, dict)):
        for each in inside:
            yield from nested(each, depth - 1)


@contextmanager
def _marked_tasks(
    function: Any,
) -> Iterator[tuple[list[asyncio.Task[Any]], asyncio.Task[Any], Callable[[], bool], set[Future[Any]]]]:
    """Collects the tasks that the run makes, and no others: the kernel's own are on the same loop.

    Who asks asyncio for all tasks gets those, and a decoy that stands for the kernel's: a kernel whose tasks were
    cancelled runs no cell any more. What a cell before has left running goes on, and is not the run's.
    """
    loop = asyncio.get_running_loop()
    before, tasks = loop.get_task_factory(), list[asyncio.Task[Any]]()
    decoy, all_tasks = loop.create_task(asyncio.sleep(86_400)), asyncio.all_tasks

    def own_tasks(of: asyncio.AbstractEventLoop | None = None) -> set[Any]:
        if of not in (None, loop):
            return all_tasks(of)
        return {task for task in (*tasks, decoy) if not task.done()}

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        task: Any = before(loop, coroutine, **options) if before else asyncio.Task(coroutine, loop=loop, **options)
        if _mark.get() is tasks:
            tasks.append(task)
        return task

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not context.get("message", "").endswith("exception was never retrieved"):  # the verdict says it
            handler(loop, context) if handler else loop.default_exception_handler(context)

    handler = loop.get_exception_handler()
    loop.set_task_factory(make)
    loop.set_exception_handler(handle)
    learners = names_seen_by(function)
    imported = [name for name, value in learners.items() if value is all_tasks]
    asyncio.all_tasks = asyncio.tasks.all_tasks = own_tasks  # type: ignore[assignment]
    learners.update(dict.fromkeys(imported, own_tasks))
    try:
        with owner(_mark, tasks) as (ours, work):
            yield tasks, decoy, ours, work
    finally:
        asyncio.all_tasks = asyncio.tasks.all_tasks = all_tasks
        learners.update(dict.fromkeys(imported, all_tasks))
        loop.set_task_factory(before)
        loop.set_exception_handler(handler)
