"""Files of questions that are no text tables: JSON and JSON Lines, Excel workbooks, Parquet."""

import io
import json
import math
import zipfile
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from ..errors import BadInput
from ..words import counted
from .decoding import decoded
from .table import QuestionTable, make_table, quoted

AS_CSV = "Save it as “CSV UTF-8” in the program that made it, then choose what you saved."
PACKED, OLD_OFFICE, PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"


def reader_of(name: str, content: bytes) -> "Callable[[str, bytes, str], QuestionTable] | None":
    """What reads a file of this name with this content; None for one that should be text. Raises BadInput for none."""
    ending = name.lower().rpartition(".")[2]
    if content.startswith(PARQUET):
        return _parquet
    if content.startswith(OLD_OFFICE):
        raise BadInput(
            f"{name} is an Excel file of before 2007, or one with a password.",
            "Open it in Excel, save it as .xlsx without a password, or as “CSV UTF-8”, and choose what you saved.",
        )
    if content.startswith(PACKED):
        if b"xl/workbook" in content:
            return _excel
        raise BadInput(f"{name} is not a CSV file but a packed one, such as an Excel workbook that is damaged.", AS_CSV)
    if ending in ("xlsx", "xlsm", "xls", "ods", "parquet"):
        raise BadInput(f"{name} is no such file, whatever its name says: it is empty or damaged.", AS_CSV)
    return {"jsonl": _json_lines, "ndjson": _json_lines, "json": _json}.get(ending)


# ---- JSON --------------------------------------------------------------------------------------------------------


def _json_lines(name: str, content: bytes, path: str) -> QuestionTable:
    text, _ = decoded(name, content)
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except ValueError as error:
                raise BadInput(
                    f"{name} cannot be read: its line {number} is no JSON ({error}).", "Mend that line, or take it out."
                ) from error
    return _of_records(name, records, f"pd.read_json({path}, lines=True)")


def _json(name: str, content: bytes, path: str) -> QuestionTable:
    text, _ = decoded(name, content)
    try:
        records = json.loads(text)
    except ValueError as error:
        raise BadInput(
            f"{name} cannot be read: it is no JSON ({error}).",
            "Mend it; or, if each line is a record of its own, give it the ending .jsonl.",
        ) from error
    if not isinstance(records, list):
        raise BadInput(f"{name} holds no list.", 'Write one, such as ["What is Go?"] or [{"question": "What is Go?"}].')
    return _of_records(name, records, f"pd.read_json({path})")


def _of_records(name: str, records: list[Any], reader: str) -> QuestionTable:
    if records and all(isinstance(record, str) for record in records):
        return QuestionTable(name, ("",), tuple((record,) for record in records), (), reader)
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise BadInput(
                f"{name} cannot be read: its record {number} is no object with names.",
                'Write each as {"question": "What is Go?"}.',
            )
    columns = tuple(dict.fromkeys(str(key) for record in records for key in record))
    if not columns:
        return make_table(name, ())
    rows = tuple(tuple(_as_text(record.get(column)) for column in columns) for record in records)
    return QuestionTable(name, columns, rows, (), reader, columns)


# ---- Excel and Parquet -------------------------------------------------------------------------------------------


def _excel(name: str, content: bytes, path: str) -> QuestionTable:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise BadInput(
            f"{name} is an Excel workbook, and openpyxl, which reads those, is not installed.",
            "Run %pip install openpyxl in a cell, restart the kernel, and read it again.",
        ) from error
    try:
        book = load_workbook(io.BytesIO(content), data_only=True)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or list(book.worksheets)
        sheet = next((sheet for sheet in sheets if _filled(sheet.iter_rows(values_only=True))), sheets[0])
        cells = list(sheet.iter_rows(values_only=True))
        formulas = load_workbook(io.BytesIO(content))[sheet.title]
        for line, row in enumerate(formulas.iter_rows(values_only=True)):
            for column, value in enumerate(row):
                if isinstance(value, str) and value.startswith("=") and cells[line][column] is None:
                    raise BadInput(
                        f"{name} cannot be read: its cell {formulas.cell(line + 1, column + 1).coordinate} is a "
                        "formula, and its result was not saved with it.",
                        "Open it in Excel, save it, and choose it again.",
                    )
    except BadInput:
        raise
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        OSError,
        SyntaxError,
    ) as error:
        raise BadInput(f"{name} cannot be read as an Excel workbook: it is damaged ({error}).", AS_CSV) from error
    above = next((number for number, row in enumerate(cells) if _filled([row])), 0)
    kept = [number for number in range(len(cells[0]) if cells else 0) if _filled([(row[number],) for row in cells])]
    rows = tuple(tuple(_as_text(row[number]) for number in kept) for row in cells[above:] if _filled([row]))
    notes = (f'It has {counted(len(sheets), "sheet")}; "{sheet.title}" is read.',) if len(sheets) > 1 else ()
    how = f", sheet_name={quoted(sheet.title)}" if sheet is not book.worksheets[0] else ""
    how += f", skiprows={above}" if above else ""
    how += f", usecols={kept}" if kept != list(range(len(kept))) else ""
    return make_table(name, rows, notes, f"pd.read_excel({path}{how})")


def _parquet(name: str, content: bytes, path: str) -> QuestionTable:
    try:
        import pandas as pd

        frame = pd.read_parquet(io.BytesIO(content))
    except ImportError as error:
        raise BadInput(
            f"{name} is a Parquet file, and pyarrow, which reads those, is not installed.",
            "Run %pip install pyarrow in a cell, restart the kernel, and read it again.",
        ) from error
    except Exception as error:  # of whichever reader pandas has found
        raise BadInput(
            f"{name} cannot be read as a Parquet file ({error}).", "Write it anew where it comes from."
        ) from error
    columns = tuple(map(str, frame.columns))
    if not columns or not len(frame):
        return make_table(name, ())
    rows = tuple(tuple(map(_as_text, row)) for row in frame.itertuples(index=False, name=None))
    return QuestionTable(name, columns, rows, (), f"pd.read_parquet({path})", columns)


def _filled(rows: Iterable[Iterable[object]]) -> bool:
    return any(_as_text(cell).strip() for row in rows for cell in row)


def _as_text(value: object) -> str:
    """As a spreadsheet shows it; "" for nothing. What is no single value is shown as JSON has it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | int | str | Decimal | datetime | date | time):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
