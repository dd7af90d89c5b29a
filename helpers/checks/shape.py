"""The expected shape: a scenario's calls as they are in flight if all is right, drawn like a run."""

import heapq
from collections.abc import Sequence
from dataclasses import replace

from ..timeline import Bar, Panel, Row
from .running import LATENCY, Run

TITLE = "The expected shape"


def expected(run: Run, limit: int | None = None, until: float | None = None) -> Panel:
    """All calls as early as can be, with at most `limit` in flight; at second `until` what runs is cancelled."""
    return panel(schedule(lengths(run), limit, until))


def lengths(run: Run) -> list[tuple[str, float]]:
    """The label of each call that belongs to the scenario, and its seconds."""
    scenario = run.scenario
    labels = scenario.models if len(scenario.models) > 1 else scenario.questions
    return [(label, scenario.seconds.get(label, LATENCY)) for label in labels]


def schedule(
    calls: Sequence[tuple[str, float]], limit: int | None = None, until: float | None = None, start: float = 0.0
) -> list[Row]:
    free = [start] * min(limit or len(calls), len(calls))  # when each slot is free again
    rows = []
    for label, seconds in calls:
        sent = heapq.heappop(free)
        end, outcome = sent + seconds, "ok"
        if until is not None and end > until:
            end, outcome = max(sent, until), "cancelled"
        heapq.heappush(free, end)
        rows.append(Row(label, (Bar(sent, None, end, outcome),)))
    return rows


def tried(label: str, *attempts: tuple[float, str, str], pause: float) -> Row:
    """A call with several attempts, each with its seconds, outcome and note, and the same pause between them."""
    bars, sent = [], 0.0
    for seconds, outcome, note in attempts:
        bars.append(Bar(sent, None, sent + seconds, outcome, note))
        sent += seconds + pause
    return Row(label, tuple(bars))


def from_zero(run: Panel) -> Panel:
    """A run, drawn as if its first call had been sent at second zero, for easier comparison."""
    start = min((bar.sent for row in run.rows for bar in row.bars), default=0.0)

    def earlier(second: float | None) -> float | None:
        return None if second is None else max(0.0, second - start)

    rows = [
        replace(
            row,
            queued=earlier(row.queued),
            bars=tuple(
                replace(bar, sent=bar.sent - start, first_byte=earlier(bar.first_byte), done=earlier(bar.done))
                for bar in row.bars
            ),
        )
        for row in run.rows
    ]
    return replace(run, rows=tuple(rows), end=max(0.0, run.end - start))


def panel(rows: Sequence[Row]) -> Panel:
    return Panel(TITLE, tuple(rows), max([bar.done or 0.0 for row in rows for bar in row.bars], default=0.0))
