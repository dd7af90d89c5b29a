"""Which key goes to which address, and what is said where there is none."""

import asyncio
import getpass
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from helpers import BadInput, WorkbookError, account, ask_ai, connect, session
from helpers.session.live.access import NO_KEY, NoKey, checked_key, find, origin_of
from helpers.session.state import state
from live.conftest import KEY
from live.service import Service, says

OTHER = "canary-key-for-another-service"
HELLO: Any = [{"role": "user", "content": "Hello"}]
Start = Callable[..., Service]
pytestmark = pytest.mark.usefixtures("learner")


def write_env(**values: str) -> None:
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def refused(expected: str = "", kind: type[WorkbookError] = WorkbookError, **how: Any) -> str:
    """What connect() says where it does not work; the mode is what it was, and no key is repeated."""
    before, mode = dict(os.environ), (state.mode, state.url, state.live)
    with pytest.raises(kind) as raised:
        connect(live=True, **how)
    assert dict(os.environ) == before
    assert (state.mode, state.url, state.live) == mode
    said = str(raised.value)
    assert "canary" not in said and raised.value.happened and raised.value.what_to_do
    assert expected in said
    return said


def ask() -> str:
    return asyncio.run(ask_ai("What is Go?"))


# ---- a key is only for the address that it was set for -----------------------------------------------------------

HOME = "https://api.example.com/v1"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org/v1",
        "https://example.com/v1",
        "https://api.example.com.evil.example/v1",
        "https://evil.example/api.example.com/v1",
        "https://api.example.com@evil.example/v1",
        "https://api.example.com:8443/v1",
        "http://api.example.com/v1",
        "http://api.example.com:443/v1",
        "https://api.openai.com/v1",
        "http://127.0.0.1:11434/v1",
        "http://192.168.1.5/v1",
    ],
)
def test_the_usual_key_goes_to_no_other_origin(url: str) -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": HOME}
    try:
        access = find(url, None, environ)
    except NoKey as missing:
        assert "There is no key for" in str(missing) or "needs your own API key" in str(missing)
        assert "canary" not in str(missing)
    else:
        assert access.key == NO_KEY and access.is_here
        assert access.settings["OPENAI_API_KEY"] == NO_KEY


