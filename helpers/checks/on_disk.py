"""What a killed program has left on disk: which answers, how a power cut would have torn the last one, and the rows."""

import csv
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

SQLITE = b"SQLite format 3\0"
LEFT_BEHIND = 10  # bytes of a torn answer that are still there
COLUMNS = ("question", "answer")


class File(NamedTuple):
    """A file as it was read."""

    path: Path
    inode: int
    content: bytes


class Version(NamedTuple):
    """What a file held at one moment."""

    inode: int  # another one: another file was put into its place
    answers: frozenset[str]


class OnDisk:
    """Watches the files of a folder, whatever their format. An answer is known by its mark, the word it begins with.

    `aside` is another folder of the same disk: a link in it keeps each file that was seen, so that no file that is put
    into its place later can get its number.
    """

    def __init__(self, folder: Path, marks: dict[str, str], aside: Path) -> None:
        self._folder = folder
        self._aside = aside
        self._marks = {mark.encode(): question for question, mark in marks.items()}
        self._versions: dict[Path, list[Version]] = defaultdict(list)

    def settle(self) -> None:
        """Takes back what a killed program had begun to write into a database, as whoever opens it next would do."""
        for path, _, content in list(self._files()):
            if content.startswith(SQLITE):
                with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as database:
                    database.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def look(self) -> frozenset[str]:
        """The questions whose answers are in one of the files now; in a database only what is committed."""
        answers: set[str] = set()
        for path, inode, content in self._files():
            if _begun(path):
                continue
            found = frozenset(question for mark, question in self._marks.items() if mark in content)
            version = Version(inode, found)
            with suppress(OSError):  # it is kept already; it is gone; or this disk has no links
                os.link(path, self._aside / str(inode))
            if self._versions[path][-1:] != [version]:
                self._versions[path].append(version)
            answers |= found
        return frozenset(answers)

    def tear(self) -> str | None:
        """Cuts the last answer of a file in half, as a power cut can, and gives its question; None: nothing can tear.

        A database cannot, nor a file that was written beside and then put into its place.
        """
        for path, _, content in self._files():
            if content.startswith(SQLITE) or path.name.endswith("-wal") or not self._grew_in_place(path):
                continue
            place, mark = max((content.rfind(mark), mark) for mark in self._marks)
            with suppress(OSError):
                path.write_bytes(content[: place + len(mark) + LEFT_BEHIND])
                return self._marks[mark]
        return None

    def _files(self) -> Iterator[File]:
        with suppress(OSError):
            for path in sorted(self._folder.rglob("*")):
                with suppress(OSError):  # gone again, or held by the program
                    if path.is_file() and not path.name.endswith(("-journal", "-shm")):
                        with path.open("rb") as file:  # its number and its bytes belong together
                            read = File(path, os.fstat(file.fileno()).st_ino, file.read())
                        yield read

    def _grew_in_place(self, path: Path) -> bool:
        versions = self._versions[path]
        steps = [(one, two) for one, two in pairwise(versions) if two.answers - one.answers]
        return bool(steps) and len(steps[-1][1].answers) > 1 and steps[-1][0].inode == steps[-1][1].inode


def _begun(path: Path) -> bool:
    """Whether a transaction of SQLite is going on in this file."""
    with suppress(OSError):
        return path.with_name(f"{path.name}-journal").stat().st_size > 0
    return False


class Unreadable(Exception):
    """A file of answers that cannot be read: in a sentence."""


def read_answers(path: Path) -> list[Sequence[str]]:
    """The question and the answer of each row, from a CSV file or an SQLite database. Raises Unreadable, OSError."""
    if path.read_bytes().startswith(SQLITE):
        return _of_database(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file, strict=True)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"cannot be read as CSV in UTF-8 ({type(error).__name__}: {error})") from error
    if not set(COLUMNS) <= set(header):
        raise Unreadable(f"has the columns {', '.join(map(repr, header)) or 'none'}, and needs 'question' and 'answer'")
    if broken := next((number for number, row in enumerate(rows, 2) if len(row) != len(header)), None):
        raise Unreadable(f"has in row {broken} another number of columns than in the first row")
    return [[row[header.index(name)] for name in COLUMNS] for row in rows]


def _of_database(path: Path) -> list[Sequence[str]]:
    try:
        with closing(sqlite3.connect(path)) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                name = '"' + table.replace('"', '""') + '"'
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
                if set(COLUMNS) <= set(columns):
                    found = database.execute(f"SELECT question, answer FROM {name}")
                    return [["" if value is None else str(value) for value in row] for row in found]
    except sqlite3.Error as error:
        raise Unreadable(f"cannot be read as a database ({type(error).__name__}: {error})") from error
    raise Unreadable("is a database without a table that has the columns question and answer")
