"""`until`: how a test waits for something to happen, without a sleep that hopes."""

import asyncio
import inspect
from collections.abc import Callable

PATIENCE = 30.0  # seconds; long, as a busy machine is no failure


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Lets the event loop run until `true()` is; raises AssertionError, with its source, where that takes too long."""
    end = asyncio.get_running_loop().time() + seconds
    while not true():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"after {seconds:g} seconds this is not so yet: {_source(true)}")
        await asyncio.sleep(0.002)


def _source(function: Callable[[], object]) -> str:
    try:
        return inspect.getsource(function).strip()
    except (OSError, TypeError):  # it was typed in, or is no function
        return repr(function)
