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
    ░ waiting for the answer to begin   █ answer arriving   × failed   · pause before a retry
"""

import base64
import html
import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt of one call; times in seconds since the record's zero.

    `first_byte` is when the answer's body began (None: it never did), `done` when the attempt ended (None: it
    is still in flight), `outcome` "ok", "failed", "cancelled" or "running", `note` one short word about it.

    >>> Bar(0.0, None, 30.0, "failed", "timeout").note
    'timeout'
    """

    sent: float
    first_byte: float | None
    done: float | None
    outcome: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One call: any text as its label, a bar for each attempt, and the second at which it joined a queue.

    >>> Row("What is Python?", bars=(), queued=0.0).queued
    0.0
    """

    label: str
    bars: tuple[Bar, ...]
    queued: float | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One record: its title, its calls, and the second at which it ends.

    >>> Panel("Nothing yet", rows=(), end=0.0).end
    0.0
    """

    title: str
    rows: tuple[Row, ...]
    end: float


# What can happen to a call: its sign in the text form, and its name in both forms.
_KEY = {
    "queued": ("-", "in the queue"),
    "waiting": ("░", "waiting for the answer to begin"),
    "arriving": ("█", "answer arriving"),
    "failed": ("×", "failed"),
    "cancelled": ("ø", "cancelled"),
    "running": (">", "still running"),
    "pause": ("·", "pause before a retry"),
}


def in_flight(rows: Iterable[Row]) -> list[tuple[float, int]]:
    """Steps (second, number of calls in flight from then on); queued and pausing calls are not in flight.

    >>> in_flight([Row("a", (Bar(0.0, 1.0, 2.0, "ok"),)), Row("b", (Bar(1.0, 1.5, 2.0, "ok"),))])
    [(0.0, 1), (1.0, 2), (2.0, 0)]
    """
    change: Counter[float] = Counter()
    for bar in (bar for row in rows for bar in row.bars):
        change[bar.sent] += 1
        if bar.done is not None:
            change[max(bar.sent, bar.done)] -= 1
    steps, count = [], 0
    # One net change per instant: a call that ends just as the next one starts never counts as two.
    for second, delta in sorted(change.items()):
        if delta:
            count += delta
            steps.append((second, count))
    return steps


def max_in_flight(rows: Iterable[Row]) -> int:
    """The most calls in flight at once; calls that took no measurable time count as one.

    >>> max_in_flight([Row("sent", (Bar(0.0, None, None, "running"),)), Row("queued", (), queued=0.0)])
    1
    """
    rows = tuple(rows)
    return max([count for _, count in in_flight(rows)] + [1 for row in rows if row.bars], default=0)


def _stop(bar: Bar, end: float) -> float:
    return max(bar.sent, end if bar.done is None else bar.done)


def _over(row: Row, end: float) -> float:
    return _stop(row.bars[-1], end) if row.bars else end


def _span(*panels: Panel) -> float:
    """The second up to which there is something to draw."""
    return max([0.0] + [max(panel.end, _over(row, panel.end)) for panel in panels for row in panel.rows])


def _spans(row: Row, end: float) -> Iterator[tuple[str, str, float, float]]:
    """What a call went through: (what, outcome of the attempt, from second, to second)."""
    if row.queued is not None:
        yield "queued", "", row.queued, row.bars[0].sent if row.bars else end
    free = math.inf
    for bar in row.bars:
        if free < bar.sent:
            yield "pause", "", free, bar.sent
        free = _stop(bar, end)
        first = free if bar.first_byte is None else min(max(bar.sent, bar.first_byte), free)
        yield "waiting", bar.outcome, bar.sent, first
        if bar.first_byte is not None:
            yield "arriving", bar.outcome, first, free
        if bar.outcome != "ok":
            yield bar.outcome, bar.outcome, free, free


