"""What holds for every batch, whatever it is given and however the service fares."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import Answer, process_questions_as_completed, process_questions_batch
from helpers.batch import Summary, last_batch
from helpers.wire import retries

from .service import ANSWERED, PATIENCE, Service, answer_to, cost_of, tokens_of

TEXTS = [f"Question number {number}?" for number in range(12)]
BAD = [None, float("nan"), "", "  ", 3, 2.5]
TEMPORARY = ("429", "500", "dropped", "hanging")
SECONDS = 0.2  # for one attempt; a hanging one takes them all


async def one_by_one(questions: list[Any]) -> AsyncIterator[Any]:
    for question in questions:
        await asyncio.sleep(0.0005)
        yield question


FORMS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "generator": iter,
    "async generator": one_by_one,
    "Series": lambda questions: pd.Series(questions, dtype=object),
}


@dataclass(frozen=True)
class Case:
    questions: list[Any]
    faults: dict[str, list[str]]  # what the first requests of a question get
    form: str
    max_concurrency: int
    max_retries: int
    requests_per_minute: float | None
    tokens_per_minute: float | None
    saved: bool
    as_completed: bool
    cancelled_after: float | None  # seconds
    deadline: float | None

    def outcome(self, question: str, nth: int) -> str:
        return dict(enumerate(self.faults.get(question, []), 1)).get(nth, ANSWERED)

    def settings(self) -> dict[str, Any]:
        names = ("max_concurrency", "max_retries", "requests_per_minute", "tokens_per_minute", "deadline")
        return {"timeout": SECONDS, **{name: getattr(self, name) for name in names}}

    @property
    def comes_to_its_end(self) -> bool:
        return self.cancelled_after is None and self.deadline is None


fault_lists = st.lists(st.sampled_from(["429", "429", "500", "500", "dropped", "hanging", "400"]), max_size=7)
moments = st.none() | st.integers(0, 30).map(lambda number: number / 1000)
cases = st.builds(
    Case,
    questions=st.lists(st.sampled_from([*TEXTS, *TEXTS, *BAD]), min_size=1, max_size=40),
    faults=st.dictionaries(st.sampled_from(TEXTS), fault_lists, max_size=8),
    form=st.sampled_from(list(FORMS)),
    max_concurrency=st.integers(1, 20),
    max_retries=st.integers(0, 5),
    requests_per_minute=st.sampled_from([None, None, 60_000]),
    tokens_per_minute=st.sampled_from([None, None, 6_000_000]),
    saved=st.booleans(),
    as_completed=st.booleans(),
    cancelled_after=st.one_of(st.none(), moments),
    deadline=st.one_of(st.none(), st.none(), st.just(1000.0), st.integers(1, 30).map(lambda number: number / 1000)),
)


async def carried_out(case: Case, service: Service, file: Path | None, given: list[Answer]) -> None:
    questions, settings = FORMS[case.form](case.questions), {**case.settings(), "save_to": file}
    async with service.client() as client:
        if case.as_completed:
            answers = process_questions_as_completed(questions, client=client, **settings)
            async with aclosing(answers):
                async for answer in answers:
                    given.append(answer)
        else:
            await process_questions_batch(questions, client=client, on_progress=given.append, **settings)


async def broken_off(case: Case, service: Service, file: Path | None) -> list[Answer]:
    """Runs a case, to its end or to the moment when it is cancelled; what it gave until then."""
    given: list[Answer] = []
    batch = asyncio.ensure_future(carried_out(case, service, file, given))
    if case.cancelled_after is not None:
        asyncio.get_running_loop().call_later(case.cancelled_after, batch.cancel)
    with suppress(asyncio.CancelledError):
        async with asyncio.timeout(PATIENCE):
            await batch
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not service.in_flight.total()
    return given


@given(cases)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_what_holds_for_every_batch(case: Case) -> None:
    with (
        patch.multiple(retries, FIRST_PAUSE=0.001, LONGEST_PAUSE=0.004),
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder) / "answers.db" if case.saved else None
        service = Service(case.outcome)
        given = asyncio.run(broken_off(case, service, file))
        answers, summary = list(last_batch()), last_batch().summary
        if case.as_completed:
            assert not answers, "it keeps none"
        else:
            has_a_row_for_each_question(case, answers)
            assert Counter(given) <= Counter(answers), "a row changed after it was told"
        keeps_to_the_rules(case, service)
        for answer in [*given, *answers]:
            is_its_own(case, answer, service)
        if not case.as_completed or case.comes_to_its_end:
            agrees(summary, given if case.as_completed else answers, service)
        if case.comes_to_its_end:
            assert Counter(answer.question for answer in given) == Counter(map(str, case.questions))
        if file is not None:
            goes_on(case, file, service)


def has_a_row_for_each_question(case: Case, answers: list[Answer]) -> None:
    rows = [answer.question for answer in answers]
    whole = case.comes_to_its_end or case.form in ("list", "Series")
    assert rows == [str(question) for question in case.questions][: None if whole else len(rows)]


def keeps_to_the_rules(case: Case, service: Service) -> None:
    assert service.most <= case.max_concurrency
    assert service.most_of_one <= 1, "a question was in flight twice"
    for question, times in Counter(service.asked).items():
        became = [what for each, what in service.log if each == question and what != "sent"]
        assert all(what not in (ANSWERED, "400") for what in became[:-1]), "it was asked again for nothing"
        uncounted = min(case.max_retries, became.count("429"))
        assert times <= case.max_retries + 1 + uncounted


def is_its_own(case: Case, answer: Answer, service: Service) -> None:
    question = answer.question
    if question not in TEXTS:
        assert (answer.error_type, answer.attempts) == ("BadInput", 0)
        return
    assert answer.attempts == service.asked.count(question)
    if answer.success:
        assert answer.answer == answer_to(question)
        assert answer.cost == cost_of(question)
        assert (answer.prompt_tokens, answer.completion_tokens) == tokens_of(question)
    elif case.comes_to_its_end:
        became = [what for each, what in service.log if each == question and what != "sent"]
        assert became[-1] == "400" or len(became) > case.max_retries, "it was not tried often enough"


def agrees(summary: Summary, answers: list[Answer], service: Service) -> None:
    """The numbers with the rows, and with what the service was asked."""
    assert summary.rows == len(answers) == summary.succeeded + summary.failed.total() == summary.done
    assert summary.succeeded == sum(answer.success for answer in answers)
    assert summary.failed == Counter(answer.error_type for answer in answers if not answer.success)
    assert (summary.requests, summary.asked) == (len(service.asked), len(set(service.asked)))
    assert summary.retries == len(service.asked) - len(set(service.asked))
    assert summary.refused == len(service.what("429"))
    answered = service.answered
    assert summary.tokens == sum(sum(tokens_of(question)) for question in answered)
    assert isclose(summary.cost, sum(map(cost_of, answered)))
    assert summary.unknown_costs == 0
    assert all(answer.time + answer.queued <= summary.seconds for answer in answers)
    assert summary.succeeded == len(answered) + summary.repeated + summary.saved


def goes_on(case: Case, file: Path, service: Service) -> None:
    """A second run finds what the first one was answered, and asks for the rest."""
    good = {question for question in case.questions if question in TEXTS}
    again = Service()

    async def main() -> list[Answer]:
        async with again.client() as client:
            return await process_questions_batch(case.questions, client=client, save_to=file)

    answers = asyncio.run(main())
    assert sorted(again.asked) == sorted(good - set(service.answered))
    assert {answer.question for answer in answers if answer.success} == good
