"""The client that helpers share: one for each event loop."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import DEFAULT_CONNECTION_LIMITS, AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient, not_given

from ..open_files import MOST, room

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()
# what closes each client that is open; a generator that nobody keeps would close its client at once
_keepers: dict[AsyncOpenAI, AsyncGenerator[AsyncOpenAI, None]] = {}

# what the SDK's module-level client reads in the environment, and keeps in openai.api_key and so on
OF_THE_MODULE = ("api_key", "admin_api_key", "organization", "project", "webhook_secret")

Kept = tuple[dict[asyncio.AbstractEventLoop, AsyncOpenAI], list[AsyncOpenAI], dict[str, str | None]]


def is_sync(client: object) -> bool:
    """Whether it is a client without await, of whichever library.

    >>> is_sync(httpx2.Client()), is_sync(httpx2.AsyncClient())
    (True, False)
    """
    return not hasattr(client, "aclose")


async def of_this_loop(timeout: float | None) -> AsyncOpenAI:
    """Made at the first call, then always the same, and closed with the loop. `timeout`: seconds; None: the SDK's."""
    loop = asyncio.get_running_loop()
    if loop not in _clients or _clients[loop].is_closed():
        keeper = _keep_one(timeout)
        client = await anext(keeper)
        _clients[loop], _keepers[client] = client, keeper
    return _clients[loop]


def forget(environment: Collection[str | None] = ()) -> None:
    """Makes helpers build their clients anew: another API answers, with another key.

    The old ones may have calls in flight, so they stay open as long as their loop. `environment` is what stood in the
    environment until now: the module-level client (openai.chat.completions…) has read keys there, and would keep them.
    """
    _clients.clear()
    getattr(openai, "_reset_client", lambda: None)()
    for name in OF_THE_MODULE:
        if getattr(openai, name, None) in environment:
            setattr(openai, name, None)


def kept() -> Kept:
    """Those that there are, for `keep_only`."""
    return dict(_clients), list(_keepers), {name: getattr(openai, name, None) for name in OF_THE_MODULE}


async def keep_only(those: Kept) -> None:
    """Closes the clients that were made since, and goes on with those."""
    clients, open_then, of_the_module = those
    for keeper in [keeper for client, keeper in _keepers.items() if client not in open_then]:
        await keeper.aclose()
    forget()
    _clients.update(clients)
    for name, value in of_the_module.items():
        setattr(openai, name, value)


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
    # where the system allows few open files, calls wait for a connection in place of failing for want of one
    limits = httpx2.Limits(
        max_connections=min(room(), DEFAULT_CONNECTION_LIMITS.max_connections or MOST),
        max_keepalive_connections=DEFAULT_CONNECTION_LIMITS.max_keepalive_connections,
    )
    try:
        return DefaultAioHttpClient(limits=limits)  # half the CPU of the default
    except RuntimeError:  # aiohttp is not installed, as in a browser
        return DefaultAsyncHttpxClient(limits=limits)
