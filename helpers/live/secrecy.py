"""Keys are shown nowhere: not in what a service says of them, nor in anything that the notebook's kernel sends."""

import sys
from typing import Any

from .. import wire

INSTEAD = "(your key, hidden)"
LEAST = 8  # characters; what is shorter stands in too many words


class Secret(str):
    """A key. A traceback that shows the values of variables does not show this one.

    >>> Secret("not-for-your-eyes")
    (your key, hidden)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return INSTEAD


_secrets: set[str] = set()


def hide(secret: str) -> None:
    """From now on this is not shown any more, in this process."""
    if len(secret) < LEAST:
        return
    _secrets.add(secret)
    wire.mend = _without_secrets
    _cover_kernel()


def hidden(text: str) -> str:
    """The text, with something else in place of a key."""
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, INSTEAD)
    return text


def _without_secrets(content: bytes) -> bytes:
    """Some services repeat the key in what they say, and the SDK puts that into its error."""
    for secret in _secrets:
        if secret.encode() in content:
            content = content.replace(secret.encode(), INSTEAD.encode())
    return content


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


def _warn_of_a_key_in_a_cell(result: Any) -> None:
    """What stands in a cell cannot be covered: it is what the learner wrote, and it is saved."""
    if any(secret in (result.info.raw_cell or "") for secret in _secrets):
        print("Your API key stands in this cell, and cells are saved. Take it out, and write it into the file .env.")


def running_kernel() -> Any:
    """The notebook's kernel; None in a script."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None


def _covered(value: Any) -> Any:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {name: _covered(each) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_covered, value))
    return value
