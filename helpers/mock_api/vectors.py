"""A text as a vector: the same each time, of length 1, and the nearer to another's the more words they share.

No model is behind it: what means the same in other words is as far off as anything else.
"""

import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import shake_256
from operator import add

SHORT, LIGHT = 3, 0.3  # a word of so few letters says little: it has this weight
SHARED = 0.8  # the weight of what is in every text, so that no two are quite unlike


def embed(text: str, dimensions: int, most: int) -> "array[float]":
    """The first `dimensions` of a model's `most`, made one long again.

    >>> one, other = (embed(text, 256, 1536) for text in ("a blue kettle", "the blue kettles"))
    >>> len(one), round(dot(one, one), 5), dot(one, other) > 0.7 > dot(one, embed("asyncio", 256, 1536))
    (256, 1.0, True)
    """
    words = [each.casefold().rstrip("s") or each for each in re.findall(r"\w+", text)] or [text]
    vector = [SHARED * each for each in _direction("", most)[:dimensions]]
    for word in words:
        weight = LIGHT if len(word) <= SHORT else 1.0
        vector = list(map(add, vector, [weight * each for each in _direction(word, most)[:dimensions]]))
    length = dot(vector, vector) ** 0.5
    return array("f", [each / length for each in vector])


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@lru_cache(maxsize=5_000)
def _direction(word: str, most: int) -> "array[int]":
    """Where a word lies: by chance, but always there."""
    return array("b", shake_256(word.encode(errors="replace")).digest(most))
