"""faults() in live mode: the mock API plays the service for the block, whichever client asks, and nobody pays."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from helpers import WorkbookError, account, ask_ai, connect, faults, process_questions_batch, watch
from helpers.errors import CallFailed
from helpers.session.state import state
from live.service import Service

ASK: Any = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Go?"}]}


def test_the_mock_api_answers_every_client(live: Service, capsys: pytest.CaptureFixture[str]) -> None:
    async def learner() -> None:
        async with AsyncOpenAI() as before:
            with faults(server_error={"What is Go?": 1}), watch() as trace:
                assert (await before.chat.completions.create(**ASK)).choices
                assert await ask_ai("What is Python?")
                again = {**ASK, "messages": [{"role": "user", "content": "What is Rust?"}]}
                assert [chunk async for chunk in await before.chat.completions.create(stream=True, **again)]
            assert trace.requests == 4, "the first one failed"
            assert not live.came
            assert await ask_ai("What is Go?")
            await before.chat.completions.create(**ASK)
        assert live.asked() == ["What is Go?", "What is Go?"], "afterwards the service answers again"

    asyncio.run(learner())
    assert "it answers this block, and nothing is charged." in capsys.readouterr().out


def test_no_other_service_is_asked_meanwhile(live: Service, start: Callable[..., Service]) -> None:
    elsewhere = start()
    with OpenAI(base_url=elsewhere.url.replace("127.0.0.1", "localhost"), api_key="another-key") as client:
        with faults(rate_limited=0.0), pytest.raises(WorkbookError, match="nothing is charged: a call to localhost"):
            client.chat.completions.create(**ASK)
        assert not elsewhere.came
        client.chat.completions.create(**ASK)
        assert elsewhere.asked() == ["What is Go?"], "after the block it is, as advised"


def test_it_is_not_on_the_bill(live: Service) -> None:
    connect(live=True, budget=0.0000001)
    with faults(rate_limited=0.0), OpenAI() as client:
        for _ in range(5):
            client.chat.completions.create(**ASK)
    assert state.bills["live"].spent.answers == 0
    assert "Limits of" not in str(account()), "they are the mock API's"


def test_a_key_is_refused_by_the_mock_api(live: Service) -> None:
    with faults(expired_key=True), pytest.raises(CallFailed, match="did not accept the API key"):
        asyncio.run(ask_ai("What is Go?"))
    with faults(dropped=1), OpenAI(max_retries=0) as client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**ASK)
    assert not live.came


def test_what_it_answers_is_not_kept_as_the_services(live: Service, tmp_path: Path) -> None:
    async def batch() -> Any:
        return await process_questions_batch(["What is Go?"], save_to=tmp_path / "a.db", progress=False)

    with faults(rate_limited=0.0):
        asyncio.run(batch())
    assert asyncio.run(batch()).summary.saved == 0
    assert live.asked() == ["What is Go?"]
