"""The key panel without a browser: what a reader sees, which mode it is then, and who saw the key."""

import asyncio
import gc
import json
import secrets
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest
from boxes import (
    displayed,
    find,
    finished,
    front_end_state,
    is_disabled,
    line,
    markup,
    message,
    press,
    send_form,
    shown,
    status,
    value,
)
from waiting import until

from helpers import ask_ai, connect, session
from helpers.mock_api import Faults, MockAPI
from helpers.mock_api.exchange import Piece, Reply
from helpers.mock_api.server import Server
from helpers.session.budget import BUDGET
from helpers.session.state import State, state
from helpers.widgets.base import Box
from helpers.widgets.key_panel import KeyPanel, key_panel

RIGHT, WRONG = f"sk-proj-{secrets.token_urlsafe(60)}", f"sk-proj-{secrets.token_urlsafe(60)}"
GO_LIVE, BACK = "Go live", "Back to practice"
ADDRESS, AMOUNT = "Address, only for another service than OpenAI", "Budget (USD)"
NOT_SO = "did not accept the key that you typed (401): it is mistyped"


class Service(MockAPI):
    """Plays the real service, and keeps the keys that it is asked with."""

    def __init__(self) -> None:
        super().__init__(pace=0.01)
        self.right = {RIGHT}
        self.keys: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.url = ""

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.may_answer.wait(10)
        key = headers.get("authorization", "").removeprefix("Bearer ")
        self.keys.append(key)
        self.faults = Faults(expired_key=key not in self.right)
        return super().handle(method, path, headers, body)


