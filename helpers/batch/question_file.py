"""Files of questions, whichever program wrote them: CSV, JSON lines, Excel, Parquet."""

import io
import json
import re
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..words import one_line, shortened
from .csv_file import Table, read_table, with_names

ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".json", ".parquet")
OTHERS = (".tab", ".xls", ".xlsb", ".ods", ".numbers", ".feather", ".pdf", ".docx", ".zip", ".gz", ".db")
CALLED = ("question", "questions", "prompt", "prompts")  # fields of JSON, which name what they hold
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # of Excel until 2003; and of one with a password
SAVE = "Save it as “CSV UTF-8” in the program that made it, then choose what you saved."
LINE = '{"question": "What is Python?"}'


def questions_in(path: str | Path, *, column: str | int | None = None, encoding: str | None = None) -> list[str]:
    """The questions of a file: CSV, a plain list, JSON lines, Excel (its first sheet), Parquet.

    Those of its only column, or of its column "question", or of the `column` that you name (or give the number of, from
    1). `encoding` is what a text file is in, such as "cp1251", where that cannot be told. The file is read as a whole.

    Raises BadInput where there is no such file, where a line cannot be read, or where it is not clear which column
    holds the questions or in which encoding it is. Says so where it took something for granted.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "questions.csv")
    ...     _ = file.write_text("nr;text\\n1;What is Python?\\n", "utf-8")
    ...     questions_in(file, column="text")
    ['What is Python?']
    """
    name = str(path)
    table = read_file(Path(name).name, _content(path), encoding, path=name)
    number = _number(table, name, column)
    questions = table.column(number)
    if not any(questions):
        raise BadInput(f"The column {_called(table, number)} of {table.name} is empty.", "Name another column or file.")
    if (said := table.was_taken) and (column is None or table.told is None):
        first = next((each for each in questions if not each.isascii()), next(filter(None, questions)))
        print(f"{table.name}: {said}. A question in it: {one_line(first, 80)}")
    return questions


def read_file(name: str, content: bytes, encoding: str | None = None, *, path: str | None = None) -> Table:
    """The table in a file, by what is in it and by how its name ends. Raises BadInput for what holds none.

    `path` is what to call it by in advice.

    >>> read_file("list.jsonl", b'{"nr": 1, "prompt": "What is Python?"}').columns
    ('nr', 'prompt')
    """
    ending = Path(name.lower()).suffix
    if content.startswith(b"PK\x03\x04"):
        return _workbook(name, content)
    if content.startswith(OLD_WORKBOOK):
        raise BadInput(f"{name} is an Excel workbook of an old kind, or has a password.", SAVE)
    if content.startswith(b"PAR1"):
        return _parquet(name, content)
    if ending in (".xlsx", ".xlsm", ".parquet"):
        raise BadInput(f"{name} is {'damaged' if content else 'empty'}: it does not begin as such a file does.", SAVE)
    if ending in (".jsonl", ".ndjson", ".json"):
        return _json(name, content, path or name)
    return read_table(name, content, encoding, path=path)


def looks_like_a_file(text: str) -> bool:
    """Whether a text is a file's name rather than a question.

    >>> looks_like_a_file("data/questions.csv"), looks_like_a_file("What is in questions.csv?")
    (True, False)
    """
    text = text.strip()
    return text.lower().endswith(ENDINGS + OTHERS) and "\n" not in text and len(Path(text).name.split()) < 4


