"""Where a learner would look for a task or a lesson, and what is missing there: check_exercises.py prints it.

A task stands in tasks.toml, the README, the lesson that it follows, the lesson that lists them all and the map; it has
attempts for its tests. A lesson stands in lessons.toml, the README, the map and at the end of the lesson before it.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import nbformat

from helpers.checks.clinic import BUGS
from helpers.checks.programs import PROGRAMS
from helpers.checks.tasks import TASKS
from helpers.course.lessons import Lesson
from helpers.course.manifest import Entry, Manifest

TOML = "exercises/tasks.toml"
LESSONS = "notebooks/lessons.toml"
MAP = "00_start_here"  # its saved output lists all lessons and tasks
TOUR = "quick_tour"  # no lesson of the course: it has no questions, and stands beside the others
LIST = "09_when_to_use"  # at its end all tasks are linked
ATTEMPTS = "tests/practice/attempts"
CLINIC = "tests/practice/test_clinic_checks.py"
QUESTIONS = 3  # at the end of a lesson, at least
WRONG = 6  # attempts that each get words of their own
RERUN = "Run: python tools/rerun_notebooks.py"


@cache
def _notebook(path: Path) -> nbformat.NotebookNode | None:
    if not path.exists():
        return None
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def _text(path: Path, kind: str = "markdown") -> str:
    """The sources of a notebook's cells of one kind; "" where it is not there, which others say."""
    notebook = _notebook(path)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == kind) if notebook else ""


def _shown(path: Path) -> str:
    """What a saved notebook shows as pages."""
    notebook = _notebook(path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])] if notebook else []
    return "\n".join(output.get("data", {}).get("text/html", "") for output in outputs)


# ---- tasks and bugs ------------------------------------------------------------------------------------------------


def of_tasks(root: Path, manifest: Manifest) -> Iterator[str]:
    """What is missing of the tasks, in sentences that say what to do."""
    entries = list(manifest.exercises.values())
    for entry in entries:
        yield from _linked(root, entry)
        yield from _headed(root, entry)
        yield from _bugs(root, entry) if entry.bugs else _attempts(root, entry)
    for entry, following in pairwise(entries):
        if f"]({following.notebook}.ipynb)" not in _text(root / "solutions" / f"{entry.notebook}.ipynb"):
            yield f"solutions/{entry.notebook}.ipynb: its end does not lead on. Link {following.notebook}.ipynb there."
    listed = manifest.titles()
    for file, checks in (("tasks.py", TASKS), ("programs.py", PROGRAMS), ("clinic.py", BUGS)):
        for name in checks:
            if name not in listed:
                yield f"helpers/checks/{file}: {name!r} is in no list. Add it to {TOML}, or take the check out."


def _linked(root: Path, entry: Entry) -> Iterator[str]:
    link = f"[{entry.title}](../exercises/{entry.notebook}.ipynb)"
    for lesson in dict.fromkeys((entry.follows, LIST)):
        if link not in _text(root / "notebooks" / f"{lesson}.ipynb"):
            yield f"notebooks/{lesson}.ipynb: the task {entry.name} is not linked. Write at its end: {link}"
    row = f"| `{entry.notebook}` | {entry.minutes} | {entry.title} |"
    if row not in (root / "README.md").read_text("utf-8"):
        yield f"README.md: the task {entry.name} is not in the table. Add the line: {row}"
    name = f'<a href="../exercises/{entry.notebook}.ipynb">{entry.notebook[:2]} {entry.title}</a></td>'
    if f"{name}<td>{entry.minutes}<" not in _shown(root / "notebooks" / f"{MAP}.ipynb"):
        yield f"notebooks/{MAP}.ipynb: the map does not show {entry.name} so. {RERUN} notebooks/{MAP}.ipynb"


def _headed(root: Path, entry: Entry) -> Iterator[str]:
    path = root / "solutions" / f"{entry.notebook}.ipynb"
    text = _text(path)
    if not text:
        return  # in_the_manifest says it
    wanted = (
        f"# Practice {entry.notebook[:2].lstrip('0')}: {entry.title}",
        f"*About {entry.minutes} minutes",
        f"(../notebooks/{entry.follows}.ipynb)",
    )
    for words in wanted:
        if words not in text:
            yield f"solutions/{path.name}: its head does not say what {TOML} says. Write there: {words}"


