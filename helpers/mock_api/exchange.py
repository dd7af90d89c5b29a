"""One request on its way to its reply: who asked what, the limits it counts for, and how a reply is written."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from .limits import Bucket
from .requests import Refused

if TYPE_CHECKING:
    from .api import MockAPI

CREATED = 1_795_305_600  # the `created` of everything, so that runs repeat exactly
REFUSAL_SECONDS = 0.05  # an error is told at once; only an answer takes time


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


class Exchange:
    """What an endpoint gets: the request's path, and what all endpoints need to answer it."""

    def __init__(self, api: "MockAPI", path: str, query: str = "") -> None:
        self.api = api
        self.path = path
        self.query = dict(parse_qsl(query))
        self.model = ""
        self.question = ""
        self.answer = ""
        self.nth = 0
        self.id = ""
        self.limit_headers: dict[str, str] = {}

    # ---- what it counts as

    def identify(self, what: str) -> None:
        key = hashlib.sha256(what.encode()).hexdigest()
        self.nth = self.api.count(key)
        self._key = f"{self.api.seed}:{key}:{self.nth}"
        self.id = hashlib.sha256(self._key.encode()).hexdigest()[:24]

    def random(self, purpose: str) -> Random:
        return Random(f"{self._key}:{purpose}")

    def admit(self, tokens: int) -> None:
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

    # ---- how a reply is written

    def refusal(self, refused: Refused) -> Reply:
        waiting = {}
        if refused.retry_after is not None:
            # in whole seconds of the API's own time, as the service tells it, and exactly beside it
            pace = self.api.clock.pace
            waiting = {
                "retry-after": f"{math.ceil(refused.retry_after) * pace:.6g}",
                "retry-after-ms": f"{math.ceil(refused.retry_after * pace * 1000)}",
            }
        return self.json(refused.body, self.soon(REFUSAL_SECONDS), refused.status, waiting)

    def json(
        self,
        content: dict[str, Any],
        seconds: float,
        status: int = 200,
        extra: Mapping[str, str] | None = None,
    ) -> Reply:
        headers = {**self.headers("application/json", seconds), **(extra or {})}
        return Reply(seconds, status, headers, (Piece(0.0, json.dumps(content).encode()),))

    def soon(self, seconds: float) -> float:
        return seconds * self.api.clock.pace

    def headers(self, content_type: str, seconds: float) -> dict[str, str]:
        return {
            "content-type": content_type,
            "x-request-id": f"req_{self.id}",
            "openai-version": "2020-10-01",
            "openai-processing-ms": f"{seconds * 1000:.0f}",
            **self.limit_headers,
        }


def _duration(seconds: float) -> str:
    """A duration as the service writes it.

    >>> _duration(0.0064), _duration(1.5), _duration(75)
    ('7ms', '1.5s', '1m15s')
    """
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return (f"{minutes:.0f}m" if minutes else "") + f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
