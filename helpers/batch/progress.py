"""The progress bar of a batch: tqdm's, in a notebook and in a terminal."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..words import usd
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
    from tqdm import tqdm  # only now: importing it takes longer than a small batch

    loop, bar, timer = asyncio.get_running_loop(), None, None
    try:
        started = look()
        bar = tqdm(total=started.total, unit=" questions", file=file, delay=DELAY, mininterval=0, ncols=_width(file))

        def update() -> None:
            nonlocal timer
            _show(bar, look())
            timer = loop.call_later(EVERY, update)

        update()
        yield
    finally:
        if timer is not None:
            timer.cancel()
        if bar is not None:
            _show(bar, look())
            bar.close()


def place() -> Any:
    """Where it is shown: in a notebook what goes to stderr would look like an error."""
    in_notebook = "ipykernel" in sys.modules and type(sys.stdout).__module__.startswith("ipykernel")
    return sys.stdout if in_notebook else sys.stderr


def _width(file: Any) -> int | None:
    return None if file.isatty() else 100


def _show(bar: Any, summary: Summary) -> None:
    facts = {}
    if failed := summary.failed.total():
        facts["failed"] = f"{failed:,}"
    if summary.retries:
        facts["retries"] = f"{summary.retries:,}"
    facts["cost"] = usd(summary.cost) + (" + unknown" if summary.unknown_costs else "")
    expected = summary.expected_cost
    if expected is not None and summary.done < (summary.total or 0):
        facts["cost"] += f" of about {usd(expected)}"
    bar.set_postfix(facts, refresh=False)
    bar.update(summary.done - bar.n)
