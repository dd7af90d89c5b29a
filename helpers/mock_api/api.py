"""`MockAPI`: what the practice API says to each request, and when. It sends nothing itself; its doors do."""

import hashlib
import json
import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NamedTuple

from ..catalog import MODELS, Model
from .answers import find_answer, split_tokens
from .faults import OLD_CODE, OUT_OF_CREDIT, Fault, Faults
from .limits import Bucket, Clock
from .requests import ChatRequest, Refused, read_chat, read_json

CREATED = 1_795_305_600  # the `created` of everything, so that runs repeat exactly
REFUSAL_SECONDS = 0.05  # an error is told at once; only an answer takes time
LIST_SECONDS = 0.15  # the list of models


class Piece(NamedTuple):
    wait: float  # seconds before it is sent
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a door does: wait `before` seconds, send status and headers, then each piece after its wait.

    An `ending` other than "complete" comes after the pieces; where there are none, no headers were sent either.
    """

    before: float
    status: int = 200
    headers: Mapping[str, str] | None = None
    pieces: tuple[Piece, ...] = ()
    ending: Literal["complete", "dropped", "hanging"] = "complete"


class Served(NamedTuple):
    """One line of the API's log."""

    path: str
    model: str
    question: str
    nth: int  # the how-manieth request with this body
    outcome: str  # a status, "dropped" or "hanging"
    answer: str = ""  # the text that was sent, where one was


class MockAPI:
    """Answers requests as the service would, the same way in every run.

    Answer and usage depend on model and messages; latency and fault also on `seed` and on the how-manieth request
    with this body it is since the last `reset`. `pace` scales every latency: 1 is lifelike, 0.1 ten times as fast.

    >>> api = MockAPI(pace=0.01)
    >>> ask = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Python?"}]}
    >>> api.handle("POST", "/v1/chat/completions", {"authorization": "Bearer any"}, json.dumps(ask).encode()).status
    200
    """

    def __init__(self, seed: int = 0, pace: float = 1.0) -> None:
        self.clock = Clock(pace)
        self.served: deque[Served] = deque(maxlen=10_000)
        self.closed = False
        self._lock = threading.Lock()
        self.reset(seed, Faults())

    def reset(self, seed: int | None = None, faults: Faults | None = None) -> None:
        """Starts counting anew: the next run repeats the one after the last reset."""
        with self._lock:
            if seed is not None:
                self.seed = seed
            if faults is not None:
                self.faults = faults
            self._nth: Counter[str] = Counter()
            self.asked: set[str] = set()
            self._buckets: dict[str, tuple[Bucket, Bucket]] = {}

    def close(self) -> None:
        """Lets nobody wait any longer: what hangs is dropped, and every request from now on is refused at once."""
        self.closed = True

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to one request. `path` begins with /v1; the names in `headers` are lower-case."""
        with self._lock:
            exchange = _Exchange(self, path)
            try:
                reply = exchange.reply(method, headers, body)
            except Refused as refused:
                reply = exchange.refusal(refused)
            outcome = str(reply.status) if reply.ending == "complete" else reply.ending
            self.served.append(Served(path, exchange.model, exchange.question, exchange.nth, outcome, exchange.answer))
            return reply

    def topic(self, question: str) -> str:
        """What faults, answer and latency go by."""
        return question

    def answer(self, model: Model, question: str) -> str:
        """What a model answers to a question."""
        return find_answer(question, model.practice.answers)

    def latency(self, model: Model, question: str, rng: Random) -> tuple[float, float]:
        """Seconds until a model begins to answer a question, and for each token after the first."""
        practice = model.practice
        first = practice.first_token * rng.lognormvariate(0, practice.spread)
        each = rng.lognormvariate(0, practice.spread) / practice.tokens_per_second
        return first * self.clock.pace, each * self.clock.pace

    def count(self, key: str) -> int:
        self._nth[key] += 1
        return self._nth[key]

    def buckets(self, model: str) -> tuple[Bucket, Bucket]:
        """The model's requests and its tokens; each model has limits of its own, as at the service."""
        if model not in self._buckets:
            limits = self.faults
            self._buckets[model] = (
                Bucket(limits.requests_per_minute, limits.burst or limits.requests_per_minute, self.clock),
                Bucket(limits.tokens_per_minute, limits.tokens_per_minute, self.clock),
            )
        return self._buckets[model]


