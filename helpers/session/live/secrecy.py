"""Keys are shown nowhere: not in what a service says of them, nor in a log, nor in what the notebook's kernel sends."""

import html
import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from ...catalog import MODELS
from ...wire import send
from ..environment import HIDDEN as INSTEAD
from . import kernel

LEAST = 8  # characters; what is shorter stands in too many words
PIECE = 12  # characters of a key that are hidden also where it was cut: pandas and tracebacks shorten what is long
CHUNK = PIECE // 2  # every piece has one of these in it, whole: they are looked for first


class _Form(NamedTuple):
    """One way in which a secret may be written."""

    plain: bytes
    chunks: list[str]  # where it is long enough to be hidden piece by piece


_secrets: dict[str, _Form] = {}
_run = re.compile("(?!)")  # what may hold a piece: a run of characters that secrets are made of


def hide(secret: str) -> None:
    """From now on this is not shown any more, in this process."""
    is_a_word = secret in MODELS or (secret.isalpha() and len(secret) < 2 * LEAST)
    if len(secret) < LEAST or is_a_word or secret in _secrets:
        return
    for form in (str(secret), *_in_base64(secret)):
        _hide_form(form, in_pieces=True)
    for form in _written_otherwise(secret):
        _hide_form(form)


def hide_login(url: str) -> None:
    """Hides the password in an address: as it is written there, and in the header that it is sent in."""
    login, at, _ = url.partition("://")[2].rpartition("@")
    user, colon, password = (login if at else url.rpartition("@")[0]).partition(":")
    if not colon:
        return
    for name, word in ((user, password), (unquote(user), unquote(password))):
        hide(word)
        if word:  # also one that is short: with its name it is no word any more
            _hide_form(f"{name}:{word}@")
            _hide_form(b64encode(_bytes(f"{name}:{word}")).decode().rstrip("="))


def hide_headers(lines: str) -> None:
    """Hides the values in headers: `Name: value`, a line each."""
    for line in lines.splitlines():
        value = line.partition(":")[2].strip()
        for each in (value, value.rpartition(" ")[2]):  # and the token behind "Bearer"
            hide(each)


def _hide_form(form: str, *, in_pieces: bool = False) -> None:
    starts = range(0, len(form) - CHUNK + 1, CHUNK) if in_pieces and len(form) >= 2 * PIECE else ()
    global _run
    _secrets.setdefault(form, _Form(_bytes(form), [form[start : start + CHUNK] for start in starts]))
    signs = "".join(sorted({sign for each, (_, chunks) in _secrets.items() if chunks for sign in each}))
    if signs:
        _run = re.compile(f"[{re.escape(signs)}]{{{PIECE},}}")
    if send.mender is None:
        send.mender = _Mender()
        send.install()  # the check of a key is sent before a mode is
        _cover_logs()
    kernel.cover(hidden)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _in_base64(secret: str) -> Iterator[str]:
    """Whatever stands before and behind it; without the characters at both ends that depend on that."""
    for before in range(3):
        content = bytes(before) + _bytes(secret)
        yield b64encode(content)[(0, 2, 3)[before] : len(content) * 8 // 6].decode()


def _written_otherwise(secret: str) -> Iterator[str]:
    """In an address, in JSON, in HTML, in what a program shows; in a header that was made all small, or all large."""
    quoted = quote(secret, safe="", errors="surrogateescape")
    yield from (quoted, re.sub("%..", lambda code: code[0].lower(), quoted))
    yield from (secret.lower(), secret.upper(), html.escape(secret), repr(str(secret))[1:-1])
    yield from (json.dumps(str(secret))[1:-1], secret.replace("/", "\\/"))
    for form in "\\u%04x", "\\u%04X":
        yield re.sub("[&<>+'\"/]", lambda sign, form=form: form % ord(sign[0]), secret)  # type: ignore[misc]
    yield from (form.replace("+", "-").replace("/", "_") for form in _in_base64(secret))


def hidden(text: str) -> str:
    """The text, with something else in place of a key, and of each long piece of it."""
    if len(text) < LEAST:
        return text
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, INSTEAD)
    runs = "\n".join(_run.findall(text))
    for secret, (_, chunks) in _secrets.items() if runs else ():
        if any(chunk in runs for chunk in chunks):
            for piece in sorted(set(_pieces(secret, chunks, runs)), key=len, reverse=True):
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
        for secret, _ in _secrets.values():
            if secret in content:
                content = content.replace(secret, INSTEAD.encode())
        return content

    def unsure(self, content: bytes) -> int:
        """As many as are the beginning of a key."""
        most = 0
        for secret, _ in _secrets.values():
            end = content[1 - len(secret) :]
            at = end.find(secret[:1])
            while at >= 0 and not secret.startswith(end[at:]):
                at = end.find(secret[:1], at + 1)
            most = max(most, len(end) - at if at >= 0 else 0)
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
