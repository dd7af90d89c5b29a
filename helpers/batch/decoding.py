"""Bytes of a text file into text: rightly, or not at all. Which encoding it is in is never guessed."""

import codecs
import re
from collections.abc import Callable, Iterable

from ..errors import BadInput

UTF_8 = "utf-8-sig"
MARKS = {codecs.BOM_UTF8: UTF_8, codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # after those of UTF-32, which begin alike

# the one old encoding that is told from its text: what it has beside ASCII, and what no text in it has
WESTERN = "cp1252"
WESTERN_TEXT = set("äöüÄÖÜßéèêëàâáãåæçîïíìñóòôõøœùúûÿÉÈÊÀÂÁÃÅÆÇÎÍÑÓÔÕØŒÙÚÛ€„“”‘’‚–—…«»‹›¿¡°§·•™©®²×±µ£\xa0")
NOT_WESTERN = re.compile(r"[^\x00-\x7f]{3}|[a-zß-ÿ][À-Þ¿¡]|[a-z][‚„×][a-z]")
UTF_8_LETTER = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")

# what is proposed where it cannot be told: the ones that spreadsheets and editors of the world write
COMMON = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "gb18030", "big5", "shift_jis"]
COMMON += ["euc_jp", "cp949", "koi8_r", "cp850", "mac_roman", "iso8859_2"]
SHOWN_AS = {"gb18030": "gbk"}  # the name that people know, where it does as well
PROPOSED = 4

CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # in no text; but Ctrl+Z, with which old programs end a file
ESCAPED = re.compile(rb"\x1b[$(]|~\{.+?~\}")  # Japanese mail, and Chinese news: other letters written in ASCII


class EncodingUnsure(BadInput):
    """Which encoding a file is in cannot be told. `likely` ones, and what the first odd line would be in each."""

    likely: tuple[tuple[str, str], ...] = ()


def first_odd_line(text: str) -> str:
    """The first line that is not plain ASCII, or else the first one."""
    lines = text.splitlines()
    return next((line for line in lines if not line.isascii()), next(iter(lines), ""))


def decoded(
    name: str, content: bytes, encoding: str | None = None, sample: Callable[[str], str] = first_odd_line
) -> tuple[str, str]:
    """The text of a file, and its encoding: `encoding`, or the one that it is in for sure.

    `sample` gives what is to be shown of a text, where somebody has to see which encoding is right.
    Raises BadInput where it is no text or not in `encoding`, and EncodingUnsure where it has to be said which it is.

    >>> decoded("list.txt", "Was heißt „größer“?".encode("cp1252"))
    ('Was heißt „größer“?', 'cp1252')
    """
    if encoding is not None:
        return _as_told(name, content, encoding, sample), encoding
    marked = next((each for mark, each in MARKS.items() if content.startswith(mark)), None)
    if marked is None and b"\0" in content:
        if likely := _likely(content, ("utf-16-le", "utf-16-be"), sample):
            raise _unsure(f"{name} seems to be in UTF-16, without the mark that says so.", likely)
        raise BadInput(
            f"{name} is not a CSV file: it holds something else than text.",
            "Save your questions as “CSV UTF-8” in a spreadsheet program, then choose what you saved.",
        )
    if ESCAPED.search(content) and (likely := _likely(content, ("iso2022_jp", "iso2022_kr", "hz"), sample)):
        raise _unsure(f"{name} seems to be in an encoding that writes other letters in ASCII.", likely)
    try:
        text = content.decode(marked or UTF_8)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        if marked:
            raise BadInput(
                f"{name} cannot be read: it is cut, or damaged, in line {line} ({marked.removesuffix('-sig')}).",
                "Save it anew in the program that made it.",
            ) from error
        if (western := _western(content)) is not None:
            return western, WESTERN
        if _is_mixed(content):
            raise BadInput(
                f"{name} cannot be read for sure: its line {line} is not in UTF-8, and other lines are.",
                f"Open it in a text editor, mend line {line}, and save it in UTF-8.",
            ) from error
        what = f"{name} cannot be read for sure: its line {line} is not in UTF-8."
        raise _unsure(what, _likely(content, _ranked(content), sample)) from error
    return _checked(name, text), marked or UTF_8


