"""The lessons' questions, the clinic's diagnosis by a press, and the welcome panel."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from boxes import displayed, questions, status

from helpers import open_bug, quiz, welcome
from helpers.course import logbook
from helpers.course.lessons import Lesson, lessons, read_lessons
from helpers.course.manifest import ROOT, manifest
from helpers.course.quizzes import Quiz
from helpers.errors import BadInput, WorkbookError
from helpers.widgets.choices import LETTERS

LESSONS = list(lessons().values())


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(logbook, "_kept", {})


def answer_all(lesson: Lesson) -> Quiz:
    box = quiz(lesson.name)
    for place, question in enumerate(lesson.quiz):
        asked = questions(box)[place]
        asked.press(LETTERS.index(question.right))
    return box


# ---- what stands in lessons.toml ---------------------------------------------------------------------------------


def test_each_notebook_is_a_lesson_and_each_lesson_a_notebook() -> None:
    there = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert [lesson.name for lesson in LESSONS] == [name for name in there if name != "quick_tour"]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_questions_are_whole(lesson: Lesson) -> None:
    assert len(lesson.quiz) >= 3
    for question in lesson.quiz:
        letters = LETTERS[: len(question.choices)]
        assert 2 <= len(letters) <= 5 and question.right in letters
        assert len({choice.text for choice in question.choices}) == len(question.choices)
        assert all(choice.text and choice.why.endswith((".", "!", ")", "?")) for choice in question.choices)
        assert question.question.endswith(("?", "."))


def test_the_right_answer_stands_in_each_place() -> None:
    places = [question.right for lesson in LESSONS[:-1] for question in lesson.quiz]
    assert all(places.count(letter) >= 5 for letter in "abc"), "nobody is to learn to press always the same"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_the_lesson_has_its_quiz(lesson: Lesson) -> None:
    text = (ROOT / "notebooks" / f"{lesson.name}.ipynb").read_text("utf-8")
    assert f'quiz(\\"{lesson.name}\\")' in text


def test_a_folder_without_the_list_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="workbook's own folder"):
        read_lessons(tmp_path)


# ---- answering ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_each_answer_says_whether_it_is_right_and_why(lesson: Lesson) -> None:
    box = quiz(lesson.name)
    for place, question in enumerate(lesson.quiz):
        asked = questions(box)[place]  # a right answer brings the next one
        for number, (letter, choice) in enumerate(zip(LETTERS, question.choices, strict=False)):
            assert asked.choices[number] == f"{letter}) {choice.text.replace('`', '')}"
            asked.press(number)
            right = letter == question.right
            assert ("Right." in asked.said) is right
            assert ("Not that." in asked.said) is not right
            assert choice.why.replace("`", "").split()[-1] in asked.said
            assert asked.choices[number].startswith("✓" if right else "✗")
    total = len(lesson.quiz)
    assert status(box) == f"{total} of {total} questions answered right."


def test_a_long_list_of_questions_comes_a_few_at_a_time() -> None:
    lesson = max(LESSONS, key=lambda lesson: len(lesson.quiz))
    box = quiz(lesson.name)
    assert status(box) == f"{len(lesson.quiz)} questions, 4 at a time. Press an answer."
    assert len(questions(box)) == 4
    for number, question in enumerate(lesson.quiz):
        right = LETTERS.index(question.right)
        questions(box)[number].press(1 if right == 0 else 0)
        assert len(questions(box)) == min(4 + number, len(lesson.quiz)), "a wrong one brings no other"
        for _ in range(2):
            questions(box)[number].press(right)
        assert len(questions(box)) == min(5 + number, len(lesson.quiz))


def test_a_lesson_is_done_when_all_its_questions_are() -> None:
    lesson = LESSONS[0]
    box = quiz(lesson.name)
    wrong = next(letter for letter in "abc" if letter != lesson.quiz[0].right)
    questions(box)[0].press(LETTERS.index(wrong))
    assert status(box) == f"0 of {len(lesson.quiz)} questions answered right."
    assert logbook.read_progress()[lesson.name].outcome == "failed"
    answer_all(lesson)
    assert logbook.read_progress()[lesson.name].outcome == "passed"


def test_no_such_lesson() -> None:
    with pytest.raises(BadInput, match="There is no lesson called '99'"):
        quiz("99")


def test_where_nobody_can_press_it_reads_as_text_and_as_a_page() -> None:
    box = quiz("03_timing")
    shown = displayed(box)
    first = lessons()["03_timing"].quiz[0]
    assert f"1. {first.question}".replace("`", "") in shown["text/plain"]
    assert f"Answer: {first.right}." in shown["text/plain"]
    assert "<details><summary>Answer</summary>" in shown["text/html"]


# ---- the bug clinic ----------------------------------------------------------------------------------------------


def test_a_patient_is_diagnosed_by_a_press() -> None:
    async def ask_one(client: Any, question: str) -> Any:
        coroutine = client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": question}])
        coroutine.close()
        return "<coroutine>"

    async def learner() -> None:
        bug_1 = open_bug(1)
        puzzle = await bug_1.show(ask_one)
        box = puzzle.box()
        (asked,) = questions(box)
        assert [choice[:3] for choice in asked.choices] == ["a) ", "b) ", "c) ", "d) "]
        asked.press(0)
        await asyncio.sleep(0)
        assert "Not that." in asked.said and "Look again." in asked.said
        assert "press an answer" in (await bug_1.check(ask_one)).look
        asked.press(2)
        await asyncio.sleep(0)
        assert "Right." in asked.said and "Now mend it" in asked.said
        assert "press an answer" not in (await bug_1.check(ask_one)).look
        shown = displayed(puzzle)
        assert "What is wrong here?" in shown["text/plain"] and "bug_1.diagnose(" in shown["text/html"]
        assert "application/vnd.jupyter.widget-view+json" in shown

    asyncio.run(learner())


# ---- the welcome panel -------------------------------------------------------------------------------------------


def test_the_map_shows_each_lesson_and_task_with_its_minutes_and_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.session.state.state.mode", "practice")
    panel = welcome()
    page = displayed(panel)["text/html"]
    for lesson in LESSONS:
        assert f'<a href="{lesson.name}.ipynb">{lesson.name[:2]} {lesson.title}</a>' in page
        assert f"· {lesson.name[:2]} {lesson.title} ({lesson.minutes} min)" in repr(panel)
    for task in manifest().exercises.values():
        assert f'<a href="../exercises/{task.notebook}.ipynb">' in page
        assert (ROOT / "exercises" / f"{task.notebook}.ipynb").exists()
        assert f"{task.title} ({task.minutes} min)" in repr(panel)
    assert "Practice mode" in page and "Practice mode" in repr(panel)
    assert "Next: this notebook, from top to bottom." in repr(panel)


def test_what_is_next_follows_from_what_is_done() -> None:
    for lesson in LESSONS[:3]:
        answer_all(lesson)
    assert f"Lessons: 3 of {len(LESSONS)} done" in repr(welcome())
    assert "✓ 02 Compare models" in repr(welcome()) and "· 03 Timing" in repr(welcome())
    task = next(iter(manifest().exercises.values()))
    following = f"Next: lesson Timing ({LESSONS[3].minutes} minutes)"
    assert repr(welcome()).endswith(f"{following}, or the task {task.title} ({task.minutes} minutes).")
    logbook.note(task.name, outcome="passed")
    assert repr(welcome()).endswith(f"{following}.")


def test_when_all_is_done() -> None:
    for lesson in LESSONS:
        answer_all(lesson)
    for name in manifest().titles():
        logbook.note(name, outcome="passed")
    assert repr(welcome()).endswith("You have done everything. Congratulations!")
    bugs = sum(len(entry.bugs) for entry in manifest().exercises.values())
    assert f"{bugs} of {bugs} done" in displayed(welcome())["text/html"]


def test_before_connect_the_panel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.session.state.state.mode", None)
    assert repr(welcome()).startswith("Not connected yet: run the cell with connect().")
