"""The concurrency lab without a browser: what it says, that it counts right, and that it touches nothing else."""

import asyncio
from collections import Counter

import pytest
from boxes import (
    choose,
    displayed,
    is_disabled,
    line,
    options,
    picture,
    press,
    run,
    shown,
    slide,
    status,
    stop,
    value,
    words_in_picture,
)
from waiting import until

from helpers import BadInput, WorkbookError, concurrency_lab, session, watch
from helpers.mock_api import MockAPI
from helpers.session.state import State
from helpers.widgets.lab import MOST, ConcurrencyLab, LabAPI, Measured, Measurement, Setting, knee
from helpers.wire import send

QUICK = 0.15  # seconds
FAST = Setting(None, 0.05)
STRICT = Setting(1, 0.05)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.widgets.lab.SECONDS", QUICK)


async def measured_by_hand(lab: ConcurrencyLab, limit: int) -> None:
    slide(lab, "calls in flight", limit)
    await run(lab, "Measure")


def usable(lab: ConcurrencyLab) -> list[str]:
    """The buttons that are not grey."""
    return [name for name in ("Measure", "Stop", "Clear") if not is_disabled(lab, name)]


# ---- what is measured ---------------------------------------------------------------------------------------------


def a_run(*replies: tuple[float, float | None], setting: Setting = FAST) -> Measurement:
    """One that has been measured from second 10 to 14."""
    run = Measurement(LabAPI(setting), setting, 8, 4.0)
    run.begins, run.ends, run.replies = 10.0, 14.0, list(replies)
    return run


def test_only_what_came_in_the_window_counts() -> None:
    run = a_run((9.9, 0.5), (10.0, 0.4), (11.0, None), (13.0, 0.6), (14.0, 0.2), (14.1, None))
    assert run.measured() == Measured(8, 0.75, 0.25, 0.6)


def test_the_95th_percentile_is_a_time_within_which_95_percent_had_their_answer() -> None:
    twenty = [(11.0, seconds / 10) for seconds in range(20, 0, -1)]
    assert a_run(*twenty).measured().p95 == 1.9
    assert a_run(*twenty, (12.0, 2.1)).measured().p95 == 2.0
    assert a_run((11.0, 0.3)).measured().p95 == 0.3


def test_a_measurement_without_an_answer() -> None:
    assert a_run((11.0, None)).measured() == Measured(8, 0.0, 1.0, None)
    assert a_run().measured() == Measured(8, 0.0, 0.0, None)
    assert str(Measured(8, 0.0, 1.0, None)) == (
        "At 8 in flight: no answer came while it was measured, 100 % of the requests refused (429)."
    )


@pytest.mark.parametrize("setting", [FAST, STRICT])
def test_what_is_counted_is_what_the_mock_api_did(setting: Setting) -> None:
    run = Measurement(LabAPI(setting), setting, 6, 0.4)
    asyncio.run(run.measure())
    did = Counter(each.outcome for each in run.api.served)
    answers = sum(seconds is not None for _, seconds in run.replies)
    refusals = len(run.replies) - answers
    assert set(did) <= {"200", "429"}
    assert 0 < refusals <= did["429"] if setting is STRICT else refusals == did["429"] == 0
    assert answers <= did["200"]
    # the others were cut off at the end: at most one of each worker
    assert len(run.api.served) - len(run.replies) <= 6
    assert run.measured().answers_per_second * run.window() <= answers + 1e-6


def test_no_more_than_the_limit_are_in_flight() -> None:
    inside = most = 0

    class Counting(LabAPI):
        def handle(self, *request: object) -> object:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            return super().handle(*request)  # type: ignore[arg-type]

    class Run(Measurement):
        def count(self) -> None:
            nonlocal inside
            inside -= 1

    run = Run(Counting(FAST), FAST, 5, 0.2)

    class Replies(list):
        def append(self, reply: object) -> None:
            run.count()
            super().append(reply)

    run.replies = Replies()
    asyncio.run(run.measure())
    assert most == 5


def test_a_worker_asks_again_after_a_429() -> None:
    setting = Setting(20, 0.05)
    run = Measurement(LabAPI(setting), setting, 12, 1.0)
    asyncio.run(run.measure())
    waited = [seconds for _, seconds in run.replies if seconds is not None]
    assert len(waited) < len(run.replies)
    assert max(waited) > 0.08, "a refusal takes 0.05 s, and the answer after it as long"


def test_the_apis_own_latency_and_limit() -> None:
    api = LabAPI(Setting(20, 0.5))
    body = b'{"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}'
    assert api.handle("POST", "/v1/chat/completions", {"authorization": "Bearer x"}, body).status == 200
    assert api.handle("POST", "/v1/chat/completions", {"authorization": "Bearer x"}, body).status == 429
    free = LabAPI(Setting(None, 0.5))
    waits = [
        free.handle("POST", "/v1/chat/completions", {"authorization": "Bearer x"}, body).before for _ in range(200)
    ]
    assert sum(waits) / 200 == pytest.approx(0.5, rel=0.03)
    assert 0.3 < min(waits) < 0.45 and 0.55 < max(waits) < 0.8


