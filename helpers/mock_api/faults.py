"""What can be made to go wrong in the practice API: `Faults`, and which request gets which fault."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from numbers import Real
from random import Random
from typing import Literal, get_args

from ..errors import OPENAI_SAYS, BadInput
from ..numeric import SMALLEST, real, whole
from ..words import shortened
from .answers import plain

Fault = Literal["rate_limited", "server_error", "dropped", "hanging", "refused", "declined", "cut_off", "messy_json"]
KINDS: tuple[Fault, ...] = get_args(Fault)

# A share of all requests, one question, several questions, or how many requests of each question.
Who = float | str | Iterable[str] | Mapping[str, int]


@dataclass(frozen=True)
class Faults:
    """What goes wrong, and how often; see `helpers.faults` for what each setting means."""

    rate_limited: Who = 0
    server_error: Who = 0
    dropped: Who = 0
    hanging: Who = 0
    refused: Who = 0
    declined: Who = 0
    cut_off: Who = 0
    messy_json: Who = 0
    retry_after: float | None = 1.0  # seconds that a fault's 429 tells to wait; None: it does not say
    requests_per_minute: float = 10_000
    tokens_per_minute: float = 10_000_000
    burst: float | None = None  # requests that may come at once; None: a minute's worth
    rate_limit_headers: bool = True  # False: like the endpoints that send no x-ratelimit-* headers
    expired_key: bool = False
    no_quota: bool | str = False  # True: the first of OPENAI_SAYS; or the code of another

    def __post_init__(self) -> None:
        shares = 0.0
        for kind in KINDS:
            who = getattr(self, kind)
            if isinstance(who, Real):
                if (share := real(who, 0, 1)) is None:
                    raise BadInput(
                        f"{kind}={shortened(who)} is not a share.",
                        "Give a number from 0 to 1 (0.1 is one request in ten), a question, or a list of questions.",
                    )
                object.__setattr__(self, kind, share)
                shares += share
            else:
                # frozen, so that a list changed later changes nothing; a generator is read once, here
                object.__setattr__(self, kind, _chosen(kind, who))
        if shares > 1 + 1e-9:
            raise BadInput(
                f"The shares of the faults add up to {shares:g}.",
                "Together they can be 1 at most: lower some.",
            )
        for name in ("requests_per_minute", "tokens_per_minute", "burst"):
            limit = getattr(self, name)
            if limit is None and name == "burst":
                continue
            if real(limit, SMALLEST) is None:
                raise BadInput(f"{name}={shortened(limit)} is not a limit.", "Give a number above 0.")
        if self.burst is not None and self.burst < 1:
            raise BadInput(f"burst={shortened(self.burst)} lets no request through.", "Give 1 or more.")
        if self.retry_after is not None and real(self.retry_after, 0) is None:
            raise BadInput(f"retry_after={shortened(self.retry_after)} is no waiting time.", "Give seconds, 0 or more.")
        if not isinstance(self.no_quota, bool) and self.out_of_credit is None:
            raise BadInput(
                f"no_quota={shortened(self.no_quota)} is no code for that.",
                f"Give True, or one of these: {', '.join(OPENAI_SAYS)}.",
            )

    @property
    def out_of_credit(self) -> str | None:
        """The code of the error that each call gets; None where they are answered."""
        code = next(iter(OPENAI_SAYS)) if self.no_quota is True else self.no_quota
        return code if isinstance(code, str) and code in OPENAI_SAYS else None

    def strike(self, question: str, nth: int, rng: Random) -> Fault | None:
        """The fault that the `nth` request (from 1) with this question gets, or None."""
        if chosen := self._by_question():
            asked = plain(question)
            for kind, who in chosen:
                if nth <= who.get(asked, 0):
                    return kind
        draw = rng.random()
        for kind in KINDS:
            who = getattr(self, kind)
            if isinstance(who, (int, float)):
                if draw < who:
                    return kind
                draw -= who
        return None

    def unasked(self, asked: Iterable[str]) -> list[str]:
        """The chosen questions that are not among those asked."""
        known = set(map(plain, asked))
        return [question for _, who in self._by_question() for question in who if question not in known]

    def _by_question(self) -> list[tuple[Fault, Mapping[str, int]]]:
        return [(kind, who) for kind in KINDS if isinstance(who := getattr(self, kind), Mapping)]


SETTINGS = tuple(field.name for field in fields(Faults))
EVERY_TIME = 10**9


def _chosen(kind: str, who: object) -> dict[str, int]:
    if isinstance(who, str):
        return {plain(who): EVERY_TIME}
    if isinstance(who, Mapping):
        chosen = dict(who)
    elif isinstance(who, Iterable):
        chosen = dict.fromkeys(who, EVERY_TIME)
    else:
        chosen = {None: 0}
    for question, times in chosen.items():
        if not isinstance(question, str) or whole(times, 0) is None:
            raise BadInput(
                f"{kind} cannot be read: {shortened(who)}.",
                'Give a share such as 0.1, a question, a list of questions, or {"a question": how many times}.',
            )
    return {plain(question): times for question, times in chosen.items()}
