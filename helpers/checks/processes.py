"""Starts a learner's program as a process of its own, against a mock API of the check's, and notes what it did.

The child is in practice mode, whatever the notebook is in: it has the practice key and address, WORKBOOK_MODE=practice,
and none of the learner's own settings for the SDK. It runs behind the same fence as a function (see fence.py, which
also says what a fence cannot stop), and what it prints goes to files. Not fenced: files, which it may read and write as
any program may, and the other variables of the environment, which it sees.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import WorkbookError
from ..session.environment import IN_PROCESS
from ..timeline import Bar, Panel, Row, max_in_flight
from ..wire.exchange import RETRY_COUNT
from . import child
from .running import ExamAPI, Scenario

STARTING = 20.0  # seconds until Python and the SDK are loaded
BEGINNING = 4.0  # seconds from there to the first request: the program may load pandas
QUIET = 2.0  # seconds in which nothing is asked, nothing is in flight, and the program has not ended
LIMIT = 8.0  # seconds for one start, once Python is loaded
MOST_TIMES = 5  # that one and the same request may come
LOOK = 0.01  # seconds between two looks at the process
MOST_READ = 1_000_000  # bytes of what it printed
SPACED = 0.1  # seconds between two answers of those that come first
LATER = 1.5  # seconds until the others come

HELPERS = Path(__file__).parents[1]


@dataclass
class Request:
    """One request that came in; see also `Served`. Times are `time.perf_counter()` seconds."""

    question: str
    model: str
    retry: bool  # the SDK's own, of a request that failed
    sent: float
    due: float  # when its answer is there
    nth: int
    outcome: str
    answer: str


class ProgramAPI(ExamAPI):
    """A mock API that keeps what comes in, and can answer some questions long before the others."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.requests: list[Request] = []
        self._first: tuple[str, ...] | None = None
        self._soon = 0  # how many of them have arrived, or others in their place
        self._before = 0  # requests that had come before

    def answer_first(self, questions: Sequence[str]) -> None:
        """From now on these are answered soon, whichever arrives first, and the others later.

        Who does not ask all at once gets as many answers soon: to whatever it asks after the first answer.
        """
        self._first, self._soon, self._before = tuple(questions), 0, len(self.requests)

    def answer_all(self) -> None:
        self._first = None

    def latency(self, model: Any, question: str, rng: Any) -> tuple[float, float]:
        if self._first is None:
            return super().latency(model, question, rng)
        now = time.perf_counter()
        one_came = any(each.due <= now for each in self.requests[self._before :])
        if self._soon == len(self._first) or not (question in self._first or one_came):
            return LATER, 0.0
        self._soon += 1
        # apart, so that it can be seen what is written in between
        return SPACED if one_came else SPACED * (1 + self._first.index(question)), 0.0

    def answer(self, model: Any, question: str) -> str:
        # no two alike; awkward, as answers are; with what can be found in any file
        return f'{self.mark(question)}: "{question}" isn\'t easy, it depends.\nSo says {model.name}.'

    def mark(self, question: str) -> str:
        """What the answer to a question begins with, and nothing else has in it."""
        return f"Answer-{zlib.crc32(question.encode()):08x}"

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        now = time.perf_counter()
        reply = super().handle(method, path, headers, body)
        served = self.served[-1]  # only the server's thread comes here
        retry = headers.get(RETRY_COUNT, "0") != "0"
        due = now + reply.before + sum(piece.wait for piece in reply.pieces)
        _, model, question, nth, outcome, answer = served
        self.requests.append(Request(question, model, retry, now, due, nth, outcome, answer))
        return reply


@dataclass
class Start:
    """One time that the program ran."""

    began: float
    loaded: float = 0.0  # when Python and the SDK were there, and its own code began; 0: not yet
    requests: list[Request] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)  # see child.py
    ended: float = 0.0
    code: int = 0  # its exit code
    stopped: bool = False  # since it did not end
    killed: bool = False  # by the check, as a power cut would
    printed: str = ""
    errors: str = ""  # what it wrote to stderr

    def noted(self, event: str) -> list[dict[str, Any]]:
        return [note for note in self.notes if note["event"] == event]

    @property
    def refused(self) -> list[str]:
        return self.notes[-1]["refused"] if self.notes else []

    @property
    def answered(self) -> list[Request]:
        """In the order in which the answers came."""
        came = [each for each in self.requests if each.outcome == "200" and each.due <= self.ended]
        return sorted(came, key=lambda each: each.due)


