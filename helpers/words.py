"""How numbers and texts are put into words."""

import html
import re


def counted(number: int, what: str) -> str:
    """
    >>> counted(1, "call"), counted(1_200, "call")
    ('1 call', '1,200 calls')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def marked(text: str) -> str:
    """Text as HTML, with what stands in backticks as code; nothing else in it is rendered or run.

    >>> marked("write `await`, not <b>")
    'write <code>await</code>, not &lt;b&gt;'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
