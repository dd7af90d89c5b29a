"""The tools that a request offers, and the calls and results in its conversation, checked as the service does."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .requests import Refused, missing, one_of, true_or_false, wrong_type
from .schemas import check_strict, read_inner, read_name


class Tool(NamedTuple):
    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool


class Call(NamedTuple):
    """A call that a model asked for."""

    id: str
    name: str
    arguments: str  # in JSON


class Turn(NamedTuple):
    """One message of a conversation, or what came of a call: then `result_of` is the call's id."""

    role: str
    text: str = ""
    calls: tuple[Call, ...] = ()
    result_of: str = ""


@dataclass(frozen=True)
class Toolbox:
    """The tools that may be called, and whether they are to be."""

    tools: tuple[Tool, ...] = ()
    choice: Literal["none", "auto", "required", "named"] = "none"
    parallel: bool = True


def read_toolbox(asked: dict[str, Any], nested: bool) -> Toolbox:
    """`nested`: a function has a dict of its own within its tool, as in chat completions."""
    parallel = true_or_false(asked, "parallel_tool_calls", default=True)
    listed, choice = asked.get("tools") or [], asked.get("tool_choice")
    if not isinstance(listed, list):
        raise wrong_type("tools", "an array of objects", listed)
    tools = tuple(_tool(each, f"tools[{number}]", nested) for number, each in enumerate(listed))
    if not tools:
        if choice not in (None, "none", "auto"):
            raise Refused(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
        return Toolbox()
    return _chosen(tools, choice or "auto", parallel, nested)


def _chosen(tools: tuple[Tool, ...], choice: Any, parallel: bool, nested: bool) -> Toolbox:
    if isinstance(choice, str):
        one_of(choice, ("none", "auto", "required"), "tool_choice")
        return Toolbox(tools, choice, parallel)  # type: ignore[arg-type]
    if not isinstance(choice, dict):
        raise wrong_type("tool_choice", "a string or object", choice)
    one_of(choice.get("type"), ("function", "allowed_tools"), "tool_choice.type")
    if choice["type"] == "allowed_tools":
        allowed = choice.get("allowed_tools") if nested else choice
        if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
            raise missing("tool_choice.tools")
        names = [_name_in(each, nested) for each in allowed["tools"]]
        mode = allowed.get("mode", "auto")
        one_of(mode, ("auto", "required"), "tool_choice.mode")
        return Toolbox(tuple(_named(tools, name) for name in names), mode, parallel)
    return Toolbox((_named(tools, _name_in(choice, nested)),), "named", False)


def _name_in(choice: Any, nested: bool) -> object:
    inner = choice.get("function") if nested and isinstance(choice, dict) else choice
    return inner.get("name") if isinstance(inner, dict) else None


def _named(tools: Iterable[Tool], name: object) -> Tool:
    found = next((tool for tool in tools if tool.name == name), None)
    if found is None:
        raise Refused(400, f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
    return found


def _tool(asked: Any, where: str, nested: bool) -> Tool:
    if not isinstance(asked, dict):
        raise wrong_type(where, "an object", asked)
    kind = asked.get("type")
    if kind is None:
        raise missing(f"{where}.type")
    if kind != "function":
        raise Refused(
            400,
            f"Invalid value: '{str(kind)[:100]}'. The practice API has tools of the type 'function' only.",
            "invalid_value",
            f"{where}.type",
        )
    if nested:
        asked, where = read_inner(asked, "function", where)
    name, parameters = read_name(asked, where), asked.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(parameters, dict):
        raise wrong_type(f"{where}.parameters", "an object", parameters)
    strict = true_or_false(asked, "strict")
    if strict:
        check_strict(parameters, f"function '{name}'", f"{where}.parameters")
    return Tool(name, str(asked.get("description") or ""), parameters, strict)


# ---- calls and their results ----------------------------------------------------------------------------------------


def check_results_of_chat(turns: Iterable[Turn]) -> None:
    """In chat completions the results come right behind the message that has the calls."""
    open_calls: list[str] = []
    known: set[str] = set()
    for number, turn in enumerate(turns):
        if turn.role == "tool":
            if turn.result_of not in known:
                raise Refused(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=f"messages.[{number}].role",
                )
            open_calls = [each for each in open_calls if each != turn.result_of]
            continue
        _all_answered(open_calls, number)
        open_calls = [call.id for call in turn.calls]
        known = set(open_calls)
    _all_answered(open_calls, number=None)


def _all_answered(open_calls: list[str], number: int | None) -> None:
    if open_calls:
        raise Refused(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
            param="messages" if number is None else f"messages.[{number}].role",
        )


def check_results_of_responses(turns: Iterable[Turn]) -> None:
    """In the Responses API a result comes anywhere behind its call."""
    open_calls: set[str] = set()
    known: set[str] = set()
    for turn in turns:
        ids = {call.id for call in turn.calls}
        known |= ids
        open_calls |= ids
        if turn.role == "tool" and turn.result_of not in known:
            raise Refused(
                400, f"No tool call found for function call output with call_id {turn.result_of}.", param="input"
            )
        open_calls.discard(turn.result_of)
    if open_calls:
        raise Refused(400, f"No tool output found for function call {min(open_calls)}.", param="input")


def read_call(asked: Any, where: str, id_name: str) -> Call:
    """One that is sent back: `id_name` is what the endpoint calls its id."""
    function, inner = (asked.get("function"), f"{where}.function") if id_name == "id" else (asked, where)
    if not isinstance(function, dict):
        raise missing(inner)
    for holder, name, place in ((asked, id_name, where), (function, "name", inner), (function, "arguments", inner)):
        if holder.get(name) is None:
            raise missing(f"{place}.{name}")
        if not isinstance(holder[name], str):
            raise wrong_type(f"{place}.{name}", "a string", holder[name])
    return Call(asked[id_name], function["name"], function["arguments"])
