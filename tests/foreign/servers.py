"""Starts the servers that were installed: each on a free port of the loopback interface, with nothing of the user's."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from foreign.install import HERE, PACKAGES, PYTHON, node

KEY = "canary-key-of-a-foreign-service"
PATIENCE = 30.0  # seconds until a server answers, or has ended
PORTS = 5  # tried, where another process takes the one that was free a moment ago

_open = build_opener(ProxyHandler({})).open


@dataclass(frozen=True)
class Server:
    """One that runs."""

    name: str
    address: str
    _log: Path
    _process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"{self.address}/v1"

    @property
    def checks_keys(self) -> bool:
        return self.name != "mock-llm"

    @property
    def tells_usage(self) -> bool:
        return self.name != "mock-llm"

    def is_answer(self, text: str | None, question: str) -> bool:
        """Whether it is what this server answers to that question. Only aimock does not repeat it."""
        return bool(text) and ("An answer of aimock's" if self.name == "aimock" else question) in (text or "")

    def asked(self) -> int:
        """How many questions it has got, as it says itself: with those that it refused."""
        if self.name == "aimock":
            with self.get("/__aimock/journal?path=/v1/chat/completions") as response:
                return len(json.load(response))
        return self._log.read_text(errors="replace").count("POST /v1/chat/completions")

    def fail(self, way: str) -> None:
        """From now on all that aimock is asked goes wrong: "malformed", "disconnect", "drop"."""
        self.get("/__aimock/chaos", json.dumps({f"{way}Rate": 1.0}).encode()).close()

    def get(self, path: str, posted: bytes | None = None) -> Any:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        return _open(Request(self.address + path, posted, headers), timeout=PATIENCE)

    def end(self) -> None:
        """Ends it and all that it has started."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, how)
                self._process.wait(PATIENCE / 3)
            except ProcessLookupError:  # all of them have ended
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()


def aimock(port: int, *options: str) -> tuple[list[str], dict[str, str]]:
    """Close to OpenAI: request ids, usage, its errors. The models that it lists are not those that it is asked for."""
    program = PACKAGES / "@copilotkit" / "aimock" / "dist" / "cli.js"
    command = [str(node()), str(program), "-h", "127.0.0.1", "-p", str(port), "-f", str(HERE / "aimock.json")]
    return [*command, "--log-level", "warn", *options], {"AIMOCK_API_KEYS": KEY}


def katan(port: int, *options: str) -> tuple[list[str], dict[str, str]]:
    """No request ids, `{"detail": …}`, and refusals that repeat the key. Any model may be asked, one answers."""
    command = [str(PYTHON / "bin" / "llm-katan"), "-b", "echo", "-m", "tiny-echo", "-h", "127.0.0.1", "-p", str(port)]
    keys = ["--validate-keys", "--api-keys", f"openai={KEY}", "--stats-file", "stats.json"]
    return [*command, *keys, *options], {}


def mock_llm(port: int, *options: str) -> tuple[list[str], dict[str, str]]:
    """Tells no usage, lists no models, takes any key, and its `error` is a string."""
    program = PACKAGES / "@dwmkerr" / "mock-llm" / "dist" / "main.js"
    command = [str(node()), str(program), "--config", str(HERE / "mock-llm.yaml"), *options]
    return command, {"HOST": "127.0.0.1", "PORT": str(port)}


COMMANDS: dict[str, Callable[..., tuple[list[str], dict[str, str]]]] = {
    "aimock": aimock,
    "katan": katan,
    "mock-llm": mock_llm,
}


@contextmanager
def running(name: str, folder: Path, *options: str) -> Iterator[Server]:
    """A server while it runs; `options` are further ones of its command line. `folder` is its home."""
    server = _start(name, folder, options)
    try:
        yield server
    finally:
        server.end()


def _start(name: str, folder: Path, options: tuple[str, ...]) -> Server:
    log = folder / "log"
    for _ in range(PORTS):
        port = _free_port()
        command, settings = COMMANDS[name](port, *options)
        with log.open("w") as output:
            # in a session of its own: with its children it is ended as one, and not by Ctrl+C
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(folder) | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(name, f"http://127.0.0.1:{port}", log, process)
        try:
            if _answers(server):
                return server
        except BaseException:
            server.end()
            raise
    raise RuntimeError(f"{name} ended before it answered:\n{log.read_text(errors='replace')}")


def _answers(server: Server) -> bool:
    """Waits for it; False where it has ended, as when its port is taken: what answers then is another server."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            server.get("/v1/models").close()
            return server._process.poll() is None
        except (URLError, OSError):
            if server._process.poll() is not None:
                return False
            time.sleep(0.02)
    raise TimeoutError(f"{server.name} did not answer:\n{server._log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _environment(folder: Path) -> dict[str, str]:
    """No key, nothing of the user's, and the tests' guard: what is Python in it cannot leave this machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        **{name: os.environ[name] for name in ("HTTP_PROXY", "HTTPS_PROXY") if name in os.environ},
    }
