"""Settings that make no sense are refused in two sentences, at each door, before anything is sent."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI

from helpers import estimate, process_questions_as_completed, process_questions_batch
from helpers.errors import BadInput
from helpers.mock_api import MockAPI

QUESTIONS = ["What is Python?", "What is Go?"]
NO_NUMBERS = [10**400, 5e-324, math.nan, -math.inf, -1, 0, True, "60", np.float64("nan"), np.True_]


def as_a_list(**settings: Any) -> None:
    answers = asyncio.run(process_questions_batch(QUESTIONS, **settings))
    assert answers.summary.succeeded == len(QUESTIONS)


def one_by_one(**settings: Any) -> None:
    async def read() -> None:
        answers = [answer async for answer in process_questions_as_completed(QUESTIONS, **settings)]
        assert all(answer.success for answer in answers) and len(answers) == len(QUESTIONS)

    asyncio.run(read())


def estimated(**settings: Any) -> None:
    assert estimate(QUESTIONS, **settings).calls == len(QUESTIONS)


Door = Callable[..., None]
BATCHES: list[Door] = [as_a_list, one_by_one]
ALL: list[Door] = [*BATCHES, estimated]


def refused(door: Door, api: MockAPI, name: str, value: object) -> None:
    with pytest.raises(BadInput) as caught:
        door(**{name: value})
    assert name in caught.value.happened and caught.value.what_to_do
    assert len(str(caught.value)) < 300 and not api.served


@pytest.mark.parametrize("value", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
@pytest.mark.parametrize(
    ("door", "name"),
    [
        *((door, name) for door in BATCHES for name in ("deadline", "timeout")),
        *((door, name) for door in ALL for name in ("requests_per_minute", "tokens_per_minute")),
    ],
)
def test_a_number_that_cannot_be_reckoned_with(notebook: MockAPI, door: Door, name: str, value: object) -> None:
    refused(door, notebook, name, value)


@pytest.mark.parametrize("value", [10**400, 0, -1, 2.5, 2.0, True, "8", math.nan, math.inf, None])
@pytest.mark.parametrize("door", ALL)
def test_a_number_of_calls_that_is_none(notebook: MockAPI, door: Door, value: object) -> None:
    refused(door, notebook, "max_concurrency", value)


@pytest.mark.parametrize("value", [10**400, -1, 0.5, True, "many", math.nan])
def test_a_number_of_tokens_that_is_none(notebook: MockAPI, value: object) -> None:
    if value == 0.5:  # it is a mean
        estimated(answer_tokens=value)
    else:
        refused(estimated, notebook, "answer_tokens", value)


@pytest.mark.parametrize(
    ("name", "value"), [("instructions", None), ("instructions", ["Be brief."]), ("repeats", "twice"), ("model", "")]
)
@pytest.mark.parametrize("door", ALL)
def test_other_settings_that_make_no_sense(notebook: MockAPI, door: Door, name: str, value: object) -> None:
    refused(door, notebook, name, value)


@pytest.mark.parametrize("value", ["yes", "", 1, 0, math.nan, []])
@pytest.mark.parametrize("door", BATCHES)
def test_progress_is_true_or_false_or_left_out(notebook: MockAPI, door: Door, value: object) -> None:
    refused(door, notebook, "progress", value)


def two(first: object, second: object) -> None: ...


def by_name(*, answer: object) -> None: ...


@pytest.mark.parametrize("value", ["print", 5, two, by_name, lambda: None, [].clear], ids=range(6))
@pytest.mark.parametrize("door", BATCHES)
def test_what_cannot_be_called_with_one_argument(notebook: MockAPI, door: Door, value: object) -> None:
    refused(door, notebook, "on_progress", value)


@pytest.mark.parametrize("make", [lambda: "sk-any", lambda: 5, lambda: AsyncOpenAI, OpenAI, object])
@pytest.mark.parametrize("door", BATCHES)
def test_what_is_no_async_client(notebook: MockAPI, door: Door, make: Callable[[], object]) -> None:
    refused(door, notebook, "client", make())


@pytest.mark.parametrize(
    "settings",
    [
        {"requests_per_minute": np.int64(60_000), "tokens_per_minute": np.float32(1e7), "max_concurrency": np.int8(2)},
        {"requests_per_minute": math.inf, "tokens_per_minute": math.inf, "max_concurrency": 1},
    ],
)
@pytest.mark.parametrize("door", ALL)
def test_numbers_of_numpy_and_no_limit_are_taken(notebook: MockAPI, door: Door, settings: dict[str, Any]) -> None:
    door(**settings)
    assert len(notebook.served) == (0 if door is estimated else len(QUESTIONS))


@pytest.mark.parametrize("door", BATCHES)
def test_a_deadline_may_be_numpys_or_none_at_all(notebook: MockAPI, door: Door) -> None:
    for number in (np.float64(60), np.int64(60), 1e300):
        door(deadline=number, timeout=number)
    door(deadline=math.inf)
    assert len(notebook.served) == 4 * len(QUESTIONS)


@pytest.mark.parametrize("door", BATCHES)
def test_a_timeout_has_an_end(notebook: MockAPI, door: Door) -> None:
    refused(door, notebook, "timeout", math.inf)
