"""The question box without a browser: what a reader sees, and what the mock API was asked."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from helpers import BadInput, connect, faults, question_box, watch
from helpers.mock_api import MockAPI
from helpers.mock_api.server import Server
from helpers.session.state import state
from helpers.widgets.ask import QuestionBox

pytestmark = pytest.mark.usefixtures("connected")

THREE = ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol"]


async def until(true: Callable[[], object]) -> None:
    """Waits for something to happen."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.002)


async def asked(box: QuestionBox) -> None:
    before = box._work
    box._ask.click()
    await until(lambda: box._work is not before and not box.busy)


def page(box: QuestionBox) -> str:
    """All that the box shows as text or HTML."""
    return "\n".join([box.status.value, *(card.shown.value for card in box._shown), box._totals.value])


def test_it_asks_the_ticked_models_and_shows_each_answer(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box("What is Python?")
        box._ticks["gpt-6.1-sol"].value = False
        await asked(box)
        assert {each.model for each in connected.served} == {"gpt-6-luna", "gpt-6.1-terra"}
        assert box.status.text == "2 answers."
        assert [card.model for card in box._shown] == ["gpt-6-luna", "gpt-6.1-terra"]
        assert "Python is a general-purpose programming language" in page(box)
        assert "first word after" in page(box) and "tokens" in page(box) and "USD" in page(box)
        assert "This notebook so far: 2 answers" in box._totals.text
        assert "nothing is charged" in box._totals.text
        assert "Question: What is Python?" in repr(box) and "gpt-6.1-terra: " in repr(box)

    asyncio.run(learner())


def test_an_answer_is_written_word_by_word() -> None:
    async def learner() -> None:
        box, seen = question_box("What is Python?", models=["gpt-6-luna"]), []
        box._ask.click()
        await until(lambda: box._shown)
        while box.busy:
            seen.append(box._shown[0].text)
            await asyncio.sleep(0)
        texts = list(dict.fromkeys(seen))
        assert len(texts) > 5
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))

    asyncio.run(learner())


@pytest.mark.parametrize("question", ["", "  \n "])
def test_nothing_to_ask(connected: MockAPI, question: str) -> None:
    async def learner() -> None:
        box = question_box(question)
        box._ask.click()
        await until(lambda: box.status.text)
        assert box.status.text == "The question is empty. Write one into the field above, then press Ask."
        for tick in box._ticks.values():
            tick.value = False
        box._field.value = "What is Go?"
        box._ask.click()
        await until(lambda: "model" in box.status.text)
        assert box.status.text == "No model is ticked. Tick at least one, then press Ask."
        assert not connected.served

    asyncio.run(learner())


def test_what_looks_like_html_is_shown_as_text(connected: MockAPI) -> None:
    nasty = "<script>alert(1)</script> **bold** <img src=x onerror=alert(2)>"
    connected.answer = lambda model, question: nasty  # type: ignore[method-assign]

    async def learner() -> None:
        box = question_box(nasty, models=["gpt-6-luna", "<b>model</b>"])
        await asked(box)
        shown = page(box) + box._picture.value
        assert "<script>" not in shown and "<img" not in shown and "<b>" not in shown
        assert "&lt;script&gt;alert(1)" in box._shown[0].shown.value and "**bold**" in box._shown[0].shown.value

    asyncio.run(learner())


def test_a_hundred_thousand_characters(connected: MockAPI) -> None:
    long = "word " * 20_000

    async def learner() -> None:
        box = question_box(long, models=["gpt-6-luna"])
        await asked(box)
        assert connected.served[-1].question == long
        assert len(box._picture.value) < 20_000

    asyncio.run(learner())


def test_a_failed_call_says_so_in_its_place_and_leaves_the_others_alone() -> None:
    async def learner() -> None:
        box = question_box("What is Go?", models=["gpt-6-luna", "gpt-99", "gpt-6.1-sol"])
        await asked(box)
        assert box.status.text == "2 answers. 1 call failed: see below."
        assert [card.state for card in box._shown] == ["answered", "failed", "answered"]
        assert "no such model" in box._shown[1].facts and "NotFoundError" in box._shown[1].facts

    asyncio.run(learner())


def test_a_cut_answer_is_marked_and_counted(ends: Callable[..., None]) -> None:
    async def learner() -> None:
        ends("length", "It is a langu")
        box = question_box("What is Go?", models=["gpt-6-luna", "gpt-6.1-sol"])
        await asked(box)
        assert box.status.text == "2 answers, 2 of them cut."
        assert [card.text for card in box._shown] == ["It is a langu"] * 2
        for card in box._shown:
            assert "cut at the token limit (finish_reason length)" in card.shown.value

    asyncio.run(learner())


