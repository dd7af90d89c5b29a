"""Fixtures: a learner's process that is not connected yet, in an empty folder, and services that play the real one."""

import functools
import logging
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helpers import connect
from helpers.session.live import secrecy
from helpers.session.state import State, state
from helpers.wire import clients, send
from live.service import Service, running

KEY = "canary-key-of-a-learner"

# each client reads all certificates of this computer anew, which takes longer than a test
quick_context = functools.cache(ssl.create_default_context)


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[State]:
    """A process in which live mode is allowed, and no key is known; it works in `tmp_path`."""
    before = dict(os.environ)
    monkeypatch.setattr(state, "__dict__", vars(State()))
    for name in ("routes", "observers", "guards"):
        monkeypatch.setattr(send, name, type(getattr(send, name))())
    monkeypatch.setattr(send, "mender", None)
    monkeypatch.setattr(secrecy, "_secrets", {})
    monkeypatch.setattr(ssl, "create_default_context", quick_context)
    monkeypatch.chdir(tmp_path)
    for name in ("WORKBOOK_MODE", "HTTP_PROXY", "HTTPS_PROXY", "OPENAI_API_KEY"):
        del os.environ[name]
    records = logging.getLogRecordFactory()
    yield state
    logging.setLogRecordFactory(records)
    clients.forget()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def start(learner: State) -> Iterator[Callable[..., Service]]:
    """Starts a service that gives these odd answers."""
    with ExitStack() as stack:
        yield lambda odd={}: stack.enter_context(running(odd))


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    """Plays the real service, which is where the learner's key belongs."""
    service = start()
    os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
    return service


@pytest.fixture
def live(service: Service, capsys: pytest.CaptureFixture[str]) -> Service:
    """Live mode, just begun."""
    connect(live=True)
    capsys.readouterr()
    service.came.clear()
    return service
