"""What a batch can be given to ask, and how far ahead it reads."""

import asyncio
import gc
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pandas as pd
import pytest
from openai import AsyncOpenAI

from helpers import Answer, estimate, process_questions_as_completed, process_questions_batch
from helpers.batch import Answers
from helpers.errors import BadInput

from .service import ANSWERED, PATIENCE, Service, answer_to, cost_of, run

pytestmark = pytest.mark.usefixtures("short_pauses")

QUESTIONS = [f"Question number {number}?" for number in range(20)]


async def one_by_one() -> AsyncIterator[str]:
    for question in QUESTIONS:
        yield question


async def one_by_one_done(answer: Answer) -> None:
    """Nobody would await it."""


class Iterable:
    """Neither an iterator nor with a length."""

    def __iter__(self) -> Iterator[str]:
        return iter(QUESTIONS)


FORMS: dict[str, Callable[[], Any]] = {
    "list": lambda: QUESTIONS,
    "tuple": lambda: tuple(QUESTIONS),
    "generator": lambda: (question for question in QUESTIONS),
    "dict's keys": lambda: dict.fromkeys(QUESTIONS).keys(),
    "iterable": Iterable,
    "Series": lambda: pd.Series(QUESTIONS, index=range(7, 27), name="question"),
    "array": lambda: np.array(QUESTIONS),
    "async generator": one_by_one,
}


@pytest.mark.parametrize("form", FORMS)
def test_each_row_is_asked_and_answered_in_order(form: str) -> None:
    service = Service()
    answers = run(service, FORMS[form](), max_concurrency=3)
    assert [answer.question for answer in answers] == QUESTIONS
    assert [answer.answer for answer in answers] == list(map(answer_to, QUESTIONS))
    assert {type(answer.question) for answer in answers} == {str}
    assert len(service.asked) == answers.summary.rows == 20


@pytest.mark.parametrize("make", [list, iter, pd.Series])
def test_what_is_no_question_becomes_a_failed_row(make: Callable[[list[Any]], Any]) -> None:
    given = ["What is Go?", None, float("nan"), "", " \n", 3, b"bytes", ["a", "list"], "half \ud83d", "What is Go?"]
    service = Service()
    answers = run(service, make(given))
    assert service.asked == ["What is Go?"]
    assert [answer.question for answer in answers] == [str(value) for value in given]
    first, *bad, last = answers
    assert first == last and first.success
    assert {(answer.error_type, answer.success, answer.attempts) for answer in bad} == {("BadInput", False, 0)}
    assert "this is a NoneType: None." in str(bad[0].error) and "this is a float: nan." in str(bad[1].error)
    assert answers.summary.failed == {"BadInput": 8} and answers.summary.repeated == 1


def test_a_column_with_gaps_as_pandas_reads_it(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("id,question\n1,What is Go?\n2,\n3,What is Rust?\n")
    answers = run(Service(), pd.read_csv(tmp_path / "table.csv")["question"])
    assert [answer.success for answer in answers] == [True, False, True]
    assert len(pd.DataFrame(answers)) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("What is Go?", "is a single string, and a list is needed"),
        (pd.DataFrame({"question": QUESTIONS}), "is a DataFrame, and a list is needed"),
        ({"question": QUESTIONS}, "is a dict, and a list is needed"),
        (7, "is an int, not a list"),
        (None, "is a NoneType, not a list"),
        ([], "There are no questions"),
        ((), "There are no questions"),
        (pd.Series([], dtype=object), "There are no questions"),
        (iter([]), "There are no questions"),
        (Path("missing.csv"), "missing.csv cannot be opened"),
        ("missing.csv", "missing.csv cannot be opened"),
    ],
)
def test_what_holds_no_questions_is_refused(given: Any, words: str) -> None:
    service = Service()
    with pytest.raises(BadInput, match=words):
        run(service, given)
    assert not service.asked


def test_an_empty_async_generator_is_refused_too() -> None:
    async def nothing() -> AsyncIterator[str]:
        return
        yield

    with pytest.raises(BadInput, match="There are no questions"):
        run(Service(), nothing())


