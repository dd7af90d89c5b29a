"""What is said of the bill before a batch is sent, and while it runs."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from boxes import finished, line, press, run, status

from helpers import batch_box, connect, process_questions_batch
from helpers.batch import last_batch
from helpers.batch.result import Summary
from live.service import Service

QUESTIONS = ["What is Python?", "What is Go?", "What is gravity?", "Who wrote Hamlet?"]


async def batch(questions: Any, **settings: Any) -> Any:
    return await process_questions_batch(questions, **{"progress": None, **settings})


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What came to the terminal."""
    return "".join(capsys.readouterr())


def test_before_anything_is_sent(live: Service, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    asked_then: list[int] = []
    write = sys.stderr.write

    def watched(text: str) -> int:
        if text.startswith("Estimate"):
            asked_then.append(len(live.asked()))
        return write(text)

    monkeypatch.setattr(sys.stderr, "write", watched)
    asyncio.run(batch(QUESTIONS * 3))
    assert asked_then == [0]
    assert "Estimate: 12 questions, 4 calls: about" in (text := said(capsys))
    assert "USD, about" in text and "Of the budget 0.25 USD are left." in text


def test_more_than_is_left(live: Service, capsys: pytest.CaptureFixture[str]) -> None:
    connect(live=True, budget=0.0001)
    asyncio.run(batch(QUESTIONS))
    assert "But of the budget only 0.00010 USD are left: it would stop there" in said(capsys)
    assert last_batch().summary.stopped is None, "it cost less than was reckoned"


def test_what_is_saved_already_is_not_counted(
    live: Service, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asyncio.run(batch(QUESTIONS[:3], save_to=tmp_path / "a.db"))
    said(capsys)
    asyncio.run(batch(QUESTIONS, save_to=tmp_path / "a.db"))
    assert "Estimate: 1 question, 1 call:" in said(capsys)
    asyncio.run(batch(QUESTIONS, save_to=tmp_path / "a.db"))
    assert "Estimate" not in said(capsys), "nothing is left to be paid for"


def test_an_unknown_price(live: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(batch(QUESTIONS, model="gpt-5-mini"))
    assert "price unknown" in said(capsys)


def test_nobody_knows_how_many_an_iterator_has(live: Service, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(batch(iter(QUESTIONS)))
    assert "Estimate" not in said(capsys)


def test_who_wants_no_bar_wants_no_estimate(live: Service, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(batch(QUESTIONS, progress=False))
    assert "Estimate" not in said(capsys)


@pytest.mark.usefixtures("learner")
def test_practice_mode_has_no_bill(capsys: pytest.CaptureFixture[str]) -> None:
    connect()
    asyncio.run(batch(QUESTIONS))
    assert "Estimate" not in said(capsys)


def test_it_is_corrected_by_what_the_answers_used() -> None:
    summary = Summary(10, total=100, rows=20, succeeded=20, asked=20, cost=0.002)
    assert summary.expected_cost == pytest.approx(0.01)
    summary.unknown_costs = 1
    assert summary.expected_cost is None, "nobody can tell"
    assert Summary(10, total=None, succeeded=20, cost=0.002).expected_cost is None
    assert Summary(10, total=100).expected_cost is None


def test_the_batch_box_says_it_too(live: Service) -> None:
    connect(live=True, budget=0.0001)

    async def learner() -> None:
        box = batch_box(QUESTIONS)
        assert "Live mode: 127.0.0.1" in line(box, "totals") and "Budget: 0.00010 USD" in line(box, "totals")
        press(box, "Run")
        await asyncio.sleep(0)
        assert "Estimate: 4 questions, 4 calls" in status(box)
        assert "only 0.00010 USD are left" in status(box)
        await finished(box)
        box.close()

    asyncio.run(learner())


def test_what_is_left_of_a_budget_goes_to_the_first_questions(live: Service) -> None:
    connect(live=True, budget=0.0002)
    questions = [f"What is number {number}?" for number in range(30)]
    answers = asyncio.run(batch(questions, progress=False))
    went = [answer.success for answer in answers]
    assert 2 < sum(went) < 30 and went == sorted(went, reverse=True), "no question was passed over"


def test_the_box_does_not_start_again_where_nothing_is_left(live: Service) -> None:
    connect(live=True, budget=0.0002)

    async def learner() -> None:
        box = batch_box([f"What is number {number}?" for number in range(30)])
        await run(box, "Run")
        paid = [answer for answer in box.answers if answer.success]
        assert paid and "is used up" in status(box)
        await run(box, "Run")
        assert [answer for answer in box.answers if answer.success] == paid, "they were paid for"
        assert status(box).startswith("The budget of this session")
        box.close()

    asyncio.run(learner())
