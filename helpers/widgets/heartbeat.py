"""The heartbeat: a pulse of the event loop that visibly stops while a cell blocks it."""

import asyncio
import html
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import ipywidgets

from ..palette import BLUE, DARK_ORANGE
from ..timeline.card import card, pixels
from .base import Box, button, row

TICK = 0.05  # seconds; how finely a standstill is measured
BEAT = 0.25  # seconds between two beats
STILL = 0.5  # seconds without a tick that are a standstill
LOOK = 0.2  # seconds between two looks of the watcher
SHOWN = 15.0  # seconds on the strip
REST_AFTER = 180.0  # seconds

HEIGHT, LEFT, RIGHT, BASE = 84, 20, 726, 60  # of the strip, in pixels


class Heartbeat(Box):
    """See `heartbeat`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.longest = 0.0  # seconds; the longest standstill so far
        self._clock = clock
        self._lock = threading.Lock()  # between the loop and the watcher
        self._timer: asyncio.Handle | None = None
        self._watching: threading.Event | None = None  # set: the watcher is to end
        self._watcher: threading.Thread | None = None
        self._began = self._ticked = 0.0
        self._beats: deque[float] = deque()  # those on the strip
        self._gaps: deque[tuple[float, float]] = deque()  # from and until when the loop stood still
        self._number = 0  # of beats
        self._pulse = ipywidgets.HTML()
        self.text = ""  # what is said beside the pulse
        self._strip = ipywidgets.HTML()
        self._strip.add_class("workbook-picture")
        self._switch = button("Start", self.on_loop(self._switched), name="switch")
        self.show(
            row(self._switch, self._pulse),
            self._strip,
            self.status,
            name="heartbeat",
            label="Heartbeat of the event loop",
        )
        self._say("resting", "Resting. Press Start.")

    def __repr__(self) -> str:
        longest = f"{self.longest:.1f} s" if self.longest else "none"
        return (
            "Heartbeat: a pulse of the event loop, about four beats a second. It stops while a cell blocks the loop.\n"
            f"Longest standstill so far: {longest}."
        )

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        if self.widget is not None:
            self.start()
        return super()._repr_mimebundle_(**options)

    # ---- beating -------------------------------------------------------------------------------------------------

    @property
    def beating(self) -> bool:
        return self._timer is not None

    def start(self) -> None:
        """Lets it beat for three minutes, where there is an event loop."""
        if self.beating or self._loop is None or self._loop.is_closed():
            return
        self._began = self._ticked = self._clock()
        self._beats.clear()
        self._gaps.clear()
        self.status.say("")
        self._switch.description = "Stop"
        # a timer, not a task: a task that is left over when the kernel ends complains on the terminal
        self._timer = self._loop.call_soon(self._tick_and_go_on)
        self._watching = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(self._watching,), name="heartbeat", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Lets it rest."""
        super().stop()
        self._rest("Resting. Press Start.")

    def _switched(self, *_: object) -> None:
        if self.beating:
            self.stop()
        elif self.widget is not None:
            self.start()

    def _rest(self, why: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watching is not None and self._watcher is not None:
            self._watching.set()
            self._watcher.join(1)  # it ends at once: it sleeps on this event
            self._watching = self._watcher = None
        self._switch.description = "Start"
        self._say("resting", why)

    def _tick_and_go_on(self) -> None:
        assert self._loop is not None
        self._safely(self.tick)
        if self._timer is not None:
            self._timer = self._loop.call_later(TICK, self._tick_and_go_on)

    def tick(self) -> None:
        """Notes that the loop runs, and shows a beat where one is due."""
        now = self._clock()
        with self._lock:
            still, self._ticked = now - self._ticked, now
            if still > STILL:
                self._gaps.append((now - still, now))
                self.longest = max(self.longest, still)
                self.status.say(f"The loop stood still for {still:.1f} s: something blocked it. Now it beats again.")
            if still > STILL or not self._beats or now - self._beats[-1] > BEAT - TICK / 2:
                self._beat(now)
        if now - self._began > REST_AFTER:
            self._rest("Resting after 3 minutes. Press Start.")

    def _beat(self, now: float) -> None:
        self._beats.append(now)
        self._number += 1
        while self._beats[0] < now - SHOWN:
            self._beats.popleft()
        while self._gaps and self._gaps[0][1] < now - SHOWN:
            self._gaps.popleft()
        self._say("beating", "The loop is running.")
        self._strip.value = _strip(now, self._beats, self._gaps)

    # ---- the watcher, in a thread of its own: the loop cannot tell that it stands still ----------------------------

    def _watch(self, end: threading.Event) -> None:
        assert self._loop is not None
        while not end.wait(LOOK) and not self._loop.is_closed():
            self.look()

    def look(self) -> None:
        """Says that the loop is blocked, where it has not ticked for too long."""
        with self._lock:  # if the loop comes back in between, it has the last word
            still = self._clock() - self._ticked
            if still > STILL:
                self._say("blocked", f"The loop is blocked: no beat for {still:.1f} s.")

    def _say(self, state: str, text: str) -> None:
        self.text = text
        sign = {"beating": "♥", "blocked": "✕", "resting": "–"}[state]
        # with the number it is a new element to the browser, and pulses anew
        beat = f'<span class="sign" data-beat="{self._number}" aria-hidden="true">{sign}</span>'
        self._pulse.value = f'<div class="workbook-pulse {state}">{beat}<span>{html.escape(text)}</span></div>'


def _strip(now: float, beats: deque[float], gaps: deque[tuple[float, float]]) -> str:
    """The last seconds as an SVG picture: a spike for each beat, a dashed line for each standstill."""

    def x(when: float) -> float:
        return RIGHT - min(SHOWN, now - when) * (RIGHT - LEFT) / SHOWN

    line, still, words = f"M{pixels(x(beats[0]) - 5)} {BASE}", "", ""
    gap_ends = {end: start for start, end in gaps}
    for beat in beats:
        at = x(beat)
        if beat in gap_ends:
            start = x(gap_ends[beat])
            line += f"H{pixels(start)}M{pixels(at - 5)} {BASE}"
            still += f"M{pixels(start)} {BASE}H{pixels(at - 5)}"
            said = f"stood still for {beat - gap_ends[beat]:.1f} s"
            if at - start < 125:
                said = said.removeprefix("stood still for ")
            words += f'<text x="{pixels((start + at) / 2)}" y="{BASE - 10}">{said}</text>'
        line += f"H{pixels(at - 5)}l2 -6l3 -26l3 38l2 -6" if at + 5 <= RIGHT else f"H{pixels(at - 5)}l2 -6l3 -26"
    ticks = [(RIGHT - ago * (RIGHT - LEFT) / SHOWN, f"{ago} s ago" if ago else "now") for ago in (0, 5, 10)]
    seconds = "".join(f'<text x="{pixels(at)}" y="{HEIGHT - 6}">{said}</text>' for at, said in ticks)
    last = f"; it stood still for {gaps[-1][1] - gaps[-1][0]:.1f} s" if gaps else ", without a standstill"
    title = f"Pulse of the event loop in the last {SHOWN:.0f} seconds{last}"
    drawn = (
        f'<path d="{line}" fill="none" stroke="{BLUE}" stroke-width="1.7" stroke-linejoin="round"/>'
        f'<path d="{still}" stroke="{DARK_ORANGE}" stroke-width="2.5" stroke-dasharray="3 4"/>'
        f'<circle cx="{RIGHT}" cy="{BASE - 32}" r="5" fill="{BLUE}"/>'
        f'<g fill="{DARK_ORANGE}" font-weight="600">{words}</g>{seconds}'
    )
    return card(drawn, HEIGHT, title, ' text-anchor="middle"')


def heartbeat() -> Heartbeat:
    """A pulse of the notebook's event loop, four beats a second, that visibly stops while a cell blocks the loop.

    As the last line of a cell it shows itself and beats. After three minutes it rests, until Start is pressed. A
    standstill of more than 0.5 seconds is said while it lasts, and stays on the strip of the last 15 seconds.
    `longest` is the longest one so far, in seconds.

    >>> pulse = heartbeat()
    >>> pulse
    Heartbeat: a pulse of the event loop, about four beats a second. It stops while a cell blocks the loop.
    Longest standstill so far: none.
    """
    return Heartbeat()
