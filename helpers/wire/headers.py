"""The rate limits that a service tells in the headers of its answers.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

import math
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

Unit = Literal["requests", "tokens"]

LARGEST, SHORTEST, DAY = 1e12, 0.001, 86_400.0  # units, and seconds; a limit or a `reset` beyond them is none
UNITS = {"d": DAY, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}  # seconds
DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?){unit})?" for unit in UNITS))


class Limit(NamedTuple):
    """How many may come at once (`limit`), how many of them are left, and the seconds until all are back."""

    limit: float
    remaining: float
    reset: float | None

    @property
    def per_second(self) -> float | None:
        """The rate at which they come back; None where nothing is missing, or where it does not say when."""
        if self.reset is None or self.remaining >= self.limit:
            return None
        return (self.limit - self.remaining) / self.reset


def read_limit(headers: Mapping[str, str], unit: Unit) -> Limit | None:
    """
    >>> headers = {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"}
    >>> read_limit({**headers, "x-ratelimit-reset-requests": "120ms"}, "requests")
    Limit(limit=500.0, remaining=499.0, reset=0.12)
    """
    limit = _number(headers.get(f"x-ratelimit-limit-{unit}"))
    remaining = _number(headers.get(f"x-ratelimit-remaining-{unit}"))
    reset = read_seconds(headers.get(f"x-ratelimit-reset-{unit}"))
    if limit is None or remaining is None or not 1 <= limit <= LARGEST or not 0 <= remaining <= limit:
        return None
    return Limit(limit, remaining, reset if reset is not None and SHORTEST <= reset <= DAY else None)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_seconds(text: str | None) -> float | None:
    """A duration as services write it.

    >>> read_seconds("6m0s"), read_seconds("1.5s"), read_seconds("20ms"), read_seconds("7"), read_seconds("soon")
    (360.0, 1.5, 0.02, 7.0, None)
    """
    parts = DURATION.fullmatch(text) if text else None
    if parts is None:
        return _number(text)
    return sum(float(part) * unit for part, unit in zip(parts.groups(), UNITS.values(), strict=True) if part)
