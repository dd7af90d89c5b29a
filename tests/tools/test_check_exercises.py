"""What authors run: exercises from solutions, and the check of the whole. Each small workbook is wrong in one way."""

import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebooks.kernel import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import check_exercises
import check_places
import make_exercises

from helpers.course.lessons import read_lessons
from helpers.course.manifest import Bug, Choice, Entry, Manifest, read_tasks
from helpers.course.verdict import VERDICT

ENTRY = Entry("answer_a_list", "A list", 5, "one", "00_start_here", ("Begin.",))
OPEN = 'from helpers import connect, open_exercise\nconnect()\nexercise = open_exercise("answer_a_list")'
STUB = "async def answer_all(questions):\n    ..."
SOLVED = """
import asyncio
from openai import AsyncOpenAI

async def answer_all(questions):
    async with AsyncOpenAI() as client:
        async def ask(question):
            messages = [{"role": "user", "content": question}]
            response = await client.chat.completions.create(model="gpt-6-luna", messages=messages)
            return response.choices[0].message.content
        return await asyncio.gather(*map(ask, questions))
"""
CHECK = "await exercise.check(answer_all)"
CHOICES = tuple(Choice(text, "Because.") for text in ("one", "two", "three", "four"))
BUG = Bug("no_await", "Strange", CHOICES, "a", ("Look.",))


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """A small workbook in which all is well."""
    for folder in ("exercises", "solutions", "notebooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks" / "00_start_here.ipynb").touch()
    solve(tmp_path)
    return tmp_path


def solve(root: Path, solved: str = SOLVED, stub: str = STUB, check: str = CHECK) -> None:
    cells = [
        new_markdown_cell("# Practice"),
        new_code_cell(OPEN),
        new_code_cell(stub),
        new_code_cell(solved, metadata={"tags": ["solution"]}),
        new_markdown_cell("Because.", metadata={"tags": ["solution"]}),
        new_code_cell(check, execution_count=3, outputs=[new_output("stream", text="old")]),
    ]
    nbformat.write(new_notebook(cells=cells), root / "solutions" / "one.ipynb")
    make_exercises.make(root)


def said(problems: Iterable[str]) -> str:
    """The one problem that was found."""
    (problem,) = problems
    return problem


def manifest(*entries: Entry) -> Manifest:
    return Manifest({entry.name: entry for entry in entries})


# ---- exercises from solutions --------------------------------------------------------------------------------------


def test_an_exercise_is_its_solution_without_the_solution(workbook: Path) -> None:
    text = (workbook / "exercises" / "one.ipynb").read_text("utf-8")
    exercise = nbformat.reads(text, as_version=4)
    assert [cell.source for cell in exercise.cells] == ["# Practice", OPEN, STUB, CHECK]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in exercise.cells)
    assert "AsyncOpenAI" not in text and "Because" not in text and "old" not in text
    assert make_exercises.problems(workbook) == []


def test_an_edited_exercise_is_noticed(workbook: Path) -> None:
    path = workbook / "exercises" / "one.ipynb"
    path.write_text(path.read_text("utf-8").replace("# Practice", "# Practise"))
    assert "Edit the solution, not the exercise" in said(make_exercises.problems(workbook))


def test_a_missing_exercise_is_noticed(workbook: Path) -> None:
    (workbook / "exercises" / "one.ipynb").unlink()
    assert "exercises/one.ipynb is missing" in said(make_exercises.problems(workbook))


def test_an_exercise_without_a_solution_is_noticed(workbook: Path) -> None:
    (workbook / "solutions" / "one.ipynb").unlink()
    assert "has no solution" in said(make_exercises.problems(workbook))


# ---- the manifest --------------------------------------------------------------------------------------------------


def changed(**fields: object) -> Entry:
    return Entry(**{**vars(ENTRY), **fields})  # type: ignore[arg-type]


def bug(**fields: object) -> Entry:
    return changed(bugs=(Bug(**{**vars(BUG), **fields}),))  # type: ignore[arg-type]


