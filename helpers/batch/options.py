"""Further parameters of a batch's calls, held against those that the SDK's `create` has."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from ..errors import BadInput
from ..words import shortened, with_article

OF_THE_BATCH = {  # what to give in their place
    "model": "Give `model` by its own name.",
    "messages": "Give the questions as questions; each may be a list of messages.",
    "stream": "Leave it out: each question gets one answer, as a whole.",
    "n": 'Leave it out: each question gets one answer. For several, repeat it in the list, with repeats="each".',
    "max_retries": "Give max_retries=3 beside `options`.",
    "timeout": "Give timeout=30 (seconds) beside `options`.",
    "system": 'Give instructions="Answer in one word." beside `options`.',
    "instructions": 'Give instructions="Answer in one word." beside `options`.',
}
OF_THE_CLIENT = ("extra_headers", "extra_query")
WORDS = {
    (bool,): "True or False",
    (int,): "a whole number",
    (float, int): "a number",
    (str,): "a string",
    (dict,): "a dict",
    (list,): "a list",
}


def as_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is sent with each question, checked. What the SDK has no name for goes into its `extra_body`, as with it.

    Raises BadInput for what a batch decides itself, for names that the SDK does not have, and for values of a type that
    it does not take.

    >>> as_options({"temperature": 0, "extra_body": {"top_k": 5}})
    {'temperature': 0, 'top_k': 5}
    """
    if options is not None and not isinstance(options, Mapping):
        raise BadInput(f"`options` is {with_article(type(options).__name__)}.", 'Give a dict: {"temperature": 0}.')
    named = dict(options or {})
    extra = named.pop("extra_body", None) or {}
    if not isinstance(extra, Mapping):
        raise BadInput("`extra_body` in `options` is no dict.", 'Give one: {"extra_body": {"top_k": 5}}.')
    for name in [*named, *extra]:
        if not isinstance(name, str):
            raise BadInput(f"`options` names a parameter {shortened(name)}.", 'Give a string: {"temperature": 0}.')
        if name in OF_THE_BATCH:
            raise BadInput(f"options={{{name!r}: …}} is not possible in a batch.", OF_THE_BATCH[name])
        if name in OF_THE_CLIENT:
            raise BadInput(
                f"options={{{name!r}: …}} is for the client, not for the service.",
                "Give a client that has it: AsyncOpenAI(default_headers=…).",
            )
    known = kinds()
    for name, value in named.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise BadInput(
                f"options={{{name!r}: …}} is no parameter of the SDK's chat.completions.create.",
                f"{meant}If your service has it: options={{'extra_body': {{{name!r}: {shortened(value)}}}}}.",
            )
        if value is not None and known[name] and not _fits(value, known[name]):
            wanted = WORDS.get(known[name]) or " or ".join(kind.__name__ for kind in known[name])
            raise BadInput(f"options={{{name!r}: {shortened(value)}}}: the SDK takes {wanted} there.", "Give one.")
    return {**named, **extra}


@cache
def kinds() -> dict[str, tuple[type, ...]]:
    """Each parameter of the SDK's `create`, and what a value of it may be; () where that cannot be told."""
    return {name: _kinds_of(hint) for name, hint in get_type_hints(CompletionCreateParamsNonStreaming).items()}


def _kinds_of(hint: Any) -> tuple[type, ...]:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        each = [_kinds_of(part) for part in get_args(hint) if part is not NoneType]
        return tuple(dict.fromkeys(kind for part in each for kind in part)) if all(each) else ()
    if origin is Literal:
        return tuple(dict.fromkeys(type(value) for value in get_args(hint)))
    kind = origin or hint
    if kind is float:
        return (float, int)
    if not isinstance(kind, type):
        return ()
    if issubclass(kind, dict):  # a TypedDict is one when the program runs
        return (dict,)
    return (list,) if issubclass(kind, Iterable) and kind is not str else (kind,)


def _fits(value: Any, allowed: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in allowed
    if isinstance(value, tuple):
        return list in allowed
    return isinstance(value, allowed) or (isinstance(value, Mapping) and dict in allowed)
