"""Runs cells as JupyterLab's Run All does: every request is sent before the first reply is read."""

import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(
    path for folder in ("notebooks", "exercises", "solutions") for path in (ROOT / folder).glob("*.ipynb")
)


@dataclass
class Cell:
    source: str
    may_fail: bool = False  # tagged raises-exception
    status: str = "unanswered"
    text: str = ""  # all that it put out, as text
    errors: list[str] = field(default_factory=list)


def read_cells(path: Path) -> list[Cell]:
    notebook = nbformat.read(path, as_version=4)
    return [
        Cell(cell.source, may_fail="raises-exception" in cell.metadata.get("tags", []))
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.strip()
    ]


@contextmanager
def kernel(folder: Path, *, stderr: IO[str] | None = None, ends_itself: bool = False) -> Iterator[BlockingKernelClient]:
    """A new kernel, working in `folder`; `client.interrupt()` is the ■ of JupyterLab.

    At the end it is stopped at once, or, if it `ends_itself`, asked to stop and waited for.
    """
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env=dict(os.environ), stderr=stderr)
    client = manager.blocking_client()
    client.interrupt = manager.interrupt_kernel
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=not ends_itself)


def run_all(
    client: BlockingKernelClient,
    cells: Sequence[Cell],
    seconds: float = 60,
    on_text: Callable[[Cell], None] = lambda cell: None,
) -> None:
    """Queues all cells at once and waits until each is answered, or until `seconds` have passed.

    `on_text` is called with a cell each time it has printed something.
    """
    sent = {client.execute(cell.source, stop_on_error=not cell.may_fail): cell for cell in cells}
    open_replies, open_outputs = set(sent), set(sent)
    end = time.monotonic() + seconds
    while (open_replies or open_outputs) and time.monotonic() < end:
        for channel in (client.iopub_channel, client.shell_channel):
            try:
                message: dict[str, Any] = channel.get_msg(timeout=0.02)
            except queue.Empty:
                continue
            request, content = message["parent_header"].get("msg_id"), message["content"]
            if request not in sent:
                continue
            cell = sent[request]
            match message["msg_type"]:
                case "execute_reply":
                    cell.status = content["status"]
                    open_replies.discard(request)
                case "status" if content["execution_state"] == "idle":
                    open_outputs.discard(request)
                case "stream":
                    cell.text += content["text"]
                    on_text(cell)
                case "execute_result" | "display_data":
                    cell.text += content["data"].get("text/plain", "") + "\n"
                case "error":
                    cell.errors.append(f"{content['ename']}: {content['evalue']}")


def failures(cells: Sequence[Cell]) -> list[str]:
    """What went wrong, one line for each cell that was not answered with success."""
    return [
        f"cell {number} ({cell.source.strip().splitlines()[0]!r}): {cell.status} {' '.join(cell.errors)}"
        for number, cell in enumerate(cells, 1)
        if cell.status != "ok" and not (cell.may_fail and cell.status == "error")
    ]


def runs_whole(path: Path) -> None:
    """Asserts that a notebook runs to its end, with all cells queued at once, and shows no key."""
    cells = read_cells(path)
    with kernel(path.parent) as client:
        run_all(client, cells)
    assert not failures(cells)
    assert "canary" not in "".join(cell.text for cell in cells), "the key of the environment was shown"
