"""A finding, and the words that it is made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..words import one_line


@dataclass(frozen=True)
class Finding:
    """One sentence on what was seen, one on where to look. `kind` is a name for programs."""

    kind: str
    seen: str
    look: str
    broken: bool = False  # it raised


Findings = Iterator[Finding]


_NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def in_words(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


def many(count: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("ry") else f"{what}s"
    return f"{in_words(count)} {what if count == 1 else plural}"


def share(count: int, of: int, what: str) -> str:
    return f"{in_words(count).capitalize()} of {in_words(of)} {what}s" if of > 1 else f"The {what}"


def listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def short(text: str) -> str:
    return one_line(text, 50)


def kind_of(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, BaseException):
        return f"the error {type(value).__name__}"
    name = {"str": "a string", "dict": "a dictionary", "int": "a number", "float": "a number", "set": "a set"}
    kind = type(value).__name__
    return name.get(kind, f"an {kind}" if kind[0] in "aeiouAEIOU" else f"a {kind}")
