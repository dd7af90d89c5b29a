"""Numbers as people type them: with units, with marks between thousands, with a comma or a point."""

import re
import unicodedata
from collections.abc import Mapping

MOST = 1e12  # nothing in a lesson comes to more
LONGEST = 200  # characters

SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("μs", "us", "microsecond", "microseconds"), 0.000_001),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600.0),
}
UNITS: dict[str, Mapping[str, float]] = {
    "seconds": SECONDS,
    "times": dict.fromkeys(("x", "×", "time", "times", "fold", "times as fast"), 1.0),
    "requests": dict.fromkeys(("request", "requests"), 1.0),
    "answers": dict.fromkeys(("answer", "answers"), 1.0),
}
LARGE = {"k": 1e3, "thousand": 1e3, "million": 1e6}
IN_LETTERS = re.compile(
    r"\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|hundred"
    r"|thousand|million|dozen|half)\b"
)

BEFORE = re.compile(r"(?:~|≈|=|\+|about|around|circa|ca\.)\s*")
MINUS = re.compile(r"(?:-|−|–|minus)\s*(?=[\d.,])")
PART = re.compile(
    r"""\s*(?:
        (?P<thousands>[1-9]\d{0,2}(?:(?P<mark>[ ,.'’_])\d{3})(?:(?P=mark)\d{3})*)(?![\d])
        | (?P<whole>\d{1,200})
        | (?=[.,]\d)
    )
    (?:(?P<point>[.,])(?P<rest>\d{1,15}))?
    (?P<power>e[+-]?\d{1,3})?
    (?:\s*(?P<large>k|thousand|million)(?![a-z]))?
    (?:\s*(?P<unit>times\ as\ fast|[a-zμ]+|×))?\s*""",
    re.VERBOSE,
)
FRACTION = re.compile(r"(?:(\d{1,9})[ +])?\s*(\d{1,9})\s*[/⁄]\s*(\d{1,9})")
RANGE = re.compile(r".*\d[^\d]*?(?:-|–|—|\bto\b|\.\.|…)[^\d]*\d.*")


class Unreadable(ValueError):
    """What was typed is no number that can be taken; its text says why, and what to write."""


def read_number(text: str, about: str) -> float:
    """The number that was typed, of "seconds", "times", "requests" or "answers".

    Raises Unreadable, in two sentences.

    >>> [read_number(text, "seconds") for text in ("2.5", "2,5 s", "120 ms", "1 min 30 s", "½")]
    [2.5, 2.5, 0.12, 90.0, 0.5]
    >>> [read_number(text, "requests") for text in ("1,000", "1 000", "1e3", "10 requests")]
    [1000.0, 1000.0, 1000.0, 10.0]
    >>> try:
    ...     read_number("-5", "requests")
    ... except Unreadable as why:
    ...     print(why)
    '-5' is below zero. Write 0 or more.
    """
    plain = " ".join(unicodedata.normalize("NFKC", _with_fractions(text[:LONGEST])).lower().split())
    said = BEFORE.sub("", plain, count=1) if BEFORE.match(plain) else plain
    below = _value(MINUS.sub("", said), about) if MINUS.match(said) else None
    if below:
        raise Unreadable(f"{shown(text)} is below zero. Write 0 or more.")
    value = 0.0 if below == 0 else _value(said, about)
    if value is None or len(text) > LONGEST:
        raise Unreadable(f"{shown(text)} {_why_not(said if len(text) <= LONGEST else '', about)}")
    if value > MOST:
        raise Unreadable(f"{shown(text)} is too large: nothing here comes to so much. Write a smaller number.")
    return value


def shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _with_fractions(text: str) -> str:
    """½ as 1/2, and 2½ as 2 1/2, before they become one with the digits around them."""
    return "".join(
        f" {unicodedata.normalize('NFKC', sign)}" if unicodedata.category(sign) == "No" and not sign.isdigit() else sign
        for sign in text
    )


def _value(said: str, about: str) -> float | None:
    """None: it is no number, or not one of these."""
    if (parts := FRACTION.match(said)) and int(parts[3]):
        unit = said[parts.end() :].strip()
        value = int(parts[1] or 0) + int(parts[2]) / int(parts[3])
        return value * UNITS[about].get(unit, 1.0) if unit in ("", *UNITS[about]) else None
    total, at, count, units = 0.0, 0, 0, 0
    while at < len(said):
        part = PART.match(said, at)
        if not part or part["unit"] not in (None, *UNITS[about]):
            return None
        number = _digits(part, whole=about in ("requests", "answers"))
        if number is None:
            return None
        total += number * LARGE.get(part["large"] or "", 1.0) * UNITS[about].get(part["unit"] or "", 1.0)
        at, count, units = part.end(), count + 1, units + (part["unit"] is not None)
    return total if count == 1 or (about == "seconds" and count == units > 1) else None


def _digits(part: re.Match[str], whole: bool) -> float | None:
    mark, grouped = part["mark"], part["thousands"]
    if mark and (mark == part["point"] or (_has_two_meanings(part) and not whole)):
        return None
    digits = grouped.replace(mark, "") if grouped else part["whole"] or "0"
    return float(f"{digits}.{part['rest'] or 0}{part['power'] or ''}")


def _has_two_meanings(part: re.Match[str]) -> bool:
    """1,000 is one to some, and a thousand to others."""
    return part["mark"] in (",", ".") and part["thousands"].count(part["mark"]) == 1 and not part["point"]


def _why_not(said: str, about: str) -> str:
    part, such = PART.match(said), "10" if about in ("requests", "answers") else "2.5"
    if part and part["thousands"] and about in ("seconds", "times") and _has_two_meanings(part):
        first, rest = part["thousands"].split(part["mark"])
        small = f"{first}.{rest}".rstrip("0").rstrip(".")
        return f"can be read as {small} or as {first}{rest}. Write the one that you mean."
    if re.search(r"∞|\b(inf|infinity|infinite|endless)\b", said):
        return f"has no end. Write the number that you expect to see, such as {such}."
    if said.endswith("%"):
        return f"is a share, and this asks for {_asked(about)}. Write digits, such as {such}."
    if RANGE.fullmatch(said):
        return "is a range. Write the one number that is the likeliest to you."
    if re.match(r"[<>≤≥]=?\s*\d", said):
        return "is a limit. Write the one number that is the likeliest to you."
    if IN_LETTERS.search(said) and not re.search(r"\d", said):
        return f"is written in letters. Write digits, such as {such}."
    if any(other != about and _value(said, other) is not None for other in UNITS):
        return f"is something else than {_asked(about)}, which this asks for. Write the number alone, such as {such}."
    return f"is not a number. Write digits, such as {such}."


def _asked(about: str) -> str:
    return {"seconds": "a time in seconds", "times": "how many times as fast"}.get(about, f"a number of {about}")
