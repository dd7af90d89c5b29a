"""What counts as being on disk when a program is killed, and what of it can be torn."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from helpers.checks.on_disk import OnDisk

QUESTION, ANSWER = "What is a mutex?", "Answer-7: it depends."


def disk(folder: Path) -> OnDisk:
    aside = folder.with_name(f"{folder.name}-aside")
    aside.mkdir(exist_ok=True)
    return OnDisk(folder, {QUESTION: "Answer-7", "What is a lock?": "Answer-8"}, aside)


def test_in_a_database_only_what_is_committed_counts(tmp_path: Path) -> None:
    """Also where the rows are in the file already, as with those that do not fit into memory."""
    with closing(sqlite3.connect(tmp_path / "answers.db")) as database:
        database.execute("CREATE TABLE answers (question, answer)")
        database.execute("PRAGMA cache_size = 1")
        database.executemany("INSERT INTO answers VALUES (?, ?)", [(QUESTION, ANSWER * 100)] * 200)
        assert b"Answer-7" in (tmp_path / "answers.db").read_bytes()
        assert disk(tmp_path).look() == frozenset()
        database.commit()
        assert disk(tmp_path).look() == {QUESTION}
    assert disk(tmp_path).tear() is None


def test_the_last_row_of_a_file_that_grows_is_torn(tmp_path: Path) -> None:
    watched, path = disk(tmp_path), tmp_path / "answers.csv"
    for text in ("", "Answer-8: first\n", "Answer-8: first\nAnswer-7: it depends, always.\n"):
        path.write_text(text)
        watched.look()
    assert watched.tear() == QUESTION
    assert path.read_text() == "Answer-8: first\nAnswer-7: it depen"
    assert watched.look() == {QUESTION, "What is a lock?"}


def test_a_file_that_is_put_into_the_place_of_another_is_never_torn(tmp_path: Path) -> None:
    watched, path = disk(tmp_path), tmp_path / "answers.csv"
    for text in ("Answer-8: first\n", "Answer-8: first\nAnswer-7: it depends.\n"):
        (tmp_path / "new").write_text(text)
        os.replace(tmp_path / "new", path)
        watched.look()
    assert watched.tear() is None
    assert path.read_text().endswith("depends.\n")


def test_nor_where_a_later_file_could_have_its_number(tmp_path: Path) -> None:
    """A number that is free again is given to the next file but one, which may be the next that is looked at."""
    watched, path = disk(tmp_path), tmp_path / "answers.csv"
    for number, text in enumerate(("8: first\n", "8: first\n", "8: first\nAnswer-7: it depends.\n")):
        (tmp_path / "new").write_text(f"Answer-{text}")
        os.replace(tmp_path / "new", path)
        if number != 1:
            watched.look()
    assert watched.tear() is None


def test_a_file_that_is_gone_while_it_is_looked_at_still_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `answers.csv.new` is, when it is put into the place of `answers.csv` between two looks of the check at it."""
    watched, path = disk(tmp_path), tmp_path / "answers.csv.new"
    path.write_text("Answer-7: it depends.\n")
    link = os.link

    def gone(source: Path, target: Path) -> None:
        os.replace(source, tmp_path / "answers.csv")
        link(source, target)

    monkeypatch.setattr(os, "link", gone)
    assert watched.look() == {QUESTION}
    assert watched.look() == {QUESTION}
