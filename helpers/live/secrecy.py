"""Keys are shown nowhere: not in what a service says of them, nor in a log, nor in what the notebook's kernel sends."""

import logging
import os
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from .. import wire
from ..catalog import MODELS
from ..environment import HIDDEN as INSTEAD

LEAST = 8  # characters; what is shorter stands in too many words
PIECE = 12  # characters of a key that are hidden also where it was cut: pandas and tracebacks shorten what is long
CHUNK = PIECE // 2  # every piece has one of these in it, whole: they are looked for first


_secrets: dict[str, list[str]] = {}  # with their chunks, where they are long enough to be hidden piece by piece


def hide(secret: str) -> None:
    """From now on this is not shown any more, in this process."""
    is_a_word = secret in MODELS or (secret.isalpha() and len(secret) < 2 * LEAST)
    if len(secret) < LEAST or is_a_word or secret in _secrets:
        return
    for form in (str(secret), b64encode(secret.encode()).decode().rstrip("=")):
        starts = range(0, len(form) - CHUNK + 1, CHUNK) if len(form) >= 2 * PIECE else ()
        _secrets[form] = [form[start : start + CHUNK] for start in starts]
    if wire.mender is None:
        wire.mender = _Mender()
        _cover_logs()
    _cover_kernel()


def hidden(text: str) -> str:
    """The text, with something else in place of a key, and of each long piece of it."""
    if len(text) < LEAST:
        return text
    for secret, chunks in _secrets.items():
        if secret in text:
            text = text.replace(secret, INSTEAD)
        if any(chunk in text for chunk in chunks):
            for piece in sorted(set(_pieces(secret, chunks, text)), key=len, reverse=True):
                text = text.replace(piece, INSTEAD)
    return text


def _pieces(secret: str, chunks: list[str], text: str) -> Iterator[str]:
    """Pieces of the secret that are in the text."""
    for number, chunk in enumerate(chunks):
        at = text.find(chunk)
        while at >= 0:
            start, end = number * CHUNK, (number + 1) * CHUNK  # in the secret
            before, behind = at, at + CHUNK  # in the text
            while start and before and secret[start - 1] == text[before - 1]:
                start, before = start - 1, before - 1
            while end < len(secret) and behind < len(text) and secret[end] == text[behind]:
                end, behind = end + 1, behind + 1
            if end - start >= PIECE:
                yield secret[start:end]
            at = text.find(chunk, at + 1)


class _Mender:
    """Some services repeat the key in what they say, and the SDK puts that into its error. See `wire.Mender`."""

    def mend(self, content: bytes) -> bytes:
        for secret in map(str.encode, _secrets):
            if secret in content:
                content = content.replace(secret, INSTEAD.encode())
        return content

    def unsure(self, content: bytes) -> int:
        """As many as are the beginning of a key."""
        most = 0
        for secret in map(str.encode, _secrets):
            longest = min(len(secret) - 1, len(content))
            most = max(most, next((n for n in range(longest, 0, -1) if content.endswith(secret[:n])), 0))
        return most


# ---- what this process writes ------------------------------------------------------------------------------------


def _cover_logs() -> None:
    factory = logging.getLogRecordFactory()

    def covered(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = factory(*arguments, **options)
        try:
            message = record.getMessage()
        except Exception:  # logging itself says what is wrong with it
            return record
        if (shown := hidden(message)) != message:
            record.msg, record.args = shown, ()
        return record

    logging.setLogRecordFactory(covered)


def running_kernel() -> Any:
    """The notebook's kernel; None in a script."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None


def _cover_kernel() -> None:
    """Covers keys in every message of a notebook's kernel: printed, shown, in a traceback, in a widget's state.

    What the front end gets is what is saved with the notebook.
    """
    session: Any = getattr(running_kernel(), "session", None)
    if session is None or hasattr(session.send, "covers_keys"):
        return
    send = session.send

    def covered(stream: Any, message: Any, content: Any = None, *rest: Any, **options: Any) -> Any:
        return send(stream, _covered(message), _covered(content), *rest, **options)

    covered.covers_keys = True  # type: ignore[attr-defined]
    session.send = covered
    sys.modules["IPython"].get_ipython().events.register("post_run_cell", _warn_of_a_key_in_a_cell)
    for output in (sys.stdout, sys.stderr):
        # what other processes print goes to the notebook, and, by this way, to JupyterLab's own terminal as it is
        terminal = getattr(output, "_original_stdstream_copy", None)
        if isinstance(terminal, int):
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), terminal)


def _warn_of_a_key_in_a_cell(result: Any) -> None:
    """What stands in a cell cannot be covered: it is what the learner wrote, and it is saved."""
    if any(secret in (result.info.raw_cell or "") for secret in _secrets):
        print("Your API key stands in this cell, and cells are saved. Take it out, and write it into the file .env.")


def _covered(value: Any) -> Any:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {_covered(name): _covered(each) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_covered, value))
    return value
