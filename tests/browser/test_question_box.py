"""The question box as its user sees it, and what the mock API was asked."""

import re

import pytest
from playwright.sync_api import Locator, expect

from browser.axe import axe
from browser.jupyter import Lab
from browser.notebook import Notebook

CONNECT = "from helpers import connect, faults, question_box, watch\nconnect()"
SERVED = "[(each.model, each.question) for each in __import__('helpers').session.state.state.api.served]"
# the tasks of a kernel that nobody has given work to
TASKS = "len(__import__('asyncio').all_tasks())"


def opened(lab: Lab, *cells: str) -> tuple[Notebook, Locator]:
    """A notebook in which all cells have run, and the first question box in it."""
    notebook = lab.cells(CONNECT, *cells)
    for number in range(1, len(cells) + 2):
        notebook.run(number)
    return notebook, notebook.page.locator(".workbook-question-box").first


def field(box: Locator) -> Locator:
    return box.get_by_label("Your question (Ctrl+Enter asks)")


def status(box: Locator) -> Locator:
    return box.get_by_role("status")


def test_from_typing_to_answers(lab: Lab) -> None:
    notebook, box = opened(lab, "question_box()")
    field(box).click()
    notebook.page.keyboard.type("What is Python?")
    box.get_by_label("gpt-6.1-terra").uncheck()
    box.get_by_role("button", name="Ask").click()
    expect(status(box)).to_have_text("2 answers.")
    expect(box).to_contain_text("Python is a general-purpose programming language")
    expect(box).to_contain_text(re.compile(r"first word after .+ done after .+ tokens · 0\.0000\d USD"))
    expect(box).to_contain_text("This notebook so far: 2 answers,")
    expect(box.get_by_role("img", name="2 calls")).to_be_visible()
    assert sorted(notebook.evaluate(SERVED)) == [
        ("gpt-6-luna", "What is Python?"),
        ("gpt-6.1-sol", "What is Python?"),
    ]
    assert notebook.console == []


def test_an_answer_appears_word_by_word(lab: Lab) -> None:
    notebook, box = opened(
        lab,
        "trouble = faults(hanging='What is recursion?')\ntrouble.__enter__()",
        "question_box('What is recursion?', models=['gpt-6.1-sol'])",
    )
    box.get_by_role("button", name="Ask").click()
    # half of it has come, and the rest never does
    expect(box.locator(".text")).not_to_be_empty()
    expect(box).to_contain_text("still running")
    expect(status(box)).to_have_text("Asking 1 model …")
    expect(box.get_by_role("button", name="Ask")).to_be_disabled()
    # Ctrl+Enter while it runs starts nothing
    field(box).press("Control+Enter")
    box.get_by_role("button", name="Stop").click()
    expect(status(box)).to_have_text(
        "Stopped: 1 call cut off; the text so far of 1 is kept. The service may charge for that."
    )
    expect(box.locator(".text")).not_to_be_empty()
    expect(box).to_contain_text("stopped after")
    expect(box.get_by_role("button", name="Ask")).to_be_enabled()
    assert notebook.evaluate(SERVED) == [("gpt-6.1-sol", "What is recursion?")]
    assert notebook.console == []


def test_a_failure_in_its_place(lab: Lab) -> None:
    notebook, box = opened(lab, "question_box('What is Go?', models=['gpt-6-luna', 'gpt-99'])")
    box.get_by_role("button", name="Ask").click()
    expect(status(box)).to_have_text("1 answer. 1 call failed: see below.")
    answers = box.locator(".workbook-card")
    expect(answers.nth(0)).to_contain_text("Go is")
    expect(answers.nth(1)).to_contain_text("✗ The service says: The model `gpt-99` does not exist")
    expect(answers.nth(1)).to_contain_text("The service has no such model, or your account may not use it (404).")
    assert notebook.console == []


def test_nothing_typed_is_run(lab: Lab) -> None:
    nasty = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'> **bold**"
    notebook, box = opened(
        lab, f"api = __import__('helpers').session.state.state.api\napi.answer = lambda *_: {nasty!r}", "question_box()"
    )
    field(box).fill(nasty)
    box.get_by_label("gpt-4o-mini").check()
    field(box).press("Control+Enter")
    expect(status(box)).to_have_text("4 answers.")
    expect(box.locator(".text").first).to_have_text(nasty)
    assert notebook.page.evaluate("window.ran") is None
    assert notebook.evaluate(SERVED)[0][1] == nasty
    assert notebook.console == []


