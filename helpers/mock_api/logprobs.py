"""How likely each token of an answer was: made up, the same in every run, and likely for the most part."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any

OTHERS = (
    *(" the", " a", " and", " of", " to", " in", " is", " it", " that", " for", " as", " with"),
    *(" on", " are", ".", ",", " by", " or", " this", " an", " not", " be"),
)


def logprobs(tokens: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Of each token, with the `most` likeliest in its place, itself among them.

    >>> [(told["token"], len(told["top_logprobs"])) for told in logprobs(["Go", " is"], 2)]
    [('Go', 2), (' is', 2)]
    """
    return [_told(token, number, most) for number, token in enumerate(tokens)]


def _told(token: str, number: int, most: int) -> dict[str, Any]:
    rng = Random(f"{number}:{token!a}")
    share = 1 - 0.4 * rng.random() ** 3
    tops, rest = [_one(token, share)], 1 - share
    for other in rng.sample([each for each in OTHERS if each != token], max(0, most - 1)):
        rest /= 2
        tops.append(_one(other, max(rest, 1e-9)))
    return {**tops[0], "top_logprobs": tops[:most]}


def _one(token: str, share: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(math.log(share), 6), "bytes": list(token.encode(errors="replace"))}