@pytest.fixture
def service(fresh_session: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    """It is where OPENAI_API_KEY belongs, and looks as if it were on another computer. No key is set."""
    service = Service()
    server = Server(service)
    service.url = server.url
    monkeypatch.chdir(tmp_path)  # there is no .env
    monkeypatch.setattr("helpers.session.live.access.is_here", lambda url: False)
    monkeypatch.setattr("helpers.session.live.access._is_near", lambda url: True)
    monkeypatch.delenv("WORKBOOK_MODE")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    connect()
    yield service
    service.may_answer.set()
    server.stop()


def learner(does: Callable[[KeyPanel], Awaitable[None]]) -> None:
    """Somebody with a panel."""

    async def begin() -> None:
        panel = key_panel()
        await does(panel)
        panel.close()

    asyncio.run(begin())


async def go_live(panel: KeyPanel, key: str = "", address: str = "", budget: str = "") -> str:
    """What it says of that."""
    send_form(panel, GO_LIVE, key, address=address, budget=budget)
    await finished(panel)
    return status(panel)


async def back(panel: KeyPanel) -> None:
    press(panel, BACK)
    await until(lambda: session.mode() == "practice" and not is_disabled(panel, GO_LIVE))


def test_before_anything_it_says_how_things_stand(service: Service) -> None:
    async def looks(panel: KeyPanel) -> None:
        assert line(panel, "mode") == session.in_words() == session.account().splitlines()[0]
        assert line(panel, "account") == "Used so far: 0 answers, 0 tokens, 0 USD."
        assert line(panel, "key-there") == (
            "No key for 127.0.0.1 was found, neither in the environment nor in a file named .env: type yours here."
        )
        assert is_disabled(panel, BACK) and not is_disabled(panel, GO_LIVE)
        assert [value(panel, name) for name in (ADDRESS, AMOUNT)] == ["", f"{BUDGET:g}"]
        assert not service.keys

    learner(looks)


def test_live_and_back_again(service: Service) -> None:
    async def goes(panel: KeyPanel) -> None:
        said = await go_live(panel, RIGHT, budget="0.5")
        assert "with the key that you typed, and cost money. It works: " in said and "connect() ends live mode." in said
        assert session.mode() == "live" and line(panel, "mode") == session.in_words()
        assert "Budget: 0.50 USD, 0 USD used.\nRate limits: not known." in line(panel, "account")
        assert line(panel, "key-there").startswith(f"In use: the key that you typed, at {service.url}.")
        assert not is_disabled(panel, BACK)
        await ask_ai("What is Go?")
        await until(lambda: "1 answer" in line(panel, "account"))  # it looks by itself
        assert "Budget" not in status(panel), "what it says of the budget would not be true any more"
        await back(panel)
        assert status(panel) == "Back in practice mode: nothing is charged."
        assert line(panel, "mode") == session.in_words() and is_disabled(panel, BACK)
        assert "Used so far: 0 answers" in line(panel, "account")
        assert line(panel, "key-there").endswith("already: the key that you typed. It is used if you type none.")
        # the key is known, and the budget stays
        assert "It works: " in await go_live(panel) and "Budget: 0.50 USD" in line(panel, "account")
        assert {*service.keys} == {RIGHT}
        assert RIGHT not in front_end_state(panel)

    learner(goes)


def test_a_wrong_key_changes_nothing_and_can_be_corrected(service: Service) -> None:
    async def goes(panel: KeyPanel) -> None:
        assert NOT_SO in await go_live(panel, WRONG)
        assert session.mode() == "practice" and not is_disabled(panel, GO_LIVE)
        assert line(panel, "key-there").startswith("No key for ")
        await go_live(panel, RIGHT)
        assert session.mode() == "live"
        # in live mode too
        assert NOT_SO in await go_live(panel, WRONG)
        assert session.mode() == "live" and line(panel, "key-there").startswith("In use: the key that you typed")
        await ask_ai("What is Go?")
        assert service.keys == [WRONG, RIGHT, WRONG, RIGHT]
        assert WRONG not in front_end_state(panel) and RIGHT not in front_end_state(panel)

    learner(goes)


def test_a_key_that_is_typed_comes_before_one_that_is_found(service: Service) -> None:
    Path(".env").write_text(f"OPENAI_API_KEY={WRONG}\n")

    async def goes(panel: KeyPanel) -> None:
        assert line(panel, "key-there") == (
            f"There is a key for {service.url} already: the key in .env. It is used if you type none."
        )
        assert "did not accept the key in .env (401)" in await go_live(panel)
        await go_live(panel, f"  {RIGHT}\t")
        assert session.mode() == "live"
        assert service.keys == [WRONG, RIGHT]
        assert WRONG not in front_end_state(panel)

    learner(goes)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "No key was found for 127.0.0.1. Type yours into the field, then try again."),
        ({"key": "sk-..."}, "The key that you typed is only a placeholder"),
        ({"key": "two words"}, "The key that you typed holds something that is in no key (its character number 4)."),
        ({"key": "http://localhost:11434/v1"}, "That is an address, not a key."),
        ({"key": RIGHT, "address": WRONG}, "What stands in the address field is not an address, so"),
        ({"key": RIGHT, "address": "localhost:11434"}, "What stands in the address field is not an address, so"),
        ({"key": RIGHT, "address": "http://"}, "What stands in the address field is not an address, so"),
        ({"key": RIGHT, "address": "http://127.0.0.1:9/v1"}, "127.0.0.1 cannot be reached."),
        *(
            ({"key": RIGHT, "budget": budget}, "What stands in the budget field is not an amount of US dollars, so")
            for budget in ("much", "0", "-1", "nan", "1 000", WRONG)
        ),
    ],
)
def test_what_is_wrong_is_said_and_the_mode_stays(service: Service, typed: dict[str, str], said: str) -> None:
    async def goes(panel: KeyPanel) -> None:
        assert (await go_live(panel, **typed)).startswith(said)
        assert session.mode() == "practice" and not is_disabled(panel, GO_LIVE)
        assert not service.keys
        assert WRONG not in front_end_state(panel), "what was typed is not repeated: it may be a key in the wrong field"

    learner(goes)


