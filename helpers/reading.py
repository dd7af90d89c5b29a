"""What a request asks, and what the body of its answer tells.

The bytes are kept while the call goes on, and read when somebody wants to know: reading takes longer than all the rest
of recording a call.
"""

import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import httpx2

TAIL = 8_192  # bytes kept of a stream's end: there it tells its usage
MUCH = 65_536  # bytes; of a body that is longer nothing is kept but what it tells


class Asked(NamedTuple):
    """What a request asks: its model, its last message, whether it wants a stream, and how many bytes it has."""

    model: str = ""
    question: str = ""
    stream: bool = False
    size: int = 0


class Used(NamedTuple):
    """How many tokens a call used, or None where that is not known."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class Told(NamedTuple):
    """What the body of an answer tells, or None: the tokens used, or the code of the error."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    code: str | None = None


def body_of(request: httpx2.Request) -> bytes | Asked:
    """What to keep of a request; `asked` reads it."""
    try:
        body = request.content
    except httpx2.RequestNotRead:
        return Asked()
    return body if len(body) <= MUCH else asked(body)


def asked(kept: bytes | Asked) -> Asked:
    """
    >>> asked(b'{"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Go?"}]}')
    Asked(model='gpt-6-luna', question='What is Go?', stream=False, size=81)
    """
    if isinstance(kept, Asked):
        return kept
    body = read_json(kept)
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return Asked(
        model=str(body.get("model") or ""),
        question=content if isinstance(content, str) else "",
        stream=bool(body.get("stream")),
        size=len(kept),
    )


def told(kept: bytes | Told) -> Told:
    """
    >>> told(b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4}}')
    Told(prompt_tokens=3, completion_tokens=4, code=None)
    """
    if isinstance(kept, Told):
        return kept
    if not kept.startswith(b"{"):
        with suppress(zlib.error):  # it is not zipped, then
            kept = _unzipper()(kept)
    return _told(read_json(kept) or _last_event(kept[-TAIL:]))


def whole(body: bytes) -> bytes | Told:
    """What to keep of an answer that its caller reads as a whole; `told` reads it."""
    return body if len(body) <= MUCH else told(body)


class Stream:
    """An answer that its caller reads piece by piece: read along. What cannot be read is left out."""

    def __init__(self, response: httpx2.Response) -> None:
        content_type = response.headers.get("content-type", "")
        self._json: list[bytes] | None = [] if "json" in content_type else None  # all of a JSON body
        self._events = "event-stream" in content_type
        self._tail = b""  # the end of any other
        self._unzip: Callable[[bytes], bytes] = bytes
        match response.headers.get("content-encoding", "identity"):
            case "identity":
                pass
            case "gzip" | "deflate":
                self._unzip = _unzipper()
            case _:  # what cannot be read is not recorded
                self._json, self._events, self._unzip = None, False, lambda chunk: b""

    def data(self, chunk: bytes) -> None:
        with suppress(zlib.error):
            chunk = self._unzip(chunk)
        if self._json is not None:
            self._json.append(chunk)
        else:
            self._tail = (self._tail + chunk)[-TAIL:]

    def kept(self) -> Told:
        return _told(read_json(b"".join(self._json)) if self._json is not None else _last_event(self._tail))

    @property
    def broken_off(self) -> bool:
        """Whether it is a stream of events whose end has not come."""
        return self._events and b"data: [DONE]" not in self._tail


def read_json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def used(usage: object) -> Used:
    """The tokens in a `usage`, as JSON or as the SDK's object; None where it does not say.

    Reasoning is paid like the answer. Where a service counts it in the total only, it is put with the answer.

    >>> used({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 107})
    Used(prompt_tokens=3, completion_tokens=104, total_tokens=107)
    """
    content = usage if isinstance(usage, dict) else getattr(usage, "__dict__", {})
    counts = [content.get(name) for name in Used._fields]
    # an answer is not lost because of odd numbers beside it
    prompt, completion, total = (each if type(each) is int and each >= 0 else None for each in counts)
    if prompt is not None and completion is not None:
        total = max(prompt + completion, total or 0)
        completion = total - prompt
    return Used(prompt, completion, total)


def _told(content: dict[str, Any]) -> Told:
    tokens, problem = used(content.get("usage")), content.get("error")
    code = problem.get("code") if isinstance(problem, dict) else None
    return Told(tokens.prompt_tokens, tokens.completion_tokens, code if isinstance(code, str) else None)


def _last_event(tail: bytes) -> dict[str, Any]:
    """The last event of a stream that tells the usage."""
    for line in reversed(tail.split(b"\n")):
        if line.startswith(b"data: {") and b'"usage"' in line:
            event = read_json(line.removeprefix(b"data: "))
            if event.get("usage"):
                return event
    return {}


def _unzipper() -> Callable[[bytes], bytes]:
    return zlib.decompressobj(32 + zlib.MAX_WBITS).decompress  # gzip or deflate, whichever it is
