"""What the ending of an answer means: whether it is an answer at all, and if not, what the service says."""

from typing import Any

import httpx2
import openai

from ..errors import OUT_OF_CREDIT, ContentFiltered, ErrorSent, ModelRefused, NoAnswer
from ..finish_reasons import BROKEN, CALLS, FILTERS, LIMITS, plain
from ..words import ended, one_line
from .bodies import Completion
from .refusals import DEEPEST, MOST_WORDS

OF_STATUS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}
# what services call their errors, where they tell no status
STATUS_OF = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "slow_down": 429,
    **dict.fromkeys(OUT_OF_CREDIT, 429),
    "server_error": 500,
    "internal_error": 500,
    "api_error": 500,
    "overloaded_error": 503,
}


def why_no_answer(completion: Completion) -> NoAnswer | None:
    """What stands in an answer's place, in two sentences; None where there is an answer, whole or cut.

    >>> print(why_no_answer(Completion(finish_reason="content_filter", found=True)))
    The service says finish_reason "content_filter": the filter kept the answer back. Put the question in other words.
    >>> why_no_answer(Completion(text="A language.", finish_reason="stop", found=True)) is None
    True
    """
    reason = completion.finish_reason
    named, other_words = plain(reason), "Put the question in other words."

    def told(what: str) -> str:
        return f'The service says finish_reason "{reason}": {what}' if reason else what[0].upper() + what[1:]

    if completion.error:
        said = _words_of(completion.error)
        return ErrorSent(
            f"The service sent an error in place of an answer{f': {ended(said)}' if said else '.'}",
            "Ask again; if it comes again, look up what it says.",
        )
    if refusal := completion.refusal.strip():
        return ModelRefused(f"The model refused to answer: {ended(one_line(refusal, MOST_WORDS))}", other_words)
    if named in BROKEN:
        return NoAnswer(told("it broke off its answer."), "Ask again in a moment.")
    if completion.text.strip():
        return None
    if named == "refusal":
        return ModelRefused(told("the model refused to answer."), other_words)
    if named in FILTERS:
        return ContentFiltered(told("the filter kept the answer back."), other_words)
    if completion.calls or named in CALLS:
        return NoAnswer(
            told(f"the model wants {completion.calls or 'a function'} to be called, and wrote no text."),
            "Ask without tools, or call the function in code of your own and send back what it gives.",
        )
    if named in LIMITS:
        return NoAnswer(
            told("all tokens that were allowed were used up before any text came."),
            "Allow more (max_completion_tokens), or ask for less thinking (reasoning_effort).",
        )
    what = "its answer has no text" if completion.found else "its list of choices is empty"
    return NoAnswer(
        told(f"there is no answer to a question ({what})."), "Ask again; if it comes again, ask another model."
    )


def error_of(completion: Completion, response: Any) -> openai.APIStatusError | None:
    """The SDK's error for one that came with status 200, where it says what status it should have had; else None."""
    error = completion.error
    status = _status_of(error) if isinstance(error, dict) else None
    if status is None:
        return None
    kind = OF_STATUS.get(status, openai.InternalServerError if status >= 500 else openai.APIStatusError)
    headers = [(name, value) for name, value in response.headers.items() if not name.lower().startswith("content-")]
    as_if = httpx2.Response(status, headers=headers, request=response.request)
    return kind(_words_of(error) or f"Error code: {status}", response=as_if, body=error)


def _status_of(error: dict[str, Any]) -> int | None:
    for name in ("status", "status_code", "code"):
        value = str(error.get(name))
        if value.isdecimal() and 400 <= int(value) < 600:
            return int(value)
    named = [str(error.get(name)).lower() for name in ("code", "type")]
    return next((STATUS_OF[name] for name in named if name in STATUS_OF), None)


def _words_of(said: object, depth: int = 0) -> str:
    """The text in an error, in a line; "" for none. Each service has its own shape for it."""
    if depth > DEEPEST:
        return ""
    if isinstance(said, list):
        return next(filter(None, (_words_of(each, depth + 1) for each in said)), "")
    if isinstance(said, dict):
        names = ("message", "detail", "error", "msg", "status_msg")
        return next(filter(None, (_words_of(said.get(name), depth + 1) for name in names)), "")
    return one_line(said, MOST_WORDS) if isinstance(said, str) and not said.lstrip().startswith("<") else ""
