"""Reckons how many minutes a lesson takes, from what is in it, and says where it states fewer.

    python tools/minutes.py                               # the tour and all lessons; exits with 1 where one is too low
    python tools/minutes.py notebooks/03_timing.ipynb

Reckoned are the words to read, the lines of code to understand, the seconds that the cells ran when
`rerun_notebooks.py` saved them, and the boxes to use. A lesson's questions at its end are words, too.
"""

import argparse
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.course.lessons import read_lessons

ROOT = Path(__file__).resolve().parent.parent

WORDS, LINES = 180, 20  # a minute: of prose that is new to its reader, and of code that is to be understood
BOXES = {  # minutes to use one
    "predict": 0.2,
    "question_box": 1.0,
    "batch_box": 1.5,
    "concurrency_lab": 2.0,
    "heartbeat": 0.5,
}
SECONDS = "seconds"  # in a notebook's metadata: how long its cells ran
STATED = re.compile(r"^\*\*(\d+) minutes\.\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Reckoning:
    """What takes the time in one notebook."""

    words: int
    lines: int
    boxes: float  # minutes
    seconds: float  # that its cells run

    @property
    def minutes(self) -> float:
        return self.words / WORDS + self.lines / LINES + self.boxes + self.seconds / 60


def reckon(path: Path) -> Reckoning:
    """Raises KeyError where the notebook does not say how long its cells ran."""
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return Reckoning(
        words=count_words(prose) + count_words(questions(path)),
        lines=sum(bool(line.strip()) for line in code.splitlines()),
        boxes=sum(minutes * len(re.findall(rf"\b{name}\(", code)) for name, minutes in BOXES.items()),
        seconds=notebook.metadata[SECONDS],
    )


def count_words(text: str) -> int:
    """
    >>> count_words("Don't wait: [01 Single calls](01_single_calls.ipynb)")
    5
    """
    return len(re.findall(r"\w[\w'’.-]*", re.sub(r"\]\([^)]*\)", "]", text)))


def questions(path: Path) -> str:
    """The questions at a lesson's end, each with its choices and one reason."""
    lesson = read_lessons(path.parent).get(path.stem)
    return "\n".join(
        " ".join([asked.question, *(choice.text for choice in asked.choices), asked.choices[0].why])
        for asked in (lesson.quiz if lesson else ())
    )


def stated(path: Path) -> int:
    """What the notebook says of itself, in its first cell."""
    found = STATED.search(nbformat.read(path, as_version=4).cells[0].source)
    if found is None:
        raise ValueError(f"{path.name}: its first cell states no minutes. Write **N minutes.** below the title.")
    return int(found[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: the tour and all lessons")
    paths = parser.parse_args().notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    low = 0
    print("stated  reckoned  words  lines  boxes (min)  cells run (s)")
    for path in paths:
        try:
            is_, says = reckon(path), stated(path)
        except KeyError:
            print(f"{path.name} does not say how long its cells run. Run tools/rerun_notebooks.py {path}")
            low += 1
            continue
        low += (too_low := says < is_.minutes)
        print(
            f"{says:6}  {is_.minutes:8.1f}  {is_.words:5}  {is_.lines:5}  {is_.boxes:11.1f}  {is_.seconds:13.0f}"
            f"  {path.name}{f': state {math.ceil(is_.minutes)}, or take something out' if too_low else ''}"
        )
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
