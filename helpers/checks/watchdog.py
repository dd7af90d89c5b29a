"""Watches an event loop from a thread: says what blocks it, and breaks off what would block it for ever."""

import asyncio
import ctypes
import linecache
import selectors
import signal
import sys
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import thread as thread_pool
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

OWN_THREADS = ("watchdog", "practice-api", "keep-awake")
BEAT = 0.02  # seconds between two looks at the loop
LATE = 0.08  # seconds without a beat from which on the loop counts as blocked
STUCK = 20  # looks, one after the other, at which it waits in one lock that nobody can open any more

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_HELPERS = str(Path(__file__).parents[1])


class TimeUp(BaseException):
    """Raised inside a learner's code that does not end; not an Exception, which that code might catch."""

    @staticmethod
    def again() -> object:
        """Raises it in its thread."""


class Line(NamedTuple):
    """A line of the learner's code."""

    number: int
    code: str


class Block(NamedTuple):
    seconds: float
    line: Line


class Watchdog:
    """While it is entered: `blocks` is what has blocked the loop so far, and where.

    When the loop has been stuck in the learner's code at `limit` seconds, `on_limit` is called and TimeUp is raised
    there; `stuck_at` is the line. So it is sooner where the loop waits in a lock of threads, and no thread is left that
    could open it: then it is `locked`.
    """

    def __init__(self, limit: float, on_limit: Callable[[], None]) -> None:
        self.blocks: list[Block] = []
        self.stuck_at: Line | None = None
        self.locked = False
        self._limit = limit
        self._on_limit = on_limit
        self._seen: list[Line] = []  # the learner's lines that were found running since the last beat
        self._over = threading.Event()

    def __enter__(self) -> "Watchdog":
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._began = self._last = time.perf_counter()
        self._waits_in: FrameType | None = None  # where it was found in a lock
        self._found = 0  # so many times
        self._threads = places()
        self._next = self._loop.call_soon(self._beat)
        # a signal breaks off what waits in C, such as a `time.sleep` or a lock; only the main thread gets one
        self._handler = None
        with suppress(ValueError, AttributeError):  # another thread, Windows
            self._handler = signal.signal(signal.SIGURG, _on_signal)  # which does nothing where nobody handles it
        with suppress(RuntimeError):  # no threads here, as in a browser: then nothing is broken off
            threading.Thread(target=self._watch, name=OWN_THREADS[0], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._waits_in = None
        self._next.cancel()
        self._note_block()
        if self._handler is not None:
            signal.signal(signal.SIGURG, self._handler)
        if self.stuck_at is not None:
            _mend_executor(self._loop)

    def _beat(self) -> None:
        self._note_block()
        self._next = self._loop.call_later(BEAT, self._beat)

    def _note_block(self) -> None:
        disarm()
        now = time.perf_counter()
        # a busy machine is late too; what blocks is found at it twice
        if len(self._seen) > 1 and now - self._last > LATE:
            self.blocks.append(Block(now - self._last, Counter(self._seen).most_common(1)[0][0]))
        self._seen = []
        self._last = now

    def _watch(self) -> None:
        while not self._over.wait(BEAT):
            now = time.perf_counter()
            if now - self._last < LATE:
                self._waits_in = None
                continue
            frame = _frames().get(self._loop_thread)
            line = learners_line(frame)
            if frame is None or line is None:
                self._waits_in = None
                continue
            locked = self._is_locked(frame)
            if waits(frame):
                self._seen.append(line)
            if locked or now - self._began > self._limit:
                if self.stuck_at is None:  # what comes after it is its doing
                    self.stuck_at, self.locked = line, locked
                self._on_limit()
                if self._handler is None:
                    _raise_in(self._loop_thread)
                else:
                    signal.pthread_kill(self._loop_thread, signal.SIGURG)

    def _is_locked(self, frame: FrameType) -> bool:
        """Whether it is still in one and the same wait for a lock, and nobody there who might open it."""
        if not in_a_lock(frame) or at_work(self._threads, self._loop_thread):
            self._waits_in = None
            return False
        self._found = self._found + 1 if frame is self._waits_in else 1
        self._waits_in = frame
        return self._found > STUCK


def _frames() -> dict[int, FrameType]:
    """What each thread is running; {} where Python does not tell: then nothing is named, and nothing broken off."""
    return sys._current_frames() if hasattr(sys, "_current_frames") else {}


Places = dict[int, CodeType]  # in which code each thread is


def places() -> Places:
    return {thread: frame.f_code for thread, frame in _frames().items()}


def tells_of_threads() -> bool:
    return bool(_frames())


def at_work(before: Places, *others: int) -> bool:
    """Whether a thread does something that a run may wait for; where the threads were before it is known.

    Without the thread that asks, the `others`, and the workbook's own.
    """
    threads = threading.enumerate()
    if any(thread.name.startswith("AnyIO worker") for thread in threads):  # whether it has work is not to be seen
        return True
    own = {thread.ident for thread in threads if thread.name in OWN_THREADS}
    own.update((threading.get_ident(), *others))
    return any(not _at_ease(frame, before.get(thread)) for thread, frame in _frames().items() if thread not in own)


def _at_ease(frame: FrameType, before: CodeType | None) -> bool:
    """Whether a thread has nothing to do: it is where it was, or waits in a lock, or for the next piece of work."""
    code = frame.f_code
    if code is before or code is _POOL or in_a_lock(frame):
        return True
    # a thread of the kernel's waits for messages; work may have an event loop of its own
    return before is not None and code.co_filename == selectors.__file__ and not _does_work(frame)


def _does_work(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _POOL:
            return True
        frame = frame.f_back
    return False


_POOL = getattr(getattr(thread_pool, "_worker", None), "__code__", None)  # a thread of a pool waits in this for work


def in_a_lock(frame: FrameType) -> bool:
    """Whether it waits in `threading`, without a time limit."""
    return frame.f_code.co_filename == threading.__file__ and frame.f_locals.get("timeout", 0) in (None, -1)


def learners_line(frame: FrameType | None) -> Line | None:
    """The innermost line that is not a library's, in what the event loop is running; None where it runs nothing such.

    Nor where it imports a module or builds a client, which takes its time once and is no fault.
    """
    found = None
    while frame is not None:
        name, function = frame.f_code.co_filename, frame.f_code.co_name
        if function == "_run" and name.endswith("events.py"):
            return found
        if name.startswith("<frozen importlib") or (function == "__init__" and name.endswith("_client.py")):
            return None
        found = found or own_line(name, frame.f_lineno)
        frame = frame.f_back
    return None


def waits(frame: FrameType) -> bool:
    """Whether it is the learner's own code that goes on in a thread, or a lock or a socket that it waits for.

    Not other code of a library, which may be late on a busy machine, and is none of the learner's doing.
    """
    name, function = frame.f_code.co_filename, frame.f_code.co_name
    if own_line(name, 0) is not None:
        return True
    return name.endswith(("socket.py", "ssl.py", "threading.py")) and function in (
        "acquire",
        "readinto",
        "read",
        "recv",
    )


def own_line(filename: str, number: int) -> Line | None:
    """A line of the learner's; None where the file is a library's."""
    if filename.startswith((*_LIBRARIES, _HELPERS, "<frozen")):
        return None
    return Line(number, linecache.getline(filename, number).strip())


def _raise_in(thread: int) -> None:
    """Raises a TimeUp in a thread, at its next step in Python: in a `while True` at once, after a `time.sleep`."""
    time_up(thread).again()


def _on_signal(_: int, frame: FrameType | None) -> None:
    if learners_line(frame) and not _hands_work_to_a_thread(frame):  # and not in what has come after it since
        raise time_up(threading.get_ident())


def _hands_work_to_a_thread(frame: FrameType | None) -> bool:
    """Whether it holds an executor's locks, for a moment: raised there, TimeUp would leave them locked for ever."""
    while frame is not None:
        if frame.f_code.co_name == "submit" and frame.f_code.co_filename == thread_pool.__file__:
            return True
        frame = frame.f_back
    return False


def _mend_executor(loop: asyncio.AbstractEventLoop) -> None:
    """Gives the loop another executor for `asyncio.to_thread`: TimeUp may have left the locks of this one locked."""
    loop.set_default_executor(thread_pool.ThreadPoolExecutor(thread_name_prefix="asyncio"))
    shared = getattr(thread_pool, "_global_shutdown_lock", None)
    if shared is not None:
        shared.acquire(timeout=1)  # nobody holds it as long as that
        shared.release()


_armed: list[type[TimeUp]] = []


def time_up(thread: int) -> type[TimeUp]:
    """A TimeUp that comes again when it was swallowed, as by a bare `except` in a loop: the second one comes after it.

    What is called when the swallowed one is deleted must not be Python code, or the second would come in that.
    """
    kind = type("TimeUp", (TimeUp,), {})
    with suppress(AttributeError):  # not CPython
        again = partial(ctypes.pythonapi.PyThreadState_SetAsyncExc, ctypes.c_ulong(thread), ctypes.py_object(kind))
        kind.again = kind.__del__ = staticmethod(again)  # type: ignore[attr-defined]
        _armed.append(kind)
    return kind


def disarm() -> None:
    while _armed:
        del _armed.pop().__del__  # type: ignore[attr-defined]
