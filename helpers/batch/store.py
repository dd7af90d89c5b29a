"""Answers on disk as they come in, so that a batch that was broken off goes on where it stopped.

The file is a plain SQLite database. Anybody may read it, also while a batch writes it:
`pd.read_sql("SELECT * FROM answers", sqlite3.connect("answers.db"))`.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import fields
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ..answer import Answer
from ..errors import BadInput, WorkbookError
from ..words import shortened, without_halves

APPLICATION_ID = int.from_bytes(b"AMCW", "big")  # in the file's header: whose database it is
VERSION = 2  # of the tables below; a new field of Answer needs a new one, and a line in _upgrade
PATIENCE = 5.0  # seconds that another program may keep the file locked
PAGE = 100  # answers that answers() reads at once

GIVE = 'Give one such as "answers.db".'
OF_TABLES = {  # by the endings of their files, what writes one
    ".csv": "to_csv",
    ".tsv": "to_csv",
    ".txt": "to_csv",
    ".xlsx": "to_excel",
    ".xls": "to_excel",
    ".json": "to_json",
    ".jsonl": "to_json",
    ".parquet": "to_parquet",
    ".html": "to_html",
}

UNSAVED = ("success", "error", "error_type")  # only successful answers are saved
NEW = ("finish_reason",)  # since version 2
TOKEN_LIMITS = ("max_completion_tokens", "max_tokens")  # the options that may cut an answer, and change nothing else
FIELDS = [field.name for field in fields(Answer) if field.name not in UNSAVED]
COLUMNS = ", ".join(FIELDS)
KINDS: list[tuple[tuple[str, ...], Any, Any]] = [  # of columns: what may stand in them, and what stands for "not known"
    (("answer", "finish_reason"), str, None),
    (("tokens", "prompt_tokens", "completion_tokens"), int, None),
    (("cost",), (int, float), None),
    (("time", "queued"), (int, float), 0.0),
    (("attempts",), int, 0),
    (("question", "model"), str, ""),
]
SCHEMA = f"""
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {VERSION};
    CREATE TABLE jobs (id INTEGER PRIMARY KEY, job TEXT NOT NULL UNIQUE);
    CREATE TABLE answers (
        job INTEGER NOT NULL REFERENCES jobs (id),
        question TEXT NOT NULL,
        model TEXT NOT NULL,
        answer TEXT,
        tokens INTEGER,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        time REAL NOT NULL,
        queued REAL NOT NULL,
        attempts INTEGER NOT NULL,
        cost REAL,
        saved_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
        finish_reason TEXT,
        PRIMARY KEY (job, question)
    );
    PRAGMA journal_mode = WAL;
"""
INSERT = f"""
    INSERT INTO answers (job, {COLUMNS}) VALUES (?{", ?" * len(FIELDS)})
    ON CONFLICT (job, question) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in FIELDS)}
    WHERE is_blank(answers.answer)
