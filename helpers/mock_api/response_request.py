"""The body of a request to the Responses API, read; what the service would not take is refused in its own words."""

from dataclasses import dataclass
from typing import Any

from ..catalog import Model
from .parameters import RESPONSES, VERBOSITIES, check_for_model, read_top_logprobs
from .prompts import CONTEXT_TOKENS, Prompt, check_json_object, count_prompt, read_effort, read_parts, tokens_of
from .requests import (
    Refused,
    empty_array,
    known_model,
    missing,
    one_of,
    only_known,
    true_or_false,
    whole_number,
    wrong_type,
)
from .schemas import Form, read_form
from .stored import Store
from .tools import Turn, check_results_of_responses, read_call, read_toolbox

ROLES = ("assistant", "system", "developer", "user")
PARTS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
OTHER_PARTS = ("input_image", "input_file", "computer_screenshot", "summary_text")
LEAST_TOKENS = 16  # that may be allowed
LOGPROBS, ENCRYPTED = "message.output_text.logprobs", "reasoning.encrypted_content"
INCLUDABLE = (  # the others are of tools and pictures, which are refused here
    LOGPROBS,
    ENCRYPTED,
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
)
SUMMARIES = ("auto", "concise", "detailed")
# what may stand in `reasoning`, and with which values. Of its summary nothing is seen, as often at the service
REASONING: dict[str, tuple[str, ...]] = {
    "effort": (),
    "summary": SUMMARIES,
    "generate_summary": SUMMARIES,
    "context": ("auto", "current_turn", "all_turns"),
    "mode": ("standard",),
}
ITEMS = ("message", "reasoning", "function_call", "function_call_output")


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
    RESPONSES.check(asked)
    background, store = true_or_false(asked, "background"), true_or_false(asked, "store", default=True)
    if background and not store:
        raise Refused(400, "Background mode requires 'store' to be true.", "invalid_value", "store")
    effort = _effort(asked, model)
    check_for_model(asked, model, effort)
    top_logprobs = read_top_logprobs(asked)
    form = _form(asked)
    spoken, toolbox = (*_earlier(asked, stored), *_turns(asked)), read_toolbox(asked, nested=False)
    check_results_of_responses(spoken)
    turns = _truncated(asked, (*_instructions(asked), *spoken))
    check_json_object("\n".join(turn.text for turn in turns), form, "input", "text.format")
    return ResponseRequest(
        model=model,
        turns=turns,
        prompt_tokens=count_prompt(turns, toolbox, "input"),
        limit=whole_number(asked, "max_output_tokens", LEAST_TOKENS),
        effort=effort,
        stream=true_or_false(asked, "stream"),
        spoken=spoken,
        form=form,
        toolbox=toolbox,
        logprobs=top_logprobs if LOGPROBS in _include(asked) or top_logprobs else None,
        asked=asked,
        background=background,
        store=store,
    )


def _effort(asked: dict[str, Any], model: Model) -> str:
    reasoning = asked.get("reasoning")
    if reasoning is None:
        reasoning = {}
    if not isinstance(reasoning, dict):
        raise wrong_type("reasoning", "an object", reasoning)
    only_known(reasoning, REASONING, "reasoning")
    for name, value in reasoning.items():
        if value is not None and REASONING[name]:
            one_of(value, REASONING[name], f"reasoning.{name}")
    return read_effort(model, reasoning.get("effort"), "reasoning.effort")


def _include(asked: dict[str, Any]) -> list[str]:
    include = asked.get("include") or []
    if not isinstance(include, list):
        raise wrong_type("include", "an array of strings", include)
    for number, name in enumerate(include):
        one_of(name, INCLUDABLE, f"include[{number}]")
    return include


def _form(asked: dict[str, Any]) -> Form:
    text = asked.get("text") or {}
    if not isinstance(text, dict):
        raise wrong_type("text", "an object", text)
    only_known(text, ("format", "verbosity"), "text")
    if (verbosity := text.get("verbosity")) is not None:  # each written answer has one length
        one_of(verbosity, VERBOSITIES, "text.verbosity")
    return read_form(text.get("format"), "text.format")


def _truncated(asked: dict[str, Any], turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """What fits, where a conversation may be cut at its beginning."""
    truncation = asked.get("truncation") or "disabled"
    one_of(truncation, ("auto", "disabled"), "truncation")
    while truncation == "auto" and len(turns) > 1 and tokens_of(turns) > CONTEXT_TOKENS:
        turns = turns[1:]
    return turns


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
        raise empty_array("input")
    return turns


def _turn(item: object, where: str) -> Turn | None:
    """None for what a model has thought before: it is taken, and says nothing here."""
    if not isinstance(item, dict):
        raise wrong_type(where, "an object", item)
    kind = item.get("type", "message")
    one_of(kind, ITEMS, f"{where}.type")
    if kind == "reasoning":
        return None
    if kind == "function_call":
        return Turn("assistant", calls=(read_call(item, where, "call_id"),))
    if kind == "function_call_output":
        if not isinstance(item.get("call_id"), str):
            raise missing(f"{where}.call_id")
        text = read_parts(item.get("output"), f"{where}.output", PARTS, OTHER_PARTS)
        return Turn("tool", text, result_of=item["call_id"])
    role = item.get("role")
    one_of(role, ROLES, f"{where}.role")
    return Turn(str(role), read_parts(item.get("content"), f"{where}.content", PARTS, OTHER_PARTS))