def test_all_is_well_in_a_small_workbook(workbook: Path) -> None:
    assert list(check_exercises.in_the_manifest(workbook, manifest(ENTRY))) == []
    assert list(check_exercises.in_words(manifest(ENTRY))) == []
    assert list(check_exercises.when_run(workbook, ENTRY)) == []


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ((), "solutions/one.ipynb is not in exercises/tasks.toml"),
        ((ENTRY, changed(name="compare_models", notebook="two")), "'two' has no notebook"),
        ((changed(follows="99_nowhere"),), "which is no lesson"),
        ((changed(name="unknown"),), "'unknown' has no check"),
        ((bug(name="unknown"),), "the bug 'unknown' has no check"),
    ],
)
def test_notebooks_tasks_and_checks_belong_together(workbook: Path, entries: tuple[Entry, ...], sentence: str) -> None:
    assert sentence in said(check_exercises.in_the_manifest(workbook, manifest(*entries)))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (changed(hints=()), "has an empty hint, or none"),
        (changed(hints=("Begin.", " ")), "has an empty hint, or none"),
        (changed(minutes=0), "minutes from 1 to 60"),
        (changed(title=""), "needs a title"),
        (bug(hints=("",)), "no_await has an empty hint"),
        (bug(choices=CHOICES[:3]), "four different choices"),
        (bug(choices=(*CHOICES[:3], CHOICES[0])), "four different choices"),
        (bug(right="e"), "right = one of a, b, c, d"),
        (bug(choices=(*CHOICES[:3], Choice("four", ""))), "has no reason"),
    ],
)
def test_words_are_complete(entry: Entry, sentence: str) -> None:
    assert sentence in said(check_exercises.in_words(manifest(entry)))


def test_the_workbooks_own_words_are_complete() -> None:
    own = read_tasks(ROOT / "exercises")
    assert list(check_exercises.in_the_manifest(ROOT, own)) == []
    assert list(check_exercises.in_words(own)) == []
    assert make_exercises.problems(ROOT) == []


# ---- running them --------------------------------------------------------------------------------------------------


def ran(outcomes: dict[str, dict[str, str]]) -> Callable[[Path], nbformat.NotebookNode]:
    """In place of running a notebook: what its checks said, by its folder."""

    def run(path: Path) -> nbformat.NotebookNode:
        cells = []
        for task, outcome in outcomes[path.parent.name].items():
            data = {VERDICT: {"task": task, "outcome": outcome}}
            cells.append(new_code_cell("", outputs=[new_output("execute_result", data=data)]))
        return new_notebook(cells=cells)

    return run


@pytest.mark.parametrize(
    ("entry", "outcomes", "sentence"),
    [
        (
            ENTRY,
            ("passed", "passed"),
            "exercises/one.ipynb: the check of answer_a_list says 'passed', not 'not attempted'",
        ),
        (ENTRY, ("not attempted", "failed"), "solutions/one.ipynb: the check of answer_a_list says 'failed'"),
        (bug(), ("passed", "passed"), "exercises/one.ipynb: the check of no_await says 'passed', not 'failed'"),
        (bug(), ("failed", "broken"), "solutions/one.ipynb: the check of no_await says 'broken', not 'passed'"),
        (changed(name="other"), ("passed", "passed"), "the check of other says 'never run', not 'not attempted'"),
    ],
)
def test_what_the_checks_say_is_noticed(
    workbook: Path, monkeypatch: pytest.MonkeyPatch, entry: Entry, outcomes: tuple[str, str], sentence: str
) -> None:
    task = "no_await" if entry.bugs else "answer_a_list"
    said_so = dict(zip(("exercises", "solutions"), ({task: outcome} for outcome in outcomes), strict=True))
    monkeypatch.setattr(check_exercises, "run", ran(said_so))
    assert sentence in next(check_exercises.when_run(workbook, entry))


def test_a_cell_that_raises_is_noticed(workbook: Path) -> None:
    solve(workbook, check="1 / 0")
    raised = list(check_exercises.when_run(workbook, ENTRY))
    assert [problem.split(".")[0] for problem in raised] == ["exercises/one", "solutions/one"]
    assert "a cell raises ZeroDivisionError" in raised[0]


# ---- where a learner looks for it ----------------------------------------------------------------------------------

