"""The one place where requests are met on their way out: the `send` of the HTTP clients that the SDK uses.

Whoever wants to know what is sent puts a function into `observers`, whoever may forbid it one into `guards`, and
whoever answers for a host puts a transport into `routes`. They meet every request of this process: from any client,
any thread, the SDK's own retries included.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import httpx2

from .exchange import Exchange


class Mender(Protocol):
    """`mend` gives the bytes as they may be shown. The last `unsure` of them may have to be seen with what follows."""

    def mend(self, content: bytes) -> bytes: ...
    def unsure(self, content: bytes) -> int: ...


# called with each exchange as it begins, and the client that sends it; at once: the caller waits for it
observers: list[Callable[[Exchange, object], object]] = []

# called with each exchange before its request is sent; one that raises stops it
guards: list[Callable[[Exchange], None]] = []

# the host of a URL, and what answers for it in place of the network
routes: dict[str, Any] = {}

# takes out of answers what must not be in them: live mode puts one here, for the learner's key
mender: Mender | None = None

EXCHANGE = "workbook_exchange"  # a request's extension, where whoever makes it wants to read the exchange itself

untouched_send = httpx2.Client.send
untouched_asend = httpx2.AsyncClient.send


def install() -> None:
    """Puts the two functions below in the place of httpx2's own; a second time does nothing."""
    if httpx2.Client.send is not _send:
        httpx2.Client.send = _send  # type: ignore[method-assign]
        httpx2.AsyncClient.send = _asend  # type: ignore[method-assign]


def _send(self: httpx2.Client, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
    exchange, transport = _begun(request, self), routes.get(request.url.host) if routes else None
    # what a request says of timeouts came from its own client, and travels with it
    client = httpx2.Client(transport=transport, trust_env=False) if transport else self
    if exchange is None:
        return untouched_send(client, request, stream=stream, **options)
    try:
        # with stream=True, so that headers and body are seen apart; read here where the caller wants it whole
        if mender is not None and stream:
            request.headers["accept-encoding"] = "identity"  # what is packed cannot be mended piece by piece
        response = untouched_send(client, request, stream=True, **options)
        if _is_read_first(response):
            response.read()
            response = _mended(response)
    except BaseException as error:
        exchange.end(error)
        raise
    finally:
        _mend_request(request, exchange)
    _mend_head(response)
    if stream:
        _watch_body(response, exchange)
        return response
    exchange.answered(response, stream=False)
    try:
        exchange.data(response.read())
    except BaseException as error:
        exchange.end(error)
        response.close()
        raise
    exchange.end(whole=True)
    return _mended(response) if mender else response


async def _asend(
    self: httpx2.AsyncClient, request: httpx2.Request, *, stream: bool = False, **options: Any
) -> httpx2.Response:
    exchange, transport = _begun(request, self), routes.get(request.url.host) if routes else None
    client = httpx2.AsyncClient(transport=transport, trust_env=False) if transport else self
    if exchange is None:
        return await untouched_asend(client, request, stream=stream, **options)
    try:
        if mender is not None and stream:
            request.headers["accept-encoding"] = "identity"
        response = await untouched_asend(client, request, stream=True, **options)
        if _is_read_first(response):
            await response.aread()
            response = _mended(response)
    except BaseException as error:
        exchange.end(error)
        raise
    finally:
        _mend_request(request, exchange)
    _mend_head(response)
    if stream:
        _watch_body(response, exchange)
        return response
    exchange.answered(response, stream=False)
    try:
        exchange.data(await response.aread())
    except BaseException as error:
        exchange.end(error)
        await response.aclose()
        raise
    exchange.end(whole=True)
    return _mended(response) if mender else response


def _begun(request: httpx2.Request, client: object) -> Exchange | None:
    """The exchange that begins with this request, shown to the guards; None where nobody wants to know."""
    if not observers and not guards and mender is None:
        return None
    exchange = request.extensions.get(EXCHANGE) or Exchange()
    exchange.begin(request)
    for guard in guards:
        guard(exchange)
    for observe in observers:
        observe(exchange, client)
    return exchange


def _watch_body(response: httpx2.Response, exchange: Exchange) -> None:
    exchange.answered(response, stream=True)
    if response.is_closed:  # its body came along, as a mocked response's does
        exchange.data(response.content)
        exchange.end(whole=True)
    else:
        response.stream = _WatchedBody(response.stream, exchange)


def _is_read_first(response: httpx2.Response) -> bool:
    """Whether it has to be there whole before it can be mended: a refusal, and what is packed all the same."""
    return mender is not None and (response.status_code >= 400 or "content-encoding" in response.headers)


def _mended(response: httpx2.Response) -> httpx2.Response:
    """An answer, read to its end, without what the mender takes out."""
    content = mender.mend(response.content) if mender is not None else response.content
    if content == response.content:
        return response
    # the body's length has changed, and it is not packed any more
    packing = ("content-length", "content-encoding", "transfer-encoding")
    return httpx2.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.multi_items() if name not in packing],
        content=content,
        request=response.request,
        extensions=response.extensions,
    )


def _mend_headers(headers: httpx2.Headers) -> None:
    """Takes the key out of them: an error has its request and its response with it, and may be written to a file."""
    if mender is None:
        return
    for name, value in headers.raw:
        if (mended := mender.mend(value)) != value:
            headers[name.decode("ascii")] = mended.decode(headers.encoding)


def _mend_request(request: httpx2.Request, exchange: Exchange) -> None:
    """The same for a request that was sent; also for a password in its address, which has become a header."""
    _mend_headers(request.headers)
    if mender is not None and request.url.userinfo:
        request.url = exchange.url = request.url.copy_with(username=None, password=None)


def _mend_head(response: httpx2.Response) -> None:
    """The same for an answer, and those that led to it; also in the words behind its status."""
    for each in (*response.history, response) if mender is not None else ():
        _mend_headers(each.request.headers)
        _mend_headers(each.headers)
        if mender is not None and (words := each.extensions.get("reason_phrase")):
            each.extensions["reason_phrase"] = mender.mend(words)


class _WatchedBody(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, body: Any, exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange
        self._held = b""  # what may have to be mended with the next chunk

    def _mended(self, chunk: bytes) -> bytes:
        if mender is None:
            return chunk
        chunk = mender.mend(self._held + chunk)
        known = len(chunk) - mender.unsure(chunk)
        self._held = chunk[known:]
        return chunk[:known]

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._body:
                self._exchange.data(chunk)
                yield self._mended(chunk)
        except GeneratorExit:  # the reader has heard enough
            raise
        except BaseException as error:
            self._exchange.end(error)
            raise
        self._exchange.end(whole=True)
        if self._held:
            yield self._held

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                self._exchange.data(chunk)
                yield self._mended(chunk)
        except GeneratorExit:
            raise
        except BaseException as error:
            self._exchange.end(error)
            raise
        self._exchange.end(whole=True)
        if self._held:
            yield self._held

    def close(self) -> None:
        self._body.close()
        self._exchange.end()

    async def aclose(self) -> None:
        # told first: closing may wait, and may be cancelled
        self._exchange.end()
        await self._body.aclose()
