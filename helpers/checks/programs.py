"""The tasks whose answer is a program in a file: how each is run, and what is wrong with what it did.

Judged is what the check's mock API was asked, by how many clients, on how many event loops, what the program printed or
wrote, and how it ended. Their words are in tasks.toml.
"""

import csv
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .. import session
from ..timeline import Bar, Panel, Row
from ..words import counted, duration
from . import shape
from .findings import Finding, Findings, short
from .judging import most_at_once
from .on_disk import OnDisk, Unreadable, read_answers
from .processes import SPACED, ProgramAPI, ProgramRun, Request, Start, start
from .program_faults import asked_once, asks, it_ended, it_got_answers, it_sent, not_twice
from .running import LATENCY, Scenario
from .tasks import QUESTIONS


class ProgramTask(ABC):
    """What a check starts a program with, and how it judges what that did."""

    file: str  # as the notebook calls it

    @abstractmethod
    async def run(self, program: Path, source: str) -> ProgramRun: ...

    @abstractmethod
    def judge(self, run: ProgramRun) -> Findings: ...

    @abstractmethod
    def shape(self, run: ProgramRun) -> Panel: ...

    def praise(self, run: ProgramRun) -> str:
        return f"It did what it should: {counted(len(run.requests), 'call')}, at most {run.max_in_flight} in flight."


# ---- the tasks -------------------------------------------------------------------------------------------------------


ON_THE_COMMAND_LINE = (
    "They stand on the command line, after the program's own name: `sys.argv[1:]` is the list of them."
)


class MakeAProgram(ProgramTask):
    file = "ask.py"

    async def run(self, program: Path, source: str) -> ProgramRun:
        questions = QUESTIONS[:4]
        seconds = dict(zip(questions, (0.4, 0.2, 0.3, 0.25), strict=True))
        run = ProgramRun(Scenario(questions, questions, seconds=seconds), program, source)
        api = ProgramAPI(run.scenario)
        async with session.answered_by(api) as address:
            run.starts.append(await start(program, questions, api, address, program.parent))
        return run

    def judge(self, run: ProgramRun) -> Findings:
        (start,) = run.starts
        yield from it_ended(run, start)
        yield from it_sent(run, start, ON_THE_COMMAND_LINE)
        yield from asked_once(run, start)
        yield from self._clients(start)
        yield from it_got_answers(run, start)
        yield from self._at_once(start)
        yield from self._printed(run, start)
        if any(note["open"] for note in start.noted("ended")):
            yield Finding(
                "client left open",
                "When your program ended, its client was still open, and so were its connections.",
                "Write `async with AsyncOpenAI() as client:` in `main`, around the calls: that closes it, whatever "
                "happens.",
            )

    def _clients(self, start: Start) -> Findings:
        sent = start.noted("sent")
        if ordinary := [note for note in sent if note["ordinary"]]:
            how = ": while it waits, nothing else can run."
            if not any(note["loop"] for note in ordinary):
                how = ", outside of any coroutine."
            if all(note["thread"] for note in ordinary):
                how = ", from threads: that works, and costs a thread for every call."
            yield Finding(
                "ordinary client",
                f"The ordinary client sent {counted(len(ordinary), 'call')}{how}",
                "Use `AsyncOpenAI`, and `await` its calls in `async def main()`, which `asyncio.run(main())` starts.",
            )
        loops, clients = {note["loop"] for note in sent}, {note["client"] for note in sent}
        if len(loops) > 1:
            yield Finding(
                "several runs",
                f"`asyncio.run` was called {len(loops)} times, and each time it waited for the end before the next.",
                "Call it once, with a `main()` that asks all questions together.",
            )
        if len(clients) > 1:
            yield Finding(
                "many clients",
                f"{len(clients)} clients sent your {counted(len(sent), 'call')}: each had to open a connection of its "
                "own.",
                "Open one client in `main`, and use it for all calls.",
            )

    def _at_once(self, start: Start) -> Findings:
        spans = [(call.sent, min(call.due, start.ended)) for call in start.requests]
        most = most_at_once(spans)
        if most == 1 < len(spans):
            yield Finding(
                "one by one",
                f"Your {len(spans)} calls were in flight one after the other: "
                f"{duration(max(end for _, end in spans) - spans[0][0])}, where the slowest took "
                f"{duration(max(end - begin for begin, end in spans))}.",
                "An `await` in a loop waits before the next call is sent: hand all of them to `asyncio.gather`.",
            )
        if most < len(spans):
            yield Finding(
                "too few in flight",
                f"Of your {len(spans)} calls only {most} were in flight at the same time.",
                "Start all of them before you wait for the first answer.",
            )

    def _printed(self, run: ProgramRun, start: Start) -> Findings:
        texts = {question: call.answer for call in start.requests if (question := asks(run, call))}
        wanted = [texts[question] for question in run.scenario.questions]
        printed = _plain(start.printed)
        places = [printed.find(_plain(text)) for text in wanted]
        if not printed:
            yield Finding(
                "nothing printed",
                "Your calls are fine, but your program printed nothing.",
                "A program's answer is what it prints: what `main` returns is seen by nobody. `print(…)` each answer.",
            )
        if "ChatCompletion(" in printed:
            yield Finding(
                "response printed",
                "Your program printed a whole response where the text of the answer belongs.",
                "The text is `response.choices[0].message.content`.",
            )
        if -1 in places and any(repr(text) in start.printed for text in wanted):
            yield Finding(
                "list printed",
                "Your program printed the list as Python writes it, with brackets, and `\\n` where a line ends.",
                "Go through the list, and `print(answer)` each by itself.",
            )
        if -1 in places:
            yield Finding(
                "answer not printed",
                f"The answer to “{short(run.scenario.questions[places.index(-1)])}” came, and is not in what your "
                "program printed, word by word.",
                "Print the text of each answer as it came, `response.choices[0].message.content`.",
            )
        if places != sorted(places):
            yield Finding(
                "order lost",
                "The answers were printed in another order than that of the questions.",
                "gather gives the answers in the order in which it got the calls: print them when all are there.",
            )
        if any(printed.count(_plain(text)) > 1 for text in wanted):
            yield Finding(
                "printed twice",
                "Your program printed an answer more than once.",
                "Print each answer in one place: where it comes, or in the end.",
            )

    def shape(self, run: ProgramRun) -> Panel:
        seconds = run.scenario.seconds
        return shape.panel(shape.schedule([(each, seconds.get(each, LATENCY)) for each in run.scenario.questions]))


