"""What the tests of the batch need: no proxy, short pauses, a service that fails."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

from helpers.batch import progress
from helpers.wire import retries


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a question is asked again."""
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.002)
    monkeypatch.setattr(retries, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The progress bar, and each change of it."""
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.001)


class FaultServer:
    """The service of fault_server.py, at an address for each way to fail."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._open = build_opener(ProxyHandler({})).open

    def url(self, **way: object) -> str:
        return f"{self._address}/{urlencode(way)}/v1"

    def log(self, url: str) -> dict[str, list[str]]:
        """For each question that was asked what became of its requests, in the order in which they came."""
        with self._open(f"{url}/log") as response:
            log: dict[str, list[str]] = json.load(response)
        return log


@pytest.fixture(scope="module")
def fault_server() -> Iterator[FaultServer]:
    command = [sys.executable, "-m", "batch.fault_server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], text=True, **pipes) as process:
        assert process.stdin and process.stdout
        yield FaultServer(process.stdout.readline().strip())
        process.stdin.close()
