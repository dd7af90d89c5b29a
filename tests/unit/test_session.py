"""`connect()`: practice mode for unmodified code, whatever the environment; live mode only when it is asked for."""

import asyncio
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

import helpers
from helpers import BadInput, WorkbookError, ask_ai, connect, faults, session, watch
from helpers.mock_api import MockAPI
from helpers.session import environment
from helpers.session.connect import SECONDS
from helpers.session.state import State
from helpers.wire import send

pytestmark = pytest.mark.usefixtures("works")  # whether the key is right is tested in tests/live

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What is Python?"}]}
CANARY = "canary-key-of-the-tests"


def answers() -> None:
    """Unmodified code, sync and async, with and without a key of its own."""
    for options in ({}, {"api_key": "your-key"}):
        with OpenAI(**options) as client:
            assert client.chat.completions.create(**ASK).choices[0].message.content

        async def main(options: dict[str, str] = options) -> None:
            async with AsyncOpenAI(**options) as client:
                assert (await client.chat.completions.create(**ASK)).choices[0].message.content

        asyncio.run(main())
    assert asyncio.run(ask_ai("What is Python?"))


@pytest.mark.usefixtures("fresh_session")
def test_connect_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    connect()
    assert capsys.readouterr().out == (
        "Practice mode: a mock API on this computer answers. No key, no cost, no network needed.\n"
    )
    answers()


@pytest.mark.usefixtures("fresh_session")
def test_without_connect_nothing_is_sent() -> None:
    for call in (lambda: asyncio.run(ask_ai("Hi")), lambda: helpers.sync_multiple_calls(["Hi"])):
        with watch() as trace, pytest.raises(WorkbookError, match=r"Run the cell with connect\(\) first"):
            call()
        assert trace.requests == 0


PROXIES: list[dict[str, str]] = [
    {"HTTP_PROXY": "http://127.0.0.1:9"},
    {"http_proxy": "http://127.0.0.1:9", "no_proxy": "example.org"},
    {"ALL_PROXY": "socks5://127.0.0.1:9"},
    {"all_proxy": "socks5h://127.0.0.1:9", "NO_PROXY": "example.org"},
    {"HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"},
]


@pytest.mark.parametrize("proxies", PROXIES, ids=lambda proxies: " ".join(proxies))
def test_a_proxy_does_not_disturb_practice_mode_and_is_there_again_in_live_mode(
    fresh_session: object, proxies: dict[str, str]
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "no_proxy"):
        os.environ.pop(name, None)
    os.environ.update(proxies)
    before = dict(os.environ)
    connect()
    answers()
    del os.environ["WORKBOOK_MODE"]
    connect(live=True)
    os.environ["WORKBOOK_MODE"] = before["WORKBOOK_MODE"]
    assert dict(os.environ) == before


def test_a_key_of_ones_own_is_not_sent_not_shown_and_not_lost(
    fresh_session: State, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.environ.update(OPENAI_API_KEY=CANARY, OPENAI_ORG_ID="org-canary", OPENAI_BASE_URL="https://canary.invalid/v1")
    seen: list[dict[str, str]] = []
    handle = MockAPI.handle

    def spy(self: MockAPI, method: str, path: str, headers: Any, body: bytes) -> Any:
        seen.append(dict(headers))
        return handle(self, method, path, headers, body)

    monkeypatch.setattr(MockAPI, "handle", spy)
    connect()
    connect()
    answers()
    with faults(expired_key=True), OpenAI() as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(**ASK)
    assert len(seen) > 4
    out, err = capsys.readouterr()
    assert "canary" not in f"{seen}{out}{err}{caught.value}{dict(os.environ)}"
    del os.environ["WORKBOOK_MODE"]
    connect(live=True)
    assert os.environ["OPENAI_API_KEY"] == CANARY
    assert os.environ["OPENAI_ORG_ID"] == "org-canary"
    assert "https://canary.invalid/v1" in capsys.readouterr().out
    assert CANARY not in capsys.readouterr().out


@pytest.mark.usefixtures("fresh_session")
def test_practice_mode_sends_nothing_off_this_computer() -> None:
    """A client made before connect(), or a key and an address set after it, would have gone to the real service."""
    elsewhere = "https://api.openai.example/v1"
    before = OpenAI(api_key=CANARY, base_url=elsewhere, max_retries=2)
    async_before = AsyncOpenAI(api_key=CANARY, base_url=elsewhere)
    connect()
    os.environ.update(OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=elsewhere)
    with before, watch() as trace:
        for call in (
            lambda: before.chat.completions.create(**ASK),
            lambda: asyncio.run(async_before.chat.completions.create(**ASK)),
            lambda: OpenAI().chat.completions.create(**ASK),
        ):
            with pytest.raises(WorkbookError, match="Practice mode stopped a call to api") as caught:
                call()
            assert CANARY not in str(caught.value)
    assert trace.requests == 0
    asyncio.run(async_before.close())
    connect()
    answers()


@pytest.mark.usefixtures("fresh_session")
def test_many_threads_that_connect_start_one_server() -> None:
    before = sum(thread.name == "practice-api" for thread in threading.enumerate())
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(connect) for _ in range(8)]:
            done.result()
    assert sum(thread.name == "practice-api" for thread in threading.enumerate()) == before + 1
    answers()


