"""A table of questions, whatever file it came from; and which of its columns reads like questions."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput

EXAMPLE = "a line of column names, such as question, and below it a line for each question"
QUESTION_MARKS = ("?", "？", "؟")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # two of them are about a word
NO_TEXT = re.compile(r"\S+://\S+|\S+@\S+|[\W\d_]*")  # an address, a number, a date

Row = tuple[str, ...]


@dataclass(frozen=True)
class QuestionTable:
    """`notes` are sentences on how it was read, to be told before anything is sent.

    `reader` is the call of pandas that reads the same file, and `head` the cells of the line above the rows as they
    stand there; None where there is none.
    """

    name: str
    columns: Row
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    reader: str = ""
    head: Row | None = None

    @property
    def of_questions(self) -> int | None:
        """Which column holds the questions, if that is clear: the only one, or the one of that name."""
        names = [name.lower() for name in self.columns]
        if len(names) == 1:
            return 0
        return next((names.index(name) for name in ("question", "questions") if names.count(name) == 1), None)

    def column(self, number: int) -> list[str]:
        """Its cells, "" for an empty one."""
        return [row[number].strip() if number < len(row) else "" for row in self.rows]

    def likely_column(self) -> int:
        """That which reads most like questions: with question marks, or else with the longest texts."""

        def likeness(number: int) -> tuple[bool, float]:
            cells = list(filter(None, self.column(number)))
            asked = sum(cell.endswith(QUESTION_MARKS) for cell in cells)
            return 3 * asked > len(cells), sum(map(_words, cells)) / max(1, len(cells))

        return max(range(len(self.columns)), key=likeness)

    def in_pandas(self) -> str:
        """The expression that gives the column which reads most like questions.

        >>> QuestionTable("list.csv", ("nr", "text"), (("1", "What is Go?"),), reader='pd.read_csv("list.csv")',
        ...     head=("nr", "text")).in_pandas()
        'pd.read_csv("list.csv")["text"]'
        """
        number = self.likely_column()
        if self.head is None:
            return f"{self.reader[:-1]}, header=None)[{number}]"
        name = self.head[number]
        # pandas gives columns without a name, or with one that comes twice, names of its own
        return self.reader + (f"[{quoted(name)}]" if name and self.head.count(name) == 1 else f".iloc[:, {number}]")


def make_table(name: str, rows: tuple[Row, ...], notes: tuple[str, ...] = (), reader: str = "") -> QuestionTable:
    """The names of the columns, and the rows below them, told apart. Raises BadInput where there is nothing to ask."""
    if not rows:
        raise BadInput(f"{name} is empty.", f"Choose a file that holds {EXAMPLE}.")
    head, first = rows[0], rows[0][0].strip()
    if _is_asked(head, rows):
        if len(head) == 1 and not first.endswith(QUESTION_MARKS):
            notes += (f'Its first line, "{first[:60]}", is asked, too; if it is a name, write question in its place.',)
        return QuestionTable(name, ("",) * len(head), rows, notes, reader)
    if len(rows) == 1:
        raise BadInput(f"{name} has no rows below its column names.", f"Choose a file that holds {EXAMPLE}.")
    if len(head) == 1 and "question" not in first.lower():
        notes += (
            f'Its first line, "{first[:60]}", is taken for a name, and is not asked; if it is to be asked, write '
            "question in a line above it.",
        )
    return QuestionTable(name, tuple(cell.strip() for cell in head), rows[1:], notes, reader, head)


def quoted(text: str) -> str:
    """As it stands in code: in double quotes, unless something in it needs others.

    >>> print(quoted("my list.csv"), quoted('the "text"'))
    "my list.csv" 'the "text"'
    """
    shown = repr(text)
    return f'"{text}"' if shown[1:-1] == text and '"' not in text else shown


def path_in_code(path: Path) -> str:
    """
    >>> print(path_in_code(Path("lists") / "a.csv"))
    "lists/a.csv"
    """
    return quoted(path.as_posix())


def _words(text: str) -> float:
    return 0 if NO_TEXT.fullmatch(text) else len(text.split()) + len(CJK.findall(text)) / 2


def _is_asked(head: Row, rows: tuple[Row, ...]) -> bool:
    """Whether the first line is asked already: "Explain Python" is, "My questions" is a name."""
    if len(head) > 1:  # a table without names: the first line has a question or a number in it, as those below
        below = rows[1] if len(rows) > 1 else ()
        return any(cell.strip().endswith(QUESTION_MARKS) for cell in head) or any(
            _is_number(cell) and _is_number(other) for cell, other in zip(head, below, strict=False)
        )
    first = head[0].strip()
    if first.endswith(QUESTION_MARKS):
        return True
    return _words(first) > 1 and not any(name in first.lower() for name in ("question", "prompt"))


def _is_number(cell: str) -> bool:
    return bool(cell.strip()) and cell.strip().replace(".", "", 1).isdecimal()
