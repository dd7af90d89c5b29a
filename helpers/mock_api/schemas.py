"""Which form an answer is to have: text, any JSON, or JSON of a schema, which is checked as the service does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from .requests import Refused, missing, one_of, only_known, true_or_false, wrong_type

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NOT_PERMITTED = (
    *("allOf", "oneOf", "not", "if", "then", "else"),
    *("dependentRequired", "dependentSchemas", "patternProperties", "uniqueItems"),
)
DEEPEST = 10  # levels of nesting that a strict schema may have


@dataclass(frozen=True)
class Form:
    """How an answer is to be written."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: dict[str, Any] | None = None


AS_TEXT = Form()


def read_form(asked: object, where: str) -> Form:
    """Reads `response_format` of chat completions, and `text.format` of the Responses API, which nests less."""
    if asked is None:
        return AS_TEXT
    if not isinstance(asked, dict):
        raise wrong_type(where, "an object", asked)
    kind = asked.get("type")
    if kind is None:
        raise missing(f"{where}.type")
    one_of(kind, ("json_object", "json_schema", "text"), f"{where}.type")
    if kind != "json_schema":
        only_known(asked, ("type",), where)
        return Form(kind)
    if where == "response_format":
        only_known(asked, ("type", "json_schema"), where)
        asked, where = read_inner(asked, "json_schema", where)
    return Form("json_schema", _schema(asked, where))


def read_inner(asked: dict[str, Any], key: str, where: str) -> tuple[dict[str, Any], str]:
    """The object under a key that has to be there, and where it stands."""
    inner, where = asked.get(key), f"{where}.{key}"
    if not isinstance(inner, dict):
        raise missing(where) if inner is None else wrong_type(where, "an object", inner)
    return inner, where


def read_name(asked: dict[str, Any], where: str) -> str:
    """The name of a schema, or of a function."""
    name = asked.get("name")
    if name is None:
        raise missing(f"{where}.name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refused(
            400,
            f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            "invalid_value",
            f"{where}.name",
        )
    return name


def _schema(asked: dict[str, Any], where: str) -> dict[str, Any]:
    only_known(asked, ("type", "name", "schema", "strict", "description"), where)
    name, schema = read_name(asked, where), asked.get("schema")
    if not isinstance(schema, dict):
        raise missing(f"{where}.schema") if schema is None else wrong_type(f"{where}.schema", "an object", schema)
    if true_or_false(asked, "strict"):
        param = "response_format" if where.startswith("response_format") else f"{where}.schema"
        check_strict(schema, f"response_format '{name}'", param)
    return schema


def check_strict(schema: dict[str, Any], of: str, param: str) -> None:
    """Refuses a schema that `strict` does not allow, with the first thing that is wrong with it."""
    for context, problem in _problems(schema, schema, ()):
        where = f"context=({', '.join(map(repr, context))}{',' if len(context) == 1 else ''})"
        raise Refused(400, f"Invalid schema for {of}: In {where}, {problem}", "invalid_json_schema", param)


Problem = tuple[tuple[str, ...], str]  # where, and what


def _problems(schema: Any, root: dict[str, Any], context: tuple[str, ...]) -> Iterator[Problem]:
    if not isinstance(schema, dict):
        yield context, f"{schema!r} is not of type 'object'."
        return
    if schema is root and schema.get("type") != "object":
        yield context, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    if len(context) > 2 * DEEPEST:
        yield context, f"the schema is nested deeper than {DEEPEST} levels."
    for name in NOT_PERMITTED:
        if name in schema:
            yield context, f"'{name}' is not permitted."
    reference = schema.get("$ref")
    if reference is not None and resolve(reference, root) is None:
        yield context, f"reference {reference!r} cannot be resolved."
    if not schema.keys() & {"type", "enum", "const", "anyOf", "$ref"}:
        yield context, "schema must have a 'type' key."
    if schema.get("type") == "object" or "properties" in schema:
        yield from _problems_of_object(schema, context)
    if schema.get("type") == "array" and "items" not in schema:
        yield context, "array schema missing items."
    for inner, place in _within(schema):
        yield from _problems(inner, root, (*context, *place))


def _problems_of_object(schema: dict[str, Any], context: tuple[str, ...]) -> Iterator[Problem]:
    if schema.get("additionalProperties") is not False:
        yield context, "'additionalProperties' is required to be supplied and to be false."
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict):
        yield context, f"{properties!r} is not of type 'object'."
    elif left_out := [name for name in properties if name not in required]:
        yield (
            context,
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{left_out[0]}'.",
        )


def _within(schema: dict[str, Any]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The schemas in a schema, each with its place."""
    for name in ("properties", "$defs", "definitions"):
        if isinstance(several := schema.get(name), dict):
            yield from ((inner, (name, key)) for key, inner in several.items())
    if "items" in schema:
        yield schema["items"], ("items",)
    if isinstance(several := schema.get("anyOf"), list):
        yield from ((inner, ("anyOf", str(number))) for number, inner in enumerate(several))


def resolve(reference: object, root: dict[str, Any]) -> dict[str, Any] | None:
    """What a "#/$defs/Name" leads to; None where it leads nowhere.

    >>> resolve("#/$defs/City", {"$defs": {"City": {"type": "string"}}})
    {'type': 'string'}
    """
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for step in reference[1:].split("/")[1:]:
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None
