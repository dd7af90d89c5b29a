"""The timeline as lines of plain text."""

from collections.abc import Sequence

from ..words import one_line
from .rows import KEY, MARKS, Panel, Row, last_second, parts, summary, took_of


def _strip(row: Row, end: float, per_second: float) -> str:
    """The call's bar, 40 columns wide; where parts share a column, the later one is seen."""
    cells, stop = [" "] * 40, 1
    for what, _, start, until in parts(row, end):
        if what in MARKS:  # these sit on the last column of what they end
            cells[stop - 1] = KEY[what][0]
            continue
        # A pause begins where the bar before it ended, lest it hide that bar's last column.
        begin = stop if what == "pause" else min(max(0, round(start * per_second)), 39)
        stop = min(max(begin + (what != "pause"), round(until * per_second)), 40)
        cells[begin:stop] = KEY[what][0] * (stop - begin)
    return "".join(cells)


def _outcome(row: Row) -> str:
    notes = ", ".join(filter(None, (one_line(bar.note, 16) for bar in row.bars)))
    attempts = f", {len(row.bars)} attempts" if len(row.bars) > 1 else ""
    name = KEY.get(row.bars[-1].outcome, ("", "ok"))[1] if row.bars else "not sent"
    return f"{name}{attempts}{notes and f' ({notes})'}"


def text(panels: Sequence[Panel]) -> str:
    """The panels as lines for terminals, GitHub and screen readers, with 40 columns for the longest.

    >>> print(text([Panel("Nothing yet", (), 0.0)]))
    Nothing yet · no calls
    """
    per_second = 40 / (last_second(*panels) or 1.0)
    lines, seen = [], ""
    for panel in panels:
        facts = summary(panel)
        lines.append(" · ".join(filter(None, [one_line(panel.title, 80), *facts[:2], *facts[3:]])))
        shown = [(took_of(row, panel.end), _outcome(row), row) for row in panel.rows[:40]]
        for number, (took, outcome, row) in enumerate(shown, 1):
            strip = _strip(row, panel.end, per_second)
            took = took.rjust(max(len(took) for took, _, _ in shown))
            outcome = outcome.ljust(max(len(outcome) for _, outcome, _ in shown))
            lines.append(f"{number:2}  {strip}  {took}  {outcome}  {one_line(row.label, 48)}".rstrip())
            seen += strip
        lines += [f"    … and {len(panel.rows) - 40:,} more"] if len(panel.rows) > 40 else []
        lines += [f"    {facts[2]}", ""] if panel.rows else [""]
    key = "   ".join(f"{sign} {name}" for sign, name in KEY.values() if sign in seen)
    return "\n".join(lines[:-1] + ([f"    {key}"] if key else [])) or "Nothing recorded"
