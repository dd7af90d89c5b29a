"""Keys that nobody has, and how to find them again, whole or in part."""

import base64
import re
import secrets
import string
from collections.abc import Iterable

LENGTH = 120  # characters after the beginning that all keys have
PIECE = 16  # characters; so many in a row are no accident
LETTERS = string.ascii_letters + string.digits
RUNS = re.compile(rb"[A-Za-z0-9_+/=.:-]{%d,}" % PIECE)
COLOURS = re.compile(rb"(?:\x1b|\\u001b)\[[0-9;]*m")


def new_key(beginning: str = "sk-proj-", also: str = "_-") -> str:
    """Made at run time, so that no file of the repository has it; `also` are characters beside letters and digits."""
    return beginning + "".join(secrets.choice(LETTERS + also) for _ in range(LENGTH - 1)) + "x"


class Canaries:
    """Finds keys, their pieces, and both in base64."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._of: dict[bytes, int] = {}
        for number, key in enumerate(keys):
            secret = key.removeprefix("sk-proj-").encode()
            for text in (secret, *_in_base64(secret)):
                self._of.update({text[at : at + PIECE]: number for at in range(len(text) - PIECE + 1)})

    def found_in(self, content: bytes) -> str:
        """The first place where one is, with what stands around it; "" where there is none."""
        # without colours, and as one letter a byte
        for text in dict.fromkeys((content, COLOURS.sub(b"", content), content.replace(b"\0", b""))):
            for run in RUNS.finditer(text):
                for at in range(run.start(), run.end() - PIECE + 1):
                    if text[at : at + PIECE] in self._of:
                        number, around = self._of[text[at : at + PIECE]], text[max(0, at - 150) : at + 180]
                        return f"key {number}: {around!r}"
        return ""


def _in_base64(secret: bytes) -> list[bytes]:
    """Whatever stands before it; without the characters at both ends, which depend on what stands there."""
    encoded = [base64.b64encode(b"." * before + secret)[4:-4] for before in range(3)]
    return [*encoded, *(text.translate(bytes.maketrans(b"+/", b"-_")) for text in encoded)]
