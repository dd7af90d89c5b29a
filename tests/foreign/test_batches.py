"""The batch and the two boxes, in live mode, with servers that answer more or less as OpenAI does."""

import asyncio
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from boxes import cards, download, line, picture, rows, run, shown, status
from openai import AsyncOpenAI

from foreign.conftest import KEY_NAME, MODEL
from foreign.servers import KEY, Server
from helpers import (
    Answer,
    batch_box,
    connect,
    estimate,
    last_batch,
    process_questions_as_completed,
    process_questions_batch,
    question_box,
    watch,
)
from helpers.batch import Answers
from helpers.widgets.ask import QuestionBox
from helpers.widgets.base import Box
from helpers.widgets.batch_box import BatchBox
from helpers.words import counted

QUESTIONS = [f"What is {number}?" for number in range(20)]
PRICED = "gpt-6-luna"


def batch(questions: list[str] = QUESTIONS, **settings: object) -> Answers:
    settings = {"model": MODEL, "progress": False, **settings}
    return asyncio.run(process_questions_batch(questions, **settings))


def check(answers: Answers, server: Server, questions: list[str] = QUESTIONS) -> None:
    """All are answered, in order, and what the server did not tell is blank."""
    assert [answer.question for answer in answers] == questions
    for answer in answers:
        assert answer.success and server.is_answer(answer.answer, answer.question)
        assert (answer.tokens is not None, answer.prompt_tokens is not None) == (server.tells_usage,) * 2
        assert answer.cost is None, "nobody knows the price"


# ---- the batch ---------------------------------------------------------------------------------------------------


def test_a_batch(connected: Server) -> None:
    before = connected.asked()
    with watch() as trace:
        answers = batch(max_concurrency=5)
    check(answers, connected)
    assert connected.asked() - before == trace.requests == 20
    assert 1 < trace.max_in_flight <= 5
    summary = answers.summary
    assert (summary.succeeded, summary.requests, summary.retries, summary.stopped) == (20, 20, 0, None)
    assert summary.unknown_costs == 20 and (summary.tokens > 0) == connected.tells_usage
    assert "20 of 20 questions answered" in str(summary) and "20 answers of unknown cost" in str(summary)


def test_what_a_batch_costs(connected: Server) -> None:
    answers = batch(model=PRICED)
    summary = answers.summary
    if connected.tells_usage:
        assert summary.unknown_costs == 0
        assert summary.cost == pytest.approx(sum(answer.cost or 0.0 for answer in answers)) and summary.cost > 0
    else:
        assert summary.unknown_costs == 20 and {answer.cost for answer in answers} == {None}


def test_with_a_client_of_its_own(server: Server) -> None:
    """Before any connect()."""

    async def learner() -> Answers:
        async with AsyncOpenAI(base_url=server.url, api_key=KEY) as client:
            return await process_questions_batch(QUESTIONS, model=MODEL, client=client, progress=False)

    check(asyncio.run(learner()), server)


def test_a_question_that_comes_twice_is_asked_once(connected: Server) -> None:
    before = connected.asked()
    answers = batch([*QUESTIONS[:3], QUESTIONS[0]])
    assert connected.asked() - before == 3 and answers.summary.repeated == 1
    check(answers, connected, [*QUESTIONS[:3], QUESTIONS[0]])


def test_saved_and_not_asked_again(connected: Server, tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    first = batch(QUESTIONS[:8], save_to=path)
    before = connected.asked()
    again = batch(QUESTIONS[:8], save_to=path)
    assert connected.asked() == before, "all of it was saved"
    assert (again.summary.saved, again.summary.requests) == (8, 0)
    check(again, connected, QUESTIONS[:8])
    assert [answer.answer for answer in again] == [answer.answer for answer in first]
    more = batch(QUESTIONS, save_to=path)
    assert connected.asked() - before == 12
    check(more, connected)
    # other instructions are another job
    batch(QUESTIONS[:2], save_to=path, instructions="Be brief.")
    assert connected.asked() - before == 14
    assert KEY.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("answers.db*"))


def test_what_another_service_said_is_not_taken_for_it(start: Callable[..., Server], tmp_path: Path) -> None:
    """Two programs on this computer, at two ports: Ollama and LM Studio, say, with a model of the same name."""
    for name in ("mock-llm", "katan"):
        service = start(name)
        connect(live=True, base_url=service.url, key_from=KEY_NAME)
        answers = batch(QUESTIONS[:3], save_to=tmp_path / "answers.db")
        assert (answers.summary.saved, service.asked()) == (0, 3)
        check(answers, service, QUESTIONS[:3])


def test_as_completed(connected: Server) -> None:
    async def learner() -> list[Answer]:
        return [answer async for answer in process_questions_as_completed(QUESTIONS, model=MODEL)]

    answers = asyncio.run(learner())
    assert sorted(answer.question for answer in answers) == sorted(QUESTIONS)
    assert all(answer.success and connected.is_answer(answer.answer, answer.question) for answer in answers)
    assert last_batch().summary.succeeded == 20


