"""What a learner reads when a call to such a server fails: two sentences, without a key, and never a traceback."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
from boxes import cards, markup, rows, run
from openai import AsyncOpenAI, OpenAI

from foreign.conftest import KEY_NAME, MODEL
from foreign.servers import KEY, Server
from helpers import (
    Answer,
    CallFailed,
    WorkbookError,
    ask_ai,
    ask_model,
    async_multiple_calls,
    batch_box,
    compare_models,
    connect,
    process_questions_batch,
    question_box,
    safe_api_call,
    stream_model,
    sync_multiple_calls,
    watch,
)
from helpers.batch import Answers
from helpers.widgets.ask import QuestionBox
from helpers.wire import clients

GONE = "gpt-0-gone"
WRONG = "canary-key-that-is-wrong"

# a server, the question and the model that it refuses, and what has to be said of it
REFUSALS = [
    ("aimock", "What is Go?", GONE, "no such model"),
    ("mock-llm", "What is Go?", GONE, "model"),
    ("aimock", "Please refuse.", MODEL, "(400): That is not allowed here."),
    ("mock-llm", "Please refuse.", MODEL, "(400): That is not allowed here."),
    ("aimock", "Please fail.", MODEL, "(503)"),
    ("mock-llm", "Please fail.", MODEL, "(503)"),
    ("aimock", "Too fast.", MODEL, "429"),
    ("mock-llm", "Too fast.", MODEL, "429"),
    ("aimock", "No credit.", MODEL, "no credit left"),
    ("mock-llm", 'What is a "string"?', MODEL, "(500)"),  # its quotation marks break the server
]


def is_in_words(said: str) -> None:
    """Two sentences or more, which hold no key, nor what a program says to a programmer."""
    assert re.fullmatch(r"[A-Z0-9].*[.?!)] [A-Z].*[.?!]", said, re.DOTALL), said
    for unwanted in (KEY, WRONG, "canary", "Traceback", "object has no attribute", "Error code:", "{'"):
        assert unwanted not in said, said


async def by_ask_model(question: str, model: str) -> Answer:
    async with AsyncOpenAI() as client:
        return await ask_model(client, model, question)


async def by_stream_model(question: str, model: str) -> Answer:
    async with AsyncOpenAI() as client:
        return await stream_model(client, model, question, lambda text: None)


async def by_ask_ai(question: str, model: str) -> str:
    return await ask_ai(question, model=model)


async def by_async_multiple_calls(question: str, model: str) -> list[Answer]:
    return await async_multiple_calls([question], model=model)


async def by_sync_multiple_calls(question: str, model: str) -> list[Answer]:
    return await asyncio.to_thread(sync_multiple_calls, [question], model=model)


async def by_safe_api_call(question: str, model: str) -> Answer:
    async with AsyncOpenAI() as client:
        return await safe_api_call(client, question, model=model)


async def by_compare_models(question: str, model: str) -> Answer:
    [answer] = await compare_models(question, [model])
    return answer


async def by_batch(question: str, model: str) -> Answer:
    [answer] = await process_questions_batch([question], model=model, max_retries=1, progress=False)
    return answer


RAISING: list[Callable[[str, str], Awaitable[object]]] = [
    by_ask_model,
    by_stream_model,
    by_ask_ai,
    by_async_multiple_calls,
    by_sync_multiple_calls,
]
ANSWERING: list[Callable[[str, str], Awaitable[Answer]]] = [by_safe_api_call, by_compare_models, by_batch]
WAYS = {way.__name__.removeprefix("by_"): way for way in (*RAISING, *ANSWERING)}


def failure_of(way: Callable[[str, str], Awaitable[object]], question: str, model: str = MODEL) -> str:
    """What a learner reads."""
    if way in RAISING:
        with pytest.raises(CallFailed) as raised:
            asyncio.run(way(question, model))
        shown = "\n".join(raised.value._render_traceback_())
        assert raised.value.happened in shown and KEY not in shown and WRONG not in shown
        assert raised.value.attempts >= 1 and raised.value.time > 0
        return str(raised.value)
    answer = asyncio.run(way(question, model))
    assert isinstance(answer, Answer) and not answer.success and answer.error and answer.error_type
    assert (answer.question, answer.model, answer.answer) == (question, model, None)
    if answer.error_type != "NoAnswer":  # which is paid all the same
        assert (answer.tokens, answer.prompt_tokens, answer.completion_tokens, answer.cost) == (None,) * 4
    assert answer.attempts >= 1
    return answer.error


def box_shows(box_of: Callable[[], Any]) -> str:
    """What a box says of a run."""

    async def learner() -> str:
        box = box_of()
        await run(box, "Ask" if isinstance(box, QuestionBox) else "Run")
        said = [each.facts for each in cards(box)] or [str(row[2]) for row in rows(box)]
        page = markup(box)
        box.close()
        return "\n".join([*said, page])

    return asyncio.run(learner())


# ---- what a service refuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("server", "question", "model", "expected"), REFUSALS, indirect=["server"])
def test_a_refusal_in_words(connected: Server, question: str, model: str, expected: str, way: str) -> None:
    if way == "stream_model" and connected.name == "mock-llm":
        expected = ""  # it fails inside a stream whose status is 200
    said = failure_of(WAYS[way], question, model)
    is_in_words(said)
    assert expected in said


@pytest.mark.parametrize(("server", "question", "model", "expected"), REFUSALS[:4], indirect=["server"])
def test_a_refusal_in_a_box(connected: Server, question: str, model: str, expected: str) -> None:
    asked = box_shows(lambda: batch_box([question], model=model))
    assert expected in asked and KEY not in asked
    streamed = box_shows(lambda: question_box(question, models=[model]))
    assert "1 call failed: see below." in streamed and "✗" in streamed and KEY not in streamed
    if connected.name == "aimock":
        assert expected in streamed


@pytest.mark.parametrize("server", ["aimock", "mock-llm"], indirect=True)
def test_one_refusal_leaves_the_others_alone(connected: Server) -> None:
    questions = ["What is Go?", "Please refuse.", "What is Rust?"]
    answers = asyncio.run(process_questions_batch(questions, model=MODEL, progress=False))
    assert [answer.success for answer in answers] == [True, False, True]
    assert answers.summary.failed == {"BadRequestError": 1} and answers.summary.stopped is None
    compared = asyncio.run(compare_models("What is Go?", [MODEL, GONE]))
    assert [answer.success for answer in compared] == [True, False]


@pytest.mark.parametrize("server", ["aimock", "mock-llm"], indirect=True)
def test_the_record_of_a_refusal(connected: Server) -> None:
    with watch() as trace:
        failure_of(by_ask_model, "Please refuse.")
        failure_of(by_ask_model, "Too fast.")
    refused, too_fast = trace.calls
    assert (refused.outcome, refused.status, len(refused.attempts)) == ("failed", 400, 1)
    assert (too_fast.outcome, too_fast.status, len(too_fast.attempts)) == ("failed", 429, 3)
    assert too_fast.attempts[0].code == ("rate_limit_exceeded" if connected.name == "aimock" else None)
    assert "400" in str(trace) and "429" in str(trace)


# ---- answers that are none ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [way for way in WAYS if way != "stream_model"])
@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("A failure with 200.", "sent an error in place of an answer: overloaded."),
        ("No choice.", "its list of choices is empty"),
        ("Only a string.", "is no answer to a question"),
        ("Only a list.", "is no answer to a question"),
    ],
)
@pytest.mark.parametrize("server", ["mock-llm"], indirect=True)
def test_a_status_of_200_and_no_answer(connected: Server, question: str, told: str, way: str) -> None:
    said = failure_of(WAYS[way], question)
    is_in_words(said)
    assert told in said


@pytest.mark.parametrize("question", ["A failure with 200.", "Please fail.", "Too fast."])
@pytest.mark.parametrize("server", ["mock-llm"], indirect=True)
def test_a_failure_inside_a_stream(connected: Server, question: str) -> None:
    """Of a status of 200; it is not an empty answer."""
    is_in_words(failure_of(by_stream_model, question))


@pytest.mark.parametrize("server", ["aimock"], indirect=True)
def test_a_stream_that_breaks_off(connected: Server) -> None:
    texts: list[str] = []

    async def learner() -> None:
        async with AsyncOpenAI() as client:
            await stream_model(client, MODEL, "Break off.", texts.append)

    with pytest.raises(CallFailed) as raised, watch() as trace:
        asyncio.run(learner())
    is_in_words(str(raised.value))
    assert "broke off" in str(raised.value)
    assert texts and "Of this answer only the beginning comes".startswith(texts[-1])
    assert trace.calls[0].outcome in ("failed", "cancelled")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("server", ["aimock"], indirect=True)
def test_nothing_is_no_answer(connected: Server, way: str) -> None:
    for question, told in [
        ("Say nothing.", "its answer has no text"),
        ("Use a tool.", "to be called, and wrote no text"),
    ]:
        said = failure_of(WAYS[way], question)
        is_in_words(said)
        assert told in said


@pytest.mark.parametrize("way", ["ask_model", "sync_multiple_calls", "safe_api_call", "batch"])
@pytest.mark.parametrize("question", ["Empty usage.", "Half a usage.", "Usage in words."])
@pytest.mark.parametrize("server", ["mock-llm"], indirect=True)
def test_an_answer_is_not_lost_because_of_what_is_odd_beside_it(connected: Server, question: str, way: str) -> None:
    with watch() as trace:
        result = asyncio.run(WAYS[way](question, MODEL))
    [answer] = result if isinstance(result, list) else [result]
    assert answer.success and answer.answer == "Here it is."
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cost) == (None, None, None)
    assert answer.tokens == (9 if question == "Half a usage." else None)
    assert (trace.calls[0].outcome, trace.calls[0].prompt_tokens) == ("ok", None)
    assert str(trace)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "stream_model"])
def test_what_is_no_json_is_no_answer(start: Callable[..., Server], way: str) -> None:
    service = start("aimock")
    connect(live=True, base_url=service.url, key_from=KEY_NAME)
    service.fail("malformed")
    said = failure_of(WAYS[way], "What is Go?")
    is_in_words(said)
    assert "is no answer to a question" in said


def test_what_is_no_stream_is_no_answer(start: Callable[..., Server]) -> None:
    """The SDK gives no piece of it, and no error either."""
    service = start("aimock")
    connect(live=True, base_url=service.url, key_from=KEY_NAME)
    service.fail("malformed")
    is_in_words(failure_of(by_stream_model, "What is Go?"))


@pytest.mark.parametrize("server", ["katan"], indirect=True)
def test_a_refusal_in_many_lines(connected: Server) -> None:
    """As programs do it that let a library check what they get."""
    hot = {"extra_body": {"temperature": "hot"}}
    [answer] = asyncio.run(process_questions_batch(["What is Go?"], model=MODEL, options=hot, progress=False))
    assert (answer.success, answer.error_type) == (False, "BadRequestError")
    is_in_words(str(answer.error))
    assert "temperature" in str(answer.error)


# ---- keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("server", ["aimock", "katan"], indirect=True)
def test_a_key_that_is_no_longer_good(
    connected: Server, way: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """llm-katan's refusal repeats it, and the right one too."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(KEY_NAME, WRONG)
    with pytest.raises(WorkbookError):
        connect(live=True, base_url=connected.url, key_from=KEY_NAME)
    monkeypatch.setenv("OPENAI_API_KEY", WRONG)  # what every new client takes
    clients.forget()
    said = failure_of(WAYS[way], "What is Go?")
    is_in_words(said)
    assert "did not accept the API key (401)" in said
    assert WRONG not in caplog.text


