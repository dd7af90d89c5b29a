"""The models that the workbook knows, read from models.toml: prices, shutdown dates, practice latencies."""

import re
import tomllib
from dataclasses import dataclass, replace
from datetime import date
from importlib import resources
from typing import Any, Literal

DATED = re.compile(r"-(\d{4}-\d\d-\d\d|\d{4})$")  # how a name ends that has a day in it

Depth = Literal["small", "medium", "large"]


@dataclass(frozen=True)
class Practice:
    """How the practice API imitates a model."""

    first_token: float  # seconds until the answer begins
    tokens_per_second: float  # after that
    spread: float  # sigma of a log-normal factor on both
    answers: Depth = "small"


@dataclass(frozen=True)
class Effort:
    """How much a model thinks before it answers, and how the practice API imitates that."""

    first_token: float  # a factor on the seconds until the answer begins
    reasoning_tokens: int  # about so many; they take their time, too


@dataclass(frozen=True)
class Model:
    """One model. `input` and `output` are USD for a million tokens; None where the price is unknown.

    `efforts` are those of its reasoning; a model that has none does not reason. `snapshots` are its dated names,
    `dimensions` those of its vectors, where it makes embeddings.
    """

    name: str
    practice: Practice
    input: float | None = None
    output: float | None = None
    shutdown: date | None = None
    successor: str | None = None
    efforts: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    dimensions: int | None = None


def _read() -> dict[str, Any]:
    return tomllib.loads((resources.files(__package__) / "models.toml").read_text("utf-8"))


_CATALOG = _read()


def _models(table: str) -> dict[str, Model]:
    return {name: _model(name, **entry) for name, entry in _CATALOG[table].items()}


def _model(name: str, practice: dict[str, Any], efforts: Any = (), snapshots: Any = (), **entry: Any) -> Model:
    return Model(name, Practice(**practice), efforts=tuple(efforts), snapshots=tuple(snapshots), **entry)


MODELS: dict[str, Model] = _models("models")
UNLISTED: dict[str, Model] = _models("unlisted")
EMBEDDINGS: dict[str, Model] = _models("embeddings")
_SNAPSHOTS = {snapshot: replace(model, name=snapshot) for model in MODELS.values() for snapshot in model.snapshots}
SUCCESSORS: dict[str, str] = _CATALOG["successors"]  # of names that are no longer answered
EFFORTS: dict[str, Effort] = {name: Effort(**entry) for name, entry in _CATALOG["efforts"].items()}
DEFAULT_EFFORT: str = _CATALOG["default_effort"]
DEFAULT_MODEL: str = _CATALOG["default"]
PRICES_READ: date = _CATALOG["read"]
COMPARE_MODELS: tuple[str, ...] = tuple(_CATALOG["compare"])


def find_model(name: str) -> Model | None:
    """A model by its name, also by a dated one, and also where it is not listed; None where it is not known.

    >>> find_model("gpt-4o-2024-08-06").input == MODELS["gpt-4o"].input
    True
    """
    return MODELS.get(name) or _SNAPSHOTS.get(name) or UNLISTED.get(name)


def find_successor(name: str) -> str | None:
    """What is asked in the place of a model that is no longer answered; None for a name that nobody knows.

    >>> find_successor("gpt-3.5-turbo-1106"), find_successor("gpt-99")
    ('gpt-6-luna', None)
    """
    return SUCCESSORS.get(name) or SUCCESSORS.get(DATED.sub("", name))


def cost(model: str, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
    """USD for one call at the published price; None where the price or the tokens are unknown.

    >>> round(cost("gpt-6-luna", 1_000_000, 1_000_000), 2)
    0.6
    >>> cost("a-model-of-my-own", 10, 10) is None
    True
    """
    known = find_model(model) or EMBEDDINGS.get(model)
    if known is None or known.input is None or known.output is None:
        return None
    if prompt_tokens is None or completion_tokens is None:
        return None
    return (prompt_tokens * known.input + completion_tokens * known.output) / 1_000_000