def test_left_early(connected: Server) -> None:
    async def learner() -> None:
        async for _ in process_questions_as_completed(QUESTIONS, model=MODEL, max_concurrency=2):
            break

    before = connected.asked()
    asyncio.run(learner())
    assert connected.asked() - before < 20


def test_an_estimate_sends_nothing(connected: Server) -> None:
    batch(QUESTIONS[:3])
    before = connected.asked()
    for model in (MODEL, PRICED):
        assert "20" in str(estimate(QUESTIONS, model=model))
    assert connected.asked() == before


# ---- servers that cannot keep up, or fail ------------------------------------------------------------------------


FAULTS = {
    "every other request fails": ("aimock", "--chaos-drop", "0.5"),
    "every other connection breaks": ("aimock", "--chaos-disconnect", "0.5"),
    "every other request fails, in other words": ("katan", "--error-rate", "0.5"),
    "no more than three at once": ("katan", "--max-inflight", "3", "--latency-ms", "20"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_failures_are_tried_again(start: Callable[..., Server], fault: str) -> None:
    server = start(*FAULTS[fault])

    # not with connect(): the fault may meet its free request as well
    async def learner() -> Answers:
        async with AsyncOpenAI(base_url=server.url, api_key=KEY) as client:
            return await process_questions_batch(
                QUESTIONS, model=MODEL, client=client, max_retries=50, max_concurrency=8, progress=False
            )

    answers = asyncio.run(learner())
    check(answers, server)
    assert answers.summary.retries > 0 and answers.summary.requests == server.asked()


def test_a_service_that_stops_answering(start: Callable[..., Server]) -> None:
    """All that was answered before is kept, and the others say why in words."""
    server = start("katan", "--rate-limit-after", "5")
    connect(live=True, base_url=server.url, key_from=KEY_NAME)
    answers = batch(max_concurrency=1, max_retries=1, deadline=3)
    assert 0 < answers.summary.succeeded <= 5
    failed = [answer for answer in answers if not answer.success]
    assert len(answers) == 20 and failed
    assert all("429" in (answer.error or "") or "deadline" in (answer.error or "") for answer in failed)


# ---- the boxes, without a browser --------------------------------------------------------------------------------


@pytest.fixture
def boxes() -> Iterator[list[Box]]:
    opened: list[Box] = []
    yield opened
    for box in opened:
        box.close()


def test_the_question_box(connected: Server, boxes: list[Box]) -> None:
    async def learner() -> None:
        box: QuestionBox = question_box(QUESTIONS[0], models=[MODEL, PRICED])
        boxes.append(box)
        await run(box, "Ask")
        assert status(box) == "2 answers."
        assert len(cards(box)) == 2
        for card in cards(box):
            assert connected.is_answer(card.text, QUESTIONS[0])
            assert "first word after" in card.facts and ("tokens" in card.facts) == connected.tells_usage
            unknown = card.model == MODEL or not connected.tells_usage
            assert ("price unknown" in card.facts) == unknown and "None" not in card.facts
        assert MODEL in picture(box) and "2 answers" in line(box, "totals")
        assert "nothing is charged" not in line(box, "totals")
        assert KEY not in repr(box) + shown(box) + picture(box)

    asyncio.run(learner())


def test_the_question_box_offers_something_by_itself(connected: Server, boxes: list[Box]) -> None:
    async def learner() -> None:
        box = question_box(QUESTIONS[0])
        boxes.append(box)
        await run(box, "Ask")
        assert cards(box) and status(box) == counted(len(cards(box)), "answer") + "."

    asyncio.run(learner())


def test_the_batch_box(connected: Server, boxes: list[Box]) -> None:
    async def learner() -> None:
        box: BatchBox = batch_box(QUESTIONS, model=MODEL, max_concurrency=4)
        boxes.append(box)
        await run(box, "Run")
        assert status(box) == "20 of 20 answered."
        assert [answer.question for answer in box.answers] == QUESTIONS
        assert len(rows(box)) == 20 and all(connected.is_answer(row[2], row[1]) for row in rows(box))
        assert {row[5] is None for row in rows(box)} == {not connected.tells_usage}
        assert {row[7] for row in rows(box)} == {None}, "nobody knows the price"
        assert "20 questions" in picture(box) and "None" not in line(box, "progress") + line(box, "totals")
        content = download(box)[1].decode("utf-8-sig")
        table = list(csv.DictReader(io.StringIO(content, newline="")))
        assert {each["cost"] for each in table} == {""} and KEY not in content
        assert ({each["tokens"] for each in table} == {""}) == (not connected.tells_usage)

    asyncio.run(learner())
