"""What is asked of a model, at whichever endpoint: the conversation so far, and how it is to be answered."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..catalog import DEFAULT_EFFORT, Model
from .answers import count_tokens
from .requests import Refused, one_of, wrong_type
from .schemas import AS_TEXT, Form
from .tools import Toolbox, Turn

NO_TOOLS = Toolbox()

CONTEXT_TOKENS = 128_000  # a longer prompt is refused, as by the models it imitates
ROLES = ("system", "assistant", "user", "tool", "developer")


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What can be answered."""

    model: Model
    turns: tuple[Turn, ...]
    prompt_tokens: int
    limit: int | None = None  # on the tokens of reasoning and answer together
    effort: str = "none"
    stream: bool = False
    choices: int = 1
    stop: tuple[str, ...] = ()  # texts before which the answer ends
    form: Form = AS_TEXT
    toolbox: Toolbox = NO_TOOLS
    logprobs: int | None = None  # how many are to be told in each place; None: not even of the token itself

    @property
    def question(self) -> str:
        """The last message; what a tool gave belongs to the one before it."""
        said = (turn.text for turn in reversed(self.turns) if not turn.calls and not turn.result_of)
        return next(said, self.turns[-1].text)


def read_parts(content: object, where: str, kinds: dict[str, str], others: tuple[str, ...]) -> str:
    """The text in a message's content. `kinds` names the types of its parts, each with where its text stands; the
    `others` are types that the service takes, and the practice API does not."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong_type(where, "a string or array of objects", content)
    texts = []
    for number, part in enumerate(content):
        if not isinstance(part, dict):
            raise wrong_type(f"{where}[{number}]", "an object", part)
        kind = part.get("type")
        if kind in others:
            raise Refused(400, f"Invalid content type: the practice API reads no '{kind}'.", "invalid_value", where)
        one_of(kind, (*kinds, *others), f"{where}[{number}].type")
        text = part.get(kinds[str(kind)])
        if not isinstance(text, str):
            raise wrong_type(f"{where}[{number}].{kinds[str(kind)]}", "a string", text)
        texts.append(text)
    return "".join(texts)


def tokens_of(turns: Iterable[Turn]) -> int:
    called = [f"{call.name}{call.arguments}" for turn in turns for call in turn.calls]
    return 3 + sum(4 + count_tokens(turn.text) for turn in turns) + sum(map(count_tokens, called))


def count_prompt(turns: Iterable[Turn], toolbox: Toolbox, param: str) -> int:
    """The tokens of a conversation, and of the tools that it may use; what is too long is refused."""
    described = [f"{tool.name} {tool.description} {json.dumps(tool.parameters)}" for tool in toolbox.tools]
    tokens = tokens_of(turns) + sum(map(count_tokens, described))
    if tokens > CONTEXT_TOKENS:
        raise Refused(
            400,
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages resulted "
            f"in {tokens} tokens. Please reduce the length of the messages.",
            "context_length_exceeded",
            param,
        )
    return tokens


def check_json_object(prompt_words: str, form: Form, param: str, format_param: str) -> None:
    """Without a schema, JSON comes only where it is asked for in words, too."""
    if form.kind == "json_object" and not re.search("json", prompt_words, re.IGNORECASE):
        raise Refused(
            400,
            f"'{param}' must contain the word 'json' in some form, to use '{format_param}' of type 'json_object'.",
            param=param,
        )


def read_effort(model: Model, effort: Any, param: str) -> str:
    """How much a model is to think; "none" for one that does not reason."""
    if effort is None:
        return DEFAULT_EFFORT if model.efforts else "none"
    if not isinstance(effort, str):
        raise wrong_type(param, "a string", effort)
    if not model.efforts:
        raise Refused(
            400,
            f"Unsupported parameter: '{param}' is not supported with this model.",
            "unsupported_parameter",
            param,
        )
    if effort not in model.efforts:
        supported = ", ".join(f"'{each}'" for each in model.efforts)
        raise Refused(
            400,
            f"Unsupported value: '{param}' does not support '{effort[:100]}' with this model. "
            f"Supported values are: {supported}.",
            "unsupported_value",
            param,
        )
    return effort
