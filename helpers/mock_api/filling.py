"""A schema, filled by rule: always with the same values for the same text, and with such as the text suggests."""

import re
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

from .schemas import resolve

DEEPEST = 6  # levels, after which a schema that refers to itself ends
ANSWERS = ("answer", "response", "explanation")
WHOLE_TEXTS = ("text", "content", "reasoning", "description", "summary", "body", "quote")
TITLES = ("title", "headline", "subject")
NAMES = ("name", "author", "person", "company")
A_NAME = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)+\b")
OUT_OF_FIVE = ("rating", "stars", "score")
A_SHARE = ("confidence", "probability", "likelihood")
GOOD = re.compile(
    r"\b(love\w*|great|excellent|perfect\w*|good|fast|happy|best|recommend\w*|beautiful\w*|comfortable|easy|worth|"
    r"fantastic|amazing|delicious|friendly|reliable|sturdy|thank\w*|nice|brilliant|superb|works? well)\b",
    re.IGNORECASE,
)
BAD = re.compile(
    r"\b(hate\w*|bad\w*|terrible|awful|broke\w*|broken|slow\w*|poor\w*|worst|disappoint\w*|refund\w*|return\w*|never|"
    r"cheap\w*|useless|died|late|dirty|rude|waste\w*|uncomfortable|noisy|leak\w*|fail\w*|crack\w*|wrong|stopped)\b",
    re.IGNORECASE,
)
# what fields are called, and what may stand in them where the text says nothing
KNOWN: dict[str, tuple[str, ...]] = {
    "city": ("Lisbon", "Oslo", "Nairobi", "Kyoto", "Lima", "Montreal"),
    "country": ("Portugal", "Norway", "Kenya", "Japan", "Peru", "Canada"),
    "name": ("Ada", "Grace", "Alan", "Katherine", "Edsger", "Barbara"),
    "author": ("Ada", "Grace", "Alan", "Katherine", "Edsger", "Barbara"),
    "language": ("English", "Portuguese", "Norwegian", "Swahili", "Japanese", "Spanish"),
    "currency": ("EUR", "USD", "GBP", "JPY"),
    "color": ("red", "green", "blue", "black", "white"),
    "unit": ("kg", "m", "s"),
}
A_DAY = date(2026, 10, 1)
FORMATS = ("date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri")


def fill(schema: dict[str, Any], source: str, said: str, seed: str) -> Any:
    """A value of a schema. `source` is the text that it is to be about, `said` what a model answers to it in words.

    >>> stars = {"type": "object", "properties": {"stars": {"type": "integer", "minimum": 1, "maximum": 5}}}
    >>> fill(stars, "Great, and easy to clean.", "", "any"), fill(stars, "It broke, and is useless.", "", "any")
    ({'stars': 5}, {'stars': 1})
    """
    return _Filling(schema, source, said, seed).value(schema, "", ())