class _Exchange:
    """One request on its way to its reply."""

    def __init__(self, api: MockAPI, path: str) -> None:
        self.api = api
        self.path = path
        self.model = ""
        self.question = ""
        self.answer = ""
        self.nth = 0
        self.id = ""
        self.limit_headers: dict[str, str] = {}

    def reply(self, method: str, headers: Mapping[str, str], body: bytes) -> Reply:
        # also where nothing is asked of the models, an exchange has its id
        self._identify(f"{method} {self.path}")
        if self.api.closed:
            raise Refused(400, "This API is closed.", "closed")
        handler, allowed = self._route(method)
        if method != allowed:
            raise Refused(405, f"Not allowed to {method} on {self.path}. (HINT: use {allowed})", "method_not_supported")
        self._authenticate(headers)
        return handler(body)

    def _route(self, method: str) -> tuple[Callable[[bytes], Reply], str]:
        if self.path == "/v1/chat/completions":
            return self._chat, "POST"
        if self.path == "/v1/models":
            return self._models, "GET"
        if self.path.startswith("/v1/models/"):
            return self._one_model, "GET"
        raise Refused(404, f"Invalid URL ({method} {self.path}). {_hint(self.path)}", "unknown_url")

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        # the key itself is neither kept nor repeated: it might be a real one
        if not headers.get("authorization", "").removeprefix("Bearer").strip():
            raise Refused(
                401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header "
                "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if self.api.faults.expired_key:
            raise Refused(401, "Incorrect API key provided. It may have expired.", "invalid_api_key")

    # ---- the models ------------------------------------------------------------------------------------------

    def _models(self, _body: bytes) -> Reply:
        return self._json(
            {"object": "list", "data": [_listed(model) for model in MODELS.values()]},
            self._soon(LIST_SECONDS),
        )

    def _one_model(self, _body: bytes) -> Reply:
        name = self.path.removeprefix("/v1/models/")
        if name not in MODELS:
            raise Refused(404, f"The model '{name}' does not exist", "model_not_found", "model")
        return self._json(_listed(MODELS[name]), self._soon(LIST_SECONDS))

    # ---- chat completions ------------------------------------------------------------------------------------

    def _chat(self, body: bytes) -> Reply:
        asked = read_json(body)
        self._identify(json.dumps(asked, sort_keys=True))
        chat = read_chat(asked)
        self.model, self.question = chat.model.name, chat.question
        self.api.asked.add(chat.question)
        if code := self.api.faults.out_of_credit:
            raise Refused(429, OUT_OF_CREDIT[code], code, kind=OLD_CODE)
        topic = self.api.topic(chat.question)
        tokens = split_tokens(self.api.answer(chat.model, topic))[: chat.limit]
        self._admit(chat.prompt_tokens + len(tokens))
        fault = self.api.faults.strike(topic, self.nth, self._random("fault"))
        if fault == "rate_limited":
            if self.limit_headers:
                self.limit_headers["x-ratelimit-remaining-requests"] = "0"
            raise Refused(
                429,
                f"Rate limit reached for {self.model}. Please try again later.",
                "rate_limit_exceeded",
                kind="requests",
                retry_after=self.api.faults.retry_after,
            )
        if fault == "server_error":
            raise Refused(
                500,
                "The server had an error while processing your request. Sorry about that!",
                kind="server_error",
            )
        if fault == "refused":
            raise Refused(
                400, "Invalid prompt: it was flagged, and will not be answered.", "invalid_prompt", "messages"
            )
        return (self._streamed if chat.stream else self._whole)(chat, tokens, fault)

    def _whole(self, chat: ChatRequest, tokens: list[str], fault: Fault | None) -> Reply:
        first, each = self._latency(chat)
        if fault == "dropped" or fault == "hanging":
            return Reply(first if fault == "dropped" else 0.0, ending=fault)
        self.answer, finish, usage = "".join(tokens), self._finish(chat, tokens), self._usage(chat, tokens)
        message: dict[str, Any] = {"role": "assistant", "content": self.answer, "refusal": None, "annotations": []}
        completion = {
            "id": f"chatcmpl-{self.id}",
            "object": "chat.completion",
            "created": CREATED,
            "model": self.model,
            "choices": [
                {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
                for index in range(chat.choices)
            ],
            "usage": usage,
            "service_tier": "default",
        }
        return self._json(completion, first + each * len(tokens))

    def _streamed(self, chat: ChatRequest, tokens: list[str], fault: Fault | None) -> Reply:
        first, each = self._latency(chat)

        def event(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
            chunk: dict[str, Any] = {
                "id": f"chatcmpl-{self.id}",
                "object": "chat.completion.chunk",
                "created": CREATED,
                "model": self.model,
                "service_tier": "default",
                "choices": choices,
            }
            if chat.include_usage:
                chunk["usage"] = usage
            return b"data: " + json.dumps(chunk).encode() + b"\n\n"

        def delta(content: dict[str, Any], finish: str | None = None) -> bytes:
            return b"".join(
                event([{"index": index, "delta": content, "logprobs": None, "finish_reason": finish}])
                for index in range(chat.choices)
            )

        pieces = [Piece(0.0, delta({"role": "assistant", "content": ""}))]
        pieces += [Piece(each if number else 0.0, delta({"content": token})) for number, token in enumerate(tokens)]
        end = delta({}, self._finish(chat, tokens))
        if chat.include_usage:
            end += event([], self._usage(chat, tokens))
        pieces.append(Piece(0.0, end + b"data: [DONE]\n\n"))
        headers = self._headers("text/event-stream; charset=utf-8", first)
        if fault == "dropped" or fault == "hanging":
            # it begins well, which makes it the nastier fault
            return Reply(first, 200, headers, tuple(pieces[: len(pieces) // 2]), fault)
        self.answer = "".join(tokens)
        return Reply(first, 200, headers, tuple(pieces))

    def _latency(self, chat: ChatRequest) -> tuple[float, float]:
        return self.api.latency(chat.model, self.api.topic(chat.question), self._random("latency"))

    @staticmethod
    def _finish(chat: ChatRequest, tokens: list[str]) -> str:
        return "length" if len(tokens) == chat.limit else "stop"

    @staticmethod
    def _usage(chat: ChatRequest, tokens: list[str]) -> dict[str, Any]:
        written = len(tokens) * chat.choices
        return {
            "prompt_tokens": chat.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": chat.prompt_tokens + written,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def _admit(self, tokens: int) -> None:
        """Takes the request and its tokens from the model's limits, or refuses it."""
        requests_left, tokens_left = self.api.buckets(self.model)
        late: list[tuple[float, str, str, Bucket]] = [
            (requests_left.seconds_until(1), "requests per min (RPM)", "requests", requests_left),
            (
                tokens_left.seconds_until(min(tokens, tokens_left.size)),
                "tokens per min (TPM)",
                "tokens",
                tokens_left,
            ),
        ]
        wait, unit, kind, bucket = max(late, key=lambda each: each[0])
        if wait <= 1e-6:
            requests_left.take(1)
            tokens_left.take(min(tokens, tokens_left.size))
        if self.api.faults.rate_limit_headers:
            self.limit_headers = {
                **self._limit_headers("requests", requests_left),
                **self._limit_headers("tokens", tokens_left),
            }
        if wait > 1e-6:
            raise Refused(
                429,
                f"Rate limit reached for {self.model} on {unit}: Limit {bucket.per_minute:g}. "
                f"Please try again in {_duration(wait * self.api.clock.pace)}.",
                "rate_limit_exceeded",
                kind=kind,
                retry_after=wait,
            )

    def _limit_headers(self, unit: str, bucket: Bucket) -> dict[str, str]:
        full_in = bucket.seconds_until(bucket.size) * self.api.clock.pace
        return {
            f"x-ratelimit-limit-{unit}": f"{bucket.size:.0f}",
            f"x-ratelimit-remaining-{unit}": f"{math.floor(max(0.0, bucket.level)):d}",
            f"x-ratelimit-reset-{unit}": _duration(full_in),
        }

    # ---- how a reply is written ------------------------------------------------------------------------------

    def refusal(self, refused: Refused) -> Reply:
        waiting = {}
        if refused.retry_after is not None:
            # in whole seconds of the API's own time, as the service tells it, and exactly beside it
            pace = self.api.clock.pace
            waiting = {
                "retry-after": f"{math.ceil(refused.retry_after) * pace:.6g}",
                "retry-after-ms": f"{math.ceil(refused.retry_after * pace * 1000)}",
            }
        return self._json(refused.body, self._soon(REFUSAL_SECONDS), refused.status, waiting)

    def _json(
        self,
        content: dict[str, Any],
        seconds: float,
        status: int = 200,
        extra: Mapping[str, str] | None = None,
    ) -> Reply:
        headers = {**self._headers("application/json", seconds), **(extra or {})}
        return Reply(seconds, status, headers, (Piece(0.0, json.dumps(content).encode()),))

    def _soon(self, seconds: float) -> float:
        return seconds * self.api.clock.pace

    def _headers(self, content_type: str, seconds: float) -> dict[str, str]:
        return {
            "content-type": content_type,
            "x-request-id": f"req_{self.id}",
            "openai-version": "2020-10-01",
            "openai-processing-ms": f"{seconds * 1000:.0f}",
            **self.limit_headers,
        }

    def _identify(self, what: str) -> None:
        key = hashlib.sha256(what.encode()).hexdigest()
        self.nth = self.api.count(key)
        self._key = f"{self.api.seed}:{key}:{self.nth}"
        self.id = hashlib.sha256(self._key.encode()).hexdigest()[:24]

    def _random(self, purpose: str) -> Random:
        return Random(f"{self._key}:{purpose}")


def _hint(path: str) -> str:
    """What there is in the place of an address that there is not."""
    if "/deployments/" in path:
        return "That is an address of Azure, which the practice API does not have: make the client with AsyncOpenAI()."
    if not path.startswith("/v1/"):
        return "The practice API's addresses begin with /v1: so does the base URL have to end."
    return "The practice API has /v1/chat/completions and /v1/models only."


def _listed(model: Model) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": model.name, "object": "model", "created": CREATED, "owned_by": "system"}
    if model.shutdown:
        entry["shutdown_date"] = model.shutdown.isoformat()
    return entry


def _duration(seconds: float) -> str:
    """A duration as the service writes it.

    >>> _duration(0.0064), _duration(1.5), _duration(75)
    ('7ms', '1.5s', '1m15s')
    """
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return (f"{minutes:.0f}m" if minutes else "") + f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
