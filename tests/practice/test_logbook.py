"""What a learner has done: nothing of it is lost, and nothing that is in the file can hurt."""

import csv
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helpers import WorkbookError, progress
from helpers.course import logbook
from helpers.course.manifest import ROOT, manifest

TASK, OTHER = "answer_a_list", "compare_models"
HOSTILE = "<script>alert(1)</script>|`x`\n# \x1b[31mred\x1b[0m [a](javascript:b) ='=cmd()"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the progress of one test is kept, in a folder of its own."""
    folder = tmp_path / "progress"
    folder.mkdir()
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(folder / "progress.json"))
    monkeypatch.setattr(logbook, "_kept", {})
    return folder / "progress.json"


def row(task: str = TASK) -> dict[str, Any]:
    """What progress() says of a task, and the table agrees."""
    shown = progress()
    assert repr(shown) and shown._repr_markdown_()
    return next(row for row in shown.rows if row["task"] == task)


def kept_aside(file: Path) -> list[bytes]:
    return [path.read_bytes() for path in file.parent.iterdir() if path != file]


# ---- what is noted -----------------------------------------------------------------------------------------------


def test_at_first_nothing_is_done(file: Path) -> None:
    shown = progress()
    assert [each["task"] for each in shown.rows] == list(manifest().titles())
    assert repr(shown).startswith(f"0 of {len(shown.rows)} done.\n")
    assert not file.exists(), "to look at it writes nothing"


def test_what_was_done_is_there_again(file: Path) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    logbook.note(TASK, outcome="failed")
    logbook.note(TASK, hints=1)
    logbook.note(TASK, hints=2)
    logbook.note(TASK, outcome="passed")
    logbook.note(TASK, solution_seen=True)
    passed_at = row().pop("passed_at")
    assert {**row(), "passed_at": None} == {
        "task": TASK,
        "title": manifest().titles()[TASK],
        "outcome": "passed",
        "checks": 2,
        "hints": 2,
        "solution_seen": True,
        "passed_at": None,
    }
    assert began <= datetime.fromisoformat(passed_at) <= datetime.now(UTC)
    assert row(OTHER)["outcome"] == "not attempted"
    assert f"✓ {manifest().titles()[TASK]} 2 checks, 2 hints, solution seen" in repr(progress())
    assert repr(progress()).startswith("1 of")
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("later", ["failed", "broken", "not attempted", "passed"])
def test_what_has_passed_stays_passed(later: str) -> None:
    logbook.note(TASK, outcome="passed")
    passed_at = row()["passed_at"]
    logbook.note(TASK, outcome=later)
    assert (row()["outcome"], row()["passed_at"]) == ("passed", passed_at)


@pytest.mark.parametrize("tried", ["failed", "broken"])
def test_what_was_tried_stays_tried(tried: str) -> None:
    logbook.note(TASK, outcome=tried)
    logbook.note(TASK, outcome="not attempted")
    assert row()["outcome"] == tried
    assert row()["checks"] == 1, "an empty function was not checked"


def test_hints_and_a_solution_that_were_seen_stay_seen() -> None:
    logbook.note(TASK, hints=3)
    logbook.note(TASK, solution_seen=True)
    logbook.note(TASK, hints=1)
    logbook.note(TASK, outcome="failed")
    assert (row()["hints"], row()["solution_seen"]) == (3, True)


def test_it_is_kept_beside_the_tasks_where_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBOOK_PROGRESS")
    assert logbook.file() == ROOT / "exercises" / ".progress.json"
    ignored = subprocess.run(["git", "check-ignore", "-q", str(logbook.file())], cwd=ROOT)
    assert ignored.returncode in (0, 128), "git does not see it"  # 128: this is no repository


def test_in_the_solutions_nothing_is_noted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "solutions")
    logbook.note(TASK, outcome="passed")
    assert not file.exists() and row()["outcome"] == "not attempted"


def test_where_the_folder_of_the_notebook_is_gone_it_is_noted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    logbook.note(TASK, outcome="passed")
    assert row()["outcome"] == "passed"


# ---- what is broken ----------------------------------------------------------------------------------------------


def tasks(content: object) -> bytes:
    return json.dumps({"tasks": content}).encode()


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "spaces": b" \n ",
    "no JSON": b"{'tasks': ",
    "a conflict of git": b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n",
    "binary": bytes(range(256)) * 10,
    "zeros": b"\0" * 4096,
    "UTF-16": '{"tasks": {}}'.encode("utf-16"),
    "null": b"null",
    "a number": b"5",
    "a text": b'"tasks"',
    "a list": b"[]",
    "nothing in it": b"{}",
    "deep": b"[" * 100_000,
    "deep tasks": b'{"tasks": ' * 100_000,
    "10 MB": b'{"tasks": {"x": "' + b"x" * 10_000_000 + b'"}}',
    "a huge number": b'{"tasks": {"answer_a_list": {"checks": ' + b"9" * 10_000 + b"}}}",
    "tasks are null": tasks(None),
    "tasks are a number": tasks(7),
    "tasks are a text": tasks(f"{TASK} {OTHER}"),
    "tasks are a list": tasks([{"task": TASK, "outcome": "passed"}]),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_kept_aside_and_another_one_begun(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert row()["outcome"] == "not attempted"
    assert file.read_bytes() == content, "to look at it changes nothing"
    logbook.note(TASK, outcome="failed")
    logbook.note(TASK, outcome="passed")
    assert (row()["outcome"], row()["checks"]) == ("passed", 2)
    assert kept_aside(file) == [content]


def test_a_file_that_breaks_twice_is_kept_twice(file: Path) -> None:
    for content in (b"my good old progress, and a typo", b""):
        file.write_bytes(content)
        logbook.note(TASK, outcome="failed")
    assert b"my good old progress, and a typo" in kept_aside(file)


NUMBERS = [None, True, "3", [], {}, -1, 1.5, 10**30, 1e308, float("nan"), float("inf"), HOSTILE]


@pytest.mark.parametrize("value", NUMBERS, ids=str)
def test_a_count_that_is_none_is_left_out(file: Path, value: object) -> None:
    file.write_bytes(tasks({TASK: {"outcome": "failed", "checks": value, "hints": value, "solution_seen": value}}))
    assert (row()["outcome"], row()["checks"], row()["hints"]) == ("failed", 0, 0)
    assert row()["solution_seen"] is (value is True)


@pytest.mark.parametrize("value", [None, 5, [], {}, "PASSED", "", HOSTILE, ["passed"], float("nan")], ids=str)
def test_an_outcome_that_is_none_is_left_out(file: Path, value: object) -> None:
    file.write_bytes(tasks({TASK: {"outcome": value, "checks": 2}, OTHER: value}))
    assert (row()["outcome"], row()["checks"]) == ("not attempted", 2)
    assert row(OTHER)["outcome"] == "not attempted"


TIMES = [
    5,
    -1e300,
    [],
    {"a": 1},
    True,
    "",
    "yesterday",
    "9999-99-99",
    HOSTILE,
    "2026-01-01T00:00:00" + HOSTILE,
    "\ud800",
]


@pytest.mark.parametrize("value", TIMES, ids=repr)
def test_a_time_that_is_none_is_left_out(file: Path, value: object) -> None:
    file.write_bytes(tasks({TASK: {"outcome": "passed", "passed_at": value}}))
    assert (row()["outcome"], row()["passed_at"]) == ("passed", None)


def test_nothing_that_stands_in_the_file_is_shown(file: Path, tmp_path: Path) -> None:
    fields = dict.fromkeys(("task", "title", *logbook.COLUMNS), HOSTILE)
    names = {HOSTILE: fields, "../../etc/passwd": fields, "__class__": fields}
    file.write_bytes(tasks({**dict.fromkeys(manifest().titles(), fields), **names}))
    shown = progress()
    shown.export(tmp_path / "list.csv")
    for text in (repr(shown), shown._repr_markdown_(), (tmp_path / "list.csv").read_text("utf-8")):
        assert not [sign for sign in ("script", "\x1b", "alert", "cmd()", "passwd") if sign in text]
    assert len(shown.rows) == len(manifest().titles())


# ---- places where nothing can be kept ----------------------------------------------------------------------------


def a_folder(file: Path) -> None:
    file.mkdir()


def a_folder_that_is_not_there(file: Path) -> None:
    file.parent.rmdir()


def a_folder_that_is_a_file(file: Path) -> None:
    file.parent.rmdir()
    file.parent.write_text("no folder")


def a_name_that_is_too_long(file: Path) -> None:
    os.environ["WORKBOOK_PROGRESS"] = str(file.with_name("x" * 300))


def no_room(file: Path) -> None:
    """As on a full disk, or where one may not write."""


@pytest.mark.parametrize(
    "place",
    [a_folder, a_folder_that_is_not_there, a_folder_that_is_a_file, a_name_that_is_too_long, no_room],
    ids=lambda place: place.__name__,
)
def test_where_it_cannot_be_saved_it_is_kept_and_that_is_said_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, place: Callable[[Path], None]
) -> None:
    place(file)
    if place is no_room:

        def refuse(*_: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(logbook.tempfile, "mkstemp", refuse)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        logbook.note(TASK, outcome="failed")
        logbook.note(OTHER, hints=1)
        logbook.note(TASK, outcome="passed")
    assert [str(each.message).partition(" (")[0] for each in said] == ["Your progress cannot be saved"]
    assert (row()["outcome"], row()["checks"], row(OTHER)["hints"]) == ("passed", 2, 1)


def test_what_was_kept_is_saved_as_soon_as_it_can_be(file: Path) -> None:
    file.mkdir()
    with pytest.warns(UserWarning, match="cannot be saved"):
        logbook.note(TASK, outcome="passed")
    file.rmdir()
    logbook.note(OTHER, outcome="failed")
    saved = json.loads(file.read_text("utf-8"))["tasks"]
    assert (saved[TASK]["outcome"], saved[OTHER]["outcome"]) == ("passed", "failed")


def test_a_file_that_cannot_be_read_is_kept_aside(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tasks({TASK: {"outcome": "passed"}})
    file.write_bytes(content)

    def refuse(*_: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as unreadable:
        unreadable.setattr(Path, "open", refuse)
        assert row()["outcome"] == "not attempted"
        logbook.note(TASK, outcome="failed")
    assert row()["outcome"] == "failed"
    assert kept_aside(file) == [content]


@pytest.mark.skipif(os.name == "nt", reason="no symlinks without rights")
def test_a_link_that_leads_to_itself(file: Path) -> None:
    file.symlink_to(file)
    assert row()["outcome"] == "not attempted"
    with pytest.warns(UserWarning, match="cannot be saved"):
        logbook.note(TASK, outcome="passed")
    assert row()["outcome"] == "passed"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_its_place_holds_nobody_up(file: Path) -> None:
    os.mkfifo(file)
    assert row()["outcome"] == "not attempted"
    with pytest.warns(UserWarning, match="is no regular file; name one in WORKBOOK_PROGRESS"):
        logbook.note(TASK, outcome="passed")
    assert file.is_fifo()
    assert row()["outcome"] == "passed"


def test_when_it_is_stopped_while_it_writes_the_old_file_is_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logbook.note(TASK, outcome="passed")
    before = file.read_bytes()

    def interrupt(content: object, target: Any, **options: object) -> None:
        target.write('{"tasks": {')
        raise KeyboardInterrupt

    monkeypatch.setattr(logbook.json, "dump", interrupt)
    with pytest.raises(KeyboardInterrupt):
        logbook.note(OTHER, outcome="passed")
    assert file.read_bytes() == before
    assert not kept_aside(file)


# ---- several kernels ---------------------------------------------------------------------------------------------

KERNEL = """
import sys
from helpers.course import logbook
for _ in sys.stdin:
    logbook.note(sys.argv[1], outcome="failed", hints=2)
    print("noted", flush=True)
