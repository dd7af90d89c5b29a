"""The timeline as a picture (SVG); lengths are in pixels."""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .. import palette
from ..words import one_line
from .card import WIDTH, card, pixels, text_at
from .rows import (
    KEY,
    MARKS,
    Bar,
    Panel,
    Row,
    alt,
    attempt_end,
    call_end,
    in_flight,
    last_second,
    max_in_flight,
    parts,
    summary,
    took_of,
)

_MARGIN = 20
_TALL, _PITCH, _WORDY = 420, 22, 30  # most height of a panel's rows, of one row, and most rows with words
_COLOURS = {  # waiting, arriving, mark
    "ok": (palette.LIGHT_BLUE, palette.BLUE, ""),
    "running": (palette.LIGHT_BLUE, palette.BLUE, palette.BLUE),
    "failed": (palette.LIGHT_ORANGE, palette.ORANGE, palette.DARK_ORANGE),
    "cancelled": (palette.LIGHT_FADED, palette.FADED, palette.GREY),
}
_LINES = {"queued": (palette.QUEUE, "1 2.5"), "pause": (palette.FADED, "1.5 2.5")}  # with their dashes
# About how wide Helvetica's characters are; generous, as the reader's font may be a wider one.
_EM = {c: em for em, cs in ((0.36, "fijltrI.,:;!|'()- ·"), (0.55, "cksvxyz"), (0.98, "mMW@%…")) for c in cs}

_Shapes = defaultdict[tuple[str, str], str]  # path data by (what, outcome): few paths keep 1,000 calls small


class _Scale(NamedTuple):
    left: float  # where second zero is
    per_second: float
    per_call: float  # height of one call in flight

    def x(self, second: float) -> float:
        return self.left + max(0.0, second) * self.per_second


def _px(line: str, size: float = 12) -> float:
    ems = (1.25 if unicodedata.east_asian_width(c) in "WF" else 0.75 if c.isupper() else 0.62 for c in line)
    return size * sum(_EM.get(c, em) for c, em in zip(line, ems, strict=True))


def _fit(line: str, width: float, size: float = 12) -> str:
    while _px(line, size) > width + 0.01:
        line = line.rstrip("…")[:-1].rstrip() + "…"
    return line


def _paths(shapes: _Shapes, thick: float, radius: float) -> str:
    """The shapes as <path> elements; marks come last and have a white rim, to stand clear of what is near."""
    bars = marks = ""
    for (what, outcome), d in shapes.items():
        if what in MARKS:
            for colour, width in ((palette.WHITE, 4), (_COLOURS[outcome][2], 1.7)):
                marks += f'<path d="{d}" stroke="{colour}" stroke-width="{pixels(width / radius)}"/>'
        else:
            colour, dash = _LINES.get(what) or (_COLOURS[outcome][what == "arriving"], "none")
            width = {"queued": thick * (0.6 if thick > 5 else 1), "pause": min(1.5, thick)}.get(what, thick)
            bars += f'<path d="{d}" stroke="{colour}" stroke-width="{pixels(width)}" stroke-dasharray="{dash}"/>'
    return f'<g fill="none">{bars}<g transform="scale({pixels(radius)})">{marks}</g></g>'


def _said(bar: Bar) -> str:
    return "" if bar.outcome == "ok" else one_line(bar.note, 16) or KEY[bar.outcome][1]


def _ending(row: Row, end: float) -> str:
    """The words after the last bar: how it ended if not well, its seconds, and its attempts if there were several."""
    if not row.bars:
        return "not sent"
    attempts = f"{len(row.bars)} attempts" if len(row.bars) > 1 else ""
    return _fit(" · ".join(filter(None, (_said(row.bars[-1]), took_of(row, end), attempts))), 230)


