"""What the practice API answers: each endpoint is a file of its own, and a line in `ENDPOINTS`."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ..exchange import Exchange, Reply
from . import (
    cancel_response,
    chat_completions,
    create_embeddings,
    create_response,
    delete_response,
    list_models,
    retrieve_model,
    retrieve_response,
)


class Endpoint(NamedTuple):
    method: str
    path: str  # a name in braces stands for any text
    reply: Callable[[Exchange, bytes], Reply]  # from a request's body; raises Refused


# where two paths fit a request, the first line counts
ENDPOINTS = (
    Endpoint("POST", "/v1/chat/completions", chat_completions.reply),
    Endpoint("POST", "/v1/responses", create_response.reply),
    Endpoint("POST", "/v1/responses/{id}/cancel", cancel_response.reply),
    Endpoint("GET", "/v1/responses/{id}", retrieve_response.reply),
    Endpoint("DELETE", "/v1/responses/{id}", delete_response.reply),
    Endpoint("POST", "/v1/embeddings", create_embeddings.reply),
    Endpoint("GET", "/v1/models", list_models.reply),
    Endpoint("GET", "/v1/models/{model}", retrieve_model.reply),
)


def endpoints_at(path: str) -> dict[str, Endpoint]:
    """What answers at a path, by method; empty where nothing does.

    >>> list(endpoints_at("/v1/models/gpt-4o")), list(endpoints_at("/v1/images"))
    (['GET'], [])
    """
    found = next((each.path for each in ENDPOINTS if _fits(each.path, path)), None)
    return {each.method: each for each in ENDPOINTS if each.path == found}


def paths_in_words() -> str:
    """The paths that are always there, for who asked for another.

    >>> paths_in_words()
    '/v1/chat/completions, /v1/responses, /v1/embeddings and /v1/models'
    """
    *others, last = dict.fromkeys(each.path for each in ENDPOINTS if "{" not in each.path)
    return f"{', '.join(others)} and {last}"


def _fits(pattern: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", ".*", pattern), path, re.DOTALL) is not None
