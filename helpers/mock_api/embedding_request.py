"""The body of a request for embeddings, read; what the service would not take is refused in its own words."""

from dataclasses import dataclass
from typing import Any

from ..catalog import EMBEDDINGS, Model
from .answers import count_tokens
from .parameters import EMBEDDING_PARAMETERS
from .requests import Refused, known_model, missing, one_of, whole_number, wrong_type

MOST_INPUTS, MOST_TOKENS, MOST_TOKENS_IN_ALL = 2_048, 8_192, 300_000


@dataclass(frozen=True)
class EmbeddingRequest:
    """Texts that can be embedded. One that was sent as tokens is the text of their numbers."""

    model: Model
    texts: tuple[str, ...]
    tokens: int  # of all of them
    dimensions: int
    encoding: str  # "float" or "base64"


def read_embedding_request(asked: dict[str, Any]) -> EmbeddingRequest:
    """Raises Refused for what the service would not take."""
    model = _model(asked)
    EMBEDDING_PARAMETERS.check(asked)
    assert model.dimensions is not None
    encoding = asked.get("encoding_format") or "float"
    one_of(encoding, ("float", "base64"), "encoding_format")
    inputs = _inputs(asked)
    counts = [count_tokens(each) if isinstance(each, str) else len(each) for each in inputs]
    if max(counts) > MOST_TOKENS:
        raise Refused(
            400,
            f"This model's maximum context length is {MOST_TOKENS} tokens, however you requested {max(counts)} tokens "
            f"({max(counts)} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.",
        )
    if sum(counts) > MOST_TOKENS_IN_ALL:
        raise Refused(
            400,
            f"Requested {sum(counts)} tokens, max {MOST_TOKENS_IN_ALL} tokens per request",
            "max_tokens_per_request",
            kind="max_tokens_per_request",
        )
    return EmbeddingRequest(
        model,
        tuple(each if isinstance(each, str) else " ".join(map(str, each)) for each in inputs),
        sum(counts),
        whole_number(asked, "dimensions", most=model.dimensions) or model.dimensions,
        encoding,
    )


def _model(asked: dict[str, Any]) -> Model:
    name = asked.get("model")
    if isinstance(name, str) and name in EMBEDDINGS:
        return EMBEDDINGS[name]
    known_model(asked)
    raise Refused(403, "You are not allowed to generate embeddings from this model")


def _inputs(asked: dict[str, Any]) -> list[str | list[int]]:
    """The texts, each as such or as the numbers of its tokens."""
    given = asked.get("input")
    if given is None:
        raise missing("input")
    if not isinstance(given, str | list):
        raise wrong_type("input", "a string or array", given)
    inputs = [given] if isinstance(given, str) or _is_tokens(given) else given
    if not inputs:
        raise Refused(400, "Invalid 'input': input cannot be an empty array.", "empty_array", "input")
    if len(inputs) > MOST_INPUTS:
        raise Refused(
            400,
            f"Invalid 'input': array too long. Expected an array with maximum length {MOST_INPUTS}, but got an array "
            f"with length {len(inputs)} instead.",
            "array_above_max_length",
            "input",
        )
    for number, each in enumerate(inputs):
        if not isinstance(each, str) and not _is_tokens(each):
            raise wrong_type(f"input[{number}]", "a string or array of integers", each)
        if not each:
            raise Refused(400, "Invalid 'input': input cannot be an empty string.", "invalid_value", "input")
    return inputs


def _is_tokens(given: object) -> bool:
    return isinstance(given, list) and bool(given) and all(type(each) is int for each in given)