class _Filling:
    def __init__(self, root: dict[str, Any], source: str, said: str, seed: str) -> None:
        self.root = root
        self.source = source
        self.said = said
        self.seed = seed
        self.mood = min(2, max(-2, len(GOOD.findall(source)) - len(BAD.findall(source))))

    def value(self, schema: Any, name: str, path: tuple[str, ...]) -> Any:
        """`name` is the field's, `path` its place, by which values differ from each other."""
        if not isinstance(schema, dict):
            return None
        rng = Random(f"{self.seed}:{self.source!a}:{'.'.join(path)}")
        if "$ref" in schema:
            return self.value(resolve(schema["$ref"], self.root), name, path)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(schema["enum"], rng)
        for joined in ("anyOf", "oneOf", "allOf"):
            if schema.get(joined):
                return self.value(self._variant(schema[joined], path), name, path)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        match kind:
            case "object":
                fields = schema.get("properties", {})
                return {each: self.value(inner, each, (*path, each)) for each, inner in fields.items()}
            case "array":
                return self._array(schema, name, path, rng)
            case "integer" | "number":
                return self._number(schema, name.lower(), kind == "integer", rng)
            case "boolean":
                return self.mood >= 0 if self.mood else rng.random() < 0.5
            case "null":
                return None
            case _:
                return self._text(schema, name.lower(), rng)

    def _variant(self, variants: list[Any], path: tuple[str, ...]) -> Any:
        """The first that is something; one that is deep enough already ends where it may be nothing."""
        empty = [each for each in variants if isinstance(each, dict) and each.get("type") == "null"]
        if empty and len(path) > DEEPEST:
            return empty[0]
        return next((each for each in variants if each not in empty), variants[0])

    def _choice(self, values: list[Any], rng: Random) -> Any:
        """One that the text names, or that goes with its mood."""
        named = [each for each in values if re.search(rf"\b{re.escape(str(each))}\b", self.source, re.IGNORECASE)]
        if named and len(named) < len(values):
            return named[0]
        moods = {1: ("positive", "good"), 0: ("neutral", "mixed"), -1: ("negative", "bad")}
        mood = moods[(self.mood > 0) - (self.mood < 0)]
        if any(each in values for words in moods.values() for each in words):
            return next((each for each in values if each in mood), rng.choice(values))
        return rng.choice(values)

    def _array(self, schema: dict[str, Any], name: str, path: tuple[str, ...], rng: Random) -> list[Any]:
        least, most = schema.get("minItems", 0), schema.get("maxItems", 10**6)
        count = min(most, max(least, rng.randint(1, 3)))
        if len(path) > DEEPEST:
            count = least
        one = name[:-1] if name.endswith("s") else name
        items = [self.value(schema.get("items", {}), one, (*path, str(number))) for number in range(count)]
        different = [item for number, item in enumerate(items) if item not in items[:number]]
        return different if len(different) >= least else items

    def _number(self, schema: dict[str, Any], name: str, is_whole: bool, rng: Random) -> float:
        step = schema.get("multipleOf") or (1 if is_whole else 0.01)
        least: Any = schema.get("minimum", schema.get("exclusiveMinimum"))
        most: Any = schema.get("maximum", schema.get("exclusiveMaximum"))
        if least is None and most is None:
            least, most = (1, 5) if name in OUT_OF_FIVE else (0, 1) if name in A_SHARE else (1, 100)
        least = most - 100 * step if least is None else least
        most = least + 100 * step if most is None else most
        low, high = -(-least // step), most // step  # in steps
        low += "exclusiveMinimum" in schema and low * step <= least
        high -= "exclusiveMaximum" in schema and high * step >= most
        told = [float(each) for each in re.findall(r"\d+(?:\.\d+)?", self.source)]
        fitting = [each for each in told if low * step <= each <= high * step and each % step == 0]
        if name in OUT_OF_FIVE:
            # from the worst to the best, by the mood
            chosen = round(low + (high - low) * (2 + self.mood) / 4) * step
        elif fitting:
            chosen = fitting[0]
        else:
            chosen = rng.randint(int(low), max(int(low), int(high))) * step
        return int(chosen) if is_whole else round(chosen, 6)

    def _text(self, schema: dict[str, Any], name: str, rng: Random) -> str:
        if schema.get("format") in FORMATS:
            return _formatted(schema["format"], rng)
        last = name.rpartition("_")[2]
        if last in NAMES and (found := A_NAME.search(self.source)):
            text = found[0]
        elif last in KNOWN:
            there = [each for each in KNOWN[last] if each in self.source]
            text = there[0] if there else rng.choice(KNOWN[last])
        elif last in ANSWERS:
            text = self.said
        elif last in WHOLE_TEXTS:
            text = self.source
        elif last == "email":
            text = _formatted("email", rng)
        elif last in TITLES:
            text = " ".join(re.split(r"[,.;:!?]", self.source.strip())[0].split()[:6])
        else:
            text = self._a_word(rng)
        least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
        return text[:most].rstrip().ljust(least, ".") if len(text) > most or len(text) < least else text

    def _a_word(self, rng: Random) -> str:
        words = re.findall(r"[^\W\d_]{5,}", self.source) or re.findall(r"\w+", self.source)
        return rng.choice(words).lower() if words else "nothing"


def _formatted(kind: str, rng: Random) -> str:
    day, seconds = A_DAY + timedelta(days=rng.randrange(60)), rng.randrange(86_400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"
    return {
        "date": f"{day}",
        "time": clock,
        "date-time": f"{day}T{clock}",
        "duration": f"PT{rng.randint(1, 59)}M",
        "email": f"{rng.choice(KNOWN['name']).lower()}@example.com",
        "hostname": "www.example.com",
        "ipv4": f"192.0.2.{rng.randint(1, 254)}",
        "ipv6": f"2001:db8::{rng.randint(1, 9999)}",
        "uuid": str(UUID(int=rng.getrandbits(128), version=4)),
        "uri": "https://example.com/",
    }[kind]
