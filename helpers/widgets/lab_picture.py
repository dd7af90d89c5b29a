"""What the concurrency lab has measured, as a picture (SVG): three panels over one axis; lengths are in pixels."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ..palette import AXIS, BLUE, DARK, DARK_ORANGE, FADED, GREY, GRID, WHITE
from ..timeline.card import card, pixels, text_at

LEFT, RIGHT = 64, 728  # where 0 and the most calls in flight are


class Point(Protocol):
    @property
    def limit(self) -> int: ...
    @property
    def answers_per_second(self) -> float: ...
    @property
    def refused_share(self) -> float: ...
    @property
    def p95(self) -> float | None: ...


class _Panel(NamedTuple):
    title: str
    value: Callable[[Point], float | None]
    written: Callable[[float], str]
    colour: str
    height: float
    most: float  # the value at its top


def svg(
    points: Sequence[Point],
    *,
    newest: Point | None,
    running: Point | None,
    rate: float | None,
    latency: float,
    setting: str,
    most: int,
    earlier: Sequence[Point] = (),
    earlier_setting: str = "",
) -> str:
    """`points` and `earlier` are in the order of their limits; `most` is the highest limit that there can be."""
    seen = [*points, *earlier, *([running] if running else [])]
    panels = (
        _Panel(
            "Answers a second",
            lambda point: point.answers_per_second,
            lambda value: f"{value:.1f}",
            BLUE,
            120,
            max([1.3 * rate if rate else most / latency] + [1.1 * point.answers_per_second for point in seen]),
        ),
        _Panel(
            "Share of the requests refused with 429",
            lambda point: 100 * point.refused_share,
            lambda value: f"{value:.0f} %",
            DARK_ORANGE,
            70,
            100,
        ),
        _Panel(
            "Seconds within which 95 % of the questions had their answer",
            lambda point: point.p95,
            lambda value: f"{value:.2f} s",
            BLUE,
            90,
            max([2 * latency] + [1.1 * (point.p95 or 0) for point in seen]),
        ),
    )
    body, y = (
        text_at(20, 30, setting[0].upper() + setting[1:], f' font-size="16" font-weight="600" fill="{DARK}"'),
        56.0,
    )
    for panel in panels:
        base = y + 10 + panel.height
        body += text_at(20, y, panel.title, f' font-size="13" fill="{DARK}"') + _grid(panel, base, most)
        if rate and panel is panels[0]:
            at = base - panel.height * rate / panel.most
            body += f'<path d="M{LEFT} {pixels(at)}H{RIGHT}" stroke="{GREY}" stroke-dasharray="6 4"/>'
            body += text_at(RIGHT, at - 8, f"rate limit: {rate:g} a second", ' text-anchor="end"')
        body += _series(panel, base, most, earlier, None, None, faded=True)
        body += _series(panel, base, most, points, newest, running, faded=False)
        y = base + 24
    ticks = "".join(text_at(_x(limit, most), y - 6, f"{limit}") for limit in range(0, most + 1, 10))
    body += f'<g text-anchor="middle">{ticks}{text_at((LEFT + RIGHT) / 2, y + 12, "calls in flight")}</g>'
    y += 12
    key = _key(points, running, earlier, earlier_setting, y + 22)
    return card(body + key, round(y + (36 if key else 14)), _said(setting, points))


def _said(setting: str, points: Sequence[Point]) -> str:
    """The picture in words."""
    found = " ".join(map(str, points)) or "Nothing measured yet."
    return f"Throughput, share of 429s and 95th percentile by calls in flight; {setting}. {found}"


def _grid(panel: _Panel, base: float, most: int) -> str:
    power = 10.0 ** math.floor(math.log10(panel.most / 2))
    step = next(each * power for each in (1, 2, 5, 10) if panel.most / (each * power) <= 4)
    ticks = [n * step for n in range(int(panel.most / step + 1e-9) + 1)]
    heights = [(base - panel.height * tick / panel.most, f"{tick:g}") for tick in ticks]
    lines = "".join(f"M{LEFT} {pixels(y)}H{RIGHT}" for y, _ in heights[1:])
    lines += "".join(
        f"M{pixels(_x(limit, most))} {pixels(base)}v-{pixels(panel.height)}" for limit in range(0, most + 1, 10)
    )
    labels = "".join(text_at(LEFT - 8, y + 4, label) for y, label in heights)
    axis = f'<path d="M{LEFT} {pixels(base)}H{RIGHT}" stroke="{AXIS}"/>'
    return f'<path d="{lines}" stroke="{GRID}"/>{axis}<g text-anchor="end">{labels}</g>'


def _series(
    panel: _Panel,
    base: float,
    most: int,
    points: Sequence[Point],
    newest: Point | None,
    running: Point | None,
    *,
    faded: bool,
) -> str:
    def place(point: Point) -> tuple[float, float] | None:
        value = panel.value(point)
        return None if value is None else (_x(point.limit, most), base - panel.height * value / panel.most)

    colour = FADED if faded else panel.colour
    places = [at for point in points if (at := place(point))]
    line = "L".join(f"{pixels(x)} {pixels(y)}" for x, y in places)
    drawn = f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="{1 if faded else 1.7}"/>' if line else ""
    for x, y in places:
        if faded:
            drawn += (
                f'<rect x="{pixels(x - 3)}" y="{pixels(y - 3)}" width="6" height="6" fill="{colour}" stroke="{WHITE}"/>'
            )
        else:
            drawn += f'<circle cx="{pixels(x)}" cy="{pixels(y)}" r="4.5" fill="{colour}" stroke="{WHITE}"/>'
    if running and (at := place(running)):
        centre = f'cx="{pixels(at[0])}" cy="{pixels(at[1])}"'
        drawn += f'<circle {centre} r="5" fill="{WHITE}" stroke="{colour}" stroke-width="2"/>'
    said = running or newest
    if said and (at := place(said)) and (value := panel.value(said)) is not None:
        x, y = at
        above = base - y < panel.height / 2
        style = (
            f'font-size="13" font-weight="600" fill="{colour}" stroke="{WHITE}" stroke-width="4" paint-order="stroke"'
        )
        right = said.limit <= 0.8 * most
        anchor = "" if right else ' text-anchor="end"'
        drawn += text_at(x + (9 if right else -9), y + (-7 if above else 17), panel.written(value), f" {style}{anchor}")
    return drawn


def _key(points: Sequence[Point], running: Point | None, earlier: Sequence[Point], setting: str, y: float) -> str:
    """What the marks mean, where more than one kind of them is there."""
    if not running and not earlier:
        return ""
    x, drawn = 20.0, ""
    if points:
        drawn += f'<circle cx="{x + 5}" cy="{y - 4}" r="4.5" fill="{BLUE}"/>' + text_at(x + 16, y, "measured")
        x += 90
    if running:
        drawn += f'<circle cx="{x + 5}" cy="{y - 4}" r="5" fill="{WHITE}" stroke="{BLUE}" stroke-width="2"/>'
        drawn += text_at(x + 16, y, "being measured")
        x += 125
    if earlier:
        drawn += f'<rect x="{x + 2}" y="{y - 7}" width="6" height="6" fill="{FADED}"/>'
        drawn += text_at(x + 16, y, f"the setting before: {setting}")
    return drawn


def _x(limit: float, most: int) -> float:
    return LEFT + (RIGHT - LEFT) * limit / most
