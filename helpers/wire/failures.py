"""What a failed call means: why there is no answer, what to do about it, and whether all others would fail too."""

from collections.abc import Callable
from contextlib import suppress
from json import JSONDecodeError

import openai

from ..catalog import DEFAULT_MODEL
from ..errors import CallFailed, WorkbookError
from ..words import duration
from .refusals import NOT_HERE, Refusal, as_said, read_refusal, service_words
from .retries import LONGEST_RETRY_AFTER, helps_to_wait, seconds_told


def what_broke(error: BaseException | None) -> str:
    """What happened to the connection: "timeout", "dropped", "no connection", "no free connection"; "" where it held.

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
    if any(name.startswith(("ConnectError", "ClientConnector", "ConnectionTimeout")) for name in names):
        return "no connection"
    if "ConnectTimeout" in names and "ClientConnectionError" not in names:
        return "no connection"
    if "PoolTimeout" in names:  # the client's own limit
        return "no free connection"
    return "timeout" if any("Timeout" in name for name in names) else ""


def explain(error: Exception) -> CallFailed:
    """What a failed call's exception means to its caller: why there is no answer, and what would help.

    >>> import openai
    >>> print(explain(openai.OpenAIError("Missing credentials")))
    No API key was found. Run connect() first: practice mode needs no key.
    """
    return CallFailed(*_in_words(error))


def _in_words(error: Exception) -> tuple[str, str]:
    """The service's own words come first, where it said something."""
    happened, what_to_do = _explained(error)
    if isinstance(error, openai.APIError) and service_words(error) not in happened:
        happened = f"The service says{as_said(error)} {happened}"
    return happened, what_to_do


def _explained(error: Exception) -> tuple[str, str]:
    if is_bug(error):  # first: whatever led to it
        return (
            f"It went wrong in Python code, before the call or after it ({type(error).__name__}: {error}).",
            "If that is your code, correct it; else restart the kernel, and report it if it comes again.",
        )
    broke = what_broke(error)
    if broke == "timeout":
        return (
            "The answer did not come within the time allowed.",
            "Ask again; if it happens often, allow more time with timeout=, or ask for a shorter answer.",
        )
    if broke == "no free connection":
        return (
            "All connections that the client may have were in use for too long, so it was not sent.",
            "Send fewer calls at once, or allow the client more connections.",
        )
    if isinstance(error, openai.APIConnectionError):
        return (
            "The connection to the service broke off." if broke == "dropped" else "The service cannot be reached.",
            "Check your network, then ask again.",
        )
    if isinstance(error, openai.APIStatusError):
        return _refused(error)
    if type(error) is openai.APIError:  # within a stream that had begun well
        return read_refusal(error).no_credit or (
            f"The service broke off its answer{as_said(error)}",
            "What came until then may be cut off; ask again.",
        )
    if isinstance(error, openai.OpenAIError) and "credentials" in str(error):
        return "No API key was found.", "Run connect() first: practice mode needs no key."
    if "client has been closed" in str(error):
        return "The client was closed already.", "Run the cell that makes the client again."
    if "different event loop" in str(error) or "loop is closed" in str(error):
        return "The client belongs to another event loop.", "Make the client in the same asyncio.run that uses it."
    if isinstance(error, (openai.APIResponseValidationError, JSONDecodeError)):
        return "What the service sent is no answer to a question.", "Check the base URL that the client was made with."
    return f"The call failed ({type(error).__name__}: {error}).", "If it happens again, look that message up."


def is_bug(error: BaseException) -> bool:
    """Whether it is code that went wrong, the learner's, ours or a library's: no service is to blame for that.

    >>> is_bug(TypeError("'NoneType' object is not callable"))
    True
    """
    return isinstance(error, AttributeError | TypeError | NameError | LookupError | AssertionError)


def _refused(error: openai.APIStatusError) -> tuple[str, str]:
    """By code, type and parameter first; by the status where they say nothing."""
    refusal, status = read_refusal(error), error.status_code
    if sentences := refusal.no_credit:
        return sentences
    if refusal.wants_verification:
        return (
            f"Your organization may not use this before it is verified ({status}).",
            "Ask its owner to verify it, in its settings at platform.openai.com, or use another model.",
        )
    if refusal.no_such_model:
        return (
            f"The service has no such model, or your account may not use it ({status}).",
            _in_its_place(refusal.model),
        )
    if refusal.too_long:
        return "The question is too long for this model.", "Shorten it, or split it into several questions."
    if refusal.too_large:
        return (
            f"It asks for more tokens than your account may use in a minute ({status}), so a retry will not help."
            if refusal.larger_than_a_minute
            else f"It is larger than what the service takes ({status}), so a retry will not help.",
            "Shorten the question, or allow fewer tokens for its answer.",
        )
    if refusal.no_such_address:
        return f"There is nothing at this address ({status}).", _in_place_of_address(str(error.request.url.path))
    return _by_status(error, refusal)