def _plain(text: str) -> str:
    """Without the line breaks, which a program may put elsewhere."""
    return " ".join(text.split())


class GoOn(ProgramTask):
    """Started three times: killed after two answers, killed after two more, of which the last is torn, and left to end.

    So a right program has asked each question once, but for the torn one and those that were in flight.
    """

    file = "go_on.py"
    questions = (
        "What is a list, and what is a tuple?",
        'What does "await" do?',
        "Was heißt „nebenläufig“?",
        "What is a mutex?",
        "Explain this:\nfor x in range(3): print(x)",
        "What is a hash function?",
    )
    before_a_kill = 2  # answers
    writing = 1.0  # seconds that an answer may take to the disk; by then no other one has come

    async def run(self, program: Path, source: str) -> ProgramRun:
        run = ProgramRun(Scenario((), self.questions), program, source)
        api = ProgramAPI(run.scenario)
        names = "questions.csv", "answers.db" if "sqlite3" in source else "answers.csv"
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as aside,
        ):
            folder = Path(name)
            with Path(folder, names[0]).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([["id", "question"], *enumerate(self.questions, 101)])
            disk = OnDisk(folder, {question: api.mark(question) for question in self.questions}, Path(aside))
            async with session.answered_by(api) as address:
                for last in (False, False, True):
                    left = [question for question in self.questions if question not in disk.look()]
                    if last:
                        api.answer_all()
                    else:
                        api.answer_first(self._first(left))
                    kill_when = (lambda _: False) if last else Written(self, disk)
                    run.starts.append(await start(program, names, api, address, folder, kill_when))
                    disk.settle()
                    run.kept.append(disk.look())
                    run.began_to_write |= any(path.name != names[0] for path in folder.iterdir())
                    if not run.starts[-1].killed or self._not_written(run):
                        break
                    target = folder / names[1]
                    if len(run.starts) == 2 and not (target.exists() and isinstance(self._rows(target), str)):
                        run.torn = disk.tear()  # unless it could not be read before
            run.rows = self._rows(folder / names[1])
        return run

    def _first(self, left: Sequence[str]) -> Sequence[str]:
        """The questions that are answered before a kill: not the first ones that are asked, or counting would do."""
        return left[::2][: self.before_a_kill]

    def asked(self, requests: list[Request]) -> frozenset[str]:
        return frozenset(each for each in self.questions for request in requests if each in request.question)

    def _not_written(self, run: ProgramRun) -> frozenset[str]:
        """Whose answers had come, in any start, and are not on disk after the last one."""
        return self.asked([each for start in run.starts for each in start.answered]) - run.kept[-1]

    def _rows(self, path: Path) -> list[Sequence[str]] | str:
        try:
            return read_answers(path)
        except FileNotFoundError:
            return f"`{path.name}`, the file whose name it was given, is not there"
        except (Unreadable, OSError) as error:
            return f"`{path.name}` {error}"

    def judge(self, run: ProgramRun) -> Findings:
        for number, started in enumerate(run.starts):
            torn = number == 2 and run.torn is not None
            for finding in it_ended(run, started):
                yield _after_the_tear(finding) if torn and finding.broken else finding
            if number == 0:
                yield from it_sent(run, started, IN_THE_FILE)
            whole = self._whole(run, number)
            if again := [question for question in self.questions if question in whole & self.asked(started.requests)]:
                yield Finding(
                    "asked again",
                    f"After a kill your program asked “{short(again[0])}” again, whose answer was in the file already.",
                    _WHOLE_ROWS
                    if torn
                    else "Before it asks anything, let it read the file that it writes, and leave out what is there.",
                )
            yield from not_twice(run, started)
            if started.killed:
                yield from self._written(run, number)
        yield from self._complete(run)

    def _whole(self, run: ProgramRun, number: int) -> frozenset[str]:
        """Whose answers were on disk, unharmed, when a start began."""
        before = run.kept[number - 1] if number else frozenset()
        return before - {run.torn} if number == 2 else before

    def _written(self, run: ProgramRun, number: int) -> Findings:
        """What had come is on disk when the program is killed."""
        came, kept = self.asked(run.starts[number].answered), run.kept[number]
        if lost := self._whole(run, number) - kept:
            yield self._lost(lost)
        if came - kept:
            there = len(came & kept)
            look = "Write each answer where it comes, inside the coroutine that asks: after gather it is too late."
            if run.began_to_write:
                look = (
                    "Is it written where it comes? And what `write` was given waits in a buffer: `file.flush()` after "
                    "each row, or with sqlite3 `commit()`."
                )
            yield Finding(
                "not written",
                f"When your program was killed, {len(came)} answers had come, and {there or 'none'} of them "
                f"{'was' if there < 2 else 'were'} on disk.",
                look,
            )

    def _lost(self, lost: frozenset[str]) -> Finding:
        return Finding(
            "old answers lost",
            f"{counted(len(lost), 'answer')} that an earlier start had written {'is' if len(lost) == 1 else 'are'} no "
            "longer in the file.",
            'Mode `"w"` empties a file: open it with `"a"`, which goes on at its end.',
        )

    def _complete(self, run: ProgramRun) -> Findings:
        """In the end each question is there, once, with the answer that came for it."""
        if isinstance(run.rows, str):
            finding = Finding(
                "unreadable file",
                f"In the end the file of answers cannot be used: {run.rows}.",
                "Write it with csv.writer, with the header question, answer, once; or as a table of sqlite3 with these "
                "columns.",
            )
            yield _after_the_tear(finding) if run.torn else finding
            return
        rows = Counter(question for question, _ in run.rows)
        if more := rows["question"]:
            yield Finding(
                "header again",
                f"The header “question, answer” stands in the file {counted(more + 1, 'time')}: each start wrote it.",
                "Write the header only where the file is new, or empty.",
            )
        missing = frozenset(self.questions) - rows.keys()
        if lost := self._whole(run, len(run.starts) - 1) & missing:
            yield self._lost(lost)
        if run.torn in missing:
            yield Finding(
                "half-written row",
                f"A kill left the row of “{short(run.torn or '')}” half-written, and it was never asked again: "
                "it is not in the file.",
                _WHOLE_ROWS,
            )
        came = self.asked([each for started in run.starts for each in started.answered])
        for question in filter(missing.__contains__, self.questions):
            asked = question in self.asked(run.requests)
            if question in came:
                yield Finding(
                    "answer lost",
                    f"The answer to “{short(question)}” came, and it is not in the file.",
                    "Follow that one answer through your code: where does it get lost?",
                )
            yield Finding(
                "never asked again" if asked else "not asked",
                f"“{short(question)}” was in flight when your program was killed, and was never asked again."
                if asked
                else f"“{short(question)}” was never asked.",
                "Done is only what has its answer in the file: note nothing before the answer is there.",
            )
        if twice := [question for question, times in rows.items() if times > 1]:
            yield Finding(
                "twice in the file",
                f"“{short(twice[0])}” stands in the file {rows[twice[0]]} times.",
                "What is in the file already must not be written again: add only the new rows.",
            )
        if strange := [question for question in rows if question not in self.questions]:
            finding = Finding(
                "another question",
                f"The file has a row for “{short(strange[0])}”, which is no question of the source, letter for letter.",
                'Read and write with the module csv, with `newline=""` and `encoding="utf-8"`; or use sqlite3.',
            )
            yield _after_the_tear(finding) if run.torn else finding
        yield from self._answers(run, run.rows)

    def _answers(self, run: ProgramRun, rows: Sequence[Sequence[str]]) -> Findings:
        texts = {asks(run, call): call.answer for started in run.starts for call in started.answered}
        for question, answer in rows:
            if _plain(answer) == _plain(texts.get(question, "")):
                continue
            if question == run.torn:
                yield Finding(
                    "half an answer",
                    f"A kill left half of the answer to “{short(question)}” in the file, and there it stayed: "
                    f"“{short(answer)}”.",
                    _WHOLE_ROWS,
                )
            yield Finding(
                "wrong answer",
                f"Where the answer to “{short(question)}” belongs, the file has “{short(answer)}”.",
                "Write the text as it came, `response.choices[0].message.content`, beside its own question.",
            )

    def praise(self, run: ProgramRun) -> str:
        again = len(run.requests) - len(self.questions)
        return (
            f"Killed twice, it went on: {counted(len(self.questions), 'answer')}, and what was on disk was not asked "
            f"again ({counted(again, 'call')} more, for what was in flight{' or torn' if run.torn else ''})."
        )

    def shape(self, run: ProgramRun) -> Panel:
        rows, begin, waiting = list[Row](), 0.0, list(self.questions)
        for last in (False, False, True):
            first = waiting if last else self._first(waiting)
            ends = {each: begin + (LATENCY if last else SPACED * place) for place, each in enumerate(first, 1)}
            end = max(ends.values())
            for each in waiting:
                outcome = "ok" if each in ends else "cancelled"
                rows.append(Row(each, (Bar(begin, None, ends.get(each, end), outcome),)))
            begin, torn = end, run.torn if len(rows) > len(self.questions) else None
            waiting = [each for each in waiting if each not in ends or each == torn]
        return shape.panel(rows)