def test_no_answer_is_a_failed_call(ends: Callable[..., None]) -> None:
    async def learner() -> None:
        ends("content_filter", "")
        box = question_box("What is Go?", models=["gpt-6-luna"])
        await asked(box)
        assert box.status.text == "0 answers. 1 call failed: see below."
        assert "filter kept the answer back" in box._shown[0].facts and "ContentFiltered" in box._shown[0].facts

    asyncio.run(learner())


def test_a_stream_that_breaks_off_keeps_what_had_come() -> None:
    async def learner() -> None:
        box = question_box("What is recursion?", models=["gpt-6.1-sol"])
        with faults(dropped="What is recursion?"):
            await asked(box)
        assert box._shown[0].state == "failed" and box._shown[0].text
        assert "broke off" in box._shown[0].facts

    asyncio.run(learner())


def test_stop_ends_all_calls_and_says_what_was_kept(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box("What is recursion?", models=THREE)
        others = asyncio.all_tasks()
        with faults(hanging="What is recursion?"), watch() as trace:
            box._ask.click()
            await until(lambda: any(card.text for card in box._shown))
            box._stop.click()
            await until(lambda: not box.busy)
            assert [call.outcome for call in trace.calls] == ["cancelled"] * 3
        partly = sum(bool(card.text) for card in box._shown)
        assert box.status.text.startswith(f"Stopped: 3 calls cut off; the text so far of {partly} is kept.")
        assert "3 calls whose cost is not known" in box._totals.text
        assert not box._ask.disabled and box._stop.disabled
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == others

    asyncio.run(learner())


def test_asking_twice_starts_one_run(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box("What is Go?", models=["gpt-6-luna"])
        box._ask.click()
        box._ask.click()
        await until(lambda: box.busy)
        box._field._handle_custom_msg({"sent": "What is Rust?"}, [])
        assert box._ask.disabled
        await until(lambda: not box.busy)
        assert [each.question for each in connected.served] == ["What is Go?"]

    asyncio.run(learner())


def test_ctrl_enter_asks_what_stands_in_the_field(connected: MockAPI) -> None:
    async def learner() -> None:
        box = question_box(models=["gpt-6-luna"])
        box._field._handle_custom_msg({"sent": "What is Rust?"}, [])
        await until(lambda: box.busy)
        await until(lambda: not box.busy)
        assert [each.question for each in connected.served] == ["What is Rust?"]

    asyncio.run(learner())


def test_two_boxes_do_not_disturb_each_other() -> None:
    async def learner() -> None:
        one, two = question_box("What is Go?", models=["gpt-6-luna"]), question_box("What is Rust?", models=THREE)
        one._ask.click()
        two._ask.click()
        await until(lambda: one.busy and two.busy)
        await until(lambda: not one.busy and not two.busy)
        assert one.status.text == "1 answer." and two.status.text == "3 answers."
        assert "1 call ·" in one._picture.value and "3 calls ·" in two._picture.value
        assert "Rust" not in repr(one)

    asyncio.run(learner())


def test_closing_leaves_no_task_behind() -> None:
    async def learner() -> None:
        box = question_box("What is Go?", models=THREE)
        others = asyncio.all_tasks()
        box._ask.click()
        await until(lambda: box._shown)
        box.close()
        await until(lambda: asyncio.all_tasks() == others)
        assert box.widget is None and "Question box" not in str(box._repr_mimebundle_().get("text/html"))

    asyncio.run(learner())


def test_what_goes_wrong_in_the_background_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise RuntimeError("a bug <here>")

    async def learner() -> None:
        box = question_box("What is Go?")
        monkeypatch.setattr("helpers.widgets.ask.shared_client", broken)
        await asked(box)
        assert "RuntimeError: a bug <here>" in box.status.text
        assert "a bug &lt;here&gt;" in box.status.value and "Traceback" in box.status.value
        assert not box._ask.disabled

    asyncio.run(learner())


def test_a_box_before_connect_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def learner() -> None:
        monkeypatch.setattr("helpers.session.state.state.mode", None)
        box = question_box("What is Go?")
        await asked(box)
        assert box.status.text == "This notebook is not connected yet. Run the cell with connect() first."

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
    assert question_box()._repr_mimebundle_()["text/plain"] == repr(question_box())


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
        await asked(box)
        assert [each.question for each in service.served if each.question] == ["What is Go?"]
        assert box._totals.text.startswith("This notebook so far: 1 answer,") and "practice" not in box._totals.text
        assert "a-key-of-ones-own" not in page(box) + repr(box)

    asyncio.run(learner())