Change = Callable[[Path], None]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A copy of the workbook's own, in which all is well."""
    for folder in ("notebooks", "exercises", "solutions", "tests/practice"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def misplaced(root: Path) -> list[str]:
    tasks = check_places.of_tasks(root, read_tasks(root / "exercises"))
    return [*tasks, *check_places.of_lessons(root, read_lessons(root / "notebooks"))]


def without(name: str, words: str, instead: str = "") -> Change:
    """Takes words out of a file, wherever they stand in it."""

    def change(root: Path) -> None:
        path = root / name
        text = path.read_text("utf-8")
        assert words in text
        path.write_text(text.replace(words, instead), encoding="utf-8")

    return change


def without_file(name: str) -> Change:
    return lambda root: (root / name).unlink()


FOUR, CLINIC_NOTEBOOK = "solutions/04_limit_in_flight.ipynb", "solutions/09_bug_clinic.ipynb"
TASK_LINK = "[Only so many at a time](../exercises/04_limit_in_flight.ipynb)"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            without("README.md", "| `04_limit_in_flight` | 10"),
            "README.md: the task limit_in_flight is not in the table. Add the line: | `04_limit_in_flight` | 10 |",
        ),
        (without("notebooks/04_limits.ipynb", TASK_LINK), "notebooks/04_limits.ipynb: the task"),
        (without("notebooks/09_when_to_use.ipynb", TASK_LINK), f"Write at its end: {TASK_LINK}"),
        (
            without("notebooks/00_start_here.ipynb", "../exercises/04_limit_in_flight.ipynb"),
            "the map does not show limit_in_flight so. Run: python tools/rerun_notebooks.py",
        ),
        (without(FOUR, "# Practice 4:", "# Practice 5:"), "Write there: # Practice 4: Only so many at a time"),
        (without(FOUR, "*About 10 minutes", "*About 11 minutes"), "Write there: *About 10 minutes"),
        (without(FOUR, "](05_survive_failures.ipynb)"), "its end does not lead on. Link 05_survive_failures.ipynb"),
        (without_file("tests/practice/attempts/limit_in_flight.py"), "attempts/limit_in_flight.py is missing"),
        (without("tests/practice/attempts/limit_in_flight.py", "def right_", "def best_"), "too few attempts"),
        (without(CLINIC_NOTEBOOK, "open_bug(4)", "open_bug(5)"), "patient 4 is not there"),
        (without(CLINIC_NOTEBOOK, '"time_sleep"', '"other"'), "time_sleep is not mended"),
        (without("tests/practice/test_clinic_checks.py", "def time_sleep_sick"), "time_sleep is not tried"),
        (
            without("exercises/tasks.toml", 'name = "csv_to_csv"', 'name = "csv_to_table"'),
            "helpers/checks/tasks.py: 'csv_to_csv' is in no list",
        ),
        (
            without("exercises/tasks.toml", 'name = "go_on"', 'name = "go_off"'),
            "helpers/checks/programs.py: 'go_on' is in no list",
        ),
        (without("exercises/tasks.toml", 'name = "time_sleep"', 'name = "a_nap"'), "clinic.py: 'time_sleep' is in no"),
    ],
)
def test_a_task_is_where_a_learner_looks_for_it(whole: Path, change: Change, sentence: str) -> None:
    change(whole)
    assert any(sentence in problem for problem in misplaced(whole)), misplaced(whole)


LESSON = "notebooks/03_timing.ipynb"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_file(LESSON), "'03_timing' has no notebook"),
        (without("notebooks/lessons.toml", 'name = "03_timing"', 'name = "03_clocks"'), "03_timing.ipynb is not in"),
        (without("README.md", "| `03_timing` | 13"), "README.md: the lesson 03_timing is not in the table"),
        (without(LESSON, "**13 minutes.**"), "its head does not say what notebooks/lessons.toml says"),
        (without(LESSON, "](04_limits.ipynb)"), "03_timing.ipynb: its last cell does not lead on"),
        (without(LESSON, 'quiz(\\"03_timing\\")'), 'its questions are not asked. Write a cell with quiz("03_timing")'),
        (without("notebooks/00_start_here.ipynb", '<a href=\\"03_timing'), "the map does not show 03_timing"),
        (without("notebooks/lessons.toml", 'right = "c"', 'right = "z"'), "right = one of their letters"),
        (
            without("notebooks/lessons.toml", "50 minutes, and 5 minutes", "50 minutes, and 20 minutes"),
            "different choices",
        ),
    ],
)
def test_a_lesson_is_where_a_learner_looks_for_it(whole: Path, change: Change, sentence: str) -> None:
    change(whole)
    assert any(sentence in problem for problem in misplaced(whole)), misplaced(whole)


def test_a_lesson_that_asks_too_little_is_noticed(whole: Path) -> None:
    own = read_lessons(whole / "notebooks")
    (sentence,) = check_places.of_lessons(
        whole, {**own, "03_timing": replace(own["03_timing"], quiz=own["03_timing"].quiz[:2])}
    )
    assert "03_timing asks too little. Add [[lessons.quiz]] below it, until there are 3." in sentence


def test_the_workbooks_own_are_where_a_learner_looks_for_them() -> None:
    assert misplaced(ROOT) == []
