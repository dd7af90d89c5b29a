"""What notebooks/lessons.toml says: the one list of the lessons, with the questions at their end."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import WorkbookError
from .manifest import ROOT, Choice


@dataclass(frozen=True)
class QuizQuestion:
    """The right choice is a letter: "a" is the first."""

    question: str
    choices: tuple[Choice, ...]
    right: str


@dataclass(frozen=True)
class Lesson:
    """One lesson: its file in notebooks/ without .ipynb, and what stands about it in the list."""

    name: str
    title: str
    minutes: int
    afterwards: str
    quiz: tuple[QuizQuestion, ...] = ()


def read(folder: Path) -> dict[str, Lesson]:
    """Reads lessons.toml in `folder`. Raises WorkbookError where it is not there."""
    try:
        text = (folder / "lessons.toml").read_text("utf-8")
    except OSError as error:
        raise WorkbookError(
            "The list of the lessons, notebooks/lessons.toml, is not there.",
            "Open JupyterLab in the workbook's own folder; the lessons are not part of the installed helpers.",
        ) from error
    found = {}
    for entry in tomllib.loads(text)["lessons"]:
        asked = [
            QuizQuestion(**{**each, "choices": tuple(Choice(**choice) for choice in each["choices"])})
            for each in entry.pop("quiz", [])
        ]
        found[entry["name"]] = Lesson(**entry, quiz=tuple(asked))
    return found


@cache
def lessons() -> dict[str, Lesson]:
    return read(ROOT / "notebooks")