# ---- how they are asked --------------------------------------------------------------------------------------


def test_instructions_and_options_go_with_each_question() -> None:
    bodies = []

    class Keeping(Service):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            bodies.append(json.loads(await request.aread()))
            return await super().handle_async_request(request)

    run(Keeping(), ["What is Go?"], model="gpt-6.1-sol", instructions="Be brief.", options={"temperature": 0})
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is Go?"}]
    assert bodies == [{"model": "gpt-6.1-sol", "messages": messages, "temperature": 0}]


class OfMyOwn(AsyncOpenAI):
    """Not the SDK's class."""


async def key_of_today() -> str:
    return "any"


@pytest.mark.parametrize("kind", [{}, {"kind": OfMyOwn}, {"api_key": key_of_today}])
def test_any_client_asks_once_for_each_attempt(kind: dict[str, Any]) -> None:
    service = Service(lambda question, nth: "500" if nth == 1 else ANSWERED)

    async def main() -> Answers:
        async with service.client(**kind) as client:
            assert client.max_retries == 2
            return await process_questions_batch(QUESTIONS, client=client)

    answers = asyncio.run(main())
    assert [(answer.answer, answer.attempts) for answer in answers] == [(answer_to(each), 2) for each in QUESTIONS]
    assert len(service.asked) == answers.summary.requests == 40


@pytest.mark.parametrize(
    "setting",
    [
        {"model": ""},
        {"model": None},
        {"instructions": None},
        {"options": {"stream": True}},
        {"options": {"model": "gpt-6.1-sol"}},
        {"options": {"seed": object()}},
        {"max_concurrency": 0},
        {"max_concurrency": 2.5},
        {"max_concurrency": True},
        {"max_retries": -1},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"deadline": -1},
        {"requests_per_minute": "60"},
        {"tokens_per_minute": 0},
        {"requests_per_minute": 10**400},
        {"requests_per_minute": 5e-324},
        {"tokens_per_minute": float("nan")},
        {"deadline": 10**400},
        {"progress": "yes"},
        {"options": {"max_retries": 3}},
        {"options": {"system": "Be brief."}},
        {"on_progress": one_by_one_done},
        {"on_progress": lambda: None},
        {"repeats": "twice"},
        {"repeats": False},
        {"repeats": "each", "save_to": "answers.db"},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting: dict[str, Any]) -> None:
    service = Service()
    with pytest.raises(BadInput, match=re.escape(next(iter(setting)))):
        run(service, QUESTIONS, **setting)
    assert not service.asked


@pytest.mark.parametrize("setting", [{"deadline": np.float64(60)}, {"requests_per_minute": np.int64(6000)}])
def test_a_number_of_numpy_is_a_number(setting: dict[str, Any]) -> None:
    assert run(Service(), QUESTIONS[:2], **setting).summary.succeeded == 2


# ---- questions that come again -----------------------------------------------------------------------------------

AGAIN = ["What is Go?"] * 5 + ["What is Rust?", None, "What is Go?"]


@pytest.mark.parametrize("make", [list, iter])
@pytest.mark.parametrize("at_once", [1, 3, 10])
def test_a_question_that_comes_again_is_asked_once_or_for_each_row(
    make: Callable[[list[Any]], Any], at_once: int
) -> None:
    for repeats, sent in (("once", 2), ("each", 7)):
        service = Service()
        answers = run(service, make(AGAIN), repeats=repeats, max_concurrency=at_once)
        assert len(service.asked) == answers.summary.requests == answers.summary.asked == sent
        assert [answer.success for answer in answers] == [question is not None for question in AGAIN]
        assert [answer.question for answer in answers] == list(map(str, AGAIN))
        assert answers.summary.repeated == 7 - sent
        assert answers.summary.cost == pytest.approx(sum(map(cost_of, service.asked)))


def test_each_row_of_a_question_has_an_answer_and_a_fate_of_its_own() -> None:
    service = Service(lambda question, nth: {2: "400", 3: "500"}.get(nth, ANSWERED))
    answers = run(service, ["What is Go?"] * 4, repeats="each", max_concurrency=1)
    assert [(answer.success, answer.attempts) for answer in answers] == [(True, 1), (False, 1), (True, 2), (True, 1)]
    assert answers.summary.requests == 5
    assert len({id(answer) for answer in answers}) == 4


