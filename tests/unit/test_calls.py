"""The helpers' calls: what they return, what they say when something is wrong."""

import asyncio
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import openai
import pandas as pd
import pytest
from openai import AsyncOpenAI

import helpers
from helpers import (
    Answer,
    BadInput,
    CallFailed,
    ask_ai,
    ask_model,
    async_multiple_calls,
    compare_models,
    faults,
    process_questions_batch,
    safe_api_call,
    stream_model,
    sync_multiple_calls,
    watch,
)
from helpers.mock_api import MockAPI
from helpers.mock_api.answers import find_answer
from helpers.wire import send
from helpers.wire.retries import pause_before_retry

QUESTIONS = ["What is Python?", "What is Go?", "What is Rust?"]


@pytest.fixture(autouse=True)
def practice(connected: MockAPI) -> MockAPI:
    return connected


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def with_client(make: Any, **options: Any) -> Any:
    """Runs `make(client)` on a loop of its own."""

    async def main() -> Any:
        async with AsyncOpenAI(**options) as client:
            return await make(client)

    return asyncio.run(main())


def test_ask_ai_gives_the_text() -> None:
    assert run(ask_ai("What is Python?")) == find_answer("What is Python?", "small")


def test_ask_model_gives_a_timed_answer() -> None:
    with watch() as trace:
        answer = with_client(lambda client: ask_model(client, "gpt-6.1-sol", "What is Go?"))
    (call,) = trace.calls
    assert answer.answer == find_answer("What is Go?", "large")
    assert (answer.question, answer.model, answer.attempts, answer.success) == ("What is Go?", "gpt-6.1-sol", 1, True)
    assert answer.tokens == answer.prompt_tokens + answer.completion_tokens == trace.tokens
    assert answer.cost == pytest.approx(trace.cost)
    assert call.seconds is not None and answer.time >= call.seconds
    assert (answer.error, answer.error_type, answer.queued) == (None, None, 0)


def test_an_answer_reads_like_a_dict_and_becomes_a_table() -> None:
    answers = run(compare_models("What is Python?"))
    assert answers[0]["model"] == answers[0].model
    assert dict(answers[0])["tokens"] == answers[0].tokens
    for wrong in ("colour", "__class__", 0):
        with pytest.raises(KeyError):
            answers[0][wrong]
    table = pd.DataFrame(answers)
    assert list(table["model"]) == list(helpers.COMPARE_MODELS)
    assert table["cost"].notna().all()
    with pytest.raises(AttributeError):
        answers[0].model = "another"


def test_compare_models_asks_all_at_once_and_keeps_the_order() -> None:
    with watch() as trace:
        answers = run(compare_models("What is Go?", ["gpt-6.1-sol", "gpt-99", "gpt-6-luna"]))
    assert trace.max_in_flight == 3
    assert [(answer.model, answer.success) for answer in answers] == [
        ("gpt-6.1-sol", True), ("gpt-99", False), ("gpt-6-luna", True),
    ]  # fmt: skip
    assert "no such model" in answers[1].error


def test_the_same_work_both_ways() -> None:
    with watch() as one_by_one:
        first = sync_multiple_calls(QUESTIONS)
    with watch() as at_once:
        second = run(async_multiple_calls(QUESTIONS))
    assert (one_by_one.max_in_flight, at_once.max_in_flight) == (1, 3)
    for answers in (first, second):
        assert [(answer.question, answer.answer) for answer in answers] == [
            (question, find_answer(question, "small")) for question in QUESTIONS
        ]


def test_a_batch_keeps_its_order_and_its_limit() -> None:
    questions = [f"question {number}" for number in range(20)]
    with faults(server_error=["question 3"]), watch() as trace:
        answers = run(process_questions_batch(questions, max_concurrency=4, max_retries=2))
    assert trace.max_in_flight <= 4
    assert [answer.question for answer in answers] == questions
    assert [answer.question for answer in answers if not answer.success] == ["question 3"]
    assert answers[3].attempts == 3


def test_a_batch_holds_no_slot_while_it_waits_to_try_again() -> None:
    """One slot, and a question that is told to wait long: the others are answered in the meantime."""
    settings = {"rate_limited": {"wait": 1}, "retry_after": 20}  # one second at the tests' pace
    with faults(**settings), watch() as trace:
        answers = run(process_questions_batch(["wait", "a", "b"], max_concurrency=1))
    assert all(answer.success for answer in answers)
    assert [answer.attempts for answer in answers] == [2, 1, 1]
    wait, a, b = trace.calls
    assert [attempt.note for attempt in wait.attempts] == ["429", ""]
    assert a.done is not None and b.done is not None
    assert max(a.done, b.done) < wait.attempts[1].sent
    assert trace.max_in_flight == 1


