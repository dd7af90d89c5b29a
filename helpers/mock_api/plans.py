"""Which tools a model calls for a question, with what, and what it says of what came back.

For some questions it is written, in plans.toml. For others a tool is called whose name has a word of the question, once
for each name in it: three cities are three calls.
"""

import json
import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from .answers import plain
from .asked_in_words import about
from .filling import fill
from .tools import Call, Tool, Toolbox, Turn

COMMON_WORDS = (
    "get",
    "fetch",
    "find",
    "look",
    "lookup",
    "up",
    "current",
    "list",
    "read",
    "the",
    "for",
    "of",
    "in",
    "a",
)
A_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w-]+(?: [A-Z][\w-]+)*")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


class Step(NamedTuple):
    """A tool, and what it is called with: `subject` is for its first text."""

    tool: Tool
    subject: str | None


def next_calls(toolbox: Toolbox, turns: tuple[Turn, ...], question: str, new_id: str) -> tuple[Call, ...]:
    """The calls that are still to be made for the last question; none where it can be answered."""
    if toolbox.choice == "none" or not toolbox.tools:
        return ()
    since = _since_question(turns)
    # some frameworks write the arguments anew
    made = {(call.name, _plainly(call.arguments)) for turn in since for call in turn.calls}
    source = about(question)
    steps = [Step(toolbox.tools[0], None)] if toolbox.choice == "named" else _plan(toolbox, question)
    asked = dict.fromkeys((step.tool.name, _arguments(step, source, question)) for step in steps)
    left = [each for each in asked if (each[0], _plainly(each[1])) not in made]
    if not left and toolbox.choice in ("required", "named"):
        results = (turn.text for turn in since if turn.result_of)
        left = [_something_else(toolbox, made, " ".join([source, *results]), question)]
    if not toolbox.parallel:
        left = left[:1]
    return tuple(Call(f"call_{new_id}{number}", *each) for number, each in enumerate(left))


def say(turns: tuple[Turn, ...], question: str) -> str | None:
    """An answer with all that was sent back; None where nothing was."""
    since = _since_question(turns)
    calls = {call.id: call for turn in since for call in turn.calls}
    results = [(_subject(calls[turn.result_of].arguments), turn.text) for turn in since if turn.result_of in calls]
    if not results:
        return None
    entry = planned().get(plain(question))
    found = [f"{subject}: {text.strip()}" if subject else text.strip() for subject, text in results]
    return "\n- ".join([entry["answer"] if entry else "This is what I found:", *found])


def _since_question(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    last = max((number for number, turn in enumerate(turns) if turn.role == "user"), default=-1)
    return turns[last + 1 :]


def _plan(toolbox: Toolbox, question: str) -> list[Step]:
    if entry := planned().get(plain(question)):
        steps = [(_tool_for(toolbox, call["tool"]), call["about"]) for call in entry["calls"]]
        if found := [Step(tool, subject) for tool, subject in steps if tool is not None]:
            return found
    words = {each.lower().rstrip("s") for each in WORD.findall(question)}
    named = [tool for tool in toolbox.tools if words & _words_of(tool)]
    subjects = A_NAME.findall(question) or [None]
    return [Step(tool, subject) for tool in named for subject in subjects]


def _tool_for(toolbox: Toolbox, word: str) -> Tool | None:
    by_name = [tool for tool in toolbox.tools if word in tool.name.lower()]
    described = [tool for tool in toolbox.tools if word in tool.description.lower()]
    return next(iter([*by_name, *described]), None)


def _words_of(tool: Tool) -> set[str]:
    return {each.lower().rstrip("s") for each in WORD.findall(tool.name)} - set(COMMON_WORDS)


def _something_else(toolbox: Toolbox, made: set[tuple[str, str]], source: str, question: str) -> tuple[str, str]:
    """Where a call has to be made, and all that were planned are: of a tool that was not called, if there is one."""
    called = {name for name, _ in made}
    tool = next((each for each in toolbox.tools if each.name not in called), toolbox.tools[0])
    return tool.name, _arguments(Step(tool, None), source, question)


def _arguments(step: Step, source: str, question: str) -> str:
    parameters = dict(step.tool.parameters)
    properties: dict[str, Any] = parameters.get("properties") or {}
    if "required" in parameters:  # what need not be there is left out
        properties = {name: each for name, each in properties.items() if name in parameters["required"]} or properties
    filled = fill({**parameters, "properties": properties}, source, source, question)
    fitting = [name for name, each in properties.items() if isinstance(each, dict) and _takes(each, step.subject)]
    if fitting:
        filled[fitting[0]] = step.subject
    return json.dumps(filled, ensure_ascii=False)


def _takes(schema: dict[str, Any], subject: str | None) -> bool:
    if subject is None:
        return False
    return subject in schema.get("enum", ()) or (
        schema.get("type") == "string" and not schema.keys() & {"enum", "const", "format"}
    )


def _plainly(arguments: str) -> str:
    """The same for the same arguments, however they are written.

    >>> _plainly('{"b":1,"a":2}')
    '{"a": 2, "b": 1}'
    """
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        return arguments


def _subject(arguments: str) -> str:
    """What a call was about, in a word or two."""
    try:
        values = json.loads(arguments)
    except ValueError:
        return ""
    return next((each for each in values.values() if isinstance(each, str)), "") if isinstance(values, dict) else ""


@cache
def planned() -> dict[str, dict[str, Any]]:
    entries = tomllib.loads((resources.files(__package__) / "plans.toml").read_text("utf-8"))["plan"]
    return {plain(question): entry for entry in entries for question in entry["questions"]}
