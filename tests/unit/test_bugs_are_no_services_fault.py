"""A bug in our code, in the learner's, or a part of the SDK that is gone, is never told as the service's fault."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from openai import AsyncOpenAI

from helpers import (
    CallFailed,
    ask_model,
    last_batch,
    process_questions_batch,
    safe_api_call,
    stream_model,
    sync_multiple_calls,
)
from helpers.session.environment import Secret
from helpers.session.live import check
from helpers.session.live.access import Access

PATIENCE = 30
QUESTIONS = ["What is Python?", "What is Go?", "What is Rust?"]

BUGS = [AttributeError("'NoneType' object has no attribute 'text'"), TypeError("'int' object is not callable")]
BLAME = ("base URL", "The service", "refused", "network", "API key")


def batch(questions: list[str] | None = None, **settings: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await process_questions_batch(questions or QUESTIONS, **settings)

    return asyncio.run(main())


def told_as_ours(said: str, bug: Exception) -> bool:
    return f"It went wrong in Python code, before the call or after it ({type(bug).__name__}: {bug})." in said and not [
        each for each in BLAME if each in said
    ]


def broken(bug: Exception) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise bug

    return call


@pytest.mark.parametrize("bug", BUGS, ids=repr)
@pytest.mark.parametrize("part", ["read_completion", "error_of", "Exchange", "json"])
@pytest.mark.usefixtures("connected")
def test_a_bug_in_our_sender_or_reader(part: str, bug: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    instead = SimpleNamespace(dumps=broken(bug)) if part == "json" else broken(bug)
    monkeypatch.setattr(f"helpers.batch.sender.{part}", instead)
    rows = batch()
    assert all(told_as_ours(row.error, bug) and row.error_type == type(bug).__name__ for row in rows)
    assert [row.attempts for row in rows] == [1, 1, 1] and not rows.summary.stopped


@pytest.mark.usefixtures("connected")
def test_a_bug_that_hits_every_question_ends_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.batch.sender.read_completion", broken(BUGS[0]))
    rows = batch([f"What is {number}?" for number in range(500)], max_concurrency=10)
    assert 100 <= rows.summary.requests < 200, "each of them is paid, and none is any use"
    assert "questions failed one after the other" in rows.summary.stopped and "base URL" not in rows.summary.stopped


@pytest.mark.parametrize("bug", BUGS, ids=repr)
@pytest.mark.usefixtures("connected")
def test_a_bug_in_on_progress_is_raised_as_it_is(bug: Exception) -> None:
    with pytest.raises(type(bug)) as caught:
        batch(on_progress=lambda answer: broken(bug)())
    assert caught.value is bug
    assert last_batch().summary.stopped == f"on_progress failed ({type(bug).__name__}: {bug})."
    assert not [row for row in last_batch() if "base URL" in (row.error or "")]


@pytest.mark.parametrize("bug", BUGS, ids=repr)
@pytest.mark.parametrize("part", ["read_completion", "read_json", "error_of", "read_chunk", "show"])
@pytest.mark.usefixtures("connected")
def test_a_bug_in_the_lessons_calls(part: str, bug: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    if part != "show":
        monkeypatch.setattr(f"helpers.calls.{part}", broken(bug))
    show = broken(bug) if part == "show" else lambda text: None

    async def main(call: Callable[..., Any], *more: Any) -> Any:
        async with AsyncOpenAI() as ready:
            return await call(ready, "gpt-6-luna", "What is Go?", *more)

    calls: list[Callable[[], Any]] = [lambda: asyncio.run(main(stream_model, show))]
    if part in ("read_completion", "read_json", "error_of"):
        calls = [lambda: asyncio.run(main(ask_model)), lambda: sync_multiple_calls(["What is Go?"])]
    for call in calls:
        with pytest.raises(CallFailed) as failed:
            call()
        assert told_as_ours(str(failed.value), bug) and failed.value.__cause__ is bug


@pytest.mark.usefixtures("connected")
def test_a_raw_response_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `x-stainless-raw-response` the SDK gives parsed answers in place of raw ones, and no call works."""
    monkeypatch.setattr("openai._legacy_response.RAW_RESPONSE_HEADER", "x-of-another-name")

    async def main() -> Any:
        async with AsyncOpenAI() as ready:
            return await safe_api_call(ready, "What is Go?")

    answer = asyncio.run(main())
    assert not answer.success and answer.error.startswith("It went wrong in Python code")
    assert [row.success for row in batch()] == [True, True, True], "a batch reads what came by itself"


@pytest.mark.usefixtures("connected")
def test_a_part_of_the_sdk_that_is_gone_in_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the `parse` of its raw responses the SDK gives no stream: that is no service's fault either."""
    monkeypatch.delattr("openai._legacy_response.LegacyAPIResponse.parse")

    async def main() -> Any:
        async with AsyncOpenAI() as ready:
            return await stream_model(ready, "gpt-6-luna", "What is Go?", print)

    with pytest.raises(CallFailed, match="It went wrong in Python code") as failed:
        asyncio.run(main())
    assert "base URL" not in str(failed.value)


def test_a_part_of_the_sdk_that_is_gone_in_the_check_of_a_key() -> None:
    """Without `with_streaming_response` live mode does not start; the address is not said to be wrong."""
    asked: Any = SimpleNamespace(models=object())
    with pytest.raises(AttributeError, match="with_streaming_response"):
        check.list_models(asked, Access("http://127.0.0.1/v1", Secret("any"), "the key", {}))
