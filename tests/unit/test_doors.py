"""Two doors, one API: the server and the in-process transport are held against each other, case by case."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from waiting import until

from helpers.mock_api import Faults, MockAPI, MockTransport
from helpers.mock_api.server import Server

PACE = 0.01
ASK: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Go?"}]}


class Case(NamedTuple):
    name: str
    send: Callable[[Any], Any]  # given a client, makes the call
    faults: Faults = Faults()
    key: str = "any"
    stream: bool = False


def chat(**options: Any) -> Callable[[Any], Any]:
    return lambda client: client.chat.completions.create(**{**ASK, **options})


TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def respond(**options: Any) -> Callable[[Any], Any]:
    return lambda client: client.responses.create(**{"model": "gpt-6-luna", "input": "What is Go?", **options})


def embed(**options: Any) -> Callable[[Any], Any]:
    asked = {"model": "text-embedding-3-small", "input": ["What is C?", "What is Go?"], **options}
    return lambda client: client.embeddings.create(**asked)


CASES = [
    Case("answer", chat()),
    Case("stream", chat(stream=True, stream_options={"include_usage": True}), stream=True),
    Case("models", lambda client: client.get("/models", cast_to=object)),
    Case("one model", lambda client: client.models.retrieve("gpt-4o")),
    Case("no such model", lambda client: client.models.retrieve("gpt-99")),
    Case("model not found", chat(model="gpt-99")),
    Case("no messages", chat(messages=[])),
    Case("too long", chat(messages=[{"role": "user", "content": "word " * 200_000}])),
    Case("unknown path", lambda client: client.post("/images", cast_to=object, body={})),
    Case("no key", lambda client: client.chat.completions.create(**ASK, extra_headers={"Authorization": ""})),
    Case("expired key", chat(), Faults(expired_key=True)),
    Case("no quota", chat(), Faults(no_quota=True)),
    Case("429, then an answer", chat(), Faults(rate_limited={"What is Go?": 1})),
    Case("429 without retry-after", chat(), Faults(rate_limited={"What is Go?": 2}, retry_after=None)),
    Case("429 for ever", chat(), Faults(rate_limited=1)),
    Case("500, then an answer", chat(), Faults(server_error={"What is Go?": 1})),
    Case("500 for ever", chat(), Faults(server_error=1)),
    Case("dropped, then an answer", chat(), Faults(dropped={"What is Go?": 2})),
    Case("dropped for ever", chat(), Faults(dropped=1)),
    Case("hanging, then an answer", chat(), Faults(hanging={"What is Go?": 1})),
    Case("hanging for ever", chat(), Faults(hanging=1)),
    Case("stream dropped halfway", chat(stream=True), Faults(dropped=1), stream=True),
    Case("stream hanging halfway", chat(stream=True), Faults(hanging=1), stream=True),
    Case("stream refused", chat(stream=True), Faults(rate_limited=1), stream=True),
    Case("refused for good", chat(), Faults(refused="What is Go?")),
    Case("refused once, and not asked again", chat(), Faults(refused={"What is Go?": 1})),
    Case("stream refused for good", chat(stream=True), Faults(refused=1), stream=True),
    Case("thinking", chat(reasoning_effort="high")),
    Case("used up by thinking", chat(reasoning_effort="high", max_completion_tokens=20)),
    Case("response", respond()),
    Case("response, streamed", respond(stream=True), stream=True),
    Case("response, thinking", respond(stream=True, reasoning={"effort": "high"}), stream=True),
    Case("response in the background", respond(background=True)),
    Case("response too short", respond(max_output_tokens=16)),
    Case("response without input", lambda client: client.responses.create(model="gpt-6-luna")),
    Case("response, 429, then an answer", respond(), Faults(rate_limited={"What is Go?": 1})),
    Case("response, dropped for ever", respond(), Faults(dropped=1)),
    Case("response, hanging for ever", respond(), Faults(hanging=1)),
    Case("response dropped halfway", respond(stream=True), Faults(dropped=1), stream=True),
    Case("response refused for good", respond(), Faults(refused="What is Go?")),
    Case("a tool is called", respond(input="What is the weather in Lisbon?", tools=[TOOL])),
    Case("a tool is called, streamed", respond(input="What is the weather?", tools=[TOOL], stream=True), stream=True),
    Case("a tool in chat", chat(tools=[{"type": "function", "function": {"name": "get_weather"}}], model="gpt-4o")),
    Case("any JSON", chat(messages=[{"role": "user", "content": "In JSON"}], response_format={"type": "json_object"})),
    Case("an unknown form", chat(response_format={"type": "xml"})),
    Case("an unsupported value", chat(temperature=0)),
    Case("declined", chat(), Faults(declined=1)),
    Case("cut off", respond(stream=True), Faults(cut_off=1), stream=True),
    Case("embeddings", embed()),
    Case("embeddings as numbers", embed(encoding_format="float", dimensions=8)),
    Case("embeddings of nothing", embed(input="")),
    Case("embeddings, 500, then an answer", embed(), Faults(server_error={"What is Go?": 1})),
    Case("embeddings dropped for ever", embed(), Faults(dropped=1)),
    Case("no such response", lambda client: client.responses.retrieve("resp_none")),
    Case("cancel what is none", lambda client: client.responses.cancel("resp_none")),
    Case("delete what is none", lambda client: client.responses.delete("resp_none")),
]


@pytest.fixture(autouse=True)
def past_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' proxy leads nowhere; in practice mode `connect` keeps it off the loopback interface."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Result(NamedTuple):
    outcome: str  # the class of the error, or what came
    status: int | None
    code: str | None
    served: list[tuple[str, int, str]]  # one line for each attempt


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(MockAPI(pace=PACE))
    yield server
    server.stop()


def run_sync(case: Case, client: OpenAI) -> object:
    with client:
        got = case.send(client)
        return list(got) if case.stream else got


async def run_async(case: Case, client: AsyncOpenAI) -> object:
    async with client:
        got = await case.send(client)
        return [chunk async for chunk in got] if case.stream else got


def result(case: Case, api: MockAPI, run: Callable[[], object]) -> Result:
    api.reset(seed=0, faults=case.faults)
    api.served.clear()
    outcome, status, code = "", None, None
    try:
        got = run()
        outcome = repr(got)
    except openai.APIError as error:
        outcome, status, code = type(error).__name__, getattr(error, "status_code", None), error.code
    return Result(outcome, status, code, [(line.question, line.nth, line.outcome) for line in api.served])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_doors_lead_to_the_same_api(case: Case, server: Server) -> None:
    api = server.api
    transport = MockTransport(api)
    options: dict[str, Any] = {
        "api_key": case.key,
        "base_url": server.url,
        "timeout": 0.4 if case.faults.hanging else 30.0,
    }
    results = {
        "server, sync": result(case, api, lambda: run_sync(case, OpenAI(**options))),
        "server, async": result(case, api, lambda: asyncio.run(run_async(case, AsyncOpenAI(**options)))),
        "transport, sync": result(
            case, api, lambda: run_sync(case, OpenAI(**options, http_client=httpx2.Client(transport=transport)))
        ),
        "transport, async": result(
            case,
            api,
            lambda: asyncio.run(
                run_async(case, AsyncOpenAI(**options, http_client=httpx2.AsyncClient(transport=transport)))
            ),
        ),
    }
    expected = results["server, sync"]
    for door, got in results.items():
        assert got == expected, door


def test_what_is_refused_for_good_is_sent_once(server: Server) -> None:
    case = Case("refused", chat(), Faults(refused="What is Go?"))
    options: dict[str, Any] = {"api_key": "any", "base_url": server.url, "max_retries": 5}
    assert result(case, server.api, lambda: run_sync(case, OpenAI(**options))) == (
        ("BadRequestError", 400, "invalid_prompt", [("What is Go?", 1, "400")])
    )


@pytest.fixture(params=["server", "transport"])
def door(request: pytest.FixtureRequest) -> Iterator[tuple[MockAPI, dict[str, Any], dict[str, Any]]]:
    """An API of its own, and what makes an ordinary and an async client reach it through one door."""
    api = MockAPI(pace=PACE)
    options: dict[str, Any] = {"api_key": "any", "max_retries": 0, "timeout": 60}
    if request.param == "transport":
        transport, options["base_url"] = MockTransport(api), "http://127.0.0.1:9/v1"
        yield (
            api,
            {**options, "http_client": httpx2.Client(transport=transport)},
            {**options, "http_client": httpx2.AsyncClient(transport=transport)},
        )
        return
    server = Server(api)
    options["base_url"] = server.url
    yield api, options, options
    server.stop()


@pytest.mark.parametrize("stream", [False, True])
def test_when_the_api_is_closed_nobody_waits_any_longer(
    door: tuple[MockAPI, dict[str, Any], dict[str, Any]], stream: bool
) -> None:
    """Neither a thread nor a task, before the answer or in the middle of it; and who comes later is refused."""
    api, options, async_options = door
    api.reset(faults=Faults(hanging=1))

    def read() -> None:
        with OpenAI(**options) as client:
            got = client.chat.completions.create(**ASK, stream=stream)
            list(got)

    async def read_async() -> None:
        async with AsyncOpenAI(**async_options) as client:
            got: Any = await client.chat.completions.create(**ASK, stream=stream)
            [chunk async for chunk in got]

    async def main() -> None:
        waiting = [asyncio.create_task(asyncio.to_thread(read)), asyncio.create_task(read_async())]
        await until(lambda: len(api.served) == 2)
        assert not any(task.done() for task in waiting)
        api.close()
        async with asyncio.timeout(30):
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(error, (openai.APIConnectionError, httpx2.RemoteProtocolError)) for error in ended] == [
            True,
            True,
        ], ended

    asyncio.run(main())
    assert [line.outcome for line in api.served] == ["hanging", "hanging"]


def test_a_closed_api_refuses_at_its_doors(door: tuple[MockAPI, dict[str, Any], dict[str, Any]]) -> None:
    api, options, async_options = door
    api.close()

    async def main() -> None:
        async with AsyncOpenAI(**async_options) as client:
            await client.chat.completions.create(**ASK)

    with OpenAI(**options) as client, pytest.raises(openai.BadRequestError, match="This API is closed"):
        client.models.list()
    with pytest.raises(openai.BadRequestError, match="This API is closed"):
        asyncio.run(main())


def test_a_client_that_hangs_up_ends_its_request_on_the_server(server: Server) -> None:
    """After 50 calls that were given up, the server is as quick to answer as before, and holds none of them."""

    def handlers() -> list[object]:
        return [task for task in asyncio.all_tasks(server._loop) if "start" in str(task.get_coro())]

    async def give_up() -> None:
        async with AsyncOpenAI(api_key="any", base_url=server.url, max_retries=0) as client:
            calls = [asyncio.ensure_future(client.chat.completions.create(**ASK)) for _ in range(50)]
            await until(lambda: len(server.api.served) == 50)
            for call in calls:
                call.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in results)

    server.api.reset(faults=Faults(hanging=1))
    server.api.served.clear()
    asyncio.run(give_up())
    asyncio.run(until(lambda: not handlers()))


def test_three_hundred_calls_at_once_where_few_files_may_be_open() -> None:
    """macOS lets a process open 256 files at first; the server asks for more."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    server = Server(MockAPI(pace=0.1))

    async def main() -> list[object]:
        async with AsyncOpenAI(api_key="any", base_url=server.url, max_retries=0) as client:
            return await asyncio.gather(*(client.chat.completions.create(**ASK) for _ in range(300)))

    try:
        assert len(asyncio.run(main())) == 300
    finally:
        server.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_forgotten_client_is_not_closed_on_the_servers_loop(server: Server) -> None:
    async def collected() -> None:
        client = httpx2.AsyncClient()
        with pytest.raises(RuntimeError, match="closed on its own loop"):
            asyncio.get_running_loop().create_task(client.aclose())

    asyncio.run_coroutine_threadsafe(collected(), server._loop).result(10)


def test_the_server_listens_on_the_loopback_interface_only(server: Server) -> None:
    assert server.url.startswith("http://127.0.0.1:")