@pytest.mark.usefixtures("connected")
def test_the_pace_of_the_notebook_is_not_the_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_PACE", "0.001")
    assert LabAPI(FAST).clock.pace == 1.0


# ---- what else there is, is not touched -----------------------------------------------------------------------------


def test_the_notebooks_own_api_its_totals_and_its_records(connected: MockAPI) -> None:
    async def learner() -> None:
        before = session.spent()
        with watch() as trace:
            await concurrency_lab(latency=0.05).measure(3, seconds=QUICK)
        assert trace.requests == 0
        assert session.spent() == before
        assert not connected.served

    asyncio.run(learner())


def test_no_connection_is_needed(fresh_session: State) -> None:
    asyncio.run(concurrency_lab(latency=0.05).measure(2, seconds=QUICK))
    assert fresh_session.mode is None


@pytest.mark.usefixtures("fresh_session")
@pytest.mark.usefixtures("works")
def test_live_mode_sends_nothing_to_the_service(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.delenv("WORKBOOK_MODE")
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-the-learner")
    session.connect(live=True)
    sent: list[object] = []
    monkeypatch.setattr(send, "guards", [sent.append])
    monkeypatch.setattr(send, "observers", [lambda request, _: sent.append(request)])
    asyncio.run(concurrency_lab(latency=0.05).measure(2, seconds=QUICK))
    assert sent == []


# ---- what it says ---------------------------------------------------------------------------------------------------


def test_a_measurement_in_words() -> None:
    assert str(Measured(40, 19.96, 0.417, 2.5)) == (
        "At 40 in flight: 20.0 answers a second, 42 % of the requests refused (429), 95 % answered within 2.50 s."
    )
    assert "less than 1 % of the requests" in str(Measured(9, 18.0, 0.004, 0.6))


def test_the_knee_is_told_only_by_points_on_both_sides_of_it() -> None:
    under, over = Measured(5, 10.0, 0.0, 0.6), Measured(15, 20.0, 0.3, 1.2)
    near, far = Measured(8, 16.0, 0.01, 0.6), Measured(40, 20.0, 0.7, 3.0)
    assert knee({}) == knee({5: under}) == knee({5: under, 8: near}) == knee({15: over, 40: far}) == ""
    assert knee({5: under, 40: far}).startswith("The knee lies between 5 and 40: ")
    assert knee({5: under, 40: far, 15: over, 8: near}).startswith("The knee lies between 8 and 15: ")
    # by chance a point beyond it has hardly any refusals
    assert knee({5: under, 15: over, 16: Measured(16, 19.0, 0.0, 0.6)}).startswith("The knee lies between 5 and 15: ")


def test_by_hand() -> None:
    async def learner() -> None:
        lab = concurrency_lab(requests_per_second=None, latency=0.2)
        assert usable(lab) == ["Measure"]
        assert "takes about" in line(lab, "explained") and "nothing is charged" in line(lab, "explained")
        assert words_in_picture(lab)[0].endswith("; no rate limit, latency 0.2 s. Nothing measured yet.")
        press(lab, "Measure")
        await until(lambda: lab.busy and line(lab, "progress"))
        assert usable(lab) == ["Stop"]
        assert is_disabled(lab, "rate limit") and is_disabled(lab, "latency of a call")
        assert status(lab) == "Measuring 2 in flight …"
        await until(lambda: not lab.busy)
        measured = lab.points[lab.setting][2]
        assert status(lab) == str(measured) and line(lab, "progress") == ""
        assert str(measured) in words_in_picture(lab)[0]
        assert f"{measured.answers_per_second:.1f}" in words_in_picture(lab)
        assert usable(lab) == ["Measure", "Clear"]
        press(lab, "Clear")
        await until(lambda: not lab.points)
        assert is_disabled(lab, "Clear") and "Nothing measured yet." in words_in_picture(lab)[0]

    asyncio.run(learner())


def test_a_limit_measured_again_replaces_its_point() -> None:
    async def learner() -> None:
        lab = concurrency_lab(requests_per_second=None, latency=0.05)
        for limit in (3, 2, 3):
            await measured_by_hand(lab, limit)
        assert sorted(lab.points[FAST]) == [2, 3]
        assert picture(lab).count("<circle") == 6

    asyncio.run(learner())


def test_what_is_being_measured_is_hollow_and_the_setting_before_is_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.widgets.lab.SECONDS", 0.8)

    async def learner() -> None:
        lab = concurrency_lab(requests_per_second=20, latency=0.2)
        await measured_by_hand(lab, 2)
        assert "being measured" not in words_in_picture(lab) and "<rect" in picture(lab)
        choose(lab, "rate limit", "40 a second")
        await until(lambda: "the setting before: 20 a second, latency 0.2 s" in words_in_picture(lab))
        assert words_in_picture(lab)[0].endswith(
            "Nothing measured yet."
        ) and "rate limit: 40 a second" in words_in_picture(lab)
        press(lab, "Measure")
        await until(lambda: "being measured" in words_in_picture(lab))
        await until(lambda: not lab.busy)
        choose(lab, "rate limit", "20 a second")  # the points of this setting are still there
        await until(lambda: "the setting before: 40 a second, latency 0.2 s" in words_in_picture(lab))
        assert "At 2 in flight" in words_in_picture(lab)[0]

    asyncio.run(learner())


def test_stop() -> None:
    async def learner() -> None:
        lab = concurrency_lab()
        press(lab, "Measure")
        await until(lambda: lab.api and lab.api.served)
        await stop(lab)
        assert status(lab) == "Stopped: nothing is kept of this measurement."
        assert "Nothing measured yet." in words_in_picture(lab)[0]
        assert usable(lab) == ["Measure"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(learner())


def test_an_error_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("out of order")

    async def learner() -> None:
        lab = concurrency_lab(latency=0.05)
        monkeypatch.setattr(LabAPI, "handle", broken)
        await measured_by_hand(lab, 2)
        assert status(lab) == "Something went wrong in this box: OSError: out of order. Run its cell again."
        with pytest.raises(WorkbookError, match="was broken off"):
            await lab.measure(2)
        assert not is_disabled(lab, "Measure")
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(learner())


def test_in_plain_text() -> None:
    lab = concurrency_lab()
    assert repr(lab).startswith("Concurrency lab: ") and "429s" not in repr(lab)
    lab.points[Setting(20, 0.5)] = {15: Measured(15, 20.0, 0.337, 1.123), 2: Measured(2, 4.0, 0.0, None)}
    assert repr(lab).splitlines()[3:] == [
        "20 a second, latency 0.5 s:",
        "in flight   answers a second   429s   95 % within",
        "        2                4.0     0 %            -",
        "       15               20.0    34 %       1.12 s",
    ]
    assert displayed(lab)["text/plain"] == repr(lab)


# ---- from code ------------------------------------------------------------------------------------------------------


def test_from_code_it_is_shown_too() -> None:
    async def learner() -> None:
        lab = concurrency_lab(latency=0.05)
        measured = await lab.measure(4, seconds=QUICK)
        assert lab.points == {lab.setting: {4: measured}} and value(lab, "calls in flight") == 4
        assert str(measured) in status(lab)

    asyncio.run(learner())


def test_one_measurement_at_a_time() -> None:
    async def learner() -> None:
        lab = concurrency_lab(latency=0.05)
        first = asyncio.ensure_future(lab.measure(2, seconds=20))
        await until(lambda: lab.busy)
        with pytest.raises(WorkbookError, match="measuring already"):
            await lab.measure(2)
        press(lab, "Stop")
        with pytest.raises(WorkbookError, match="was broken off"):
            await first
        lab.close()
        with pytest.raises(WorkbookError, match="was closed"):
            await lab.measure(2)

    asyncio.run(learner())


def test_who_cancels_the_caller_cancels_the_measurement() -> None:
    async def learner() -> None:
        lab = concurrency_lab(latency=0.05)
        caller = asyncio.ensure_future(lab.measure(2, seconds=20))
        await until(lambda: lab.busy)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert not lab.busy
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(learner())


def test_close_ends_all() -> None:
    async def learner() -> None:
        lab = concurrency_lab()
        press(lab, "Measure")
        await until(lambda: lab.api and lab.api.served)
        lab.close()
        assert shown(lab) == ""
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        lab.close()

    asyncio.run(learner())


@pytest.mark.parametrize("limit", [0, -1, MOST + 1, 10**400, 2.5, True, "8", None])
def test_limits_that_are_none(limit: object) -> None:
    with pytest.raises(BadInput, match=r"cannot be measured\. Give a whole number from 1 to 60\."):
        asyncio.run(concurrency_lab().measure(limit))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [{"requests_per_second": 0}, {"requests_per_second": "20"}, {"latency": 0}, {"latency": None}, {"latency": 11}],
)
def test_settings_that_are_none(settings: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=f"{next(iter(settings))}=.* cannot be used. Give a number from"):
        concurrency_lab(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, float("nan"), "4", 61])
def test_seconds_that_are_none(seconds: object) -> None:
    with pytest.raises(BadInput, match="seconds="):
        asyncio.run(concurrency_lab().measure(2, seconds=seconds))  # type: ignore[arg-type]


def test_a_setting_that_is_not_offered_is_offered_then() -> None:
    lab = concurrency_lab(requests_per_second=15, latency=0.75)
    assert lab.setting == Setting(15, 0.75)
    assert options(lab, "rate limit") == [
        *("10 a second", "15 a second", "20 a second", "40 a second"),
        "none",
    ]