@pytest.mark.parametrize("many", [0, 100_000])
def test_nothing_and_very_much(lab: Lab, many: int) -> None:
    notebook, box = opened(lab, "question_box(models=['gpt-6-luna'])")
    field(box).fill("long " * (many // 5))
    box.get_by_role("button", name="Ask").click()
    said = "1 answer." if many else "The question is empty. Write one into the field above, then press Ask."
    expect(status(box)).to_have_text(said)
    assert [len(question) for _, question in notebook.evaluate(SERVED)] == [many] * bool(many)
    assert notebook.console == []


def test_by_keyboard_alone(lab: Lab) -> None:
    notebook, box = opened(lab, "question_box()")
    press = notebook.page.keyboard.press
    field(box).focus()
    notebook.page.keyboard.type("What is Go?")
    for _ in range(2):  # the first model, the second
        press("Tab")
    press("Space")
    for _ in range(4):  # three more models, then the button
        press("Tab")
    press("Enter")
    expect(status(box)).to_have_text("2 answers.")
    assert {model for model, _ in notebook.evaluate(SERVED)} == {"gpt-6-luna", "gpt-6.1-sol"}
    # Shift+Enter is a new line here, and does not run the cell
    field(box).focus()
    press("Control+End")
    press("Shift+Enter")
    notebook.page.keyboard.type("And Rust?")
    press("Control+Enter")
    expect(box).to_contain_text("This notebook so far: 4 answers")
    assert notebook.evaluate(SERVED)[-1][1] == "What is Go?\nAnd Rust?"


def test_two_boxes_and_a_cell_that_is_run_again(lab: Lab) -> None:
    notebook, box = opened(
        lab,
        f"idle = {TASKS}",
        "trouble = faults(hanging='What is Go?')\ntrouble.__enter__()",
        "first = question_box('What is Go?', models=['gpt-6-luna'])\nfirst",
        "question_box('What is Rust?', models=['gpt-6-luna'])",
        "1 + 1",
    )
    other = notebook.page.locator(".workbook-question-box").nth(1)
    box.get_by_role("button", name="Ask").click()
    expect(box).to_contain_text("still running")
    other.get_by_role("button", name="Ask").click()
    expect(status(other)).to_have_text("1 answer.")
    expect(other).not_to_contain_text("What is Go?")
    expect(status(box)).to_have_text("Asking 1 model …")
    # other cells can be run meanwhile
    notebook.run(6)
    assert notebook.text(6) == "2"
    notebook.run(4)
    expect(status(notebook.output(4))).to_have_text("")
    assert notebook.evaluate(f"{TASKS} - idle") == 0
    assert notebook.console == []


def test_the_square_stops_a_cell_and_leaves_a_box_alone(lab: Lab) -> None:
    notebook, box = opened(
        lab,
        "trouble = faults(hanging=['What is Go?', 'What is Rust?'])\ntrouble.__enter__()",
        "question_box('What is Go?', models=['gpt-6-luna'])",
    )
    box.get_by_role("button", name="Ask").click()
    expect(box).to_contain_text("still running")
    notebook.interrupt()
    expect(status(box)).to_have_text("Asking 1 model …")
    box.get_by_role("button", name="Stop").click()
    expect(status(box)).to_contain_text("Stopped: 1 call cut off")
    notebook.run(1)
    assert notebook.errors() == [] and notebook.console == []


def test_a_watch_in_a_cell_and_a_box_at_the_same_time(lab: Lab) -> None:
    """The box draws only its own calls."""
    notebook, box = opened(
        lab,
        "question_box('What is Go?', models=['gpt-6-luna'])",
        "from helpers import compare_models\nanswers = await compare_models('What is Rust?')",
    )
    box.get_by_role("button", name="Ask").click()
    notebook.run(3)
    expect(status(box)).to_have_text("1 answer.")
    expect(box.get_by_role("img", name="1 call,")).to_be_visible()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_readable_for_everybody(lab: Lab, theme: str) -> None:
    notebook, box = opened(lab, "question_box('What is Go?', models=['gpt-6-luna', 'gpt-99'])")
    notebook.theme(theme)
    box.get_by_role("button", name="Ask").click()
    expect(status(box)).to_have_text("1 answer. 1 call failed: see below.")
    assert axe(box) == []