def _scale(panels: Sequence[Panel]) -> _Scale:
    """As many pixels a second as leave each call room for the words after its last bar."""
    wordy = [(row, panel.end) for panel in panels if len(panel.rows) <= _WORDY for row in panel.rows]
    left = _MARGIN + 12 + min(215.0, max([120.0] + [_px(one_line(row.label, 60)) for row, _ in wordy]))
    room, span = WIDTH - _MARGIN - left, last_second(*panels) or 1.0
    rates = [room / span]
    for row, end in wordy:
        words = 20 + _px(_ending(row, end))
        rates.append((room - words) / (max(0.0, call_end(row, end)) or span))
    return _Scale(left, min(rates), min(12.0, 42 / max([1] + [max_in_flight(p.rows) for p in panels])))


def _words(row: Row, number: int, y: float, end: float, scale: _Scale) -> str:
    """A call's label, the note at each earlier attempt if it fits before the next one, and its ending."""
    red = f' fill="{palette.RED}"'
    name = _fit(one_line(row.label, 60) or f"call {number}", scale.left - _MARGIN - 12)
    words = text_at(_MARGIN, y, name, f' fill="{palette.DARK}"')
    for bar, following, note in zip(row.bars, row.bars[1:], map(_said, row.bars), strict=False):
        x = scale.x(attempt_end(bar, end)) + 16
        if note and x + _px(note) + 6 <= scale.x(following.sent):
            words += text_at(x, y, note, red if bar.outcome == "failed" else "")
    outcome = row.bars[-1].outcome if row.bars else "ok"
    x = scale.x(call_end(row, end)) + (16 if outcome in MARKS else 6)
    return words + text_at(x, y, _ending(row, end), red if outcome == "failed" else "")


def _rows(panel: Panel, top: float, scale: _Scale) -> str:
    """A row for each call; many calls get thin rows without words, in the order they were sent."""
    rows, count = panel.rows, len(panel.rows)
    pitch = min(_PITCH, _TALL / count)
    thick = 0.6 * pitch if pitch > 3 else pitch + 0.4  # without gaps rows overlap a bit, lest hairlines show
    radius = min(3.5, max(2.0, 0.4 * thick))
    words = ""
    if count > _WORDY:
        rows = tuple(sorted(rows, key=lambda row: row.bars[0].sent if row.bars else math.inf))
        for i, line in enumerate((f"{count:,} calls,", "in the order", "they were sent")):
            words += text_at(_MARGIN, top + 11 + 16 * i, line)
    shapes, marks = _Shapes(str), [(-math.inf, -math.inf)]
    for number, row in enumerate(rows, 1):
        y = top + (number - 0.5) * pitch
        for what, outcome, start, stop in parts(row, panel.end):
            a, b = scale.x(start), scale.x(stop)
            if what not in MARKS:
                shapes[what, outcome] += f"M{pixels(a)} {pixels(y)}h{pixels(max(b - a, 1))}"
            # Where marks would pile up one is enough; no more than the last 150 can be this near.
            elif all(max(abs(b - x), y - above) > 2 * radius for x, above in marks[-150:]):
                marks.append((b, y))
                shapes[what, outcome] += f"M{pixels((b + 4) / radius + 1)} {pixels(y / radius)}{MARKS[what]}"
        if count <= _WORDY:
            words += _words(row, number, y + 4, panel.end, scale)
    rim = f'<g stroke="{palette.WHITE}" stroke-width="7" stroke-linejoin="round" paint-order="stroke">'
    return f"{_paths(shapes, thick, radius)}{rim}{words}</g>"


def _area(panel: Panel, base: float, scale: _Scale) -> str:
    """The number of calls in flight over time, as steps standing on `base`, and its maximum."""
    levels = {round(scale.x(t)): n for t, n in in_flight(panel.rows)}  # what lasts less than a pixel is not drawn
    steps = [f"H{x}V{pixels(base - n * scale.per_call)}" for x, n in levels.items()]
    d = f"M{pixels(scale.left)} {pixels(base)}{''.join(steps)}H{pixels(scale.x(last_second(panel)))}V{pixels(base)}"
    most = max_in_flight(panel.rows)
    words = text_at(_MARGIN, base - max(3, most * scale.per_call - 9), f"at most {most:,} in flight")
    return f'<path d="{d}" fill="{palette.AREA}" stroke="{palette.FADED}"/>{words}'


