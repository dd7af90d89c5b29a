"""Lets a transport that was written for httpx2 answer a client of the older httpx."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2


def bridged(transport: Any, library: Any) -> Any:
    """The transport, for clients of that library: httpx2 or httpx."""
    return transport if library is httpx2 else _Bridge(transport, library)


class _Bridge:
    def __init__(self, transport: Any, library: Any) -> None:
        self._transport = transport
        self._library = library
        self._body = type("_Body", (_Body, library.SyncByteStream, library.AsyncByteStream), {})

    def handle_request(self, request: Any) -> Any:
        body = request.read()
        with _in_its_words(self._library, request):
            return self._reply(self._transport.handle_request(_asked(request, body)), request)

    async def handle_async_request(self, request: Any) -> Any:
        body = await request.aread()
        with _in_its_words(self._library, request):
            return self._reply(await self._transport.handle_async_request(_asked(request, body)), request)

    def _reply(self, reply: httpx2.Response, request: Any) -> Any:
        body = self._body(reply.stream, self._library, request)
        return self._library.Response(reply.status_code, headers=reply.headers.raw, stream=body)

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


def _asked(request: Any, body: bytes) -> httpx2.Request:
    extensions = {**request.extensions}
    return httpx2.Request(
        request.method, str(request.url), headers=request.headers.raw, content=body, extensions=extensions
    )


@contextmanager
def _in_its_words(library: Any, request: Any) -> Iterator[None]:
    """Inside, an error of httpx2 becomes the other library's error of the same name."""
    try:
        yield
    except httpx2.TransportError as error:
        its_own = getattr(library, type(error).__name__, library.TransportError)
        raise its_own(str(error), request=request) from error


class _Body:
    def __init__(self, body: Any, library: Any, request: Any) -> None:
        self._of = body
        self._its_words = library, request

    def __iter__(self) -> Iterator[bytes]:
        with _in_its_words(*self._its_words):
            yield from self._of

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _in_its_words(*self._its_words):
            async for chunk in self._of:
                yield chunk

    def close(self) -> None:
        if hasattr(self._of, "close"):
            self._of.close()

    async def aclose(self) -> None:
        if hasattr(self._of, "aclose"):
            await self._of.aclose()
