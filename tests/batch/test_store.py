"""Saved answers: nothing that save() returned for is lost, doubled or mixed up, and no other file is harmed."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers import Answer, BadInput, WorkbookError
from helpers.batch import store as store_module
from helpers.batch.store import Store

from .forking import FORKING

JOB = {"model": "gpt-6-luna", "prompt": "Kurz, bitte: für Anfänger"}


def answer_to(question: str, text: str | None = "An answer.") -> Answer:
    return Answer(question=question, model="gpt-6-luna", answer=text)


def save_all(store: Store, answers: list[Answer]) -> None:
    async def main() -> None:
        await asyncio.gather(*(store.save(answer) for answer in answers))

    asyncio.run(main())


def questions(count: int) -> list[Answer]:
    return [answer_to(f"Question {number}", f"Answer {number} " * 50) for number in range(count)]


def contents(folder: Path) -> dict[str, bytes]:
    """All that is in a folder; without what is in -shm, which only programs that have the file open care for."""
    return {p.name: b"" if p.name.endswith("-shm") else p.read_bytes() for p in folder.iterdir() if p.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A file with 500 answers."""
    with Store(path, JOB) as store:
        save_all(store, questions(500))
    return path


# ---- what is saved -----------------------------------------------------------------------------------------------


def test_every_field_comes_back(path: Path) -> None:
    full = Answer("What?", "gpt-6-luna", "That.", 30, 10, 20, 1.25, 0.5, 3, 0.000_012_3, finish_reason="stop")
    saved = [f.name for f in fields(Answer) if getattr(full, f.name) != f.default]
    unsaved = [f.name for f in fields(Answer) if f.name not in saved]
    assert unsaved == ["success", "error", "error_type"], "a new field needs a column and a new VERSION"
    empty = answer_to("Nothing?", None)
    with Store(path, JOB) as store:
        save_all(store, [full, empty])
    with Store(path, JOB) as store:
        assert store.saved("What?") == full
        assert store.saved("Nothing?") is None, "it is asked again"
        assert store.saved("What") is None
        assert list(store.answers()) == [full, empty]
        assert "What?" in store and "What" not in store
        assert len(store) == 2


TEXTS = [
    "🦀 Ferris?",
    "a\0b",
    "a\0c",
    "\0",
    " a",
    "a",
    "A",
    "é",
    "e\u0301",
    "'; DROP TABLE answers; --",
    "?",
    "1",
    "1.0",
]


def test_any_text_is_a_question_of_its_own(path: Path) -> None:
    texts = [*TEXTS, "x" * 1_000_000, "x" * 1_000_000 + "y"]
    answers = [answer_to(text, f"{number}: {text}") for number, text in enumerate(texts)]
    with Store(path, JOB) as store:
        save_all(store, answers)
    with Store(path, JOB) as store:
        assert [store.saved(text) for text in texts] == answers
        assert list(store.answers()) == answers


def test_half_a_character_in_an_answer_does_not_lose_it(path: Path) -> None:
    with Store(path, JOB) as store:
        save_all(store, [answer_to("a", "cut \ud83d"), answer_to("b", "whole \ud83e\udd80")])
        assert [answer.answer for answer in store.answers()] == ["cut \ufffd", "whole 🦀"]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(answer_to("a"), success=False, error="no", error_type="E"),
        answer_to("half \ud83d"),
        answer_to("a", ["a", "list"]),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_answer_is_not_saved_and_does_no_harm(path: Path, wrong: Answer) -> None:
    with Store(path, JOB) as store:
        with pytest.raises(ValueError):
            save_all(store, [wrong])
        save_all(store, [answer_to("b")])
        assert [answer.question for answer in store.answers()] == ["b"]


def test_a_question_keeps_its_first_answer(path: Path) -> None:
    with Store(path, JOB) as store:
        save_all(store, [answer_to("a", "first"), answer_to("a", "second")])
        save_all(store, [answer_to("a", "third")])
        assert [answer.answer for answer in store.answers()] == ["first"]


