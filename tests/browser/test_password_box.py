"""connect(live=True) where no key is found: JupyterLab's password box, and what is left of what was typed there."""

import json
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from browser.jupyter import Lab
from helpers.mock_api import MockAPI
from helpers.mock_api.server import Server

ALLOWED = """import os
del os.environ['WORKBOOK_MODE'], os.environ['OPENAI_API_KEY']
os.environ['NO_PROXY'] = '127.0.0.1'
"""


@pytest.fixture
def service() -> Iterator[Server]:
    """Plays the real service."""
    server = Server(MockAPI(pace=0.01))
    yield server
    server.stop()


def test_a_key_that_is_typed_there_is_nowhere_else(lab: Lab, service: Server) -> None:
    key = f"sk-proj-{secrets.token_urlsafe(60)}"
    notebook = lab.cells(
        f"{ALLOWED}os.environ['OPENAI_BASE_URL'] = {service.url!r}\nfrom helpers import *",
        # a service on this computer is not asked for a key, so it has to look as if it were elsewhere
        "from helpers.session.live import access\n"
        "access.is_here = lambda url: False; access._is_near = lambda url: True\n"
        "connect(live=True)",
        "print(await ask_ai('What is Go?')); print(os.environ['OPENAI_API_KEY']); os.environ",
        "%xmode Verbose\nmine = os.environ['OPENAI_API_KEY']\nraise ValueError(mine)",
    )
    notebook.run(1)
    notebook.start(2)
    box = notebook.page.locator(".jp-Stdin-input")
    expect(box).to_have_attribute("type", "password")
    box.fill(key)
    box.press("Enter")
    notebook.wait(2)
    assert "Live mode: calls go to" in notebook.text(2) and "with the key that you typed" in notebook.text(2)
    notebook.run(3)
    assert "Go is a" in notebook.text(3) and "(your key, hidden)" in notebook.text(3)
    notebook.run(4)
    assert "ValueError: (your key, hidden)" in notebook.text(4)
    assert [line.question for line in service.api.served if line.question] == ["What is Go?"]
    notebook.save()
    saved = (lab.workbook / notebook.path).read_text("utf-8")
    assert json.loads(saved)["cells"][2]["outputs"]
    assert key[20:40] not in notebook.page.content()
    for file in lab.workbook.parent.rglob("*"):
        if file.is_file():
            assert key[20:40].encode() not in file.read_bytes(), file
