"""Covers keys in all that a notebook's kernel sends, and in what it keeps to be written to a file."""

import os
import sys
from collections.abc import Callable
from typing import Any

from ...errors import WorkbookError

Cover = Callable[[str], str]


def running_kernel() -> Any:
    """The notebook's kernel; None in a script."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None


def cover(hidden: Cover) -> None:
    """From now on every text passes through `hidden`: printed, shown, in a traceback, in a widget's state.

    What the front end gets is what is saved with the notebook. A second time does nothing.
    """
    kernel = running_kernel()
    session: Any = getattr(kernel, "session", None)
    if session is None or hasattr(getattr(session, "send", None), "covers_keys"):
        return
    if not callable(getattr(session, "send", None)):
        raise WorkbookError(
            "This notebook's kernel sends its messages in a way that the workbook does not know, so your key could not "
            "be hidden in them.",
            "Run connect() for practice mode, which needs none, or install the versions of requirements.txt.",
        )
    session.send = _covered_send(session.send, hidden)
    shell = kernel.shell
    shell.display_formatter.format = _covered_format(shell.display_formatter.format, hidden)  # for %logstart, %notebook
    shell.events.register("post_run_cell", _after_each_cell(shell, hidden))
    for output in (sys.stdout, sys.stderr):
        # what other processes print goes to the notebook, and, by this way, to JupyterLab's own terminal as it is
        terminal = getattr(output, "_original_stdstream_copy", None)
        if isinstance(terminal, int):
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), terminal)


def _covered_send(send: Callable[..., Any], hidden: Cover) -> Callable[..., Any]:
    def covered(stream: Any, message: Any, content: Any = None, *rest: Any, **options: Any) -> Any:
        return send(stream, _covered(message, hidden), _covered(content, hidden), *rest, **_covered(options, hidden))

    covered.covers_keys = True  # type: ignore[attr-defined]
    return covered


def _covered_format(format_: Callable[..., Any], hidden: Cover) -> Callable[..., Any]:
    def covered(*arguments: Any, **options: Any) -> Any:
        return _covered(format_(*arguments, **options), hidden)

    return covered


def _after_each_cell(shell: Any, hidden: Cover) -> Callable[[Any], None]:
    def after(result: Any) -> None:
        source = result.info.raw_cell or ""
        if hidden(source) != source:  # it is what the learner wrote, and it is saved: that cannot be covered
            print(
                "Your API key stands in this cell, and cells are saved. Take it out, and write it into the file .env."
            )
        number, kept = result.execution_count, shell.history_manager
        for output in getattr(kept, "outputs", {}).get(number, ()):  # for %notebook
            output.bundle = _covered(output.bundle, hidden)
        failed = getattr(kept, "exceptions", {})
        if number in failed:
            failed[number] = _covered(failed[number], hidden)

    return after


def _covered(value: Any, hidden: Cover) -> Any:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {_covered(name, hidden): _covered(each, hidden) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_covered(each, hidden) for each in value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        plain = bytes(value)
        covered = hidden(plain.decode("latin-1")).encode("latin-1")
        return value if covered == plain else covered
    return value