def test_two_jobs_in_one_file_do_not_mix(path: Path) -> None:
    other = {**JOB, "model": "gpt-6.1-sol"}
    for job in (JOB, other):
        with Store(path, job) as store:
            assert "a" not in store and len(store) == 0 and not list(store.answers())
            save_all(store, [answer_to("a", job["model"])])
    with Store(path, dict(reversed(JOB.items()))) as store:
        assert [answer.answer for answer in store.answers()] == [JOB["model"]]
    with closing(sqlite3.connect(path)) as reader:
        assert [json.loads(job) for (job,) in reader.execute("SELECT job FROM jobs ORDER BY id")] == [JOB, other]
        assert "für Anfänger" in reader.execute("SELECT job FROM jobs").fetchone()[0]


def test_many_answers_come_page_by_page_with_those_saved_meanwhile(path: Path) -> None:
    first = questions(store_module.PAGE * 2)
    with Store(path, {}) as store:
        save_all(store, first)
    with Store(path, JOB) as store:
        save_all(store, first)
        seen = store.answers()
        assert next(seen) == first[0]
        save_all(store, [answer_to("late")])
        assert store.saved("late") == answer_to("late")
        assert [*seen] == [*first[1:], answer_to("late")]


def test_an_empty_store_is_true(path: Path) -> None:
    with Store(path, JOB) as store:
        assert store and len(store) == 0


def test_no_key_is_in_the_file(path: Path) -> None:
    with Store(path, JOB) as store:
        save_all(store, questions(3))
        everything = b"".join(contents(path.parent).values())
    assert b"Question 2" in everything
    assert os.environ["OPENAI_API_KEY"].encode() not in everything + path.read_bytes()


# ---- when it is saved --------------------------------------------------------------------------------------------


def test_save_returns_when_others_can_read_it(path: Path) -> None:
    async def main() -> None:
        with Store(path, JOB) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the store has to wait
            saving = asyncio.create_task(store.save(answer_to("a")))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not saving.done() and "a" not in store
            other.execute("ROLLBACK")
            await saving
            assert other.execute("SELECT question, answer FROM answers").fetchall() == [("a", "An answer.")]

    asyncio.run(main())


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    with Store(path, JOB) as store:
        assert store._writer.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._writer.execute("PRAGMA fullfsync").fetchone() == (1,)
        assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_waits_at_the_same_time_is_committed_at_once(path: Path) -> None:
    commits = []

    async def main() -> None:
        with Store(path, JOB) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
            store._writer.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
            other.execute("BEGIN IMMEDIATE")  # so that none is written before all have come
            saves = [asyncio.create_task(store.save(answer)) for answer in questions(100)]
            await asyncio.sleep(0)
            other.execute("ROLLBACK")
            await asyncio.gather(*saves)
            assert len(store) == 100

    asyncio.run(main())
    assert 1 <= len(commits) <= 2


def test_a_cancelled_save_is_carried_out(path: Path) -> None:
    async def main() -> None:
        with Store(path, JOB) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            saving = asyncio.create_task(store.save(answer_to("a")))
            await asyncio.sleep(0)
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
            other.execute("ROLLBACK")
            await store.save(answer_to("b"))

    asyncio.run(main())
    with Store(path, JOB) as store:
        assert [answer.question for answer in store.answers()] == ["a", "b"]


def test_close_writes_what_waits(path: Path) -> None:
    async def main() -> None:
        store = Store(path, JOB)
        saves = [asyncio.create_task(store.save(answer)) for answer in questions(50)]
        await asyncio.sleep(0)
        store.close()
        store.close()
        await asyncio.gather(*saves)
        with pytest.raises(ValueError, match="closed"):
            await store.save(answer_to("late"))
        with pytest.raises(WorkbookError, match="closed"):
            store.saved("late")

    asyncio.run(main())
    assert names(path.parent) == ["answers.db"]
    with Store(path, JOB) as store:
        assert list(store.answers()) == questions(50)


def test_a_save_whose_loop_is_gone_is_carried_out(path: Path) -> None:
    store = Store(path, JOB)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        async def main() -> None:
            asyncio.create_task(store.save(answer_to("a")))  # noqa: RUF006
            await asyncio.sleep(0)

        asyncio.run(main())
        other.execute("ROLLBACK")
    store.close()
    with Store(path, JOB) as store:
        assert "a" in store


# ---- others at the same file -------------------------------------------------------------------------------------


