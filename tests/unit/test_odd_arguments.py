"""Whatever is handed to the public functions: a sentence, and nothing that cannot be sent is sent."""

import asyncio
import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from helpers import (
    ask_ai,
    ask_model,
    async_multiple_calls,
    compare_models,
    connect,
    estimate,
    faults,
    safe_api_call,
    stream_model,
    sync_multiple_calls,
)
from helpers.errors import BadInput, WorkbookError
from helpers.mock_api import MockAPI

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.binary(max_size=6),
    st.sampled_from(["What is Go?", "gpt-6-luna", 10**400, 10**5000, 5e-324, math.nan, object(), int, print, len]),
    st.lists(st.one_of(st.text(max_size=4), st.none(), st.integers()), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


CALLS: dict[str, Callable[..., Any]] = {
    "ask_ai": lambda client, a, b, c: ask_ai(a, model=b),
    "ask_model": lambda client, a, b, c: ask_model(client, a, b),
    "ask_model, client": lambda client, a, b, c: ask_model(a, b, c),
    "stream_model": lambda client, a, b, c: stream_model(client, a, b, c),
    "safe_api_call": lambda client, a, b, c: safe_api_call(a, b),
    "compare_models": lambda client, a, b, c: compare_models(a, b),
    "async_multiple_calls": lambda client, a, b, c: async_multiple_calls(a),
    "sync_multiple_calls": lambda client, a, b, c: sync_multiple_calls(a),
    "estimate": lambda client, a, b, c: estimate(a, answer_tokens=b, max_concurrency=c),
    "faults": lambda client, a, b, c: faults(rate_limited=a, retry_after=b, requests_per_minute=c).__enter__(),
    "connect": lambda client, a, b, c: connect(live=False, budget=a, base_url=b, seed=c),
}


@pytest.mark.parametrize("name", CALLS)
def test_only_sentences(name: str, connected: MockAPI) -> None:
    async def called(*given: Any) -> None:
        made = CALLS[name](client, *given)
        if inspect.isawaitable(made):
            await made

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(ODD, ODD, ODD)
    def each(a: Any, b: Any, c: Any) -> None:
        before = len(connected.served)
        try:
            runner.run(called(a, b, c))
        except BadInput:
            assert len(connected.served) == before, "it was said before anything was sent"
        except WorkbookError:
            pass

    async def opened() -> AsyncOpenAI:
        return AsyncOpenAI(max_retries=0)

    with asyncio.Runner() as runner:
        client = runner.run(opened())
        each()
        runner.run(client.close())