def _by_status(error: openai.APIStatusError, refusal: Refusal) -> tuple[str, str]:
    status = error.status_code
    if status == 429:
        wait = seconds_told(error) or 0.0
        return (
            "Too many requests came in too short a time (rate limit, 429).",
            f"Ask again in {duration(wait)}: before that, no further request gets through."
            if wait > LONGEST_RETRY_AFTER
            else "Wait a moment and ask again, with fewer calls in flight at once.",
        )
    if refusal.no_access:
        return f"Your key is not allowed to do this ({status}).", "Ask whoever owns the account, or use another model."
    if refusal.bad_key or (status == 401 and (not refusal.code or "key" in refusal.code)):
        return (
            f"The service did not accept the API key ({status}): it is missing, mistyped or expired.",
            "Check your key, or run connect() for practice mode, which needs none.",
        )
    if status == 401:
        return "The service did not let you in (401).", "Ask whoever owns the account, or check your key."
    if refusal.names & NOT_HERE:
        return (
            f"The service does not answer from where you are ({status}).",
            "Use a service that is offered there; asking again will not help.",
        )
    if refusal.flagged:
        return f"The service's filter kept the question back ({status}).", "Put the question in other words."
    if status == 403:
        return "Your key is not allowed to do this (403).", "Ask whoever owns the account, or use another model."
    if status >= 500:
        return f"The service had a problem of its own ({status}).", f"It is not your code: {_again(error)}"
    if status in (408, 409):
        return f"The service could not take the request just then ({status}).", _again(error).capitalize()
    if status < 400:
        return (
            f"The service has moved: it redirects to {_target(error)} ({status}), and this client does not follow.",
            "Check the base URL that the client was made with; asking again will not help.",
        )
    return (
        f"The service refused the request ({status}){as_said(error)}",
        "Use another model, or another call; asking again will not help."
        if status == 404
        else "Correct the request; asking again will not help.",
    )


def _target(error: openai.APIStatusError) -> str:
    """Where a redirect leads, without a password that may be in it."""
    with suppress(Exception):  # it does not say, or nothing that is an address
        url = error.request.url.join(error.response.headers["location"])
        return f"{url.scheme}://{url.netloc.decode()}{url.path}"
    return "another address"


def _again(error: openai.APIStatusError) -> str:
    """When to ask again."""
    wait = seconds_told(error) or 0.0
    return f"ask again in {duration(wait)}." if wait > LONGEST_RETRY_AFTER else "ask again in a moment."


def _in_place_of_address(path: str) -> str:
    if path.endswith("/chat/completions"):
        return "Check the base URL that the client was made with: it usually ends in /v1."
    return "Use client.chat.completions.create, or check the base URL that the client was made with."


# called with the name of a model that is not there: each may say what there is in its place. Live mode puts one here.
advisers: list[Callable[[str], str | None]] = []


def _in_its_place(model: str) -> str:
    return next(filter(None, (advise(model) for advise in advisers)), None) or (
        f"Check the spelling, or try model={DEFAULT_MODEL!r}."
    )


def is_final(error: BaseException) -> bool:
    """Whether each further call would fail in the same way: a wrong key, no credit, no such model, a closed client.

    >>> is_final(WorkbookError("Practice mode stopped a call.", "Make the client again."))
    True
    """
    if isinstance(error, WorkbookError | RuntimeError | openai.AuthenticationError | openai.NotFoundError):
        return True
    if not isinstance(error, openai.APIStatusError):
        return False
    refusal = read_refusal(error)
    if refusal.no_credit or refusal.no_such_model or refusal.wants_verification or refusal.bad_key or refusal.no_access:
        return True
    if error.status_code < 400:  # a redirect that the client does not follow
        return True
    is_limited = isinstance(error, openai.RateLimitError) and helps_to_wait(refusal)
    return is_limited and (seconds_told(error) or 0.0) > LONGEST_RETRY_AFTER
