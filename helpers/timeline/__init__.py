"""Draw a record of API calls: as a picture (SVG) and as a table in plain text.

A `Panel` is one record, a `Row` one call in it, a `Bar` one attempt of that call. Every time is in
seconds since the record's zero. All panels of a picture share one time scale, so lengths compare by eye.

>>> quick = Row("What is Python?", (Bar(0.0, 0.5, 0.75, "ok"),))
>>> again = Row("What is a list?", (Bar(0.0, 0.2, 0.25, "failed", "429"), Bar(0.75, 1.25, 2.0, "ok")))
>>> print(text([Panel("Two at once", (quick, again), end=2.0)]))
Two at once · 2 calls · 2.0 s · 1 retry
 1  ░░░░░░░░░░█████                           0.75 s  ok                    What is Python?
 2  ░░░░×··········░░░░░░░░░░███████████████   2.0 s  ok, 2 attempts (429)  What is a list?
    at most 2 in flight
    ░ waiting for the answer   █ answer arriving   × failed   · pause before a retry
"""

import base64
import html
from collections.abc import Sequence

from .card import SHOWN
from .picture import svg
from .rows import Bar, Panel, Row, alt, in_flight, max_in_flight
from .table import text

__all__ = ["Bar", "Panel", "Row", "alt", "in_flight", "max_in_flight", "mimebundle", "svg", "text"]


def mimebundle(panels: Sequence[Panel]) -> dict[str, str]:
    """Both forms for `_repr_mimebundle_`, the picture as an <img>: JupyterLab takes inline SVG out of
    notebooks that are not trusted yet.

    >>> sorted(mimebundle([]))
    ['text/html', 'text/plain']
    """
    picture = svg(panels)
    size = picture[picture.index("width=") : picture.index(" viewBox")]
    data = base64.b64encode(picture.encode()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    image = f'<img alt="{html.escape(alt(panels))}" {size} style="{SHOWN}" src="{source}">'
    return {"text/plain": text(panels), "text/html": image}