def test_rows_of_one_question_that_were_not_asked_are_rows_too() -> None:
    service = Service(lambda question, nth: "401")
    answers = run(service, ["What is Go?"] * 9, repeats="each", max_concurrency=2)
    assert len(answers) == 9 and not any(answer.success for answer in answers)
    assert len(service.asked) <= 2
    assert answers.summary.failed["NotSent"] >= 7


def test_as_they_come_each_row_is_asked_too() -> None:
    service = Service()

    async def main() -> list[Answer]:
        async with AsyncOpenAI(api_key="any", http_client=httpx2.AsyncClient(transport=service)) as client:
            each = process_questions_as_completed(["What is Go?"] * 3, client=client, repeats="each")
            return [answer async for answer in each]

    assert len(asyncio.run(main())) == len(service.asked) == 3


@pytest.mark.parametrize(("repeats", "calls"), [("once", 2), ("each", 7)])
def test_an_estimate_counts_as_the_batch_does(repeats: Any, calls: int) -> None:
    about = estimate(AGAIN, repeats=repeats, answer_tokens=10)
    assert (about.questions, about.calls, about.completion_tokens) == (8, calls, 10 * calls)
    tokens = [len(question) / 4 + 7 for question in ("What is Go?",) * (calls - 1) + ("What is Rust?",)]
    assert about.prompt_tokens == round(sum(tokens))
    with pytest.raises(BadInput, match="repeats"):
        estimate(AGAIN, repeats="twice")  # type: ignore[arg-type]


# ---- as they come ------------------------------------------------------------------------------------------------


def test_a_retry_does_not_wait_for_a_slow_async_generator() -> None:
    """It gives the next question only when the one before is answered, which needs another try each time."""
    service = Service(lambda question, nth: "500" if nth == 1 else ANSWERED)
    done: list[Answer] = []

    async def slow() -> AsyncIterator[str]:
        for number, question in enumerate(QUESTIONS):
            while len(done) < number:
                await asyncio.sleep(0.001)
            yield question

    answers = run(service, slow(), max_concurrency=4, on_progress=done.append)
    assert [answer.question for answer in answers] == QUESTIONS
    assert [answer.attempts for answer in answers] == [2] * 20


def test_a_retry_comes_before_what_was_not_asked_yet() -> None:
    service = Service(lambda question, nth: "500" if question == QUESTIONS[0] and nth == 1 else ANSWERED)
    run(service, QUESTIONS, max_concurrency=1)
    assert service.asked.count(QUESTIONS[0]) == 2
    assert service.asked[-1] != QUESTIONS[0]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("at_once", [1, 5])
def test_no_more_is_read_than_can_be_asked(is_async: bool, at_once: int) -> None:
    read = 0
    ahead: list[int] = []

    def each() -> Iterator[str]:
        nonlocal read
        for question in QUESTIONS * 5:
            read += 1
            yield f"{question} {read}"

    async def one_by_one() -> AsyncIterator[str]:
        for question in each():
            yield question

    done: list[Answer] = []

    def tell(answer: Answer) -> None:
        done.append(answer)
        ahead.append(read - len(done))

    run(Service(), one_by_one() if is_async else each(), max_concurrency=at_once, on_progress=tell)
    assert read == 100
    assert max(ahead) <= at_once + 2


