"""What a run does beside its calls, noted while it does it: pauses, files, clients, and what Python warns of."""

import asyncio
import gc
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from ..wire import send
from ..wire.exchange import Exchange
from . import fence
from .watchdog import own_line

Span = tuple[float, float]  # from second, to second


@contextmanager
def pauses(function: Any, share: float, now: Callable[[], float], ours: Callable[[], bool]) -> Iterator[list[Span]]:
    """Collects the run's pauses, and shortens them to a `share`: the learner's own, and the SDK's before a retry.

    Only these: latencies and time limits stay as they are, as a task judges by them.
    """
    asleep, of_anyio = asyncio.sleep, anyio.sleep
    noted: list[Span] = []

    async def sleep(delay: float, *result: Any, **named: Any) -> Any:
        if not ours():
            return await asleep(delay, *result, **named)
        start = now()
        try:
            return await asleep(delay * share, *result, **named)
        finally:
            noted.append((start, now()))

    learners = names_seen_by(function)
    imported = {name: value for name, value in learners.items() if value is asleep or value is of_anyio}
    try:
        asyncio.sleep = anyio.sleep = sleep
        learners.update(dict.fromkeys(imported, sleep))
        yield noted
    finally:
        asyncio.sleep, anyio.sleep = asleep, of_anyio
        learners.update(imported)


def names_seen_by(function: Any) -> dict[str, Any]:
    """The names that a function sees: of a `functools.partial` its function's, of an object its class's `__call__`."""
    while isinstance(function, partial):
        function = function.func
    found = getattr(function, "__globals__", None) or getattr(type(function).__call__, "__globals__", {})
    return dict[str, Any]() if found is None else found


def names_used_by(function: Any) -> frozenset[str]:
    """The names that stand in a function, and in those of the same cell or file that it uses.

    What it did is seen elsewhere: these only help to find the words for it.
    """
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__wrapped__", function)
    first = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    seen_names, found, codes, done = names_seen_by(function), set[str](), [first], set[Any]()
    while codes:
        code = codes.pop()
        if not isinstance(code, types.CodeType) or code in done:
            continue
        done.add(code)
        found.update(code.co_names)
        keywords = [name for each in code.co_consts if isinstance(each, tuple) for name in each]
        found.update(name for name in keywords if isinstance(name, str))
        codes += code.co_consts
        others = (getattr(seen_names.get(name), "__code__", None) for name in code.co_names)
        codes += [other for other in others if other is not None and other.co_filename == code.co_filename]
    return frozenset(found)


@contextmanager
def files(ours: Callable[[], bool]) -> Iterator[dict[str, list[Path]]]:
    """Collects the files that the run opens, to be `read` or `written`."""
    noted: dict[str, list[Path]] = {"read": [], "written": []}

    def note(path: Any, mode: Any, *_: Any) -> None:
        if isinstance(path, (str, bytes)) and isinstance(mode, str) and ours():
            name = path.decode(errors="replace") if isinstance(path, bytes) else path
            noted["written" if set(mode) & set("wax+") else "read"].append(Path(name))

    fence.listeners.append(note)
    try:
        yield noted
    finally:
        fence.listeners.remove(note)


@contextmanager
def senders(ours: Callable[[], bool]) -> Iterator[tuple[list[Any], list[asyncio.Task[Any]]]]:
    """Collects the clients that send something for the run, and the tasks that send something though cancelled."""
    clients: list[Any] = []
    insistent: list[asyncio.Task[Any]] = []

    def note(exchange: Exchange, client: object) -> None:
        if not ours():
            return
        if not any(client is each for each in clients):
            clients.append(client)
        with suppress(RuntimeError):  # a thread without an event loop
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                insistent.append(task)

    send.observers.append(note)
    try:
        yield clients, insistent
    finally:
        send.observers.remove(note)


_NEVER_AWAITED = re.compile(r"coroutine '(.+)' was never awaited")
_UNCLOSED = re.compile(r"unclosed file <.*name='(.+?)' ")
_MADE_AT = re.compile(r'File "(.+)", line (\d+)')


@contextmanager
def warned() -> Iterator[list[warnings.WarningMessage]]:
    """Keeps back what Python warns of; in the end all is passed on but what the verdict tells."""
    depth = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(2)  # the warning says where it was made, perhaps by the SDK's wrapper
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", message="coroutine .* was never awaited")
            warnings.filterwarnings("always", message="unclosed file", category=ResourceWarning)
            yield caught
            gc.collect()  # what nobody awaited is told now, and not whenever Python comes to it
    finally:
        sys.set_coroutine_origin_tracking_depth(depth)
    for warning in caught:
        if not _NEVER_AWAITED.match(str(warning.message)) and not _UNCLOSED.match(str(warning.message)):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def forgotten(caught: list[warnings.WarningMessage]) -> list[str]:
    """The names of the learner's coroutines that were never awaited; a library may leave some of its own."""
    names = []
    for text in (str(warning.message) for warning in caught):
        match, made_at = _NEVER_AWAITED.match(text), _MADE_AT.findall(text)
        if made_at and "openai" in Path(made_at[-1][0]).parts:  # its wrapper around `create`
            made_at.pop()
        if match and made_at and own_line(made_at[-1][0], int(made_at[-1][1])):
            names.append(match.group(1).rpartition(".")[2])
    return names


def left_open(caught: list[warnings.WarningMessage]) -> list[Path]:
    """The files that Python closed in place of the learner's code."""
    found = (_UNCLOSED.match(str(warning.message)) for warning in caught)
    return [Path(match[1]) for match in found if match]
