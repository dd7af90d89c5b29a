"""CSV files as people have them: read questions from one, write answers to one."""

import codecs
import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import dropwhile
from pathlib import Path

from ..answer import Answer
from ..errors import BadInput
from ..words import one_line, without_halves

SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
EXCEL_NAMES_IT = re.compile(r'"?sep=([,;|\t])"?$', re.IGNORECASE)  # the first line that some spreadsheets write
# the one old encoding that is told from its text: what it has beside ASCII, and what no text in it has
WESTERN = "cp1252"
WESTERN_TEXT = set("äöüÄÖÜßéèêëàâáãåæçîïíìñóòôõøœùúûÿÉÈÊÀÂÁÃÅÆÇÎÍÑÓÔÕØŒÙÚÛ€„“”‘’‚–—…«»‹›¿¡°§·•™©®²×±µ£\xa0")
NOT_WESTERN = re.compile(r"[^\x00-\x7f]{3}|[a-zß-ÿ][À-Þ¿¡]|[a-z][‚„×][a-z]")
UTF_8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
FORMULA = re.compile(r"[\t\r]|\s*[=+\-@＝＋－＠]")  # also after blanks, and in full width
EXAMPLE = "a line of column names, such as question, and below it a line for each question"


@dataclass(frozen=True)
class CsvFile:
    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    encoding: str = "utf-8-sig"
    separator: str = ","
    names_separator: bool = False  # its first line is sep=;

    @property
    def is_western(self) -> bool:
        """Whether it was read in an old encoding, which is to be said."""
        return self.encoding == WESTERN

    @property
    def of_questions(self) -> int | None:
        """Which column holds the questions, if that is clear: the only one, or the one of that name."""
        names = [name.lower() for name in self.columns]
        return 0 if len(names) == 1 else names.index("question") if "question" in names else None

    def column(self, number: int) -> list[str]:
        """Its cells, "" for an empty one."""
        return [row[number].strip() if number < len(row) else "" for row in self.rows]

    def in_pandas(self) -> str:
        """The expression that gives the column which reads most like questions: that with the most words."""
        texts = [" ".join(self.column(number)) for number in range(len(self.columns))]
        number = max(range(len(texts)), key=lambda each: len(texts[each].split()))
        how = f', sep="{self.separator}"'.replace("\t", "\\t") if self.separator != "," else ""
        if self.encoding != "utf-8-sig":
            how += f', encoding="{self.encoding}"'
        how += ", skiprows=1" if self.names_separator else ""
        if self.columns[number].endswith("?") or not self.columns[number]:  # no names: the first row is data, too
            return f'pd.read_csv("{self.name}"{how}, header=None)[{number}]'
        return f'pd.read_csv("{self.name}"{how})["{self.columns[number]}"]'


def read_table(name: str, content: bytes) -> CsvFile:
    """The file `name`; commas, semicolons, tabs or bars part its cells. Raises BadInput for what is no CSV file.

    >>> file = read_table("list.csv", "id;Question\\n1;What is Python?".encode())
    >>> file.columns, file.column(file.of_questions)
    (('id', 'Question'), ['What is Python?'])
    """
    text, encoding = _decoded(name, content)
    separator, is_named = _separator(text)
    columns, rows = _table(name, _rows(name, text, separator, is_named))
    return CsvFile(name, columns, rows, encoding, separator, is_named)


def questions_in(path: Path) -> list[str]:
    """The questions of a file: those of its only column, or of its column "question".

    Raises BadInput where there is no such file, where a line cannot be read, or where it is not clear which column
    holds the questions. Says so where the file is not in UTF-8.
    """
    name = path.name
    try:
        content = path.read_bytes()  # at once: a file that is changed meanwhile is asked as it was
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{name} cannot be opened ({why}).", "Check its name and its folder.") from error
    file = read_table(name, content)
    number = file.of_questions
    if number is None:
        raise BadInput(
            f"{name} has the columns {', '.join(file.columns)}, and none of them is named question.",
            f"Give one, such as questions={file.in_pandas()}.",
        )
    questions = file.column(number)
    if file.is_western:
        print(f"{name} is not in UTF-8; it is read as {WESTERN}. The first question: {one_line(questions[0], 80)}")
    return questions


def _table(name: str, rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The names of the columns, and the rows below them."""
    if not rows:
        raise BadInput(f"{name} is empty.", f"Choose a file that holds {EXAMPLE}.")
    columns = tuple(cell.strip() for cell in rows[0])
    if len(columns) == 1 and _is_question(columns[0]):  # that is no name, but the first question
        return ("",), rows
    if len(rows) == 1:
        raise BadInput(f"{name} has no rows below its column names.", f"Choose a file that holds {EXAMPLE}.")
    return columns, rows[1:]


def _is_question(first: str) -> bool:
    """Whether the first line of a plain list is asked already: "Explain Python" is, "My questions" is a name."""
    if first.endswith("?"):
        return True
    return len(first.split()) > 1 and not any(name in first.lower() for name in ("question", "prompt"))


def _separator(text: str) -> tuple[str, bool]:
    """What parts the cells, and whether Excel names it there (sep=;); else the one that the first line has most of."""
    lines = list(filter(str.strip, text.splitlines()))
    first = lines[0] if lines else ""
    if named := EXCEL_NAMES_IT.match(first):
        return named[1], True
    most = max(SEPARATORS, key=first.count)
    # a list of questions, in some of which there is a comma, is no table
    is_list = _is_question(first.strip()) and len({line.count(most) for line in lines}) > 1
    return "\t" if "\t" in first or is_list else most, False


def _rows(name: str, text: str, separator: str, is_named: bool) -> tuple[tuple[str, ...], ...]:
    """The cells of all rows, with those of the first one, which may be the columns' names."""
    lines = dropwhile(lambda line: not line.strip(), io.StringIO(text, newline=""))
    if is_named:
        next(lines)
    reader = csv.reader(lines, delimiter=separator, strict=True)
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
                    f"Put each text that has {SEPARATORS[separator]} in it into double quotes.",
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


def _decoded(name: str, content: bytes) -> tuple[str, str]:
    """The text of a file, and its encoding. Raises BadInput where that cannot be told for sure: nothing is guessed."""
    if content.startswith(b"PK\x03\x04"):
        raise BadInput(
            f"{name} is not a CSV file but a packed one, such as an Excel workbook.",
            "Save it as “CSV UTF-8” in the program that made it, then choose what you saved.",
        )
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    if encoding == "utf-8-sig" and b"\0" in content:
        raise BadInput(
            f"{name} is not a CSV file: it holds something else than text.",
            "Save your questions as “CSV UTF-8” in a spreadsheet program, then choose what you saved.",
        )
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as error:
        if encoding == "utf-8-sig" and (text := _western(content)) is not None:
            return text, WESTERN
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{name} cannot be read for sure: its line {line} is not in {encoding[:6].upper()}.",
            f"Save it as “CSV UTF-8” in the program that made it; or name its encoding, such as gbk, in "
            f'questions=pd.read_csv("{name}", encoding="gbk")["question"].',
        ) from error


def _western(content: bytes) -> str | None:
    """The text, if it reads like a Western European one of an old spreadsheet program; other alphabets do not."""
    if UTF_8.search(content):
        return None  # most of it is in UTF-8
    try:
        text = content.decode(WESTERN)
    except UnicodeDecodeError:
        return None
    is_odd = any(not char.isascii() and char not in WESTERN_TEXT for char in text) or NOT_WESTERN.search(text)
    return None if is_odd else text


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