# ---- CSV files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ("question\nWhat is Go?\nWhat is Rust?\n", ["What is Go?", "What is Rust?"]),
        ("anything\nWhat is Go?\n", ["What is Go?"]),
        ("What is Go?\nWhat is Rust?\n", ["What is Go?", "What is Rust?"]),
        ("id,Question\n1,What is Go?\n2,What is Rust?\n", ["What is Go?", "What is Rust?"]),
        ("id;question\n1;What is Go?\n", ["What is Go?"]),
        ('id,question\n1,"Go, or ""Rust""?"\n', ['Go, or "Rust"?']),
        ("question\nWhat is Go, in a word?\n", ["What is Go, in a word?"]),
        ("\ufeffquestion\r\nWas heißt „größer“?\r\n", ["Was heißt „größer“?"]),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_the_column_of_a_csv_file_is_asked(content: str, asked: list[str], as_text: bool, tmp_path: Path) -> None:
    file = tmp_path / "Questions.CSV"
    file.write_bytes(content.encode())
    service = Service()
    answers = run(service, str(file) if as_text else file)
    assert [(answer.question, answer.answer) for answer in answers] == [(each, answer_to(each)) for each in asked]


def test_a_file_as_an_old_spreadsheet_program_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_bytes("question\nWas heißt „größer“?\n".encode("cp1252"))
    assert run(Service(), file)[0].question == "Was heißt „größer“?"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,text\n1,What is Go?\n", "has the columns id, text, and none of them is named question"),
        (b"", "is empty"),
        (b"question\n", "has no rows below its column names"),
        (b"PK\x03\x04 packed", "is not a CSV file but a packed one"),
        (b"question\nWhat\0is Go?\n", "holds something else than text"),
    ],
)
def test_a_file_that_holds_no_questions_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    file, service = tmp_path / "questions.csv", Service()
    file.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        run(service, file)
    assert not service.asked


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # of a file that nobody closed
@pytest.mark.parametrize("line", ['"What is Rust?\n', "3,What,is,Rust?\n"])
def test_a_file_that_is_damaged_further_down_is_refused_before_anything_is_sent(line: str, tmp_path: Path) -> None:
    file, service = tmp_path / "questions.csv", Service()
    file.write_text(f"id,question\n1,What is Go?\n2,What is Java?\n{line}")
    with pytest.raises(BadInput, match="cannot be read"):
        run(service, file)
    gc.collect()
    assert not service.asked


def test_of_a_long_file_no_more_is_read_than_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_text("question\n" + "".join(f"Question number {number}?\n" for number in range(100_000)))
    service = Service()

    async def main() -> None:
        async with asyncio.timeout(PATIENCE), service.client() as client:
            answers = process_questions_as_completed(file, client=client, max_concurrency=5)
            for _ in range(20):
                assert (await anext(answers)).success
            await answers.aclose()

    asyncio.run(main())
    assert len(service.asked) <= 20 + 3 * 5
    assert set(service.asked) <= {f"Question number {number}?" for number in range(40)}


class Odd(Service):
    """Says what it is told to say."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__()
        self.content = content

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await super().handle_async_request(request)
        return httpx2.Response(200, json=self.content)


@pytest.mark.parametrize(
    "usage", [None, [], "none", {"total_tokens": "12", "prompt_tokens": None}, {"total_tokens": 1.5}]
)
def test_an_answer_is_not_lost_because_of_odd_usage(usage: Any) -> None:
    message = {"role": "assistant", "content": "An answer."}
    answers = run(Odd({"choices": [{"message": message}], "usage": usage}), ["What?"])
    assert [answer.answer for answer in answers] == ["An answer."]
    assert answers[0].tokens is None and answers.summary.unknown_costs == 1


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, "APIResponseValidationError"),
        ({"choices": []}, "NoAnswer"),
        ({"choices": [{"message": {"content": ["parts"]}}]}, "NoAnswer"),
    ],
)
def test_what_is_no_answer_is_a_row(content: dict[str, Any], error: str) -> None:
    answers = run(Odd(content), ["What?", "Why?"])
    assert [answer.error_type for answer in answers] == [error] * 2


def test_a_client_that_is_closed_meanwhile_stops_it() -> None:
    async def main() -> Answers:
        service = Service()
        client = service.client()

        closing: list[asyncio.Task[None]] = []

        def close(answer: Answer) -> None:
            closing.append(asyncio.ensure_future(client.close()))

        return await process_questions_batch(QUESTIONS, client=client, max_concurrency=2, on_progress=close)

    answers = asyncio.run(main())
    assert answers.summary.failed["NotSent"] > 0 and "client was closed" in str(answers.summary.stopped)
