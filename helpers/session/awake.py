"""Keeps a notebook's event loop awake: only an awake loop notices that ■ was pressed."""

import asyncio
import threading
import time
from contextlib import suppress
from weakref import WeakSet

TICK = 0.1  # seconds

_kept_awake: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def keep_awake() -> None:
    """Wakes the running event loop ten times a second, from a thread, until it is closed."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a script
        return
    if loop in _kept_awake:
        return
    _kept_awake.add(loop)

    def wake() -> None:
        with suppress(RuntimeError):  # the loop was closed
            while True:
                if loop.is_running():
                    loop.call_soon_threadsafe(int)
                time.sleep(TICK)

    with suppress(RuntimeError):  # no threads here, as in a browser
        threading.Thread(target=wake, name="keep-awake", daemon=True).start()
