"""One measurement, in a process of its own: `batch.py` starts it, and reads the JSON that it prints at the end."""

import asyncio
import gc
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service import ANSWER, QUESTION, pin
from ways import WAYS, Ask

WARM_UP = 3  # times the limit: connections are open then, and what is imported late is there
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Job:
    way: str
    url: str
    n: int
    limit: int  # calls in flight
    core: int
    what: str = "run"  # or "iterator"; or, of runs with and without it, "connect" or "trace"
    pairs: int = 0  # of such runs


@dataclass(frozen=True)
class Measured:
    seconds: float
    cpu: float  # seconds, user and system
    memory: int | None  # bytes at the peak, over what there was before; None where the system does not tell


def make_questions(n: int) -> Iterator[str]:
    return (QUESTION.format(number=number) for number in range(n))


def check(texts: Iterable[str | None], n: int) -> None:
    """Raises AssertionError unless each question has its own answer: nobody is fast by being wrong."""
    number = -1
    for number, text in enumerate(texts):
        assert text == ANSWER.format(number=number), f"The answer to question {number} is {text!r}."
    assert number + 1 == n, f"{number + 1} answers to {n} questions."


async def run(job: Job) -> Measured:
    async with WAYS[job.way].open(job.url, job.limit) as ask:
        warm_up = job.limit * WARM_UP
        check(await ask(list(make_questions(warm_up))), warm_up)
        return await measure(ask, job.n, as_iterator=job.what == "iterator")


async def measure(ask: Ask, n: int, *, as_iterator: bool = False) -> Measured:
    gc.collect()
    before = _memory(forget_peak=True)
    questions: Any = make_questions(n) if as_iterator else list(make_questions(n))
    start, cpu = time.perf_counter(), time.process_time()
    texts = await ask(questions)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = _memory()
    check(texts, n)
    return Measured(seconds, cpu, peak - before if peak is not None and before is not None else None)


async def share(job: Job) -> float:
    """The share of CPU that `connect()` or `watch()` adds: the median of pairs, so that a drift of the machine cancels
    out. A trace is added to what is connected, as learners have it."""
    with_it, without_it = {"connect": (nullcontext, disconnected), "trace": (traced, nullcontext)}[job.what]

    async with WAYS[job.way].open(job.url, job.limit) as ask:

        def inside(context: Callable[[], AbstractContextManager[object]]) -> Ask:
            async def ask_inside(questions: Iterable[str]) -> Iterable[str | None]:
                with context():
                    return await ask(questions)

            return ask_inside

        more, less = inside(with_it), inside(without_it)
        await measure(more, job.n)
        shares = []
        for pair in range(job.pairs):
            # each comes first as often as the other
            cpu = {each: (await measure(each, job.n)).cpu for each in ((less, more) if pair % 2 else (more, less))}
            shares.append(cpu[more] / cpu[less] - 1)
        return statistics.median(shares)


@contextmanager
def disconnected() -> Iterator[None]:
    """As it is before `connect()`: nobody sees what is sent."""
    from helpers.wire import send

    seen = list(send.observers), list(send.guards)
    send.observers.clear()
    send.guards.clear()
    try:
        yield
    finally:
        send.observers[:], send.guards[:] = seen


@contextmanager
def traced() -> Iterator[None]:
    from helpers import watch

    with watch() as trace:
        yield
    assert trace.requests


def _memory(*, forget_peak: bool = False) -> int | None:
    """The peak of this process's memory so far in bytes; with `forget_peak` a new one begins, where the system can."""
    status = Path("/proc/self/status")
    if status.exists():
        if forget_peak:
            with suppress(OSError):  # a container may forbid it; what was imported counts then
                Path("/proc/self/clear_refs").write_text("5")
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes


def stay_here() -> None:
    """Lets nothing look up a name on the network: no telemetry, no list of prices."""
    look_up = socket.getaddrinfo

    def look_up_here(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1"):
            raise OSError(f"A benchmark has no business with {host!r}.")
        return look_up(host, *arguments, **options)

    socket.getaddrinfo = look_up_here


if __name__ == "__main__":
    job = Job(**json.loads(sys.argv[1]))
    pin(job.core)
    stay_here()
    result = asyncio.run(share(job)) if job.pairs else asdict(asyncio.run(run(job)))
    print(json.dumps(result), flush=True)
    os._exit(0)  # what a competitor does at its end is not measured, and may hang
