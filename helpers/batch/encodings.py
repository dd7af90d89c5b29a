"""In which encoding a text file is: told where it is certain, and else asked for, with what each would give."""

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise

from ..errors import BadInput
from ..words import one_line

WESTERN = "cp1252"
# what spreadsheet programs and editors have written in the last thirty years, the most usual ones first
CANDIDATES = tuple(
    f"{WESTERN} cp1250 cp1251 gb18030 cp932 big5 cp949 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 mac_roman cp850 "
    "iso8859_15 iso8859_2 koi8_r cp866 cp852 euc_jp iso8859_9 cp874 mac_cyrillic mac_latin2".split()
)
# alphabets that have other letters in the same places: only the words can tell them from the Western one
LATIN = ("cp1250", "cp1254", "cp1257", "cp1258", "iso8859_2", "iso8859_9", "cp852", "mac_latin2")
# words of Western languages that those alphabets' languages do not have; English is written on all systems
FRENCH = "est une quel quelle dans pour qui pourquoi comment sont avec c'est été"
SPANISH = "qué cómo cuál quién dónde los una por como el"
PORTUGUESE = "uma como você são não qual isso"
ITALIAN = "che perché della gli sono cosa"
NORDIC = "og det hvad hva hvordan hvor er ikke och är vad hur varför på"
WORDS = frozenset(f"{FRENCH} {SPANISH} {PORTUGUESE} {ITALIAN} {NORDIC}".split())
EXAMPLES = 5  # encodings that are shown in a sentence
# signs beyond ASCII that stand in texts of all alphabets
USUAL = set("„“”‘’‚–—…«»‹›€£§°©®™·•±×²³µªº½¼¾¿¡\xa0")
OPENING = set("“„‘‚«‹¿¡")  # no word ends in one of them
AT_A_WORD = USUAL - set("§±×½¼¾©")  # and these may touch a letter
ODD_LETTERS = set("ƒﬁﬂ")
UTF_8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]")
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the beginning of it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class UnknownEncoding(BadInput):
    """It cannot be told. `likely` has for each encoding that it may be in a text as it would be read in that one."""

    likely: dict[str, str]


def decoded(
    name: str, content: bytes, encoding: str | None = None, *, how: str, preview: Callable[[str], str]
) -> tuple[str, str]:
    """The text of a file, and its encoding, which may be given.

    Raises BadInput where it is no text; UnknownEncoding where its encoding cannot be told for sure: nothing is guessed.
    `how` is what to write to name it, with {} for its name; `preview` gives the line of a text that shows what it is.

    >>> decoded("list.csv", "Wie schön ist das?".encode("cp1252"), how="", preview=str)
    ('Wie schön ist das?', 'cp1252')
    """
    marked = next((found for mark, found in MARKS.items() if content.startswith(mark)), None)
    if encoding is not None:
        return _as_told(name, content, encoding, marked), encoding
    certain = marked or _without_a_mark(content) or "utf-8"
    if certain == "utf-8" and NO_TEXT.search(content):
        raise _no_text(name)
    try:
        text = content.decode(certain)
        at = next(n for n, byte in enumerate(content) if byte > 127) if _is_accident(text, content, certain) else None
    except UnicodeDecodeError as error:
        if certain == "utf-8" and not UTF_8.search(content) and (western := _western(content)) is not None:
            return western, WESTERN
        at = error.start
    if at is not None and certain != "utf-8":
        what = certain.upper().removesuffix("-SIG")
        raise BadInput(
            f"{name} is damaged: its line {_line(content, at, certain)} is not in {what}.",
            "Save it as “CSV UTF-8” in the program that made it, or copy it again.",
        )
    if at is not None:
        raise _unknown(name, content, at, certain, how, preview)
    if any(unicodedata.category(sign) == "Cc" and not sign.isspace() for sign in set(text)):
        raise _no_text(name)
    return text, certain