def test_a_reader_neither_waits_nor_makes_the_batch_wait(path: Path) -> None:
    with Store(path, JOB) as store:
        save_all(store, questions(3))
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM answers").fetchone() == (3,)
            save_all(store, questions(10))  # while that reader has not ended
            assert reader.execute("SELECT count(*) FROM answers").fetchone() == (3,)
            reader.execute("COMMIT")
            table = pd.read_sql("SELECT * FROM answers", reader)
            assert list(table["question"]) == [answer.question for answer in questions(10)]
            store._writer.execute("BEGIN IMMEDIATE")  # while the batch is writing
            assert reader.execute("SELECT count(*) FROM answers").fetchone() == (10,)
            store._writer.execute("ROLLBACK")
        count = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM answers'))"
        done = subprocess.run([sys.executable, "-c", count, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout == "(10,)\n"
    assert names(path.parent) == ["answers.db"]


def test_a_reader_that_stays_loses_nothing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as reader:
        with Store(path, JOB) as store:
            reader = sqlite3.connect(path)
            assert reader.execute("SELECT count(*) FROM answers").fetchone() == (0,)
            save_all(store, questions(10))
        copy = path.with_name("copy.db")
        copy.write_bytes(path.read_bytes())  # without -wal: close() has emptied it into the file
        with Store(copy, JOB) as store:
            assert len(store) == 10
        reader.close()
    assert names(path.parent) == ["answers.db", "copy.db"]


def test_a_second_writer_is_refused(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with Store(path, JOB) as store:
        for other in (path, str(path), link):
            with pytest.raises(WorkbookError, match=r"^Another batch is writing to answers\.db\. Wait"):
                Store(other, {})
        save_all(store, questions(1))
        assert "answers.db.lock" in names(tmp_path)
    with Store(link, JOB) as store:
        assert len(store) == 1
    assert names(tmp_path) == ["answers.db", "link.db"]


def test_opening_takes_no_locks_away_from_others_in_this_process(filled: Path) -> None:
    # POSIX: a process that closes a file, however it came to open it, loses all its locks on it. Then another process
    # takes itself for the last one, and deletes a -wal that is in use.
    count = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM answers'))"
    with closing(sqlite3.connect(filled, isolation_level=None)) as idle:
        idle.execute("INSERT INTO jobs (job) VALUES ('{}')")
        with Store(filled, JOB) as store:
            save_all(store, [answer_to("late")])
            log = os.stat(f"{filled}-wal").st_ino
            done = subprocess.run([sys.executable, "-c", count, str(filled)], capture_output=True, text=True)
            assert done.stdout == "(501,)\n", done.stderr
            assert os.stat(f"{filled}-wal").st_ino == log
            save_all(store, [answer_to("later")])
        assert idle.execute("SELECT count(*) FROM answers").fetchone() == (502,)


# ---- files that cannot be used are left as they are --------------------------------------------------------------


def refused(path: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        Store(path, JOB)
    assert isinstance(caught.value, WorkbookError)
    assert caught.value.what_to_do


def sqlite_file(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def overwrite(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * length)


FOREIGN: dict[str, Callable[[Path], Any]] = {
    "a table": lambda path: path.write_text("question,answer\nWhat?,That.\n"),
    "one byte": lambda path: path.write_bytes(b"\n"),
    "zeros": lambda path: path.write_bytes(bytes(8192)),
    "noise": lambda path: path.write_bytes(random.Random(1).randbytes(9000)),
    "nearly SQLite": lambda path: path.write_bytes(b"SQLite format 3\0"),
    "another database": lambda path: sqlite_file(path, "CREATE TABLE answers (question, answer)"),
    "another's id": lambda path: sqlite_file(path, "PRAGMA application_id = 7", "CREATE TABLE answers (question)"),
    "in WAL mode": lambda path: sqlite_file(path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (a)"),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_file_is_left_as_it_is(path: Path, make: Callable[[Path], Any]) -> None:
    make(path)
    before = contents(path.parent)
    refused(path, BadInput, r"^answers\.db is not a file of saved answers\. Give ")
    assert contents(path.parent) == before


@pytest.mark.parametrize("hold", ["BEGIN EXCLUSIVE", "PRAGMA locking_mode = EXCLUSIVE", "BEGIN"])
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_foreign_file_in_use_is_left_as_it_is(path: Path, hold: str, mode: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute(f"PRAGMA journal_mode = {mode}")
        owner.execute("CREATE TABLE t (a)")
        owner.execute(hold)
        owner.execute("INSERT INTO t VALUES (1)")
        before = contents(path.parent)
        refused(path, BadInput, "not a file of saved answers")
        assert contents(path.parent) == before
        if owner.in_transaction:
            owner.execute("COMMIT")
        assert owner.execute("SELECT * FROM t").fetchall() == [(1,)]


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "half of it": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a page": lambda path: overwrite(path, 40 * 4096, 4096),
    "the list of tables": lambda path: overwrite(path, 100, 300),
    "no tables": lambda path: sqlite_file(path, "DROP TABLE answers"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("killed", [False, True])
def test_a_damaged_file_is_left_as_it_is(
    filled: Path, tmp_path: Path, damage: Callable[[Path], Any], killed: bool
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    path = folder / filled.name
    with Store(filled, JOB) as store:
        save_all(store, [answer_to("late")])
        path.write_bytes(filled.read_bytes())
        damage(path)
        if killed:
            Path(f"{path}-wal").write_bytes(Path(f"{filled}-wal").read_bytes())
    before = contents(folder)
    refused(path, WorkbookError, r"^answers\.db (is damaged|cannot be used) \([^*\n]+\)\. ")
    assert contents(folder) == before


def test_a_file_of_a_newer_version_is_left_as_it_is(filled: Path) -> None:
    sqlite_file(filled, f"PRAGMA user_version = {store_module.VERSION + 1}")
    before = contents(filled.parent)
    refused(filled, WorkbookError, "newer version of this workbook. Update")
    assert contents(filled.parent) == before


@pytest.mark.parametrize("hold", ["BEGIN EXCLUSIVE", "PRAGMA locking_mode = EXCLUSIVE"])
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_locked_file_is_left_as_it_is(filled: Path, monkeypatch: pytest.MonkeyPatch, hold: str, mode: str) -> None:
    monkeypatch.setattr(store_module, "PATIENCE", 0)
    with closing(sqlite3.connect(filled, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        if "locking" in hold:
            other.execute(hold)
            other.execute("INSERT INTO jobs (job) VALUES ('{}')")
        else:
            other.execute(hold)
        before = contents(filled.parent)
        refused(filled, WorkbookError, r"^Another program keeps answers\.db locked\. Close ")
        assert contents(filled.parent) == before
    with Store(filled, JOB) as store:
        assert len(store) == 500


def test_a_lock_that_comes_later_is_told_to_every_save(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "PATIENCE", 0)
    with Store(path, JOB) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        save_all(store, questions(3))
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(WorkbookError, match="Another program keeps"):
                save_all(store, [answer_to("late")])
        assert list(store.answers()) == questions(3)


def test_what_is_no_path_of_a_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, BadInput, "is a folder")
    refused("", BadInput, "is a folder")
    refused(os.devnull, BadInput, "is not a file")
    refused(tmp_path / "no" / "answers.db", BadInput, "does not exist")
    for wrong in (None, True, 7, b"answers.db", "a\0b", "x" * 300):
        refused(wrong, BadInput, "cannot be the name of a file")
    assert names(tmp_path) == []


def test_a_log_without_its_file_is_not_thrown_away(filled: Path) -> None:
    log = Path(f"{filled}-wal")
    with Store(filled, JOB) as store:
        save_all(store, [answer_to("late")])
        kept = log.read_bytes()
    for make in (filled.unlink, filled.touch):
        make()
        log.write_bytes(kept)
        before = contents(filled.parent)
        refused(filled, WorkbookError, r"answers\.db-wal is there, .* Put the two together")
        assert contents(filled.parent) == before


def test_somebody_elses_lock_file_is_left_as_it_is(path: Path) -> None:
    Path(f"{path}.lock").write_text("mine")
    refused(path, BadInput, r"answers\.db\.lock is in the way")
    assert contents(path.parent) == {"answers.db.lock": b"mine"}


def test_an_empty_file_is_a_new_one_and_names_may_be_odd(tmp_path: Path) -> None:
    for name in ("answers.db", "50% off?mode=memory#1 🦀.db", ":memory:", " "):
        path = tmp_path / name
        path.touch()
        Path(f"{path}.lock").touch()  # as kill -9 may leave it
        path.with_name(f".{name}.being-made").mkdir()
        path.with_name(f".{name}.being-made").joinpath(name).touch()
        with Store(path, JOB) as store:
            save_all(store, questions(1))
        with Store(path, JOB) as store:
            assert len(store) == 1
    assert len(names(tmp_path)) == 4


TRY_TO_OPEN = """
import os, sys, tempfile
from helpers.batch.store import Store
with tempfile.TemporaryDirectory() as folder, Store(f"{folder}/answers.db", {}):
    pass  # imports all that it needs, while it may
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for path in sys.argv[1:]:
    try:
        Store(path, {})
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_without_permission_nothing_is_touched() -> None:
    with tempfile.TemporaryDirectory() as made:  # tmp_path is closed to nobody
        folder = Path(made)
        folder.chmod(0o755)
        names_of = ("read_only.db", "unreadable.db", "in_a_closed_folder.db")
        for name, mode in zip(names_of, (0o444, 0o222, 0o666), strict=True):
            with Store(folder / name, JOB):
                pass
            (folder / name).chmod(mode)
        (folder / "open").mkdir()
        (folder / "open").chmod(0o777)
        for name in names_of[:2]:
            os.rename(folder / name, folder / "open" / name)
        paths = [folder / "open" / names_of[0], folder / "open" / names_of[1], folder / names_of[2], folder / "new.db"]
        if os.geteuid() != 0:
            folder.chmod(0o555)
        before = names(folder), names(folder / "open")
        done = subprocess.run(
            [sys.executable, "-B", "-c", TRY_TO_OPEN, *paths], capture_output=True, text=True, check=True
        )
        folder.chmod(0o755)
        assert (names(folder), names(folder / "open")) == before
    told = done.stdout.splitlines()
    assert told[0] == "WorkbookError You may not both read and write read_only.db. Give the name of another file."
    assert told[1].startswith("WorkbookError You may not both read and write unreadable.db.")
    assert told[2].startswith("WorkbookError in_a_closed_folder.db cannot be opened in ")
    assert told[3].startswith("WorkbookError new.db cannot be opened in ")


# ---- full disk, kill -9, power cut -------------------------------------------------------------------------------


def test_a_full_database_says_so_and_keeps_what_it_has(path: Path) -> None:
    large = [answer_to(f"Large {number}", "x" * 10_000) for number in range(20)]
    with Store(path, JOB) as store:
        save_all(store, questions(3))
        store._writer.execute("PRAGMA max_page_count = 20")
        for answer in [*large, answer_to("small")]:
            try:
                save_all(store, [answer])
            except WorkbookError as error:
                full = error
                break
        saved = list(store.answers())
        assert 3 < len(saved) < 20
        for answer in (answer_to("small"), *large):
            with pytest.raises(WorkbookError) as caught:
                save_all(store, [answer])
            assert str(caught.value) == str(full)
        assert list(store.answers()) == saved
    assert str(full).startswith("The disk is full: answers.db takes no more answers (database or disk is full). Make ")
    with Store(path, JOB) as store:
        assert list(store.answers()) == saved
        save_all(store, large)  # there is room again
        assert len(store) == 23


FILL_THE_DISK = """
import asyncio, resource, sys
from helpers.answer import Answer
from helpers.batch.store import Store

async def main():
    with Store(sys.argv[1], {}) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        told = []
        for start in range(0, 100, 10):
            group = [Answer(f"Question {n}", "m", f"{n} " * 2_500) for n in range(start, start + 10)]
            done = await asyncio.gather(*(store.save(answer) for answer in group), return_exceptions=True)
            for answer, error in zip(group, done, strict=True):
                if error is None:
                    print("saved", answer.question)
                    assert not told
                    assert store.saved(answer.question) == answer
                else:
                    told.append(str(error))
        print("told", len(told), len(set(told)), told[0])
        saved = len(store)
    print("closed", saved)

asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX")
def test_a_disk_that_takes_no_more_says_so_and_keeps_what_it_has(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    *saved, told, closed = done.stdout.splitlines()
    assert saved and len(saved) % 10 == 0
    assert told.startswith(f"told {100 - len(saved)} 1 The disk does not take answers.db: it is full, over your quota")
    assert closed == f"closed {len(saved)}"
    with Store(path, {}) as store:
        assert [f"saved {answer.question}" for answer in store.answers()] == saved
        assert all(answer.answer == f"{answer.question.split()[1]} " * 2_500 for answer in store.answers())


TOTAL = 3000
BATCHES = f"""
import asyncio, os, sys
from helpers.answer import Answer
from helpers.batch.store import Store

def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

async def batch():
    slots = asyncio.Semaphore(20)
    with Store(sys.argv[1], {{}}) as store:
        async def ask(number):
            async with slots:
                if (question := f"Question {{number}}") not in store:
                    tell("sent", number)
                    await store.save(Answer(question, "m", f"{{number}} " * (number % 7) ** 4))
                    tell("saved", number)
        await asyncio.gather(*(ask(number) for number in range({TOTAL})))
{FORKING}"""


@pytest.fixture
def batches(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", BATCHES, str(path)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    # a small pipe: a batch is never more than 200 answers ahead of who reads it, so ten kills come before its end
    with subprocess.Popen(command, pipesize=4096, **pipes) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="batches are forked")
def test_kill_9_at_any_moment_loses_and_doubles_nothing(path: Path, batches: subprocess.Popen[str]) -> None:
    assert batches.stdin and batches.stdout
    chance = random.Random(9)
    saved: set[int] = set()
    kills = 10
    for lap in range(kills + 1):
        batches.stdin.write("go\n")
        pid = int(batches.stdout.readline().split()[1])
        before, moment = set(saved), chance.randrange(100) if lap < kills else None
        if moment is not None and moment < 15:
            os.kill(pid, signal.SIGKILL)  # perhaps while it opens the file
            moment = None
        for line in batches.stdout:
            what, number = line.split()
            if what == "ended":
                assert int(number) == (signal.SIGKILL if lap < kills else 0)
                break
            if what == "sent":
                assert int(number) not in before, "an answer that was saved is asked for again"
            else:
                saved.add(int(number))
                if moment is not None and len(saved) == len(before) + moment:
                    os.kill(pid, signal.SIGKILL)
        if lap == kills:
            break
        log = Path(f"{path}-wal")
        if lap % 3 == 1 and log.exists() and log.stat().st_size:  # a power cut: a write that got half-way
            with log.open("ab") as file:
                file.write(chance.randbytes(chance.randrange(1, 9000)))
        if lap % 2 and path.exists():
            with Store(path, {}) as store:
                assert all(f"Question {number}" in store for number in saved)
    assert names(path.parent) == ["answers.db"]
    with Store(path, {}) as store:
        answers = list(store.answers())
    numbers = [int(answer.question.split()[1]) for answer in answers]
    assert sorted(numbers) == list(range(TOTAL)) and len(before) > 100
    assert all(
        answer.answer == f"{number} " * (number % 7) ** 4 for number, answer in zip(numbers, answers, strict=True)
    )


@pytest.mark.skipif(os.name == "nt", reason="copies files that are open")
def test_a_power_cut_at_any_byte_leaves_the_first_answers(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "after the cut"
    folder.mkdir()
    copy = folder / path.name
    chance = random.Random(5)
    ends = []
    with Store(path, JOB) as store:
        log = Path(f"{path}-wal")
        for answer in questions(20):
            save_all(store, [answer])
            ends.append(log.stat().st_size)
        main, written = path.read_bytes(), log.read_bytes()
    for size in [*ends, *(chance.randrange(len(written)) for _ in range(20))]:
        copy.write_bytes(main)
        Path(f"{copy}-wal").write_bytes(written[:size])
        with Store(copy, JOB) as store:
            on_disk = sum(end <= size for end in ends)
            assert list(store.answers()) == questions(20)[:on_disk]
        assert names(folder) == ["answers.db"]


@pytest.mark.skipif(os.name == "nt", reason="copies files that are open")
def test_a_cut_while_the_log_goes_into_the_file_loses_nothing(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "after the cut"
    folder.mkdir()
    copy = folder / path.name
    with Store(path, JOB) as store:
        save_all(store, questions(50))
        old, written = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    new = path.read_bytes()
    for size in range(0, len(new), 4096):  # so many bytes of the new state are there, and the log still is
        copy.write_bytes(new[:size] + old[size:])
        Path(f"{copy}-wal").write_bytes(written)
        with Store(copy, JOB) as store:
            assert len(store) == 50 and list(store.answers()) == questions(50)
        assert names(folder) == ["answers.db"]