@pytest.mark.parametrize(
    ("typed", "usd"), [("1", 1), ("0,5", 0.5), (" $2 ", 2), ("3 USD", 3), ("inf", float("inf")), (" ", BUDGET)]
)
def test_ways_to_write_a_budget(service: Service, typed: str, usd: float) -> None:
    async def goes(panel: KeyPanel) -> None:
        await go_live(panel, RIGHT, budget=typed)
        assert state.live is not None and state.live.budget.most == usd
        assert value(panel, AMOUNT) == f"{usd:g}"

    learner(goes)


def test_a_service_that_has_no_list_of_models(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel says what could not be checked, and the first call tells."""

    def none(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path != "/v1/models":
            return MockAPI.handle(service, method, path, headers, body)
        return Reply(0.0, 404, {"content-type": "application/json"}, (Piece(0.0, b'{"detail": "Not Found"}'),))

    monkeypatch.setattr(service, "handle", none)

    async def goes(panel: KeyPanel) -> None:
        said = await go_live(panel, RIGHT)
        assert session.mode() == "live"
        assert "It does not list its models (404): Not Found. So it could not be checked" in said
        assert "the first call tells" in said and "It works" not in said
        await ask_ai("What is Go?")
        assert RIGHT not in front_end_state(panel)

    learner(goes)


def test_another_service(service: Service) -> None:
    other = Service()
    server = Server(other)

    async def goes(panel: KeyPanel) -> None:
        assert f"calls go to {server.url} with" in await go_live(panel, RIGHT, address=f" {server.url} ")
        await ask_ai("What is Go?")
        assert [each.question for each in other.served if each.question] == ["What is Go?"]
        assert not service.keys

    learner(goes)
    server.stop()


def test_a_service_on_this_computer_needs_no_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.session.live.access.is_here", lambda url: True)

    async def goes(panel: KeyPanel) -> None:
        assert line(panel, "key-there").endswith(
            "is a service on this computer: it is asked without a key, if you type none."
        )
        service.right.add("no-key")
        await go_live(panel)
        assert service.keys == ["no-key"]

    monkeypatch.setitem(state.own, "OPENAI_BASE_URL", None)
    monkeypatch.setattr("helpers.session.live.access.OPENAI", service.url)
    learner(goes)


def test_the_page_stays_alive_while_the_key_is_checked(service: Service) -> None:
    async def goes(panel: KeyPanel) -> None:
        service.may_answer.clear()
        send_form(panel, GO_LIVE, RIGHT)
        await until(lambda: status(panel).startswith("Checking"))
        assert status(panel) == f"Checking the key that you typed at {service.url} … (this costs nothing)"
        assert is_disabled(panel, GO_LIVE) and session.mode() == "practice"
        send_form(panel, GO_LIVE, WRONG, anyway=True)  # Enter, once more, before the page knows that it waits
        await asyncio.sleep(0.01)
        service.may_answer.set()
        await until(lambda: session.mode() == "live")
        assert service.keys == [RIGHT]

    learner(goes)


def test_who_comes_back_while_a_key_is_checked_stays_in_practice_mode(service: Service) -> None:
    async def goes(panel: KeyPanel) -> None:
        await go_live(panel, RIGHT)
        service.may_answer.clear()
        send_form(panel, GO_LIVE, WRONG)
        await until(lambda: status(panel).startswith("Checking"))
        press(panel, BACK)
        await until(lambda: not panel.busy)
        service.may_answer.set()
        await asyncio.sleep(0.05)
        assert session.mode() == "practice" and status(panel) == "Back in practice mode: nothing is charged."
        assert not is_disabled(panel, GO_LIVE)

    learner(goes)


def test_a_cell_that_is_run_again_while_a_key_is_checked(service: Service) -> None:
    async def goes(panel: KeyPanel) -> None:
        service.may_answer.clear()
        send_form(panel, GO_LIVE, RIGHT)
        await until(lambda: status(panel).startswith("Checking"))
        panel.close()
        service.may_answer.set()
        await until(lambda: not panel.busy)
        assert session.mode() == "practice"

    learner(goes)


def test_what_a_cell_does_is_seen(service: Service) -> None:
    async def goes(panel: KeyPanel) -> None:
        assert NOT_SO in await go_live(panel, WRONG)
        Path(".env").write_text(f"OPENAI_API_KEY={RIGHT}\n")
        await asyncio.to_thread(connect, live=True, budget=2)
        await until(lambda: line(panel, "mode") == session.in_words())
        assert status(panel) == "" and not is_disabled(panel, BACK)
        assert value(panel, AMOUNT) == "2"
        assert "the key in .env" in line(panel, "key-there")

    learner(goes)


def test_in_a_class_it_is_switched_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_MODE", "practice")

    async def goes(panel: KeyPanel) -> None:
        assert line(panel, "key-there").startswith("Live mode is switched off here (WORKBOOK_MODE=practice)")
        assert is_disabled(panel, GO_LIVE) and is_disabled(panel, BACK)
        # whatever the page may send
        send_form(panel, GO_LIVE, RIGHT, anyway=True)
        await finished(panel)
        assert status(panel).startswith("Live mode is switched off here")
        assert session.mode() == "practice" and not service.keys

    learner(goes)


@pytest.mark.parametrize("content", [None, "sent", [], {}, {"sent": 1}, {"sent": "a", "beside": {}}])
def test_messages_that_are_none(service: Service, content: object) -> None:
    async def goes(panel: KeyPanel) -> None:
        form = find(panel, GO_LIVE)
        message(form, content, [json.dumps(content).encode()])
        message(form, content)
        await asyncio.sleep(0.01)
        assert not panel.busy and status(panel) == ""

    learner(goes)


def test_what_goes_wrong_in_the_background_shows_no_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(access: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("helpers.session.check", broken)

    async def goes(panel: KeyPanel) -> None:
        assert "RuntimeError: a bug" in await go_live(panel, RIGHT)
        assert "Traceback" in markup(panel) and RIGHT not in front_end_state(panel)

    learner(goes)


def test_an_event_loop_that_tells_what_it_runs_shows_no_key(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = f"sk-proj-{secrets.token_urlsafe(60)}"  # one that is not hidden yet
    service.right.add(key)

    async def goes(panel: KeyPanel) -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.0
        send_form(panel, GO_LIVE, key)
        await asyncio.sleep(0)
        loop.slow_callback_duration = 10.0
        await until(lambda: session.mode() == "live")

    with caplog.at_level("WARNING", "asyncio"):
        learner(goes)
    said = [record.getMessage() for record in caplog.records]
    assert any("(your key, hidden)" in each for each in said), "it did tell of this call"
    assert not any("sk-proj" in each for each in said), "not even its beginning"


def test_nothing_of_it_is_left(service: Service) -> None:
    async def begin() -> None:
        others, panel = asyncio.all_tasks(), key_panel()
        left = weakref.ref(panel)
        panel.close()
        assert asyncio.all_tasks() == others and shown(panel) == ""
        del panel
        gc.collect()
        assert left() is None, "a timer still looks at the session for it"

    asyncio.run(begin())


def test_without_a_front_end_it_is_plain_text(service: Service) -> None:
    async def goes(panel: KeyPanel) -> None:
        assert isinstance(panel, Box) and displayed(panel)["text/plain"] == repr(panel)
        before = repr(panel)
        await go_live(panel, RIGHT)
        assert repr(panel) == before.replace("Now: practice mode.", "Now: live mode.")
        assert "127.0.0.1" not in repr(panel)

    learner(goes)
    assert "Now: live mode. By code: connect(live=True) goes live, connect() comes back." in repr(key_panel())


def test_before_connect(fresh_session: State) -> None:
    panel = key_panel()
    assert line(panel, "mode") == "Not connected yet: run the cell with connect()."
    assert "Now: not connected yet." in repr(panel)
