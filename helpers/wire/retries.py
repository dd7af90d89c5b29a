"""How long to wait before a retry, and which failures are retried at all.

The pause is what the service says (`retry-after`, or its words), else the SDK's: it doubles with each attempt.
"""

import math
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from random import random
from typing import Any

import openai

from .refusals import Refusal, read_refusal

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds before a retry, where the service does not say how long; the SDK's
LONGEST_RETRY_AFTER = 120.0  # seconds; who is told to wait longer than that is told to give up


def pause_before_retry(error: BaseException | None, attempt: int) -> float | None:
    """Seconds to wait after the `attempt`th failure (from 1); None where another attempt cannot help.

    Retried is what the SDK retries, except where there is no credit, and a request that is too large for the limit of
    a minute. A `retry-after` of up to two minutes is kept to, as by the SDK; without one the pause doubles from half a
    second to eight, less up to a quarter by chance.

    >>> pause_before_retry(ValueError("a bug"), 1) is None
    True
    """
    response = getattr(error, "response", None)
    if error is None or (response is None and not isinstance(error, openai.APIConnectionError)):
        return None
    if response is not None and response.status_code not in (408, 409, 429) and response.status_code < 500:
        return None
    if not helps_to_wait(read_refusal(error)):
        return None
    wait = seconds_told(error)
    if wait is not None:
        return wait if wait <= LONGEST_RETRY_AFTER else None
    return min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE) * (1 - 0.25 * random())


def seconds_told(error: BaseException) -> float | None:
    """Seconds until the service wants to be asked again, by its headers; by its words where they tell of hours."""
    wait = retry_after(getattr(error, "response", None))
    if wait is None:
        wait = read_refusal(error).seconds_told
        return wait if wait is not None and wait > LONGEST_RETRY_AFTER else None
    return wait


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
    return isinstance(error, openai.RateLimitError) and helps_to_wait(read_refusal(error))


def helps_to_wait(refusal: Refusal) -> bool:
    """Whether the same request may get through later: not without credit, nor where it is too large."""
    return not refusal.no_credit and not refusal.too_large
