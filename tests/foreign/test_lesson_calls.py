"""The lessons' calls, in live mode, to servers that answer more or less as OpenAI does."""

import asyncio
from itertools import pairwise

import pytest
from openai import AsyncOpenAI, OpenAI

from foreign.conftest import MODEL
from foreign.servers import KEY, Server
from helpers import (
    Answer,
    ask_ai,
    ask_model,
    async_multiple_calls,
    compare_models,
    safe_api_call,
    stream_model,
    sync_multiple_calls,
    timelines,
    watch,
)
from helpers.timeline import svg

QUESTION = "What is Python?"
MESSAGES = [{"role": "user", "content": QUESTION}]
PRICED = "gpt-6-luna"  # a name from the catalogue


def check(answer: Answer, server: Server, question: str = QUESTION, model: str = MODEL) -> None:
    """It is the answer to that question, and what the server did not tell is blank."""
    assert (answer.success, answer.error, answer.error_type) == (True, None, None)
    assert (answer.question, answer.model, answer.attempts) == (question, model, 1)
    assert server.is_answer(answer.answer, question) and answer.time > 0
    counts = (answer.prompt_tokens, answer.completion_tokens, answer.tokens)
    if server.tells_usage:
        assert None not in counts and answer.tokens == sum(counts[:2]) > 0
    else:
        assert counts == (None, None, None)
    # somebody else's model of the same name is taken for OpenAI's; what nobody told costs nobody knows what
    assert (answer.cost is None) == (model == MODEL or not server.tells_usage)


# ---- by hand, as in the lessons ----------------------------------------------------------------------------------


def test_one_call(connected: Server) -> None:
    async def learner() -> None:
        async with AsyncOpenAI() as client:
            response = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
        assert connected.is_answer(response.choices[0].message.content, QUESTION)
        assert (response.usage is not None) == connected.tells_usage

    before = connected.asked()
    asyncio.run(learner())
    assert connected.asked() == before + 1


def test_the_sync_client(connected: Server) -> None:
    with watch() as trace, OpenAI() as client:
        response = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert connected.is_answer(response.choices[0].message.content, QUESTION)
    assert [(call.model, call.question, call.outcome, call.blocking) for call in trace.calls] == [
        (MODEL, QUESTION, "ok", False)
    ]


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}], ids=["", "with usage"])
def test_a_stream_by_hand(connected: Server, options: dict) -> None:
    async def learner() -> str:
        text = ""
        async with AsyncOpenAI() as client:
            stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, **options)
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    text += chunk.choices[0].delta.content
        return text

    with watch() as trace:
        text = asyncio.run(learner())
    assert connected.is_answer(text, QUESTION)
    [call] = trace.calls
    assert (call.stream, call.outcome, call.status, len(call.attempts)) == (True, "ok", 200, 1)
    assert call.sent < call.first_byte <= call.done
    told = {"aimock": bool(options), "katan": True, "mock-llm": False}[connected.name]
    assert (call.prompt_tokens is not None, call.completion_tokens is not None) == (told, told)


def test_a_stream_that_is_left_early(connected: Server) -> None:
    async def learner() -> None:
        async with AsyncOpenAI() as client:
            stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
            async for _ in stream:
                break
            await stream.close()
            await client.chat.completions.create(model=MODEL, messages=MESSAGES)

    with watch() as trace:
        asyncio.run(learner())
    assert [call.outcome for call in trace.calls][1:] == ["ok"]
    assert trace.calls[0].outcome in ("cancelled", "ok")  # all of it may have come at once


def test_several_at_once(connected: Server) -> None:
    questions = [f"What is {number}?" for number in range(12)]

    async def learner() -> list[str | None]:
        async with AsyncOpenAI() as client:
            calls = [
                client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
                for question in questions
            ]
            return [response.choices[0].message.content for response in await asyncio.gather(*calls)]

    with watch() as trace:
        texts = asyncio.run(learner())
    assert all(map(connected.is_answer, texts, questions))
    assert trace.requests == 12 and trace.max_in_flight > 1
    assert {call.question for call in trace.calls} == set(questions)


# ---- the helpers -------------------------------------------------------------------------------------------------


def test_ask_ai(connected: Server) -> None:
    assert connected.is_answer(asyncio.run(ask_ai(QUESTION, model=MODEL)), QUESTION)


@pytest.mark.parametrize("model", [MODEL, PRICED])
def test_ask_model(connected: Server, model: str) -> None:
    async def learner() -> Answer:
        async with AsyncOpenAI() as client:
            return await ask_model(client, model, QUESTION)

    check(asyncio.run(learner()), connected, model=model)


def test_a_client_with_an_address_of_its_own(server: Server) -> None:
    """Before any connect()."""

    async def learner() -> Answer:
        async with AsyncOpenAI(base_url=server.url, api_key=KEY) as client:
            return await ask_model(client, MODEL, QUESTION)

    check(asyncio.run(learner()), server)


@pytest.mark.parametrize("model", [MODEL, PRICED])
def test_stream_model(connected: Server, model: str) -> None:
    async def learner() -> tuple[Answer, list[str]]:
        texts: list[str] = []
        async with AsyncOpenAI() as client:
            return await stream_model(client, model, QUESTION, texts.append), texts

    answer, texts = asyncio.run(learner())
    check(answer, connected, model=model)
    assert len(texts) > 1 and texts[-1] == answer.answer
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


def test_safe_api_call(connected: Server) -> None:
    async def learner() -> Answer:
        async with AsyncOpenAI() as client:
            return await safe_api_call(client, QUESTION, model=MODEL)

    check(asyncio.run(learner()), connected)


def test_compare_models(connected: Server) -> None:
    models = [MODEL, PRICED, "another/model:of-theirs"]
    answers = asyncio.run(compare_models(QUESTION, models))
    assert [answer.model for answer in answers] == models
    for answer, model in zip(answers[:2], models, strict=False):
        check(answer, connected, model=model)
    assert answers[2].success and answers[2].cost is None


def test_one_by_one_and_all_at_once(connected: Server) -> None:
    questions = [QUESTION, "What is Go?", "What is Rust?"]
    with watch("one by one") as sync:
        one_by_one = sync_multiple_calls(questions, model=MODEL)
    with watch("all at once") as at_once:
        all_at_once = asyncio.run(async_multiple_calls(questions, model=MODEL))
    for answers in (one_by_one, all_at_once):
        assert len(answers) == 3
        for answer, question in zip(answers, questions, strict=True):
            check(answer, connected, question)
    assert (sync.max_in_flight, at_once.max_in_flight > 1) == (1, True)
    both = timelines(sync, at_once)
    assert "one by one" in str(both) and "all at once" in str(both)


# ---- the record --------------------------------------------------------------------------------------------------


def test_the_record_of_calls_shows_blanks(connected: Server) -> None:
    with watch("A foreign service") as trace:
        answers = asyncio.run(compare_models(QUESTION, [MODEL, PRICED]))
    counts = [(call.prompt_tokens, call.completion_tokens) for call in trace.calls]
    assert sorted(counts, key=str) == sorted(
        [(answer.prompt_tokens, answer.completion_tokens) for answer in answers], key=str
    )
    assert trace.tokens == sum(answer.tokens or 0 for answer in answers)
    assert trace.cost is None, "of one model the price is not known, or of neither what it used"
    text, picture = str(trace), svg([trace.panel()])
    assert MODEL in text and PRICED in text and MODEL in picture and PRICED in picture
    assert trace._repr_mimebundle_()["text/plain"] == text
    for each in (text, picture, repr(trace)):
        assert KEY not in each and "None" not in each and "nan" not in each.lower()
