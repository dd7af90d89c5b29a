"""What a failed call means: why there is no answer, whether another attempt helps, and what to do about it."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from random import random
from typing import Any

import openai

from ..catalog import DEFAULT_MODEL
from ..errors import CallFailed, WorkbookError
from .bodies import read_request, request_body

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds before a retry, where the service does not say how long; the SDK's
# what is used up, by the error's code or type: who has to do what
NO_CREDIT: dict[str, tuple[str, str]] = {
    "insufficient_quota": (
        "Your account has no credit left (insufficient_quota), so waiting will not help.",
        "Check the plan and billing page of your account.",
    ),
    "credit_balance_exhausted": (
        "The prepaid credit of your account is used up (credit_balance_exhausted), so waiting will not help.",
        "Add credit on the billing page of your account.",
    ),
    "organization_spend_limit_exceeded": (
        "Your organization has spent all that it allows itself (organization_spend_limit_exceeded).",
        "Ask an owner of the organization to raise its spend limit, or wait until its month begins anew.",
    ),
    "project_spend_limit_exceeded": (
        "The project of your key has spent all that it is allowed (project_spend_limit_exceeded).",
        "Ask an owner of the project to raise its spend limit, or use a key of another project.",
    ),
    "organization_usage_limit_exceeded": (
        "Your organization has used all that the service allows it (organization_usage_limit_exceeded).",
        "Ask an owner of the organization to get its usage limit raised by the service.",
    ),
}
MOST_WORDS = 300  # characters of what a service says
LONGEST_RETRY_AFTER = 120.0  # seconds; who is told to wait longer than that is told to give up


def what_broke(error: BaseException | None) -> str:
    """What happened to the connection, in a word: "timeout", "dropped", "no connection"; "" where it held.

    The innermost cause is the truest: aiohttp's transport reports a broken connection as a timeout.
    """
    names = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__
    if any(name in ("RemoteProtocolError", "ReadError", "WriteError", "ClientOSError") for name in names):
        return "dropped"
    if any("Disconnected" in name for name in names):
        return "dropped"
    if any(name.startswith(("ConnectError", "ClientConnector")) for name in names):
        return "no connection"
    return "timeout" if any("Timeout" in name for name in names) else ""


def explain(error: Exception) -> CallFailed:
    """What a failed call's exception means to its caller: why there is no answer, and what would help.

    >>> import openai
    >>> print(explain(openai.OpenAIError("Missing credentials")))
    No API key was found. Run connect() first: practice mode needs no key.
    """
    return CallFailed(*_in_words(error))


def _in_words(error: Exception) -> tuple[str, str]:
    code = getattr(error, "code", None)
    status = getattr(error, "status_code", None)
    broke = what_broke(error)
    if broke == "timeout":
        return (
            "The answer did not come within the time allowed.",
            "Ask again; if it happens often, allow more time with timeout=, or ask for a shorter answer.",
        )
    if isinstance(error, openai.APIConnectionError):
        return (
            "The connection to the service broke off." if broke == "dropped" else "The service cannot be reached.",
            "Check your network, then ask again.",
        )
    if isinstance(error, openai.RateLimitError):
        if no_credit := out_of_credit(code, error.type):
            return no_credit
        return (
            "Too many requests came in too short a time (rate limit, 429).",
            "Wait a moment and ask again, with fewer calls in flight at once.",
        )
    if isinstance(error, openai.AuthenticationError):
        return (
            "The service did not accept the API key (401): it is missing, mistyped or expired.",
            "Check your key, or run connect() for practice mode, which needs none.",
        )
    if isinstance(error, openai.PermissionDeniedError):
        return (
            "Your key is not allowed to do this (403).",
            "Ask whoever owns the account, or use another model.",
        )
    if isinstance(error, openai.NotFoundError):
        if code == "model_not_found" or "model" in service_words(error).lower():
            return (
                "The service has no such model, or your account may not use it (404).",
                _in_its_place(_model_of(error)),
            )
        return "There is nothing at this address (404).", "Check the base URL that the client was made with."
    if isinstance(error, openai.BadRequestError) and code == "context_length_exceeded":
        return "The question is too long for this model.", "Shorten it, or split it into several questions."
    if isinstance(error, openai.APIStatusError) and status is not None and status >= 500:
        return (
            f"The service had a problem of its own ({status}).",
            "It is not your code: ask again in a moment.",
        )
    if isinstance(error, openai.APIStatusError):
        return (
            f"The service refused the request ({status}){as_said(error)}",
            "Correct the request; asking again will not help.",
        )
    if type(error) is openai.APIError:  # within a stream that had begun well
        return f"The service broke off its answer{as_said(error)}", "What came until then may be cut off; ask again."
    if isinstance(error, openai.OpenAIError) and "credentials" in str(error):
        return "No API key was found.", "Run connect() first: practice mode needs no key."
    if "client has been closed" in str(error):
        return "The client was closed already.", "Run the cell that makes the client again."
    if "different event loop" in str(error) or "loop is closed" in str(error):
        return "The client belongs to another event loop.", "Make the client in the same asyncio.run that uses it."
    if isinstance(error, (openai.APIResponseValidationError, JSONDecodeError)):
        return "What the service sent is no answer to a question.", "Check the base URL that the client was made with."
    return f"The call failed ({type(error).__name__}: {error}).", "If it happens again, look that message up."


def service_words(error: openai.APIError) -> str:
    """What the service itself says of it, in a line; "" for nothing. Each service has its own shape for it."""
    said: object = error.body
    for name in ("message", "detail", "error", "msg"):
        if isinstance(said, list) and said:
            said = said[0]
        if isinstance(said, dict):
            said = said.get(name, said)
    text = " ".join(said.split()) if isinstance(said, str) and not said.lstrip().startswith("<") else ""  # no web page
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]} …"


def as_said(error: openai.APIError) -> str:
    """The end of a sentence: what the service says, if it says something."""
    words = service_words(error)
    return f": {words}" + ("" if words.endswith((".", "!", "?", "…")) else ".") if words else "."


def out_of_credit(*names: str | None) -> tuple[str, str] | None:
    """What to tell where an error's code, or its type, says that nothing more is paid for; None where neither does.

    >>> out_of_credit(None, "insufficient_quota") == out_of_credit("insufficient_quota", "requests")
    True
    >>> out_of_credit("rate_limit_exceeded", "requests") is None
    True
    """
    return next((NO_CREDIT[name] for name in names if name in NO_CREDIT), None)


def _model_of(error: openai.APIStatusError) -> str:
    return read_request(request_body(error.request)).model


# called with the name of a model that is not there: each may say what there is in its place. Live mode puts one here.
advisers: list[Callable[[str], str | None]] = []


def _in_its_place(model: str) -> str:
    return next(filter(None, (advise(model) for advise in advisers)), None) or (
        f"Check the spelling, or try model={DEFAULT_MODEL!r}."
    )


def pause_before_retry(error: BaseException | None, attempt: int) -> float | None:
    """Seconds to wait after the `attempt`th failure (from 1); None where another attempt cannot help.

    Retried is what the SDK retries, except where the credit is used up. A `retry-after` of up to two minutes is kept
    to, as by the SDK; without one the pause doubles from half a second to eight, less up to a quarter by chance.

    >>> pause_before_retry(ValueError("a bug"), 1) is None
    True
    """
    response = getattr(error, "response", None)
    if out_of_credit(getattr(error, "code", None), getattr(error, "type", None)):
        return None
    if response is not None and response.status_code not in (408, 409, 429) and response.status_code < 500:
        return None
    if response is None and not isinstance(error, openai.APIConnectionError):
        return None
    wait = retry_after(response)
    if wait is not None:
        return wait if wait <= LONGEST_RETRY_AFTER else None
    return min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE) * (1 - 0.25 * random())


def retry_after(response: Any) -> float | None:
    """Seconds until the service wants to be asked again; None where it does not say."""
    if response is None:
        return None
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            wait = float(response.headers[name]) * unit
            if 0 < wait < math.inf:
                return wait
    with suppress(KeyError, ValueError, TypeError, OverflowError):  # it may be a date, too
        wait = parsedate_to_datetime(response.headers["retry-after"]).timestamp() - time.time()
        return wait if wait > 0 else None
    return None


def is_rate_limit(error: BaseException) -> bool:
    """Whether it is a 429 that waiting helps."""
    return isinstance(error, openai.RateLimitError) and not out_of_credit(error.code, error.type)


def is_final(error: BaseException) -> bool:
    """Whether each further call would fail in the same way: a wrong key, no credit, no such model, a closed client.

    >>> is_final(WorkbookError("Practice mode stopped a call.", "Make the client again."))
    True
    """
    if isinstance(error, WorkbookError | RuntimeError | openai.AuthenticationError | openai.NotFoundError):
        return True
    if not isinstance(error, openai.RateLimitError):
        return False
    return not is_rate_limit(error) or (retry_after(error.response) or 0.0) > LONGEST_RETRY_AFTER
