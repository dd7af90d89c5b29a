"""How numbers and texts are put into words."""

import html
import re


def counted(number: int, one: str, many: str = "") -> str:
    """
    >>> counted(1, "call"), counted(1_200, "call"), counted(2, "retry", "retries")
    ('1 call', '1,200 calls', '2 retries')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def marked(text: str) -> str:
    """Text as HTML, with what stands in backticks as code; nothing else in it is rendered or run.

    >>> marked("write `await`, not <b>")
    'write <code>await</code>, not &lt;b&gt;'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
