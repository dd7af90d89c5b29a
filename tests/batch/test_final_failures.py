"""What no other question can escape stops a batch after a few; a bad question in a good list does not."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from helpers import Answer, process_questions_as_completed
from helpers.batch import Answers, last_batch
from helpers.batch.breaker import ENOUGH, MANY

from .service import ANSWERED, PATIENCE, Service, answer_to, run

pytestmark = pytest.mark.usefixtures("short_pauses")

QUESTIONS = [f"Question number {number}?" for number in range(150)]


def error(message: str, code: Any = None, kind: str | None = "invalid_request_error", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


# status, body, and what of it has to be told
AT_ONCE = {
    "402": (402, error("Insufficient Balance", "unknown_error"), "Insufficient Balance"),
    "spend limit": (429, error("Reached.", "project_spend_limit_exceeded"), "owner of the project"),
    "by its type": (429, error("Reached.", None, "insufficient_quota"), "no credit left"),
    "verify": (403, error("Your organization must be verified to use the model `x`."), "must be verified"),
    "unknown model, 400": (400, error("Invalid model name passed in model=gpt-6-luna", "400"), "no such model"),
}
AFTER_A_FEW = {
    "region": (
        403,
        error("Country, region, or territory not supported", "unsupported_country_region_territory"),
        "Country, region, or territory not supported.",
    ),
    "forbidden": (403, error("Not allowed."), "Not allowed."),
    "parameter": (
        400,
        error("Unsupported parameter: 'temperature' is not supported with this model.", "unsupported_parameter"),
        "Unsupported parameter: 'temperature'",
    ),
    "numbers": (400, "numbers", "is not possible"),
    "its question": (422, "its question", "is not possible"),
    "some other 4xx": (410, {"detail": "It is gone."}, "It is gone."),
    "an error sent with 200": (200, {"object": "error", "message": "No worker is ready."}, "No worker is ready."),
    "no completion": (200, {}, "no answer to a question"),
    "another object": (200, {"object": "response", "output": []}, "no answer to a question"),
    "nothing": (200, "", "no answer to a question"),
    "a web page": (200, "<html>Welcome!</html>", "no answer to a question"),
}


class Refusing(Service):
    """Refuses with this status and body the questions that `bad` says, and answers the others later."""

    def __init__(self, status: int, body: Any, bad: Callable[[str], bool] = lambda question: True) -> None:
        super().__init__()
        self.status, self.body, self.bad = status, body, bad

    async def wait(self, question: str) -> None:
        await asyncio.sleep(0.001 if self.bad(question) else 0.01)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        question = json.loads(request.content)["messages"][-1]["content"]
        if response.status_code != 200 or not self.bad(question):
            return response
        body = self.body
        if body == "numbers":
            body = error(f"Request req_{Random(question).random()} is not possible.")
        elif body == "its question":
            body = error(f"{question} is not possible.")
        elif body == "letters":
            body = error(f"Request {''.join(Random(question).choices('abcdefgh', k=20))} is not possible.")
        elif body == "half of its question":
            body = error(f"Not possible: {''.join(Random(question).choices('abcdefgh', k=5))}…")
        elif body == "by turns":
            body = error(f"It is too {('short', 'loud', 'green')[QUESTIONS.index(question) % 3]}.")
        return httpx2.Response(self.status, content=body if isinstance(body, str) else json.dumps(body))


def the_rest_was_not_sent(answers: Answers, service: Service, most: int) -> None:
    assert len(service.asked) <= most
    assert [answer.question for answer in answers] == QUESTIONS
    assert [answer.question for answer in answers if answer.error_type == "NotSent"] == [
        question for question in QUESTIONS if question not in service.asked
    ]
    assert answers.summary.requests == len(service.asked) and not answers.summary.cut_off


@pytest.mark.parametrize("concurrency", [1, 10, 50])
@pytest.mark.parametrize("kind", AT_ONCE)
def test_what_is_surely_for_all_stops_it_at_once(kind: str, concurrency: int) -> None:
    status, body, says = AT_ONCE[kind]
    service = Refusing(status, body)
    answers = run(service, QUESTIONS, max_concurrency=concurrency)
    the_rest_was_not_sent(answers, service, concurrency)
    assert says in str(answers.summary.stopped)


@pytest.mark.parametrize("concurrency", [1, 10, 50])
@pytest.mark.parametrize("kind", AFTER_A_FEW)
def test_the_same_refusal_a_few_times_stops_it(kind: str, concurrency: int) -> None:
    status, body, says = AFTER_A_FEW[kind]
    service = Refusing(status, body)
    answers = run(service, QUESTIONS, max_concurrency=concurrency)
    assert len(service.asked) >= ENOUGH
    the_rest_was_not_sent(answers, service, ENOUGH - 1 + concurrency)
    assert "questions were refused one after the other" in str(answers.summary.stopped)
    assert says in str(answers.summary.stopped)
    assert all(says in str(answer.error) for answer in answers)


@pytest.mark.parametrize("concurrency", [1, 10, 50])
@pytest.mark.parametrize("status", [400, 403, 422])
@pytest.mark.parametrize("body", ["letters", "half of its question", "by turns"])
def test_refusals_that_are_worded_differently_stop_it_after_some_more(body: str, status: int, concurrency: int) -> None:
    service = Refusing(status, body)
    answers = run(service, QUESTIONS, max_concurrency=concurrency)
    the_rest_was_not_sent(answers, service, MANY - 1 + concurrency)
    assert "questions were refused one after the other alike. The last: " in str(answers.summary.stopped)


@pytest.mark.parametrize("status", [400, 403])
def test_it_stops_in_the_middle_too(status: int) -> None:
    """A key or an account may be changed while it runs."""
    service = Refusing(status, error("Not any more."), lambda question: QUESTIONS.index(question) >= 60)
    answers = run(service, QUESTIONS, max_concurrency=10)
    assert [answer.success for answer in answers[:60]] == [True] * 60
    the_rest_was_not_sent(answers, service, 60 + 2 * 10 + ENOUGH)
    assert "Not any more." in str(answers.summary.stopped)


@pytest.mark.parametrize("save", [False, True])
def test_for_who_takes_the_answers_as_they_come(save: bool, tmp_path: Path) -> None:
    service = Refusing(403, error("Not allowed."))

    async def main() -> list[Answer]:
        async with asyncio.timeout(PATIENCE), service.client() as client:
            file = tmp_path / "answers.db" if save else None
            answers = process_questions_as_completed(QUESTIONS, client=client, max_concurrency=10, save_to=file)
            return [answer async for answer in answers]

    seen = asyncio.run(main())
    assert len(service.asked) <= ENOUGH - 1 + 10
    assert sorted(answer.question for answer in seen) == sorted(QUESTIONS)
    assert "Not allowed." in str(last_batch().summary.stopped)


def test_what_was_refused_is_not_saved_and_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    stopped = run(Refusing(403, error("Not allowed.")), QUESTIONS, save_to=file)
    assert stopped.summary.stopped and not stopped.summary.succeeded
    again = Service()
    answers = run(again, QUESTIONS, save_to=file)
    assert [answer.answer for answer in answers] == [answer_to(question) for question in QUESTIONS]
    assert sorted(again.asked) == sorted(QUESTIONS)


# ---- what does not stop it ---------------------------------------------------------------------------------------


def goes_on(service: Service, bad: Callable[[str], bool], **settings: Any) -> None:
    answers = run(service, QUESTIONS, **settings)
    assert answers.summary.stopped is None
    assert [answer.question for answer in answers if not answer.success] == [each for each in QUESTIONS if bad(each)]
    assert sorted(service.asked) == sorted(QUESTIONS), "each once"


def every(n: int) -> Callable[[str], bool]:
    return lambda question: QUESTIONS.index(question) % n == 0


@pytest.mark.parametrize("concurrency", [1, 10, 50])
@pytest.mark.parametrize("bad", [every(1000), every(20), every(3), every(2)])
@pytest.mark.parametrize("status", [400, 403, 422])
def test_bad_questions_in_a_good_list(bad: Callable[[str], bool], status: int, concurrency: int) -> None:
    """Their refusals come long before the first answer."""
    goes_on(Refusing(status, error("Not this one."), bad), bad, max_concurrency=concurrency)


@pytest.mark.parametrize("concurrency", [10, 50])
def test_bad_questions_side_by_side_while_others_are_being_answered(concurrency: int) -> None:
    def bad(question: str) -> bool:
        return QUESTIONS.index(question) < ENOUGH + 1

    goes_on(Refusing(400, error("Not this one."), bad), bad, max_concurrency=concurrency)


def test_different_refusals() -> None:
    class Various(Service):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            number = len(self.asked)
            kinds = "too short", "too loud", "too green"
            return httpx2.Response(400, json=error(f"It is {kinds[number % 3]}.")) if number % 10 else response

    answers = run(Various(), QUESTIONS, max_concurrency=1)
    assert answers.summary.stopped is None and answers.summary.failed == {"BadRequestError": 135}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("Flagged.", "invalid_prompt")),
        (400, error("Filtered.", "content_filter", None)),
        (400, error("Too long.", "context_length_exceeded")),
        (403, error("Flagged.", 403, metadata={"reasons": ["violence"], "flagged_input": "…"})),
        (429, error("Request too large on tokens per min (TPM): Limit 30000, Requested 52000.", "rate_limit_exceeded")),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 10])
def test_what_is_the_questions_own_fault_however_many_there_are(status: int, body: Any, concurrency: int) -> None:
    def bad(question: str) -> bool:
        return QUESTIONS.index(question) < 40

    goes_on(Refusing(status, body, bad), bad, max_concurrency=concurrency)


def test_a_failure_that_is_tried_again_is_none_of_them() -> None:
    def outcome(question: str, nth: int) -> str:
        return ANSWERED if nth == 3 else Random(f"{question} {nth}").choice(["500", "429", "dropped"])

    answers = run(Service(outcome), QUESTIONS, max_concurrency=5)
    assert answers.summary.stopped is None and answers.summary.succeeded == len(QUESTIONS)


# ---- one request that is too large -------------------------------------------------------------------------------


def test_a_question_that_is_too_large_is_sent_once_and_slows_nobody_down() -> None:
    large = QUESTIONS[5]
    body = error("Request too large on tokens per min (TPM): Limit 30000, Requested 52000.", "rate_limit_exceeded")
    service = Refusing(429, body, lambda question: question == large)
    answers = run(service, QUESTIONS)
    assert service.asked.count(large) == 1 and answers.summary.refused == 0
    assert answers[5].error_type == "RateLimitError" and answers[5].attempts == 1
    assert "Shorten the question" in str(answers[5].error)
    assert answers.summary.succeeded == len(QUESTIONS) - 1 and answers.summary.stopped is None
    assert answers.summary.requests_per_minute is None, "nobody told of a limit, and none was found"
