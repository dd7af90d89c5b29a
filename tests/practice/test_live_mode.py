"""A check in live mode: nothing reaches the real service, and afterwards live mode is what it was."""

import asyncio
import os
import socket
import threading
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import openai._base_client
import pytest
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from openai import AsyncOpenAI, OpenAI

from helpers import ask_ai, connect, open_exercise, shared_client
from helpers.checks import running
from helpers.course.verdict import VERDICT, Verdict
from helpers.mock_api import MockAPI
from helpers.mock_api.server import Server
from helpers.session.state import State, state

CANARY = "canary-key-of-the-tests"
ELSEWHERE = "192.0.2.7"  # an address that is nobody's
Function = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    """Plays the real service."""
    server = Server(MockAPI(pace=0.001))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def live(fresh_session: State, service: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MockAPI:
    """A notebook in live mode; gives what is asked of the service."""
    monkeypatch.setattr(running.ExamAPI, "latency", lambda *_: (0.2, 0.0))
    for name in ("WORKBOOK_MODE", "HTTP_PROXY", "HTTPS_PROXY"):
        del os.environ[name]
    os.environ.update(
        OPENAI_API_KEY=CANARY,
        OPENAI_ORG_ID="org-canary",
        OPENAI_BASE_URL=service.url,
        WORKBOOK_PROGRESS=str(tmp_path / "progress.json"),
    )
    connect(live=True)
    service.api.reset()
    service.api.served.clear()
    return service.api


def checked(function: Function, exercise: str = "answer_a_list") -> Verdict:
    async def main() -> Verdict:
        return await open_exercise(exercise).check(function)

    return asyncio.run(main())


def said(verdict: Verdict) -> str:
    return f"{verdict!r}{verdict._repr_mimebundle_()}"


async def ask(client: AsyncOpenAI, question: str) -> str:
    asked: Any = [{"role": "user", "content": question}]
    response = await client.chat.completions.create(model="gpt-4o-mini", messages=asked)
    return response.choices[0].message.content or ""


async def ask_all(questions: list[str]) -> list[str]:
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*(ask(client, question) for question in questions))


# ---- what is answered by the check -------------------------------------------------------------------------------


async def with_helpers(questions: list[str]) -> list[str]:
    return await asyncio.gather(*map(ask_ai, questions))


async def in_threads(questions: list[str]) -> list[str]:
    def create(question: str) -> str:
        asked: Any = [{"role": "user", "content": question}]
        return openai.chat.completions.create(model="gpt-4o", messages=asked).choices[0].message.content or ""

    return await asyncio.gather(*(asyncio.to_thread(create, question) for question in questions))


@pytest.mark.parametrize("function", [ask_all, with_helpers, in_threads], ids=lambda function: function.__name__)
def test_calls_made_the_usual_way_are_answered_by_the_check(live: MockAPI, function: Function) -> None:
    with OpenAI() as client:
        assert client.models.list().data, "the service is there"
    assert openai.models.list().data
    live.served.clear()
    verdict = checked(function)
    assert verdict.kind in ("passed", "client left open", "threads"), verdict  # as it would be in practice mode
    assert not live.served
    assert CANARY not in said(verdict)


# ---- what is refused ---------------------------------------------------------------------------------------------


def refused(function: Function, host: str = "127.0.0.1") -> None:
    verdict = checked(function)
    assert verdict.kind == "left the computer", verdict
    assert f"tried to reach {host}" in verdict.seen
    assert "canary" not in said(verdict)


def test_a_client_made_before_the_check_reaches_nobody(live: MockAPI) -> None:
    async def main() -> list[Verdict]:
        async with AsyncOpenAI() as client:
            assert await ask(client, "What is Python?"), "it has a connection to the service"
            shared = await shared_client()
            assert await ask(shared, "What is Python?")
            live.served.clear()

            async def ask_with(client: AsyncOpenAI, questions: list[str]) -> list[str]:
                return await asyncio.gather(*(ask(client, question) for question in questions))

            async def mine(questions: list[str]) -> list[str]:
                return await ask_with(client, questions)

            async def the_helpers(questions: list[str]) -> list[str]:
                return await ask_with(shared, questions)

            exercise = open_exercise("answer_a_list")
            return [await exercise.check(mine), await exercise.check(the_helpers)]

    for verdict in asyncio.run(main()):
        assert verdict.kind == "left the computer", verdict
        assert "canary" not in said(verdict)
    assert not live.served