"""


class Store:
    """The saved answers of one job, in a file that may hold other jobs' too. Used on one event loop.

    `job` is what, besides the question, decides the answer: the model, the prompt, the options. It is saved as readable
    JSON, so no key belongs in it. Another job is another set of answers. But where only the limit of tokens in its
    `options` is another one, an answer that ended by itself, and fits, is found there too: see `saved`.

    One Store at a time may have a file open. Raises BadInput for what is no file of saved answers, WorkbookError for
    one that is damaged, locked or cannot be written; it is left as it was.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path, job = f"{folder.name}/answers.db", {"model": "gpt-6-luna"}
    >>> with Store(path, job) as store:
    ...     await store.save(Answer(question="What is Go?", model="gpt-6-luna", answer="A language."))
    >>> with Store(path, job) as store:
    ...     store.saved("What is Go?").answer, store.saved("What is Rust?"), len(store)
    ('A language.', None, 1)
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str], job: Mapping[str, Any]) -> None:
        self.path = _checked(path)
        description = json.dumps(dict(job), sort_keys=True, ensure_ascii=False)
        with ExitStack() as opened:
            try:
                _lock(self.path, opened)
                _prepare(self.path)
                self._writer = opened.enter_context(closing(_connect(self.path, "mode=rw")))
                self._writer.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not wait for each other
                self._writer.execute("PRAGMA synchronous = FULL")  # a commit returns when the disk has it
                self._writer.execute("PRAGMA fullfsync = ON")  # on a Mac only this waits for the disk itself
                self._writer.create_function("is_blank", 1, _is_blank, deterministic=True)
                _upgrade(self._writer)
                self._writer.execute("INSERT INTO jobs (job) VALUES (?) ON CONFLICT DO NOTHING", (description,))
                self._reader = opened.enter_context(closing(_connect(self.path, "mode=rw")))
                ((self._job,),) = self._rows("SELECT id FROM jobs WHERE job = ?", description)
                self._limit, self._alike = self._find_alike(json.loads(description))
            except (sqlite3.Error, OSError) as error:
                raise _in_words(error, self.path) from error
            self._opened = opened.pop_all()
        self._closed = self._warned = False
        self._failure: Exception | None = None
        self._waiting: SimpleQueue[tuple[list[Any], asyncio.Future[Exception | None]] | None] = SimpleQueue()
        self._thread = Thread(target=self._write, name=f"saves to {self.path.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._rows("SELECT count(*) FROM answers WHERE job = ?", self._job)[0][0])

    def __bool__(self) -> bool:
        return True  # an empty Store is a Store

    def __contains__(self, question: str) -> bool:
        return bool(self._rows("SELECT 1 FROM answers WHERE job = ? AND question = ?", self._job, question))

    def saved(self, question: str) -> Answer | None:
        """The answer to the question that is on disk; None where there is none, or an empty one (of an old version).

        One that was cut is taken for the same limit of tokens only, as it would be cut in the same way again.
        """
        own = self._answer(self._job, question)
        if own is not None and not own.incomplete:
            return own
        for job, limit in self._alike.items():
            other = self._answer(job, question)
            if other is not None and _is_whole(other, limit) and self._fits(other, limit):
                return other
        return own

    def _answer(self, job: int, question: str) -> Answer | None:
        rows = self._rows(f"SELECT {COLUMNS} FROM answers WHERE job = ? AND question = ?", job, question)
        if not rows:
            return None
        text = rows[0][FIELDS.index("answer")]
        if not isinstance(text, str | None) and not self._warned:
            self._warned = True
            what = "an answer that is no text, which somebody else must have written; it is asked again"
            warnings.warn(f"{self.path.name} has {what}.", stacklevel=2)
        return None if _is_blank(text) else _read(rows[0])

    def _fits(self, answer: Answer, limit: int | None) -> bool:
        """Whether the present limit of tokens would not have cut it; `limit` is the one that it came under."""
        if self._limit is None or (limit is not None and limit <= self._limit):
            return True
        return answer.completion_tokens is not None and answer.completion_tokens <= self._limit

    def _find_alike(self, job: dict[str, Any]) -> tuple[int | None, dict[int, int | None]]:
        """The limit of tokens, and by their number the limits of the jobs that are the same but for it."""
        limit, rest = _limit_apart(job)
        alike = {}
        for number, description in self._rows("SELECT id, job FROM jobs WHERE id <> ?", self._job):
            with suppress(ValueError):  # somebody else wrote it
                other, apart = _limit_apart(json.loads(description))
                if apart == rest:
                    alike[number] = other
        return limit, alike

    def answers(self) -> Iterator[Answer]:
        """All answers of this job, in the order in which they were saved; those that come in meanwhile too."""
        # page by page, because a query left open would keep its connection from seeing what is saved after it began
        last = 0
        query = f"SELECT rowid, {COLUMNS} FROM answers NOT INDEXED WHERE job = ? AND rowid > ? ORDER BY rowid LIMIT ?"
        while rows := self._rows(query, self._job, last, PAGE):
            yield from (_read(values) for _, *values in rows)
            last = rows[-1][0]

    async def save(self, answer: Answer) -> None:
        """Returns when the answer is on disk, where a power cut leaves it. A cancelled save is carried out too.

        A question that has an answer keeps it, if that is not empty. Half a character in an answer's text is saved as
        U+FFFD.
        Raises WorkbookError where the disk does not take the answer, and from then on always; ValueError for what is
        no answer: `success` is False, or a field is neither text nor a number.
        """
        row = [getattr(answer, name) for name in FIELDS]
        if self._closed or not answer.success or not all(isinstance(value, str | int | float | None) for value in row):
            raise ValueError(f"{'The store is closed' if self._closed else 'This cannot be saved'}: {answer}")
        answer.question.encode()  # half a character in a question is a ValueError too, here and not in the thread
        # services send one where a limit cuts an answer's text, and no file can hold it
        row = [without_halves(value) if isinstance(value, str) else value for value in row]
        done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._waiting.put(([self._job, *row], done))
        failure = await done
        if failure is not None:
            raise _in_words(failure, self.path) from failure

    def close(self) -> None:
        """Writes what is still waiting, and lets go of the file. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        with suppress(sqlite3.Error):  # what is in the -wal file is as safe there
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._opened.close()

    def _rows(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _in_words(error, self.path) from error

    def _write(self) -> None:
        """The writer thread: commits all that is waiting in one transaction, again and again, until None comes."""
        more = True
        while more:
            group = [self._waiting.get()]
            while not self._waiting.empty():
                group.append(self._waiting.get())
            more = None not in group
            saves = [save for save in group if save is not None]
            if saves:
                self._failure = self._failure or self._commit([row for row, _ in saves])
                futures = [done for _, done in saves]
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    futures[0].get_loop().call_soon_threadsafe(_resolve, futures, self._failure)

    def _commit(self, rows: list[list[Any]]) -> Exception | None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(INSERT, rows)
            self._writer.execute("COMMIT")
        except Exception as error:
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            return error
        return None


def _read(values: Sequence[Any]) -> Answer:
    """What is of another type than its column, as another program may have left it, is not known."""
    found = dict(zip(FIELDS, values, strict=True))
    for names, kinds, unknown in KINDS:
        found.update((name, unknown) for name in names if not isinstance(found[name], kinds))
    return Answer(**found)


def _is_blank(text: object) -> bool:
    return not (isinstance(text, str) and text.strip())


def _is_whole(answer: Answer, limit: int | None) -> bool:
    """Whether it surely ended by itself, under this limit of tokens. Files of version 1 do not know the reason."""
    if answer.finish_reason is None:
        return limit is not None and answer.completion_tokens is not None and answer.completion_tokens < limit
    return not answer.incomplete


def _limit_apart(job: Any) -> tuple[int | None, Any]:
    """The limit of tokens in the options of a job (None: there is none), and the job without it."""
    options = job.get("options") if isinstance(job, dict) else None
    if not isinstance(options, dict):
        return None, job
    limits = {name: options[name] for name in TOKEN_LIMITS if type(options.get(name)) is int}
    rest = {name: value for name, value in options.items() if name not in limits}
    return min(limits.values(), default=None), {**job, "options": rest}


def _resolve(futures: list[asyncio.Future[Exception | None]], failure: Exception | None) -> None:
    for future in futures:
        if not future.done():  # its save() may have been cancelled
            future.set_result(failure)


# ---- opening a file without harming it ---------------------------------------------------------------------------


def _checked(path: str | os.PathLike[str]) -> Path:
    """The path of a file that is there or can be; links are followed, so that one file has one lock."""
    try:
        found = Path(path).resolve()
        other = found.exists() and not found.is_file()
    except (TypeError, ValueError, OSError, RuntimeError) as error:  # NUL, half a character, a link to itself, a number
        why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise BadInput(f"{shortened(path)} cannot be the name of a file{why}.", GIVE) from error
    if found.is_symlink():  # from Python 3.13 on, one that leads to itself is left as it is
        raise BadInput(f"{shortened(path)} is a link that leads to itself.", GIVE)
    if found.suffix.lower() in OF_TABLES and not found.exists():
        raise BadInput(
            f"save_to={str(path)!r}: what is saved while a batch runs is an SQLite file, and {found.suffix} is none.",
            f"Give save_to={found.with_suffix('.db').name!r}; a table is written afterwards, with pandas: "
            f"pd.DataFrame(answers).{OF_TABLES[found.suffix.lower()]}({found.name!r}).",
        )
    if other:
        raise BadInput(f"{str(found)!r} is {'a folder' if found.is_dir() else 'not a file'}.", "Give a file's name.")
    if not found.parent.is_dir():
        raise BadInput(f"The folder {str(found.parent)!r} does not exist.", "Make it first, or give another one.")
    if found.exists() and not os.access(found, os.R_OK | os.W_OK):
        raise WorkbookError(f"You may not both read and write {found.name}.", "Give the name of another file.")
    return found


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # a plain open() of the file, even to look at it, would on closing take away SQLite's own locks in this process
    return sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )


def _lock(path: Path, opened: ExitStack) -> None:
    """Keeps other batches from writing, until `opened` is closed or the operating system ends this process."""
    lock = _beside(path, ".lock")
    if lock.exists() and lock.stat().st_size:
        raise BadInput(f"{lock.name} is in the way: it is not the workbook's.", "Move it, or give another file.")

    def remove() -> None:
        with suppress(OSError):
            lock.unlink()

    if os.name == "nt":  # there nothing can be deleted that somebody has open
        opened.callback(remove)
    connection = opened.enter_context(closing(sqlite3.connect(lock, timeout=0, isolation_level=None)))
    try:
        connection.execute("PRAGMA journal_mode = MEMORY")  # no second file
        connection.execute("BEGIN EXCLUSIVE")
        mine = lock.exists()  # not where its last owner was just deleting it
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        mine = False
    if not mine:
        raise WorkbookError(
            f"Another batch is writing to {path.name}.",
            "Wait until it has ended (or restart its kernel), or give another file.",
        )
    if os.name != "nt":  # while it is locked: afterwards it may be another's
        opened.callback(remove)


def _prepare(path: Path) -> None:
    """Makes the file where there is none; refuses one that is foreign or damaged, and does not touch it."""
    making = path.with_name(f".{path.name}.being-made")
    shutil.rmtree(making, ignore_errors=True)  # of a batch that was killed here
    leftovers = [file.name for end in ("-wal", "-journal") if (file := _beside(path, end)).exists()]
    if path.exists() and path.stat().st_size:
        index = _beside(path, "-shm")  # SQLite makes one to read a -wal that somebody copied here without it
        stray = not index.exists()
        try:
            _check(path, killed=bool(leftovers))
        except Exception:
            if stray:
                index.unlink(missing_ok=True)
            raise
    elif leftovers:
        raise WorkbookError(
            f"{path.name} is missing or empty, but {leftovers[0]} is there, which belongs to it and may hold answers.",
            f"Put the two together again, or delete {leftovers[0]} to begin anew.",
        )
    else:
        making.mkdir()
        try:
            with closing(sqlite3.connect(making / path.name)) as connection:
                connection.executescript(SCHEMA)
            os.replace(making / path.name, path)  # all of it or nothing: nobody ever finds half a file
        finally:
            shutil.rmtree(making, ignore_errors=True)


def _check(path: Path, killed: bool) -> None:
    immutable = "mode=ro&immutable=1"  # SQLite takes no lock, makes no file and does not look at -wal
    foreign = BadInput(f"{path.name} is not a file of saved answers.", "Give the name of another file, or a new one.")
    with closing(_connect(path, immutable)) as connection:
        try:
            ((owner,),) = connection.execute("PRAGMA application_id")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise foreign from error
            if not killed:
                raise
            owner = (
                APPLICATION_ID  # perhaps: a batch killed while -wal went into the file leaves it whole only with -wal
            )
    if owner != APPLICATION_ID:
        raise foreign
    with closing(_connect(path, "mode=ro" if killed else immutable)) as connection:
        ((owner,),) = connection.execute("PRAGMA application_id")
        if owner != APPLICATION_ID:
            raise foreign
        ((version,),) = connection.execute("PRAGMA user_version")
        if version > VERSION:
            raise WorkbookError(f"{path.name} is of a newer version of this workbook.", "Update this one.")
        ((verdict,),) = connection.execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            damage = sqlite3.DatabaseError(verdict.splitlines()[-1])
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damage
        columns = [name for name in FIELDS if version >= VERSION or name not in NEW]
        connection.execute(f"SELECT job, {', '.join(columns)}, saved_at FROM answers LIMIT 0")


def _upgrade(writer: sqlite3.Connection) -> None:
    """Gives a file of an older version what this one has in addition: all of it, or nothing."""
    ((version,),) = writer.execute("PRAGMA user_version")
    if version >= VERSION:
        return
    writer.execute("BEGIN IMMEDIATE")
    there = [name for _, name, *_ in writer.execute("PRAGMA table_info(answers)")]
    for name in NEW:
        if name not in there:
            writer.execute(f"ALTER TABLE answers ADD COLUMN {name} TEXT")
    writer.execute(f"PRAGMA user_version = {VERSION}")
    writer.execute("COMMIT")


def _in_words(error: Exception, path: Path) -> WorkbookError:
    name, again, elsewhere = (
        path.name,
        "then run the same call again: it goes on where it stopped.",
        "Give another file.",
    )
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    words = {
        sqlite3.SQLITE_FULL: (f"The disk is full: {name} takes no more answers ({error}).", f"Make room, {again}"),
        sqlite3.SQLITE_IOERR: (
            f"The disk does not take {name}: it is full, over your quota or failing ({error}).",
            f"Make room or use another disk, {again}",
        ),
        sqlite3.SQLITE_BUSY: (f"Another program keeps {name} locked.", f"Close the file there, {again}"),
        sqlite3.SQLITE_READONLY: (f"{name} cannot be written ({error}).", elsewhere),
        sqlite3.SQLITE_CANTOPEN: (f"{name} cannot be opened in {str(path.parent)!r} ({error}).", elsewhere),
        sqlite3.SQLITE_CORRUPT: (f"{name} is damaged ({error}).", "Put back a copy of it, or give another file."),
        sqlite3.SQLITE_NOTADB: (f"{name} is damaged ({error}).", "Put back a copy of it, or give another file."),
    }
    return WorkbookError(*words.get(code, (f"{name} cannot be used ({error}).", elsewhere)))
