"""CSV files as people have them: read questions from one, write answers to one."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import chain, dropwhile
from pathlib import Path
from typing import BinaryIO

from ..answer import Answer
from ..errors import BadInput

BIT = 65_536  # bytes read at once
EXAMPLE = "a line of column names, such as question, and below it a line for each question"


@dataclass(frozen=True)
class CsvFile:
    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def of_questions(self) -> int | None:
        """Which column holds the questions, if that is clear: the only one, or the one of that name."""
        names = [name.lower() for name in self.columns]
        return 0 if len(names) == 1 else names.index("question") if "question" in names else None

    def column(self, number: int) -> list[str]:
        """Its cells, "" for an empty one."""
        return [row[number].strip() if number < len(row) else "" for row in self.rows]


def read_table(name: str, content: bytes) -> CsvFile:
    """The file `name`; commas or semicolons part its cells. Raises BadInput for what is no CSV file.

    >>> file = read_table("list.csv", "id;Question\\n1;What is Python?".encode())
    >>> file.columns, file.column(file.of_questions)
    (('id', 'Question'), ['What is Python?'])
    """
    columns, rows = _table(name, io.StringIO(_text(name, content), newline=""))
    return CsvFile(name, columns, tuple(rows))


def questions_in(path: Path) -> Iterator[str]:
    """The questions of a file, read line by line while they are asked for: its only column, or its column "question".

    Raises BadInput where there is no such file, or where it is not clear which column holds the questions; and at a
    line that cannot be read.
    """
    name = path.name
    try:
        with path.open("rb") as file:
            encoding = _encoding(name, file)
        lines = path.open(encoding=encoding, newline="")
    except OSError as error:
        raise BadInput(f"{name} cannot be opened ({error.strerror}).", "Check its name and its folder.") from error
    try:
        columns, rows = _table(name, lines)
        number = CsvFile(name, columns, ()).of_questions
        if number is None:
            raise BadInput(
                f"{name} has the columns {', '.join(columns)}, and none of them is named question.",
                f'Give one, such as questions=pd.read_csv("{name}")["{columns[0]}"].',
            )
    except BaseException:
        lines.close()
        raise

    def each() -> Iterator[str]:
        with lines:
            for row in rows:
                yield row[number].strip() if number < len(row) else ""

    return each()


def _table(name: str, lines: Iterable[str]) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """The names of the columns, and the rows below them, which are read as they are asked for."""
    rows = _rows(name, lines)
    first = next(rows, None)
    if first is None:
        raise BadInput(f"{name} is empty.", f"Choose a file that holds {EXAMPLE}.")
    columns = tuple(cell.strip() for cell in first)
    if len(columns) == 1 and columns[0].endswith("?"):  # that is no name, but the first question
        return ("",), chain([first], rows)
    second = next(rows, None)
    if second is None:
        raise BadInput(f"{name} has no rows below its column names.", f"Choose a file that holds {EXAMPLE}.")
    return columns, chain([second], rows)


def _rows(name: str, lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
    lines = dropwhile(lambda line: not line.strip(), lines)
    first = next(lines, "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    columns = 0
    try:
        for cells in reader:
            if not cells:
                continue
            columns = columns or len(cells)
            if columns == 1:  # a plain list, in which a comma is a comma
                cells = [delimiter.join(cells)]
            if len(cells) > columns:
                raise BadInput(
                    f"{name} cannot be read: its line {reader.line_num} has {len(cells)} cells, its first {columns}.",
                    "Put each text that has a comma or a semicolon in it into double quotes.",
                )
            yield tuple(cells)
    except csv.Error as error:
        raise BadInput(
            f"{name} cannot be read: the quotes in line {reader.line_num} or before do not match ({error}).",
            'Mend them there (a text in double quotes writes one of its own as ""), then choose the file again.',
        ) from error


def _text(name: str, content: bytes) -> str:
    return content.decode(_encoding(name, io.BytesIO(content)))


def _encoding(name: str, file: BinaryIO) -> str:
    """How the text in a file is written; it is read to its end, bit by bit."""
    for encoding in ("utf-8-sig", "cp1252"):
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for number, chunk in enumerate(iter(lambda: file.read(BIT), b"")):
                if not number and chunk.startswith(b"PK\x03\x04"):
                    raise BadInput(
                        f"{name} is not a CSV file but a packed one, such as an Excel workbook.",
                        "Save it as “CSV UTF-8” in the program that made it, then choose what you saved.",
                    )
                if b"\0" in chunk:
                    break
                decoder.decode(chunk)
            else:
                decoder.decode(b"", final=True)
                return encoding
        except UnicodeDecodeError:
            continue
    raise BadInput(
        f"{name} is not a CSV file: it holds something else than text.",
        "Save your questions as “CSV UTF-8” in a spreadsheet program, then choose what you saved.",
    )


def write_table(answers: Iterable[Answer]) -> bytes:
    """A row for each answer. It begins with a byte order mark: without it Excel takes UTF-8 for something else."""
    columns = [field.name for field in fields(Answer)]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_harmless(answer[column]) for column in columns] for answer in answers)
    return out.getvalue().encode("utf-8-sig")


def _harmless(value: object) -> object:
    # Spreadsheet programs run a text that begins like a formula. An apostrophe before it makes it plain text.
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
