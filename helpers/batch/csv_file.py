"""CSV files as people have them: the table that is in one, and a table of answers written to one."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import dropwhile
from statistics import fmean

from ..answer import Answer
from ..errors import BadInput
from ..words import one_line, without_halves
from .encodings import damage, decoded

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
EXCEL_NAMES_IT = re.compile(r'"?sep=([,;|\t])"?$', re.IGNORECASE)  # the first line that some spreadsheets write
FORMULA = re.compile(r"[\t\r]|\s*[=+\-@＝＋－＠]")  # also after blanks, and in full width
MASKED = re.compile(rf"'+(?:{FORMULA.pattern})")  # an apostrophe before it makes it plain text
ANSWER = tuple(field.name for field in fields(Answer))
RARE = re.compile(r"\w+([:^~!&*])\w+(?:\1\w+)*")  # names of columns with another separator, such as nr:question
NAMES = re.compile(r"[(\[\"']*(my|the)?_?(questions?|prompts?|texts?|titles?|names?|columns?)[)\]\"':]*", re.IGNORECASE)
EXAMPLE = "a line of column names, such as question, and below it a line for each question"


@dataclass(frozen=True)
class Table:
    """What is in a file: the names of its columns, and its rows; what `was_taken` of it where that is to be said."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    was_taken: str = ""  # such as: read as cp1252, as it is not in UTF-8
    encoding: str | None = None  # where one was given
    told: int | None = None  # the column of questions, where the kind of file tells it

    @property
    def of_questions(self) -> int | None:
        """Which column holds the questions, if that is clear: the only one, or the one of that name."""
        names = [name.lower() for name in self.columns]
        if self.told is not None:
            return self.told
        return 0 if len(names) == 1 else names.index("question") if names.count("question") == 1 else None

    @property
    def like_questions(self) -> int:
        """The column that reads most like questions: with texts of several words in the most rows, and the longest."""

        def likeness(number: int) -> tuple[int, float]:
            words = [_words(cell) for cell in self.column(number)]
            return sum(each > 1 for each in words), fmean(words or [0])

        return max(range(len(self.columns)), key=likeness)

    def column(self, number: int) -> list[str]:
        """Its cells, "" for an empty one."""
        return [row[number].strip() if number < len(row) else "" for row in self.rows]


def _words(text: str) -> float:
    """How many words a cell has; a long word counts as more, as Chinese and Japanese have no blanks."""
    return max(len(text.split()), len(text) / 6) if not text.replace(".", "").isdigit() else 0


def read_table(name: str, content: bytes, encoding: str | None = None, *, path: str | None = None) -> Table:
    """The file `name`; commas, semicolons, tabs or bars part its cells. Raises BadInput for what is no CSV file.

    `path` is what to call it by in advice, and `encoding` what it is in; without that it is told, where it is certain.

    >>> file = read_table("list.csv", "id;Question\\n1;What is Python?".encode())
    >>> file.columns, file.column(file.of_questions)
    (('id', 'Question'), ['What is Python?'])
    """
    how = f"`from helpers import questions_in` and questions=questions_in({path or name!r}, encoding={{}})"
    text, found = decoded(name, content, encoding, how=how, preview=lambda text: _first_beyond_ascii(name, text))
    columns, rows = _cells(name, text)
    said = []
    if encoding is None and not found.startswith("utf"):
        said.append(f"read as {found}, as it is not in UTF-8")
    if len(columns) == 1 and columns[0] and not any(map(NAMES.fullmatch, columns[0].split())):
        said.append(f"its first line, {one_line(columns[0], 40)}, is taken for the name of the column")
    if harm := damage(text):
        said.append(harm)
    return Table(name, columns, rows, "; ".join(said), encoding)


