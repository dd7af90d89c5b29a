"""What a model makes of what it is asked: so much thinking, such an answer, in so many seconds; or a fault.

All endpoints that ask a model come here, and each writes what it gets in a shape of its own.
"""

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from ..catalog import EFFORTS
from .admission import enter, pass_limits
from .answers import NO_ANSWER, find_answer, split_tokens
from .asked_in_words import about, messy, schema_in, wants_json
from .exchange import Exchange
from .faults import Fault
from .filling import fill
from .logprobs import logprobs
from .plans import next_calls, say
from .prompts import Prompt
from .tools import Call

REFUSAL = "I'm sorry, but I can't help with that."
MUCH = 10**9  # tokens
REASONING_SPREAD = 0.25  # sigma of a log-normal factor: about some questions there is more to think


@dataclass(frozen=True)
class Generation:
    """What a model writes. `first` is the seconds until its answer begins, `each` those for each token after it."""

    tokens: tuple[str, ...]
    reasoning_tokens: int
    is_cut: bool  # by the limit on its tokens
    first: float
    each: float
    is_refusal: bool  # what it says is that it will not answer
    fault: Fault | None  # "dropped" or "hanging"
    calls: tuple[Call, ...]  # of tools, in the place of an answer
    logprobs: list[dict[str, Any]] | None  # of each token, where they were asked for

    @property
    def said(self) -> str:
        return "".join(self.tokens)

    @property
    def text(self) -> str:
        """Its answer; "" where it refuses."""
        return "" if self.is_refusal else self.said

    @property
    def refusal(self) -> str | None:
        return self.said if self.is_refusal else None

    @property
    def written(self) -> int:
        """The tokens that are paid: what was thought is, like what was said."""
        return self.reasoning_tokens + len(self.tokens) + _tokens_of(self.calls)

    @property
    def seconds(self) -> float:
        return self.first + self.each * (self.written - self.reasoning_tokens)


def call_tokens(call: Call) -> list[str]:
    """The pieces in which a call's arguments come."""
    return split_tokens(call.arguments)


def _tokens_of(calls: tuple[Call, ...]) -> int:
    return sum(len(call_tokens(call)) for call in calls)


def generate(exchange: Exchange, prompt: Prompt, param: str) -> Generation:
    """Raises Refused where limits or faults say so; `param` is where the endpoint has its question."""
    api = exchange.api
    fault = enter(exchange, prompt.model.name, prompt.question)
    topic = api.topic(prompt.question)
    calls: tuple[Call, ...] = ()
    if fault == "declined":
        text = REFUSAL
    else:
        calls = next_calls(prompt.toolbox, prompt.turns, topic, exchange.id[:20])
        text = "" if calls else _answer(exchange, prompt, topic, fault)
    tokens, reasoning = split_tokens(_stopped(text, prompt.stop)), _reasoning_tokens(prompt)
    needed = reasoning + len(tokens) + _tokens_of(calls)
    limit = prompt.limit or MUCH
    if fault == "cut_off":
        limit = min(limit, reasoning + (needed - reasoning) // 2)
    is_cut = needed >= limit
    if is_cut:  # no call is half a call
        reasoning, calls = min(reasoning, limit), ()
        tokens = tokens[: limit - reasoning]
    pass_limits(exchange, prompt.prompt_tokens + min(needed, limit), fault, param)
    first, each = api.latency(prompt.model, topic, exchange.random("latency"))
    if prompt.model.efforts:
        first = first * api.haste(prompt.effort) + each * reasoning
    return Generation(
        tokens=tuple(tokens),
        reasoning_tokens=reasoning,
        is_cut=is_cut,
        first=first,
        each=each,
        is_refusal=fault == "declined",
        fault=fault,
        calls=calls,
        logprobs=None if prompt.logprobs is None else logprobs(tokens, prompt.logprobs),
    )


def _answer(exchange: Exchange, prompt: Prompt, topic: str, fault: Fault | None) -> str:
    """What the model says, in the form that was asked for."""
    said = say(prompt.turns, topic) or exchange.api.answer(prompt.model, topic)
    schema = prompt.form.schema
    if schema is None:
        # a question that has a written answer asks about JSON, and not for it
        words = "\n".join(turn.text for turn in prompt.turns if find_answer(turn.text, "small") == NO_ANSWER)
        if prompt.form.kind == "text" and not wants_json(words):
            return said
        schema = schema_in(words)
    value = fill(schema, about(topic), said, prompt.model.name)
    if fault == "messy_json" and prompt.form.kind == "text":
        return messy(value, exchange.random("mess"))
    return json.dumps(value, ensure_ascii=False)


def _stopped(text: str, stops: tuple[str, ...]) -> str:
    """
    >>> _stopped("One. Two.", (".", "T"))
    'One'
    """
    return text[: min((text.index(stop) for stop in stops if stop in text), default=len(text))]


def _reasoning_tokens(prompt: Prompt) -> int:
    """So many each time that this model is asked this, with this effort."""
    about_so_many = EFFORTS[prompt.effort].reasoning_tokens
    if not about_so_many:
        return 0
    rng = Random(f"{prompt.model.name}:{prompt.effort}:{prompt.question!a}")
    return round(about_so_many * rng.lognormvariate(0, REASONING_SPREAD))
