"""However a batch ends before its end: nothing is left in flight, nothing that was done is lost, and it says why."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

import helpers.batch
from helpers import Answer, process_questions_as_completed
from helpers.batch import Answers, last_batch
from helpers.batch.run import OUTAGE
from helpers.batch.store import Store
from helpers.errors import WorkbookError

from .service import ANSWERED, CUT_OFF, PATIENCE, Service, answer_to, ask, run

pytestmark = pytest.mark.usefixtures("short_pauses")

QUESTIONS = [f"Question number {number}?" for number in range(50)]


def after(number: int, kind: str) -> Service:
    """Answers so many requests; the others get something else."""
    service = Service(lambda question, nth: ANSWERED if len(service.asked) <= number else kind)
    return service


def has_what_was_answered(answers: Answers, service: Service, questions: list[str] = QUESTIONS) -> None:
    assert [answer.question for answer in answers] == questions
    done = [answer for answer in answers if answer.success]
    assert {answer.question for answer in done} == set(service.answered)
    assert all(answer.answer == answer_to(answer.question) for answer in done)
    summary = answers.summary
    assert (summary.rows, summary.succeeded, summary.done) == (len(questions), len(done), len(questions))
    assert summary.requests == len(service.asked)


def kinds(answers: Answers) -> dict[str | None, list[str]]:
    found: dict[str | None, list[str]] = {}
    for answer in answers:
        found.setdefault(answer.error_type, []).append(answer.question)
    return found


# ---- what no other question could escape -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("401", "AuthenticationError", "did not accept the API key"),
        ("429, no credit", "RateLimitError", "no credit left"),
        ("404", "NotFoundError", "has no such model"),
        ("429, ten minutes", "RateLimitError", "Ask again in 10 min 0 s"),
    ],
)
def test_it_stops_when_what_is_in_flight_has_come_back(kind: str, error: str, reason: str) -> None:
    service = after(10, kind)
    answers = run(service, QUESTIONS, max_concurrency=5)
    refused = service.what(kind)
    assert not service.what("sent", since=service.log.index((refused[0], kind))), "it was sent after the first refusal"
    assert not service.what(CUT_OFF)
    has_what_was_answered(answers, service)
    assert len(service.answered) == 10
    unsent = [question for question in QUESTIONS if question not in service.asked]
    found = kinds(answers)
    assert found.keys() == {None, error, "NotSent"}
    assert (sorted(found[error]), found["NotSent"]) == (sorted(refused), unsent)
    assert reason in str(answers.summary.stopped)
    for answer in answers:
        assert answer.success or reason in str(answer.error)
    not_sent = answers[-1]
    assert str(not_sent.error).startswith("Not sent: ") and not_sent.attempts == 0


def test_what_waits_for_another_try_is_not_tried_again() -> None:
    service = Service(lambda question, nth: {0: "500", 9: "401"}.get(QUESTIONS.index(question), ANSWERED))
    answers = run(service, QUESTIONS, max_concurrency=3, max_retries=100)
    assert answers[0].error_type == "InternalServerError"
    assert "Not tried again: The service says: It did not work. The service did not accept the API key" in str(
        answers[0].error
    )
    assert answers[0].attempts == service.asked.count(QUESTIONS[0])
    has_what_was_answered(answers, service)


@pytest.mark.parametrize("turns", range(6))
def test_a_question_that_comes_in_that_moment_is_not_sent(turns: int) -> None:
    soon = asyncio.Event()

    class Refusing(Service):
        async def wait(self, question: str) -> None:
            soon.set()
            for _ in range(turns):
                await asyncio.sleep(0)

    async def questions() -> AsyncIterator[str]:
        yield "the first"
        await soon.wait()
        yield "the second"

    service = Refusing(lambda question, nth: "401")
    run(service, questions())
    assert not service.what("sent", since=service.log.index(("the first", "401")))


@pytest.mark.parametrize(("kind", "max_retries"), [("500", 0), ("500", 2), ("503, ten minutes", 0)])
def test_a_hundred_failures_in_a_row_stop_it(kind: str, max_retries: int) -> None:
    questions = [f"Question number {number}?" for number in range(400)]
    service = Service(lambda question, nth: kind)
    answers = run(service, questions, max_retries=max_retries, max_concurrency=5)
    has_what_was_answered(answers, service, questions)
    assert f"{OUTAGE} questions failed one after the other" in str(answers.summary.stopped)
    failed = [answer for answer in answers if answer.attempts == max_retries + 1]
    assert OUTAGE <= len(failed) <= OUTAGE + 5
    assert all(answer.error_type == "InternalServerError" for answer in failed)
    assert answers.summary.failed["NotSent"] >= 100


def test_as_many_failures_with_an_answer_between_do_not() -> None:
    questions = [f"Question number {number}?" for number in range(400)]
    service = Service(lambda question, nth: "500" if questions.index(question) % 50 else ANSWERED)
    answers = run(service, questions, max_retries=0)
    has_what_was_answered(answers, service, questions)
    assert len(service.asked) == 400 and answers.summary.stopped is None


def test_bad_questions_are_no_outage() -> None:
    questions = [f"Question number {number}?" for number in range(2 * OUTAGE)]
    answers = run(Service(lambda question, nth: "400, flagged"), questions)
    assert answers.summary.failed == {"BadRequestError": 2 * OUTAGE}


# ---- the deadline ------------------------------------------------------------------------------------------------


def test_at_the_deadline_it_says_what_was_cut_off_and_what_was_not_sent() -> None:
    service = after(10, "hanging")
    answers = run(service, QUESTIONS, max_concurrency=2, deadline=0.5)
    has_what_was_answered(answers, service)
    found = kinds(answers)
    assert sorted(found["CutOff"]) == sorted(service.what(CUT_OFF))
    assert found["NotSent"] == [question for question in QUESTIONS if question not in service.asked]
    assert answers.summary.cut_off == 2
    assert answers.summary.stopped == "The deadline of 0.5 s was over."
    for kind, words in (("CutOff", "Cut off: "), ("NotSent", "Not sent: ")):
        assert {answer.error for answer in answers if answer.error_type == kind} == {
            f"{words}The deadline of 0.5 s was over. The same call asks it again."
        }


def test_a_deadline_ends_a_long_pause_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers.wire.retries, "FIRST_PAUSE", 1000.0)
    monkeypatch.setattr(helpers.wire.retries, "LONGEST_PAUSE", 1000.0)
    service = Service(lambda question, nth: "500" if question == QUESTIONS[0] else ANSWERED)
    answers = run(service, QUESTIONS, deadline=0.5)
    assert kinds(answers)["InternalServerError"] == QUESTIONS[:1]
    has_what_was_answered(answers, service)


def test_a_deadline_far_off_changes_nothing() -> None:
    answers = run(Service(), QUESTIONS, deadline=1000)
    assert answers.summary.succeeded == 50 and answers.summary.stopped is None


def test_where_nobody_knows_how_many_come_the_rows_end_with_those_that_came() -> None:
    async def each() -> AsyncIterator[str]:
        for question in QUESTIONS:
            yield question
        await asyncio.Event().wait()

    service = Service()
    answers = run(service, each(), deadline=0.5)
    has_what_was_answered(answers, service)
    assert answers.summary.succeeded == 50 and answers.summary.stopped


def test_a_deadline_before_the_first_question_is_no_bad_input() -> None:
    async def each() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield QUESTIONS[0]

    answers = run(Service(), each(), deadline=0.01)
    assert answers == [] and answers.summary.stopped == "The deadline of 0.01 s was over."


# ---- who does not want to go on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 12])
@pytest.mark.parametrize("save", [False, True])
def test_cancelled_it_leaves_nothing_and_keeps_what_was_done(number: int, save: bool, tmp_path: Path) -> None:
    told: list[Answer] = []
    file = tmp_path / "answers.db" if save else None
    service = Service()

    async def main() -> None:
        batch = asyncio.ensure_future(ask(service, QUESTIONS, max_concurrency=5, save_to=file, on_progress=told.append))
        while len(told) < number:
            await asyncio.sleep(0)
        if number:
            batch.cancel()
        else:
            asyncio.get_running_loop().call_soon(batch.cancel)
        with pytest.raises(asyncio.CancelledError):
            await batch
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    answers = last_batch()
    has_what_was_answered(answers, service)
    assert len(service.answered) >= number
    assert answers.summary.stopped == "It was interrupted."
    assert answers.summary.cut_off == len(service.what(CUT_OFF)) == len(kinds(answers).get("CutOff", []))
    if save:
        before = set(service.answered)
        again = Service()
        assert run(again, QUESTIONS, save_to=file).summary.saved == len(before)
        assert set(again.asked) == set(QUESTIONS) - before


@pytest.mark.parametrize("turns", range(6))
def test_cancelled_twice_it_leaves_nothing_either(turns: int) -> None:
    class SlowToEnd(Service):
        async def wait(self, question: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)

    async def main() -> None:
        service = SlowToEnd()
        batch = asyncio.ensure_future(ask(service, QUESTIONS))
        while service.in_flight.total() < 10:
            await asyncio.sleep(0)
        batch.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch

    asyncio.run(main())


def test_meanwhile_the_last_batch_has_what_is_done() -> None:
    seen = []

    def tell(answer: Answer) -> None:
        answers = last_batch()
        seen.append(len(answers))
        assert answer in answers and answers.summary.done == len(answers)

    run(Service(), QUESTIONS, on_progress=tell)
    assert seen == list(range(1, 51))


@pytest.mark.parametrize("number", [1, 12])
def test_who_breaks_off_leaves_nothing_in_flight(number: int) -> None:
    service = Service()

    async def main() -> list[Answer]:
        seen = []
        async with asyncio.timeout(PATIENCE), service.client() as client:
            async for answer in process_questions_as_completed(QUESTIONS, client=client, max_concurrency=5):
                seen.append(answer)
                if len(seen) == number:
                    break
            while asyncio.all_tasks() != {asyncio.current_task()}:
                await asyncio.sleep(0)
            assert not service.in_flight.total()
        return seen

    seen = asyncio.run(main())
    assert [answer.answer for answer in seen] == [answer_to(answer.question) for answer in seen]
    summary = last_batch().summary
    assert summary.succeeded == len(service.answered) >= number
    assert summary.requests == len(service.asked) <= number + 3 * 5, "it asked far ahead of its reader"
    assert summary.stopped == "It was interrupted."


def test_a_slow_reader_is_waited_for() -> None:
    service = Service()

    async def main() -> None:
        async with asyncio.timeout(PATIENCE), service.client() as client:
            answers = process_questions_as_completed(iter(QUESTIONS), client=client, max_concurrency=3)
            for read in range(1, 51):
                await anext(answers)
                for _ in range(5):
                    await service.wait("")
                assert len(service.asked) <= read + 2 * 3
            with pytest.raises(StopAsyncIteration):
                await anext(answers)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


# ---- what breaks on this side ------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, taken = Store.save, list[str]()

    async def until_full(self: Store, answer: Answer) -> None:
        if len(taken) == 5:
            raise WorkbookError("The disk is full.", "Make room, then run the same call again.")
        taken.append(answer.question)
        await save(self, answer)

    monkeypatch.setattr(Store, "save", until_full)
    service, file = Service(), tmp_path / "answers.db"
    with pytest.raises(WorkbookError, match="The disk is full"):
        run(service, QUESTIONS, save_to=file, max_concurrency=3)
    answers = last_batch()
    assert [answer.question for answer in answers] == QUESTIONS
    assert {answer.question for answer in answers if answer.success} == set(taken)
    assert "The disk is full" in str(answers.summary.stopped)
    assert len(service.asked) <= 5 + 3
    monkeypatch.undo()
    again = Service()
    assert all(answer.success for answer in run(again, QUESTIONS, save_to=file))
    assert set(again.asked) == set(QUESTIONS) - set(taken)


@pytest.mark.parametrize("questions", [QUESTIONS, [question for question in QUESTIONS for _ in range(3)]])
@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), TimeoutError("mine")])
def test_an_error_in_on_progress_is_raised(questions: list[str], error: Exception) -> None:
    told: list[Answer] = []

    def tell(answer: Answer) -> None:
        told.append(answer)
        if len(told) >= 7:
            raise error

    service = Service()
    with pytest.raises(type(error), match="mine"):
        run(service, questions, on_progress=tell, max_concurrency=4)
    answers = last_batch()
    has_what_was_answered(answers, service, questions)
    assert len(told) < 7 + 4, "it was called again"
    assert "mine" in str(answers.summary.stopped)
    assert len(service.asked) <= 7 + 4


def test_an_error_in_on_progress_is_raised_at_the_deadline_too() -> None:
    def tell(answer: Answer) -> None:
        if not answer.success:
            raise ZeroDivisionError("mine")

    service = after(10, "hanging")
    with pytest.raises(ZeroDivisionError, match="mine"):
        run(service, QUESTIONS, on_progress=tell, deadline=0.5)
    has_what_was_answered(last_batch(), service)


def broken() -> Iterator[str]:
    yield from QUESTIONS[:7]
    raise ZeroDivisionError("mine")


async def broken_later() -> AsyncIterator[str]:
    for question in broken():
        await asyncio.sleep(0)
        yield question


@pytest.mark.parametrize("questions", [broken, broken_later])
def test_an_error_of_the_iterator_is_raised_when_what_it_gave_is_answered(
    questions: Callable[[], Iterator[str] | AsyncIterator[str]],
) -> None:
    service = Service()
    with pytest.raises(ZeroDivisionError, match="mine"):
        run(service, questions(), max_concurrency=2)
    assert len(service.answered) == 7
    has_what_was_answered(last_batch(), service, QUESTIONS[:7])


def test_an_iterator_whose_own_task_was_cancelled_does_not_hang_the_batch() -> None:
    async def each() -> AsyncIterator[str]:
        yield QUESTIONS[0]
        helper = asyncio.ensure_future(asyncio.sleep(1000))
        helper.cancel()
        await helper

    service = Service()
    with pytest.raises(asyncio.CancelledError):
        run(service, each())
    has_what_was_answered(last_batch(), service, QUESTIONS[:1])


def test_before_the_first_batch_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers.batch, "_last", None)
    with pytest.raises(WorkbookError, match="No batch was started yet"):
        last_batch()


@pytest.mark.usefixtures("short_pauses")
def test_429s_while_others_get_through_count_apart_and_not_for_ever() -> None:
    refused = Service(lambda question, nth: "429" if question == "unlucky" else ANSWERED)
    answers = run(refused, ["unlucky", *(f"question {number}" for number in range(200))], max_retries=3)
    # three retries, and at most as many that did not count
    assert 4 < refused.asked.count("unlucky") <= 7
    assert [answer.question for answer in answers if not answer.success] == ["unlucky"]
    everybody = Service(lambda question, nth: "429")
    run(everybody, ["a", "b"], max_retries=3)
    assert everybody.asked.count("a") == everybody.asked.count("b") == 4
