"""Keys are shown nowhere: not in what a service says of them, nor in a log, nor in what the notebook's kernel sends."""

import logging
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from ...catalog import MODELS
from ...wire import send
from ..environment import HIDDEN as INSTEAD
from . import kernel

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
    if send.mender is None:
        send.mender = _Mender()
        _cover_logs()
    kernel.cover(hidden)


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
    """Some services repeat the key in what they say, and the SDK puts that into its error. See `send.Mender`."""

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
        if record.exc_info and not record.exc_text:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = shown if (shown := hidden(text)) != text else None
        record.stack_info = hidden(record.stack_info or "") or None
        return record

    logging.setLogRecordFactory(covered)
