"""Every model call is met on its way out, by whichever client; in practice mode all go to the mock API or nowhere."""

import asyncio
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest
from live.service import running
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, DefaultAioHttpClient, OpenAI

import helpers
from helpers import WorkbookError, connect, faults, open_exercise, process_questions_batch, sdk, session, watch
from helpers.mock_api import MockAPI
from helpers.session.state import State
from helpers.wire.clients import is_sync

ROOT = Path(__file__).parents[2]
LIBRARIES = (httpx, httpx2)
ASK: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Go?"}]}
CANARY = "canary-key-of-the-tests"
Library = Any


@pytest.fixture(autouse=True)
def progress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is checked here is no progress that another test would find."""
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def library(request: pytest.FixtureRequest) -> Library:
    return request.param


def run(client: AsyncOpenAI, call: Callable[[AsyncOpenAI], Any]) -> Any:
    async def main() -> Any:
        async with client:
            return await call(client)

    return asyncio.run(main())


async def ask(client: AsyncOpenAI) -> str | None:
    return (await client.chat.completions.create(**ASK)).choices[0].message.content


async def read_stream(client: AsyncOpenAI) -> str:
    stream = await client.chat.completions.create(**ASK, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


# ---- met, whatever the client ------------------------------------------------------------------------------------


def own_class(library: Library) -> Any:
    class Mine(library.AsyncClient):
        async def send(self, request: Any, **options: Any) -> Any:
            return await super().send(request, **options)

    return Mine()


def own_transport(library: Library) -> Any:
    class Mine(library.AsyncHTTPTransport):
        pass

    return library.AsyncClient(transport=Mine())


def plain(library: Library) -> Any:
    return library.AsyncClient()


@pytest.mark.parametrize("make", [plain, own_class, own_transport])
@pytest.mark.parametrize("call", [ask, read_stream])
def test_each_async_client_is_traced_and_counted(
    connected: MockAPI, library: Library, make: Callable[[Library], Any], call: Callable[..., Any]
) -> None:
    with watch() as trace:
        text = run(AsyncOpenAI(http_client=make(library)), call)
    (seen,) = trace.calls
    assert text and (seen.question, seen.outcome, seen.blocking) == ("What is Go?", "ok", False)
    assert session.spent().answers == 1 == len(connected.asked)
    if call is ask:
        assert seen.prompt_tokens and seen.completion_tokens


def test_each_sync_client_is_traced_and_counted(connected: MockAPI, library: Library) -> None:
    with OpenAI(http_client=library.Client()) as client, watch() as trace:
        assert client.chat.completions.create(**ASK).choices
        for _ in client.chat.completions.create(**ASK, stream=True):
            pass
    assert [call.outcome for call in trace.calls] == ["ok", "ok"]
    assert session.spent().answers == 2 == len(connected.served)


def test_a_request_by_hand_is_traced_and_counted(connected: MockAPI, library: Library) -> None:
    with watch() as trace, library.Client() as client:
        client.post(f"{helpers.session.state.state.url}/chat/completions", json=ASK, headers={"api-key": "x"})
    assert trace.calls[0].question == "What is Go?"
    assert len(connected.served) == 1


def test_retries_and_failures_have_their_names(connected: MockAPI, library: Library) -> None:
    def client(**options: Any) -> AsyncOpenAI:
        return AsyncOpenAI(http_client=library.AsyncClient(), **options)

    with faults(server_error={"What is Go?": 1}), watch() as trace:
        run(client(), ask)
    assert [attempt.note for attempt in trace.calls[0].attempts] == ["500", ""]
    for fault, error, note in (
        ({"hanging": 1}, openai.APITimeoutError, "timeout"),
        ({"dropped": 1}, openai.APIConnectionError, "dropped"),
        ({"rate_limited": 1}, openai.RateLimitError, "429"),
    ):
        with faults(**fault), watch() as trace, pytest.raises(error):
            run(client(max_retries=0, timeout=0.2), ask)
        assert [attempt.note for attempt in trace.calls[0].attempts] == [note]


@pytest.mark.usefixtures("connected")
def test_the_batch_survives_failures_by_either_library(library: Library) -> None:
    questions = ["limited", "broken", "dropped", "refused", "fine"]

    async def main() -> Any:
        async with AsyncOpenAI(http_client=library.AsyncClient()) as client:
            return await process_questions_batch(questions, client=client)

    failing = faults(
        rate_limited={"limited": 1},
        server_error={"broken": 1},
        dropped={"dropped": 1},
        refused="refused",
        retry_after=0.1,
    )
    with failing, watch() as trace:
        answers = asyncio.run(main())
    assert [answer.success for answer in answers] == [True, True, True, False, True]
    assert "400" in answers[3].error
    assert trace.requests == 8 and len(trace.calls) == 5


@pytest.mark.usefixtures("both_doors")
def test_the_mock_api_inside_the_process_answers_both(fresh_session: State, library: Library) -> None:
    connect()
    with watch() as trace:
        for call in (ask, read_stream):
            assert run(AsyncOpenAI(http_client=library.AsyncClient()), call)
        with OpenAI(http_client=library.Client()) as client:
            assert client.chat.completions.create(**ASK).choices
    assert [call.outcome for call in trace.calls] == ["ok"] * 3
    for fault, error in (({"hanging": 1}, openai.APITimeoutError), ({"dropped": 1}, openai.APIConnectionError)):
        with faults(**fault), pytest.raises(error):
            run(AsyncOpenAI(http_client=library.AsyncClient(), timeout=0.2, max_retries=0), ask)


LATER = """
import sys
from helpers import connect, watch
assert "httpx" not in sys.modules, "import helpers has become slower"
connect()
import httpx
from openai import OpenAI
with watch() as trace, OpenAI(http_client=httpx.Client()) as client:
    client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "Q"}])
