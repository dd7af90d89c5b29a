"""What a request to the practice API says, and what is wrong with it, in the service's own words."""

import json
from dataclasses import dataclass
from typing import Any

from ..catalog import MODELS, Model
from .answers import count_tokens

CONTEXT_TOKENS = 128_000  # a longer prompt is refused, as by the models it imitates
MOST_CHOICES = 128


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


@dataclass(frozen=True)
class ChatRequest:
    """A chat completion that can be answered."""

    model: Model
    question: str  # the last message
    prompt_tokens: int
    limit: int | None  # on the tokens of the answer
    choices: int
    stream: bool
    include_usage: bool


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


def read_chat(asked: dict[str, Any]) -> ChatRequest:
    """Reads the body of a chat completion; raises Refused for what the service would not take."""
    model = _known_model(asked)
    texts = _texts(asked)
    limits = [_whole_number(asked, name) for name in ("max_completion_tokens", "max_tokens")]
    choices = _whole_number(asked, "n", MOST_CHOICES) or 1
    _check_temperature(asked)
    if asked.get("stream_options") is not None and not asked.get("stream"):
        raise Refused(
            400,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    prompt_tokens = 3 + sum(4 + count_tokens(text) for text in texts)
    if prompt_tokens > CONTEXT_TOKENS:
        raise Refused(
            400,
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages resulted "
            f"in {prompt_tokens} tokens. Please reduce the length of the messages.",
            "context_length_exceeded",
            "messages",
        )
    options = asked.get("stream_options")
    return ChatRequest(
        model=model,
        question=texts[-1],
        prompt_tokens=prompt_tokens,
        limit=limits[0] or limits[1],
        choices=choices,
        stream=bool(asked.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
    )


def _known_model(asked: dict[str, Any]) -> Model:
    name = asked.get("model")
    if not name:
        raise Refused(400, "you must provide a model parameter")
    if not isinstance(name, str):
        raise _wrong_type("model", "a string", name)
    if name not in MODELS:
        raise Refused(
            404,
            f"The model `{name[:100]}` does not exist or you do not have access to it.",
            "model_not_found",
        )
    return MODELS[name]


def _texts(asked: dict[str, Any]) -> list[str]:
    """The text of each message, the last one being what is asked."""
    messages = asked.get("messages")
    if messages is None:
        raise Refused(400, "Missing required parameter: 'messages'.", "missing_required_parameter", "messages")
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise Refused(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "empty_array",
            "messages",
        )
    return [_text(message, f"messages[{number}]") for number, message in enumerate(messages)]


def _text(message: object, where: str) -> str:
    if not isinstance(message, dict):
        raise _wrong_type(where, "an object", message)
    role = message.get("role")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise Refused(
            400,
            f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'.",
            "invalid_value",
            f"{where}.role",
        )
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    if content is None and role == "assistant":
        return ""
    raise _wrong_type(f"{where}.content", "a string or array of objects", content)


def _whole_number(asked: dict[str, Any], name: str, most: int | None = None) -> int | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(name, "an integer", value)
    if value < 1:
        raise Refused(
            400,
            f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead.",
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


def _check_temperature(asked: dict[str, Any]) -> None:
    value = asked.get("temperature")
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong_type("temperature", "a decimal", value)
    if not 0 <= value <= 2:
        raise Refused(400, f"Invalid 'temperature': {value} is not between 0 and 2.", "invalid_value", "temperature")


def _wrong_type(param: str, expected: str, got: object) -> Refused:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", list: "an array"}
    actual = "null" if got is None else names.get(type(got), "an object")
    return Refused(
        400,
        f"Invalid type for '{param}': expected {expected}, but got {actual} instead.",
        "invalid_type",
        param,
    )
