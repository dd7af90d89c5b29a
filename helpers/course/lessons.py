"""What notebooks/lessons.toml says: the one list of the lessons, with the questions at their end."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .manifest import ROOT, Choice, read_list


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


def read_lessons(folder: Path) -> dict[str, Lesson]:
    """Reads lessons.toml in `folder`. Raises WorkbookError where it is not there."""
    found = {}
    for entry in read_list(folder / "lessons.toml", "lessons")["lessons"]:
        asked = [
            QuizQuestion(**{**each, "choices": tuple(Choice(**choice) for choice in each["choices"])})
            for each in entry.pop("quiz", [])
        ]
        found[entry["name"]] = Lesson(**entry, quiz=tuple(asked))
    return found


@cache
def lessons() -> dict[str, Lesson]:
    return read_lessons(ROOT / "notebooks")
