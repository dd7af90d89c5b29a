"""Proves that the practice tasks and the lessons hold together, and tells their author what to mend.

    python tools/check_exercises.py

Every exercise is what its solution makes, and runs to its end; its check says "not attempted". Every solution passes
its own check. In the bug clinic every patient fails as shipped, and passes mended. No hint is empty, and exercises/,
solutions/ and tasks.toml name the same notebooks and the same tasks. Each task and each lesson is where a learner would
look for it (see check_places.py). What takes no run is said first.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import check_places
import make_exercises
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from rerun_notebooks import SECONDS, clean_environment

from helpers.checks.clinic import BUGS
from helpers.checks.programs import PROGRAMS
from helpers.checks.tasks import TASKS
from helpers.course.lessons import read_lessons
from helpers.course.manifest import Entry, Manifest, read_tasks
from helpers.course.verdict import VERDICT

ROOT = Path(__file__).resolve().parent.parent
TOML = "exercises/tasks.toml"


def in_the_manifest(root: Path, manifest: Manifest) -> Iterator[str]:
    """Each entry has its notebook and its check, each notebook its entry."""
    entries = {entry.notebook: entry for entry in manifest.exercises.values()}
    notebooks = {path.stem for folder in ("exercises", "solutions") for path in (root / folder).glob("*.ipynb")}
    for notebook in sorted(entries.keys() - notebooks):
        yield f"{TOML}: {notebook!r} has no notebook. Write solutions/{notebook}.ipynb, or take out the entry."
    for notebook in sorted(notebooks - entries.keys()):
        yield f"solutions/{notebook}.ipynb is not in {TOML}. Add an entry with notebook = {notebook!r}."
    for entry in manifest.exercises.values():
        if not (root / "notebooks" / f"{entry.follows}.ipynb").exists():
            yield f"{TOML}: {entry.name} follows {entry.follows!r}, which is no lesson. Name one of notebooks/."
        if entry.name not in TASKS | PROGRAMS and not entry.bugs:
            yield (
                f"{TOML}: {entry.name!r} has no check. Add it to TASKS in helpers/checks/tasks.py, or to PROGRAMS in "
                "programs.py."
            )
        for bug in entry.bugs:
            if bug.name not in BUGS:
                yield f"{TOML}: the bug {bug.name!r} has no check. Add it to BUGS in helpers/checks/clinic.py."


def in_words(manifest: Manifest) -> Iterator[str]:
    """No hint is empty; each bug has four different choices, one of them right, and a reason for each."""
    for entry in manifest.exercises.values():
        for part in entry.bugs or (entry,):
            if not part.hints or not all(hint.strip() for hint in part.hints):
                yield f"{TOML}: {part.name} has an empty hint, or none. Write at least one step of help."
        if not 1 <= entry.minutes <= 60 or not entry.title.strip():
            yield f"{TOML}: {entry.name} needs a title, and its minutes from 1 to 60."
        for bug in entry.bugs:
            texts = {choice.text.strip() for choice in bug.choices}
            if len(texts) != 4 or "" in texts or bug.right not in ("a", "b", "c", "d"):
                yield f"{TOML}: {bug.name} needs four different choices, and right = one of a, b, c, d."
            if not all(choice.why.strip() for choice in bug.choices):
                yield f"{TOML}: a choice of {bug.name} has no reason. Say why it is right, or why not."


def when_run(root: Path, entry: Entry) -> Iterator[str]:
    """What the checks say in the exercise as shipped, and in the solution."""
    shipped = "failed" if entry.bugs else "not attempted"
    mend = {
        "exercises": "As shipped it must not pass: the stub is a docstring, a comment and dots, a patient is sick.",
        "solutions": "Mend the solution, or the check.",
    }
    for folder, outcome in (("exercises", shipped), ("solutions", "passed")):
        path = root / folder / f"{entry.notebook}.ipynb"
        if not path.exists():
            continue  # said already
        try:
            verdicts = outcomes(run(path))
        except CellExecutionError as error:
            yield f"{folder}/{path.name}: a cell raises {error.ename}: {error.evalue}. It has to run to its end."
            continue
        for part in entry.bugs or (entry,):
            got = verdicts.get(part.name, "never run")
            if got != outcome:
                yield f"{folder}/{path.name}: the check of {part.name} says {got!r}, not {outcome!r}. {mend[folder]}"


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook, run in a new kernel as its learner would: its files and progress go to a folder of their own."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as profile:
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            extra_arguments=["--log-level=ERROR"],
        )
        client.execute(env={**clean_environment(profile), "WORKBOOK_PACE": "0.05"})
    return notebook


def outcomes(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What each check said, by the name of its task."""
    verdicts: list[Any] = [
        output.get("data", {}).get(VERDICT)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    return {verdict["task"]: verdict["outcome"] for verdict in verdicts if verdict}


def problems(root: Path) -> Iterator[str]:
    manifest = read_tasks(root / "exercises")
    yield from make_exercises.problems(root)
    yield from in_the_manifest(root, manifest)
    yield from in_words(manifest)
    yield from check_places.of_tasks(root, manifest)
    yield from check_places.of_lessons(root, read_lessons(root / "notebooks"))
    for entry in manifest.exercises.values():
        yield from when_run(root, entry)


def main() -> int:
    count = 0
    for count, problem in enumerate(problems(ROOT), 1):  # noqa: B007
        print(problem, flush=True)
    if not count:
        print("The practice tasks and the lessons hold together.")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
