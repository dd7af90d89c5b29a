"""The progress bar of a batch: tqdm's, in a notebook and in a terminal."""

import asyncio
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..words import duration, usd
from .result import Summary

DELAY = 1.0  # seconds; what ends sooner shows no bar
EVERY = 0.2  # seconds


@contextmanager
def shown(look: Callable[[], Summary], wanted: bool | None) -> Iterator[None]:
    """Shows what `look()` tells, in its `with` block. `wanted` None: where somebody can see it."""
    file = place()
    if wanted is False or (wanted is None and file is sys.stderr and not file.isatty()):
        yield
        return
    bar, timer = _bar(look().total, file), None
    if bar is None:
        yield
        return
    loop = asyncio.get_running_loop()
    try:

        def update() -> None:
            nonlocal timer
            _show(bar, look())
            timer = loop.call_later(EVERY, update)

        update()
        yield
    finally:
        if timer is not None:
            timer.cancel()
        _show(bar, look())
        bar.close()


def _bar(total: int | None, file: Any) -> Any:
    """None where tqdm is not there, or takes other arguments: a batch goes on without a bar."""
    with suppress(ImportError, TypeError, KeyError):  # a KeyError is what tqdm raises for an argument it does not know
        from tqdm import tqdm  # only now: importing it takes longer than a small batch

        return tqdm(total=total, file=file, delay=DELAY, mininterval=0, ncols=_width(file))
    return None


def place() -> Any:
    """Where it is shown: in a notebook what goes to stderr would look like an error."""
    in_notebook = "ipykernel" in sys.modules and type(sys.stdout).__module__.startswith("ipykernel")
    return sys.stdout if in_notebook else sys.stderr


def _width(file: Any) -> int | None:
    return None if file.isatty() else 100


def _show(bar: Any, summary: Summary) -> None:
    # the time and the speed are the summary's own: tqdm's would count what was saved, and what was never sent
    counts = "{l_bar}{bar}| {n_fmt}/{total_fmt}" if summary.total is not None else "{n_fmt} questions"
    bar.bar_format = f"{counts} [{', '.join(_facts(summary))}]"
    bar.update(summary.finished - bar.n)


def _facts(summary: Summary) -> Iterator[str]:
    left, speed = (summary.total or 0) - summary.finished, summary.calls_per_second
    yield duration(summary.seconds)
    if left > 0 and speed and not summary.stopped:
        yield f"about {duration(math.ceil(left / speed))} left"
    if speed:
        yield f"{speed:,.1f} answers/s"
    if failed := summary.failures.total():
        yield f"failed={failed:,}"
    if not_done := summary.done - summary.finished:
        yield f"not done={not_done:,}"
    if summary.incomplete:
        yield f"cut={summary.incomplete:,}"
    if summary.retries:
        yield f"retries={summary.retries:,}"
    expected = summary.expected_cost
    of_about = f" of about {usd(expected)}" if expected is not None and left > 0 and not summary.stopped else ""
    yield f"cost={usd(summary.cost)}{' + unknown' if summary.unknown_costs else ''}{of_about}"
