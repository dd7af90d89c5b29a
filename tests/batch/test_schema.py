"""A batch with a schema: objects in place of texts, and a row for each kind of failure."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import httpx2
import pandas as pd
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel, Field

from helpers import (
    BadInput,
    faults,
    last_batch,
    process_questions_as_completed,
    process_questions_batch,
    watch,
)
from helpers.mock_api import MockAPI


class Review(BaseModel):
    """What a review says."""

    stars: int = Field(ge=1, le=5)
    mood: Literal["happy", "angry"]
    note: str | None = None


REVIEWS = [f"Review number {number}: it works well, 4 stars." for number in range(8)]


async def ask(questions: list[str], **settings: Any) -> Any:
    return await process_questions_batch(questions, schema=Review, progress=False, **settings)


def test_each_answer_is_an_object(notebook: MockAPI) -> None:
    answers = asyncio.run(ask(REVIEWS))
    assert [answer.question for answer in answers] == REVIEWS
    for answer in answers:
        assert answer.success and isinstance(answer.parsed, Review)
        assert Review.model_validate_json(answer.answer) == answer.parsed
    table = pd.DataFrame([answer.parsed.model_dump() for answer in answers])
    assert table["stars"].dtype.kind == "i"


def test_what_fails_is_a_row_with_its_kind(notebook: MockAPI) -> None:
    with faults(declined=REVIEWS[1], cut_off=REVIEWS[2], refused=REVIEWS[3]):
        answers = asyncio.run(ask([*REVIEWS[:4], ""]))
    kinds = [answer.error_type for answer in answers]
    assert kinds == [None, "ModelRefused", "AnswerCut", "BadRequestError", "BadInput"]
    assert [answer.parsed is None for answer in answers] == [False, True, True, True, True]
    assert "what there is of it is no whole Review." in answers[2].error
    assert "Allow more (max_completion_tokens)" in answers[2].error
    assert answers[2].finish_reason == "length"
    assert answers.summary.failed == {kind: 1 for kind in kinds if kind}
    table = pd.DataFrame(answers)
    assert list(table["success"]) == [True, False, False, False, False]
    assert "parsed" in table


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"stars": "five", "mood": "happy", "note": null}', "(stars: Input should be a valid integer"),
        ('{"stars": 9, "mood": "sad", "note": null}', "stars: Input should be less than or equal to 5, and 1 more"),
        ('```json\n{"stars": 4, "mood": "happy"}\n```', "it is not JSON, or not only JSON"),
        ("Sure! Here you are.", 'It is: "Sure! Here you are.".'),
    ],
)
def test_a_service_that_does_not_keep_to_the_schema(service_that_says: Any, text: str, says: str) -> None:
    async def main() -> Any:
        async with service_that_says(text) as client:
            return await ask(REVIEWS[:1], client=client)

    (answer,) = asyncio.run(main())
    assert (answer.success, answer.error_type, answer.parsed) == (False, "SchemaMismatch", None)
    assert answer.error.startswith("The answer is not a Review (")
    assert says in answer.error
    assert answer.tokens, "it was paid for all the same"


@pytest.fixture
def service_that_says(fresh_session: Any) -> Any:
    def client(text: str) -> AsyncOpenAI:
        def answer(_: httpx2.Request) -> httpx2.Response:
            message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
            return httpx2.Response(200, json={"choices": [message], "usage": usage})

        http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        return AsyncOpenAI(api_key="any", base_url="http://127.0.0.1:9/v1", http_client=http)

    return client


def test_it_is_saved_and_read_again_and_only_what_failed_is_asked_again(notebook: MockAPI, tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    with faults(cut_off=REVIEWS[2]):
        first = asyncio.run(ask(REVIEWS, save_to=file))
    assert first.summary.succeeded == 7
    with watch() as trace:
        again = asyncio.run(ask(REVIEWS, save_to=file))
    assert [call.question for call in trace.calls] == [REVIEWS[2]]
    assert all(isinstance(answer.parsed, Review) for answer in again)
    assert [one.parsed == two.parsed for one, two in zip(first, again, strict=True)].count(True) == 7
    with closing(sqlite3.connect(file)) as database:
        ((text,),) = database.execute("SELECT answer FROM answers WHERE question = ?", [REVIEWS[0]])
    assert Review.model_validate_json(text) == first[0].parsed


def test_the_same_questions_as_text_are_another_job(notebook: MockAPI, tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    asyncio.run(process_questions_batch(REVIEWS[:2], save_to=file, progress=False))
    answers = asyncio.run(ask(REVIEWS[:2], save_to=file))
    assert answers.summary.saved == 0
    assert all(isinstance(answer.parsed, Review) for answer in answers)


def test_as_they_come(notebook: MockAPI) -> None:
    async def main() -> list[object]:
        return [each.parsed async for each in process_questions_as_completed(REVIEWS, schema=Review)]  # type: ignore[attr-defined]

    assert all(isinstance(parsed, Review) for parsed in asyncio.run(main()))
    assert last_batch().summary.succeeded == len(REVIEWS)


class NoWordForIt(BaseModel):
    call: Callable[[], int]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"schema": Review(stars=4, mood="happy")}, "is no model of pydantic. Give the class itself"),
        ({"schema": {"type": "object"}}, "is no model of pydantic"),
        ({"schema": BaseModel}, "is no model of pydantic"),
        ({"schema": NoWordForIt}, "The service cannot be told what a NoWordForIt is ("),
        ({"schema": Review, "options": {"response_format": {"type": "json_object"}}}, "Give one of the two."),
    ],
)
def test_what_is_no_schema_is_said_before_anything_is_sent(
    notebook: MockAPI, settings: dict[str, Any], says: str
) -> None:
    with watch() as trace, pytest.raises(BadInput) as error:
        asyncio.run(process_questions_batch(REVIEWS, **settings))
    assert says in str(error.value)
    assert trace.calls == []