class Written:
    """Says when a program may be killed: the answers are on disk, or have had the time to be there."""

    def __init__(self, task: GoOn, disk: OnDisk) -> None:
        self._task = task
        self._disk = disk
        self._before = False

    def __call__(self, start: Start) -> bool:
        there, answered = self._disk.look(), start.answered
        if len(answered) < self._task.before_a_kill:
            return False
        # seen twice: what is being written at this moment is let come to its end
        written, self._before = self._before, there >= self._task.asked(answered)
        return (written and self._before) or start.ended - answered[-1].due > self._task.writing


IN_THE_FILE = "They stand in the column `question` of the CSV file that is named first: `sys.argv[1]`."
_WHOLE_ROWS = (
    "Keep the whole rows only: `csv.reader(file, strict=True)` raises `csv.Error` at a torn one; write on behind the "
    "last whole row. With sqlite3 there is nothing to do: a database tears no row."
)


def _after_the_tear(finding: Finding) -> Finding:
    return replace(
        finding,
        kind="half-written row",
        seen=f"A kill left the last row half-written, as a power cut can, and with that your program could not go on. "
        f"{finding.seen}",
        look=_WHOLE_ROWS,
    )


PROGRAMS: dict[str, ProgramTask] = {"make_a_program": MakeAProgram(), "go_on": GoOn()}
