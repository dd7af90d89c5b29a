"""What is asked in the notebooks has a written answer, and what they link to is there."""

import ast
import csv
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from notebooks.kernel import NOTEBOOKS, ROOT

from helpers.catalog import MODELS
from helpers.course.lessons import Lesson, lessons
from helpers.course.manifest import manifest
from helpers.mock_api.answers import NO_ANSWER, find_answer

QUESTION = re.compile(r"((What|Why|How|Who) .*\?|(Define|Explain|Tell me) .*)")


def texts(path: Path) -> list[str]:
    """All strings in the notebook's code."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    # the first line of a cell that is written into a file is for the notebook
    code = "\n".join(cell.partition("\n")[2] if cell.startswith("%%writefile") else cell for cell in cells)
    tree = compile(code, str(path), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_asks_has_a_written_answer(path: Path) -> None:
    asked = [text for text in texts(path) if QUESTION.fullmatch(text)]
    assert [question for question in asked if find_answer(question, "small") == NO_ANSWER] == []


def test_the_questions_file_can_be_answered_and_repeats_nothing() -> None:
    with (ROOT / "notebooks" / "questions.csv").open(encoding="utf-8", newline="") as file:
        questions = [row["question"] for row in csv.DictReader(file)]
    assert len(questions) == len(set(questions)) == 60
    assert [question for question in questions if find_answer(question, "small") == NO_ANSWER] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_model_named_is_in_the_catalogue(path: Path) -> None:
    meant = {"gpt-99"}  # the lessons' example of a model that does not exist
    named = {text for text in texts(path) if re.fullmatch(r"gpt-[\w.-]+", text)}
    assert named <= set(MODELS) | meant


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *NOTEBOOKS], ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def shown(path: Path) -> str:
    """What the code of a saved notebook has put out, as pages."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join(output.data["text/html"] for output in outputs if "text/html" in output.get("data", {}))


def test_every_lesson_is_on_the_map_and_leads_to_the_next() -> None:
    paths = [ROOT / "notebooks" / f"{name}.ipynb" for name in lessons()]
    start = shown(paths[0])
    readme = (ROOT / "README.md").read_text("utf-8")
    for lesson in paths:
        assert f"`{lesson.stem}`" in readme
        assert f'<a href="{lesson.name}">' in start
    for lesson, following in pairwise(paths):
        last = nbformat.read(lesson, as_version=4).cells[-1].source
        assert f"]({following.name})" in last


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: lesson.name)
def test_what_the_list_says_of_a_lesson_is_what_the_lesson_says(lesson: Lesson) -> None:
    path, readme = ROOT / "notebooks" / f"{lesson.name}.ipynb", (ROOT / "README.md").read_text("utf-8")
    assert f"# {lesson.title}\n\n**{lesson.minutes} minutes.**" in markdown(path)
    assert f"| `{lesson.name}` | {lesson.minutes} | {lesson.afterwards} |" in readme


def markdown(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")


def test_every_practice_task_is_where_a_learner_would_look_for_it() -> None:
    tasks = list(manifest().exercises.values())
    folder, readme = ROOT / "notebooks", (ROOT / "README.md").read_text("utf-8")
    for task in tasks:
        link = f"[{task.title}](../exercises/{task.notebook}.ipynb)"
        start = (
            f'<a href="../exercises/{task.notebook}.ipynb">{task.notebook[:2]} {task.title}</a></td><td>{task.minutes}<'
        )
        assert start in shown(folder / "00_start_here.ipynb")
        assert link in markdown(folder / "09_when_to_use.ipynb")
        assert link in markdown(folder / f"{task.follows}.ipynb"), "at the end of the lesson that it follows"
        assert f"| `{task.notebook}` | {task.minutes} | {task.title} |" in readme
        own = markdown(ROOT / "exercises" / f"{task.notebook}.ipynb")
        assert f"# Practice {int(task.notebook[:2])}: {task.title}\n" in own
        assert f"*About {task.minutes} minutes" in own and f"(../notebooks/{task.follows}.ipynb)" in own
    for task, following in pairwise(tasks):
        assert f"]({following.notebook}.ipynb)" in markdown(ROOT / "exercises" / f"{task.notebook}.ipynb")


def test_the_tour_leads_to_every_lesson_and_the_first_tasks_and_is_offered() -> None:
    tour, readme = markdown(ROOT / "notebooks" / "quick_tour.ipynb"), (ROOT / "README.md").read_text("utf-8")
    assert [lesson for lesson in lessons() if f"]({lesson}.ipynb)" not in tour] == []
    for task in list(manifest().exercises.values())[:3]:
        assert f"[{task.title}](../exercises/{task.notebook}.ipynb)" in tour
    assert "| `quick_tour` | 10 |" in readme and "**10 minutes.**" in tour
    assert "(quick_tour.ipynb)" in markdown(ROOT / "notebooks" / "00_start_here.ipynb")