def test_an_ordinary_client_made_before_the_check_reaches_nobody(live: MockAPI) -> None:
    with OpenAI() as client:

        async def function(questions: list[str]) -> list[str]:
            return [str(client.models.list()) for _ in questions]

        refused(function)
    assert not live.served


def test_a_client_with_the_services_address_reaches_nobody(live: MockAPI, service: Server) -> None:
    async def function(questions: list[str]) -> list[str]:
        async with AsyncOpenAI(base_url=service.url, api_key=CANARY) as client:
            return [await ask(client, question) for question in questions]

    refused(function)
    assert not live.served


def test_who_goes_live_within_the_check_reaches_nobody(live: MockAPI) -> None:
    async def function(questions: list[str]) -> list[str]:
        connect(live=True)
        return await ask_all(questions)

    async def with_the_helpers(questions: list[str]) -> list[str]:
        connect(live=True)
        return [await ask_ai(question) for question in questions]

    refused(function)
    refused(with_the_helpers)
    assert not live.served


def test_the_module_level_client_with_an_address_of_its_own_reaches_nobody(
    live: MockAPI, service: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "base_url", service.url)
    monkeypatch.setattr(openai, "api_key", CANARY)

    async def function(questions: list[str]) -> list[str]:
        return [str(await asyncio.to_thread(openai.models.list)) for _ in questions]

    refused(function)
    assert not live.served


async def urllib_asks(host: str) -> None:
    opener = urllib.request.build_opener()  # the one that urlopen keeps has read the environment before
    await asyncio.to_thread(opener.open, f"http://{host}/v1/models", timeout=1)


async def aiohttp_asks(host: str) -> None:
    async with ClientSession(cookie_jar=DummyCookieJar(), timeout=ClientTimeout(1)) as client:
        await client.get(f"http://{host}/v1/models")


async def a_socket_connects(host: str) -> None:
    with socket.socket() as sock:
        sock.settimeout(1)
        sock.connect((host, 443))


async def a_socket_connects_and_gives_a_code(host: str) -> None:
    with socket.socket() as sock:
        sock.settimeout(1)
        assert sock.connect_ex((host, 443)) == 0


async def create_connection(host: str) -> None:
    with socket.create_connection((host, 443), timeout=1):
        pass


async def a_stream_opens(host: str) -> None:
    await asyncio.wait_for(asyncio.open_connection(host, 443), 1)


async def the_old_httpx_asks(host: str) -> None:
    httpx = pytest.importorskip("httpx")
    async with httpx.AsyncClient(timeout=1) as client:
        await client.get(f"http://{host}/v1/models")


async def the_sdk_asks_with_the_old_httpx(host: str) -> None:
    httpx = pytest.importorskip("httpx")
    options: Any = {"http_client": httpx.AsyncClient(timeout=1), "base_url": f"http://{host}/v1"}
    async with AsyncOpenAI(api_key=CANARY, max_retries=0, **options) as client:
        await client.models.list()


WAYS_OUT = [
    urllib_asks,
    aiohttp_asks,
    a_socket_connects,
    a_socket_connects_and_gives_a_code,
    create_connection,
    a_stream_opens,
    the_old_httpx_asks,
    the_sdk_asks_with_the_old_httpx,
]


@pytest.mark.parametrize("host", [ELSEWHERE, "api.openai.example"])
@pytest.mark.parametrize("leave", WAYS_OUT, ids=lambda leave: leave.__name__)
def test_other_ways_out_are_closed(leave: Function, host: str) -> None:
    async def function(questions: list[str]) -> list[str]:
        await leave(host)
        return []

    refused(function, host)


