"""Predictions, quizzes and the clinic's diagnosis, as their user sees them."""

import pytest
from playwright.sync_api import expect

from browser.axe import axe
from browser.jupyter import Lab

CONNECT = "from helpers import ask_ai, connect, open_bug, predict, quiz, watch, welcome\nconnect()"
PREDICT = "prediction = predict('How many requests?', 'requests')\nprediction"
ORDER = "predict('In what order?', 'order', of=['one', 'two'])"
CHOICE = "predict('Who wins?', 'choice', of=['one', 'two'])"
SETTLE = "with watch() as trace:\n    await ask_ai('What is Go?')\nprediction.compare(trace)"
SICK = """from openai import AsyncOpenAI
async def ask_one(client, question):
    return client.chat.completions.create(model='gpt-6-luna', messages=[{'role': 'user', 'content': question}])
bug_1 = open_bug(1)
await bug_1.show(ask_one)"""


def test_a_prediction_is_noted_and_compared(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, PREDICT, SETTLE)
    notebook.run(1)
    notebook.run(2)
    box = notebook.output(2)
    field = box.get_by_label("I expect")
    field.focus()
    notebook.page.keyboard.type("nonsense")
    expect(box.get_by_role("status")).to_have_text("'nonsense' is not a number. Write digits, such as 10.")
    field.fill("3")
    expect(box.get_by_role("status")).to_have_text("Noted: 3 requests. Run the next cells and see.")
    notebook.run(3)
    said = "You predicted 3 requests. 1 request was sent. You expected 3 times as many."
    assert notebook.text(3) == said
    expect(box.get_by_role("status")).to_have_text(said)
    notebook.run(2)
    expect(box.get_by_label("I expect")).to_have_value("3")
    assert notebook.console == []


def test_an_order_and_a_choice_by_keyboard(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, ORDER, CHOICE)
    for number in (1, 2, 3):
        notebook.run(number)
    press = notebook.page.keyboard.press
    order, choice = notebook.output(2), notebook.output(3)
    order.get_by_label("1.").focus()
    notebook.page.keyboard.type("two")
    press("Tab")
    notebook.page.keyboard.type("one")
    expect(order.get_by_role("status")).to_have_text("Noted: two, then one. Run the next cells and see.")
    choice.get_by_role("button", name="one").focus()
    press("Tab")
    press("Space")
    expect(choice.get_by_role("status")).to_have_text("Noted: two. Run the next cells and see.")


def test_a_quiz_says_right_and_wrong_and_why(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, "quiz('00_start_here')", "print(welcome())")
    notebook.run(1)
    notebook.run(2)
    questions = notebook.output(2).locator(".workbook-question")
    expect(questions.nth(1)).to_contain_text("You order one dish only.")
    questions.nth(1).get_by_role("button", name="b)").focus()
    notebook.page.keyboard.press("Enter")
    expect(questions.nth(1).get_by_role("status")).to_contain_text("✗ Not that.")
    questions.nth(1).get_by_role("button", name="a)").click()
    expect(questions.nth(1).get_by_role("status")).to_contain_text("✓ Right.")
    expect(notebook.output(2)).to_contain_text("1 of 4 questions answered right.")
    assert notebook.console == []


def test_a_diagnosis_in_the_bug_clinic(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, SICK, "await bug_1.check(ask_one)")
    for number in (1, 2, 3):
        notebook.run(number)
    assert "First say what is wrong with it: press an answer under its timeline." in notebook.text(3)
    puzzle = notebook.output(2)
    puzzle.get_by_role("button", name="b) The model does not exist.").click()
    expect(puzzle.get_by_role("status").first).to_contain_text("✗ Not that.")
    puzzle.get_by_role("button", name="c) Only a coroutine is made").click()
    expect(puzzle.get_by_role("status").first).to_contain_text("✓ Right. Without await there is only a coroutine")
    notebook.run(3)
    assert "press an answer" not in notebook.text(3)
    assert notebook.console == []


def test_the_map_leads_to_lessons_and_tasks(lab: Lab) -> None:
    notebook = lab.cells(CONNECT, "welcome()")
    notebook.run(1)
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("Practice mode")
    notebook.output(2).get_by_text("Practice tasks").click()
    notebook.output(2).get_by_role("link", name="09 The bug clinic").click()
    expect(notebook.page.locator(".lm-TabBar-tab.lm-mod-current", has_text="09_bug_clinic.ipynb")).to_be_visible()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_readable_for_everybody(lab: Lab, theme: str) -> None:
    cells = [CONNECT, PREDICT, ORDER, CHOICE, "quiz('03_timing')", SICK]
    notebook = lab.cells(*cells)
    for number in range(1, len(cells) + 1):
        notebook.run(number)
    notebook.theme(theme)
    quiz = notebook.output(5).locator(".workbook-question").first
    for letter in ("a)", "b)", "c)"):
        quiz.get_by_role("button", name=letter).click()
    expect(quiz.get_by_role("button", name="✓")).to_be_visible()
    notebook.output(4).get_by_role("button", name="one").click()
    expect(notebook.output(4).get_by_role("status")).to_contain_text("Noted")
    assert axe(notebook, ".workbook-box") == []