@dataclass
class ProgramRun:
    """What came of a program, in all its starts."""

    scenario: Scenario
    file: Path
    source: str
    starts: list[Start] = field(default_factory=list)
    # of a program that is killed, and started again:
    kept: list[frozenset[str]] = field(default_factory=list)  # whose answers were on disk, after each start
    began_to_write: bool = False  # a file, whatever is in it
    torn: str | None = None  # whose answer was then cut in half
    rows: list[Sequence[str]] | str = ""  # what it has written in the end: question, answer; or why it cannot be read

    @property
    def requests(self) -> list[Request]:
        return [request for start in self.starts for request in start.requests]

    @property
    def panel(self) -> Panel:
        rows, offset = [], 0.0
        for start in self.starts:
            first = min((each.sent for each in start.requests), default=start.ended)
            rows += [_row(each, start, first - offset) for each in start.requests]
            offset = max([bar.done or 0.0 for row in rows for bar in row.bars], default=0.0)
        return Panel("Your run", tuple(rows), offset)

    @property
    def max_in_flight(self) -> int:
        return max_in_flight(self.panel.rows)


def _row(request: Request, start: Start, zero: float) -> Row:
    outcome = "ok" if request.outcome == "200" else "failed"
    if request.due > start.ended:
        outcome = "cancelled"
    note = request.outcome if outcome == "failed" else ""
    done = min(request.due, start.ended)
    return Row(request.question, (Bar(request.sent - zero, None, done - zero, outcome, note),))


async def start(
    program: Path,
    arguments: Sequence[str],
    api: ProgramAPI,
    address: str,
    folder: Path,
    kill_when: Callable[[Start], bool] = lambda _: False,
) -> Start:
    """Runs the program once, in `folder`, until it ends, or `kill_when` says that it is to be killed, or it is stopped.

    Afterwards its process has ended, also where the check was cancelled. Raises WorkbookError where no process can be
    started.
    """
    if IN_PROCESS in address:  # no sockets here, as in a browser
        raise _no_process()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as notes:
        report, printed, errors = (Path(notes, name) for name in ("report", "printed", "errors"))
        with printed.open("wb") as out, errors.open("wb") as err:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-m", child.__name__, str(report), address, str(program), *arguments],
                    cwd=folder,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                )
            except OSError as error:
                raise _no_process() from error
        before, start = len(api.requests), Start(time.perf_counter())
        try:
            while process.poll() is None:
                start.requests, start.notes = api.requests[before:], _notes(report)
                start.ended = time.perf_counter()
                if start.noted("began"):
                    start.loaded = start.loaded or start.ended
                start.killed = kill_when(start)
                start.stopped = not start.killed and _is_over(start)
                if start.killed or start.stopped:
                    break
                await asyncio.sleep(LOOK)
        finally:
            process.kill()  # which does nothing to one that has ended
            start.ended = time.perf_counter()
            start.code = process.wait()
        start.requests, start.notes = api.requests[before:], _notes(report)
        start.printed, start.errors = _text(printed), _text(errors)
    return start


def _no_process() -> WorkbookError:
    return WorkbookError(
        "This check starts your program as a process of its own, and that cannot be done here.",
        "Open the workbook in JupyterLab on a computer of your own.",
    )


def _environment() -> dict[str, str]:
    """Of this process, in practice mode; and what the program prints is in UTF-8 on Windows, too."""
    paths = [str(HELPERS.parent), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "WORKBOOK_MODE": "practice",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONIOENCODING": "utf-8",
    }


def _is_over(start: Start) -> bool:
    """Whether it is to be stopped: it has been running for too long, or nothing will come of it any more."""
    if not start.loaded:
        return start.ended - start.began > STARTING
    latest = max([start.loaded, *(min(each.due, start.ended) for each in start.requests)])
    patience = QUIET if start.requests else BEGINNING
    again_and_again = any(each.nth > MOST_TIMES for each in start.requests)
    return again_and_again or start.ended - latest > patience or start.ended - start.loaded > LIMIT


def _notes(report: Path) -> list[dict[str, Any]]:
    with suppress(OSError):  # not there yet
        lines = report.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]
    return []


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MOST_READ).decode(errors="replace").replace("\r\n", "\n")
