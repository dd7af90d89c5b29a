"""Fixtures: a fresh session, and clients of a mock API in this process."""

import os
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from helpers import clients, session
from helpers.mock_api import MockAPI

PACE = 0.01


@pytest.fixture
def fresh_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[session._Session]:
    """A process in which nobody has connected yet; its environment is put back afterwards."""
    before = dict(os.environ)
    monkeypatch.setattr(session, "_session", session._Session())
    monkeypatch.setattr(session.wire, "routes", {})
    yield session._session
    clients.forget()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def connected(fresh_session: session._Session, capsys: pytest.CaptureFixture[str]) -> MockAPI:
    """Practice mode; gives the mock API that answers."""
    session.connect()
    capsys.readouterr()
    assert fresh_session.api is not None
    return fresh_session.api


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The free request that live mode begins with is answered, whomever it asks."""
    monkeypatch.setattr("helpers.live.client_for", lambda access: nullcontext())
    monkeypatch.setattr("helpers.live.list_models", lambda client, access: {})


@pytest.fixture
def api() -> MockAPI:
    return MockAPI(pace=PACE)
