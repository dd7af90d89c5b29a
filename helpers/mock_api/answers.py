"""What the practice API answers: texts written by hand, in answers.toml, and how many tokens a text is."""

import re
import tomllib
from functools import cache
from importlib import resources

from ..catalog import Depth

NO_ANSWER = (
    "This is practice mode: no model was called, and nobody has written an answer to this question here. "
    "Ask a question from the lessons, or go live (README) to ask a real model."
)

# About what a tokenizer makes of English: a short word is one token, a long word several, a mark one of its own.
_PIECE = re.compile(r"\s*\w{1,7}|\s*[^\w\s]|\s+")


def find_answer(question: str, depth: Depth) -> str:
    """The written answer to a question, however it is capitalised and punctuated; NO_ANSWER if there is none.

    >>> find_answer("what is PYTHON", "small") == find_answer("What is Python?", "small") != NO_ANSWER
    True
    """
    if len(question) > 1_000:
        return NO_ANSWER
    entry = _written().get(plain(question))
    return entry[depth] if entry else NO_ANSWER


def split_tokens(text: str) -> list[str]:
    """Cuts a text into about the pieces that a model would stream; joined, they are the text again.

    >>> split_tokens("What is Python?")
    ['What', ' is', ' Python', '?']
    """
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """How many tokens a text is, roughly (a real tokenizer differs by some per cent)."""
    return sum(1 for _ in _PIECE.finditer(text))


@cache
def _written() -> dict[str, dict[Depth, str]]:
    entries = tomllib.loads((resources.files(__package__) / "answers.toml").read_text("utf-8"))["entry"]
    return {plain(question): entry for entry in entries for question in entry["questions"]}


def plain(question: str) -> str:
    """What is the same however a question is typed.

    >>> plain("what's the Big-O notation?") == plain("What is big O notation")
    True
    """
    text = question.casefold().replace("'", "").replace("’", "")
    words = re.findall(r"\w+", re.sub(r"\bwhats\b", "what is", text))
    return " ".join(word for word in words if word not in ("a", "an", "the"))
