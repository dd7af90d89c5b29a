"""Fixtures: a learner's process that is not connected yet, in an empty folder, and services that play the real one."""

import functools
import logging
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helpers import clients, connect, session, wire
from helpers.live import secrecy
from live.service import Service, running

KEY = "canary-key-of-a-learner"

# each client reads all certificates of this computer anew, which takes longer than a test
quick_context = functools.cache(ssl.create_default_context)


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[session._Session]:
    """A process in which live mode is allowed, and no key is known; it works in `tmp_path`."""
    before = dict(os.environ)
    monkeypatch.setattr(session, "_session", session._Session())
    for name in ("routes", "observers", "guards"):
        monkeypatch.setattr(wire, name, type(getattr(wire, name))())
    monkeypatch.setattr(wire, "mender", None)
    monkeypatch.setattr(secrecy, "_secrets", {})
    monkeypatch.setattr(ssl, "create_default_context", quick_context)
    monkeypatch.chdir(tmp_path)
    for name in ("WORKBOOK_MODE", "HTTP_PROXY", "HTTPS_PROXY", "OPENAI_API_KEY"):
        del os.environ[name]
    records = logging.getLogRecordFactory()
    yield session._session
    logging.setLogRecordFactory(records)
    clients.forget()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def start(learner: session._Session) -> Iterator[Callable[..., Service]]:
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
