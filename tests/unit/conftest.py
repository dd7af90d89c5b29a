"""Fixtures: a fresh session, and clients of a mock API in this process."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

from helpers import session
from helpers.mock_api import MockAPI
from helpers.session.state import State, state
from helpers.wire import clients, send

PACE = 0.01


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
def connected(fresh_session: State, capsys: pytest.CaptureFixture[str]) -> MockAPI:
    """Practice mode; gives the mock API that answers."""
    session.connect()
    capsys.readouterr()
    assert fresh_session.api is not None
    return fresh_session.api


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The free request that live mode begins with is answered, whomever it asks."""
    monkeypatch.setattr("helpers.session.going_live.live.client_for", lambda access: nullcontext())
    monkeypatch.setattr("helpers.session.live.service.list_models", lambda client, access: {})


@pytest.fixture
def api() -> MockAPI:
    return MockAPI(pace=PACE)


@pytest.fixture
def ends(connected: MockAPI, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`ends("length")`: so end all answers; with `text`, that is all they say."""

    def end(finish_reason: str, text: str | None = None) -> None:
        monkeypatch.setattr("helpers.mock_api.api._Exchange._finish", lambda *_: finish_reason)
        if text is not None:
            monkeypatch.setattr(connected, "answer", lambda model, question: text)

    return end