@pytest.mark.parametrize(
    "url",
    [HOME, "https://api.example.com", "https://api.example.com:443/v2", "https://API.example.com/v1"],
)
def test_to_its_own_origin_it_goes_whatever_the_path(url: str) -> None:
    assert find(url, None, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": HOME}).key == KEY


def test_without_an_address_it_is_for_openai() -> None:
    access = find(None, None, {"OPENAI_API_KEY": KEY})
    assert access.key == KEY and access.url == "https://api.openai.com/v1"
    with pytest.raises(NoKey):
        find("https://api.example.com/v1", None, {"OPENAI_API_KEY": KEY})
    with pytest.raises(NoKey):
        find("https://api.openai.com:8443/v1", None, {"OPENAI_API_KEY": KEY})


def test_origins() -> None:
    assert origin_of("https://Example.com/v1") == origin_of("https://example.com:443")
    assert origin_of("http://example.com/v1") == origin_of("http://example.com:80/")
    assert origin_of("http://example.com:443") != origin_of("https://example.com")


def test_a_key_does_not_travel_unencrypted() -> None:
    with pytest.raises(WorkbookError, match="others can read it") as raised:
        find(None, None, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://api.example.com/v1"})
    assert "canary" not in str(raised.value)
    with pytest.raises(WorkbookError, match="others can read it"):
        find("http://8.8.8.8/v1", "MY_SERVICE_KEY", {"MY_SERVICE_KEY": KEY})
    for near in ("http://127.0.0.1:1/v1", "http://192.168.1.5/v1", "http://bigbox:8000/v1", "http://nas.local/v1"):
        assert find(near, "MY_SERVICE_KEY", {"MY_SERVICE_KEY": KEY}).key == KEY


def test_the_key_in_the_environment_is_not_for_the_address_in_a_file() -> None:
    """A `.env` that came along with somebody's repository would else get the key."""
    write_env(OPENAI_BASE_URL="https://evil.example/v1")
    os.environ["OPENAI_API_KEY"] = KEY
    refused("OPENAI_BASE_URL is in .env, but OPENAI_API_KEY is in the environment")
    # who says an address says which
    assert find("https://api.example.com/v1", "MY_SERVICE_KEY", {"MY_SERVICE_KEY": OTHER}).key == OTHER


MODULE_SETTINGS = ("api_key", "admin_api_key", "organization", "project", "webhook_secret")


@pytest.fixture
def module_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own client, as at the start: `openai.models.list()` without a client of one's own."""
    for name in MODULE_SETTINGS:
        monkeypatch.setattr(openai, name, None)
    openai._reset_client()  # type: ignore[attr-defined]


def test_both_in_one_place_belong_together() -> None:
    write_env(OPENAI_BASE_URL="https://api.example.com/v1", OPENAI_API_KEY=OTHER)
    assert find(None, None, {}).key == OTHER
    # those in the environment come first, and stay together too
    access = find(None, None, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://api.example.org/v1"})
    assert (access.key, access.url) == (KEY, "https://api.example.org/v1")


@pytest.mark.usefixtures("module_client")
def test_what_belongs_to_the_key_goes_only_with_it(start: Start) -> None:
    mine, theirs = start(), start()
    os.environ.update(
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=mine.url,
        OPENAI_ORG_ID="org-canary",
        OPENAI_PROJECT_ID="proj-canary",
        OPENAI_ADMIN_KEY="admin-canary",
        OPENAI_CUSTOM_HEADERS="X-Canary: canary-of-mine",
        MY_SERVICE_KEY=OTHER,
    )
    before = dict(os.environ)
    for how in ({}, {"key_from": "MY_SERVICE_KEY"}):
        connect(live=True, base_url=theirs.url, **how)
        ask()
        with OpenAI() as client:
            client.models.list()
        assert openai.models.list().data
    assert {came.key for came in theirs.came} == {NO_KEY, OTHER}
    for came in theirs.came:
        assert "canary" not in str({**came.headers, "authorization": came.key.replace(OTHER, "")})
    connect()
    assert ask()
    connect(live=True)
    ask()
    assert {came.key for came in mine.came} == {KEY}
    assert {came.headers["openai-organization"] for came in mine.came} == {"org-canary"}
    assert {came.headers["openai-project"] for came in mine.came} == {"proj-canary"}
    assert {came.headers["x-canary"] for came in mine.came} == {"canary-of-mine"}
    assert {name: os.environ.get(name) for name in before} == before


@pytest.mark.usefixtures("module_client")
def test_the_module_level_client_takes_the_key_nowhere_else(service: Service, start: Start) -> None:
    """It keeps the settings of its first use in the SDK's own module."""
    another = start()
    os.environ.update(OPENAI_ORG_ID="org-canary", OPENAI_PROJECT_ID="proj-canary", OPENAI_ADMIN_KEY="admin-canary")
    connect(live=True)
    assert openai.models.list().data
    connect(live=True, base_url=another.url)
    assert openai.models.list().data
    assert {came.key for came in another.came} == {NO_KEY}
    assert "canary" not in str(another.came)
    connect()
    openai.models.list()
    assert "canary" not in str([getattr(openai, name) for name in MODULE_SETTINGS])
    connect(live=True)
    assert openai.models.list().data
    assert {came.key for came in service.came} == {KEY} and len(service.came) == 4


@pytest.mark.usefixtures("module_client")
def test_the_module_level_client_that_was_used_first_in_practice(service: Service) -> None:
    connect()
    openai.models.list()
    connect(live=True)
    assert openai.models.list().data
    assert [came.key for came in service.came] == [KEY, KEY]


@pytest.mark.usefixtures("module_client")
def test_a_key_that_a_learner_has_given_to_the_module_stays(service: Service) -> None:
    openai.api_key = OTHER
    connect(live=True)
    openai.models.list()
    connect()
    connect(live=True)
    openai.models.list()
    assert openai.api_key == OTHER
    assert [came.key for came in service.came] == [KEY, OTHER] * 2


WAYS: dict[str, Callable[[str], Any]] = {
    "a base_url of its own": lambda url: OpenAI(base_url=url),
    "with_options": lambda url: OpenAI().with_options(base_url=url),
    "a copy": lambda url: OpenAI().copy(base_url=url, max_retries=0),
    "its attribute": lambda url: with_address(OpenAI(), url),
    "the key from the environment": lambda url: OpenAI(base_url=url, api_key=os.environ["OPENAI_API_KEY"]),
    "another header": lambda url: OpenAI(base_url=url, api_key=OTHER, default_headers={"api-key": KEY}),
    "in the address": lambda url: OpenAI(base_url=url, api_key=OTHER, default_query={"key": KEY}),
    "Azure": lambda url: openai.AzureOpenAI(azure_endpoint=url, api_key=KEY, api_version="2024-10-21"),
    "the older httpx": lambda url: OpenAI(base_url=url, http_client=httpx.Client()),
}


def with_address(client: OpenAI, url: str) -> OpenAI:
    client.base_url = url  # type: ignore[assignment]
    return client


@pytest.mark.parametrize("other", [True, False], ids=["another port", "another name"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_client_takes_the_key_nowhere_else(
    way: Callable[[str], Any], other: bool, live: Service, start: Start
) -> None:
    elsewhere = start() if other else live
    url = elsewhere.url if other else live.url.replace("127.0.0.1", "localhost")
    with closing(way(url)) as client:
        for call in (client.models.list, lambda: client.chat.completions.create(model="gpt-6-luna", messages=HELLO)):
            with pytest.raises(WorkbookError, match="would take the key in the environment to http://") as refused:
                call()
            assert "canary" not in str(refused.value)
    assert not elsewhere.came and session.spent().answers == 0


def test_a_client_with_a_key_of_its_own_goes_where_it_is_for(live: Service, start: Start) -> None:
    elsewhere = start()
    with OpenAI(base_url=elsewhere.url, api_key=OTHER) as client:
        client.chat.completions.create(model="gpt-6-luna", messages=HELLO)
    assert [came.key for came in elsewhere.came] == [OTHER] and session.spent().answers == 1


def test_the_key_of_before_goes_nowhere_else_either(live: Service, start: Start) -> None:
    elsewhere = start()
    with OpenAI() as before:
        os.environ["MY_SERVICE_KEY"] = OTHER
        connect(live=True, base_url=elsewhere.url, key_from="MY_SERVICE_KEY")
        with OpenAI(api_key=KEY) as mistaken, pytest.raises(WorkbookError, match="nothing was sent"):
            mistaken.models.list()
        before.models.list()
    assert {came.key for came in live.came} == {KEY} and {came.key for came in elsewhere.came} == {OTHER}


def test_what_is_advised_for_another_service_works(live: Service, start: Start) -> None:
    elsewhere = start()
    with OpenAI(base_url=elsewhere.url) as client, pytest.raises(WorkbookError) as refused:
        client.models.list()
    Path(".env").write_text(f"MY_SERVICE_KEY={OTHER}\n")
    advised = refused.value.what_to_do.partition("connect(")[2].rpartition(")")[0]
    eval(f"connect({advised})", {"connect": connect})
    asyncio.run(ask_ai("Q"))
    assert {came.key for came in elsewhere.came} == {OTHER}


def test_a_key_for_two_addresses_goes_to_both(start: Start) -> None:
    first, second = start(), start()
    os.environ.update(MY_SERVICE_KEY=KEY)
    connect(live=True, base_url=first.url, key_from="MY_SERVICE_KEY")
    with OpenAI() as client:
        connect(live=True, base_url=second.url, key_from="MY_SERVICE_KEY")
        client.models.list()
    asyncio.run(ask_ai("Q"))
    assert first.came[-1].path == "/v1/models" and second.asked() == ["Q"]


def test_a_redirect_takes_the_key_nowhere_else(start: Start) -> None:
    elsewhere = start()
    away = says(307, "", "text/plain", location=f"{elsewhere.url}/chat/completions")
    mine = start({"away": away})
    os.environ.update(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=mine.url)
    connect(live=True)
    with OpenAI(max_retries=0) as client, pytest.raises(WorkbookError, match="redirects this call to another address"):
        client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "away"}])
    with pytest.raises(WorkbookError, match="redirects this call to another address"):
        asyncio.run(ask_ai("away"))
    assert [came.key for came in mine.came] == [KEY] * len(mine.came)
    assert not elsewhere.came


def test_the_check_is_not_led_away_either(start: Start) -> None:
    elsewhere = start()
    mine = start({"/v1/models": says(302, "", "text/plain", location=f"{elsewhere.url}/models")})
    os.environ.update(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=mine.url)
    refused()
    assert not elsewhere.came


# ---- keys that are none ------------------------------------------------------------------------------------------

NOT_KEYS = [
    "...",
    "sk-proj-canary...",
    "sk-proj-canary…",
    "sk-...canary",
    "<canary>",
    "<your key>",
    "canary key",
    "canary\tkey-of-mine",
    "canary\nkey-of-mine",
    "canary\r\nOPENAI_ORG_ID=1",
    "canary\u00a0key-of-mine",
    "canary\u200bkey-of-mine",
    "canary\u2011key-of-mine",
    "canary–key-of-mine",
    "“canary-key-of-mine”",
    "canаry-key-of-canary",  # the third letter is Cyrillic
    "canary\x00key-of-mine",
    "canary\x1b[31mkey",
]


@pytest.mark.parametrize("key", NOT_KEYS, ids=ascii)
def test_what_cannot_be_a_key_is_not_sent_and_not_repeated(key: str, service: Service) -> None:
    with pytest.raises(WorkbookError, match="The key of mine") as raised:
        checked_key(key, "the key of mine")
    assert "canary" not in repr(raised.value) and "Copy" in str(raised.value)
    if "\x00" not in key:
        os.environ["OPENAI_API_KEY"] = key
        refused()
        assert not service.came


@pytest.mark.parametrize("key", ["your-key", "your_api_key_here", "sk-your-key-here", "xxxxxxxxxxxxxxxx"])
def test_placeholders_of_tutorials(key: str) -> None:
    with pytest.raises(WorkbookError, match="placeholder"):
        checked_key(key, "the key")


@pytest.mark.parametrize("text", [f"  {KEY} \n", f'"{KEY}"', f"'{KEY}'", f"Bearer {KEY}", f' "Bearer {KEY}" '])
def test_what_comes_along_when_a_key_is_copied_is_taken_off(text: str) -> None:
    assert checked_key(text, "the key") == KEY


@pytest.mark.parametrize("empty", ["", "  ", '""', "Bearer "])
def test_an_empty_key(empty: str) -> None:
    with pytest.raises(WorkbookError, match="is empty"):
        checked_key(empty, "the key")


# ---- key_from ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [KEY, "sk-proj-" + "canary" * 20, "my_service_key", "", " MY_KEY", "CANARY=1", 5, b"KEY"]
)
def test_who_gives_the_key_itself_does_not_see_it_again(name: Any) -> None:
    for url in (None, "https://api.example.com/v1"):
        said = refused("never the key itself", BadInput, base_url=url, key_from=name)
        assert str(name) not in said or not name


def test_a_key_in_capital_letters_is_taken_for_a_name_but_not_repeated_at_length() -> None:
    """Some services' keys look like names of variables."""
    key = "CANARY0123456789ABCDEF0123456789ABCDEF"
    with pytest.raises(WorkbookError) as raised:
        connect(live=True, key_from=key)
    assert key not in str(raised.value)


def test_a_name_that_is_not_there() -> None:
    said = refused("MY_SERVICE_KEY is not set", key_from="MY_SERVICE_KEY")
    assert "MY_SERVICE_KEY=your key into a file named .env" in said


def test_a_name_is_looked_up_in_the_environment_first(start: Start) -> None:
    service = start()
    write_env(MY_SERVICE_KEY=OTHER)
    connect(live=True, base_url=service.url, key_from="MY_SERVICE_KEY")
    assert "the key MY_SERVICE_KEY in .env" in str(account())
    os.environ["MY_SERVICE_KEY"] = KEY
    connect(live=True, base_url=service.url, key_from="MY_SERVICE_KEY")
    assert "the key MY_SERVICE_KEY in the environment" in str(account())
    assert [came.key for came in service.came] == [OTHER, KEY]


# ---- no key ------------------------------------------------------------------------------------------------------


def test_no_key_at_all() -> None:
    said = refused("OPENAI_API_KEY is not set: not in the environment, and not in a file named .env", NoKey)
    assert "connect()" in said and ".env.txt" not in said


def test_no_key_for_another_service() -> None:
    os.environ["OPENAI_API_KEY"] = KEY
    said = refused("There is no key for api.example.com", NoKey, base_url="https://me:canary@api.example.com/v1")
    assert 'key_from="MY_SERVICE_KEY"' in said


def test_an_ending_that_an_editor_has_added() -> None:
    Path(".env.txt").write_text(f"OPENAI_API_KEY={KEY}\n")
    refused("there is one named .env.txt: take the ending away", NoKey)


def test_a_file_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write_env(OPENAI_API_KEY=KEY)

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    refused("The file .env is there, but it cannot be read (Permission denied)")


def test_a_folder_of_that_name(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """As virtual environments have it: no settings are in it."""
    key, url = os.environ.pop("OPENAI_API_KEY"), os.environ.pop("OPENAI_BASE_URL")
    Path("notebooks/.env").mkdir(parents=True)
    monkeypatch.chdir("notebooks")
    assert "(there is a folder of that name: rename it" in refused("OPENAI_API_KEY is not set", NoKey)
    assert "a folder of that name" in refused("MY_KEY is not set", key_from="MY_KEY")
    Path("../.env").write_text(f"OPENAI_API_KEY={key}\nOPENAI_BASE_URL={url}\n")
    connect(live=True)
    assert service.came[-1].key == key


def fifo(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # the whole path may be too long for one


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_a_pipe(path: Path) -> None:
    os.mkfifo("pipe")
    path.symlink_to("pipe")


def circle(path: Path) -> None:
    path.symlink_to(path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**12)


NO_FILES: dict[Callable[[Path], None], str] = {
    fifo: "is no file, but a pipe (FIFO), which may wait for ever: it was not read.",
    link_to_a_pipe: "is no file, but a pipe",
    a_socket: "is no file, but a socket: it was not read.",
    device: "is no file, but a device: it was not read.",
    circle: "The file .env is there, but it cannot be read",
    huge: "The file .env is very large (1,000,000,000,000 bytes), so it was not read.",
}


@pytest.mark.skipif(os.name != "posix", reason="there are no such files there")
@pytest.mark.parametrize("make", NO_FILES, ids=lambda make: make.__name__)
def test_what_is_no_file_is_not_read(
    make: Callable[[Path], None], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(Path(".env"))
    key, url = os.environ.pop("OPENAI_API_KEY"), os.environ.pop("OPENAI_BASE_URL")
    refused(NO_FILES[make])
    refused(NO_FILES[make], key_from="MY_SERVICE_KEY", base_url=url)
    assert not service.came
    # who needs nothing from it is not kept from working
    os.environ.update(OPENAI_API_KEY=key, OPENAI_BASE_URL=url)
    connect(live=True)
    assert service.came[-1].key == key


def test_a_link_to_nothing_is_not_there() -> None:
    Path(".env").symlink_to("nowhere")
    refused("OPENAI_API_KEY is not set", NoKey)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"\x00\x01\x02canary", b"canary", b"=\n", b"OPENAI_API_KEY", b"OPENAI_API_KEY=\n"]
)
def test_a_file_with_nothing_useful_in_it(content: bytes) -> None:
    Path(".env").write_bytes(content)
    refused("OPENAI_API_KEY is not set", NoKey)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_files_as_editors_write_them(encoding: str, service: Service) -> None:
    del os.environ["OPENAI_API_KEY"]
    text = f"# Größe\r\nOPENAI_API_KEY={KEY}\r\n"
    if encoding.endswith("-bom"):
        content = ("\ufeff" + text).encode(encoding.removesuffix("-bom"))
    else:
        content = text.encode(encoding)
    Path(".env").write_bytes(content)
    connect(live=True)
    assert service.came[-1].key == KEY


def test_a_file_in_a_folder_above(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    del os.environ["OPENAI_API_KEY"]
    write_env(OPENAI_API_KEY=KEY)
    Path("notebooks").mkdir()
    monkeypatch.chdir("notebooks")
    connect(live=True)
    assert service.came[-1].key == KEY


def test_a_key_with_a_dollar_in_it_is_taken_as_it_is(service: Service) -> None:
    del os.environ["OPENAI_API_KEY"]
    write_env(OPENAI_API_KEY="canary-${HOME}-$PATH")
    connect(live=True)
    assert service.came[-1].key == "canary-${HOME}-$PATH"


# ---- a key that is typed -----------------------------------------------------------------------------------------


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked, while somebody is there who types the key."""
    asked: list[str] = []

    def box(prompt: str) -> str:
        asked.append(prompt)
        return f" {KEY}\n"

    monkeypatch.setattr(getpass, "getpass", box)
    monkeypatch.setattr("helpers.session.live.access.running_kernel", lambda: object())
    # no address of a test is one that wants a key
    monkeypatch.setattr("helpers.session.live.access.is_here", lambda url: False)
    return asked


def test_a_typed_key_is_kept_in_memory_only(
    start: Start, typed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service, another = start(), start()
    connect(live=True, base_url=service.url)
    assert typed == ["Your API key for 127.0.0.1 (not shown, not saved; Enter alone cancels): "]
    ask()
    connect()
    assert KEY not in "".join(os.environ.values())
    connect(live=True, base_url=service.url)
    assert len(typed) == 1, "once is enough"
    connect(live=True, base_url=another.url)
    assert len(typed) == 2, "it was for the other one"
    assert {came.key for came in service.came + another.came} == {KEY}
    assert not list(tmp_path.iterdir())
    assert KEY not in capsys.readouterr().out and KEY not in repr(state.live.access if state.live else 0)


def test_a_typed_key_that_is_wrong_is_asked_for_again(start: Start, typed: list[str]) -> None:
    service = start({"/v1/models": says(401, {"error": {"message": "No: KEY"}})})
    for _ in range(2):
        refused("did not accept the key that you typed (401)", base_url=service.url)
    assert len(typed) == 2


def test_nobody_types(monkeypatch: pytest.MonkeyPatch, typed: list[str]) -> None:
    def interrupted(prompt: str) -> str:
        raise KeyboardInterrupt

    for gives in (lambda prompt: "", lambda prompt: "  ", interrupted):
        monkeypatch.setattr(getpass, "getpass", gives)
        assert "Run the cell again to type it." in refused("No key was typed, so nothing was changed.")

    def no_front_end(prompt: str) -> str:
        raise NotImplementedError

    monkeypatch.setattr(getpass, "getpass", no_front_end)
    refused("OPENAI_API_KEY is not set", NoKey)


def test_a_script_does_not_wait_for_somebody_to_type(typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.session.live.access.running_kernel", lambda: None)
    refused("OPENAI_API_KEY is not set", NoKey)
    assert not typed


# ---- modes -------------------------------------------------------------------------------------------------------


def test_back_to_practice_and_again(service: Service) -> None:
    before = dict(os.environ)
    for _ in range(2):
        connect(live=True)
        assert os.environ["OPENAI_API_KEY"] == KEY and ask()
        connect()
        assert "canary" not in str(dict(os.environ)) and ask()
    assert [came.method for came in service.came] == ["GET", "POST"] * 2
    connect(live=True)
    assert {name: os.environ.get(name) for name in before} == before


def test_a_key_that_is_changed_in_live_mode_is_the_new_one(service: Service) -> None:
    connect(live=True)
    os.environ["OPENAI_API_KEY"] = OTHER
    connect()
    connect(live=True)
    ask()
    assert [came.key for came in service.came] == [KEY, OTHER, OTHER]


@pytest.mark.parametrize("value", ["practice", " Practice ", "PRACTICE"])
def test_where_it_is_forbidden_nothing_is_sent(service: Service, value: str) -> None:
    connect()
    os.environ["WORKBOOK_MODE"] = value  # set after the start, too
    for how in ({}, {"base_url": service.url}, {"key_from": "OPENAI_API_KEY"}, {"budget": 1}):
        refused("switched off here (WORKBOOK_MODE=practice)", **how)
    assert not service.came
    ask()


def test_it_is_forbidden_while_it_is_on(live: Service) -> None:
    os.environ["WORKBOOK_MODE"] = "practice"
    refused("switched off here")
    with pytest.raises(WorkbookError, match="switched off"):
        ask()
    assert not live.asked(), "a call was sent, and paid"


@pytest.mark.parametrize("mode", [None, "practice", "live"])
def test_a_check_that_fails_leaves_the_mode_as_it_was(start: Start, service: Service, mode: str | None) -> None:
    bad = start({"/v1/models": says(401, {"error": {"message": "KEY"}})})
    if mode:
        connect(live=mode == "live")
    os.environ["MY_SERVICE_KEY"] = OTHER
    refused(
        "did not accept the key MY_SERVICE_KEY in the environment (401)", base_url=bad.url, key_from="MY_SERVICE_KEY"
    )
    refused("Nobody answers", base_url="http://127.0.0.1:9/v1")
    if mode:
        assert ask()
    assert not bad.asked() and bool(service.asked()) == (mode == "live")


CHILD = """
import os
from helpers import connect
connect(live=True)
print(os.environ["OPENAI_BASE_URL"])
"""


def test_a_child_of_live_mode_goes_to_the_same_service(live: Service) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=60)
    assert live.url in done.stdout, done.stderr
    assert [came.key for came in live.came] == [KEY]


# ---- addresses and budgets that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["", " ", "api.example.com/v1", "localhost:11434", "ftp://example.com", "http://", "https:///v1", "http://[::1",
     "http://example.com:99999/v1", "http://example.com:port/v1", 5, b"http://localhost", ["http://localhost"]],
)  # fmt: skip
def test_what_cannot_be_an_address(url: Any) -> None:
    os.environ["OPENAI_API_KEY"] = KEY
    refused("address", BadInput, base_url=url)


def test_passwords_in_an_address_are_not_repeated(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    for url in ("https://me:canary-1@:x", "canary-2@example.com", "https://example.com:bad/v1?token=canary-3"):
        refused("address", BadInput, base_url=url)
    service = start()
    connect(live=True, base_url=service.url.replace("//", "//me:canary-secret@"))
    said = capsys.readouterr().out + str(account())
    assert "canary" not in said and service.url in said


NO_BUDGETS = [0, -1, float("nan"), "1", True, None.__class__, float("-inf"), [1], 5e-324, 10**400, 10**5000]


@pytest.mark.parametrize("budget", NO_BUDGETS, ids=range(len(NO_BUDGETS)))
def test_what_cannot_be_a_budget(service: Service, budget: Any) -> None:
    refused("is not an amount of US dollars", BadInput, budget=budget)
    assert not service.came


def test_no_limit_is_a_budget_too(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    connect(live=True, budget=float("inf"))
    assert "No budget is set" in capsys.readouterr().out


@pytest.mark.parametrize("how", [{"budget": 1}, {"base_url": "http://localhost"}, {"key_from": "MY_KEY"}])
def test_settings_of_live_mode_are_not_for_practice(how: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="are for live mode"):
        connect(**how)