@pytest.mark.usefixtures("fresh_session")
def test_a_key_that_is_set_during_practice_is_kept_for_live_mode() -> None:
    del os.environ["OPENAI_API_KEY"]
    connect()
    os.environ["OPENAI_API_KEY"] = CANARY
    connect()
    assert os.environ["OPENAI_API_KEY"] == environment.PRACTICE_KEY
    del os.environ["WORKBOOK_MODE"]
    connect(live=True)
    assert os.environ["OPENAI_API_KEY"] == CANARY


def test_live_mode_can_be_forbidden(fresh_session: State) -> None:
    connect()
    with pytest.raises(WorkbookError, match="switched off here"):
        connect(live=True)
    assert fresh_session.mode == "practice"
    answers()


def test_live_mode_without_a_key_says_what_to_do(fresh_session: State) -> None:
    del os.environ["OPENAI_API_KEY"], os.environ["WORKBOOK_MODE"]
    connect()
    with pytest.raises(WorkbookError, match="OPENAI_API_KEY is not set"):
        connect(live=True)
    assert fresh_session.mode == "practice"
    answers()


@pytest.mark.usefixtures("fresh_session")
def test_in_live_mode_calls_go_out_with_the_learners_key_and_patience() -> None:
    """To a transport that stands for the network: nothing leaves this machine."""
    seen: list[tuple[str, str]] = []

    def network(request: httpx2.Request) -> httpx2.Response:
        seen.append((request.url.host, request.headers["authorization"]))
        return httpx2.Response(200, json={"object": "list", "data": []})

    async def shared() -> AsyncOpenAI:
        return await helpers.shared_client()

    async def main() -> tuple[AsyncOpenAI, AsyncOpenAI]:
        practice = await shared()
        connect(live=True)
        return practice, await shared()

    connect()
    del os.environ["WORKBOOK_MODE"]
    practice, live = asyncio.run(main())
    assert practice.base_url.host == "127.0.0.1" and live.base_url.host == "api.openai.com"
    assert live.timeout == openai.DEFAULT_TIMEOUT and practice.timeout == SECONDS
    with OpenAI(http_client=httpx2.Client(transport=httpx2.MockTransport(network))) as client:
        client.models.list()
    assert seen == [("api.openai.com", f"Bearer {CANARY}")]


@pytest.mark.usefixtures("fresh_session")
def test_the_address_is_shown_without_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    del os.environ["WORKBOOK_MODE"]
    os.environ["OPENAI_BASE_URL"] = "https://user:canary@proxy.example:8443/v1?token=canary"
    connect(live=True)
    out = capsys.readouterr().out
    assert "https://proxy.example:8443/v1" in out and "canary" not in out


@pytest.mark.usefixtures("fresh_session")
def test_a_key_that_was_deleted_during_practice_is_kept_too() -> None:
    connect()
    del os.environ["OPENAI_API_KEY"], os.environ["WORKBOOK_MODE"]
    connect(live=True)
    assert os.environ["OPENAI_API_KEY"] == CANARY


