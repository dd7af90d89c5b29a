"""The service that is asked: chat completions from a process of its own, after a fixed latency, as cheap as can be.

    python benchmarks/service.py 0.05 1    # 50 ms, on core 1; it prints its address and runs until it is ended

It reads no more of a request than it has to: where it ends, and the number of its question. What it answers is what a
client is used to: 600 bytes of JSON, and the real service's headers.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from itertools import count

QUESTION = "Question {number:06}: what is asynchronous I/O good for, and when is a thread the better choice?"
ANSWER = (
    "Answer {number:06}: while one call waits for the network, the others get on, so a thousand calls take little "
    "longer than one. A thread is the better choice for code that blocks and cannot be changed."
)
ASKED = re.compile(rb"Question (\d{6}):")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

COMPLETION = {
    "id": "chatcmpl-D3xQ0nYvHq6Zr4bLk8WmTs1u000000",
    "object": "chat.completion",
    "created": 1795381200,
    "model": "gpt-6-luna",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": ANSWER.format(number=0), "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 25, "completion_tokens": 40, "total_tokens": 65},
    "service_tier": "default",
    "system_fingerprint": "fp_5a1c09e2b7",
}

# The limits are true, and far above what any client reaches: 100,000 requests a second. A client that paces itself by
# them is not held back.
HEAD = """\
HTTP/1.1 200 OK
date: Sun, 22 Nov 2026 21:00:00 GMT
content-type: application/json
content-length: {length}
connection: keep-alive
access-control-expose-headers: X-Request-ID
openai-organization: benchmark
openai-processing-ms: {milliseconds}
openai-project: proj_benchmark
openai-version: 2020-10-01
x-ratelimit-limit-requests: 6000000
x-ratelimit-limit-tokens: 240000000
x-ratelimit-remaining-requests: 5999900
x-ratelimit-remaining-tokens: 239996000
x-ratelimit-reset-requests: 1ms
x-ratelimit-reset-tokens: 1ms
x-request-id: req_0000000000000000000000{{number:010}}
strict-transport-security: max-age=31536000; includeSubDomains; preload
x-content-type-options: nosniff
cf-cache-status: DYNAMIC
server: cloudflare
cf-ray: 9a2f0c1d2e3f4a5b-FRA
alt-svc: h3=":443"; ma=86400

"""
REFUSED = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def make_answer(latency: float) -> Callable[[bytes], bytes]:
    """A function that writes the response to a question's number, such as b"000042"."""
    body = json.dumps(COMPLETION).encode()
    head = HEAD.format(length=len(body), milliseconds=round(latency * 1_000)).replace("\n", "\r\n").encode()
    before_id, after_id = head.split(b"{number:010}")
    before, after = (after_id + body).split(b"Answer 000000", 1)
    numbers = count(1)
    return lambda number: b"%b%010d%bAnswer %b%b" % (before_id, next(numbers), before, number, after)


class Connection(asyncio.Protocol):
    """One connection, kept alive; requests that come in pieces, or several at once, are taken as they come."""

    def __init__(self, latency: float, answer: Callable[[bytes], bytes]) -> None:
        self._latency = latency
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self._received, 0, end)
            if length is None:
                return self._refuse(b"411 Length Required")
            size = end + 4 + int(length[1])
            if len(self._received) < size:
                return
            request, self._received = self._received[:size], self._received[size:]
            asked = ASKED.search(request, end)
            if asked is None or not request.startswith(b"POST /v1/chat/completions "):
                return self._refuse(b"400 Bad Request")
            if self._latency:
                self._loop.call_later(self._latency, self._transport.write, self._answer(asked[1]))
            else:
                self._transport.write(self._answer(asked[1]))

    def _refuse(self, status: bytes) -> None:
        self._transport.write(REFUSED % status)
        self._transport.close()


async def serve(latency: float) -> None:
    answer = make_answer(latency)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency, answer), "127.0.0.1", 0, backlog=4_096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    # its parent ends it by closing its stdin, and so does the parent's own end
    await loop.run_in_executor(None, sys.stdin.buffer.read)


def pin(core: int) -> None:
    """Keeps this process on one core, where the system can do that."""
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


if __name__ == "__main__":
    pin(int(sys.argv[2]))
    asyncio.run(serve(float(sys.argv[1])))