def test_a_datagram_does_not_leave_either(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []
    monkeypatch.setattr(socket.socket, "sendto", lambda self, *what: sent.append(what))

    async def function(questions: list[str]) -> list[str]:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendto(b"anybody there?", (ELSEWHERE, 9))
        return []

    refused(function, ELSEWHERE)
    assert not sent


@pytest.mark.parametrize("leave", [urllib_asks, the_old_httpx_asks], ids=lambda leave: leave.__name__)
def test_a_proxy_on_this_computer_is_no_way_out(leave: Function) -> None:
    """Some run one, and what it gets, it sends on."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        os.environ["HTTP_PROXY"] = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        came: list[bytes] = []

        def serve() -> None:
            connection = proxy.accept()[0]
            with connection:
                came.append(connection.recv(1_000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        async def function(questions: list[str]) -> list[str]:
            await leave("api.openai.example")
            return []

        verdict = checked(function)
        with socket.create_connection(proxy.getsockname(), timeout=5):  # ends the thread, where nobody came
            pass
        thread.join(10)
    assert came == [b""], "something was sent to the proxy"
    assert verdict.kind == "left the computer", verdict


# ---- afterwards --------------------------------------------------------------------------------------------------


async def raises(questions: list[str]) -> None:
    raise ZeroDivisionError


async def practises(questions: list[str]) -> list[str]:
    connect()
    return await ask_all(questions)


async def clears_the_environment(questions: list[str]) -> list[str]:
    os.environ.clear()
    return []


@pytest.mark.parametrize(
    "function",
    [ask_all, with_helpers, raises, practises, clears_the_environment],
    ids=lambda function: function.__name__,
)
def test_afterwards_live_mode_is_what_it_was(live: MockAPI, service: Server, function: Function) -> None:
    async def main() -> None:
        before, client = dict(os.environ), await shared_client()
        await open_exercise("answer_a_list").check(function)
        assert state.mode == "live" and state.url == service.url
        assert dict(os.environ) == before
        assert os.environ["OPENAI_API_KEY"] == CANARY
        assert await shared_client() is client
        assert not live.served
        assert await ask_ai("What is Python?")
        assert [line.question for line in live.served] == ["What is Python?"]
        async with AsyncOpenAI() as mine:
            assert str(mine.base_url).startswith(service.url) and mine.api_key == CANARY
            assert await ask(mine, "What is Go?")
        assert len(live.served) == 2

    asyncio.run(main())


@pytest.mark.parametrize("function", [with_helpers, practises], ids=lambda function: function.__name__)
def test_helpers_that_were_used_first_in_a_check_go_live_after_it(live: MockAPI, function: Function) -> None:
    async def main() -> None:
        await open_exercise("answer_a_list").check(function)
        assert await ask_ai("What is Python?")

    asyncio.run(main())
    assert [line.question for line in live.served] == ["What is Python?"]


def test_a_module_level_client_that_was_used_first_in_a_check_goes_live_after_it(live: MockAPI) -> None:
    openai._reset_client()  # type: ignore[attr-defined]
    checked(in_threads)
    assert not live.served
    assert openai.models.list().data
    assert [line.path for line in live.served] == ["/v1/models"]


def test_a_check_that_is_interrupted_goes_back_to_live_mode_too(live: MockAPI) -> None:
    async def main() -> None:
        begun, before = asyncio.Event(), dict(os.environ)

        async def function(questions: list[str]) -> list[str]:
            begun.set()
            return await with_helpers(questions)

        async def cell() -> None:
            await open_exercise("answer_a_list").check(function)

        check = asyncio.create_task(cell())
        await begun.wait()
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check
        assert dict(os.environ) == before
        assert not live.served
        assert await ask_ai("What is Python?")

    asyncio.run(main())
    assert len(live.served) == 1


def test_the_service_gets_the_key_and_nobody_else(live: MockAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[MockAPI, str]] = []
    handle = MockAPI.handle

    def spy(self: MockAPI, method: str, path: str, headers: Any, body: bytes) -> Any:
        seen.append((self, str(dict(headers))))
        return handle(self, method, path, headers, body)

    async def main() -> Verdict:
        verdict = await open_exercise("answer_a_list").check(ask_all)
        await ask_ai("What is Python?")
        return verdict

    monkeypatch.setattr(MockAPI, "handle", spy)
    verdict = asyncio.run(main())
    assert len(seen) == 6
    assert [CANARY in headers for _, headers in seen] == [False] * 5 + [True]
    assert [api is live for api, _ in seen] == [False] * 5 + [True]
    assert verdict._repr_mimebundle_()[VERDICT]["outcome"] == "passed"
