"""Answers that fit a schema: what is sent for it, and what is read from the texts that come back."""

import json
import re
from typing import Any

import openai
from pydantic import BaseModel, ValidationError

from ..answer import Answer, ParsedAnswer
from ..errors import AnswerCut, BadInput, NoAnswer, SchemaMismatch
from ..finish_reasons import how_cut, is_cut
from ..words import one_line, shortened, with_article

MOST = 120  # characters of a text that does not fit
NAME = 64  # characters that the name of a schema may have


class Schema:
    """A pydantic model, as the form that each answer is to have.

    >>> from pydantic import BaseModel
    >>> class Review(BaseModel):
    ...     stars: int
    >>> schema = Schema(Review)
    >>> schema.read('{"stars": 4}', "stop")
    Review(stars=4)
    >>> schema.response_format["json_schema"]["name"]
    'Review'
    """

    def __init__(self, model: type[BaseModel]) -> None:
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or model is BaseModel:
            raise BadInput(
                f"schema={shortened(model)} is no model of pydantic.",
                "Give the class itself: `class Review(BaseModel): …`, then schema=Review.",
            )
        self._model = model
        try:
            tool: Any = openai.pydantic_function_tool(model)
        # pydantic's own, for a type that JSON has no word for; the SDK's TypeError and ValueError
        except Exception as error:
            raise BadInput(
                f"The service cannot be told what {with_article(model.__name__)} is ({one_line(str(error), MOST)}).",
                "Use types that JSON has: str, int, float, bool, lists, other models.",
            ) from error
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", model.__name__)[:NAME]
        schema = {"name": name, "strict": True, "schema": tool["function"]["parameters"]}
        self.response_format: dict[str, Any] = {"type": "json_schema", "json_schema": schema}

    def read(self, text: str, finish_reason: str | None) -> BaseModel:
        """The object in an answer's text. Raises AnswerCut, SchemaMismatch."""
        try:
            return self._model.model_validate_json(text)
        except ValidationError as error:
            raise self._in_words(error, text, finish_reason) from error

    def parsed(self, answer: Answer) -> ParsedAnswer | None:
        """The answer with what is in its text; None where that is nothing of this schema."""
        try:
            found = self.read(answer.answer or "", answer.finish_reason) if answer.success else None
        except NoAnswer:
            return None
        return with_parsed(answer, found)

    def _in_words(self, error: ValidationError, text: str, finish_reason: str | None) -> NoAnswer:
        name = with_article(self._model.__name__)
        if finish_reason is not None and is_cut(finish_reason):
            return AnswerCut(
                f"The answer was {how_cut(finish_reason)} (finish_reason {finish_reason}): what there is of it is no "
                f"whole {self._model.__name__}.",
                "Allow more (max_completion_tokens), or ask for less; the same call asks it again.",
            )
        first, *others = error.errors(include_url=False, include_context=False)
        where = ".".join(map(str, first["loc"]))
        more = f", and {len(others)} more" if others else ""
        is_json = first["type"] != "json_invalid"
        what = f"{f'{where}: ' if where else ''}{first['msg']}{more}" if is_json else "it is not JSON, or not only JSON"
        return SchemaMismatch(
            f"The answer is not {name} ({what}). It is: {json.dumps(one_line(text, MOST), ensure_ascii=False)}.",
            "Ask again; if many are like that, ask a model that keeps to a schema.",
        )


def with_parsed(answer: Answer, parsed: BaseModel | None) -> ParsedAnswer:
    """
    >>> with_parsed(Answer(question="What is Go?", model="gpt-6-luna"), None).parsed is None
    True
    """
    return ParsedAnswer(**answer, parsed=parsed)
