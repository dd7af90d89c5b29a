"""CSV files as people have them: read questions from one, write answers to one."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields

from ..calls import Answer
from ..errors import BadInput

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


def read(name: str, content: bytes) -> CsvFile:
    """The file `name`; commas or semicolons part its cells. Raises BadInput for what is no CSV file.

    >>> file = read("list.csv", "id;Question\\n1;What is Python?".encode())
    >>> file.columns, file.column(file.of_questions)
    (('id', 'Question'), ['What is Python?'])
    """
    text = _text(name, content)
    if not text.strip():
        raise BadInput(f"{name} is empty.", f"Choose a file that holds {EXAMPLE}.")
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, columns = [], 0
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
            rows.append(tuple(cells))
    except csv.Error as error:
        raise BadInput(
            f"{name} cannot be read: the quotes in line {reader.line_num} or before do not match ({error}).",
            'Mend them there (a text in double quotes writes one of its own as ""), then choose the file again.',
        ) from error
    header = tuple(cell.strip() for cell in rows[0])
    if len(header) == 1 and header[0].endswith("?"):  # that is no name, but the first question
        return CsvFile(name, ("",), tuple(rows))
    if len(rows) == 1:
        raise BadInput(f"{name} has no rows below its column names.", f"Choose a file that holds {EXAMPLE}.")
    return CsvFile(name, header, tuple(rows[1:]))


def _text(name: str, content: bytes) -> str:
    if content.startswith(b"PK\x03\x04"):
        raise BadInput(
            f"{name} is not a CSV file but a packed one, such as an Excel workbook.",
            "Save it as “CSV UTF-8” in the program that made it, then choose what you saved.",
        )
    for encoding in () if b"\0" in content else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput(
        f"{name} is not a CSV file: it holds something else than text.",
        "Save your questions as “CSV UTF-8” in a spreadsheet program, then choose what you saved.",
    )


def write(answers: Iterable[Answer]) -> bytes:
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
