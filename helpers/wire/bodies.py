"""What the body of a request asks, and what the body of its answer tells."""

import json
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

TAIL = 8_192  # bytes kept of a stream's end: there it tells its usage
MUCH = 65_536  # bytes; of a body that is longer nothing is kept but what it tells
# of the prompt, of the answer, and of both: in chat completions, and in the Responses API
USAGE = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"), ("total_tokens",))
ITS_USAGE = re.compile(rb'(?<!\\)"usage"\s*:\s*(?=\{)')  # and not within a text, where quotes have a backslash
# the last event of a stream: of chat completions, and of the Responses API
END = re.compile(rb"data: ?\[DONE\]|^event: ?response\.(completed|incomplete|failed)", re.MULTILINE)
SEAM = 40  # bytes before a chunk that are looked at again: an event may come in two


class RequestSummary(NamedTuple):
    """What a request asks: its model, its last message, whether it wants a stream, and how many bytes it has."""

    model: str = ""
    question: str = ""
    stream: bool = False
    size: int = 0


class Usage(NamedTuple):
    """How many tokens a call used, or None where that is not known."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class ResponseSummary(NamedTuple):
    """What an answer tells beside its text: the tokens used, or the code of the error, and all of it (`said`).

    `model`, `id` and `is_pending` are for a response that is made in the background, and asked for again by its id.
    """

    usage: Usage = Usage()
    code: str | None = None
    said: Any = None
    model: str = ""
    id: str = ""
    is_pending: bool = False  # a response that is being made in the background


class Completion(NamedTuple):
    """What a chat completion says; of a stream, what its chunks have said so far.

    `found`: it holds a choice at all. `error` is what the service says where it sends an error in place of an answer.
    """

    text: str = ""
    finish_reason: str | None = None  # the service's own word
    refusal: str = ""
    calls: str = ""  # the function that the model wants to be called
    error: object = None
    usage: Usage = Usage()
    found: bool = False

    def then(self, chunk: "Completion") -> "Completion":
        """With the next chunk of the stream."""
        return Completion(
            self.text + chunk.text,
            chunk.finish_reason or self.finish_reason,
            self.refusal + chunk.refusal,
            self.calls or chunk.calls,
            self.error or chunk.error,
            self.usage if chunk.usage == Usage() else chunk.usage,
            self.found or chunk.found,
        )


def request_body(request: Any) -> bytes | None:
    """The bytes that it sends; None where they come piece by piece."""
    try:
        return bytes(request.content)
    except Exception as error:  # RequestNotRead, of httpx2 or of httpx
        if type(error).__name__ != "RequestNotRead":
            raise
        return None


def read_request(body: bytes | None) -> RequestSummary:
    """
    What is asked stands in `messages`, with other calls in `input` or `prompt`.

    >>> read_request(b'{"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Go?"}]}')
    RequestSummary(model='gpt-6-luna', question='What is Go?', stream=False, size=81)
    """
    if body is None:
        return RequestSummary()
    content = read_json(body)
    asked = next((content[name] for name in ("messages", "input", "prompt") if content.get(name)), None)
    if isinstance(asked, list):  # what a tool gave belongs to the question before it
        last = next((each for each in reversed(asked) if not _is_of_a_tool(each)), asked[-1])
    else:
        last = asked
    question = last.get("content") if isinstance(last, dict) else last
    if isinstance(question, list):
        question = "".join(str(part.get("text") or "") for part in question if isinstance(part, dict))
    return RequestSummary(
        model=str(content.get("model") or ""),
        question=question if isinstance(question, str) else "",
        stream=bool(content.get("stream")),
        size=len(body),
    )


def _is_of_a_tool(item: object) -> bool:
    """A call that a model asked for, what came of it, or the thought before it."""
    if not isinstance(item, dict):
        return False
    kind = item.get("type") or ""
    return item.get("role") == "tool" or "tool_calls" in item or "function_call" in kind or kind == "reasoning"


def read_response(body: bytes) -> dict[str, Any]:
    """The JSON in an answer that came as a whole; of a stream, its event that tells the usage; {} for neither."""
    if not body.startswith(b"{"):
        with suppress(zlib.error):  # it is not zipped, then
            body = _unzipper()(body)
    return read_json(body) or _last_event(body[-TAIL:])


def summarize(content: dict[str, Any]) -> ResponseSummary:
    """
    >>> summarize({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}).usage.total_tokens
    7
    """
    usage, problem = read_usage(_usage_in(content)), content.get("error")
    code = problem.get("code") if isinstance(problem, dict) else None
    said = content if usage == Usage() and not content.keys() & {"choices", "data", "output"} else None
    return ResponseSummary(
        usage,
        code if isinstance(code, str) else None,
        said,
        _text(content.get("model")),
        _text(content.get("id")),
        content.get("status") in ("queued", "in_progress"),
    )


def read_usage(usage: object) -> Usage:
    """The tokens in a `usage`, as JSON or as the SDK's object; None where it does not say.

    Reasoning is paid like the answer. Where a service counts it in the total only, it is put with the answer. The
    Responses API has other names for them; embeddings have no answer that is counted, and one that is missing follows
    from the other two.

    >>> read_usage({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 107})
    Usage(prompt_tokens=3, completion_tokens=104, total_tokens=107)
    >>> read_usage({"input_tokens": 3, "output_tokens": 4})
    Usage(prompt_tokens=3, completion_tokens=4, total_tokens=7)
    >>> read_usage({"prompt_tokens": 3, "total_tokens": 3})
    Usage(prompt_tokens=3, completion_tokens=0, total_tokens=3)
    """
    content = usage if isinstance(usage, dict) else getattr(usage, "__dict__", {})
    # an answer is not lost because of odd numbers beside it
    prompt, completion, total = (_count(content, *names) for names in USAGE)
    if total is not None and (prompt is None) != (completion is None):
        known = prompt if completion is None else completion
        other = max(0, total - (known or 0))
        prompt, completion = (prompt, other) if completion is None else (other, completion)
    if prompt is not None and completion is not None:
        total = max(prompt + completion, total or 0)
        completion = total - prompt
    return Usage(prompt, completion, total)


def _count(content: dict[str, Any], *names: str) -> int | None:
    counts = (content.get(name) for name in names)
    return next((each for each in counts if type(each) is int and each >= 0), None)


def _usage_in(content: dict[str, Any]) -> Any:
    """Where an answer tells its usage; the last event of a stream of the Responses API has the whole answer in it."""
    return content.get("usage") or _of(content.get("response"), "usage")


def read_completion(content: object) -> Completion:
    """What a chat completion says, as JSON or as the SDK's object. It never fails.

    >>> read_completion({"choices": [{"message": {"content": "A language."}, "finish_reason": "stop"}]}).text
    'A language.'
    """
    return _completion(content, "message")


def read_chunk(content: object) -> Completion:
    """What one chunk of a stream says: see `Completion.then`.

    >>> said = read_chunk({"choices": [{"delta": {"content": "A lan"}}]})
    >>> said.then(read_chunk({"choices": [{"delta": {"content": "guage."}}]})).text
    'A language.'
    """
    return _completion(content, "delta")


def _completion(content: object, name: str) -> Completion:
    choices = _of(content, "choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = _of(choice, name)
    parts = _of(message, "content")
    called = _of(message, "tool_calls") or _of(message, "function_call")
    error = _of(content, "error") or _of(choice, "error")
    if isinstance(error, dict) and not any(error.values()):
        error = None
    return Completion(
        text=_joined(parts, "text"),
        finish_reason=_text(_of(choice, "finish_reason")) or None,
        refusal=_text(_of(message, "refusal")) or _joined(parts if isinstance(parts, list) else None, "refusal"),
        calls=_name_of_call(called) if called else "",
        error=error or (None if choice is not None else _said_in_place(content)),
        usage=read_usage(_of(content, "usage")),
        found=choice is not None,
    )


def _of(thing: object, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _joined(content: object, name: str) -> str:
    """A text that came as such, or as a list of parts, as gateways have it; "" for anything else."""
    if not isinstance(content, list):
        return _text(content)
    return "".join(_text(_of(part, name)) for part in content)


def _name_of_call(called: Any) -> str:
    first = called[0] if isinstance(called, list) else called
    return _text(_of(_of(first, "function"), "name") or _of(first, "name")) or "a function"


def _said_in_place(content: object) -> object:
    """What stands where an answer should be. Each gateway has its own shape for an error that it calls a success."""
    for name in ("message", "detail", "msg", "errors", "base_resp"):
        said = _of(content, name)
        if said and isinstance(said, dict if name == "base_resp" else list | str):
            return content if isinstance(said, str) and isinstance(content, dict) else said  # a code is beside a text
    return None


def read_json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):  # none, or one that is nested a thousand times
        return {}
    return content if isinstance(content, dict) else {}


class StreamReader:
    """Reads an answer along that its caller reads piece by piece. What cannot be read is left out."""

    def __init__(self, headers: Any) -> None:
        content_type = headers.get("content-type", "")
        self._json: list[bytes] | None = [] if "json" in content_type else None  # all of a JSON body
        self._events = "event-stream" in content_type
        self._tail = b""  # the end of any other
        self._has_ended = False
        self._unzip: Callable[[bytes], bytes] = bytes
        self.events = 0  # so far; one is about a token
        match headers.get("content-encoding", "identity"):
            case "identity":
                pass
            case "gzip" | "deflate":
                self._unzip = _unzipper()
            case _:  # what cannot be read is not recorded
                self._json, self._events, self._unzip = None, False, lambda chunk: b""

    def feed(self, chunk: bytes) -> None:
        self.events += chunk.count(b"data:")
        with suppress(zlib.error):
            chunk = self._unzip(chunk)
        if self._json is not None:
            self._json.append(chunk)
        else:
            self._has_ended = self._has_ended or END.search(self._tail[-SEAM:] + chunk) is not None
            self._tail = (self._tail + chunk)[-TAIL:]

    def content(self) -> dict[str, Any]:
        """As `read_response` has it."""
        return read_json(b"".join(self._json)) if self._json is not None else _last_event(self._tail)

    @property
    def broken_off(self) -> bool:
        """Whether it is a stream of events whose end has not come."""
        return self._events and not self._has_ended


def _last_event(tail: bytes) -> dict[str, Any]:
    """The last event of a stream that tells the usage; of one that is longer than the tail, the usage alone."""
    for line in reversed(tail.split(b"\n")):
        if b'"usage"' not in line:
            continue
        event = read_json(line.removeprefix(b"data:").strip())
        if _usage_in(event):
            return event
        if not event and (found := [*ITS_USAGE.finditer(line)]):
            text = line[found[-1].end() :].decode(errors="replace")
            with suppress(ValueError):
                return {"usage": json.JSONDecoder().raw_decode(text)[0]}
    return {}


def _unzipper() -> Callable[[bytes], bytes]:
    return zlib.decompressobj(32 + zlib.MAX_WBITS).decompress  # gzip or deflate, whichever it is
