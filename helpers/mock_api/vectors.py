"""A text as a vector: the same each time, of length 1, and the nearer to another's the more words they share.

No model is behind it: what means the same in other words is as far off as anything else.
"""

import math
import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import shake_256

# how much a word counts: one of few letters says little
SHORT, LIGHT, HEAVY = 3, 3, 10
SHARED = 8  # how much counts what is in every text, so that no two are quite unlike


def embed(text: str, dimensions: int, most: int) -> "array[float]":
    """The first `dimensions` of a model's `most`, made one long again.

    >>> one, other = (embed(text, 256, 1536) for text in ("a blue kettle", "the blue kettles"))
    >>> len(one), round(dot(one, one), 5), dot(one, other) > 0.7 > dot(one, embed("asyncio", 256, 1536))
    (256, 1.0, True)
    """
    words = [each.casefold().rstrip("s") or each for each in re.findall(r"\w+", text)] or [text]
    directions = [_direction("", SHARED, most)]
    directions += [_direction(word, LIGHT if len(word) <= SHORT else HEAVY, most) for word in words]
    vector = list(map(sum, zip(*(each[:dimensions] for each in directions), strict=True)))
    length = math.hypot(*vector)
    return array("f", [each / length for each in vector])


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@lru_cache(maxsize=5_000)
def _direction(word: str, weight: int, most: int) -> "array[int]":
    """Where a word lies: by chance, but always there."""
    places = array("b", shake_256(word.encode(errors="replace")).digest(most))
    return array("h", [weight * each for each in places])