"""


def kernel(task: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", KERNEL, task]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def tell(kernel: subprocess.Popen[str]) -> None:
    assert kernel.stdin and kernel.stdout
    kernel.stdin.write("\n")
    kernel.stdin.flush()
    assert kernel.stdout.readline() == "noted\n"


def test_two_kernels_lose_nothing_of_each_other(file: Path) -> None:
    with kernel(TASK) as first, kernel(OTHER) as second:
        tell(first)
        tell(second)
        logbook.note(TASK, outcome="passed")
        tell(first)
        tell(second)
        logbook.note(OTHER, solution_seen=True)
        for each in (first, second):
            assert each.stdin
            each.stdin.close()
    assert (row()["outcome"], row()["checks"], row()["hints"]) == ("passed", 3, 2)
    assert (row(OTHER)["outcome"], row(OTHER)["checks"], row(OTHER)["solution_seen"]) == ("failed", 2, True)
    assert not kept_aside(file)


def test_two_kernels_that_write_at_the_same_time_leave_a_whole_file(file: Path) -> None:
    with kernel(TASK) as first, kernel(OTHER) as second:
        for each in (first, second):
            assert each.stdin
            each.stdin.write("\n" * 100)
            each.stdin.close()
        while first.poll() is None or second.poll() is None:
            row()
            if file.exists():
                json.loads(file.read_text("utf-8"))
        assert (first.returncode, second.returncode) == (0, 0)
    assert row()["outcome"] == row(OTHER)["outcome"] == "failed"
    assert not kept_aside(file)


# ---- for an instructor -------------------------------------------------------------------------------------------


def test_the_list_can_be_read_as_csv(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logbook.note(TASK, outcome="passed", hints=2)
    target = tmp_path / "list.csv"
    target.write_text("an older and much longer list\n" * 100)
    progress().export(str(target))
    assert str(target) in capsys.readouterr().out
    with target.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source, strict=True))
    assert [each["task"] for each in rows] == list(manifest().titles())
    assert [each["title"] for each in rows] == list(manifest().titles().values())
    done = next(each for each in rows if each["task"] == TASK)
    assert (done["outcome"], done["checks"], done["hints"], done["solution_seen"]) == ("passed", "1", "2", "False")
    assert datetime.fromisoformat(done["passed_at"]).tzinfo


@pytest.mark.parametrize("name", ["", "no/such/folder/list.csv", "x" * 300])
def test_where_the_list_cannot_be_written_two_sentences_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkbookError) as caught:
        progress().export(name)
    assert caught.value.happened.startswith("The list cannot be written to") and caught.value.happened.endswith(".")
    assert caught.value.what_to_do.endswith('progress().export("progress.csv").')


def test_a_link_stays_a_link_and_its_file_is_written(file: Path) -> None:
    real = file.parent / "elsewhere.json"
    try:
        file.symlink_to(real)
    except OSError:
        pytest.skip("this system allows no links")
    logbook.note(TASK, outcome="passed")
    assert file.is_symlink() and real.is_file()
    assert row()["outcome"] == "passed"


def test_a_link_to_a_device_leaves_the_device_alone(file: Path) -> None:
    if not Path(os.devnull).is_char_device():
        pytest.skip("this system has no device of that kind")
    file.symlink_to(os.devnull)
    with pytest.warns(UserWarning, match="is no regular file"):
        logbook.note(TASK, outcome="passed")
    assert Path(os.devnull).is_char_device()