def _seconds(s: float) -> str:
    if s < 0.0995:
        return f"{s * 1000:.2g} ms" if s > 0 else "0 s"
    if s < 59.95:
        return f"{s:.2f} s" if s < 0.995 else f"{s:.1f} s"
    minutes, seconds = divmod(round(s), 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _took(row: Row, end: float) -> str:
    return _seconds(_over(row, end) - row.bars[0].sent) if row.bars else ""


def _facts(panel: Panel) -> list[str]:
    """The summary in parts: calls, span, most in flight, and then only what did not go smoothly."""
    calls, retries = len(panel.rows), sum(max(0, len(row.bars) - 1) for row in panel.rows)
    if not calls:
        return ["no calls"]
    facts = [f"{calls:,} call{'s' * (calls > 1)}", _seconds(_span(panel))]
    facts += [f"at most {max_in_flight(panel.rows):,} in flight"]
    facts += [f"{retries:,} {'retry' if retries == 1 else 'retries'}"] if retries else []
    other = {"running": "still running", "queued": "not sent"}
    ends = Counter(row.bars[-1].outcome if row.bars else "queued" for row in panel.rows)
    return facts + [f"{ends[end]:,} {other.get(end, end)}" for end in (*_MARKS, "queued") if ends[end]]


def _clean(raw: str, most: int) -> str:
    """One line of printable text: labels hold anything a user typed, and XML forbids some of that."""
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


# ------------------------------------------------------------------------------ in plain text


def _strip(row: Row, end: float, per_second: float) -> str:
    """The call's bar, 40 columns wide; where parts share a column, the later one is seen."""
    cells, stop = [" "] * 40, 1
    for what, _, start, until in _spans(row, end):
        if what in _MARKS:  # these sit on the last column of what they end
            cells[stop - 1] = _KEY[what][0]
            continue
        # A pause begins where the bar before it ended, lest it hide that bar's last column.
        begin = stop if what == "pause" else min(max(0, round(start * per_second)), 39)
        stop = min(max(begin + (what != "pause"), round(until * per_second)), 40)
        cells[begin:stop] = _KEY[what][0] * (stop - begin)
    return "".join(cells)


def _outcome(row: Row) -> str:
    notes = ", ".join(filter(None, (_clean(bar.note, 16) for bar in row.bars)))
    attempts = f", {len(row.bars)} attempts" if len(row.bars) > 1 else ""
    name = _KEY.get(row.bars[-1].outcome, ("", "ok"))[1] if row.bars else "not sent"
    return f"{name}{attempts}{notes and f' ({notes})'}"


def text(panels: Sequence[Panel]) -> str:
    """The panels as lines for terminals, GitHub and screen readers, with 40 columns for the longest.

    >>> print(text([Panel("Nothing yet", (), 0.0)]))
    Nothing yet · no calls
    """
    per_second = 40 / (_span(*panels) or 1.0)
    lines, seen = [], ""
    for panel in panels:
        facts = _facts(panel)
        lines.append(" · ".join(filter(None, [_clean(panel.title, 80), *facts[:2], *facts[3:]])))
        shown = [(_took(row, panel.end), _outcome(row), row) for row in panel.rows[:40]]
        for number, (took, outcome, row) in enumerate(shown, 1):
            strip = _strip(row, panel.end, per_second)
            took = took.rjust(max(len(took) for took, _, _ in shown))
            outcome = outcome.ljust(max(len(outcome) for _, outcome, _ in shown))
            lines.append(f"{number:2}  {strip}  {took}  {outcome}  {_clean(row.label, 48)}".rstrip())
            seen += strip
        lines += [f"    … and {len(panel.rows) - 40:,} more"] if len(panel.rows) > 40 else []
        lines += [f"    {facts[2]}", ""] if panel.rows else [""]
    key = "   ".join(f"{sign} {name}" for sign, name in _KEY.values() if sign in seen)
    return "\n".join(lines[:-1] + ([f"    {key}"] if key else [])) or "Nothing recorded"


# ------------------------------------------------------------------------------ as a picture, in pixels

_WIDTH, _MARGIN = 760, 20
_TALL, _PITCH, _WORDY = 420, 22, 30  # most height of a panel's rows, of one row, and most rows with words
_DARK, _GREY, _RED = "#1f2933", "#52606d", "#9c3a00"  # text: all above 4.5:1 on white
_COLOURS = {  # waiting, arriving, mark; from the Okabe-Ito palette, which colour-blind people can tell apart
    "ok": ("#93c9ee", "#0072b2", ""),
    "running": ("#93c9ee", "#0072b2", "#0072b2"),
    "failed": ("#f4b48a", "#d55e00", "#b84a00"),
    "cancelled": ("#cbd2d9", "#7b8794", _GREY),
}
_LINES = {"queued": ("#b5bfc9", "1 2.5"), "pause": ("#7b8794", "1.5 2.5")}  # with their dashes
_MARKS = {  # colour never speaks alone: a cross, a circle struck through, two chevrons; paths about (0, 0)
    "failed": "m-1-1l2 2m0-2l-2 2",
    "cancelled": "m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0m.3-.7l1.4 1.4",
    "running": "m-1-1l1 1-1 1m1-2l1 1-1 1",
}
# About how wide Helvetica's characters are; generous, as the reader's font may be a wider one.
_EM = {c: em for em, cs in ((0.36, "fijltrI.,:;!|'()- ·"), (0.55, "cksvxyz"), (0.98, "mMW@%…")) for c in cs}

_Shapes = defaultdict[tuple[str, str], str]  # path data by (what, outcome): few paths keep 1,000 calls small


class _Scale(NamedTuple):
    left: float  # where second zero is
    per_second: float
    per_call: float  # height of one call in flight

    def x(self, second: float) -> float:
        return self.left + max(0.0, second) * self.per_second


def _n(value: float) -> str:
    return f"{round(value, 1):g}"


def _px(line: str, size: float = 12) -> float:
    ems = (1.25 if unicodedata.east_asian_width(c) in "WF" else 0.75 if c.isupper() else 0.62 for c in line)
    return size * sum(_EM.get(c, em) for c, em in zip(line, ems, strict=True))


def _fit(line: str, width: float, size: float = 12) -> str:
    while _px(line, size) > width + 0.01:
        line = line.rstrip("…")[:-1].rstrip() + "…"
    return line


def _text(x: float, y: float, line: str, more: str = "") -> str:
    return f'<text x="{_n(x)}" y="{_n(y)}"{more}>{html.escape(line)}</text>'


def _paths(shapes: _Shapes, thick: float, radius: float) -> str:
    """The shapes as <path> elements; marks come last and have a white rim, to stand clear of what is near."""
    bars = marks = ""
    for (what, outcome), d in shapes.items():
        if what in _MARKS:
            for colour, width in (("#fff", 4), (_COLOURS[outcome][2], 1.7)):
                marks += f'<path d="{d}" stroke="{colour}" stroke-width="{_n(width / radius)}"/>'
        else:
            colour, dash = _LINES.get(what) or (_COLOURS[outcome][what == "arriving"], "none")
            width = {"queued": thick * (0.6 if thick > 5 else 1), "pause": min(1.5, thick)}.get(what, thick)
            bars += f'<path d="{d}" stroke="{colour}" stroke-width="{_n(width)}" stroke-dasharray="{dash}"/>'
    return f'<g fill="none">{bars}<g transform="scale({_n(radius)})">{marks}</g></g>'


def _said(bar: Bar) -> str:
    return "" if bar.outcome == "ok" else _clean(bar.note, 16) or _KEY[bar.outcome][1]


def _ending(row: Row, end: float, unsaid: Iterable[str]) -> str:
    """The words after the last bar: how it ended if not well, its seconds, notes that had no room before."""
    if not row.bars:
        return "not sent"
    after = ", ".join(filter(None, dict.fromkeys(unsaid)))
    words = (_said(row.bars[-1]), _took(row, end), after and f"after {after}")
    return _fit(" · ".join(filter(None, words)), 230)


def _scale(panels: Sequence[Panel]) -> _Scale:
    """As many pixels a second as leave each call room for the words after its last bar."""
    wordy = [(row, panel.end) for panel in panels if len(panel.rows) <= _WORDY for row in panel.rows]
    left = _MARGIN + 12 + min(215.0, max([120.0] + [_px(_clean(row.label, 60)) for row, _ in wordy]))
    room, span = _WIDTH - _MARGIN - left, _span(*panels) or 1.0
    rates = [room / span]
    for row, end in wordy:
        words = 20 + _px(_ending(row, end, map(_said, row.bars[:-1])))
        rates.append((room - words) / (max(0.0, _over(row, end)) or span))
    return _Scale(left, min(rates), min(12.0, 42 / max([1] + [max_in_flight(p.rows) for p in panels])))


def _words(row: Row, number: int, y: float, end: float, scale: _Scale) -> str:
    """A call's label, the note at each earlier attempt if it fits before the next one, and its ending."""
    red = f' fill="{_RED}"'
    name = _fit(_clean(row.label, 60) or f"call {number}", scale.left - _MARGIN - 12)
    words, unsaid = _text(_MARGIN, y, name, f' fill="{_DARK}"'), []
    for bar, following, note in zip(row.bars, row.bars[1:], map(_said, row.bars), strict=False):
        x = scale.x(_stop(bar, end)) + 16
        if x + _px(note) + 6 > scale.x(following.sent):
            unsaid.append(note)
        elif note:
            words += _text(x, y, note, red if bar.outcome == "failed" else "")
    outcome = row.bars[-1].outcome if row.bars else "ok"
    x = scale.x(_over(row, end)) + (16 if outcome in _MARKS else 6)
    return words + _text(x, y, _ending(row, end, unsaid), red if outcome == "failed" else "")


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
            words += _text(_MARGIN, top + 11 + 16 * i, line)
    shapes, marks = _Shapes(str), [(-math.inf, -math.inf)]
    for number, row in enumerate(rows, 1):
        y = top + (number - 0.5) * pitch
        for what, outcome, start, stop in _spans(row, panel.end):
            a, b = scale.x(start), scale.x(stop)
            if what not in _MARKS:
                shapes[what, outcome] += f"M{_n(a)} {_n(y)}h{_n(max(b - a, 1))}"
            # Where marks would pile up one is enough; no more than the last 150 can be this near.
            elif all(max(abs(b - x), y - above) > 2 * radius for x, above in marks[-150:]):
                marks.append((b, y))
                shapes[what, outcome] += f"M{_n((b + 4) / radius + 1)} {_n(y / radius)}{_MARKS[what]}"
        if count <= _WORDY:
            words += _words(row, number, y + 4, panel.end, scale)
    rim = '<g stroke="#fff" stroke-width="7" stroke-linejoin="round" paint-order="stroke">'
    return f"{_paths(shapes, thick, radius)}{rim}{words}</g>"


def _area(panel: Panel, base: float, scale: _Scale) -> str:
    """The number of calls in flight over time, as steps standing on `base`, and its maximum."""
    steps = [f"H{_n(scale.x(t))}V{_n(base - n * scale.per_call)}" for t, n in in_flight(panel.rows)]
    d = f"M{_n(scale.left)} {_n(base)}{''.join(steps)}H{_n(scale.x(_span(panel)))}V{_n(base)}"
    most = max_in_flight(panel.rows)
    words = _text(_MARGIN, base - max(3, most * scale.per_call - 9), f"at most {most:,} in flight")
    return f'<path d="{d}" fill="#e4e9ef" stroke="#7b8794"/>{words}'


def _axis(y: float, heights: Iterable[tuple[float, float]], scale: _Scale) -> str:
    """Seconds under the last panel, and faint lines at the same seconds through all panels."""
    room = _WIDTH - _MARGIN - scale.left
    span = room / scale.per_second
    limits = ((0.1, 0.001, "ms"), (120, 1, "s"), (7200, 60, "min"), (math.inf, 3600, "h"))
    unit, name = next((unit, name) for limit, unit, name in limits if span < limit)
    power = 10.0 ** math.floor(math.log10(span / unit / 8))
    step = next(m * power * unit for m in (1, 2, 5, 10) if span / unit <= 8 * m * power * 1.001)
    ticks = [i * step for i in range(int(span / step + 1e-9) + 1)]
    grid = "".join(f"M{_n(scale.x(t))} {_n(top)}V{_n(base)}" for top, base in heights for t in ticks)
    labels = "".join(_text(scale.x(t), y + 16, f"{t / unit:g} {name}" if t else "0") for t in ticks)
    line = f'<path d="M{_n(scale.left)} {_n(y)}h{_n(room)}" stroke="#9aa5b1"/>'
    return f'<path d="{grid}" stroke="#e9edf1"/>{line}<g text-anchor="middle">{labels}</g>'


def _legend(panels: Sequence[Panel], y: float) -> tuple[str, float]:
    """An entry for each thing that occurs in this picture, and the y of the last line."""
    seen = {span[:2] for panel in panels for row in panel.rows for span in _spans(row, panel.end)}
    happened = {what for what, outcome in seen if outcome in ("", "ok", "running") or what in _MARKS}
    shapes, words, x = _Shapes(str), "", float(_MARGIN)
    for what in (what for what in _KEY if what in happened):
        width, name = (36 if what in _MARKS else 24) + 6, _KEY[what][1]
        if x + width + _px(name) > _WIDTH - _MARGIN:
            x, y = float(_MARGIN), y + 18
        if what in _MARKS:
            shapes["waiting", what] += f"M{_n(x)} {_n(y)}h13"
            shapes["arriving", what] += f"M{_n(x + 13)} {_n(y)}h11"
            shapes[what, what] += f"M{_n((x + 31.5) / 3.5)} {_n(y / 3.5)}{_MARKS[what]}"
        else:
            shapes[what, "ok"] += f"M{_n(x)} {_n(y)}h24"
        words += _text(x + width, y + 4, name)
        x += width + _px(name) + 14
    return _paths(shapes, 9, 3.5) + words, y


def svg(panels: Sequence[Panel]) -> str:
    """The panels under each other as one SVG picture, 760 pixels wide, on a white card of its own.

    >>> svg([Panel("One call", (Row("Hello", (Bar(0.0, 0.4, 0.5, "ok"),)),), end=0.5)])[:4]
    '<svg'
    """
    scale, body, heights, y = _scale(panels), "", [], float(_MARGIN)
    for panel in panels:
        if title := _fit(_clean(panel.title, 120), _WIDTH - 2 * _MARGIN, 17.5):
            body += _text(_MARGIN, y + 12, title, f' font-size="16" font-weight="600" fill="{_DARK}"')
            y += 20
        body += _text(_MARGIN, y + 12, " · ".join(_facts(panel)), ' font-size="13"')
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
        body, y = body or _text(_MARGIN, y + 4, "Nothing recorded"), y + 26 * (not panels)
    height = round(y - 6)
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img"'
    font = f'font-family="Helvetica Neue,Helvetica,Arial,sans-serif" font-size="12" fill="{_GREY}"'
    edge = f'x=".5" y=".5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"'
    card = f'<title>{html.escape(alt(panels))}</title><rect {edge} fill="#fff" stroke="#d9dee4"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{card}{body}</svg>'


def alt(panels: Sequence[Panel]) -> str:
    """What the picture shows, in two sentences for someone who cannot see it.

    >>> alt([Panel("One call", (Row("Hello", (Bar(0.0, 0.4, 0.5, "ok"),)),), end=0.5)])
    'Timeline of API calls. One call: 1 call, 0.50 s, at most 1 in flight.'
    """
    said = [": ".join(filter(None, (_clean(p.title, 80), ", ".join(_facts(p))))) for p in panels]
    return f"Timeline of API calls. {'; '.join(said) or 'Nothing recorded'}."


def mimebundle(panels: Sequence[Panel]) -> dict[str, str]:
    """Both forms for `_repr_mimebundle_`, the picture as an <img>: JupyterLab takes inline SVG out of
    notebooks that are not trusted yet.

    >>> sorted(mimebundle([]))
    ['text/html', 'text/plain']
    """
    picture = svg(panels)
    size = picture[picture.index("width=") : picture.index(" viewBox")]
    data = base64.b64encode(picture.encode()).decode()
    style, source = "max-width:100%;height:auto", f"data:image/svg+xml;base64,{data}"
    image = f'<img alt="{html.escape(alt(panels))}" {size} style="{style}" src="{source}">'
    return {"text/plain": text(panels), "text/html": image}
