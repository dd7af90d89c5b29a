"""Plays the real service, on the loopback interface: as it should be, or as odd as real ones are."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from helpers.mock_api import MockAPI
from helpers.mock_api.exchange import Piece, Reply
from helpers.mock_api.server import HERE, Server
from helpers.wire.bodies import read_request

Headers = Mapping[str, str]
Odd = Callable[[str], Reply]  # what is said to somebody who comes with this key


@dataclass(frozen=True)
class Came:
    """A request."""

    method: str
    path: str
    headers: Headers
    question: str

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Service:
    """A mock API with a server. `odd` says what it answers to a question, or to a path, in place of an answer."""

    odd: dict[str, Odd] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = _API(self)
        # as a computer in the own network would be called, and three more names of this one
        self.server = Server(self.api, names=(*HERE, "bigbox", "127.1", "2130706433", "0x7f.1"))
        self.url = self.server.url

    def asked(self) -> list[str]:
        """The questions that came."""
        return [each.question for each in self.came if each.method == "POST"]


class _API(MockAPI):
    def __init__(self, service: Service) -> None:
        super().__init__(pace=0.001)
        self._service = service
        self._counting = threading.Lock()

    def handle(self, method: str, path: str, headers: Headers, body: bytes) -> Reply:
        came = Came(method, path, headers, read_request(body).question)
        with self._counting:
            self._service.came.append(came)
        odd = self._service.odd.get(came.question) or self._service.odd.get(path)
        return odd(came.key) if odd else super().handle(method, path, headers, body)


@contextmanager
def running(odd: Mapping[str, Odd] = {}) -> Iterator[Service]:
    service = Service(dict(odd))
    try:
        yield service
    finally:
        service.api.close()
        service.server.stop()


# ---- odd answers -------------------------------------------------------------------------------------------------

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


def says(status: int, content: object, content_type: str = JSON, **headers: str) -> Odd:
    """Answers that; KEY in it becomes the key that came, also in the headers."""
    text = content if isinstance(content, str) else json.dumps(content)
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def reply(key: str) -> Reply:
        told = {name: value.replace("KEY", key) for name, value in named.items()}
        return Reply(
            0.0, status, {"content-type": content_type, **told}, (Piece(0.0, text.replace("KEY", key).encode()),)
        )

    return reply


def refuses(status: int, code: str | None = None, **headers: str) -> Odd:
    """An error that repeats the key that it was given, in its text and in a header."""
    problem = {"message": f"Not so ({status}): you came with KEY, which is odd.", "code": code, "your_key": "KEY"}
    return says(status, {"error": problem}, x_your_key="Bearer KEY", **headers)


def zipped(odd: Odd) -> Odd:
    """The same, packed with gzip, as most services send it."""

    def reply(key: str) -> Reply:
        plain = odd(key)
        body = gzip.compress(b"".join(piece.data for piece in plain.pieces))
        return Reply(0.0, plain.status, {**(plain.headers or {}), "content-encoding": "gzip"}, (Piece(0.0, body),))

    return reply


def cut(odd: Odd, size: int = 50) -> Odd:
    """The same, in pieces, as a network may deliver it: a key may be cut in two."""

    def reply(key: str) -> Reply:
        plain = odd(key)
        body = b"".join(piece.data for piece in plain.pieces)
        pieces = tuple(Piece(0.005, body[at : at + size]) for at in range(0, len(body), size))
        return Reply(0.0, plain.status, plain.headers, pieces)

    return reply


def broken_off(odd: Odd) -> Odd:
    """The same, but the connection breaks before its end."""

    def reply(key: str) -> Reply:
        plain = odd(key)
        return Reply(plain.before, plain.status, plain.headers, plain.pieces, "dropped")

    return reply


def hangs(key: str) -> Reply:
    return Reply(0.0, ending="hanging")


def completion(text: str, usage: Mapping[str, Any] | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "gpt-6-luna", "choices": choices}
    return answer if usage is None else {**answer, "usage": dict(usage)}


def event(content: object) -> str:
    return f"data: {json.dumps(content)}\n\n"


def chunk(text: str, usage: Mapping[str, Any] | None = None) -> str:
    """One event of a stream; the one that tells the usage is its end."""
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": "stop" if usage else None}]
    content = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-6-luna", "choices": choices}
    return event({**content, "usage": dict(usage) if usage else None})


def streams(*events: str) -> Odd:
    return says(200, "".join(events), EVENTS, x_your_key="KEY")
