"""Tells when a run waits for what never comes: nothing of it goes on, and nothing is due."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from .watchdog import Line, at_work, own_line, places, tells_of_threads

LOOKS = 3  # one after the other that have to find it still


class Stillness:
    """Whether anything of a run goes on between two looks: a step on the event loop, a timer, a thread.

    What the rest of the notebook does on the same loop is not the run's.
    """

    def __init__(self, ours: Callable[[], bool], work: Collection[object]) -> None:
        """`work`: what pools of threads have to do for it."""
        self._ours = ours
        self._work = work
        self._steps = self._steps_before = 0
        self._timers: list[asyncio.TimerHandle] = []
        self._threads = places()
        self._sees = False
        self._looks = 0

    @contextmanager
    def watched(self) -> Iterator["Stillness"]:
        loop: Any = asyncio.get_running_loop()
        call_soon, call_at = loop.call_soon, loop.call_at

        def soon(*arguments: Any, **named: Any) -> asyncio.Handle:
            self._steps += self._ours()
            handle: asyncio.Handle = call_soon(*arguments, **named)
            return handle

        def at(*arguments: Any, **named: Any) -> asyncio.TimerHandle:
            timer: asyncio.TimerHandle = call_at(*arguments, **named)
            if self._ours():
                self._timers.append(timer)
            return timer

        before = {name: vars(loop).get(name) for name in ("call_soon", "call_at")} if hasattr(loop, "__dict__") else {}
        try:
            with suppress(AttributeError):  # a loop that is not written in Python: then no run is called still
                loop.call_soon, loop.call_at = soon, at
                self._sees = tells_of_threads()
            yield self
        finally:
            for name, value in before.items():
                setattr(loop, name, value)
                if value is None:
                    delattr(loop, name)

    def lasts(self, in_flight: bool) -> bool:
        """To be asked again and again: whether nothing has gone on for some looks, and nothing can come."""
        now = asyncio.get_running_loop().time()
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > now]
        went_on, self._steps_before = self._steps != self._steps_before, self._steps
        still = self._sees and not (in_flight or went_on or self._timers or self._work or at_work(self._threads))
        self._looks = self._looks + 1 if still else 0
        return self._looks >= LOOKS


class Waiting(NamedTuple):
    """Where a task waits: the learner's line, and what is called in it, such as "Semaphore.acquire"."""

    line: Line | None
    what: str


# what a run may wait in; where its tasks wait in several of them, the first is to blame
WAITS = (
    "Queue.join",
    "Semaphore.acquire",
    "Lock.acquire",
    "Queue.put",
    "Queue.get",
    "Event.wait",
    "Condition.wait",
)


def waiting(tasks: Iterable[asyncio.Task[Any]]) -> Waiting:
    """Where the tasks wait, of which the first has been started first: the one that keeps the others waiting."""
    found = [_waits_in(task) for task in tasks if not task.done()]
    known = [each for each in found if each.what in WAITS]
    return min(known, key=lambda each: WAITS.index(each.what), default=found[0] if found else Waiting(None, ""))


def _waits_in(task: asyncio.Task[Any]) -> Waiting:
    line, what, step = None, "", task.get_coro()
    while step is not None:
        frame = _first(step, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None:
            line = own_line(frame.f_code.co_filename, frame.f_lineno) or line
            name = frame.f_code.co_qualname  # the outermost that is known: a queue waits by means of an event
            what = what if what in WAITS else name
        step = _first(step, "cr_await", "gi_yieldfrom", "ag_await")
    return Waiting(line, what)


def _first(step: Any, *names: str) -> Any:
    return next((getattr(step, name) for name in names if hasattr(step, name)), None)
