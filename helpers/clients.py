"""The client that helpers share: one for each event loop."""

import asyncio
from collections.abc import AsyncGenerator
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient, not_given

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()
# what closes each client that is open; a generator that nobody keeps would close its client at once
_keepers: dict[AsyncOpenAI, AsyncGenerator] = {}

Kept = tuple[dict[asyncio.AbstractEventLoop, AsyncOpenAI], list[AsyncOpenAI]]


async def of_this_loop(timeout: float | None) -> AsyncOpenAI:
    """Made at the first call, then always the same, and closed with the loop. `timeout`: seconds; None: the SDK's."""
    loop = asyncio.get_running_loop()
    if loop not in _clients or _clients[loop].is_closed():
        keeper = _keep_one(timeout)
        client = await anext(keeper)
        _clients[loop], _keepers[client] = client, keeper
    return _clients[loop]


def forget() -> None:
    """Makes helpers build their clients anew: another API answers, with another key.

    The old ones may have calls in flight, so they stay open as long as their loop.
    """
    _clients.clear()
    # the module-level client (openai.chat.completions…) has read the environment too
    getattr(openai, "_reset_client", lambda: None)()


def kept() -> Kept:
    """Those that there are, for `keep_only`."""
    return dict(_clients), list(_keepers)


async def keep_only(those: Kept) -> None:
    """Closes the clients that were made since, and goes on with those."""
    clients, open_then = those
    for keeper in [keeper for client, keeper in _keepers.items() if client not in open_then]:
        await keeper.aclose()
    forget()
    _clients.update(clients)


async def _keep_one(timeout: float | None) -> AsyncGenerator[AsyncOpenAI, None]:
    # an event loop ends its async generators before it closes, and so this client
    patience = not_given if timeout is None else timeout
    async with AsyncOpenAI(http_client=_http_client(), timeout=patience) as client:
        try:
            yield client
        finally:
            del _keepers[client]
            loop = asyncio.get_running_loop()
            if _clients.get(loop) is client:
                del _clients[loop]


def _http_client() -> httpx2.AsyncClient:
    try:
        return DefaultAioHttpClient()  # half the CPU of the default
    except RuntimeError:  # aiohttp is not installed, as in a browser
        return DefaultAsyncHttpxClient()
