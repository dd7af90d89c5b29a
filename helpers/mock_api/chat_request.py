"""The body of a chat completion, read; what the service would not take is refused in its own words."""

from dataclasses import dataclass
from typing import Any

from .parameters import CHAT, check_for_model, read_stop, read_top_logprobs, tier_of
from .prompts import ROLES, Prompt, check_json_object, count_prompt, read_effort, read_parts
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
from .schemas import read_form
from .tools import Call, Turn, check_results_of_chat, read_call, read_toolbox

MOST_CHOICES = 128
PARTS = {"text": "text", "refusal": "refusal"}  # of a message's content, and where the text of each stands
OTHER_PARTS = ("image_url", "input_audio", "audio", "file")


@dataclass(frozen=True, kw_only=True)
class ChatRequest(Prompt):
    """A chat completion that can be answered."""

    include_usage: bool
    service_tier: str


def read_chat(asked: dict[str, Any]) -> ChatRequest:
    """Raises Refused for what the service would not take."""
    model = known_model(asked)
    CHAT.check(asked)
    effort = read_effort(model, asked.get("reasoning_effort"), "reasoning_effort")
    check_for_model(asked, model, effort)
    turns, toolbox = _turns(asked), read_toolbox(asked, nested=True)
    check_results_of_chat(turns)
    if toolbox.tools and "none" in model.efforts and effort != "none":
        raise Refused(
            400,
            f"Function tools with reasoning_effort are not supported for {model.name} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
            param="reasoning_effort",
        )
    limits = [whole_number(asked, name) for name in ("max_completion_tokens", "max_tokens")]
    choices = whole_number(asked, "n", most=MOST_CHOICES) or 1
    top_logprobs, logprobs = read_top_logprobs(asked), true_or_false(asked, "logprobs")
    if asked.get("top_logprobs") is not None and not logprobs:
        raise Refused(400, "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", param="logprobs")
    stream = true_or_false(asked, "stream")
    form = read_form(asked.get("response_format"), "response_format")
    check_json_object("\n".join(turn.text for turn in turns), form, "messages", "response_format")
    return ChatRequest(
        model=model,
        turns=turns,
        prompt_tokens=count_prompt(turns, toolbox, "messages"),
        limit=limits[0] or limits[1],
        effort=effort,
        choices=choices,
        stream=stream,
        stop=read_stop(asked),
        form=form,
        toolbox=toolbox,
        logprobs=top_logprobs if logprobs else None,
        include_usage=_include_usage(asked, stream),
        service_tier=tier_of(asked),
    )


def _include_usage(asked: dict[str, Any], stream: bool) -> bool:
    options = asked.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise Refused(
            400,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if not isinstance(options, dict):
        raise wrong_type("stream_options", "an object", options)
    only_known(options, ("include_usage", "include_obfuscation"), "stream_options")
    return true_or_false(options, "include_usage")


def _turns(asked: dict[str, Any]) -> tuple[Turn, ...]:
    messages = asked.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise empty_array("messages")
    return tuple(_turn(message, f"messages[{number}]") for number, message in enumerate(messages))


def _turn(message: object, where: str) -> Turn:
    if not isinstance(message, dict):
        raise wrong_type(where, "an object", message)
    role, content = message.get("role"), message.get("content")
    one_of(role, ROLES, f"{where}.role")
    text = (
        "" if content is None and role == "assistant" else read_parts(content, f"{where}.content", PARTS, OTHER_PARTS)
    )
    if role == "tool":
        return Turn("tool", text, result_of=_result_of(message, where))
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise wrong_type(f"{where}.tool_calls", "an array of objects", calls)
    return Turn(str(role), text, tuple(_call(each, f"{where}.tool_calls[{n}]") for n, each in enumerate(calls)))


def _result_of(message: dict[str, Any], where: str) -> str:
    name = message.get("tool_call_id")
    if name is None:
        raise missing(f"{where}.tool_call_id")
    if not isinstance(name, str):
        raise wrong_type(f"{where}.tool_call_id", "a string", name)
    return name


def _call(call: object, where: str) -> Call:
    if not isinstance(call, dict):
        raise wrong_type(where, "an object", call)
    return read_call(call, where, "id")
