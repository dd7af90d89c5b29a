"""One request and what came back: noted as it passes, and read when somebody asks, once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

from ..errors import WorkbookError
from .bodies import (
    MUCH,
    RequestSummary,
    ResponseSummary,
    StreamReader,
    read_request,
    read_response,
    request_body,
    summarize,
)
from .failures import what_broke

# the SDK's own headers: what it is written in, and how often it has sent a request again
BY_THE_SDK, RETRY_COUNT = "x-stainless-lang", "x-stainless-retry-count"

Outcome = Literal["ok", "failed", "cancelled", "running"]


class Exchange:
    """One request and its answer. Times are `time.perf_counter()` seconds; None: that has not come, or never came.

    While it passes only times and bytes are noted: to read them takes longer than all the rest, and the caller waits.
    Trace, totals, limits and the batch all read this one object, so each body is read at most once.

    `request_headers` and `headers`, those of the answer, are kept until it has ended; `complete` says whether the
    answer's end was seen.
    """

    __slots__ = (
        "_answer",
        "_endings",
        "_request",
        "_stream",
        "complete",
        "done",
        "events",
        "first_byte",
        "headers",
        "is_model_call",
        "method",
        "note",
        "outcome",
        "request_headers",
        "sent",
        "status",
        "url",
    )

    url: Any
    method: str
    request_headers: Any

    def __init__(self, request: RequestSummary | None = None) -> None:
        """`request`: what it asks, where whoever makes it knows; else its body is read when somebody asks."""
        self._request: RequestSummary | bytes | None = request
        self.is_model_call: bool | None = request is not None or None  # see model_calls; None: nobody has asked yet
        self._answer: bytes | ResponseSummary = b""
        self._stream: StreamReader | None = None
        self._endings: list[Callable[[Exchange], object]] = []
        self.first_byte: float | None = None  # of the answer's body
        self.done: float | None = None
        self.status: int | None = None
        self.headers: Any = None
        self.outcome: Outcome = "running"
        self.note = ""  # what went wrong, in a word: "429", "timeout", "dropped"
        self.complete = False
        self.events = 0  # of a stream that has ended; one is about a token
        self.sent = 0.0

    # ---- what it says --------------------------------------------------------------------------------------------

    @property
    def request(self) -> RequestSummary:
        if not isinstance(self._request, RequestSummary):
            self._request = read_request(self._request)
        return self._request

    @property
    def response(self) -> ResponseSummary:
        """Of an answer that came as a whole, or of a stream that has ended."""
        if not isinstance(self._answer, ResponseSummary):
            self._answer = summarize(read_response(self._answer))
        return self._answer

    def read(self, body: bytes) -> dict[str, Any]:
        """For who has to read the answer anyway: its JSON; {} for what is none. Nobody need read it again."""
        content = read_response(body)
        self._answer = summarize(content)
        return content

    # ---- as it passes --------------------------------------------------------------------------------------------

    def begin(self, request: Any) -> None:
        """It is being sent."""
        self.url, self.method, self.request_headers = request.url, request.method, request.headers
        if self._request is None:
            body = request_body(request)
            self._request = body if body is None or len(body) <= MUCH else read_request(body)
        self.sent = time.perf_counter()

    def at_end(self, tell: Callable[["Exchange"], object]) -> None:
        """`tell` is called when it has ended."""
        self._endings.append(tell)

    def answered(self, response: Any, *, stream: bool) -> None:
        """Its status and headers are there. With `stream` the caller takes the body piece by piece."""
        self.status, self.headers = response.status_code, response.headers
        if stream:
            self._stream = StreamReader(response.headers)
        else:  # its body comes with them
            self.first_byte = time.perf_counter()

    def data(self, chunk: bytes) -> None:
        """The body, or the next piece of it."""
        if self._stream is None:
            self._answer = chunk if len(chunk) <= MUCH else summarize(read_response(chunk))
            return
        if self.first_byte is None:
            self.first_byte = time.perf_counter()
        self._stream.feed(chunk)

    def end(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        """By an error, or without one: `whole` where the body was read to its end, and not where it was closed before.

        It may come more than once; the first time counts.
        """
        if self.done is not None:
            return
        self.done = time.perf_counter()
        stream = self._stream
        if stream is not None:
            self._answer, self.events = summarize(stream.content()), stream.events
        refused = self.status is not None and self.status >= 300  # a redirect that was not followed is no answer
        if error is not None:
            self.outcome, self.note = what_happened(error)
        elif stream is not None and stream.broken_off and not whole and not refused:
            self.outcome, self.note = "cancelled", "closed early"
        else:
            self.complete = True
            self.outcome, self.note = ("failed", str(self.status)) if refused else ("ok", "")
        for tell in self._endings:
            tell(self)
        self.headers = self.request_headers = self._stream = None
        self._endings = []


def what_happened(error: BaseException) -> tuple[Outcome, str]:
    """How an exception on the way to the service is called in a picture."""
    if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)):
        return "cancelled", ""
    if isinstance(error, WorkbookError):
        return "failed", "stopped"
    return "failed", what_broke(error) or type(error).__name__
