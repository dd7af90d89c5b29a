"""What a timeline shows: panels of rows of bars, and what can be said of them in words."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..words import counted, duration, one_line


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


WHOLE = 0.01  # an answer that arrives in this share of its call, or less, came in one piece

# What can happen to a call: its sign in the text form, and its name in both forms.
KEY = {
    "queued": ("-", "in the queue"),
    "waiting": ("░", "waiting for the answer"),
    "arriving": ("█", "answer arriving"),
    "failed": ("×", "failed"),
    "cancelled": ("ø", "cancelled"),
    "running": (">", "still running"),
    "pause": ("·", "pause before a retry"),
}
MARKS = {  # colour never speaks alone: a cross, a circle struck through, two chevrons; paths about (0, 0)
    "failed": "m-1-1l2 2m0-2l-2 2",
    "cancelled": "m-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0m.3-.7l1.4 1.4",
    "running": "m-1-1l1 1-1 1m1-2l1 1-1 1",
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


def attempt_end(bar: Bar, end: float) -> float:
    return max(bar.sent, end if bar.done is None else bar.done)


def call_end(row: Row, end: float) -> float:
    return attempt_end(row.bars[-1], end) if row.bars else end


def last_second(*panels: Panel) -> float:
    """The second up to which there is something to draw."""
    return max([0.0] + [max(panel.end, call_end(row, panel.end)) for panel in panels for row in panel.rows])


def parts(row: Row, end: float) -> Iterator[tuple[str, str, float, float]]:
    """What a call went through: (what, outcome of the attempt, from second, to second)."""
    if row.queued is not None:
        yield "queued", "", row.queued, row.bars[0].sent if row.bars else end
    free = math.inf
    for bar in row.bars:
        if free < bar.sent:
            yield "pause", "", free, bar.sent
        free = attempt_end(bar, end)
        first = free if bar.first_byte is None else min(max(bar.sent, bar.first_byte), free)
        if free - first <= WHOLE * (free - bar.sent):
            first = free
        yield "waiting", bar.outcome, bar.sent, first
        if first < free:
            yield "arriving", bar.outcome, first, free
        if bar.outcome != "ok":
            yield bar.outcome, bar.outcome, free, free


def took_of(row: Row, end: float) -> str:
    return duration(call_end(row, end) - row.bars[0].sent) if row.bars else ""


def summary(panel: Panel) -> list[str]:
    """The summary in parts: calls, span, most in flight, and then only what did not go smoothly."""
    calls, retries = len(panel.rows), sum(max(0, len(row.bars) - 1) for row in panel.rows)
    if not calls:
        return ["no calls"]
    sent = [row for row in panel.rows if row.bars]
    span = max(call_end(row, panel.end) for row in sent) - min(row.bars[0].sent for row in sent) if sent else panel.end
    facts = [counted(calls, "call"), duration(span)]
    facts += [f"at most {max_in_flight(panel.rows):,} in flight"]
    facts += [counted(retries, "retry", "retries")] if retries else []
    other = {"running": "still running", "queued": "not sent"}
    ends = Counter(row.bars[-1].outcome if row.bars else "queued" for row in panel.rows)
    return facts + [f"{ends[end]:,} {other.get(end, end)}" for end in (*MARKS, "queued") if ends[end]]


def alt(panels: Sequence[Panel]) -> str:
    """What the picture shows, in two sentences for someone who cannot see it.

    >>> alt([Panel("One call", (Row("Hello", (Bar(0.0, 0.4, 0.5, "ok"),)),), end=0.5)])
    'Timeline of API calls. One call: 1 call, 0.50 s, at most 1 in flight.'
    """
    said = [": ".join(filter(None, (one_line(p.title, 80), ", ".join(summary(p))))) for p in panels]
    return f"Timeline of API calls. {'; '.join(said) or 'Nothing recorded'}."
