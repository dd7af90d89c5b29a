"""The ways of doing the job. Each opens what it needs for its calls, and gives the function that asks questions.

Each is as its own documentation has it, without retries, since nothing fails here. What a way needs is imported where
it is opened: a process measures one of them.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, redirect_stdout
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MODEL = "gpt-6-luna"
KEY = "no-key"
SECONDS = 60.0  # the patience with one call

Ask = Callable[[Iterable[str]], Awaitable[Iterable[str | None]]]


async def all_behind_a_semaphore(
    one: Callable[[str], Awaitable[str | None]], questions: Iterable[str], limit: int
) -> list[str | None]:
    """A task for each question, and a semaphore: what one writes by hand."""
    slots = asyncio.Semaphore(limit)

    async def wait_and_ask(question: str) -> str | None:
        async with slots:
            return await one(question)

    return await asyncio.gather(*(wait_and_ask(question) for question in questions))


def messages(question: str) -> list[Any]:
    return [{"role": "user", "content": question}]


def connect(url: str) -> None:
    """Practice mode, with the benchmark's service in the place of the mock API."""
    import helpers
    from helpers.session.state import state

    with redirect_stdout(sys.stderr):
        helpers.connect()
    state.url = state.practice_url = url


@asynccontextmanager
async def workbook(url: str, limit: int, *, save: bool = False) -> AsyncIterator[Ask]:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    from helpers import process_questions_batch

    connect(url)
    client = AsyncOpenAI(base_url=url, api_key=KEY, timeout=SECONDS, http_client=DefaultAioHttpClient())
    with TemporaryDirectory() as folder:
        async with client:
            files = (Path(folder) / f"{number}.db" for number in count())

            async def ask(questions: Iterable[str]) -> list[str | None]:
                # a new file each time: what the last one holds would not be asked
                save_to = next(files) if save else None
                answers = await process_questions_batch(
                    questions, model=MODEL, max_concurrency=limit, client=client, save_to=save_to
                )
                return [answer.answer for answer in answers]

            yield ask


@asynccontextmanager
async def workbook_not_kept(url: str, limit: int) -> AsyncIterator[Ask]:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    from helpers import process_questions_as_completed

    connect(url)
    client = AsyncOpenAI(base_url=url, api_key=KEY, timeout=SECONDS, http_client=DefaultAioHttpClient())
    with TemporaryDirectory() as folder:
        async with client:
            files = (Path(folder) / f"{number}.db" for number in count())

            async def ask(questions: Iterable[str]) -> Iterable[str | None]:
                file = next(files)
                async for answer in process_questions_as_completed(
                    questions, model=MODEL, max_concurrency=limit, client=client, save_to=file
                ):
                    assert answer.success
                return _in_order(file)  # read from the file when the measurement is over

            yield ask


def _in_order(file: Path) -> Iterator[str | None]:
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT question, answer FROM answers").fetchall()
    yield from (answer for _, answer in sorted(rows, key=lambda row: int("".join(filter(str.isdigit, row[0])))))


@asynccontextmanager
async def openai_aiohttp(url: str, limit: int) -> AsyncIterator[Ask]:
    from openai import DefaultAioHttpClient

    async with _plain_openai(url, limit, http_client=DefaultAioHttpClient()) as ask:
        yield ask


@asynccontextmanager
async def openai_default(url: str, limit: int) -> AsyncIterator[Ask]:
    async with _plain_openai(url, limit) as ask:
        yield ask


@asynccontextmanager
async def _plain_openai(url: str, limit: int, **options: Any) -> AsyncIterator[Ask]:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key=KEY, timeout=SECONDS, max_retries=0, **options) as client:

        async def one(question: str) -> str | None:
            completion = await client.chat.completions.create(model=MODEL, messages=messages(question))
            return completion.choices[0].message.content

        yield lambda questions: all_behind_a_semaphore(one, questions, limit)


@asynccontextmanager
async def langchain(url: str, limit: int) -> AsyncIterator[Ask]:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    chat = ChatOpenAI(model=MODEL, base_url=url, api_key=SecretStr(KEY), timeout=SECONDS, max_retries=0)

    async def ask(questions: Iterable[str]) -> list[str | None]:
        found = await chat.abatch(list(questions), config={"max_concurrency": limit})
        return [message.text for message in found]

    yield ask