def damage(text: str) -> str:
    """What is to be said of letters that were lost before the file came here; "" where there are none."""
    for number, line in enumerate(text.splitlines(), 1):
        if "\ufffd" in line:
            return f"in its line {number} a program before has put � in place of a letter"
        if line.isascii():
            continue
        for encoding in (WESTERN, "latin-1"):
            try:
                meant = line.encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
            odd = next((mine for mine, other in zip(line.split(), meant.split(), strict=False) if mine != other), "")
            taken = f'a text in UTF-8 that was taken for {encoding} ("{odd[:30]}")'
            return f"its line {number} reads like {taken}"
    return ""


def _no_text(name: str) -> BadInput:
    return BadInput(
        f"{name} is not a CSV file: it holds something else than text.",
        "Save your questions as “CSV UTF-8” in a spreadsheet program, then choose what you saved.",
    )


def _is_accident(text: str, content: bytes, certain: str) -> bool:
    """Whether it is UTF-8 by accident only: no piece of it reads like a text then, and in another encoding it does."""
    if certain != "utf-8" or _oddness(text, certain) < 1:
        return False
    return any(not _oddness(read, other) for other, read in _readings(content))


def _as_told(name: str, content: bytes, encoding: str, marked: str | None) -> str:
    try:
        if marked and "utf" in encoding.lower():  # it says itself which one of them
            encoding = marked
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = _line(content, error.start, encoding)
        raise BadInput(
            f"{name} cannot be read as {encoding}: its line {line} is not in it.",
            "Leave `encoding` out, to see which ones it may be in.",
        ) from error
    except (LookupError, TypeError, ValueError) as error:
        raise BadInput(
            f"encoding={encoding!r} is not the name of an encoding.", 'Give one such as "cp1252", or leave it out.'
        ) from error


def _without_a_mark(content: bytes) -> str | None:
    """What is certain without a mark: UTF-16, where each second byte of ASCII is 0; and what is written in ASCII."""
    zeros = [content[first::2].count(0) for first in (0, 1)]
    if sum(zeros) and not min(zeros) and not len(content) % 2:
        return "utf-16-le" if zeros[1] else "utf-16-be"
    if re.search(rb"\x1b\$[@B]", content):
        return "iso2022_jp"
    return "hz" if content.isascii() and re.search(rb"~\{[\x21-\x7e]+~\}", content) else None


def _western(content: bytes) -> str | None:
    """The text, if it is certain to be a Western European one: in no other encoding does it read like a text."""
    text = _read(content, WESTERN)
    if text is None or _oddness(text, WESTERN):
        return None
    words = set(re.findall(r"[\w']+", text.lower().replace("’", "'")))
    known = len(words & WORDS) > 1
    for other, read in _readings(content):
        if read != text and not (known and other in LATIN) and not _oddness(read, other):
            return None
    return text


def _line(content: bytes, at: int, encoding: str) -> int:
    """The line of a byte; in UTF-16 each character has two."""
    return content[:at].decode(encoding, "ignore").count("\n") + 1


def _unknown(
    name: str, content: bytes, at: int, certain: str, how: str, preview: Callable[[str], str]
) -> UnknownEncoding:
    texts = dict(_readings(content))
    likeliest = sorted(texts, key=lambda each: _oddness(texts[each], each))
    likely = {encoding: one_line(preview(texts[encoding]), 60) for encoding in likeliest}
    shown = "; ".join(f"{encoding}: {text}" for encoding, text in list(likely.items())[:EXAMPLES])
    happened = f"{name} cannot be read for sure: its line {_line(content, at, certain)} is not in {certain.upper()}."
    if not likely:
        error = UnknownEncoding(happened, "Save it as “CSV UTF-8” in the program that made it.")
    else:
        error = UnknownEncoding(
            f"{happened} A question in it would be asked as one of these ({shown}).",
            f"Name the right one, such as with {how.format(repr(likeliest[0]))}; or save it as “CSV UTF-8” in the "
            "program that made it.",
        )
    error.likely = likely
    return error