def _axis(y: float, heights: Iterable[tuple[float, float]], scale: _Scale) -> str:
    """Seconds under the last panel, and faint lines at the same seconds through all panels."""
    room = WIDTH - _MARGIN - scale.left
    span = room / scale.per_second
    limits = ((0.1, 0.001, "ms"), (120, 1, "s"), (7200, 60, "min"), (math.inf, 3600, "h"))
    unit, name = next((unit, name) for limit, unit, name in limits if span < limit)
    power = 10.0 ** math.floor(math.log10(span / unit / 8))
    step = next(m * power * unit for m in (1, 2, 5, 10) if span / unit <= 8 * m * power * 1.001)
    ticks = [i * step for i in range(int(span / step + 1e-9) + 1)]
    grid = "".join(f"M{pixels(scale.x(t))} {pixels(top)}V{pixels(base)}" for top, base in heights for t in ticks)
    labels = "".join(text_at(scale.x(t), y + 16, f"{t / unit:g} {name}" if t else "0") for t in ticks)
    line = f'<path d="M{pixels(scale.left)} {pixels(y)}h{pixels(room)}" stroke="{palette.AXIS}"/>'
    return f'<path d="{grid}" stroke="{palette.GRID}"/>{line}<g text-anchor="middle">{labels}</g>'


def _legend(panels: Sequence[Panel], y: float) -> tuple[str, float]:
    """An entry for each thing that occurs in this picture, and the y of the last line."""
    seen = {span[:2] for panel in panels for row in panel.rows for span in parts(row, panel.end)}
    happened = {what for what, outcome in seen if outcome in ("", "ok", "running") or what in MARKS}
    shapes, words, x = _Shapes(str), "", float(_MARGIN)
    for what in (what for what in KEY if what in happened):
        width, name = (36 if what in MARKS else 24) + 6, KEY[what][1]
        if x + width + _px(name) > WIDTH - _MARGIN:
            x, y = float(_MARGIN), y + 18
        if what in MARKS:
            shapes["waiting", what] += f"M{pixels(x)} {pixels(y)}h24"
            shapes[what, what] += f"M{pixels((x + 31.5) / 3.5)} {pixels(y / 3.5)}{MARKS[what]}"
        else:
            shapes[what, "ok"] += f"M{pixels(x)} {pixels(y)}h24"
        words += text_at(x + width, y + 4, name)
        x += width + _px(name) + 14
    return _paths(shapes, 9, 3.5) + words, y


def svg(panels: Sequence[Panel]) -> str:
    """The panels under each other as one SVG picture, 760 pixels wide, on a white card of its own.

    >>> svg([Panel("One call", (Row("Hello", (Bar(0.0, 0.4, 0.5, "ok"),)),), end=0.5)])[:4]
    '<svg'
    """
    scale, body, heights, y = _scale(panels), "", [], float(_MARGIN)
    for panel in panels:
        if title := _fit(one_line(panel.title, 120), WIDTH - 2 * _MARGIN, 17.5):
            body += text_at(_MARGIN, y + 12, title, f' font-size="16" font-weight="600" fill="{palette.DARK}"')
            y += 20
        body += text_at(_MARGIN, y + 12, " · ".join(summary(panel)), ' font-size="13"')
        y += 28 if panel.rows else 14
        if panel.rows:
            body += _rows(panel, y, scale)
            rows = min(_PITCH * len(panel.rows), _TALL) + 12
            base = y + rows + max(12.0, max_in_flight(panel.rows) * scale.per_call)
            body += _area(panel, base, scale)
            heights.append((y - 2, base))
            y = base
        y += 28
    if heights:
        legend, last = _legend(panels, y + 20)
        body, y = _axis(y - 22, heights, scale) + body + legend, last + 28
    else:
        body, y = body or text_at(_MARGIN, y + 4, "Nothing recorded"), y + 26 * (not panels)
    return card(body, round(y - 6), alt(panels))
