"""Whose the code is that runs now: a run's, or another's (the kernel's, the mock API's, another cell's)."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

_thread = threading.local()  # its `owner`: who started this thread, or gave it the work that it does now


@contextmanager
def owner(mark: ContextVar[object], run: object) -> Iterator[tuple[Callable[[], bool], set[Future[Any]]]]:
    """Gives a function that says whether what calls it belongs to `run`, which has set `mark` to itself.

    And the work of its that pools of threads have to do, or are doing.

    Tasks hand the mark on to their tasks; here threads do so too, and pools of threads, whoever made those. Of a thread
    that came to be in another way, it counts whether it was there before.
    """
    before = _threads()
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    other = object()
    work = set[Future[Any]]()

    def ours() -> bool:
        found = mark.get()
        if found is None:
            found = getattr(_thread, "owner", None)
        return threading.get_ident() not in before if found is None else found is run

    def now() -> object:
        return run if ours() else other

    def start_owned(thread: threading.Thread) -> None:
        thread.run = partial(_owned, mark, now(), thread.run)  # type: ignore[method-assign]
        start(thread)

    def submit_owned(pool: ThreadPoolExecutor, function: Any, /, *arguments: Any, **named: Any) -> Any:
        whose = now()
        future = submit(pool, _owned, mark, whose, function, *arguments, **named)
        if whose is run:
            work.add(future)
            future.add_done_callback(work.discard)
        return future

    threading.Thread.start = start_owned  # type: ignore[method-assign,assignment]
    ThreadPoolExecutor.submit = submit_owned  # type: ignore[method-assign,assignment]
    try:
        yield ours, work
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]


def _threads() -> frozenset[int | None]:
    """All that there are; where Python does not tell, those that its own `threading` knows."""
    if hasattr(sys, "_current_frames"):
        return frozenset(sys._current_frames())
    return frozenset(thread.ident for thread in threading.enumerate())


def _owned(
    mark: ContextVar[object], whose: object, function: Callable[..., Any], /, *arguments: Any, **named: Any
) -> Any:
    """Calls the function in the name of its owner: what it hands back to an event loop is marked, too."""
    before, _thread.owner = getattr(_thread, "owner", None), whose
    token = mark.set(whose)
    try:
        return function(*arguments, **named)
    finally:
        mark.reset(token)
        _thread.owner = before
