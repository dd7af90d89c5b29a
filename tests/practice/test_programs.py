"""What a check of a program gives it, and what is left of it; and what it says of *Make it a program*."""

import asyncio
import json
import os
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from practice.programs import all_of, attempts, check_verdict, check_words, checked

from helpers import WorkbookError, open_exercise
from helpers.checks.programs import PROGRAMS
from helpers.course import logbook
from helpers.course.manifest import ROOT, manifest
from helpers.course.verdict import Verdict
from helpers.session.state import State

TASK = "make_a_program"


@pytest.fixture(autouse=True)
def no_logbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "note", lambda *_, **__: None)


@pytest.mark.parametrize("attempt", all_of(TASK))
def test_verdict(attempt: str) -> None:
    check_verdict(TASK, attempt)


@pytest.mark.slow
def test_each_mistake_is_told_in_words_of_its_own() -> None:
    check_words(TASK)


# ---- what a program gets, and what is left of it ---------------------------------------------------------------------

RIGHT = attempts("make_a_program")["right_gather"]()


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (checked, "not a file", 'Write it in quotes: `await exercise.check("ask.py")`.'),
        ("nowhere/ask.py", "no file", "Run the cell that begins with `%%writefile ask.py`"),
        (".", "unreadable file", "Write it anew with a cell that begins with `%%writefile ask.py`."),
    ],
    ids=["a function", "no file", "a folder"],
)
def test_what_is_no_program_is_told_before_anything_runs(given: object, kind: str, sentence: str) -> None:
    verdict = asyncio.run(_check(given))
    assert (verdict.outcome, verdict.kind) == ("failed", kind)
    assert sentence in verdict.look


async def _check(given: object) -> Verdict:
    return await open_exercise("make_a_program").check(given)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (RIGHT.encode("utf-8-sig"), "passed"),  # as Windows' Notepad writes it
        (RIGHT.replace("\n", "\r\n").encode(), "passed"),
        (f"# größer\n{RIGHT}".encode("latin-1"), "unreadable file"),
        ("import sys\n\nasync def main():\n    # your code\n    ...\n", "not attempted"),
        ("", "not attempted"),
    ],
    ids=["byte order mark", "line ends of Windows", "latin-1", "a stub", "empty"],
)
def test_files_as_they_come(source: str | bytes, kind: str) -> None:
    assert checked("make_a_program", source).kind == kind


@pytest.mark.parametrize("task", PROGRAMS)
def test_each_task_is_shipped_empty_and_its_notebook_names_the_file(task: str) -> None:
    path = ROOT / "exercises" / f"{manifest().exercises[task].notebook}.ipynb"
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]]
    first = f"%%writefile {PROGRAMS[task].file}\n"
    (stub,) = [cell for cell in cells if cell.startswith(first)]
    assert f'await exercise.check("{PROGRAMS[task].file}")' in cells
    assert checked(task, stub.removeprefix(first)).outcome == "not attempted"


@pytest.mark.slow  # its notebook checks the first of them in any case
@pytest.mark.parametrize("task", PROGRAMS)
def test_each_program_of_a_solution_passes(task: str) -> None:
    cells = re.findall(r"%%writefile .*\n([^`]+)```", open_exercise(task).solution().text)
    assert cells
    for source in cells:
        assert checked(task, source).kind == "passed"


def test_it_gets_the_practice_key_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "OPENAI_ORG_ID"):
        monkeypatch.setenv(name, "a-key-of-my-own")
    monkeypatch.delenv("WORKBOOK_MODE")
    seen = tmp_path / "seen.json"
    look = f"import json, os, pathlib\npathlib.Path({str(seen)!r}).write_text(json.dumps(dict(os.environ)))\n"
    assert checked("make_a_program", look + RIGHT).kind == "passed"
    environment = json.loads(seen.read_text())
    assert (environment["OPENAI_API_KEY"], environment["WORKBOOK_MODE"]) == ("practice-key", "practice")
    assert environment["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
    assert "a-key-of-my-own" not in environment.values()
    assert os.environ["OPENAI_API_KEY"] == "a-key-of-my-own"


def test_it_cannot_go_live() -> None:
    verdict = checked("make_a_program", "from helpers import connect\n\nconnect(live=True)\n")
    assert verdict.kind == "raised"
    assert "WorkbookError: Live mode is switched off here (WORKBOOK_MODE=practice)." in verdict.seen
    assert verdict.look == "connect() gives you practice mode."


def test_it_is_killed_when_the_check_is_stopped(tmp_path: Path) -> None:
    """Its connection to the test breaks off: nothing of it is left."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = tmp_path / "ask.py"
        program.write_text(
            f"import socket\n\nline = socket.create_connection({server.getsockname()!r})\n"
            "line.sendall(b'here')\nline.recv(1)\n"
        )

        async def main() -> bytes:
            check = asyncio.ensure_future(_check(str(program)))
            line, _ = await asyncio.to_thread(server.accept)
            with line:
                assert await asyncio.to_thread(line.recv, 4) == b"here"
                check.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await check
                with suppress(ConnectionResetError):  # as Windows tells it
                    return await asyncio.to_thread(line.recv, 4)
                return b""

        server.settimeout(30)
        assert asyncio.run(main()) == b""


def test_where_there_are_no_sockets_it_says_so(fresh_session: State, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("helpers.mock_api.server.Server", no_socket)
    with pytest.raises(WorkbookError, match="as a process of its own, and that cannot be done here"):
        checked("make_a_program", RIGHT)
