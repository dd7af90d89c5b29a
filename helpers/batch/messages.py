"""A question that is a list of messages, as the SDK takes it: whole conversations can be asked, too."""

from collections.abc import Mapping
from typing import Any

from ..errors import BadInput
from ..words import shortened

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
EXAMPLE = '[{"role": "user", "content": "What is Python?"}]'


class Conversation(str):
    """How a list of messages is written in a row and saved in a file; `messages` is what is sent.

    >>> read_question([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is Go?"}])
    'system: Be brief.\\nuser: What is Go?'
    """

    messages: list[dict[str, Any]]


def is_messages(value: object) -> bool:
    """Whether it is rather a list of messages than a row of anything else."""
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(each, Mapping) for each in value)
        and any("role" in each for each in value)
    )


def read_question(value: object) -> object:
    """A list of messages as a Conversation, or, where it is one question only, as its text; all else as it is.

    Raises BadInput for a list of messages with which something is wrong.
    """
    if not is_messages(value):
        return value
    messages = [dict(each) for each in value]  # type: ignore[attr-defined]
    for number, message in enumerate(messages, 1):
        if message.get("role") not in ROLES:
            raise BadInput(
                f"Message {number} has the role {shortened(message.get('role'))}, which no service knows.",
                f"Give it one of these: {', '.join(ROLES[:4])}.",
            )
        if not message.get("content") and not message.get("tool_calls"):
            raise BadInput(f"Message {number} has no content.", f"Write it as in {EXAMPLE}.")
    if len(messages) == 1 and messages[0].keys() == {"role", "content"} and messages[0]["role"] == "user":
        content = messages[0]["content"]
        if isinstance(content, str):
            return content
    conversation = Conversation("\n".join(f"{each['role']}: {_text(each.get('content'))}" for each in messages))
    conversation.messages = messages
    return conversation


def _text(content: object) -> str:
    """What can be read of a content, which may be a list of parts."""
    if isinstance(content, list | tuple):
        return " ".join(map(_text, content))
    if isinstance(content, Mapping):
        return str(content["text"]) if "text" in content else f"[{content.get('type', 'something else')}]"
    return "" if content is None else str(content)
