"""How numbers and texts are put into words."""

import html
import re
from collections.abc import Iterable


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


def lettered(texts: Iterable[str]) -> str:
    """Texts as an HTML list: a., b., c.

    >>> lettered(["yes", "no"])
    '<ol style="list-style-type: lower-alpha"><li>yes</li><li>no</li></ol>'
    """
    # the attribute type="a" would not do: JupyterLab's own style says 1., 2., 3.
    items = "".join(f"<li>{marked(text)}</li>" for text in texts)
    return f'<ol style="list-style-type: lower-alpha">{items}</ol>'
