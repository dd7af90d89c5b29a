"""Fixtures: a mock API, how it ends its answers, and a real service that answers."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from helpers.mock_api import MockAPI

PACE = 0.01


@pytest.fixture
def connected(notebook: MockAPI) -> MockAPI:
    """The name by which the tests in this folder ask for it."""
    return notebook


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The free request that live mode begins with is answered, whomever it asks."""
    monkeypatch.setattr("helpers.session.going_live.live.client_for", lambda access: nullcontext())
    monkeypatch.setattr("helpers.session.live.service.list_models", lambda client, access: {})


@pytest.fixture(params=["server", "inside the process"])
def both_doors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Practice mode with its server, and again where there can be none."""

    def refuse(*_: object) -> None:
        raise OSError("no sockets here")

    if request.param != "server":
        monkeypatch.setattr("helpers.mock_api.server.Server", refuse)


@pytest.fixture
def api() -> MockAPI:
    return MockAPI(pace=PACE)


@pytest.fixture
def ends(connected: MockAPI, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`ends("length")`: so end all answers; with `text`, that is all they say."""

    def end(finish_reason: str, text: str | None = None) -> None:
        monkeypatch.setattr("helpers.mock_api.endpoints.chat_completions.finish_reason", lambda *_: finish_reason)
        if text is not None:
            monkeypatch.setattr(connected, "answer", lambda model, question: text)

    return end