def test_a_batch_does_not_repeat_what_cannot_succeed() -> None:
    for settings in ({"no_quota": True}, {"expired_key": True}):
        with faults(**settings), watch() as trace:
            answers = run(process_questions_batch(["a", "b"]))
        assert [(answer.success, answer.attempts) for answer in answers] == [(False, 1)] * 2
        assert trace.requests == 2


def test_attempts_are_counted_where_a_call_succeeds_at_last() -> None:
    with faults(server_error={"What is Go?": 2}):
        assert with_client(lambda client: ask_model(client, "gpt-6-luna", "What is Go?")).attempts == 3


def test_async_multiple_calls_raises_when_all_have_ended() -> None:
    with faults(no_quota=True), watch() as trace, pytest.raises(CallFailed, match="no credit"):
        run(async_multiple_calls(["a", "b", "c"]))
    assert all(call.done is not None for call in trace.calls) and len(trace.calls) == 3
    with faults(server_error="b"), watch() as trace, pytest.raises(CallFailed, match="500"):
        run(async_multiple_calls(["a", "b", "c"]))
    assert [call.outcome for call in trace.calls if call.question != "b"] == ["ok", "ok"]


def test_a_workbook_error_on_the_way_is_passed_on_as_it_is() -> None:
    answer = with_client(lambda client: safe_api_call(client, "Hi"), base_url="https://api.openai.example/v1")
    assert answer.error is not None and answer.error.startswith("Practice mode stopped a call to api.openai.example")
    with pytest.raises(BadInput, match="A model is named by a string"):
        sync_multiple_calls(["What is Go?"], model="")


def test_a_reply_without_an_answer() -> None:
    def empty(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"id": "x", "object": "chat.completion", "created": 1, "choices": []})

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(empty))
    answer = with_client(lambda client: safe_api_call(client, "What is Go?"), http_client=http_client)
    assert "no answer to a question" in str(answer.error)
    assert answer.attempts == 1


def test_a_cut_answer_is_told_by_every_call(ends: Callable[..., None]) -> None:
    ends("length", "Python is a langu")

    async def learner() -> str:
        return await ask_ai("What is Python?")

    with pytest.warns(UserWarning, match=r"This answer was cut at the token limit \(finish_reason length\)") as warned:
        assert run(learner()) == "Python is a langu"
    assert len(warned) == 1 and warned[0].filename == __file__
    answers = [
        with_client(lambda client: ask_model(client, "gpt-6-luna", "a")),
        with_client(lambda client: stream_model(client, "gpt-6-luna", "a", lambda text: None)),
        with_client(lambda client: safe_api_call(client, "a")),
        *run(compare_models("a")),
        *run(async_multiple_calls(["a"])),
        *sync_multiple_calls(["a"]),
        *run(process_questions_batch(["a"])),
    ]
    assert {(each.success, each.incomplete, each.finish_reason) for each in answers} == {(True, True, "length")}


def test_a_whole_answer_comes_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    assert run(ask_ai("What is Python?"))
    assert not [each for each in recwarn if each.category is UserWarning]


def test_a_limit_of_tokens_in_practice_mode_cuts_and_is_told() -> None:
    answers = run(process_questions_batch(QUESTIONS, options={"max_completion_tokens": 5}))
    assert [(each.finish_reason, each.completion_tokens) for each in answers] == [("length", 5)] * 3
    assert "3 answers were cut at the token limit (finish_reason length)" in str(answers.summary)


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_answer_is_a_failure_of_every_call(text: str, ends: Callable[..., None]) -> None:
    ends("content_filter", text)
    for call in (
        lambda: run(ask_ai("a")),
        lambda: with_client(lambda client: ask_model(client, "gpt-6-luna", "a")),
        lambda: with_client(lambda client: stream_model(client, "gpt-6-luna", "a", lambda text: None)),
        lambda: sync_multiple_calls(["a"]),
        lambda: run(async_multiple_calls(["a"])),
    ):
        with pytest.raises(CallFailed, match=r'finish_reason "content_filter": the filter kept') as raised:
            call()
        assert raised.value.attempts == 1 and raised.value.time > 0
    answers = [
        with_client(lambda client: safe_api_call(client, "a")),
        *run(compare_models("a")),
        *run(process_questions_batch(["a"])),
    ]
    assert {(each.success, each.answer, each.error_type) for each in answers} == {(False, None, "ContentFiltered")}
    assert all(each.cost is not None for each in answers), "it is paid"


