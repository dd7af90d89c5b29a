"""How a batch is to be done, checked before anything is sent."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from openai import AsyncOpenAI

from ..answer import Answer
from ..errors import BadInput
from ..inputs import check_callback, check_client, check_model, number, whole_number
from ..numeric import LARGEST, SMALLEST
from ..words import shortened
from .options import as_options
from .schema import Schema

Repeats = Literal["once", "each"]  # how often a question is asked that comes several times


@dataclass(frozen=True)
class Settings:
    """How a batch is to be done; see `process_questions_batch`."""

    model: str
    client: AsyncOpenAI | None = None
    instructions: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    max_concurrency: int = 10
    max_retries: int = 5
    timeout: float | None = None
    deadline: float | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    repeats: Repeats = "once"
    save_to: Any = None
    on_progress: Callable[[Answer], object] | None = None
    progress: bool | None = None
    encoding: str | None = None
    schema: Any = None  # a model of pydantic; afterwards the Schema made of it

    def __post_init__(self) -> None:
        check_model(self.model)
        if not isinstance(self.instructions, str):
            raise BadInput("`instructions` is not a string.", 'Write them in quotes: "Answer in one word.".')
        for name, least in (("max_concurrency", 1), ("max_retries", 0)):
            what = "calls in flight" if least else "retries"
            happened = f"{name}={{}} is not a valid number of {what}."
            use = f"Give a whole number, {least} or more, such as {10 if least else 5}."
            object.__setattr__(self, name, whole_number(getattr(self, name), happened, use, least=least))
        for name in ("timeout", "deadline", "requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is not None:
                unit = "seconds" if name in ("timeout", "deadline") else "a minute"
                happened, use = f"{name}={{}} is not a number of {unit}.", "Give one above 0, or leave it out."
                # infinity is a number where it means no limit; the SDK cannot send it as a timeout
                most = LARGEST if name == "timeout" else math.inf
                value = number(value, happened, use, least=SMALLEST, most=most)
                object.__setattr__(self, name, value)
        if not isinstance(self.progress, bool | None):
            raise BadInput(
                f"progress={shortened(self.progress)} is neither True nor False.", "Give one, or leave it out."
            )
        if not isinstance(self.encoding, str | None):
            raise BadInput(
                f"encoding={shortened(self.encoding)} is no name of an encoding.", 'Give one such as encoding="gbk".'
            )
        check_repeats(self.repeats)
        if self.repeats == "each" and self.save_to is not None:
            raise BadInput(
                'With repeats="each" a question has several answers, and `save_to` keeps one for each question.',
                "Leave one of the two out; or save the answers afterwards, with pandas: pd.DataFrame(answers).",
            )
        if self.client is not None:
            check_client(self.client)
        if self.on_progress is not None:
            check_callback(self.on_progress, "on_progress", "the Answer")
        options = as_options(self.options)
        if self.schema is not None:
            if "response_format" in options:
                raise BadInput(
                    "`schema` and `response_format` in `options` both say what form the answers are to have.",
                    "Give one of the two.",
                )
            object.__setattr__(self, "schema", Schema(self.schema))
            options = {**options, "response_format": self.schema.response_format}
        object.__setattr__(self, "options", options)
        self.job("")

    def job(self, where: str) -> dict[str, Any]:
        """What, besides the question, decides an answer. No key is in it."""
        job = {"endpoint": where, "model": self.model, "instructions": self.instructions, "options": self.options}
        try:
            json.dumps(job, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise BadInput(f"`options` or `instructions` cannot be sent ({error}).", "Give plain values.") from error
        return job


def check_repeats(repeats: object) -> None:
    """Raises BadInput for what is neither "once" nor "each"."""
    if not isinstance(repeats, str) or repeats not in get_args(Repeats):
        raise BadInput(
            f"repeats={shortened(repeats)} is not a way to treat a question that comes several times.",
            'Give "once" (one call, its answer in each row) or "each" (a call for each row).',
        )
