"""What is said to have been asked for so far, held against what was really sent."""

import asyncio
from itertools import pairwise
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from helpers import ask_ai, connect, faults, open_exercise, session, stream_model, watch
from helpers.catalog import cost
from helpers.errors import CallFailed
from helpers.mock_api import MockAPI
from helpers.session.state import state
from helpers.wire import send
from helpers.wire.failures import explain

pytestmark = pytest.mark.usefixtures("connected")

ASK: dict[str, Any] = {"model": "gpt-6.1-sol", "messages": [{"role": "user", "content": "What is Go?"}]}


@pytest.fixture(autouse=True)
def nothing_spent() -> None:
    state.bills["practice"].reset()


def test_each_answer_is_counted_however_it_was_asked_for() -> None:
    used = []

    async def cell() -> None:
        async with AsyncOpenAI() as client:
            used.append((await client.chat.completions.create(**ASK)).usage)
            await stream_model(client, "gpt-6.1-sol", "What is Go?", lambda text: None)

    asyncio.run(cell())
    with OpenAI() as client:
        used.append(client.chat.completions.create(**ASK).usage)
        client.models.list()
    spent = session.spent()
    assert spent.answers == 3 and spent.unknown == 0
    assert spent.tokens == 3 * used[0].total_tokens
    assert spent.cost == pytest.approx(3 * cost("gpt-6.1-sol", used[0].prompt_tokens, used[0].completion_tokens))


def test_a_retry_is_not_counted_and_a_refusal_costs_nothing() -> None:
    with OpenAI() as client, faults(server_error={"What is Go?": 1}):
        client.chat.completions.create(**ASK)
    assert (session.spent().answers, session.spent().unknown) == (1, 0)
    with OpenAI() as client, pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**{**ASK, "model": "gpt-99"})
    assert (session.spent().answers, session.spent().unknown) == (1, 0)


def test_what_was_broken_off_has_an_unknown_cost() -> None:
    with OpenAI() as client:
        with client.chat.completions.create(stream=True, **ASK) as stream:
            next(iter(stream))
        list(client.chat.completions.create(stream=True, **ASK))  # a whole stream that does not tell its usage
    with faults(dropped="What is Go?"), OpenAI(max_retries=0) as client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**ASK)
    assert str(session.spent()) == "1 answer, and 3 calls whose cost is not known"


def test_where_nobody_listens_nothing_is_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "guards", [])  # practice mode would let nobody ask there
    with OpenAI(base_url="http://127.0.0.1:9/v1", max_retries=0) as client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**ASK)
    assert str(session.spent()) == "0 answers, 0 tokens, 0 USD"


class Failing(httpx2.BaseTransport):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        raise self.error


NEVER_SENT = [
    *(httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError),
    *(httpx2.UnsupportedProtocol, httpx2.LocalProtocolError),
]
PERHAPS_SENT = [httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.ReadError, httpx2.RemoteProtocolError]


@pytest.mark.parametrize("kind", [*NEVER_SENT, *PERHAPS_SENT])
def test_what_never_got_there_is_not_charged(kind: type[httpx2.TransportError]) -> None:
    http_client = httpx2.Client(transport=Failing(kind("No.")))
    with OpenAI(max_retries=0, http_client=http_client) as client, pytest.raises(openai.APIConnectionError) as failed:
        client.chat.completions.create(**ASK)
    assert session.spent().unknown == (kind in PERHAPS_SENT)
    assert ("was not sent" in str(explain(failed.value))) == (kind is httpx2.PoolTimeout)


def test_a_client_that_is_closed_sends_nothing() -> None:
    with OpenAI() as client:
        pass
    with watch() as trace, pytest.raises((RuntimeError, openai.APIConnectionError)):
        client.chat.completions.create(**ASK)
    assert str(session.spent()) == "0 answers, 0 tokens, 0 USD" and trace.requests == 0


def test_an_unknown_price_is_said_to_be_unknown() -> None:
    with OpenAI() as client:
        client.chat.completions.create(**{**ASK, "model": "gpt-5-mini"})
    assert "and 1 call whose cost is not known" in str(session.spent())


def test_a_check_is_not_the_learners_bill() -> None:
    async def answer_all(questions: list[str]) -> list[str]:
        async with AsyncOpenAI() as client:
            return [str(await client.chat.completions.create(**ASK)) for _ in questions]

    async def cell() -> None:
        await ask_ai("What is Go?")
        before = session.spent()
        await open_exercise("answer_a_list").check(answer_all)
        assert session.spent() == before

    asyncio.run(cell())


@pytest.mark.usefixtures("works")
def test_connecting_again_goes_on_and_each_mode_has_its_own_count(monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(ask_ai("What is Go?"))
    connect()
    assert session.spent().answers == 1
    monkeypatch.delenv("WORKBOOK_MODE")
    state.own["OPENAI_API_KEY"] = "a-key"
    connect(live=True)
    assert session.spent().answers == 0
    connect()
    assert session.spent().answers == 1


# ---- stream_model ------------------------------------------------------------------------------------------------


def test_a_streamed_answer_is_the_whole_one(connected: MockAPI) -> None:
    texts: list[str] = []

    async def cell() -> Any:
        async with AsyncOpenAI() as client:
            return await stream_model(client, "gpt-6-luna", "What is Go?", texts.append)

    answer = asyncio.run(cell())
    assert answer.success and answer.answer == texts[-1] == connected.served[-1].answer
    assert answer.tokens == answer.prompt_tokens + answer.completion_tokens and answer.cost > 0
    assert all(after.startswith(before) for before, after in pairwise(texts))


@pytest.mark.parametrize(
    ("failing", "cause"),
    [({"dropped": "What is Go?"}, openai.APIConnectionError), ({"no_quota": True}, openai.RateLimitError)],
)
def test_a_stream_that_fails_says_why(failing: dict[str, Any], cause: type[Exception]) -> None:
    async def cell() -> None:
        async with AsyncOpenAI(max_retries=0) as client:
            await stream_model(client, "gpt-6-luna", "What is Go?", lambda text: None)

    with faults(**failing), pytest.raises(CallFailed) as caught:
        asyncio.run(cell())
    assert isinstance(caught.value.__cause__, cause)
    assert caught.value.attempts == 1 and caught.value.time > 0
