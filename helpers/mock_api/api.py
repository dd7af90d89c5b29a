"""`MockAPI`: what the practice API says to each request, and when. It sends nothing itself; its doors do."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from ..catalog import EFFORTS, Model
from .answers import find_answer
from .endpoints import endpoints_at, paths_in_words
from .exchange import Exchange, Reply
from .faults import Faults
from .limits import Bucket, Clock
from .requests import Refused
from .stored import Store


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

    >>> import json
    >>> api = MockAPI(pace=0.01)
    >>> ask = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Python?"}]}
    >>> api.handle("POST", "/v1/chat/completions", {"authorization": "Bearer any"}, json.dumps(ask).encode()).status
    200
    """

    def __init__(self, seed: int = 0, pace: float = 1.0) -> None:
        self.clock = Clock(pace)
        self.stored = Store()  # a reset keeps them, as the service would
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
        """The reply to one request. `path` begins with /v1, and may have a query; names in `headers` are lower-case."""
        path, _, query = path.partition("?")
        with self._lock:
            exchange = Exchange(self, path, query)
            try:
                reply = self._reply(exchange, method, headers, body)
            except Refused as refused:
                reply = exchange.refusal(refused)
            outcome = str(reply.status) if reply.ending == "complete" else reply.ending
            self.served.append(Served(path, exchange.model, exchange.question, exchange.nth, outcome, exchange.answer))
            return reply

    def _reply(self, exchange: Exchange, method: str, headers: Mapping[str, str], body: bytes) -> Reply:
        # also where nothing is asked of the models, an exchange has its id
        path = exchange.path
        exchange.identify(f"{method} {path}")
        if self.closed:
            raise Refused(400, "This API is closed.", "closed")
        there = endpoints_at(path)
        if not there:
            raise Refused(404, f"Invalid URL ({method} {path}). {_hint(path)}", "unknown_url")
        if method not in there:
            allowed = " or ".join(there)
            raise Refused(405, f"Not allowed to {method} on {path}. (HINT: use {allowed})", "method_not_supported")
        self._authenticate(headers)
        return there[method].reply(exchange, body)

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        # the key itself is neither kept nor repeated: it might be a real one
        if not headers.get("authorization", "").removeprefix("Bearer").strip():
            raise Refused(
                401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header "
                "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if self.faults.expired_key:
            raise Refused(401, "Incorrect API key provided. It may have expired.", "invalid_api_key")

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

    def haste(self, effort: str) -> float:
        """By which factor an effort changes the seconds until an answer begins."""
        return EFFORTS[effort].first_token

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


def _hint(path: str) -> str:
    """What there is in the place of an address that there is not."""
    if "/deployments/" in path:
        return "That is an address of Azure, which the practice API does not have: make the client with AsyncOpenAI()."
    if not path.startswith("/v1/"):
        return "The practice API's addresses begin with /v1: so does the base URL have to end."
    return f"The practice API has {paths_in_words()} only."
