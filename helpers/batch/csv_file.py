"""Files of questions as people have them: CSV and what else comes as a table; and answers written to a CSV file."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import fields
from itertools import dropwhile
from pathlib import Path

from ..answer import Answer
from ..errors import BadInput
from ..words import one_line, without_halves
from .decoding import UTF_8, damage, decoded, first_odd_line
from .other_files import reader_of
from .table import QuestionTable, Row, make_table, path_in_code

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".xls", ".ods", ".parquet")
SEPARATORS = {"\t": "a tab", ";": "a semicolon", "|": "a bar", ",": "a comma"}
EXCEL_NAMES_IT = re.compile(r'"?sep=([^\w\s"]|\t)"?$', re.IGNORECASE)  # the first line that some spreadsheets write
IN_PROSE = re.compile(r"[,;|] ")  # in a table a separator stands close to what follows
FORMULA = re.compile(r"[\t\r]|\s*[=+\-@＝＋－＠]")  # also after blanks, and in full width


def questions_in(path: Path, encoding: str | None = None) -> list[str]:
    """The questions of a file: those of its only column, or of its column "question".

    Raises BadInput where there is no such file, where a line cannot be read, where it is not clear which column holds
    the questions, or in which `encoding` they are (None: the one that it is in for sure). Says how it was read, where
    that might be wrong.
    """
    try:
        content = path.read_bytes()  # at once: a file that is changed meanwhile is asked as it was
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{path} cannot be opened ({why}).", "Check its name and its folder.") from error
    table = read_table(path.name, content, encoding, path)
    number = table.of_questions
    if number is None:
        raise BadInput(
            f"{table.name} has the columns {', '.join(table.columns)}, and none of them is named question.",
            f"Give one, such as questions={table.in_pandas()}.",
        )
    questions = table.column(number)
    if table.notes:
        print(f"{table.name}: {' '.join(table.notes)} The first question: {one_line(questions[0], 80)}")
    return questions


def read_table(name: str, content: bytes, encoding: str | None = None, path: Path | None = None) -> QuestionTable:
    """The table in a file: text with commas, semicolons, tabs or bars; JSON; an Excel workbook; Parquet.

    `path` is what stands in advice, where it is more than the name. Raises BadInput for what is no table.

    >>> table = read_table("list.csv", "id;Question\\n1;What is Python?".encode())
    >>> table.columns, table.column(table.of_questions)
    (('id', 'Question'), ['What is Python?'])
    """
    in_code = path_in_code(path or Path(name))
    if read := reader_of(name, content):
        if encoding is not None:
            raise BadInput(f"{name} has no encoding to choose.", "Leave encoding= out.")
        return read(name, content, in_code)
    text, used = decoded(name, content, encoding, _first_question)
    separator, is_named = _separator(text)
    rows = _rows(name, text, separator, is_named)
    how = f', sep="{separator}"'.replace("\t", "\\t") if separator != "," else ""
    how += f', encoding="{used}"' if used != UTF_8 else ""
    how += ", skiprows=1" if is_named else ""
    how += ", index_col=False" if _ends_with_separators(text, separator) else ""
    notes = [f"It is not in UTF-8; it is read as {used}."] if used != UTF_8 and used != encoding else []
    return make_table(name, rows, tuple(filter(None, [*notes, damage(text)])), f"pd.read_csv({in_code}{how})")


def _first_question(text: str) -> str:
    """What would be asked first of what is not plain ASCII: by it one sees whether an encoding is right."""
    try:
        table = make_table("", _rows("", text, *_separator(text)))
    except BadInput:
        return first_odd_line(text)
    number = table.of_questions
    cells = table.column(table.likely_column() if number is None else number)
    return next((cell for cell in cells if not cell.isascii()), cells[0])


def _separator(text: str) -> tuple[str, bool]:
    """What parts the cells, and whether Excel names it there (sep=;)."""
    lines = list(filter(str.strip, text.splitlines()))
    if lines and (named := EXCEL_NAMES_IT.match(lines[0].rstrip(" "))):
        return named[1], True
    for separator in SEPARATORS:  # the one by which all rows have the same number of cells
        widths = _widths(text, separator)
        if len(widths) == 1 and widths != {1} and not _is_prose(lines, separator):
            return separator, False
    first = lines[0] if lines else ""
    if "\t" in first:
        return "\t", False
    most = max((",", ";", "|"), key=first.count)
    # a list of questions, in some of which there is a comma, is no table
    return "\t" if _is_prose(lines, most) or _is_list(lines, most) else most, False


def _widths(text: str, separator: str) -> set[int]:
    """How many cells the rows have; none where they cannot be told apart by this separator."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row]
    except csv.Error:
        return set()
    return {len(row) for row in rows if any(map(str.strip, row))}


def _is_prose(lines: list[str], separator: str) -> bool:
    """Whether it stands as in a sentence wherever it stands: with a blank after it, and in no line of names."""
    found = [line for line in lines if separator in line]
    names = [name.strip(' "').lower() for name in lines[0].split(separator)] if lines else []
    return (
        bool(found)
        and "question" not in names
        and all(len(IN_PROSE.findall(line)) >= line.count(separator) for line in found if separator != "\t")
        and separator != "\t"
    )


def _is_list(lines: list[str], separator: str) -> bool:
    first = lines[0].strip() if lines else ""
    sentence = first.endswith("?") or len(first.split()) > 1
    return sentence and len({line.count(separator) for line in lines}) > 1 and "question" not in first.lower()


def _ends_with_separators(text: str, separator: str) -> bool:
    """Whether rows, but not the names above them, end with one: pandas would take the first column for an index."""
    lines = list(filter(str.strip, text.splitlines()))
    return len(lines) > 1 and not lines[0].endswith(separator) and lines[1].endswith(separator)


def _rows(name: str, text: str, separator: str, is_named: bool) -> tuple[Row, ...]:
    """The cells of all rows, with those of the first one, which may be the columns' names."""
    lines = dropwhile(lambda line: not line.strip(), io.StringIO(text, newline=""))
    if is_named:
        next(lines)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    rows: list[Row] = []
    columns = 0
    try:
        for cells in reader:
            if not cells or (len(cells) > 1 and not any(map(str.strip, cells))):
                continue  # a spreadsheet's empty row
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
    columns = [field.name for field in fields(Answer)]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_harmless(answer[column]) for column in columns] for answer in answers)
    return without_halves(out.getvalue()).encode("utf-8-sig")


def _harmless(value: object) -> object:
    # Spreadsheet programs run a text that begins like a formula. An apostrophe before it makes it plain text.
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
