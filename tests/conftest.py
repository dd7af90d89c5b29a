"""What the tests in all folders need."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dotenv
import openai._base_client
import pytest

from helpers import session
from helpers.mock_api import MockAPI
from helpers.session.state import State, state
from helpers.wire import clients, send

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own pause before a retry, which no pace scales."""
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.01)


@pytest.fixture(autouse=True)
def no_key_of_a_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A .env file beside README.md, or above it, is not read; one that a test has written elsewhere is."""
    find_dotenv = dotenv.find_dotenv

    def find(*arguments: Any, **options: Any) -> str:
        found = find_dotenv(*arguments, **options)
        return "" if ROOT.is_relative_to(Path(found).parent.resolve()) else found

    monkeypatch.setattr(dotenv, "find_dotenv", find)


@pytest.fixture
def fresh_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A process in which nobody has connected yet; its environment is put back afterwards."""
    before = dict(os.environ)
    monkeypatch.setattr(state, "__dict__", vars(State()))
    monkeypatch.setattr(send, "routes", {})
    yield state
    clients.forget()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def notebook(fresh_session: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> MockAPI:
    """A notebook that has just connected, in practice mode; its progress is its own. Gives its mock API."""
    os.environ["WORKBOOK_PROGRESS"] = str(tmp_path / "progress.json")
    session.connect()
    capsys.readouterr()
    assert fresh_session.api is not None
    return fresh_session.api
