"""The body of a request to the Responses API, read; what the service would not take is refused in its own words."""

from dataclasses import dataclass
from typing import Any

from .prompts import Prompt, Turn, count_prompt, read_effort, read_parts
from .requests import Refused, known_model, missing, number_between, one_of, true_or_false, whole_number, wrong_type
from .stored import Store

ROLES = ("assistant", "system", "developer", "user")
PARTS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
OTHER_PARTS = ("input_image", "input_file", "computer_screenshot", "summary_text")
LEAST_TOKENS = 16  # that may be allowed
ITEMS = ("message", "reasoning")


@dataclass(frozen=True, kw_only=True)
class ResponseRequest(Prompt):
    """A response that can be made. What only comes back as it was sent is in `asked`."""

    spoken: tuple[Turn, ...]  # without the instructions, which hold for this response alone
    asked: dict[str, Any]
    background: bool
    store: bool


def read_response_request(asked: dict[str, Any], stored: Store) -> ResponseRequest:
    """Raises Refused for what the service would not take."""
    model = known_model(asked)
    background, store = true_or_false(asked, "background"), true_or_false(asked, "store", default=True)
    if background and not store:
        raise Refused(400, "Background mode requires 'store' to be true.", "invalid_value", "store")
    number_between(asked, "temperature", 0, 2)
    reasoning = asked.get("reasoning") or {}
    if not isinstance(reasoning, dict):
        raise wrong_type("reasoning", "an object", reasoning)
    spoken = (*_earlier(asked, stored), *_turns(asked))
    turns = (*_instructions(asked), *spoken)
    return ResponseRequest(
        model=model,
        turns=turns,
        prompt_tokens=count_prompt(turns, "input"),
        limit=whole_number(asked, "max_output_tokens", LEAST_TOKENS),
        effort=read_effort(model, reasoning.get("effort"), "reasoning.effort"),
        stream=true_or_false(asked, "stream"),
        spoken=spoken,
        asked=asked,
        background=background,
        store=store,
    )


def _instructions(asked: dict[str, Any]) -> tuple[Turn, ...]:
    instructions = asked.get("instructions")
    if instructions is None:
        return ()
    if not isinstance(instructions, str):
        raise wrong_type("instructions", "a string", instructions)
    return (Turn("developer", instructions),)


def _earlier(asked: dict[str, Any], stored: Store) -> tuple[Turn, ...]:
    """What was said before, without the instructions of then."""
    name = asked.get("previous_response_id")
    if name is None:
        return ()
    if not isinstance(name, str):
        raise wrong_type("previous_response_id", "a string", name)
    before = stored.find(name)
    if before is None:
        raise Refused(
            400,
            f"Previous response with id '{name[:100]}' not found.",
            "previous_response_not_found",
            "previous_response_id",
        )
    return before.turns


def _turns(asked: dict[str, Any]) -> tuple[Turn, ...]:
    content = asked.get("input")
    if content is None:
        raise missing("input")
    if isinstance(content, str):
        return (Turn("user", content),)
    if not isinstance(content, list):
        raise wrong_type("input", "a string or array of objects", content)
    items = [_turn(item, f"input[{number}]") for number, item in enumerate(content)]
    turns = tuple(turn for turn in items if turn is not None)
    if not turns:
        raise Refused(
            400,
            "Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "empty_array",
            "input",
        )
    return turns


def _turn(item: object, where: str) -> Turn | None:
    """None for what a model has thought before: it is taken, and says nothing here."""
    if not isinstance(item, dict):
        raise wrong_type(where, "an object", item)
    kind = item.get("type", "message")
    one_of(kind, ITEMS, f"{where}.type")
    if kind == "reasoning":
        return None
    role = item.get("role")
    one_of(role, ROLES, f"{where}.role")
    return Turn(str(role), read_parts(item.get("content"), f"{where}.content", PARTS, OTHER_PARTS))