@pytest.mark.parametrize(
    ("status", "headers", "code", "pause"),
    [
        (429, {"retry-after-ms": "250", "retry-after": "1"}, None, (0.25, 0.25)),
        (429, {"retry-after": "7"}, None, (7, 7)),
        (503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None, (0.75, 1)),
        (500, {}, None, (0.75, 1)),
        (429, {"retry-after": "500"}, None, None),
        (429, {"retry-after": "1"}, "insufficient_quota", None),
        (400, {}, None, None),
        (401, {}, None, None),
    ],
)
def test_how_long_to_wait_before_the_third_attempt(
    status: int, headers: dict[str, str], code: str | None, pause: tuple[float, float] | None
) -> None:
    request = httpx2.Request("POST", "http://127.0.0.1/v1")
    response = httpx2.Response(status, headers=headers, request=request)
    got = pause_before_retry(openai.APIStatusError("no", response=response, body={"code": code}), 2)
    assert got is None if pause is None else pause[0] <= got <= pause[1]


def test_a_failed_call_says_why_and_keeps_the_cause() -> None:
    with faults(no_quota=True), pytest.raises(CallFailed, match="no credit left") as caught:
        with_client(lambda client: ask_model(client, "gpt-6-luna", "What is Go?"), max_retries=1)
    assert isinstance(caught.value.__cause__, openai.RateLimitError)
    assert caught.value.attempts == 2
    assert caught.value.time > 0


FAILURES = [
    ({"server_error": 1}, {}, "InternalServerError", "problem of its own (500)", 3),
    ({"rate_limited": 1}, {}, "RateLimitError", "fewer calls in flight", 3),
    ({"no_quota": True}, {}, "RateLimitError", "waiting will not help", 3),
    ({"expired_key": True}, {}, "AuthenticationError", "did not accept the API key", 1),
    ({"dropped": 1}, {"max_retries": 0}, "APIConnectionError", "broke off", 1),
    ({"hanging": 1}, {"max_retries": 1, "timeout": 0.2}, "APITimeoutError", "within the time allowed", 2),
]


@pytest.mark.parametrize(("settings", "options", "error_type", "says", "attempts"), FAILURES)
def test_a_safe_call_gives_an_answer_whatever_happens(
    settings: dict[str, Any], options: dict[str, Any], error_type: str, says: str, attempts: int
) -> None:
    with faults(**settings), watch() as trace:
        answer = with_client(lambda client: safe_api_call(client, "What is Go?"), **options)
    assert not answer.success
    assert (answer.error_type, answer.attempts) == (error_type, attempts)
    assert trace.requests == attempts
    assert says in answer.error
    assert answer.answer is None and answer.time > 0


def test_a_safe_call_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "guards", [])  # practice mode would let nobody ask there
    answer = with_client(
        lambda client: safe_api_call(client, "What is Go?"), base_url="http://127.0.0.1:9/v1", max_retries=0
    )
    assert "cannot be reached" in answer.error


def test_a_cancelled_safe_call_is_cancelled() -> None:
    async def main() -> None:
        async with AsyncOpenAI() as client, asyncio.timeout(0.2):
            await safe_api_call(client, "What is Go?")

    with faults(hanging=1), pytest.raises(TimeoutError):
        asyncio.run(main())


BAD_QUESTIONS = [
    ("", "The question is empty."),
    ("   \n", "The question is empty."),
    (5, "this is an int: 5"),
    (None, "this is a NoneType"),
    (["What is Go?"], "this is a list"),
    ("half \ud800", "half a character (at position 5)"),
]


@pytest.mark.parametrize(("question", "says"), BAD_QUESTIONS)
def test_what_cannot_be_a_question_is_said_before_anything_is_sent(question: Any, says: str) -> None:
    with watch() as trace:
        for call in (
            lambda: run(ask_ai(question)),
            lambda: run(compare_models(question)),
            lambda: sync_multiple_calls([question]),
            lambda: run(async_multiple_calls(["What is Go?", question])),
        ):
            with pytest.raises(BadInput) as caught:
                call()
            assert says in str(caught.value)
        answers = run(process_questions_batch(["What is Go?", question]))
        assert [answer.success for answer in answers] == [True, False]
        assert says in answers[1].error
    assert trace.requests == 1, "the good question of the batch"


