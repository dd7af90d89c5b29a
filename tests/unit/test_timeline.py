"""The timeline: what a reader sees in the picture, in the text form, and hears from a screen reader."""

import base64
import random
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from helpers.timeline import Bar, Panel, Row, alt, in_flight, max_in_flight, mimebundle, svg, text
from helpers.timeline import picture as drawing
from helpers.timeline.rows import KEY, MARKS

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>",
    "]]> & &amp; \" ' <!-- -->",
    "a line\nanother\r\n\ta tab",
    "\x00\x01\x08\x1f\x7f\x85",
    "x" * 100_000,
    "\n" * 100_000 + "x",
    "lone \ud800 surrogates \udfff",
    "\ufffe\uffff",
    "\u202eturned around",
    "🎉👩‍👩‍👧 日本語",
    "Z" + "\u0337\u0321" * 200,
    "",
]


def call(label: str, *bars: Bar, queued: float | None = None) -> Row:
    return Row(label, bars, queued)


def ok(sent: float, done: float, label: str = "a call", arriving: float = 0.25) -> Row:
    return call(label, Bar(sent, done - arriving * (done - sent), done, "ok"))


def waves(count: int, slots: int) -> Panel:
    """Calls of one second, so many at a time, all put in the queue at zero."""
    bars = [Bar(i // slots, i // slots + 0.75, i // slots + 1, "ok") for i in range(count)]
    rows = tuple(call(f"call {i}", bar, queued=0.0) for i, bar in enumerate(bars))
    return Panel(f"{count} calls", rows, -(-count // slots))


SYNC = Panel("One after another", (ok(0, 1), ok(1, 2), ok(2, 3)), 3.0)
ASYNC = Panel("All at once", (ok(0, 1), ok(0, 1), ok(0, 1)), 1.0)
RETRY = call("again", Bar(0.0, 0.2, 0.25, "failed", "429"), Bar(1.0, 1.5, 2.0, "ok"))
MIXED = Panel(
    "What can happen",
    (
        call("answers", Bar(0.0, 0.5, 1.0, "ok")),
        RETRY,
        call("fails", Bar(0.0, None, 1.0, "failed", "timeout")),
        call("stopped", Bar(0.0, 1.0, 1.5, "cancelled")),
        call("goes on", Bar(1.0, 1.5, None, "running")),
        call("waits", Bar(1.0, 1.5, 2.0, "ok"), queued=0.0),
        call("never sent", queued=0.5),
    ),
    2.0,
)
COLOURS = drawing._COLOURS


def draw(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(svg(panels))


def words(*panels: Panel) -> list[str]:
    return ["".join(each.itertext()) for each in draw(*panels).iter(f"{SVG}text")]


def legend(*panels: Panel) -> set[str]:
    names = {name for _, name in KEY.values()}
    picture = draw(*panels)
    lowest = max(float(each.get("y", 0)) for each in picture.iter(f"{SVG}text")) - 25
    texts = [each for each in picture.iter(f"{SVG}text") if float(each.get("y", 0)) > lowest]
    return {each.text for each in texts if each.text in names}  # type: ignore[misc]


def spans(picture: ElementTree.Element, colour: str) -> list[tuple[float, float, float]]:
    """(left, y, length) of all bars of a colour, the one in the legend left out."""
    paths = [path.get("d", "") for path in picture.iter(f"{SVG}path") if path.get("stroke") == colour]
    found = [re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", d) for d in paths]
    bottom = float(picture.get("height", 0)) - 50
    return [(float(x), float(y), float(w)) for each in found for x, y, w in each if float(y) < bottom]


def seconds_axis(picture: ElementTree.Element) -> dict[str, float]:
    """The x of each tick's label."""
    middle = next(group for group in picture.iter(f"{SVG}g") if group.get("text-anchor") == "middle")
    return {each.text or "": float(each.get("x", 0)) for each in middle}


# ---------------------------------------------------------------- calls in flight


@pytest.mark.parametrize(
    ("rows", "steps", "most"),
    [
        ([], [], 0),
        ([ok(0, 1)], [(0, 1), (1, 0)], 1),
        ([ok(0, 2), ok(1, 3)], [(0, 1), (1, 2), (2, 1), (3, 0)], 2),
        ([ok(0, 1), ok(1, 2), ok(2, 3)], [(0, 1), (3, 0)], 1),  # touching ends do not count double
        ([ok(0, 1), ok(0, 1), ok(0, 1)], [(0, 3), (1, 0)], 3),
        ([RETRY], [(0, 1), (0.25, 0), (1, 1), (2, 0)], 1),  # in the pause nothing is in flight
        ([call("q", Bar(1, 2, 3, "ok"), queued=0.0)], [(1, 1), (3, 0)], 1),  # nor in the queue
        ([call("q", queued=0.0)], [], 0),
        ([call("r", Bar(1, None, None, "running"))], [(1, 1)], 1),
        ([ok(0, 0), ok(0, 0)], [], 1),  # no measurable time, but not never
        ([ok(0, 0), ok(0, 1)], [(0, 1), (1, 0)], 1),
    ],
)
def test_in_flight(rows: list[Row], steps: list[tuple[float, int]], most: int) -> None:
    assert in_flight(rows) == steps
    assert max_in_flight(rows) == most
    assert max_in_flight(iter(rows)) == most


def test_in_flight_agrees_with_counting_at_every_moment() -> None:
    chance = random.Random(1)
    rows = [ok(sent := chance.randint(0, 30), sent + chance.randint(1, 9)) for _ in range(60)]
    steps = dict(in_flight(rows))
    count = 0
    for moment in range(45):
        count = steps.get(moment, count)
        assert count == sum(bar.sent <= moment < (bar.done or 0) for row in rows for bar in row.bars)


# ---------------------------------------------------------------- the picture


def test_all_panels_have_one_scale() -> None:
    picture = draw(SYNC, ASYNC)
    ticks = seconds_axis(picture)
    per_second = ticks["1 s"] - ticks["0"]
    waiting = spans(picture, COLOURS["ok"][0])
    assert len(waiting) == 6
    assert [w for _, _, w in waiting] == pytest.approx([0.75 * per_second] * 6, abs=0.2)
    lefts = [x - ticks["0"] for x, _, _ in waiting]
    assert lefts == pytest.approx([0, per_second, 2 * per_second, 0, 0, 0], abs=0.2)


def test_the_answer_arrives_where_the_wait_ends() -> None:
    picture = draw(SYNC)
    waiting, arriving = (spans(picture, colour) for colour in COLOURS["ok"][:2])
    for (x, y, w), after in zip(waiting, arriving, strict=True):
        assert after == pytest.approx((x + w, y, w / 3), abs=0.2)


def test_in_flight_is_drawn_as_high_as_it_is_on_the_same_axis() -> None:
    picture = draw(SYNC, ASYNC)
    areas = [path.get("d", "") for path in picture.iter(f"{SVG}path") if path.get("fill")]
    ticks = seconds_axis(picture)
    tops = []
    for d, end in zip(areas, ("3 s", "1 s"), strict=True):
        base = float(d.split()[1].split("H")[0])
        tops.append(base - min(float(v) for v in re.findall(r"V([\d.]+)", d)))
        assert max(float(h) for h in re.findall(r"H([\d.]+)", d)) == pytest.approx(
            ticks.get(end, ticks["0"] + 3 * (ticks["1 s"] - ticks["0"])), abs=0.2
        )
    assert tops[1] == pytest.approx(3 * tops[0], abs=0.2)
    assert "at most 1 in flight" in words(SYNC, ASYNC)
    assert "at most 3 in flight" in words(SYNC, ASYNC)


def test_titles_summaries_labels_and_seconds_are_written() -> None:
    written = words(SYNC)
    assert written.count("1.0 s") == 3
    assert written.count("a call") == 3
    assert "One after another" in written
    assert "3 calls · 3.0 s · at most 1 in flight" in written
    assert (
        "7 calls · 2.0 s · at most 4 in flight · 1 retry · 1 failed · 1 cancelled · 1 still running · 1 not sent"
        in words(MIXED)
    )


def test_without_a_title_the_summary_stands_alone() -> None:
    untitled = Panel("", SYNC.rows, SYNC.end)
    assert set(words(SYNC)) - set(words(untitled)) == {SYNC.title}
    assert text([untitled]).startswith("3 calls · 3.0 s\n")
    assert alt([untitled]) == "Timeline of API calls. 3 calls, 3.0 s, at most 1 in flight."


def test_what_went_wrong_has_a_mark_and_words_not_only_a_colour() -> None:
    picture, written = svg([MIXED]), words(MIXED)
    for outcome in ("failed", "cancelled", "running"):
        assert picture.count(MARKS[outcome]) >= 2 * 2, "in a row and the legend, each with a rim"
    assert "timeout · 1.0 s" in written
    assert "cancelled · 1.5 s" in written
    assert "still running · 1.0 s" in written
    assert "not sent" in written
    assert "429" in written, "the note stands at the attempt that failed"


def test_a_note_without_room_before_the_next_attempt_stands_at_the_end() -> None:
    tight = call("tight", Bar(0.0, 0.1, 0.2, "failed", "429"), Bar(0.21, 0.5, 9.0, "ok"))
    assert "9.0 s · 2 attempts" in words(Panel("Tight", (tight,), 9.0))


def test_a_mark_stands_right_after_the_bar_it_is_about() -> None:
    picture = draw(Panel("One fails", (call("fails", Bar(0.0, None, 1.0, "failed", "500")),), 1.0))
    x, y, w = spans(picture, COLOURS["failed"][0])[0]
    group = next(each for each in picture.iter(f"{SVG}g") if each.get("transform"))
    scale = float(group.get("transform", "")[6:-1])
    mark = re.match(r"M([\d.]+) ([\d.]+)", group[0].get("d", ""))
    assert mark
    assert 0 < float(mark[1]) * scale - (x + w) < 12
    assert float(mark[2]) * scale == pytest.approx(y, abs=0.3)


def test_queue_and_pause_are_drawn_in_their_place() -> None:
    picture = draw(MIXED)
    ticks = seconds_axis(picture)
    zero, second = ticks["0"], ticks["1 s"] - ticks["0"]
    queued = spans(picture, drawing._LINES["queued"][0])
    assert [(x, w) for x, _, w in queued] == [
        pytest.approx((zero, second), abs=0.2),
        pytest.approx((zero + 0.5 * second, 1.5 * second), abs=0.2),
    ]
    dots = drawing._LINES["pause"][1]
    pause = next(path for path in picture.iter(f"{SVG}path") if path.get("stroke-dasharray") == dots)
    x, w = map(float, re.findall(r"^M([\d.]+) [\d.]+h([\d.]+)", pause.get("d", ""))[0])
    assert (x, w) == pytest.approx((zero + 0.25 * second, 0.75 * second), abs=0.2)


def test_the_legend_tells_what_occurs_and_nothing_else() -> None:
    assert legend(SYNC) == {"waiting for the answer", "answer arriving"}
    assert legend(Panel("", (RETRY,), 2.0)) == legend(SYNC) | {"failed", "pause before a retry"}
    silent = Panel("", (call("hangs", Bar(0.0, None, 2.0, "cancelled")),), 2.0)
    assert legend(silent) == {"cancelled"}
    assert legend(MIXED) == {name for _, name in KEY.values()}


@pytest.mark.parametrize(
    ("span", "some"),
    [
        (0.002, {"0", "0.5 ms", "1 ms", "2 ms"}),
        (0.05, {"0", "10 ms", "50 ms"}),
        (0.6, {"0", "0.1 s", "0.6 s"}),
        (2.4, {"0", "0.5 s", "1 s", "2 s"}),
        (60, {"0", "10 s", "60 s"}),
        (600, {"0", "2 min", "10 min"}),
        (3 * 3600, {"0", "1 h", "3 h"}),
    ],
)
def test_the_axis_has_few_round_ticks(span: float, some: set[str]) -> None:
    ticks = seconds_axis(draw(Panel("", (ok(0, span),), span)))
    assert some <= set(ticks)
    assert 3 <= len(ticks) <= 9
    places = list(ticks.values())
    steps = [b - a for a, b in pairwise(places)]
    assert steps == pytest.approx([steps[0]] * len(steps), abs=0.2)
    assert min(steps) > 40


def test_labels_are_escaped_cut_and_leave_the_xml_whole() -> None:
    notes = [(Bar(0, 0.5, 1, "failed", label), Bar(1.5, 2, 3, "failed", label)) for label in HOSTILE]
    rows = tuple(call(label, *bars) for label, bars in zip(HOSTILE, notes, strict=True))
    for panel in (Panel(label, rows, 3.0) for label in HOSTILE):
        written = words(panel)
        assert all(len(each) < 140 for each in written)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202e\ufffe\uffff]", "".join(written))
        assert len(svg([panel])) < 30_000
        for line in text([panel]).splitlines():
            assert len(line) < 260
            line.encode()
        alt([panel]).encode()
    written = words(Panel("", rows, 3.0))
    assert "<script>alert(1)</script>" in written
    assert "a line another a tab" in written
    assert "lone \ufffd surrogates \ufffd" in written
    assert "turned around" in written
    assert any(len(each) < 5 for each in written if each[0] == "Z"), "accents do not tower into other rows"
    assert "call 12" in written, "a call without a label is told by its number"
    assert any(re.fullmatch("x{20,40}…", each) for each in written)


def test_text_stays_on_the_card_and_off_the_bars() -> None:
    long = "gpt-6-luna · Why do cats purr when they are happy, and when they are not?"
    rows = (*(ok(i, i + 1, long) for i in range(3)), call(long, Bar(0, 0.1, 3, "failed", "overloaded_error")))
    picture = draw(Panel(long * 3, rows, 3.0))
    left = seconds_axis(picture)["0"]
    for each in picture.iter(f"{SVG}text"):
        x, size = float(each.get("x", 0)), float(each.get("font-size", 12))
        width = 0.5 * size * len(each.text or "")  # what Helvetica takes on average
        assert x + width < 760
        if (each.text or "").startswith("gpt-6") and size == 12:
            assert x + width < left
            assert (each.text or "").endswith("…")


def luminance(colour: str) -> float:
    colour = "#" + "".join(2 * c for c in colour[1:]) if len(colour) == 4 else colour
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_is_readable_on_the_card_the_picture_brings_along() -> None:
    picture = draw(SYNC, MIXED)
    card = picture.find(f"{SVG}rect")
    assert card is not None
    assert card.get("fill") == "#fff"
    colours = {picture.get("fill", "")} | {e.get("fill", "") for e in picture.iter(f"{SVG}text")} - {""}
    assert len(colours) == 3
    for colour in colours:
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5


# ---------------------------------------------------------------- many calls, or none


@pytest.mark.parametrize("count", [0, 1, 3, 10, 30, 31, 60, 200, 1000])
def test_any_number_of_calls_fits(count: int) -> None:
    panel = waves(count, 20)
    picture = draw(panel)
    assert float(picture.get("height", 0)) < 650
    assert len(spans(picture, COLOURS["ok"][0])) == count
    assert ("call 0" in words(panel)) == (1 <= count <= 30)
    assert ("they were sent" in words(panel)) == (count > 30)


@pytest.mark.parametrize(("count", "most"), [(0, 1_000), (1, 4_000), (60, 20_000), (1000, 150_000)])
def test_the_file_stays_small(count: int, most: int) -> None:
    chance = random.Random(2)
    rows = tuple(
        call(
            "label",
            Bar(s := chance.random() * 50, s + 0.11, s + 0.2, "failed", "429"),
            Bar(s + 1, s + 2, s + 3, "ok"),
            queued=0.0,
        )
        for _ in range(count)
    )
    assert len(svg([Panel("Many", rows, 53.0)]).encode()) < most


def test_waves_stay_visible_in_a_thousand_calls() -> None:
    picture = draw(waves(1000, 20))
    bars = sorted(spans(picture, COLOURS["ok"][0]), key=lambda bar: bar[1])
    lefts = [x for x, _, _ in bars]
    assert len(set(lefts)) == 50
    assert lefts == sorted(lefts)
    assert bars[-1][1] - bars[0][1] == pytest.approx(420, abs=1)


def test_many_calls_are_in_the_order_they_were_sent() -> None:
    rows = [ok(i, i + 1, f"call {i}") for i in range(40)]
    rows.insert(0, call("never sent", queued=0.0))
    random.Random(3).shuffle(rows)
    bars = sorted(spans(draw(Panel("", tuple(rows), 40.0)), COLOURS["ok"][0]), key=lambda bar: bar[1])
    assert [x for x, _, _ in bars] == sorted(x for x, _, _ in bars)
    few = [ok(2, 3), ok(0, 1)]
    first, second = spans(draw(Panel("", tuple(few), 3.0)), COLOURS["ok"][0])
    assert first[0] > second[0], "few calls stay in the order given, as their labels tell them apart"


def test_marks_do_not_pile_up_but_each_failure_alone_has_one() -> None:
    def crosses(count: int, apart: float) -> int:
        rows = tuple(call("", Bar(apart * i, None, apart * i + 1, "failed")) for i in range(count))
        group = svg([Panel("", rows, apart * count + 1)])
        return group.count(MARKS["failed"]) // 2 - 1  # each has a rim; one is in the legend

    assert crosses(60, 0.0) == 60
    assert crosses(1000, 1.0) > 80
    assert 80 < crosses(1000, 0.0) < 250


@pytest.mark.parametrize(
    "panel",
    [
        Panel("", (), 0.0),
        Panel("", (ok(0, 0), ok(0, 0)), 0.0),
        Panel("", (ok(5, 5),), 5.0),
        Panel("", (call("never sent"),), 0.0),
        Panel("", (call("never sent", queued=0.0),), 0.0),
        Panel("", (call("running", Bar(0.0, None, None, "running")),), 0.0),
        Panel("", (call("later than the end", Bar(3.0, 4.0, 5.0, "ok"), queued=1.0),), 1.0),
        Panel("", (ok(3, 5),) * 31, 1.0),
        Panel("", (call("clock turned back", Bar(3.0, 2.0, 1.0, "failed")),), 1.0),
        Panel("", (call("before zero", Bar(-1.0, -0.5, 1.0, "ok")),), 1.0),
        Panel("", (call("first byte after the end", Bar(0.0, 9.0, 1.0, "cancelled")),), 1.0),
        Panel("", (call("two at once", Bar(0.0, 0.5, 2.0, "cancelled"), Bar(1.0, 1.5, 2.0, "ok")),), 2.0),
    ],
)
def test_odd_records_are_drawn_all_the_same(panel: Panel) -> None:
    for panels in ([panel], [panel, SYNC]):
        picture = svg(panels)
        numbers = re.sub(r"<title>.*?</title>", "", picture)
        assert not re.search(r"nan|inf(?!l)|e[+-]\d", numbers)
        bars = re.findall(r"M(-?[\d.]+) [\d.]+h(-?[\d.]+)", numbers)
        assert all(20 <= float(x) < float(x) + float(length) <= 740.2 for x, length in bars)
        ElementTree.fromstring(picture)
        assert all(len(line) < 130 for line in text(panels).splitlines())
        assert alt(panels)


def test_nothing_recorded() -> None:
    assert words() == [text([])] == ["Nothing recorded"]
    assert alt([]) == "Timeline of API calls. Nothing recorded."
    empty = Panel("Nothing yet", (), 0.0)
    assert words(empty) == ["Nothing yet", "no calls"]
    assert alt([empty]) == "Timeline of API calls. Nothing yet: no calls."


def test_the_same_record_gives_the_same_picture() -> None:
    assert svg([SYNC, MIXED, waves(60, 20)]) == svg([SYNC, MIXED, waves(60, 20)])


# ---------------------------------------------------------------- text, alt text, notebook


def test_the_text_form() -> None:
    expected = """\
One after another · 3 calls · 3.0 s
 1  ░░░░░░░░░░███                             1.0 s  ok  a call
 2               ░░░░░░░░░░████               1.0 s  ok  a call
 3                             ░░░░░░░░░░███  1.0 s  ok  a call
    at most 1 in flight

What can happen · 7 calls · 2.0 s · 1 retry · 1 failed · 1 cancelled · 1 still running · 1 not sent
 1  ░░░░░░░██████                             1.0 s  ok                    answers
 2  ░░░×·········░░░░░░░███████               2.0 s  ok, 2 attempts (429)  again
 3  ░░░░░░░░░░░░×                             1.0 s  failed (timeout)      fails
 4  ░░░░░░░░░░░░░██████ø                      1.5 s  cancelled             stopped
 5               ░░░░░░░██████>               1.0 s  still running         goes on
 6  -------------░░░░░░░███████               1.0 s  ok                    waits
 7         --------------------                      not sent              never sent
    at most 4 in flight
"""
    key = "- in the queue   ░ waiting for the answer   █ answer arriving   × failed   ø cancelled   "
    key += "> still running   · pause before a retry"
    assert text([SYNC, MIXED]) == f"{expected}    {key}"


def test_the_text_form_lists_forty_calls() -> None:
    lines = text([waves(1000, 20)]).splitlines()
    assert sum(bool(re.match(r"( \d|\d\d)  ", line)) for line in lines) == 40
    assert "    … and 960 more" in lines
    assert "    at most 20 in flight" in lines


def test_columns_line_up_whatever_the_calls_are_like() -> None:
    rows = [ok(0, s, f"call {s}") for s in (0.004, 0.5, 7, 65, 4000)] + list(MIXED.rows)
    lines = text([Panel("Any", tuple(rows), 4000.0)]).splitlines()[1:-2]
    assert len({line.index(row.label) for line, row in zip(lines, rows, strict=True)}) == 1
    assert "█" in lines[0], "however short a call is, it is seen"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.084, "84 ms"),
        (0.0996, "0.10 s"),
        (0.84, "0.84 s"),
        (0.996, "1.0 s"),
        (2.44, "2.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3599.9, "1 h 0 min"),
        (10800, "3 h 0 min"),
    ],
)
def test_seconds_are_said_as_a_person_would(seconds: float, said: str) -> None:
    assert said in words(Panel("", (ok(0, seconds),), seconds))


def test_alt_text_says_what_the_picture_shows() -> None:
    assert alt([SYNC, ASYNC]) == (
        "Timeline of API calls. One after another: 3 calls, 3.0 s, at most 1 in flight; "
        "All at once: 3 calls, 1.0 s, at most 3 in flight."
    )
    assert alt([Panel("Again", (RETRY,), 2.0)]) == (
        "Timeline of API calls. Again: 1 call, 2.0 s, at most 1 in flight, 1 retry."
    )


class _Image(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        assert tag == "img"
        self.images.append(dict(attrs))


def test_a_notebook_gets_an_image_that_survives_sanitizing() -> None:
    panels = [Panel('"><script>alert(1)</script>', MIXED.rows, 2.0)]
    bundle = mimebundle(panels)
    assert bundle["text/plain"] == text(panels)
    (image,) = _Image(bundle["text/html"]).images
    assert image["alt"] == alt(panels)
    assert "width:100%" in (image["style"] or "")
    kind, data = (image["src"] or "").split(",")
    assert kind == "data:image/svg+xml;base64"
    picture = base64.b64decode(data).decode()
    assert picture == svg(panels)
    root = ElementTree.fromstring(picture)
    assert (image["width"], image["height"]) == (root.get("width"), root.get("height"))
    assert (root.findtext(f"{SVG}title") or "") == alt(panels)


def test_an_answer_that_came_in_one_piece_has_no_arriving_part() -> None:
    panel = Panel("Whole", (Row("a", (Bar(0.0, 0.998, 1.0, "ok"),)),), 1.0)
    assert legend(panel) == {"waiting for the answer"}
    assert "█" not in text([panel])


def test_the_summary_counts_from_the_first_request_to_the_last_answer() -> None:
    """As `trace.seconds` does; what comes before and after is drawn, but is no waiting."""
    panel = Panel("Late", (Row("a", (Bar(0.5, 1.0, 1.4, "ok"),)), Row("b", (Bar(0.7, 1.0, 1.2, "ok"),))), 3.0)
    assert text([panel]).startswith("Late · 2 calls · 0.90 s")