CHILD = """
import os
import helpers.session.live
from helpers import connect
helpers.session.live.service.list_models = lambda client, access: {}
os.environ["OPENAI_API_KEY"] = "the-childs-own"
connect()
connect(live=True)
"""


@pytest.mark.usefixtures("connected")
def test_a_child_process_does_not_take_practice_mode_for_an_address_of_its_own() -> None:
    environment = {**os.environ, "WORKBOOK_MODE": ""}
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=60, env=environment)
    assert "calls go to https://api.openai.com/v1" in done.stdout, done.stderr


@pytest.mark.usefixtures("connected")
def test_faults_end_with_their_block_when_it_fails_too() -> None:
    with pytest.raises(ZeroDivisionError), faults(server_error=1):
        raise ZeroDivisionError
    with OpenAI(max_retries=0) as client:
        assert client.chat.completions.create(**ASK).choices


@pytest.mark.usefixtures("fresh_session")
def test_from_live_mode_back_to_practice(capsys: pytest.CaptureFixture[str]) -> None:
    del os.environ["WORKBOOK_MODE"]
    connect(live=True)
    assert "Live mode" in capsys.readouterr().out
    connect()
    answers()


@pytest.mark.usefixtures("fresh_session")
@pytest.mark.parametrize("pace", ["fast", "0", "-1", "nan", "", "1e9"])
def test_a_pace_that_is_none(pace: str) -> None:
    os.environ["WORKBOOK_PACE"] = pace
    with pytest.raises(BadInput, match="WORKBOOK_PACE is"):
        connect()


@pytest.mark.parametrize(
    "error", [OSError("no sockets here"), ImportError("no aiohttp here"), RuntimeError("can't start new thread")]
)
def test_where_no_socket_can_be_had_the_mock_api_answers_inside_the_process(
    fresh_session: State, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import helpers.mock_api.server

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(helpers.mock_api.server, "Server", refuse)
    connect()
    assert environment.IN_PROCESS in fresh_session.url
    with watch() as trace:
        answers()
    assert trace.requests == 5
    assert all(call.outcome == "ok" for call in trace.calls)
    with faults(hanging=1), OpenAI(timeout=0.05, max_retries=0) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(**ASK)


def test_faults_end_with_their_block_and_repeat(connected: MockAPI) -> None:
    def run() -> list[str]:
        connected.served.clear()
        with faults(rate_limited=0.5), OpenAI(max_retries=0) as client:
            for _ in range(8):
                with suppress(openai.RateLimitError):
                    client.chat.completions.create(**ASK)
        return [line.outcome for line in connected.served]

    first = run()
    assert set(first) == {"200", "429"}
    assert run() == first
    answers()
    with faults(server_error=1):
        with faults(rate_limit_headers=False), OpenAI(max_retries=0) as client:
            assert client.chat.completions.create(**ASK)
        with OpenAI(max_retries=0) as client, pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ASK)


# ---- another API for a while -------------------------------------------------------------------------------------


def what_it_is(mine: State) -> dict[str, Any]:
    """What `answered_by` gives back; the doors may stay open."""
    kept = {name: value for name, value in vars(mine).items() if name not in ("doors", "practice_url")}
    return {**kept, "own": dict(mine.own), "environment": dict(os.environ), "guards": list(send.guards)}


def test_where_nobody_has_connected_another_api_can_answer(fresh_session: State, api: MockAPI) -> None:
    async def main() -> None:
        async with session.answered_by(api) as url:
            assert os.environ["OPENAI_BASE_URL"] == url
            assert CANARY not in os.environ.values()
            assert await ask_ai("What is Python?")
        with pytest.raises(WorkbookError, match=r"Run the cell with connect\(\) first"):
            await ask_ai("What is Python?")

    before = what_it_is(fresh_session)
    asyncio.run(main())
    assert what_it_is(fresh_session) == before
    assert len(api.served) == 1
    connect()
    answers()


