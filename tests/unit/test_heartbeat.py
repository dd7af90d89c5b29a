"""The heartbeat without a browser, its time moved by hand: what it says, and that nothing is left of it."""

import asyncio
import gc
import threading
import time

import pytest
from boxes import displayed, is_shown, picture, press, pulse_of, shown, status, words_in_picture
from waiting import until

from helpers import heartbeat
from helpers.widgets.heartbeat import BEAT, REST_AFTER, TICK, Heartbeat


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run_for(pulse: Heartbeat, clock: Clock, seconds: float) -> None:
    """As the loop does where nothing blocks it."""
    for _ in range(round(seconds / TICK)):
        clock.now += TICK
        pulse.tick()
        pulse.look()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_four_beats_a_second_and_no_standstill_where_nothing_blocks() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 30)
    assert pulse_of(pulse).beats == pytest.approx(30 / BEAT, abs=1)
    assert pulse_of(pulse).text == "The loop is running." and pulse.longest == 0.0 and status(pulse) == ""
    assert words_in_picture(pulse)[0] == "Pulse of the event loop in the last 15 seconds, without a standstill"
    assert "Longest standstill so far: none." in repr(pulse)


def test_each_beat_is_seen() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 1)
    before = pulse_of(pulse), picture(pulse)
    run_for(pulse, clock, BEAT)
    assert pulse_of(pulse).beats > before[0].beats and picture(pulse) != before[1]


def test_a_standstill_is_said_while_it_lasts_and_afterwards() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 5)
    stands = picture(pulse)
    clock.now += 0.4
    pulse.look()
    assert pulse_of(pulse).text == "The loop is running."
    for seconds, said in ((0.9, "1.3"), (1.0, "2.3")):
        clock.now += seconds
        pulse.look()
        assert pulse_of(pulse).text == f"The loop is blocked: no beat for {said} s."
        assert pulse_of(pulse).state == "blocked"
        assert picture(pulse) == stands, "it stands still, and one sees it"
    pulse.tick()
    assert pulse_of(pulse).text == "The loop is running."
    assert status(pulse) == "The loop stood still for 2.3 s: something blocked it. Now it beats again."
    assert "2.3 s" in words_in_picture(pulse) and words_in_picture(pulse)[0].endswith("it stood still for 2.3 s")
    assert pulse.longest == pytest.approx(2.3)
    run_for(pulse, clock, 2)
    clock.now += 4.0
    pulse.tick()
    assert {"stood still for 4.0 s", "2.3 s"} <= set(words_in_picture(pulse)), "where there is room, in words"
    run_for(pulse, clock, 1)
    clock.now += 0.6
    pulse.tick()
    assert "Longest standstill so far: 4.0 s." in repr(pulse)
    run_for(pulse, clock, 16)
    assert words_in_picture(pulse)[0].endswith("without a standstill"), "what is long ago is not on the strip"


def test_the_loop_has_the_last_word() -> None:
    pulse = Heartbeat(clock := Clock())
    run_for(pulse, clock, 1)
    clock.now += 2
    pulse.tick()
    pulse.look()
    assert pulse_of(pulse).text == "The loop is running."


def test_a_loop_that_is_really_blocked() -> None:
    async def learner() -> None:
        pulse = heartbeat()
        displayed(pulse)  # the cell shows it
        await until(lambda: pulse_of(pulse).beats > 2)
        assert pulse_of(pulse).text == "The loop is running."
        start = time.monotonic()
        while pulse_of(pulse).state != "blocked" and time.monotonic() < start + 30:
            time.sleep(0.01)
        blocked = time.monotonic() - start
        press(pulse, "Stop")  # meanwhile
        assert pulse_of(pulse).text.startswith("The loop is blocked: no beat for "), "said while it lasted"
        assert pulse.beating
        await until(lambda: not pulse.beating)
        assert pulse_of(pulse).text == "Resting. Press Start."
        assert pulse.longest == 0.0 or pulse.longest >= blocked  # Stop may have come before the tick
        pulse.close()

    asyncio.run(learner())
    assert threads() == []


def test_start_stop_and_show_again() -> None:
    async def learner() -> None:
        pulse = heartbeat()
        assert not pulse.beating and is_shown(pulse, "Start")
        displayed(pulse)
        displayed(pulse)  # shown twice
        assert pulse.beating and is_shown(pulse, "Stop") and threads() == ["heartbeat"]
        press(pulse, "Stop")
        await until(lambda: not pulse.beating)
        assert threads() == [] and is_shown(pulse, "Start")
        number = pulse_of(pulse).beats
        await asyncio.sleep(2 * BEAT)
        assert pulse_of(pulse).beats == number
        press(pulse, "Start")
        await until(lambda: pulse_of(pulse).beats > number)
        pulse.close()

    asyncio.run(learner())
    assert threads() == []


def test_it_rests_by_itself() -> None:
    async def learner() -> None:
        pulse = Heartbeat(clock := Clock())
        pulse.start()
        await until(lambda: pulse_of(pulse).beats)
        clock.now += REST_AFTER + 1
        await until(lambda: not pulse.beating)
        assert pulse_of(pulse).text == "Resting after 3 minutes. Press Start." and is_shown(pulse, "Start")
        assert threads() == []
        pulse.start()
        assert pulse.beating
        pulse.close()

    asyncio.run(learner())


def test_close_leaves_nothing() -> None:
    async def learner() -> None:
        pulse = heartbeat()
        pulse.start()
        await until(lambda: pulse_of(pulse).beats)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "it needs no task"
        pulse.close()
        assert threads() == [] and not pulse.beating and shown(pulse) == ""
        pulse.close()
        displayed(pulse)
        assert not pulse.beating

    asyncio.run(learner())


def test_a_press_that_was_on_its_way_starts_nothing() -> None:
    async def learner() -> None:
        pulse = heartbeat()
        press(pulse, "Start")
        pulse.close()
        await asyncio.sleep(0)
        assert not pulse.beating and threads() == []

    asyncio.run(learner())


def test_a_loop_that_ends_takes_its_watcher_along(capfd: pytest.CaptureFixture[str]) -> None:
    async def learner() -> threading.Thread:
        pulse = heartbeat()
        pulse.start()
        await until(lambda: pulse_of(pulse).beats)
        (watcher,) = (thread for thread in threading.enumerate() if thread.name == "heartbeat")
        return watcher

    watcher = asyncio.run(learner())
    watcher.join(30)
    assert not watcher.is_alive()
    gc.collect()
    assert capfd.readouterr().err == ""


def test_in_a_script_it_rests() -> None:
    pulse = heartbeat()
    assert displayed(pulse)["text/plain"] == repr(pulse)
    assert repr(pulse).startswith("Heartbeat: a pulse of the event loop")
    assert not pulse.beating and threads() == []