def test_a_megabyte_of_text() -> None:
    with pytest.raises(CallFailed, match="too long for this model"):
        run(ask_ai("word " * 200_000))


def test_an_unknown_model() -> None:
    with pytest.raises(CallFailed, match=r"no such model.*gpt-6-luna"):
        run(ask_ai("What is Go?", model="gpt-99"))
    with pytest.raises(BadInput, match="A model is named by a string"):
        run(ask_ai("What is Go?", model=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: run(process_questions_batch([])), "There are no questions"),
        (lambda: run(process_questions_batch("What is Go?")), "Put it in brackets: ['What is Go?']"),
        (lambda: run(process_questions_batch(5)), "`questions` is an int"),
        (lambda: run(process_questions_batch(QUESTIONS, max_concurrency=0)), "is not a valid number of calls"),
        (
            lambda: run(process_questions_batch(QUESTIONS, max_concurrency="8")),
            "max_concurrency='8' is not a valid number",
        ),
        (lambda: run(process_questions_batch(pd.DataFrame({"question": QUESTIONS}))), 'questions=table["question"]'),
        (lambda: sync_multiple_calls([]), "There are no questions"),
        (lambda: run(async_multiple_calls("What is Go?")), "a list is needed"),
        (lambda: run(compare_models("What is Go?", [])), "There are no model names"),
        (lambda: run(compare_models("What is Go?", "gpt-4o")), "Put it in brackets: ['gpt-4o']"),
    ],
)
def test_wrong_input_gets_two_sentences(call: Any, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert says in str(caught.value)
    assert caught.value.happened and caught.value.what_to_do


def test_the_shared_client_is_one_for_each_loop_and_closed_with_it() -> None:
    async def main() -> tuple[AsyncOpenAI, AsyncOpenAI]:
        await asyncio.gather(ask_ai("What is Go?"), ask_ai("What is Rust?"))
        return await helpers.shared_client(), await helpers.shared_client()

    first, again = asyncio.run(main())
    other, _ = asyncio.run(main())
    assert first is again and first is not other
    assert first.is_closed() and other.is_closed()


def test_a_client_that_was_closed_or_belongs_to_another_loop() -> None:
    async def closed() -> Answer:
        async with AsyncOpenAI() as client:
            pass
        return await safe_api_call(client, "What is Go?")

    assert "closed already" in str(asyncio.run(closed()).error)

    async def make() -> AsyncOpenAI:
        return await helpers.shared_client()

    shared = asyncio.run(make())
    assert "closed already" in str(asyncio.run(safe_api_call(shared, "What is Go?")).error)


def test_two_loops_at_once_have_a_shared_client_each() -> None:
    together = threading.Barrier(2)

    async def main() -> AsyncOpenAI:
        client = await helpers.shared_client()
        await asyncio.to_thread(together.wait, 10)
        assert await ask_ai("What is Go?")
        return client

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(asyncio.run, [main(), main()])
    assert first is not second


def test_a_shared_client_that_somebody_closed_is_made_again() -> None:
    async def main() -> str:
        await (await helpers.shared_client()).close()
        return await ask_ai("What is Go?")

    assert run(main())


def test_connect_again_leaves_calls_in_flight_alone() -> None:
    async def main() -> list[str]:
        calls = [asyncio.ensure_future(ask_ai(question)) for question in QUESTIONS]
        with watch() as trace:
            while len(trace.calls) < 3:
                await asyncio.sleep(0)
            helpers.connect()
        return await asyncio.gather(*calls)

    assert run(main()) == [find_answer(question, "small") for question in QUESTIONS]


def test_no_client_is_kept_for_a_loop_that_is_gone() -> None:
    for _ in range(5):
        run(ask_ai("What is Go?"))
    assert not helpers.wire.clients._keepers and not helpers.wire.clients._clients


def test_a_failure_can_be_copied_and_sent_to_another_process() -> None:
    failure = CallFailed("It broke.", "Try again.")
    failure.attempts = 2
    copy = pickle.loads(pickle.dumps(failure))
    assert (str(copy), copy.attempts, copy.what_to_do) == (str(failure), 2, "Try again.")


def test_answers_of_an_endpoint_that_says_little() -> None:
    """An unknown model has no price; without usage there are no tokens, and no cost."""
    assert Answer(question="a", model="b").cost is None
    assert helpers.catalog.cost("somebody-elses-model", 1, 1) is None
    assert helpers.catalog.cost("gpt-6-luna", None, None) is None
