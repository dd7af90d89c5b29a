"""The one place where requests are met on their way out: the `send` of httpx2's two clients, which the SDK uses.

Whoever wants to know what is sent puts a function into `observers`, whoever may forbid it one into `guards`, and
whoever answers for a host puts a transport into `routes`. They meet every request of this process: from any client,
any thread, the SDK's own retries included. (The one exception: a client of the older httpx package, which the SDK
still accepts as `http_client`.)
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import httpx2

from .mock_api import MockTransport


class Observer(Protocol):
    """Is told how one request fares, at once: whatever it does meanwhile, the caller waits for.

    `headers` says whether the caller takes the body piece by piece (`stream`) or as a whole. `ended` may come more
    than once; the first time counts. It comes with the error that ended it, or without one: `whole` where the body was
    read to its end, and not where it was closed before.
    """

    def headers(self, response: httpx2.Response, *, stream: bool) -> None: ...
    def data(self, chunk: bytes) -> None: ...
    def ended(self, error: BaseException | None = None, *, whole: bool = False) -> None: ...


class Mender(Protocol):
    """`mend` gives the bytes as they may be shown. The last `unsure` of them may have to be seen with what follows."""

    def mend(self, content: bytes) -> bytes: ...
    def unsure(self, content: bytes) -> int: ...


# called with each request and the client that sends it; one that gives None does not want to know
observers: list[Callable[[httpx2.Request, object], Observer | None]] = []

# called with each request before it is sent; one that raises stops it
guards: list[Callable[[httpx2.Request], None]] = []

# the host of a URL, and what answers for it in place of the network
routes: dict[str, MockTransport] = {}

# takes out of answers what must not be in them: live mode puts one here, for the learner's key
mender: Mender | None = None


def install() -> None:
    """Puts the two functions below in the place of httpx2's own; a second time does nothing."""
    if httpx2.Client.send is not _send:
        httpx2.Client.send = _send  # type: ignore[method-assign]
        httpx2.AsyncClient.send = _asend  # type: ignore[method-assign]


_original_send = httpx2.Client.send
_original_asend = httpx2.AsyncClient.send


def _send(self: httpx2.Client, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
    transport = _cleared(request)
    # what a request says of timeouts came from its own client, and travels with it
    client = httpx2.Client(transport=transport, trust_env=False) if transport else self
    observer = _observer(request, self)
    if observer is None and mender is None:
        return _original_send(client, request, stream=stream, **options)
    observer = observer or _Nobody()
    try:
        # with stream=True, so that headers and body are seen apart; read here where the caller wants it whole
        if mender is not None and stream:
            request.headers["accept-encoding"] = "identity"  # what is packed cannot be mended piece by piece
        response = _original_send(client, request, stream=True, **options)
        if _is_read_first(response):
            response.read()
            response = _mended(response)
    except BaseException as error:
        observer.ended(error)
        raise
    finally:
        _mend_headers(request.headers)
    _mend_headers(response.headers)
    if stream:
        _watch_body(response, observer)
        return response
    observer.headers(response, stream=False)
    try:
        observer.data(response.read())
    except BaseException as error:
        observer.ended(error)
        response.close()
        raise
    observer.ended(whole=True)
    return _mended(response) if mender else response


async def _asend(
    self: httpx2.AsyncClient, request: httpx2.Request, *, stream: bool = False, **options: Any
) -> httpx2.Response:
    transport = _cleared(request)
    client = httpx2.AsyncClient(transport=transport, trust_env=False) if transport else self
    observer = _observer(request, self)
    if observer is None and mender is None:
        return await _original_asend(client, request, stream=stream, **options)
    observer = observer or _Nobody()
    try:
        if mender is not None and stream:
            request.headers["accept-encoding"] = "identity"
        response = await _original_asend(client, request, stream=True, **options)
        if _is_read_first(response):
            await response.aread()
            response = _mended(response)
    except BaseException as error:
        observer.ended(error)
        raise
    finally:
        _mend_headers(request.headers)
    _mend_headers(response.headers)
    if stream:
        _watch_body(response, observer)
        return response
    observer.headers(response, stream=False)
    try:
        observer.data(await response.aread())
    except BaseException as error:
        observer.ended(error)
        await response.aclose()
        raise
    observer.ended(whole=True)
    return _mended(response) if mender else response


def _cleared(request: httpx2.Request) -> MockTransport | None:
    """Shows the request to the guards; returns what answers it, where that is not the network."""
    for guard in guards:
        guard(request)
    return routes.get(request.url.host) if routes else None


def _observer(request: httpx2.Request, client: object) -> Observer | None:
    """Who wants to know how this request fares; None where nobody does."""
    several = [each for observe in observers if (each := observe(request, client)) is not None]
    if len(several) > 1:
        return _Several(several)
    return several[0] if several else None


def _watch_body(response: httpx2.Response, observer: Observer) -> None:
    observer.headers(response, stream=True)
    if response.is_closed:  # its body came along, as a mocked response's does
        observer.data(response.content)
        observer.ended(whole=True)
    else:
        response.stream = _WatchedBody(response.stream, observer)


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


class _Nobody:
    """Does not want to know."""

    def headers(self, response: httpx2.Response, *, stream: bool) -> None: ...
    def data(self, chunk: bytes) -> None: ...
    def ended(self, error: BaseException | None = None, *, whole: bool = False) -> None: ...


class _Several:
    """Observers of one request, as one."""

    def __init__(self, observers: list[Observer]) -> None:
        self._observers = observers

    def headers(self, response: httpx2.Response, *, stream: bool) -> None:
        for observer in self._observers:
            observer.headers(response, stream=stream)

    def data(self, chunk: bytes) -> None:
        for observer in self._observers:
            observer.data(chunk)

    def ended(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        for observer in self._observers:
            observer.ended(error, whole=whole)


class _WatchedBody(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, body: Any, observer: Observer) -> None:
        self._body = body
        self._observer = observer
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
                self._observer.data(chunk)
                yield self._mended(chunk)
        except GeneratorExit:  # the reader has heard enough
            raise
        except BaseException as error:
            self._observer.ended(error)
            raise
        self._observer.ended(whole=True)
        if self._held:
            yield self._held

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                self._observer.data(chunk)
                yield self._mended(chunk)
        except GeneratorExit:
            raise
        except BaseException as error:
            self._observer.ended(error)
            raise
        self._observer.ended(whole=True)
        if self._held:
            yield self._held

    def close(self) -> None:
        self._body.close()
        self._observer.ended()

    async def aclose(self) -> None:
        # told first: closing may wait, and may be cancelled
        self._observer.ended()
        await self._body.aclose()
