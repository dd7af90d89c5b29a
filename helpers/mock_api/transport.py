"""The door without a socket: a transport that serves the SDK's clients inside this process."""

import time
from asyncio import sleep  # the function itself: a check that shortens a learner's pauses leaves latencies alone
from collections.abc import AsyncIterator, Iterator

import httpx2

from .api import MockAPI
from .exchange import Reply

TICK = 0.05  # seconds; how often a hanging request looks whether the API was closed


class MockTransport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Answers from a `MockAPI` where a network would be, and keeps the SDK's timeouts as a socket would.

    >>> from openai import OpenAI
    >>> transport = MockTransport(MockAPI(pace=0.01))
    >>> with OpenAI(api_key="any", http_client=httpx2.Client(transport=transport)) as client:
    ...     len(client.models.list().data) > 3
    True
    """

    def __init__(self, api: MockAPI, base: str = "/v1") -> None:
        self.api = api
        self._base = base.rstrip("/")  # the path of the address in whose place it answers

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        reply = self._reply(request, request.read())
        steps = _steps(self.api, reply, request)
        while isinstance(step := next(steps), float):
            time.sleep(step)
        return httpx2.Response(reply.status, headers=reply.headers, stream=_Body(steps))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        reply = self._reply(request, await request.aread())
        steps = _steps(self.api, reply, request)
        while isinstance(step := next(steps), float):
            await sleep(step)
        return httpx2.Response(reply.status, headers=reply.headers, stream=_Body(steps))

    def _reply(self, request: httpx2.Request, body: bytes) -> Reply:
        path = "/v1" + request.url.path.removeprefix(self._base)
        query = f"?{request.url.query.decode()}" if request.url.query else ""
        return self.api.handle(request.method, path + query, request.headers, body)


Step = float | bytes  # seconds to wait, or what is received; an empty one stands for the headers


def _steps(api: MockAPI, reply: Reply, request: httpx2.Request) -> Iterator[Step]:
    """What a reply is for its client, step by step; it raises what a socket would."""
    limit = request.extensions.get("timeout", {}).get("read")

    def wait(seconds: float) -> Iterator[Step]:
        if limit is not None and seconds > limit:
            yield float(limit)
            raise httpx2.ReadTimeout("The read operation timed out", request=request)
        yield float(seconds)

    yield from wait(reply.before)
    if reply.pieces:
        yield b""
    for piece in reply.pieces:
        if piece.wait:
            yield from wait(piece.wait)
        yield piece.data
    waited = 0.0
    while reply.ending == "hanging" and not api.closed:
        if limit is not None and waited >= limit:
            raise httpx2.ReadTimeout("The read operation timed out", request=request)
        yield TICK
        waited += TICK
    if reply.ending != "complete":
        raise httpx2.RemoteProtocolError("Server disconnected before its answer was complete.", request=request)


class _Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[bytes]:
        for step in self._steps:
            if isinstance(step, float):
                time.sleep(step)
            else:
                yield step

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, float):
                await sleep(step)
            else:
                yield step
