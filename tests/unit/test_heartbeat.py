"""The heartbeat without a browser, its time moved by hand: what it says, and that nothing is left of it."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from helpers import heartbeat
from helpers.widgets.heartbeat import BEAT, REST_AFTER, TICK, Heartbeat


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def until(true: Callable[[], object]) -> None:
    """Waits for something to happen."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.002)


def run_for(pulse: Heartbeat, clock: Clock, seconds: float) -> None:
    """As the loop does where nothing blocks it."""
    for _ in range(round(seconds / TICK)):
        clock.now += TICK
        pulse._tick()
        pulse._look()


def words(pulse: Heartbeat) -> list[str]:
    """All that stands on the strip, its title first."""
    return [text for each in ElementTree.fromstring(pulse._strip.value).iter() if (text := each.text)]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_four_beats_a_second_and_no_standstill_where_nothing_blocks() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 30)
    assert pulse._number == pytest.approx(30 / BEAT, abs=1)
    assert pulse.text == "The loop is running." and pulse.longest == 0.0 and pulse.status.text == ""
    assert words(pulse)[0] == "Pulse of the event loop in the last 15 seconds, without a standstill"
    assert "Longest standstill so far: none." in repr(pulse)


def test_each_beat_is_seen() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 1)
    before = pulse._pulse.value, pulse._strip.value
    run_for(pulse, clock, BEAT)
    assert pulse._pulse.value != before[0] and pulse._strip.value != before[1]


def test_a_standstill_is_said_while_it_lasts_and_afterwards() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 5)
    stands = pulse._strip.value
    clock.now += 0.4
    pulse._look()
    assert pulse.text == "The loop is running."
    for seconds, said in ((0.9, "1.3"), (1.0, "2.3")):
        clock.now += seconds
        pulse._look()
        assert pulse.text == f"The loop is blocked: no beat for {said} s." and "blocked" in pulse._pulse.value
        assert pulse._strip.value == stands, "it stands still, and one sees it"
    pulse._tick()
    assert pulse.text == "The loop is running."
    assert pulse.status.text == "The loop stood still for 2.3 s: something blocked it. Now it beats again."
    assert "2.3 s" in words(pulse) and words(pulse)[0].endswith("it stood still for 2.3 s")
    assert pulse.longest == pytest.approx(2.3)
    run_for(pulse, clock, 2)
    clock.now += 4.0
    pulse._tick()
    assert "stood still for 4.0 s" in words(pulse) and "2.3 s" in words(pulse), "where there is room, in words"
    run_for(pulse, clock, 1)
    clock.now += 0.6
    pulse._tick()
    assert "Longest standstill so far: 4.0 s." in repr(pulse)
    run_for(pulse, clock, 16)
    assert words(pulse)[0].endswith("without a standstill"), "what is long ago is not on the strip"


def test_the_loop_has_the_last_word() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 1)
    clock.now += 2
    pulse._tick()
    pulse._look()
    assert pulse.text == "The loop is running."


def test_a_loop_that_is_really_blocked() -> None:
    async def learner() -> None:
        pulse = heartbeat()
        pulse._repr_mimebundle_()  # the cell shows it
        await until(lambda: pulse._number > 2)
        assert pulse.text == "The loop is running."
        start = time.monotonic()
        while not pulse.text.startswith("The loop is blocked: no beat for ") and time.monotonic() < start + 30:
            time.sleep(0.01)
        blocked = time.monotonic() - start
        pulse._switch.click()  # Stop, pressed meanwhile
        assert pulse.text.startswith("The loop is blocked: no beat for "), "said while it lasted"
        assert pulse.beating
        await until(lambda: not pulse.beating)
        assert pulse.text == "Resting. Press Start."
        assert pulse.longest == 0.0 or pulse.longest >= blocked  # Stop may have come before the tick
        pulse.close()

    asyncio.run(learner())
    assert threads() == []


def test_start_stop_and_show_again() -> None:
    async def learner() -> None:
        pulse = heartbeat()
        assert not pulse.beating and pulse._switch.description == "Start"
        pulse._repr_mimebundle_()
        pulse._repr_mimebundle_()  # shown twice
        assert pulse.beating and pulse._switch.description == "Stop" and threads() == ["heartbeat"]
        pulse._switch.click()
        await until(lambda: not pulse.beating)
        assert threads() == [] and pulse._switch.description == "Start"
        number = pulse._number
        await asyncio.sleep(2 * BEAT)
        assert pulse._number == number
        pulse._switch.click()
        await until(lambda: pulse._number > number)
        pulse.close()

    asyncio.run(learner())
    assert threads() == []


def test_it_rests_by_itself() -> None:
    async def learner() -> None:
        pulse = Heartbeat(clock := Clock())
        pulse.start()
        await until(lambda: pulse._number)
        clock.now += REST_AFTER + 1
        await until(lambda: not pulse.beating)
        assert pulse.text == "Resting after 3 minutes. Press Start." and pulse._switch.description == "Start"
        assert threads() == []
        pulse.start()
        assert pulse.beating
        pulse.close()

    asyncio.run(learner())


def test_close_leaves_nothing() -> None:
    async def learner() -> None:
        pulse = heartbeat()
        pulse.start()
        await until(lambda: pulse._number)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "it needs no task"
        pulse.close()
        assert threads() == [] and not pulse.beating and pulse.widget is None
        pulse.close()
        pulse._switched()  # a press that was on its way
        pulse._repr_mimebundle_()
        assert not pulse.beating

    asyncio.run(learner())


def test_a_loop_that_ends_takes_its_watcher_along(capfd: pytest.CaptureFixture[str]) -> None:
    async def learner() -> threading.Thread:
        pulse = heartbeat()
        pulse.start()
        await until(lambda: pulse._number)
        assert pulse._watcher is not None
        return pulse._watcher

    watcher = asyncio.run(learner())
    watcher.join(30)
    assert not watcher.is_alive()
    gc.collect()
    assert capfd.readouterr().err == ""


def test_in_a_script_it_rests() -> None:
    pulse = heartbeat()
    shown = pulse._repr_mimebundle_()
    assert shown["text/plain"] == repr(pulse) and repr(pulse).startswith("Heartbeat: a pulse of the event loop")
    assert not pulse.beating and threads() == []