def _readings(content: bytes) -> Iterator[tuple[str, str]]:
    """What it is in each of the encodings, where that is something else than in those before."""
    found = set()
    for encoding in CANDIDATES:
        text = _read(content, encoding)
        if text is not None and text not in found:
            found.add(text)
            yield encoding, text


def _read(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _oddness(text: str, encoding: str) -> float:
    """How much there is in it that no text has, for each piece beyond ASCII; 0.0 where it reads like a text."""
    pieces = {piece for piece in re.split(r"[\x00-\x20]+", text) if not piece.isascii()}
    return sum(_odd_signs(piece, encoding) + _odd_words(piece) for piece in pieces) / max(1, len(pieces))


def _odd_signs(piece: str, encoding: str) -> int:
    """Signs that no text has, and those that no text has in such a place."""
    odd = 0
    for before, sign, after in zip(f" {piece}", piece, f"{piece[1:]} ", strict=False):
        if sign.isascii():
            continue
        if _is_letter(sign):
            odd += sign in ODD_LETTERS or (_is_east(sign) and not _is_common(sign, encoding))
            continue
        odd += not _is_usual(sign)
        touches = [_is_letter(beside) and not _is_east(beside) for beside in (before, after)]
        odd += any(touches) and sign in USUAL - AT_A_WORD
        odd += all(touches) and sign not in "’‘–—·\xa0…°"
        odd += touches[0] and sign in OPENING - set("“‘")
    return odd


def _odd_words(piece: str) -> int:
    """Words of letters that do not go together."""
    odd = 0
    for is_word, signs in groupby(piece, _is_letter):
        word = "".join(signs)
        if not is_word or word.isascii():
            continue
        kinds = {_alphabet(sign) for sign in word}
        odd += len(kinds - {"EAST"}) > 1 or ("EAST" in kinds and bool(kinds - {"EAST", "LATIN"}))
        odd += kinds == {"LATIN"} and bool(re.search(r"[^\x00-\x7f]{3}", word))
        odd += not word.isupper() and any(
            second.isupper() and not (first + second).isascii() for first, second in pairwise(word)
        )
    return odd


def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LM" and sign not in "ªº"


def _is_usual(sign: str) -> bool:
    return sign in USUAL or "\u3000" <= sign <= "\u303f" or "\uff01" <= sign <= "\uff5e"


def _is_east(sign: str) -> bool:
    """Chinese, Japanese, Korean letters."""
    return (
        "\u2e80" <= sign <= "\u9fff" or "\uac00" <= sign <= "\ud7a3" or "\uff66" <= sign <= "\uff9f" or sign > "\uffff"
    )


def _is_common(sign: str, encoding: str) -> bool:
    """Whether it is among the few thousand that each of those encodings has first, as they are used most."""
    try:
        code = sign.encode("gb2312" if encoding == "gb18030" else encoding)
    except UnicodeEncodeError:
        return False
    first = code[0]
    if len(code) == 1:
        return False  # half-width
    if "\u3040" <= sign <= "\u30ff" or "\u3000" <= sign <= "\u303f":
        return encoding in ("cp932", "euc_jp")
    frequent = {
        "gb18030": (0xB0, 0xD7),
        "big5": (0xA4, 0xC6),
        "cp932": (0x88, 0x98),
        "euc_jp": (0xB0, 0xCF),
        "cp949": (0xB0, 0xC8),
    }
    least, most = frequent.get(encoding, (0x100, 0x100))
    return least <= first <= most and (encoding != "cp949" or code[-1] > 0xA0)


def _alphabet(sign: str) -> str:
    if _is_east(sign):
        return "EAST"
    return unicodedata.name(sign, "NONE").split()[0] if not sign.isascii() else "LATIN"
