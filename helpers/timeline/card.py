"""The card on which each picture (SVG) stands, white or, in a dark theme, dark; lengths are in pixels."""

import html

from ..palette import EDGE, GREY, WHITE

WIDTH = 760
# How wide it may be shown, and that a dark theme of JupyterLab turns light into dark and keeps the hues. The variable
# is 0 in its light themes and 32 in its dark ones. Elsewhere, and in a notebook that is not trusted yet, where a style
# loses its filter, the card is white.
_IS_DARK = "min(1,var(--jp-shadow-base-lightness,0))"
SHOWN = (
    f"width:100%;max-width:960px;height:auto;filter:invert(calc(.93*{_IS_DARK})) hue-rotate(calc(180deg*{_IS_DARK}))"
)


def card(body: str, height: int, said: str, more: str = "") -> str:
    """A whole picture: `body` on a card of its own. `said` is the picture in words, `more` the root's attributes.

    >>> card("", 84, "Nothing recorded")[:4]
    '<svg'
    """
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" style="{SHOWN}"'
    font = f'font-family="Helvetica Neue,Helvetica,Arial,sans-serif" font-size="12" fill="{GREY}"{more}'
    edge = f'x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"'
    back = f'<title>{html.escape(said)}</title><rect {edge} fill="{WHITE}" stroke="{EDGE}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{back}{body}</svg>'


def pixels(value: float) -> str:
    """A length as a picture writes it.

    >>> pixels(12.345), pixels(3.0)
    ('12.3', '3')
    """
    return f"{round(value, 1):g}"


def text_at(x: float, y: float, line: str, more: str = "") -> str:
    """A line of text; `more` are its attributes."""
    return f'<text x="{pixels(x)}" y="{pixels(y)}"{more}>{html.escape(line)}</text>'