def _cells(name: str, text: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    separator, is_named = _separator(text)
    columns, rows = with_names(name, _rows(name, text, separator, is_named))
    if columns == ANSWER:  # written by write_table
        rows = tuple(tuple(cell[1:] if MASKED.match(cell) else cell for cell in row) for row in rows)
    return columns, rows


def _first_beyond_ascii(name: str, text: str) -> str:
    """The first question that shows in which encoding a text is."""
    try:
        table = Table(name, *_cells(name, text))
    except BadInput:
        cells = text.splitlines()
    else:
        number = table.of_questions
        cells = table.column(table.like_questions if number is None else number)
    return next((cell for cell in [*cells, *text.splitlines()] if not cell.isascii()), text)


def with_names(name: str, rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The names of the columns, and the rows below them; each is "" where the first row is data, too."""
    if not rows:
        raise BadInput(f"{name} is empty.", f"Choose a file that holds {EXAMPLE}.")
    columns = tuple(cell.strip() for cell in rows[0])
    if _is_data(columns, rows[1:]):
        return ("",) * len(columns), rows
    if len(rows) == 1:
        raise BadInput(f"{name} has no rows below its column names.", f"Choose a file that holds {EXAMPLE}.")
    return columns, rows[1:]


def _is_data(first: tuple[str, ...], others: tuple[tuple[str, ...], ...]) -> bool:
    """Whether there are no names in the first row: a question, a number, or what is like the texts below it."""
    if len(first) == 1:
        return _is_question(first[0])
    if any(cell.endswith("?") or cell.replace(".", "").isdigit() for cell in first):
        return True
    below = Table("", first, others)
    if any(all(map(str.isdigit, below.column(number))) for number in range(len(first)) if others):
        return False  # it is no number, and all below it are
    cell = first[below.like_questions]
    texts = list(filter(None, below.column(below.like_questions)))
    return bool(texts) and _is_question(cell) and 2 * _words(cell) >= fmean(map(_words, texts))


def _is_question(first: str) -> bool:
    """Whether the first line of a plain list is asked already: "Explain Python" is, "My questions" is a name."""
    words = first.split()
    is_name = len(words) <= 3 and any(NAMES.fullmatch(word) for word in (words[:1] + words[-1:]))
    return first.endswith(("?", "？", "؟")) or (len(words) > 1 and not is_name)


def _separator(text: str) -> tuple[str, bool]:
    """What parts the cells, and whether Excel names it there (sep=;); else the one that the first line has most of."""
    lines = list(filter(str.strip, text.splitlines()))
    first = lines[0] if lines else ""
    if named := EXCEL_NAMES_IT.match(first):
        return named[1], True
    most = max(SEPARATORS, key=first.count)
    other = RARE.fullmatch(first.strip())
    if other and all(other[1] in line for line in lines):
        return other[1], False
    return "\t" if "\t" in first or _is_list(lines, most) else most, False


def _is_list(lines: list[str], separator: str) -> bool:
    """Whether it is a list of questions, in some of which there is a comma, and no table."""
    starts = [line.split(separator)[0].strip(' "') for line in lines]
    if not lines or not _is_question(lines[0].strip()) or any(start.isdigit() for start in starts):
        return False
    is_prose = all(
        separator + " " in line and len(start.split()) > 1 for line, start in zip(lines, starts, strict=True)
    )
    return is_prose or len({line.count(separator) for line in lines}) > 1


def _rows(name: str, text: str, separator: str, is_named: bool) -> tuple[tuple[str, ...], ...]:
    """The cells of all rows, with those of the first one, which may be the columns' names."""
    lines = dropwhile(lambda line: not line.strip(), io.StringIO(text, newline=""))
    if is_named:
        next(lines)
    has_blanks = re.search(rf'"{re.escape(separator)} +"', text) is not None  # between cells in quotes
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=has_blanks, strict=True)
    rows: list[tuple[str, ...]] = []
    columns = 0
    try:
        for cells in reader:
            if not cells:
                continue
            columns = columns or len(cells)
            if columns == 1:  # a plain list, in which a comma is a comma
                cells = [separator.join(cells)]
            if len(cells) > columns and not any(map(str.strip, cells[columns:])):
                cells = cells[:columns]  # a separator at the end of each row
            if len(cells) > columns:
                raise BadInput(
                    f"{name} cannot be read: its line {reader.line_num} has {len(cells)} cells, its first {columns}.",
                    f"Put each text that has {SEPARATORS.get(separator, separator)} in it into double quotes.",
                )
            rows.append(tuple(cells))
    except csv.Error as error:
        if max(map(len, text.splitlines())) > csv.field_size_limit():
            raise BadInput(
                f"{name} cannot be read: a cell in line {reader.line_num} has over {csv.field_size_limit():,} letters.",
                "Make it shorter, or take it out.",
            ) from error
        raise BadInput(
            f"{name} cannot be read: the quotes in line {reader.line_num} or before do not match ({error}).",
            'Mend them there (a text in double quotes writes one of its own as ""), then choose the file again.',
        ) from error
    return tuple(rows)


def write_table(answers: Iterable[Answer]) -> bytes:
    """A row for each answer. It begins with a byte order mark: without it Excel takes UTF-8 for something else."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(ANSWER)
    writer.writerows([_harmless(answer[column]) for column in ANSWER] for answer in answers)
    return without_halves(out.getvalue()).encode("utf-8-sig")


def _harmless(value: object) -> object:
    # Spreadsheet programs run a text that begins like a formula. One that is masked already gets a second apostrophe,
    # as reading takes one away.
    if isinstance(value, str) and (FORMULA.match(value) or MASKED.match(value)):
        return f"'{value}"
    return value