@pytest.mark.usefixtures("both_doors")
def test_another_api_answers_for_a_while(fresh_session: State, api: MockAPI) -> None:
    connect()

    async def main() -> None:
        async with AsyncOpenAI() as client:
            await client.chat.completions.create(**ASK)
            with pytest.raises(ZeroDivisionError):
                async with session.answered_by(api):
                    await client.chat.completions.create(**ASK)
                    await ask_ai("What is Go?")
                    raise ZeroDivisionError
            assert what_it_is(fresh_session) == before
            await client.chat.completions.create(**ASK)

    before = what_it_is(fresh_session)
    mine = fresh_session.api
    assert mine is not None
    asyncio.run(main())
    assert [line.question for line in api.served] == ["What is Python?", "What is Go?"]
    assert [(line.question, line.nth) for line in mine.served] == [("What is Python?", 1), ("What is Python?", 2)]


def test_faults_of_the_notebook_are_there_again_after_another_api(connected: MockAPI, api: MockAPI) -> None:
    async def main() -> None:
        async with session.answered_by(api), AsyncOpenAI(max_retries=0) as client:
            assert await client.chat.completions.create(**ASK)

    with faults(server_error=1):
        asyncio.run(main())
        with OpenAI(max_retries=0) as client, pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ASK)


@pytest.mark.usefixtures("fresh_session")
def test_clients_that_helpers_made_for_another_api_are_closed_where_the_notebook_is_live(api: MockAPI) -> None:
    del os.environ["WORKBOOK_MODE"]
    connect(live=True)

    async def main() -> None:
        live = await helpers.shared_client()
        async with session.answered_by(api):
            lent = await helpers.shared_client()
            assert lent is not live and await ask_ai("What is Go?")
        assert lent.is_closed() and not live.is_closed()
        assert await helpers.shared_client() is live
        assert (live.api_key, live.base_url.host) == (CANARY, "api.openai.com")

    asyncio.run(main())
    assert len(api.served) == 1


def test_a_question_that_was_to_fail_and_is_never_asked_is_said(connected: MockAPI) -> None:
    with pytest.warns(UserWarning, match="nobody asked 'what is pyhton'"), faults(dropped="What is Pyhton?"):
        answers()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with faults(dropped={"What is Python?": 1}):
            answers()


def test_faults_need_practice_mode_and_known_names(fresh_session: State) -> None:
    with pytest.raises(WorkbookError, match=r"Run connect\(\) first"), faults(dropped=1):
        pass
    connect()
    with pytest.raises(BadInput, match="does not know 'droped'"), faults(droped=1):
        pass
    with pytest.raises(BadInput, match=r"Name it: faults\(server_error='What is Go\?'\)"), faults("What is Go?"):
        pass


def test_connect_again_starts_the_draws_anew(connected: MockAPI) -> None:
    def times() -> list[int]:
        connected.served.clear()
        with OpenAI() as client:
            client.chat.completions.create(**ASK)
            client.chat.completions.create(**ASK)
        return [line.nth for line in connected.served]

    assert times() == [1, 2]
    assert times() == [3, 4]
    url = os.environ["OPENAI_BASE_URL"]
    connect()
    assert times() == [1, 2]
    assert os.environ["OPENAI_BASE_URL"] == url, "the same server"


@pytest.mark.usefixtures("connected")
def test_the_module_level_client_follows_the_mode() -> None:
    assert openai.chat.completions.create(**ASK).choices
    del os.environ["WORKBOOK_MODE"]
    connect(live=True)
    assert openai._load_client().base_url.host == "api.openai.com"  # type: ignore[attr-defined]
    connect()
    assert openai.chat.completions.create(**ASK).choices
    openai._reset_client()  # type: ignore[attr-defined]


LEAVING = """
import asyncio, sys
from helpers import ask_ai, connect
connect()
asyncio.run(ask_ai("What is Python?"))
loop = asyncio.new_event_loop()
loop.run_until_complete(ask_ai("What is Go?"))   # a loop that nobody closes, as in a notebook
"""


def test_leaving_the_process_leaves_nothing_behind() -> None:
    """No message, no thread that holds it up, no file."""
    done = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


LIGHT = """
import sys
import openai
before = set(sys.modules)
import helpers
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new & {"pandas", "ipywidgets", "matplotlib", "IPython", "nest_asyncio2", "jupyterlab"}))
print([name for name in sys.modules if name in ("helpers.mock_api.server", "aiohttp.web")])
"""


def test_importing_the_helpers_loads_nothing_that_is_not_needed_yet() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n[]\n", done.stderr