def _content(path: str | Path) -> bytes:
    """What is in a file, at once: one that is changed meanwhile would be asked in part."""
    name = str(path)
    if re.match(r"https?://", name):
        raise BadInput(f"{name} is an address, and no file on this computer.", "Save it here, and give its path.")
    try:
        file = Path(name) if Path(name).exists() else Path(name).expanduser()
        before = file.stat()
        content = file.read_bytes()
        after = file.stat()
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can be named so"
        folder = "" if Path(name).is_absolute() else f" The folder of this notebook is {str(Path.cwd())!r}."
        shown = one_line(name, 300)  # there may be signs in it that cannot be shown
        raise BadInput(f"{shown} cannot be opened ({why}).", f"Check its name and its folder.{folder}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(content) != after.st_size:
        raise BadInput(f"{name} was changed while it was read.", "Wait until it is written, then try again.")
    return content


def _number(table: Table, path: str, column: str | int | None) -> int:
    """Which of the columns is meant. Raises BadInput where that is not clear."""
    if column is None:
        number = table.of_questions
        if number is None:
            named = [name or f"(column {number})" for number, name in enumerate(table.columns, 1)]
            what = "none" if "question" not in [name.lower() for name in table.columns] else "more than one"
            raise BadInput(
                f"{table.name} has the columns {', '.join(named)}, and {what} of them is named question.",
                f"{_import()}, and give one, such as questions={_how(table, path)}.",
            )
        return number
    if isinstance(column, str) and table.columns.count(column.strip()) == 1:
        return table.columns.index(column.strip())
    if isinstance(column, int) and not isinstance(column, bool) and 1 <= column <= len(table.columns):
        return column - 1
    named = [
        repr(name) if table.columns.count(name) == 1 and name else str(n) for n, name in enumerate(table.columns, 1)
    ]
    raise BadInput(f"{table.name} has no column {column!r}.", f"Give column={' or '.join(named)}.")


def _how(table: Table, path: str) -> str:
    """The expression that gives the column which reads most like questions."""
    number = table.like_questions
    name = table.columns[number]
    column: str | int = name if name and table.columns.count(name) == 1 else number + 1
    encoding = f", encoding={table.encoding!r}" if table.encoding else ""
    return f"questions_in({path!r}, column={column!r}{encoding})"


def _import() -> str:
    return "Write `from helpers import questions_in`"


def _called(table: Table, number: int) -> str:
    return table.columns[number] or str(number + 1)


# ---- JSON --------------------------------------------------------------------------------------------------------


def _json(name: str, content: bytes, path: str) -> Table:
    """JSON lines, or one JSON text: a list of texts, or of objects with the same fields."""
    try:
        text = content.decode("utf-8-sig" if not content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-16")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{name} cannot be read: its line {line} is not in UTF-8, as JSON is.", SAVE) from error
    records = _records(name, text)
    if not records:
        raise BadInput(f"{name} is empty.", f"Write a line such as {LINE} for each question.")
    if all(isinstance(record, str) for record in records):
        return Table(name, ("",), tuple((record,) for record in records))
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise BadInput(
                f"{name} cannot be read: its record {number} is {shortened(record)}, which has no fields.",
                f"Write each question as {LINE}, each in its own line.",
            )
    fields = list(dict.fromkeys(field for record in records for field in record))
    texts = [each for each in fields if not any(isinstance(record.get(each), dict | list) for record in records)]
    sentences = [each for each in texts if any(len(str(record.get(each)).split()) > 1 for record in records)]
    is_named = any(each.lower() in CALLED for each in texts)
    if not texts or (len(texts) < len(fields) and not sentences and not is_named):
        advice = f"Write each question as {LINE}, each in its own line."
        for field, chats in (("messages", "each"), ("body", "each['messages']")):  # as the service's own files have it
            if field in fields:
                read = f"pd.read_json({path!r}{'' if name.lower().endswith('.json') else ', lines=True'})[{field!r}]"
                users = f"[one['content'] for each in {read} for one in {chats} if one['role'] == 'user']"
                advice = f"Take the questions out: questions={users}."
        raise BadInput(f"{name} has the fields {', '.join(fields)}, and none of them is a text.", advice)
    rows = tuple(tuple(_text(record.get(field)) for field in texts) for record in records)
    return _with_a_clear_field(Table(name, tuple(texts), rows), records)


def _with_a_clear_field(table: Table, records: list[dict[str, Any]]) -> Table:
    """Fields have names in each line, so one that is called so, or is the only one with sentences, is taken."""
    if table.of_questions is not None:
        return table
    called = [name for name in table.columns if name.lower() in CALLED]
    sentences = [
        name
        for number, name in enumerate(table.columns)
        if any(" " in cell for cell in table.column(number)) and isinstance(records[0].get(name), str)
    ]
    for names in (called, sentences):
        if len(names) == 1:
            return replace(table, was_taken=f"its field {names[0]} is read", told=table.columns.index(names[0]))
    return table


def _records(name: str, text: str) -> list[Any]:
    try:
        whole = json.loads(text)
    except RecursionError as error:
        raise BadInput(f"{name} cannot be read: it is nested too deep.", f"Write each question as {LINE}.") from error
    except ValueError:
        records = []
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    records.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise BadInput(
                        f"{name} cannot be read: its line {number} is no JSON ({error}).",
                        f"Mend that line; each looks like {LINE}.",
                    ) from error
        return records
    if isinstance(whole, dict) and name.lower().endswith(".json"):
        whole = _from_columns(whole)
    return whole if isinstance(whole, list) else [whole]


def _from_columns(whole: dict[str, Any]) -> Any:
    """The records of an object that holds them: in one list, or in a list for each field, as pandas writes them."""
    values = [list(each.values()) if isinstance(each, dict) else each for each in whole.values()]
    lists = [each for each in values if isinstance(each, list)]
    if len(lists) == len(values) > 0 and len({len(each) for each in lists}) == 1 and "messages" not in whole:
        if all(isinstance(each, dict) for each in lists[0]):
            return lists[0]
        return [dict(zip(whole, each, strict=True)) for each in zip(*lists, strict=True)]
    others = [name for name, each in whole.items() if isinstance(each, list) and name != "messages"]
    return whole[others[0]] if len(others) == 1 else whole


def _text(value: object) -> str:
    """A cell as it is shown."""
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


# ---- what is read by libraries of others ---------------------------------------------------------------------------


def _needs(name: str, library: str) -> None:
    if find_spec(library) is None:
        raise BadInput(f"{name} is read by {library}, which is not installed.", f"Run %pip install {library}")


def _workbook(name: str, content: bytes) -> Table:
    """The first sheet of an Excel workbook that is not hidden."""
    try:
        is_workbook = "xl/workbook.xml" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    except zipfile.BadZipFile as error:
        if name.lower().endswith((".xlsx", ".xlsm")):
            raise BadInput(
                f"{name} is damaged, or was not saved as a whole.", "Save it again, or copy it again."
            ) from error
        is_workbook = False
    if not is_workbook:
        raise BadInput(f"{name} is not a CSV file but a packed one, such as an Excel workbook.", SAVE)
    _needs(name, "openpyxl")
    import openpyxl

    try:
        sheets, formulas = (
            openpyxl.load_workbook(io.BytesIO(content), data_only=values).worksheets for values in (True, False)
        )
    except Exception as error:  # whatever is wrong in there
        raise BadInput(f"{name} is damaged ({type(error).__name__}: {error}).", SAVE) from error
    shown = [number for number, sheet in enumerate(sheets) if sheet.sheet_state == "visible"]
    if not shown:
        raise BadInput(f"{name} has no sheet of cells.", SAVE)
    sheet, written = sheets[shown[0]], formulas[shown[0]]
    for values, sources in zip(sheet.iter_rows(), written.iter_rows(), strict=True):
        for value, source in zip(values, sources, strict=True):
            if source.data_type == "f" and value.value is None:
                raise BadInput(
                    f"{name} has a formula in {source.coordinate} whose value was never worked out.",
                    "Open it in a spreadsheet program, save it there, and choose it again.",
                )
    rows = [tuple(_text(cell) for cell in row) for row in sheet.iter_rows(values_only=True)]
    rows = [row for row in rows if any(map(str.strip, row))]
    if not rows:
        more = "Move the sheet with the questions to the first place" if len(shown) > 1 else "Write questions into it"
        raise BadInput(f"The first sheet of {name}, {sheet.title}, is empty.", f"{more}, save it, and choose it again.")
    used = [number for number in range(len(rows[0])) if any(row[number].strip() for row in rows)]
    columns, below = with_names(name, tuple(tuple(row[number] for number in used) for row in rows))
    several = f"of its {len(shown)} sheets the first, {sheet.title}, is read" if len(shown) > 1 else ""
    return Table(name, columns, below, several)


def _parquet(name: str, content: bytes) -> Table:
    _needs(name, "pyarrow")
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(content))
    except Exception as error:  # whatever is wrong in there
        raise BadInput(f"{name} is damaged ({type(error).__name__}: {error}).", SAVE) from error
    if not table.num_rows or not table.num_columns:
        raise BadInput(f"{name} has no rows.", "Choose a file that has some.")
    cells = [map(_text, column.to_pylist()) for column in table.columns]
    return Table(name, tuple(table.column_names), tuple(zip(*cells, strict=True)))
