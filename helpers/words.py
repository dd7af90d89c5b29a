"""How numbers, seconds, money and texts are written."""

import html
import math
import re
import unicodedata
from collections.abc import Iterable


def counted(number: int, one: str, many: str = "") -> str:
    """
    >>> counted(1, "call"), counted(1_200, "call"), counted(2, "retry", "retries")
    ('1 call', '1,200 calls', '2 retries')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def with_article(noun: str) -> str:
    """
    >>> with_article("list"), with_article("int")
    ('a list', 'an int')
    """
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def shortened(value: object, most: int = 60) -> str:
    """A value as Python shows it, cut where it is long.

    >>> shortened("What is Python?"), shortened("What is Python?", 8)
    ("'What is Python?'", "'What i…")
    """
    try:
        shown = repr(value)
    except Exception:  # Python writes no int of over 4,300 digits; and a class may have a repr that fails
        shown = f"{with_article(type(value).__name__)} that cannot be shown"
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def duration(s: float) -> str:
    """Seconds as people say them.

    >>> duration(0.0064), duration(0.5), duration(12.34), duration(75), duration(3_700)
    ('6.4 ms', '0.50 s', '12.3 s', '1 min 15 s', '1 h 1 min')
    """
    if s < 0.0995:
        return f"{s * 1000:.2g} ms" if s > 0 else "0 s"
    if s < 59.95:
        return f"{s:.2f} s" if s < 0.995 else f"{s:.1f} s"
    minutes, seconds = divmod(round(s), 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def rounded_up(seconds: float) -> str:
    """A long time, in whole minutes, hours or days.

    >>> rounded_up(130), rounded_up(7_100), rounded_up(200_000)
    ('3 minutes', '2 hours', '3 days')
    """
    for unit, size, most in (("minute", 60, 100), ("hour", 3_600, 47)):
        if (number := math.ceil(seconds / size)) <= most:
            return counted(number, unit)
    return counted(math.ceil(seconds / 86_400), "day")


def two_digits(number: float) -> str:
    """A number of which only the first two digits mean something.

    >>> two_digits(1_234), two_digits(487.3), two_digits(3.14159)
    ('1,200', '490', '3.1')
    """
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def usd(amount: float | None) -> str:
    """
    >>> usd(0.0000312), usd(0.25), usd(1.5), usd(0.0), usd(None)
    ('0.00003 USD', '0.25 USD', '1.50 USD', '0 USD', 'price unknown')
    """
    if amount is None:
        return "price unknown"
    if not amount:
        return "0 USD"
    return f"{amount:.2f} USD" if amount >= 1 or round(amount, 5) == round(amount, 2) else f"{amount:.5f} USD"


def ended(words: str) -> str:
    """
    >>> ended("Too many"), ended("Too many!")
    ('Too many.', 'Too many!')
    """
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."


def one_line(raw: str, most: int) -> str:
    """One line of printable text: labels hold anything a user typed, and XML forbids some of that.

    >>> one_line("What is\\n Python?", 60), one_line("What is Python?", 8)
    ('What is Python?', 'What is…')
    """
    kept = ""
    for c in unicodedata.normalize("NFC", raw[: 4 * most]):
        if c.isspace():
            kept += " "
        elif not c.isprintable():  # invisible signs go, as some turn the direction of all the text after them
            kept += "" if unicodedata.category(c) == "Cf" else "\ufffd"
        elif not (unicodedata.combining(c) and all(map(unicodedata.combining, kept[-2:]))):
            kept += c  # at most two accents a letter: towers of them would reach into other rows
    line = " ".join(kept.split())
    return line if len(line) <= most and len(raw) <= 4 * most else line[: most - 1].rstrip() + "…"


def without_halves(text: str) -> str:
    """Text that any file can hold: a half of a character, as a text that was cut may end with, is replaced by U+FFFD.

    >>> without_halves("cut \\ud83d")
    'cut \ufffd'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def marked(text: str) -> str:
    """Text as HTML, with what stands in backticks as code; nothing else in it is rendered or run.

    >>> marked("write `await`, not <b>")
    'write <code>await</code>, not &lt;b&gt;'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def lettered(texts: Iterable[str]) -> str:
    """Texts as an HTML list: a., b., c.

    >>> lettered(["yes", "no"])
    '<ol style="list-style-type: lower-alpha"><li>yes</li><li>no</li></ol>'
    """
    # the attribute type="a" would not do: JupyterLab's own style says 1., 2., 3.
    items = "".join(f"<li>{marked(text)}</li>" for text in texts)
    return f'<ol style="list-style-type: lower-alpha">{items}</ol>'
