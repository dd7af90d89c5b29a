"""The question box without a browser: what a reader sees, and what the mock API was asked."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from boxes import (
    cards,
    ctrl_enter,
    displayed,
    finished,
    front_end_state,
    is_disabled,
    line,
    markup,
    picture,
    press,
    run,
    shown,
    status,
    stop,
    tick,
    type_into,
)
from waiting import until

from helpers import BadInput, connect, faults, question_box, watch
from helpers.mock_api import MockAPI
from helpers.mock_api.server import Server
from helpers.session.state import state
from helpers.widgets import ask

pytestmark = pytest.mark.usefixtures("connected")

FIELD = "Your question (Ctrl+Enter asks)"
THREE = ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol"]


def test_it_asks_the_ticked_models_and_shows_each_answer(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box("What is Python?")
        tick(box, "gpt-6.1-sol", False)
        await run(box, "Ask")
        assert {each.model for each in connected.served} == {"gpt-6-luna", "gpt-6.1-terra"}
        assert status(box) == "2 answers."
        assert [card.model for card in cards(box)] == ["gpt-6-luna", "gpt-6.1-terra"]
        assert "Python is a general-purpose programming language" in shown(box)
        for card in cards(box):
            assert "first word after" in card.facts and "tokens" in card.facts and "USD" in card.facts
        assert "This notebook so far: 2 answers" in line(box, "totals")
        assert "nothing is charged" in line(box, "totals")
        assert "Question: What is Python?" in repr(box) and "gpt-6.1-terra: " in repr(box)

    asyncio.run(learner())


def test_an_answer_is_written_word_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "FRAME", 0.0)  # it draws with each turn of the loop

    async def learner() -> None:
        box, seen = question_box("What is Python?", models=["gpt-6-luna"]), []
        press(box, "Ask")
        await until(lambda: cards(box))
        while box.busy:
            seen.append(cards(box)[0].text)
            await asyncio.sleep(0)
        texts = list(dict.fromkeys(seen))
        assert len(texts) > 5
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))

    asyncio.run(learner())


@pytest.mark.parametrize("question", ["", "  \n "])
def test_nothing_to_ask(connected: MockAPI, question: str) -> None:
    async def learner() -> None:
        box = question_box(question)
        await run(box, "Ask")
        assert status(box) == "The question is empty. Write one into the field above, then press Ask."
        for model in THREE:
            tick(box, model, False)
        type_into(box, FIELD, "What is Go?")
        await run(box, "Ask")
        assert status(box) == "No model is ticked. Tick at least one, then press Ask."
        assert not connected.served

    asyncio.run(learner())


def test_what_looks_like_html_is_shown_as_text(connected: MockAPI) -> None:
    nasty = "<script>alert(1)</script> **bold** <img src=x onerror=alert(2)>"
    connected.answer = lambda model, question: nasty  # type: ignore[method-assign]

    async def learner() -> None:
        box = question_box(nasty, models=["gpt-6-luna", "<b>model</b>"])
        await run(box, "Ask")
        page = markup(box)
        assert "<script>" not in page and "<img" not in page and "<b>" not in page
        assert cards(box)[0].text == nasty and "&lt;script&gt;alert(1)" in page

    asyncio.run(learner())


def test_a_hundred_thousand_characters(connected: MockAPI) -> None:
    long = "word " * 20_000

    async def learner() -> None:
        box = question_box(long, models=["gpt-6-luna"])
        await run(box, "Ask")
        assert connected.served[-1].question == long
        assert 0 < len(picture(box)) < 20_000

    asyncio.run(learner())


def test_a_failed_call_says_so_in_its_place_and_leaves_the_others_alone() -> None:
    async def learner() -> None:
        box = question_box("What is Go?", models=["gpt-6-luna", "gpt-99", "gpt-6.1-sol"])
        await run(box, "Ask")
        assert status(box) == "2 answers. 1 call failed: see below."
        assert [bool(card.text) for card in cards(box)] == [True, False, True]
        assert "no such model" in cards(box)[1].facts and "NotFoundError" in cards(box)[1].facts

    asyncio.run(learner())


def test_a_cut_answer_is_marked_and_counted(ends: Callable[..., None]) -> None:
    async def learner() -> None:
        ends("length", "It is a langu")
        box = question_box("What is Go?", models=["gpt-6-luna", "gpt-6.1-sol"])
        await run(box, "Ask")
        assert status(box) == "2 answers, 2 of them cut."
        assert [card.text for card in cards(box)] == ["It is a langu"] * 2
        for card in cards(box):
            assert "cut at the token limit (finish_reason length)" in card.facts

    asyncio.run(learner())


def test_no_answer_is_a_failed_call(ends: Callable[..., None]) -> None:
    async def learner() -> None:
        ends("content_filter", "")
        box = question_box("What is Go?", models=["gpt-6-luna"])
        await run(box, "Ask")
        assert status(box) == "0 answers. 1 call failed: see below."
        assert "filter kept the answer back" in cards(box)[0].facts and "ContentFiltered" in cards(box)[0].facts

    asyncio.run(learner())


def test_a_stream_that_breaks_off_keeps_what_had_come() -> None:
    async def learner() -> None:
        box = question_box("What is recursion?", models=["gpt-6.1-sol"])
        with faults(dropped="What is recursion?"):
            await run(box, "Ask")
        assert cards(box)[0].text and "broke off" in cards(box)[0].facts
        assert cards(box)[0].facts.startswith("✗")

    asyncio.run(learner())


def test_stop_ends_all_calls_and_says_what_was_kept(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box("What is recursion?", models=THREE)
        others = asyncio.all_tasks()
        with faults(hanging="What is recursion?"), watch() as trace:
            press(box, "Ask")
            await until(lambda: any(card.text for card in cards(box)))
            await stop(box)
            assert [call.outcome for call in trace.calls] == ["cancelled"] * 3
        partly = sum(bool(card.text) for card in cards(box))
        assert status(box).startswith(f"Stopped: 3 calls cut off; the text so far of {partly} is kept.")
        assert "3 calls whose cost is not known" in line(box, "totals")
        assert not is_disabled(box, "Ask") and is_disabled(box, "Stop")
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == others

    asyncio.run(learner())


def test_asking_twice_starts_one_run(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box("What is Go?", models=["gpt-6-luna"])
        press(box, "Ask")
        press(box, "Ask")
        await until(lambda: box.busy)
        ctrl_enter(box, FIELD, "What is Rust?")
        assert is_disabled(box, "Ask")
        await finished(box)
        assert [each.question for each in connected.served] == ["What is Go?"]

    asyncio.run(learner())


def test_ctrl_enter_asks_what_stands_in_the_field(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box(models=["gpt-6-luna"])
        ctrl_enter(box, FIELD, "What is Rust?")
        await finished(box)
        assert [each.question for each in connected.served] == ["What is Rust?"]

    asyncio.run(learner())


def test_two_boxes_do_not_disturb_each_other() -> None:
    async def learner() -> None:
        one, two = question_box("What is Go?", models=["gpt-6-luna"]), question_box("What is Rust?", models=THREE)
        press(one, "Ask")
        press(two, "Ask")
        await until(lambda: one.busy and two.busy)
        await until(lambda: not one.busy and not two.busy)
        assert status(one) == "1 answer." and status(two) == "3 answers."
        assert "1 call ·" in picture(one) and "3 calls ·" in picture(two)
        assert "Rust" not in repr(one)

    asyncio.run(learner())


def test_closing_leaves_no_task_behind() -> None:
    async def learner() -> None:
        box = question_box("What is Go?", models=THREE)
        others = asyncio.all_tasks()
        press(box, "Ask")
        await until(lambda: cards(box))
        box.close()
        await until(lambda: asyncio.all_tasks() == others)
        assert shown(box) == "" and displayed(box) == {"text/plain": repr(box)}

    asyncio.run(learner())


def test_what_goes_wrong_in_the_background_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise RuntimeError("a bug <here>")

    async def learner() -> None:
        box = question_box("What is Go?")
        monkeypatch.setattr("helpers.widgets.ask.shared_client", broken)
        await run(box, "Ask")
        assert "RuntimeError: a bug <here>" in status(box)
        assert "a bug &lt;here&gt;" in markup(box) and "Traceback" in shown(box)
        assert not is_disabled(box, "Ask")

    asyncio.run(learner())


def test_a_box_before_connect_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def learner() -> None:
        monkeypatch.setattr("helpers.session.state.state.mode", None)
        box = question_box("What is Go?")
        await run(box, "Ask")
        assert status(box) == "This notebook is not connected yet. Run the cell with connect() first."

    asyncio.run(learner())


def test_bad_settings() -> None:
    with pytest.raises(BadInput, match="is not a text"):
        question_box(["What is Go?"])  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="single string"):
        question_box("What is Go?", models="gpt-6-luna")
    with pytest.raises(BadInput, match="no model names"):
        question_box("What is Go?", models=[])


def test_without_a_front_end_it_is_plain_text() -> None:
    assert str(question_box()).startswith("Question box: write a question")
    assert displayed(question_box())["text/plain"] == repr(question_box())


def test_in_live_mode_it_asks_the_real_address_and_says_nothing_of_practice(monkeypatch: pytest.MonkeyPatch) -> None:
    service = MockAPI(pace=0.01)
    server = Server(service)
    monkeypatch.delenv("WORKBOOK_MODE")
    monkeypatch.setitem(state.own, "OPENAI_API_KEY", "a-key-of-ones-own")
    monkeypatch.setitem(state.own, "OPENAI_BASE_URL", server.url)
    monkeypatch.setitem(state.own, "NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(state.own, "no_proxy", "127.0.0.1")

    async def learner() -> None:
        connect(live=True)
        box = question_box("What is Go?", models=["gpt-6-luna"])
        await run(box, "Ask")
        assert [each.question for each in service.served if each.question] == ["What is Go?"]
        assert line(box, "totals").startswith("This notebook so far: 1 answer,")
        assert "practice" not in line(box, "totals")
        assert "a-key-of-ones-own" not in front_end_state(box) + shown(box)

    asyncio.run(learner())