def damage(text: str) -> str:
    """A sentence on letters that were lost before the file came here; "" where there are none."""
    for number, line in enumerate(text.splitlines(), 1):
        if "\ufffd" in line:
            return f"In line {number} a program before has put � in place of a letter; it is asked so."
        if line.isascii():
            continue
        for encoding in (WESTERN, "latin-1"):
            try:
                meant = line.encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
            odd = next((mine for mine, other in zip(line.split(), meant.split(), strict=False) if mine != other), "")
            taken = f'a text in UTF-8 that was taken for {encoding} ("{odd[:30]}")'
            return f"Line {number} reads like {taken}; it is asked so."
    return ""


def _as_told(name: str, content: bytes, encoding: str, sample: Callable[[str], str]) -> str:
    try:
        text = content.decode(encoding)
    except (LookupError, TypeError, ValueError) as error:
        if not isinstance(error, UnicodeError):
            raise BadInput(
                f"Python knows no encoding {encoding!r}.", 'Give one such as encoding="utf-8", "cp1252" or "gbk".'
            ) from None
        line = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        likely = _proposal(_likely(content, _ranked(content), sample))
        raise BadInput(
            f"{name} cannot be read with encoding={encoding!r}: its line {line} is in another.",
            likely or "Leave encoding= out, or save the file anew in UTF-8.",
        ) from error
    return _checked(name, text.removeprefix("\ufeff"))


def _checked(name: str, text: str) -> str:
    text = text.rstrip("\x1a")
    if odd := CONTROLS.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise BadInput(
            f"{name} is not a CSV file: its line {line} holds something else than text.",
            "Save your questions as “CSV UTF-8” in a spreadsheet program, then choose what you saved.",
        )
    return text


def _western(content: bytes) -> str | None:
    """The text, if it reads like a Western European one of an old spreadsheet program; other alphabets do not."""
    if UTF_8_LETTER.search(content):
        return None  # most of it is in UTF-8
    try:
        text = content.decode(WESTERN)
    except UnicodeDecodeError:
        return None
    is_odd = any(not char.isascii() and char not in WESTERN_TEXT for char in text) or NOT_WESTERN.search(text)
    return None if is_odd or CONTROLS.search(text.rstrip("\x1a")) else text


def _is_mixed(content: bytes) -> bool:
    """Whether some lines are in UTF-8, and others not: no encoding is right for all of them."""
    for line in content.splitlines():
        if not line.isascii() and UTF_8_LETTER.search(line):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                continue
            return True
    return False


def _ranked(content: bytes) -> list[str]:
    """The common encodings, the likeliest first."""
    from charset_normalizer import from_bytes  # here, as hardly any file needs it

    likely = [match.encoding for match in from_bytes(content, cp_isolation=COMMON, threshold=0.5)]
    return [*likely, *(each for each in COMMON if each not in likely)]


def _likely(content: bytes, encodings: Iterable[str], sample: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """Those in which it can be text, each with its sample; no two that read alike."""
    texts: set[str] = set()
    found: list[tuple[str, str]] = []
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        if text in texts or CONTROLS.search(text) or not _is_printable(shown := sample(text).strip()) or not shown:
            continue
        texts.add(text)
        found.append((SHOWN_AS.get(encoding, encoding), shown))
    return tuple(found[:PROPOSED])


def _is_printable(line: str) -> bool:
    return all(char.isprintable() or char.isspace() for char in line) and "\ufffd" not in line


def _proposal(likely: tuple[tuple[str, str], ...]) -> str:
    """What to do, with what would be asked then."""
    if not likely:
        return ""
    shown = [f'encoding="{encoding}" ({line[:40]}{"…" if len(line) > 40 else ""})' for encoding, line in likely]
    listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
    return f"Give the one in which its words are right, beside the questions: {listed}."


def _unsure(happened: str, likely: tuple[tuple[str, str], ...]) -> EncodingUnsure:
    save = "Save it as “CSV UTF-8” in the program that made it."
    error = EncodingUnsure(happened, f"{_proposal(likely)} Or save it in UTF-8." if likely else save)
    error.likely = likely
    return error
