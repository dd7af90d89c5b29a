"""What exercises/tasks.toml says: the one list of all practice tasks, with their hints."""

import json
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ..errors import BadInput, WorkbookError

T = TypeVar("T")

ROOT = Path(__file__).parents[2]  # the workbook's folder


@dataclass(frozen=True)
class Choice:
    """One answer to "what is wrong here?", and why it is right or not."""

    text: str
    why: str


@dataclass(frozen=True)
class Bug:
    """One patient of the bug clinic. The right choice is a letter: "a" is the first."""

    name: str
    title: str
    choices: tuple[Choice, ...]
    right: str
    hints: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One practice task: its notebook, and what stands about it in the list."""

    name: str
    title: str
    minutes: int
    notebook: str  # in exercises/ and in solutions/, without .ipynb
    follows: str  # the lesson that has all that is needed
    hints: tuple[str, ...] = ()
    bugs: tuple[Bug, ...] = ()


@dataclass(frozen=True)
class Manifest:
    exercises: dict[str, Entry] = field(default_factory=dict)

    def titles(self) -> dict[str, str]:
        """What can be done, in order: each task, and each bug of the clinic."""
        return {part.name: part.title for entry in self.exercises.values() for part in (entry.bugs or (entry,))}


def read_list(path: Path, what: str) -> dict[str, Any]:
    """A list of the workbook's own. Raises WorkbookError where it is not there."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise WorkbookError(
            f"The list of the {what}, {path.parent.name}/{path.name}, is not there.",
            f"Open JupyterLab in the workbook's own folder; the {what} are not part of the installed helpers.",
        ) from error


def read_tasks(folder: Path) -> Manifest:
    """Reads tasks.toml in `folder`. Raises WorkbookError where it is not there."""
    entries = []
    for entry in read_list(folder / "tasks.toml", "practice tasks")["exercises"]:
        bugs = [
            Bug(**{**bug, "hints": tuple(bug["hints"]), "choices": tuple(Choice(**each) for each in bug["choices"])})
            for bug in entry.pop("bugs", [])
        ]
        entries.append(Entry(**{**entry, "hints": tuple(entry.pop("hints", ()))}, bugs=tuple(bugs)))
    return Manifest({entry.name: entry for entry in entries})


@cache
def manifest() -> Manifest:
    return read_tasks(ROOT / "exercises")


def find(known: dict[str, T], name: object, what: str) -> T:
    """`known[name]`; raises BadInput with the names that there are."""
    if not isinstance(name, str) or name not in known:
        raise BadInput(f"There is no {what} called {name!r}.", f"There are: {', '.join(known)}.")
    return known[name]


def solution_of(entry: Entry, bug: str | None = None) -> str:
    """The cells of the solution as Markdown; those of one bug of the clinic, where one is named."""
    path = ROOT / "solutions" / f"{entry.notebook}.ipynb"
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise WorkbookError(
            f"The solution, solutions/{path.name}, cannot be read ({type(error).__name__}).",
            "Get that file again from where you got the workbook.",
        ) from error
    parts = []
    for cell in cells:
        tags = cell.get("metadata", {}).get("tags", [])
        if "solution" in tags and (bug is None or bug in tags):
            text = "".join(cell["source"])
            parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join(parts)