def _attempts(root: Path, entry: Entry) -> Iterator[str]:
    path = root / ATTEMPTS / f"{entry.name}.py"
    if not path.exists():
        yield f"{ATTEMPTS}/{entry.name}.py is missing. Write wrong_… and right_… functions in it, each with @expect."
        return
    functions = re.findall(r"^(?:async )?def (wrong|right)_", path.read_text("utf-8"), re.MULTILINE)
    if functions.count("wrong") < WRONG or "right" not in functions:
        yield f"{ATTEMPTS}/{path.name} has too few attempts. Write {WRONG} or more wrong_… functions, and a right_…."


def _bugs(root: Path, entry: Entry) -> Iterator[str]:
    test = (root / CLINIC).read_text("utf-8")
    path = root / "solutions" / f"{entry.notebook}.ipynb"
    notebook = _notebook(path)
    tags = [set(cell.metadata.get("tags", [])) for cell in notebook.cells] if notebook else []
    for number, bug in enumerate(entry.bugs, 1):
        functions = re.findall(rf"^(?:async )?def {bug.name}_(sick|mended)\w*\(", test, re.MULTILINE)
        if sorted(functions) != ["mended", "mended", "sick"]:
            yield f"{CLINIC}: {bug.name} is not tried. Write {bug.name}_sick, and two {bug.name}_mended…."
        if notebook and f"open_bug({number})" not in _text(path, "code"):
            yield f"solutions/{path.name}: patient {number} is not there. Write a cell with open_bug({number})."
        if notebook and not any({"solution", bug.name} <= each for each in tags):
            yield f"solutions/{path.name}: {bug.name} is not mended. Tag the cells that do it: solution, {bug.name}."


# ---- lessons -------------------------------------------------------------------------------------------------------


def of_lessons(root: Path, lessons: dict[str, Lesson]) -> Iterator[str]:
    """What is missing of the lessons, in sentences that say what to do."""
    notebooks = {path.stem for path in (root / "notebooks").glob("*.ipynb")} - {TOUR}
    for name in sorted(lessons.keys() - notebooks):
        yield f"{LESSONS}: {name!r} has no notebook. Write notebooks/{name}.ipynb, or take out the entry."
    for name in sorted(notebooks - lessons.keys()):
        yield f"notebooks/{name}.ipynb is not in {LESSONS}. Add an entry with name = {name!r}."
    there = [lesson for lesson in lessons.values() if lesson.name in notebooks]
    for lesson in there:
        yield from _told(root, lesson)
        yield from _asked(root, lesson)
    for lesson, following in pairwise(there):
        if f"]({following.name}.ipynb)" not in _last(root / "notebooks" / f"{lesson.name}.ipynb"):
            yield f"notebooks/{lesson.name}.ipynb: its last cell does not lead on. Link {following.name}.ipynb there."


def _last(path: Path) -> str:
    notebook = _notebook(path)
    return str(notebook.cells[-1].source) if notebook else ""


def _told(root: Path, lesson: Lesson) -> Iterator[str]:
    head = f"# {lesson.title}\n\n**{lesson.minutes} minutes.**"
    if head not in _text(root / "notebooks" / f"{lesson.name}.ipynb"):
        yield f"notebooks/{lesson.name}.ipynb: its head does not say what {LESSONS} says. Write there: {head!r}"
    row = f"| `{lesson.name}` | {lesson.minutes} | {lesson.afterwards} |"
    if row not in (root / "README.md").read_text("utf-8"):
        yield f"README.md: the lesson {lesson.name} is not in the table. Add the line: {row}"
    if f'<a href="{lesson.name}.ipynb">' not in _shown(root / "notebooks" / f"{MAP}.ipynb"):
        yield f"notebooks/{MAP}.ipynb: the map does not show {lesson.name}. {RERUN} notebooks/{MAP}.ipynb"


def _asked(root: Path, lesson: Lesson) -> Iterator[str]:
    if len(lesson.quiz) < QUESTIONS:
        yield f"{LESSONS}: {lesson.name} asks too little. Add [[lessons.quiz]] below it, until there are {QUESTIONS}."
    if f'quiz("{lesson.name}")' not in _text(root / "notebooks" / f"{lesson.name}.ipynb", "code"):
        yield f'notebooks/{lesson.name}.ipynb: its questions are not asked. Write a cell with quiz("{lesson.name}").'
    for asked in lesson.quiz:
        texts = {choice.text.strip() for choice in asked.choices}
        letters = "abcdefgh"[: len(asked.choices)]
        if (
            len(texts) < max(2, len(asked.choices))
            or "" in texts
            or len(asked.right) != 1
            or asked.right not in letters
        ):
            yield f"{LESSONS}: “{asked.question}” needs different choices, and right = one of their letters."
        if not all(choice.why.strip() for choice in asked.choices):
            yield f"{LESSONS}: a choice of “{asked.question}” has no reason. Say why it is right, or why not."