@pytest.mark.parametrize("server", ["aimock", "katan"], indirect=True)
def test_a_key_in_an_exception_of_the_sdk(connected: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who catches it by hand, as lesson 06 does, prints it."""
    monkeypatch.setenv(KEY_NAME, WRONG)
    with pytest.raises(WorkbookError):
        connect(live=True, base_url=connected.url, key_from=KEY_NAME)
    with OpenAI(api_key=WRONG) as client, pytest.raises(openai.AuthenticationError) as raised:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "What is Go?"}])
    error = raised.value
    assert error.status_code == 401 and error.code == "invalid_api_key"
    for shown in (str(error), repr(error), str(error.body), error.response.text):
        assert WRONG not in shown and KEY not in shown


@pytest.mark.parametrize("server", ["aimock", "katan"], indirect=True)
def test_a_wrong_key_in_a_box(connected: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", WRONG)
    clients.forget()
    for box_of in (lambda: batch_box(["What is Go?"]), lambda: question_box("What is Go?", models=[MODEL])):
        shown = box_shows(box_of)
        assert "did not accept the API key (401)" in shown
        assert WRONG not in shown and KEY not in shown


@pytest.mark.parametrize("server", ["aimock", "katan"], indirect=True)
def test_a_wrong_key_stops_a_batch_at_once(connected: Server) -> None:
    async def learner() -> Answers:
        async with AsyncOpenAI(base_url=connected.url, api_key=WRONG) as client:
            return await process_questions_batch(
                [f"What is {number}?" for number in range(30)], client=client, max_concurrency=3, progress=False
            )

    before = connected.asked()
    answers = asyncio.run(learner())
    assert connected.asked() - before <= 3
    assert len(answers) == 30 and answers.summary.succeeded == 0
    is_in_words(str(answers.summary.stopped))
    assert all(WRONG not in str(answer.error) for answer in answers) and WRONG not in str(answers.summary)


@pytest.mark.parametrize("server", ["mock-llm"], indirect=True)
def test_a_key_that_a_refusal_repeats(connected: Server) -> None:
    """Of another status than 401, in a text of its own."""
    for way in WAYS.values():
        if way is not by_stream_model:
            for question in ("Which key did you get?", "Which key, then?"):
                said = failure_of(way, question)
                is_in_words(said)
                assert "(400)" in said and "You came with" in said


@pytest.mark.parametrize("question", ["Which key did you get?", "Which key, then?"])
@pytest.mark.parametrize("server", ["mock-llm"], indirect=True)
def test_a_key_that_a_failing_stream_repeats(connected: Server, question: str) -> None:
    """Its status is 200, so it is no refusal to see."""
    is_in_words(failure_of(by_stream_model, question))
    shown = box_shows(lambda: question_box(question, models=[MODEL]))
    assert "✗" in shown and KEY not in shown