print(trace.requests)
"""


def python(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    first = f"import sys; sys.path[:0] = {[str(folder) for folder in (*folders, ROOT)]!r}\n"
    return subprocess.run([sys.executable, "-c", first + code], capture_output=True, text=True, timeout=120)


def test_the_older_library_may_be_imported_after_connect() -> None:
    done = python(LATER)
    assert done.stdout.splitlines()[-1] == "1", done.stderr


def test_without_the_older_library_all_is_as_it_was() -> None:
    done = python("sys.modules['httpx'] = None\nfrom helpers import connect\nconnect()")
    assert done.stdout.startswith("Practice mode"), done.stderr


def test_which_clients_are_sync(library: Library) -> None:
    assert is_sync(library.Client()) and not is_sync(library.AsyncClient())
    assert not is_sync(DefaultAioHttpClient)


# ---- checks ------------------------------------------------------------------------------------------------------


def checked(function: Callable[..., Any]) -> Any:
    async def main() -> Any:
        return await open_exercise("answer_a_list").check(function)

    return asyncio.run(main())


def test_a_check_passes_a_right_solution_by_either_library(connected: MockAPI, library: Library) -> None:
    async def answer_all(questions: list[str]) -> list[str | None]:
        async with AsyncOpenAI(http_client=library.AsyncClient()) as client:
            calls = [
                client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": question}])
                for question in questions
            ]
            return [each.choices[0].message.content for each in await asyncio.gather(*calls)]

    verdict = checked(answer_all)
    assert verdict.kind == "passed", verdict
    assert not connected.served


@pytest.mark.usefixtures("connected")
def test_a_check_knows_the_ordinary_client_of_either_library(library: Library) -> None:
    async def answer_all(questions: list[str]) -> list[str | None]:
        with OpenAI(http_client=library.Client()) as client:

            def one(question: str) -> str | None:
                messages: Any = [{"role": "user", "content": question}]
                return client.chat.completions.create(model="gpt-6-luna", messages=messages).choices[0].message.content

            return await asyncio.gather(*(asyncio.to_thread(one, question) for question in questions))

    assert checked(answer_all).kind == "threads"


# ---- nobody pays by accident -------------------------------------------------------------------------------------


@pytest.fixture
def gateway() -> Iterator[Any]:
    """A service on this computer that is not the mock API."""
    with running() as service:
        yield service


NO_MARKS = {
    name: openai.Omit()
    for name in (
        *(f"X-Stainless-{each}" for each in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version")),
        *("X-Stainless-Async", "X-Stainless-Retry-Count", "X-Stainless-Read-Timeout"),
    )
}


@pytest.mark.parametrize("headers", [{}, {"X-Stainless-Lang": openai.Omit()}, {**NO_MARKS, "User-Agent": "mine"}])
@pytest.mark.usefixtures("fresh_session")
def test_practice_mode_lets_no_client_ask_another_service(gateway: Any, library: Library, headers: Any) -> None:
    options: Any = {"base_url": gateway.url, "api_key": CANARY, "default_headers": headers}
    before = OpenAI(http_client=library.Client(), **options)
    connect()
    after = OpenAI(http_client=library.Client(), **options)
    elsewhere = OpenAI(http_client=library.Client(), **{**options, "base_url": "https://api.openai.com/v1"})
    where = [gateway.url.split("/")[2]] * 2 + ["api.openai.com"]
    for client, host in zip((before, after, elsewhere), where, strict=True):
        for call in (
            lambda client=client: client.chat.completions.create(**ASK),
            lambda client=client: client.embeddings.create(model="m", input="x"),
            lambda client=client: client.responses.create(model="m", input="x"),
            lambda client=client: client.files.list(),
            lambda client=client: client.models.list(),
        ):
            with watch() as trace, pytest.raises(WorkbookError) as caught:
                call()
            assert f"Practice mode stopped a call to {host}:" in str(caught.value)
            assert "connect(live=True" in caught.value.what_to_do and CANARY not in str(caught.value)
            assert trace.requests == 0
        client.close()
    assert not gateway.came and session.spent().answers == 0


def leading_to(url: str, library: Library, way: str, sync: bool) -> dict[str, Any]:
    """What a client is made with that leads its requests to that address."""

    def lead(request: Any) -> Any:
        request.url = library.URL(f"{url}/chat/completions")
        return request

    async def alead(request: Any) -> None:
        lead(request)

    class Leading(library.Auth):
        def auth_flow(self, request: Any) -> Iterator[Any]:
            yield lead(request)

    ways: dict[str, Any] = {
        "a hook": {"event_hooks": {"request": [lead if sync else alead]}},
        "an Auth": {"auth": Leading()},
        "a function": {"auth": lead},
    }
    return ways[way]


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("way", ["a hook", "an Auth", "a function"])
@pytest.mark.usefixtures("connected")
def test_nor_by_what_a_client_does_to_its_requests(gateway: Any, library: Library, way: str, sync: bool) -> None:
    options = leading_to(gateway.url, library, way, sync)
    for _ in range(2):
        with pytest.raises(WorkbookError, match="Practice mode stopped a call to"):
            if sync:
                with OpenAI(http_client=library.Client(**options), max_retries=0) as client:
                    client.chat.completions.create(**ASK)
            else:
                run(AsyncOpenAI(http_client=library.AsyncClient(**options), max_retries=0), ask)
    assert not gateway.came and session.spent().answers == 0


@pytest.mark.usefixtures("connected")
def test_hooks_that_lead_nowhere_else_do_as_ever(library: Library) -> None:
    seen: list[str] = []
    hooks = {"request": [lambda request: seen.append("before")], "response": [lambda response: seen.append("after")]}
    own = library.Client(event_hooks=hooks, auth=lambda request: request)
    with OpenAI(http_client=own) as client, watch() as trace:
        for _ in range(3):
            client.chat.completions.create(**ASK)
    assert seen == ["before", "after"] * 3 and trace.requests == 3 and len(own.event_hooks["request"]) == 2


@pytest.mark.usefixtures("connected")
def test_the_sentence_says_how_to_ask_that_service_on_purpose(gateway: Any) -> None:
    with OpenAI(base_url=gateway.url) as client, pytest.raises(WorkbookError) as caught:
        client.chat.completions.create(**ASK)
    assert f'connect(live=True, base_url="{gateway.url}")' in caught.value.what_to_do
    assert caught.value.what_to_do.startswith("Make the client again now")


@pytest.mark.usefixtures("connected")
def test_for_azure_the_sentence_says_what_helps() -> None:
    """To make that client again would not help: its address comes from azure_endpoint."""
    options: Any = {"azure_endpoint": "https://mine.openai.azure.com", "api_key": CANARY, "api_version": "2026-01-01"}
    with AzureOpenAI(**options) as client, pytest.raises(WorkbookError) as caught:
        client.chat.completions.create(**ASK)
    with pytest.raises(WorkbookError) as also:
        run(AsyncAzureOpenAI(**options), ask)
    assert str(caught.value) == str(also.value)
    assert "in practice mode use AsyncOpenAI() or OpenAI()" in str(also.value)
    assert "again now" not in str(also.value) and CANARY not in str(also.value)


MODEL_CALLS: list[tuple[str, str, dict[str, str]]] = [
    ("POST", "https://gateway.example/v1/chat/completions", {}),
    ("POST", "https://gateway.example/openai/deployments/mine/chat/completions?api-version=1", {}),
    ("POST", "http://127.0.0.1:11434/api/chat", {}),
    ("POST", "https://gateway.example/v1/responses", {}),
    ("POST", "https://gateway.example/api/v1/images/generations", {}),
    ("POST", "https://gateway.example/v1/audio/speech", {}),
    ("POST", "https://gateway.example/v1/batches", {}),
    ("GET", "https://gateway.example/v1/models", {"Authorization": "Bearer anything"}),
    ("GET", "https://api.openai.com/v1/usage", {}),
    ("POST", "https://gateway.example/odd", {"Authorization": "Bearer sk-canary"}),
    ("POST", "https://gateway.example/odd", {"api-key": CANARY}),
    ("GET", f"https://gateway.example/odd?key={CANARY}", {}),
    ("GET", "https://gateway.example/odd", {"openai-organization": "org-canary"}),
]
OTHER_THINGS: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "https://data.example/questions.csv", {}),
    ("GET", "https://data.example/v1/files/questions.csv", {}),
    ("GET", "http://localhost:8888/api/contents/notebook.ipynb?token=abc", {}),
    ("POST", "http://localhost:8888/api/sessions", {"Authorization": "token abc"}),
    ("GET", "https://huggingface.example/api/models/gpt2", {"Authorization": "Bearer hf_abc"}),
    ("POST", "https://forms.example/responses", {}),
    ("GET", "http://localhost:11434/v1/models", {}),
]


def answered(library: Library, method: str, url: str, headers: dict[str, str]) -> int:
    transport = library.MockTransport(lambda request: library.Response(200, json={}))
    with library.Client(transport=transport) as client:
        return client.request(method, url, headers=headers).status_code


@pytest.mark.parametrize(("method", "url", "headers"), MODEL_CALLS)
def test_a_model_call_by_hand_is_stopped(
    fresh_session: State, library: Library, method: str, url: str, headers: dict[str, str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    connect()
    with pytest.raises(WorkbookError, match="Practice mode stopped a call to"):
        answered(library, method, url, headers)


@pytest.mark.parametrize(("method", "url", "headers"), OTHER_THINGS)
def test_what_is_no_model_call_is_nobodys_business(
    connected: MockAPI, library: Library, method: str, url: str, headers: dict[str, str]
) -> None:
    assert answered(library, method, url, headers) == 200
    assert session.spent().answers == 0


# ---- another SDK -------------------------------------------------------------------------------------------------

SENTENCE = "and this workbook needs 3.54 or newer, below 4"
COMMAND = 'pip install "openai[aiohttp]>=3.54,<4"'


def fake(folder: Path, text: str) -> Path:
    (folder / "openai").mkdir()
    (folder / "openai" / "__init__.py").write_text(text)
    return folder


@pytest.mark.parametrize("version", ["1.109.1", "2.30.0", "4.0.0"])
def test_another_sdk_is_named_at_import(tmp_path: Path, version: str) -> None:
    done = python("import helpers", fake(tmp_path, f"__version__ = {version!r}\nclass AsyncOpenAI: pass\n"))
    last = done.stderr.strip().splitlines()[-1]
    assert f"openai {version} is here, {SENTENCE}" in last and COMMAND in last, done.stderr
    assert "Practice mode" not in done.stdout


def test_an_sdk_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    done = python("import helpers", fake(tmp_path, "from nowhere import SecurityOptions\n"))
    last = done.stderr.strip().splitlines()[-1]
    assert "cannot be loaded" in last and SENTENCE in last and COMMAND in last, done.stderr


@pytest.mark.parametrize("missing", ["httpx2", "openai"])
def test_a_missing_package_is_named(missing: str) -> None:
    block = f"""