@asynccontextmanager
async def litellm(url: str, limit: int) -> AsyncIterator[Ask]:
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True

    async def one(question: str) -> str | None:
        completion = await litellm.acompletion(
            model=f"openai/{MODEL}",
            messages=messages(question),
            api_base=url,
            api_key=KEY,
            timeout=SECONDS,
            max_retries=0,
        )
        return completion.choices[0].message.content

    yield lambda questions: all_behind_a_semaphore(one, questions, limit)


@asynccontextmanager
async def lm_deluge(url: str, limit: int) -> AsyncIterator[Ask]:
    from lm_deluge import LLMClient
    from lm_deluge.models import register_model

    register_model(id=MODEL, name=MODEL, api_base=url, api_key_env_var="OPENAI_API_KEY", api_spec="openai")
    # limits that it cannot reach: its own pacing would count as its speed
    client = LLMClient(
        MODEL,
        max_requests_per_minute=100_000_000,
        max_tokens_per_minute=100_000_000_000,
        max_concurrent_requests=limit,
        max_attempts=1,
        request_timeout=int(SECONDS),
    )

    async def ask(questions: Iterable[str]) -> list[str | None]:
        return await client.process_prompts_async(list(questions), return_completions_only=True, show_progress=False)

    yield ask


@asynccontextmanager
async def async_batch_llm(url: str, limit: int) -> AsyncIterator[Ask]:
    from async_batch_llm import llm, process_prompts

    strategy = llm(f"openai-compatible:{MODEL}", base_url=url, api_key=KEY, timeout=SECONDS, max_retries=0)

    async def ask(questions: Iterable[str]) -> list[str | None]:
        found = await process_prompts(strategy, list(questions), concurrency=limit, preserve_order=True)
        return [each.output for each in found.results]

    yield ask


@asynccontextmanager
async def bare_aiohttp(url: str, limit: int) -> AsyncIterator[Ask]:
    from aiohttp import ClientSession, ClientTimeout, TCPConnector

    async with ClientSession(
        connector=TCPConnector(limit=limit),
        headers={"authorization": f"Bearer {KEY}"},
        timeout=ClientTimeout(total=SECONDS),
        raise_for_status=True,
    ) as session:

        async def one(question: str) -> str | None:
            body = {"model": MODEL, "messages": messages(question)}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                return json.loads(await response.read())["choices"][0]["message"]["content"]

        yield lambda questions: all_behind_a_semaphore(one, questions, limit)


@dataclass(frozen=True)
class Way:
    """`module` is what has to be installed for it, by `install`."""

    title: str
    open: Callable[[str, int], AbstractAsyncContextManager[Ask]]
    module: str = "openai"
    install: str = "pip install -r requirements.txt"


COMPETITORS = "pip install -r benchmarks/requirements.txt"
# its own requirements would take this openai away: see benchmarks/requirements.txt
LITELLM = f"{COMPETITORS} && pip install --no-deps litellm==1.109.1"

WAYS: dict[str, Way] = {
    "aiohttp": Way("bare aiohttp session (the floor)", bare_aiohttp, "aiohttp"),
    "workbook": Way("**this workbook's batch**, after `connect()`", workbook),
    "workbook-saving": Way("this workbook's batch, each answer saved", partial(workbook, save=True)),
    "workbook-not-kept": Way("this workbook's batch, each answer saved and not kept", workbook_not_kept),
    "lm-deluge": Way("lm-deluge (its own HTTP)", lm_deluge, "lm_deluge", COMPETITORS),
    "async-batch-llm": Way("async-batch-llm `process_prompts`", async_batch_llm, "async_batch_llm", COMPETITORS),
    "openai-aiohttp": Way("`AsyncOpenAI` on aiohttp, semaphore", openai_aiohttp, "aiohttp"),
    "openai": Way("`AsyncOpenAI`, default transport, semaphore", openai_default),
    "langchain": Way("langchain-openai `abatch`", langchain, "langchain_openai", COMPETITORS),
    "litellm": Way("LiteLLM `acompletion`, semaphore", litellm, "litellm", LITELLM),
}
