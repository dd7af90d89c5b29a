"""Ways to look at the libraries of today: what they send, what they raise, and with which words."""

import asyncio
import inspect
import re
import socket
import ssl
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import openai
import openai._base_client
import pytest
from IPython.core.formatters import DisplayFormatter
from openai import AsyncOpenAI

PATIENCE = 30  # seconds; what takes longer hangs


def client(**options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="any", base_url="http://127.0.0.1/v1", **options)


def sent(asked: AsyncOpenAI | None = None, retries: int = 0) -> list[httpx2.Request]:
    """What the SDK's own call sends to a service that is always busy."""
    requests: list[httpx2.Request] = []

    def busy(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(500)

    async def main() -> None:
        http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(busy), trust_env=False)
        async with (asked or client()).with_options(http_client=http_client, max_retries=retries) as ready:
            with suppress(openai.InternalServerError):
                await ready.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])

    asyncio.run(main())
    return requests


def raised(call: Callable[..., Any]) -> str:
    """The name and the words of what the call raises; a coroutine is awaited."""
    try:
        made = call()
        if inspect.isawaitable(made):

            async def main() -> None:
                await made

            asyncio.run(main())
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


def makes_a_client_without_a_key() -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
            patch.delenv(name, raising=False)
        AsyncOpenAI()


async def asks_a_closed_client() -> None:
    ready = client()
    await ready.close()
    await ready.models.list()


def crosses_loops() -> None:
    event = asyncio.Event()

    async def wait() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await event.wait()

    asyncio.run(wait())
    asyncio.run(wait())


def calls_a_closed_loop() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    loop.call_soon(print)


def warned_of(forgotten: Callable[..., Coroutine[Any, Any, None]]) -> str:
    depth = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(2)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            forgotten()
    finally:
        sys.set_coroutine_origin_tracking_depth(depth)
    return str(caught[0].message)


async def nothing() -> None:
    pass


def said_of_a_lost_error() -> str:
    said: list[str] = []

    async def fails() -> None:
        raise ValueError

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context["message"]))
        task = asyncio.ensure_future(fails())
        await asyncio.sleep(0)
        del task
        await asyncio.sleep(0)

    asyncio.run(main())
    return said[0]


def task_that_waits() -> Any:
    async def main() -> Any:
        waits = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await waits

        task: Any = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        there = task._log_destroy_pending is True and task._fut_waiter is waits
        there = there and len(task._fut_waiter._callbacks) == 1
        task.cancel()
        return there

    return asyncio.run(main())


def speaks_plainly(talk: bytes, call: Callable[[int], Any]) -> str:
    """What `call` raises, given the port of somebody who says `talk` and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(talk)

        thread = threading.Thread(target=serve)
        thread.start()
        found = raised(lambda: call(listener.getsockname()[1]))
        thread.join(PATIENCE)
    return found


def asks_in_tls(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def asks_by_a_proxy(port: int) -> None:
    with httpx2.Client(proxy=f"http://127.0.0.1:{port}", trust_env=False) as asking:
        asking.get("https://api.example.com")


REFUSED_BY_A_PROXY = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


def looks_up_nobody() -> None:
    raise socket.gaierror  # the guard of these tests lets nobody look anything up


def key_only() -> bool:
    both = client(admin_api_key="the administrator's")
    asked: Any = {"method": "post", "url": "/x", "security": {"bearer_auth": True}}
    request = both._build_request(openai._models.FinalRequestOptions(**asked))
    return request.headers["authorization"] == "Bearer any"


async def streams_piece_by_piece() -> None:
    async def pieces() -> Any:
        yield b""

    httpx2.Request("POST", "http://127.0.0.1", content=pieces()).content  # noqa: B018


def file_of(function: Any) -> str:
    return str(inspect.unwrap(function).__code__.co_filename)


def takes(function: Any, *names: str) -> bool:
    return all(name in inspect.signature(function).parameters for name in names)


async def awaits(value: Any) -> None:
    await value


async def enters(thing: Any) -> None:
    with thing:
        pass


async def runs_in_a_loop() -> None:
    made = nothing()
    try:
        asyncio.run(made)
    finally:
        made.close()


async def uses_a_coroutine() -> None:
    made: Any = nothing()
    try:
        made.answer  # noqa: B018
    finally:
        made.close()


async def uses_a_gathering() -> None:
    asyncio.gather(nothing()).answer  # type: ignore[attr-defined]  # noqa: B018


async def uses_a_task() -> None:
    asyncio.ensure_future(nothing()).answer  # type: ignore[attr-defined]  # noqa: B018


async def leaves_a_future() -> None:
    waiting = asyncio.get_running_loop().create_future().__await__()
    next(waiting)
    next(waiting)  # before it is done


async def waits_for_coroutines() -> None:
    made = nothing()
    try:
        await asyncio.wait([made])  # type: ignore[type-var]
    finally:
        made.close()


async def asks_too_early() -> None:
    asyncio.get_running_loop().create_future().result()


async def gathers_a_list() -> None:
    asyncio.gather([1])  # type: ignore[call-overload]


async def gathers_results() -> None:
    asyncio.gather("an answer")  # type: ignore[call-overload]


def asked_by_ipython() -> list[str]:
    """The methods by which it asks a thing how it looks."""
    formatter = DisplayFormatter()
    return [each.print_method for each in (*formatter.formatters.values(), formatter.mimebundle_formatter)]


def theme_variable(name: str) -> dict[str, str]:
    """Its value in JupyterLab's light and in its dark theme."""
    themes = Path(sys.prefix, "share", "jupyter", "lab", "themes", "@jupyterlab")
    found = {
        theme: re.search(rf"{name}: ?(\w+)", (themes / f"theme-{theme}-extension" / "index.css").read_text("utf-8"))
        for theme in ("light", "dark")
    }
    return {theme: match[1] for theme, match in found.items() if match}
