"""Runs cells in a real kernel, one after the other, and keeps all that the kernel sends."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

SECONDS = 30.0  # of patience with a cell
TICK = 0.02  # seconds


@dataclass
class Ran:
    """A cell, and what came of it."""

    source: str
    status: str = "unanswered"
    seconds: float = 0.0
    text: str = ""  # all that it put out, as text
    messages: list[bytes] = field(default_factory=list)


@dataclass
class Listener:
    """`typed` is what is typed into each box that asks for something."""

    client: BlockingKernelClient
    typed: str = ""
    ran: list[Ran] = field(default_factory=list)
    boxes: list[dict[str, Any]] = field(default_factory=list)
    other: list[bytes] = field(default_factory=list)  # messages that belong to no cell

    def run(self, source: str, *, secret: bool = False, interrupt_when: Callable[[], bool] | None = None) -> Ran:
        """Runs a cell. A `secret` one holds a key itself: its source is not kept."""
        cell = Ran(source)
        self.ran.append(cell)
        request = self.client.execute(source, store_history=not secret, allow_stdin=True)
        self._listen(cell, request, secret, interrupt_when)
        return cell

    def inspect(self, code: str) -> None:
        """What JupyterLab shows for Shift+Tab."""
        cell = Ran(f"{code}, inspected")
        self.ran.append(cell)
        self._listen(cell, self.client.inspect(code, cursor_pos=len(code), detail_level=1), False, None)

    def history(self) -> None:
        cell = Ran("the history")
        self.ran.append(cell)
        self._listen(cell, self.client.history(raw=True, output=True, hist_access_type="tail", n=500), False, None)

    def send(self, widget: str, typed: dict[str, Any]) -> None:
        """What the front end sends when somebody uses a password field."""
        data = {"comm_id": widget, "data": {"method": "custom", "content": {}}}
        socket, buffers = self.client.shell_channel.socket, [json.dumps(typed).encode()]
        self.client.session.send(socket, "comm_msg", data, buffers=buffers)

    def _listen(self, cell: Ran, request: str, secret: bool, interrupt_when: Callable[[], bool] | None) -> None:
        begin, replied, idle = time.monotonic(), False, False
        while not (replied and idle) and cell.seconds < SECONDS:
            cell.seconds = time.monotonic() - begin
            if interrupt_when is not None and interrupt_when():
                interrupt_when = None
                self.client.interrupt()
            for message in self._waiting(TICK):
                kind, content = message["msg_type"], message["content"]
                if kind == "input_request":
                    self.boxes.append(content)
                    self.client.input(self.typed)
                if kind == "execute_input" and secret:  # what the learner wrote
                    content["code"] = ""
                kept = cell.messages if message["parent_header"].get("msg_id") == request else self.other
                kept.append(_as_sent(message))
                if kept is not cell.messages:
                    continue
                if kind.endswith("_reply"):
                    cell.status, replied = content["status"], True
                elif kind == "status":
                    idle = idle or content["execution_state"] == "idle"
                elif kind == "stream":
                    cell.text += content["text"]
                elif kind == "error":
                    cell.text += "\n".join(content["traceback"]) + "\n"
                elif "data" in content and kind in ("execute_result", "display_data"):
                    cell.text += content["data"].get("text/plain", "") + "\n"

    def _waiting(self, seconds: float = 0.0) -> Iterator[dict[str, Any]]:
        """What has come, or comes within so many seconds."""
        client = self.client
        channels = {
            channel.socket: channel
            for channel in (client.iopub_channel, client.shell_channel, client.stdin_channel, client.control_channel)
        }
        poller = zmq.Poller()
        for socket in channels:
            poller.register(socket, zmq.POLLIN)
        for socket, _ in poller.poll(seconds * 1000):
            yield channels[socket].get_msg(timeout=1)

    def said(self) -> Iterator[tuple[str, bytes]]:
        """Each cell's source, and all messages that came of it."""
        for cell in self.ran:
            yield cell.source, b"\n".join(cell.messages)
        yield "between the cells", b"\n".join(self.other)


def _as_sent(message: dict[str, Any]) -> bytes:
    sent = {name: message[name] for name in ("header", "parent_header", "metadata", "content")}
    buffers = b"".join(bytes(buffer) for buffer in message.get("buffers", ()))
    return json.dumps(sent, default=str, ensure_ascii=False).encode() + buffers


@contextmanager
def listening(folder: Path, stdout: Path) -> Iterator[Listener]:
    """A new kernel, working in `folder`; what it writes past the front end comes into the file `stdout`."""
    # without this ipykernel leaves alone what child processes print
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    manager = KernelManager(kernel_name="python3")
    with stdout.open("wb") as log:
        manager.start_kernel(cwd=str(folder), env=environment, stdout=log, stderr=log)
        client = manager.blocking_client()
        client.interrupt = manager.interrupt_kernel
        client.start_channels()
        listener = Listener(client)
        try:
            client.wait_for_ready(timeout=60)
            yield listener
            listener.other += map(_as_sent, listener._waiting())
        finally:
            client.stop_channels()
            manager.shutdown_kernel()


@contextmanager
def command_lines(seen: set[str]) -> Iterator[None]:
    """Collects those of all processes that run meanwhile."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            seen.update(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def files_below(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for where, _, names in os.walk(folder):
            for name in names:
                path = Path(where, name)
                with suppress(OSError):  # a socket, or gone
                    if path.is_file():
                        yield path, path.read_bytes()
