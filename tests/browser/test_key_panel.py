"""The key panel as its user sees it, and everywhere that a key could be left behind."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Locator, WebSocket, expect

from browser.axe import axe
from browser.jupyter import Lab
from browser.notebook import Notebook
from helpers.mock_api import Faults, MockAPI
from helpers.mock_api.exchange import Reply
from helpers.mock_api.server import Server

# the service is where OPENAI_API_KEY belongs, and looks as if it were on another computer; no key is set
ALLOWED = """import os
del os.environ['WORKBOOK_MODE'], os.environ['OPENAI_API_KEY']
os.environ['NO_PROXY'] = os.environ['no_proxy'] = '127.0.0.1'
os.environ['OPENAI_BASE_URL'] = {url!r}
from helpers.session.live import access; access.is_here = lambda url: False; access._is_near = lambda url: True
"""
CONNECT = """from helpers import connect, question_box
from helpers.widgets.key_panel import key_panel
connect()"""
PANEL = "panel = key_panel()\npanel"
MODE = "__import__('helpers').session.mode()"
FIELDS = "Array.from(document.querySelectorAll('input, textarea'), field => field.value).join(' ')"
SAVE_WIDGETS = "jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
WIDGETS = "application/vnd.jupyter.widget-state+json"
PIECE = 16  # characters of a key; so many in a row are no accident


class Service(MockAPI):
    """Plays the real service; it takes one key only."""

    def __init__(self) -> None:
        super().__init__(pace=0.01)
        self.key = f"sk-proj-{secrets.token_urlsafe(60)}"
        self.url = ""

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.faults = Faults(expired_key=headers.get("authorization") != f"Bearer {self.key}")
        return super().handle(method, path, headers, body)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    server = Server(service)
    service.url = server.url
    yield service
    server.stop()


class Frames:
    """All that page and server tell each other while a notebook is open."""

    def __init__(self, notebook: Notebook) -> None:
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        notebook.page.on("websocket", self._listen)
        notebook.load(notebook.page.url)  # anew: those that are open are not heard

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(_as_bytes(frame)))
        socket.on("framereceived", lambda frame: self.received.append(_as_bytes(frame)))


def _as_bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def holds(content: bytes, key: str) -> bool:
    """Whether a key, or a piece of it, is in there."""
    secret = key.removeprefix("sk-proj-").encode()
    return any(secret[at : at + PIECE] in content for at in range(len(secret) - PIECE + 1))


def files_with(key: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and holds(path.read_bytes(), key)]


def opened(lab: Lab, service: Service | None, *cells: str) -> tuple[Notebook, Locator]:
    """A notebook in which all cells have run, and the panel in it; without a service, live mode is forbidden."""
    notebook = lab.cells((ALLOWED.format(url=service.url) if service else "") + CONNECT, PANEL, *cells)
    for number in range(1, len(cells) + 3):
        notebook.run(number)
    return notebook, notebook.page.locator(".workbook-key-panel")


def status(box: Locator) -> Locator:
    return box.get_by_role("status")


def key_field(box: Locator) -> Locator:
    return box.get_by_label("Your API key (Enter goes live)")


def test_live_and_back_and_nothing_is_left_of_the_key(lab: Lab, service: Service) -> None:
    wrong = f"sk-proj-{secrets.token_urlsafe(60)}"
    notebook = lab.cells(ALLOWED.format(url=service.url) + CONNECT, PANEL, "question_box('What is Go?')", "panel")
    frames = Frames(notebook)
    for number in (1, 2, 3):
        notebook.run(number)
    box, other = notebook.page.locator(".workbook-key-panel"), notebook.page.locator(".workbook-question-box")
    field = key_field(box)
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("autocomplete", "new-password")
    expect(box).to_contain_text("Practice mode: a mock API on this computer answers.")
    expect(box).to_contain_text("No key for 127.0.0.1 was found")
    expect(box.get_by_role("button", name="Back to practice")).to_be_disabled()

    field.fill(wrong)
    field.press("Enter")
    expect(field).to_have_value("")
    expect(status(box)).to_contain_text("did not accept the key that you typed (401): it is mistyped, cut short")
    assert notebook.evaluate(MODE) == "practice"

    field.fill(service.key)
    box.get_by_role("button", name="Go live").click()
    expect(field).to_have_value("")
    expect(status(box)).to_contain_text("with the key that you typed, and cost money. It works: ")
    expect(box).to_contain_text("Budget: 0.25 USD, 0 USD used.")
    other.get_by_role("button", name="Ask").click()
    expect(status(other)).to_have_text("3 answers.")
    expect(box).to_contain_text("Used so far: 3 answers, ")
    expect(box).to_contain_text(re.compile(r"Budget: 0\.25 USD, 0\.00\d+ USD used\."))
    assert {line.question for line in service.served if line.question} == {"What is Go?"}
    notebook.run(4)  # a second view, made when the key was known
    expect(notebook.page.locator(".workbook-key-panel")).to_have_count(2)

    box.first.get_by_role("button", name="Back to practice").click()
    expect(status(box).first).to_have_text("Back in practice mode: nothing is charged.")
    assert notebook.evaluate(MODE) == "practice"
    notebook.page.evaluate(SAVE_WIDGETS)
    notebook.save()

    saved = json.loads((lab.workbook / notebook.path).read_text("utf-8"))
    assert "Your API key" in json.dumps(saved["metadata"]["widgets"][WIDGETS]), "widgets' state is saved too"
    assert "Key panel: go live" in json.dumps(saved["cells"][1]["outputs"])
    for key in (wrong, service.key):
        assert files_with(key, lab.workbook.parent) == []
        assert not holds((notebook.page.content() + notebook.page.evaluate(FIELDS)).encode(), key)
        assert [frame for frame in frames.received if holds(frame, key)] == []
        assert sum(holds(frame, key) for frame in frames.sent) == 1, "the page tells it once"
    assert len(frames.received) > 50 and any(b"did not accept the key" in frame for frame in frames.received)
    assert notebook.errors() == notebook.console == []


def test_nonsense_in_its_fields(lab: Lab, service: Service) -> None:
    notebook, box = opened(lab, service)
    address, budget = (
        box.get_by_label("Address, only for another service than OpenAI"),
        box.get_by_label("Budget (USD)"),
    )
    expect(budget).to_have_value("0.25")
    expect(address).to_have_value("")
    go = box.get_by_role("button", name="Go live")
    go.click()
    expect(status(box)).to_have_text("No key was found for 127.0.0.1. Type yours into the field, then try again.")
    for text in ("<img src=x onerror='window.ran = 1'>", "localhost", "http://:port"):
        key_field(box).fill(service.key)
        address.fill(text)
        go.click()
        expect(status(box)).to_contain_text(
            "What stands in the address field is not an address, so nothing was changed."
        )
        address.fill("")
        go.click()
        expect(status(box)).to_contain_text("No key was found")
    for text in ("much", "-1", "0"):
        budget.fill(text)
        budget.press("Enter")
        expect(status(box)).to_contain_text(
            "What stands in the budget field is not an amount of US dollars, so nothing was changed."
        )
        budget.fill("")
        go.click()
        expect(status(box)).to_contain_text("No key was found")
    key_field(box).fill("http://localhost:11434/v1")
    go.click()
    expect(status(box)).to_contain_text("That is an address, not a key.")
    address.fill("http://127.0.0.1:9/v1")
    key_field(box).fill(service.key)
    go.click()
    expect(status(box)).to_have_text("127.0.0.1 cannot be reached. Check your network, and the address.")
    assert notebook.evaluate(MODE) == "practice" and not service.served
    # and all of it mended
    address.fill(service.url)
    budget.fill("0,5")
    key_field(box).fill(service.key)
    go.click()
    expect(box).to_contain_text("Budget: 0.50 USD")
    expect(budget).to_have_value("0.5")
    expect(address).to_have_value(service.url)
    assert notebook.page.evaluate("window.ran") is None and notebook.console == []


def test_by_keyboard_alone(lab: Lab, service: Service) -> None:
    notebook, box = opened(lab, service, "1 + 1")
    press, cells = notebook.page.keyboard.press, notebook.page.locator(".jp-Notebook .jp-CodeCell")
    before = cells.count()
    key_field(box).focus()
    notebook.page.keyboard.type("ddabxyz00m")  # JupyterLab deletes cells with dd, and makes new ones with a and b
    press("Shift+Enter")
    expect(status(box)).to_contain_text("did not accept the key that you typed")
    expect(key_field(box)).to_be_focused()
    notebook.page.keyboard.type(service.key)
    for _ in range(2):
        press("Tab")
    expect(box.get_by_label("Budget (USD)")).to_be_focused()
    press("Control+A")
    notebook.page.keyboard.type("0.1")
    press("Tab")
    expect(box.get_by_role("button", name="Go live")).to_be_focused()
    press("Space")
    expect(box).to_contain_text("Budget: 0.10 USD")
    expect(box.get_by_role("button", name="Go live")).to_be_focused()
    for _ in range(4):
        press("Shift+Tab")
    expect(box.get_by_role("button", name="Back to practice")).to_be_focused()
    press("Enter")
    expect(status(box)).to_have_text("Back in practice mode: nothing is charged.")
    expect(cells).to_have_count(before)
    assert notebook.errors() == notebook.console == []


def test_where_live_mode_is_forbidden(lab: Lab) -> None:
    notebook, box = opened(lab, None)
    expect(box).to_contain_text("Live mode is switched off here (WORKBOOK_MODE=practice)")
    for name in ("Your API key (Enter goes live)", "Address", "Budget (USD)"):
        expect(box.get_by_label(name)).to_be_disabled()
    for name in ("Go live", "Back to practice"):
        expect(box.get_by_role("button", name=name)).to_be_disabled()
    assert axe(box) == [] and notebook.console == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read(lab: Lab, service: Service, theme: str) -> None:
    notebook, box = opened(lab, service)
    notebook.theme(theme)
    assert axe(box) == []
    key_field(box).fill(service.key)
    key_field(box).press("Enter")
    expect(status(box)).to_contain_text("It works: ")
    assert axe(box) == []
    notebook.page.set_viewport_size({"width": 700, "height": 900})
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), "all of it is in view"
    assert axe(box) == []
