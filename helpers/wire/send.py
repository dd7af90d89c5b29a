"""The one place where requests are met on their way out: the `send` of the HTTP clients that the SDK takes.

Those are the clients of httpx2 and of the older httpx, and all that is derived from them.

Whoever wants to know what is sent puts a function into `observers`, whoever may forbid it one into `guards`, and
whoever answers for a host puts a transport into `routes`. They meet every request of this process: from any client,
any thread, the SDK's own retries included.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import wraps
from typing import Any, Protocol
from urllib.parse import quote

import httpx2

from .bridge import bridged
from .exchange import Exchange
from .redirects import next_of, stays


class Mender(Protocol):
    """`mend` gives the bytes as they may be shown. The last `unsure` of them may have to be seen with what follows."""

    def mend(self, content: bytes) -> bytes: ...
    def unsure(self, content: bytes) -> int: ...


# called with each exchange as it begins, and the client that sends it; at once: the caller waits for it
observers: list[Callable[[Exchange, object], object]] = []

# called with each exchange before its request is sent; one that raises stops it
guards: list[Callable[[Exchange], None]] = []

# a host, or a host and its port, and what answers for it in place of the network
routes: dict[str, Any] = {}

# takes out of answers what must not be in them: live mode puts one here, for the learner's key
mender: Mender | None = None

SEEN = "workbook_seen"  # a request's extension: the address that the guards have seen
EXCHANGE = "workbook_exchange"  # a request's extension, where whoever makes it wants to read the exchange itself

untouched_asend = httpx2.AsyncClient.send

_ways: dict[Any, tuple[Any, Any]] = {}  # by library, what stands in the place of its two `send`


def install() -> None:
    """Puts functions of ours in the place of httpx2's `send`, and of the older httpx's; a second time does nothing."""
    for library in _libraries():
        ways = _ways.get(library) or _ways.setdefault(library, _ways_of(library))
        if library.Client.send is not ways[0]:
            library.Client.send, library.AsyncClient.send = ways


def _libraries() -> list[Any]:
    """Those whose clients the SDK takes. The older one is loaded here: who imports it later has it met already."""
    with suppress(Exception):  # it is not installed, or broken: nobody can use it
        import httpx

        return [httpx2, httpx]
    return [httpx2]


def _ways_of(library: Any) -> tuple[Any, Any]:
    """What is put in the place of `Client.send` and `AsyncClient.send`."""
    untouched, untouched_async = library.Client.send, library.AsyncClient.send
    watched = type("_Watched", (_WatchedBody, library.SyncByteStream, library.AsyncByteStream), {})

    def look(request: Any) -> None:
        _look_again(request)

    async def alook(request: Any) -> None:
        _look_again(request)

    @wraps(untouched)
    def send(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        exchange = _begun(request, self)
        _look_last(self, request, look, options.get("auth"), library)
        client = _client_for(request, self, library.Client, library) if routes else self
        if exchange is None:
            return untouched(client, request, stream=stream, **options)
        follow, options["follow_redirects"] = options.get("follow_redirects"), False
        try:
            # with stream=True, so that headers and body are seen apart; read here where the caller wants it whole
            if mender is not None and stream:
                request.headers["accept-encoding"] = "identity"  # what is packed cannot be mended piece by piece
            response = untouched(client, request, stream=True, **options)
            if response.next_request is not None and _follows(self, follow):
                response = led_on(self, response, exchange, options)
            if _is_read_first(response):
                response.read()
                response = _mended(response, library)
        except BaseException as error:
            exchange.end(error)
            raise
        finally:
            _mend_request(request)
            exchange.url = request.url
        _mend_all_headers(response)
        if stream:
            _watch_body(response, exchange, watched)
            return response
        exchange.answered(response, stream=False)
        try:
            exchange.data(response.read())
        except BaseException as error:
            exchange.end(error)
            response.close()
            raise
        exchange.end(whole=True)
        return _mended(response, library) if mender else response

    def led_on(self: Any, response: Any, exchange: Exchange, options: dict[str, Any]) -> Any:
        history: list[Any] = []
        while True:
            try:
                request = next_of(response, exchange, self.max_redirects, len(history), library)
                if request is None:
                    return response
                response.read()
            except BaseException:
                response.close()
                raise
            history.append(_mended(response, library))
            _show_to_guards(request, exchange.url)
            client = _client_for(request, self, library.Client, library)
            try:
                named = _in_its_name(options, request, exchange)
                response = untouched(client, request, stream=True, **named)
            finally:
                _mend_request(request)
            response.history = [*history, *response.history]

    @wraps(untouched_async)
    async def asend(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        exchange = _begun(request, self)
        _look_last(self, request, alook, options.get("auth"), library)
        client = _client_for(request, self, library.AsyncClient, library) if routes else self
        if exchange is None:
            return await untouched_async(client, request, stream=stream, **options)
        follow, options["follow_redirects"] = options.get("follow_redirects"), False
        try:
            if mender is not None and stream:
                request.headers["accept-encoding"] = "identity"
            response = await untouched_async(client, request, stream=True, **options)
            if response.next_request is not None and _follows(self, follow):
                response = await aled_on(self, response, exchange, options)
            if _is_read_first(response):
                await response.aread()
                response = _mended(response, library)
        except BaseException as error:
            exchange.end(error)
            raise
        finally:
            _mend_request(request)
            exchange.url = request.url
        _mend_all_headers(response)
        if stream:
            _watch_body(response, exchange, watched)
            return response
        exchange.answered(response, stream=False)
        try:
            exchange.data(await response.aread())
        except BaseException as error:
            exchange.end(error)
            await response.aclose()
            raise
        exchange.end(whole=True)
        return _mended(response, library) if mender else response

    async def aled_on(self: Any, response: Any, exchange: Exchange, options: dict[str, Any]) -> Any:
        history: list[Any] = []
        while True:
            try:
                request = next_of(response, exchange, self.max_redirects, len(history), library)
                if request is None:
                    return response
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
            history.append(_mended(response, library))
            _show_to_guards(request, exchange.url)
            client = _client_for(request, self, library.AsyncClient, library)
            try:
                response = await untouched_async(
                    client, request, stream=True, **_in_its_name(options, request, exchange)
                )
            finally:
                _mend_request(request)
            response.history = [*history, *response.history]

    return send, asend


def _client_for(request: Any, client: Any, kind: Any, library: Any) -> Any:
    """The client, or one whose transport answers in place of the network."""
    transport = routes.get(request.url.netloc.decode()) or routes.get(request.url.host)
    # what a request says of timeouts came from its own client, and travels with it
    return kind(transport=bridged(transport, library), trust_env=False) if transport else client


def _follows(client: Any, asked: object) -> bool:
    return bool(asked if isinstance(asked, bool) else client.follow_redirects)


def _in_its_name(options: dict[str, Any], request: Any, exchange: Exchange) -> dict[str, Any]:
    """What a client is told of a request that a redirect leads to: who it is, it says to its own service only."""
    return options if stays(exchange.url, request.url) else {**options, "auth": None}


def _show_to_guards(request: Any, seen: Any) -> None:
    """What is led to another address is a request like any other: who may forbid that one sees this one, too."""
    if not stays(seen, request.url):
        exchange = Exchange()
        exchange.begin(request)
        for guard in guards:
            guard(exchange)


def _look_last(client: Any, request: Any, look: Any, auth: Any, library: Any) -> None:
    """A client's own hooks and its `auth` may lead a request elsewhere, after the guards have seen it.

    So the last of its hooks is one of ours, where it has any.
    """
    hooks = client.event_hooks["request"]
    if guards and (hooks or client.auth or isinstance(auth, library.Auth) or callable(auth)):
        request.extensions[SEEN] = request.url
        if hooks[-1:] != [look]:
            hooks[:] = [*(each for each in hooks if each is not look), look]


def _look_again(request: Any) -> None:
    if SEEN in request.extensions:
        _show_to_guards(request, request.extensions[SEEN])


def _begun(request: Any, client: object) -> Exchange | None:
    """The exchange that begins with this request, shown to the guards; None where nobody wants to know."""
    if not observers and not guards and mender is None:
        return None
    if getattr(client, "is_closed", False) and request.url.host not in routes:  # it will not send anything
        return None
    exchange = request.extensions.get(EXCHANGE) or Exchange()
    exchange.begin(request)
    for guard in guards:
        guard(exchange)
    for observe in observers:
        observe(exchange, client)
    return exchange


def _watch_body(response: Any, exchange: Exchange, watched: Any) -> None:
    exchange.answered(response, stream=True)
    if response.is_closed:  # its body came along, as a mocked response's does
        exchange.data(response.content)
        exchange.end(whole=True)
    else:
        response.stream = watched(response.stream, exchange)


def _is_read_first(response: Any) -> bool:
    """Whether it has to be there whole before it can be mended: a refusal, and what is packed all the same."""
    return mender is not None and (response.status_code >= 300 or "content-encoding" in response.headers)


def _mended(response: Any, library: Any) -> Any:
    """An answer, read to its end, without what the mender takes out."""
    content = mender.mend(response.content) if mender is not None else response.content
    if content == response.content:
        return response
    # the body's length has changed, and it is not packed any more
    packing = ("content-length", "content-encoding", "transfer-encoding")
    mended = library.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.multi_items() if name not in packing],
        content=content,
        request=response.request,
        extensions=response.extensions,
    )
    mended.history, mended.next_request = response.history, response.next_request
    return mended


def _mend_all_headers(response: Any) -> None:
    """Those of an answer, of its request, and of the redirects on the way: an error takes them all with it.

    So a redirect that is followed by hand goes without the key.
    """
    if mender is None:
        return
    for each in (response, *response.history):
        _mend_headers(each.headers)
        _mend_request(each.request)
        if each.next_request is not None:
            _mend_request(each.next_request)
        if phrase := each.extensions.get("reason_phrase"):
            each.extensions["reason_phrase"] = mender.mend(phrase)


def _mend_headers(headers: Any) -> None:
    """Takes the key out of them: an error has its request and its response with it, and may be written to a file."""
    if mender is None:
        return
    for name, value in headers.raw:
        if (mended := mender.mend(value)) != value:
            headers[name.decode("ascii")] = mended.decode(headers.encoding)


def _mend_request(request: Any) -> None:
    """The same for a request that was sent; also for its address, and a password in it, which has become a header."""
    _mend_headers(request.headers)
    if mender is None:
        return
    if request.url.userinfo:
        request.url = request.url.copy_with(username=None, password=None)
    if (mended := mender.mend(request.url.raw_path)) != request.url.raw_path:
        request.url = request.url.copy_with(raw_path=quote(mended, safe="/?&=%:+,;@~").encode())


class _WatchedBody:
    """A body that is read piece by piece; each library gets a class of its own that is its kind of body as well."""

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
