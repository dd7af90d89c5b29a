"""What a request to the practice API says, and what is wrong with it, in the service's own words."""

import json
from collections.abc import Container, Sequence
from typing import Any

from ..catalog import EMBEDDINGS, Model, find_model, find_successor


class Refused(Exception):
    """A request that gets an error, in the service's own shape."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def read_json(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise Refused(
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
        )
    return asked


def known_model(asked: dict[str, Any]) -> Model:
    name = asked.get("model")
    if not name:
        raise Refused(400, "you must provide a model parameter")
    if not isinstance(name, str):
        raise wrong_type("model", "a string", name)
    if name in EMBEDDINGS:
        raise Refused(404, "This is not a chat model and thus not supported here: it makes embeddings.", param="model")
    return find(name, f"The model `{name[:100]}` does not exist or you do not have access to it.", None)


def find(name: str, else_said: str, param: str | None) -> Model:
    """The model of a name; of one that is asked for no longer, the refusal names its successor."""
    if model := find_model(name) or EMBEDDINGS.get(name):
        return model
    successor = find_successor(name)
    hint = f" (HINT: the practice API has {successor} in its place.)" if successor else ""
    raise Refused(404, else_said + hint, "model_not_found", param)


def whole_number(asked: dict[str, Any], name: str, least: int = 1, most: int | None = None) -> int | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    if value < least:
        raise Refused(
            400,
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead.",
            "integer_below_min_value",
            name,
        )
    if most is not None and value > most:
        raise Refused(
            400,
            f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got {value} instead.",
            "integer_above_max_value",
            name,
        )
    return value


def number_between(asked: dict[str, Any], name: str, least: float, most: float) -> float | None:
    """A number of the request, where there is one."""
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(name, "a decimal", value)
    if not least <= value <= most:
        raise Refused(400, f"Invalid '{name}': {value} is not between {least:g} and {most:g}.", "invalid_value", name)
    return value


def true_or_false(asked: dict[str, Any], name: str, default: bool = False) -> bool:
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


def one_of(value: object, values: Sequence[str], param: str) -> None:
    """Refuses what is none of the values."""
    if value not in values:
        *others, last = (f"'{each}'" for each in values)
        supported = f"{', '.join(others)}, and {last}" if others else last
        raise Refused(
            400,
            f"Invalid value: '{str(value)[:100]}'. Supported values are: {supported}.",
            "invalid_value",
            param,
        )


def only_known(asked: dict[str, Any], known: Container[str], where: str = "") -> None:
    """Refuses a name that nobody knows."""
    for name in asked:
        if name not in known:
            full = f"{where}.{name[:100]}" if where else name[:100]
            raise Refused(400, f"Unknown parameter: '{full}'.", "unknown_parameter", full)


def missing(name: str) -> Refused:
    return Refused(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", name)


def empty_array(name: str) -> Refused:
    return Refused(
        400,
        f"Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "empty_array",
        name,
    )


def wrong_type(param: str, expected: str, got: object) -> Refused:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", list: "an array"}
    actual = "null" if got is None else names.get(type(got), "an object")
    return Refused(
        400,
        f"Invalid type for '{param}': expected {expected}, but got {actual} instead.",
        "invalid_type",
        param,
    )
