"""JSON that is asked for in words, without a schema: which fields it is to have, and how it comes at worst."""

import json
import re
from random import Random
from typing import Any

ASKED_FOR = re.compile(
    r"\b(in|as|into|return|give|reply|respond|answer|output|write|valid|only|with)\b[^.?!\n]{0,40}\bjson\b",
    re.IGNORECASE,
)
KEY = re.compile(r"[\"'`](\w+)[\"'`]\s*:")  # as in an example: {"title": …}
QUOTED = re.compile(r"[\"'`](\w+)[\"'`]")
LABEL = re.compile(r"^\w+:\s+")
IN_BRACKETS = re.compile(r"\([^)]*\)")
LIST = r":?\s+((?:(?:and\s+)?\w+(?:\s*\([^)]*\))?(?:\s*,\s*|\s+and\s+)?)+)"
LISTED = [
    re.compile(rf"\b(?:keys?|fields?|properties){LIST}", re.IGNORECASE),
    re.compile(rf"\bwith(?: the)?{LIST}", re.IGNORECASE),
]
NAMED = re.compile(r"\b(?!and\b)(\w+)\s*(?:\(([^)]*)\))?", re.IGNORECASE)
BOUNDS = re.compile(r"(\d+)\s*(?:to|-|–)\s*(\d+)")
WHOLE = ("rating", "stars", "score", "count", "number", "age", "year", "quantity", "total")
SEVERAL = ("topics", "tags", "keywords", "items", "points", "reasons", "pros", "cons")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def wants_json(texts: str) -> bool:
    """
    >>> wants_json("Answer in JSON, please."), wants_json("Is JSON older than XML?")
    (True, False)
    """
    return ASKED_FOR.search(texts) is not None


def about(question: str) -> str:
    """The text that a question is about: its last line, without a label; of a single line, what the colon announces.

    >>> about("Answer in JSON with the keys title and stars (1 to 5):\\nReview: The battery died after a week.")
    'The battery died after a week.'
    """
    *instructions, last = question.strip().splitlines() or [""]
    text = LABEL.sub("", last) if instructions else last.partition(": ")[2]
    return text.strip() if len(text.split()) > 2 else last.strip()


def schema_in(texts: str) -> dict[str, Any]:
    """The schema that words describe; with one field, `answer`, where they name none.

    >>> schema_in("In JSON, please, with the keys title and stars (1 to 5).")["properties"]
    {'title': {'type': 'string'}, 'stars': {'type': 'integer', 'minimum': 1, 'maximum': 5}}
    """
    names = IN_BRACKETS.sub("", texts)
    fields = dict.fromkeys(KEY.findall(names) or QUOTED.findall(names), "")
    if not fields and (listed := [found for each in LISTED if (found := each.search(texts))]):
        fields = dict(NAMED.findall(listed[0][1]))
    for name in fields:  # what stands in brackets behind it, or beside it in the example
        if found := re.search(rf"\b{name}[\"'`]?\s*\(([^)]*)\)", texts):
            fields[name] = found[1]
    properties = {name: _kind(name, told) for name, told in (fields or {"answer": ""}).items()}
    return {"type": "object", "properties": properties}


def _kind(name: str, told: str) -> dict[str, Any]:
    if bounds := BOUNDS.search(told):
        return {"type": "integer", "minimum": int(bounds[1]), "maximum": int(bounds[2])}
    values = [each.strip(" \"'`") for each in re.split(r",|\bor\b|/|\|", told) if each.strip()]
    if values in (["true", "false"], ["yes", "no"]) or re.match(r"(is|has|would|can)_", name):
        return {"type": "boolean"}
    if len(values) > 1:
        return {"type": "string", "enum": values}
    if name.rpartition("_")[2] in WHOLE:
        return {"type": "integer"}
    return {"type": "array", "items": {"type": "string"}} if name in SEVERAL else {"type": "string"}


def messy(value: Any, rng: Random) -> str:
    """JSON as models write it that were only asked for it: no program can use it as it is.

    >>> print(messy({"stars": 5}, Random(1)))
    ```json
    {"stars": 5}
    ```
    """
    text = json.dumps(value, ensure_ascii=False)
    fenced, introduced = f"```json\n{text}\n```", f"Here is the JSON that you asked for:\n{text}"
    spelled = re.sub(r": (10|\d)(?=[,}])", lambda found: f': "{NUMBERS[int(found[1])]}"', text, count=1)
    return rng.choice([fenced, introduced, spelled if spelled != text else fenced])
