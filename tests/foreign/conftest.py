"""What these tests need: servers that others wrote, and the workbook in live mode with one of them.

They run with `python -m pytest tests/foreign`, and not among the README's tests: the servers come from PyPI and npm
(see install.py).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from foreign.install import install
from foreign.servers import COMMANDS, KEY, Server, running
from helpers import connect
from helpers.wire import retries

MODEL = "a-model-of-theirs"  # not in the workbook's catalogue: nobody knows its price
KEY_NAME = "FOREIGN_SERVICE_KEY"


@pytest.fixture(scope="session")
def _installed() -> None:
    """Does nothing where it was done before. Where it fails, so do the tests: none is skipped."""
    # the dead proxies and the guard are for what is tested
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "PYTHONPATH"}
    install(kept)


@pytest.fixture(scope="session")
def _shared(_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Gives a server by its name; it is started when it is first asked for."""
    with ExitStack() as stack:
        started: dict[str, Server] = {}

        def shared(name: str) -> Server:
            if name not in started:
                started[name] = stack.enter_context(running(name, tmp_path_factory.mktemp(name)))
            return started[name]

        yield shared


@pytest.fixture(params=COMMANDS)
def server(request: pytest.FixtureRequest, _shared: Callable[[str], Server]) -> Server:
    """Each of the servers in turn."""
    return _shared(request.param)


@pytest.fixture
def start(_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts a server of its own for one test, with further options of its command line: `start("katan", "-x")`."""
    with ExitStack() as stack:
        yield lambda name, *options: stack.enter_context(running(name, tmp_path_factory.mktemp(name), *options))


@pytest.fixture(autouse=True)
def _live_is_allowed(fresh_session: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No classroom's rule, no proxy for the loopback interface, no `.env` of somebody's, and short pauses."""
    monkeypatch.delenv("WORKBOOK_MODE")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv(KEY_NAME, KEY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.002)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def connected(server: Server, capsys: pytest.CaptureFixture[str]) -> Server:
    """Live mode: the workbook's calls go to the server."""
    connect(live=True, base_url=server.url, key_from=KEY_NAME)
    capsys.readouterr()
    return server