import importlib.abc
class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Gone())
import helpers
"""
    last = python(block).stderr.strip().splitlines()[-1]
    assert missing in last and SENTENCE in last and COMMAND in last


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.usefixtures("fresh_session")
def test_an_sdk_that_was_installed_meanwhile_is_named_at_connect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], live: bool
) -> None:
    monkeypatch.setattr(sdk, "version", lambda name: "2.30.0")
    with pytest.raises(sdk.WrongSDK, match=r"openai 2\.30\.0 was installed in place of") as caught:
        connect(live=live)
    assert COMMAND in str(caught.value) and not capsys.readouterr().out
    assert session.mode() is None


def test_the_wanted_versions_are_those_of_the_requirements() -> None:
    wanted = re.findall(r"^(openai\S+)", (ROOT / "requirements.in").read_text("utf-8"), re.MULTILINE)
    assert wanted == [f"{sdk.PACKAGE}>={sdk.LEAST},<{sdk.BELOW}"]


# ---- what is not seen is said ------------------------------------------------------------------------------------


def test_what_is_seen_is_said_in_the_same_words() -> None:
    texts = [inspect.getdoc(watch), inspect.getdoc(connect), (ROOT / "README.md").read_text("utf-8")]
    said = [re.findall(r"Seen is what goes out by [^.]+\.", " ".join((text or "").split())) for text in texts]
    assert said[0] == said[1] == said[2] and len(said[0]) == 1
    for name in ("httpx2", "httpx", "aiohttp", "LiteLLM", "requests", "urllib3", "WebSocket", "process"):
        assert name in said[0][0]
