"""What the body of an answer tells, read while it passes by on its way to the caller."""

import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2

TAIL = 8_192  # bytes kept of a stream's end: there it tells its usage


class Reading:
    """Reads along with one response. What cannot be read is left out; nothing is raised."""

    def __init__(self) -> None:
        self._json: list[bytes] | None = None  # all of a JSON body
        self._events = False
        self._tail = b""  # the end of any other
        self._unzip: Callable[[bytes], bytes] = bytes

    def headers(self, response: httpx2.Response) -> None:
        content_type = response.headers.get("content-type", "")
        if "json" in content_type:
            self._json = []
        self._events = "event-stream" in content_type
        match response.headers.get("content-encoding", "identity"):
            case "identity":
                pass
            case "gzip" | "deflate":
                self._unzip = zlib.decompressobj(32 + zlib.MAX_WBITS).decompress
            case _:  # what cannot be read is not recorded
                self._json, self._events, self._unzip = None, False, lambda chunk: b""

    def data(self, chunk: bytes) -> None:
        with suppress(zlib.error):
            chunk = self._unzip(chunk)
        if self._json is not None:
            self._json.append(chunk)
        else:
            self._tail = (self._tail + chunk)[-TAIL:]

    def content(self) -> dict[str, Any]:
        """The JSON that came; of a stream the event that tells the usage, or nothing."""
        return read_json(b"".join(self._json)) if self._json is not None else _last_event(self._tail)

    def usage(self) -> tuple[int | None, int | None]:
        """Prompt tokens and completion tokens; None where the answer did not tell."""
        usage = self.content().get("usage")
        return (usage.get("prompt_tokens"), usage.get("completion_tokens")) if isinstance(usage, dict) else (None, None)

    @property
    def broken_off(self) -> bool:
        """Whether it is a stream whose end has not come."""
        return self._events and b"data: [DONE]" not in self._tail


def asked(request: httpx2.Request) -> dict[str, Any]:
    """What a request asks: its model, its last message, and whether it wants a stream."""
    try:
        body = read_json(request.content)
    except httpx2.RequestNotRead:
        body = {}
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return {
        "model": str(body.get("model") or ""),
        "question": content if isinstance(content, str) else "",
        "stream": bool(body.get("stream")),
    }


def read_json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _last_event(tail: bytes) -> dict[str, Any]:
    """The last event of a stream that tells the usage."""
    for line in reversed(tail.split(b"\n")):
        if line.startswith(b"data: {") and b'"usage"' in line:
            event = read_json(line.removeprefix(b"data: "))
            if event.get("usage"):
                return event
    return {}
