"""The batch box: many questions, a limited number of them in flight, and their answers as a table and a file."""

import asyncio
import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import Any

import ipywidgets

from ..answer import Answer
from ..batch import csv_file, estimate, process_questions_batch
from ..batch.csv_file import Table as FileTable
from ..batch.encodings import UnknownEncoding
from ..batch.estimates import beside_budget
from ..batch.question_file import ENDINGS, read_file
from ..batch.result import NOT_DONE, cut_in_words
from ..errors import BadInput, WorkbookError
from ..finish_reasons import how_cut
from ..inputs import check_model, check_question, check_questions, whole_number
from ..session import live_now, offered, shared_client, spending
from ..session.account import has_budget, require_budget
from ..timeline import svg
from ..wire.trace import Trace
from ..words import counted, duration, one_line, usd
from .base import FRAME, Box, Line, button, row, working_for
from .front import Column, FileField, Table, TextField

MOST = 50  # calls in flight
LONGEST = 4_000  # characters of a text in the table; the file has all of it
SHARE = 10  # pictures are drawn in at most one part in so many of the time
COLUMNS = (
    Column("number", 0),
    Column("question"),
    Column("answer"),
    Column("time (s)", 2),
    Column("queued (s)", 2),
    Column("tokens", 0),
    Column("attempts", 0),
    Column("cost (USD)", 6),
    Column("error"),
)


class BatchBox(Box):
    """See `batch_box`. `answers` are those that are there, in the order of the questions."""

    def __init__(self, questions: Iterable[str], model: str, max_concurrency: int) -> None:
        super().__init__()
        self._file: FileTable | None = None
        self._unread: tuple[str, bytes] | None = None  # a file whose encoding is not known yet
        self._run: _Job | None = None
        self._field = TextField(
            self.on_loop(self._start),
            label="Questions, one a line (Ctrl+Enter runs)",
            value="\n".join(" ".join(question.split()) for question in questions),
            rows=5,
        )
        self._upload = FileField(label="Or choose a file", accept=",".join(ENDINGS))
        self._upload.observe(self.on_loop(self._chosen), "value")
        self._encoding = ipywidgets.Dropdown(description="It reads right as", options=[("", None)])
        self._encoding.observe(self.on_loop(self._told_encoding), "value")
        self._column = ipywidgets.Dropdown(description="Column of the questions", options=[("", None)])
        self._column.observe(self.on_loop(self._describe), "value")
        self._pasted = button("Use the pasted text instead", self.on_loop(self._back_to_the_text), name="pasted")
        self._source = Line("status", name="source")
        there = list(dict.fromkeys((*offered(), model)))
        self._model = ipywidgets.Dropdown(description="Model", options=there, value=model)
        self._limit = ipywidgets.IntText(max_concurrency, description=f"Limit in flight (1 to {MOST})")
        self._go = button("Run", self.on_loop(self._start), name="run")
        self._stop = button("Stop", self.on_loop(self._stopped_by_hand), name="stop", disabled=True)
        self._bar = ipywidgets.IntProgress(0)
        self._bar.add_class("workbook-bar")
        self._progress = Line(name="progress")
        self._table = Table(
            COLUMNS,
            self._table_file,
            name="answers.csv",
            label="Answers",
            download="Download as CSV",
        )
        self._picture = ipywidgets.HTML()
        self._picture.add_class("workbook-picture")
        self._totals = Line(name="totals")
        self._totals.say(spending())
        for labelled in (self._encoding, self._column, self._model, self._limit):
            labelled.add_class("workbook-labelled")
        _hide(self._encoding, self._column, self._pasted, self._bar)
        self.show(
            self._field,
            row(self._upload, self._encoding, self._column, self._pasted),
            self._source,
            row(self._model, self._limit),
            row(self._go, self._stop),
            self.status,
            row(self._bar, self._progress),
            self._table,
            self._picture,
            self._totals,
            name="batch-box",
            label="Batch box",
        )

    def __repr__(self) -> str:
        if self._run is None:
            return (
                "Batch box: paste questions or choose a file, press Run, and watch the answers come in.\n"
                "(It works where this cell is run in JupyterLab.)"
            )
        few = sorted(self._run.answers.items())[:3]
        lines = [f"Batch box: {self._run.outcome()}", *(_in_a_line(number, answer) for number, answer in few)]
        more = len(self._run.answers) - len(few)
        return "\n".join([*lines, f"and {more:,} more"] if more else lines)

    @property
    def answers(self) -> list[Answer]:
        return [answer for _, answer in sorted(self._run.answers.items())] if self._run else []

    def _table_file(self) -> bytes:
        return csv_file.write_table(self.answers)

    # ---- the questions -------------------------------------------------------------------------------------------

    def _chosen(self, *_: object) -> None:
        if not self._upload.value:
            return
        chosen, self._upload.value = self._upload.value[0], []  # not kept: it would be saved with the notebook
        self._read(chosen["name"], bytes(chosen["content"]))

    def _told_encoding(self, *_: object) -> None:
        if self._unread is not None and self._encoding.value is not None:
            self._read(*self._unread, self._encoding.value)

    def _read(self, name: str, content: bytes, encoding: str | None = None) -> None:
        try:
            file = read_file(name, content, encoding)
        except UnknownEncoding as error:
            texts = [(f"{each}: {text}", each) for each, text in error.likely.items()]
            self._encoding.options = [("…", None), *texts]
            self._encoding.value = None
            self._unread = name, content
            _hide(self._encoding, self._pasted, on=False)
            _hide(self._column)
            self._source.say(str(_unread(name)))
            return
        except BadInput as error:
            kept = f" Until then {self._file.name} stays in use." if self._file and not self._unread else ""
            self._source.say(f"{error}{kept}")
            return
        self._file = file
        if encoding is None:
            self._unread = None
            _hide(self._encoding)
        names = [(name or f"(column {number})", number - 1) for number, name in enumerate(file.columns, 1)]
        self._column.options = [("…", None), *names]
        self._column.value = file.of_questions
        _hide(self._pasted, on=False)
        _hide(self._column, on=len(names) == 1)
        self._describe()

    def _back_to_the_text(self, *_: object) -> None:
        self._file, self._unread = None, None
        _hide(self._encoding, self._column, self._pasted)
        self._source.say("")

    def _describe(self, *_: object) -> None:
        """Says what would be asked, so that nobody sends a wrong column."""
        if self._file is None:
            return
        try:
            questions = self._questions()
        except BadInput as error:
            self._source.say(str(error))
            return
        column, empty = self._column.value, self._file.column(self._column.value).count("")
        named = f" (column {self._file.columns[column]})" if self._file.columns[column] else ""
        skipped = f"; {counted(empty, 'empty cell')} skipped" if empty else ""
        first = one_line(questions[0], 80)
        found = f"{counted(len(questions), 'question')} from {self._file.name}{named}{skipped}"
        old = f" ({self._file.was_taken})" if self._file.was_taken else ""
        self._source.say(f"{found}{old}. The first: {first}")

    def _questions(self) -> list[str]:
        """Raises BadInput where there are none, or one that cannot be sent."""
        if self._unread is not None and self._encoding.value is None:
            raise _unread(self._unread[0])
        if self._file is None:
            questions = list(filter(None, map(str.strip, self._field.value.splitlines())))
            if not questions:
                raise BadInput("There are no questions.", "Write one a line into the field, or choose a file.")
        else:
            name, column = self._file.name, self._column.value
            if column is None:
                raise BadInput(f"{name} has several columns.", "Choose the one that holds the questions.")
            questions = list(filter(None, self._file.column(column)))
            if not questions:
                raise BadInput(
                    f"The column {self._file.columns[column]} of {name} is empty.", "Choose another column or file."
                )
        for number, question in enumerate(questions, 1):
            try:
                check_question(question)
            except BadInput as error:
                raise BadInput(f"Question {number}: {error.happened}", error.what_to_do) from error
        return questions

    # ---- the run -------------------------------------------------------------------------------------------------

    def _start(self, *_: object) -> None:
        if self.busy:
            return
        try:
            questions, limit = self._questions(), _checked_limit(self._limit.value)
            require_budget()  # else what is shown, and paid, would make room for nothing
        except WorkbookError as error:
            self.status.say(str(error))
            return
        run = _Job(questions, self._model.value)
        self._go.disabled, self._stop.disabled = True, False
        self.status.say(f"Asking {counted(len(questions), 'question')} …{_estimated(run, limit)}")
        self.begin(lambda: self._ask_all(run, limit))
        if self._work is not None:
            self._work.add_done_callback(lambda _: self._ended(run))

    def _stopped_by_hand(self, *_: object) -> None:
        self._stop.disabled = True
        self.stop()

    def _ended(self, run: "_Job") -> None:
        self._go.disabled, self._stop.disabled = False, True
        if self._work is not None and self._work.cancelled() and run is not self._run:
            self.status.say("Stopped before anything was sent.")

    async def _ask_all(self, run: "_Job", limit: int) -> None:
        client = await shared_client()
        self._run = run  # only now: who is not connected yet keeps what is shown
        self._table.clear()
        self._bar.value, self._bar.max = 0, len(run.questions)
        _hide(self._bar, on=False)
        run.begin()
        drawing = asyncio.ensure_future(self._draw(run))

        def finished(answer: Answer) -> None:
            self._table.rows.append(_row(run.keep(answer), answer))

        try:
            with run.trace:
                answers = await process_questions_batch(
                    run.questions,
                    model=run.model,
                    max_concurrency=limit,
                    client=client,
                    on_progress=finished,
                    progress=False,
                )
            run.stopped = answers.summary.stopped
        finally:
            drawing.cancel()
            run.end()
            self._draw_progress(run)
            self._table.announce()
            self._draw_picture(run)
            self.status.say(run.outcome())

    async def _draw(self, run: "_Job") -> None:
        next_picture = 0.0
        while True:
            self._draw_progress(run)
            self._table.announce()
            if time.perf_counter() >= next_picture:
                next_picture = time.perf_counter() + SHARE * self._draw_picture(run)
            await asyncio.sleep(FRAME)

    def _draw_progress(self, run: "_Job") -> None:
        self._bar.value = len(run.finished)
        self._progress.say(run.progress())
        self._totals.say(spending())

    def _draw_picture(self, run: "_Job") -> float:
        """Returns how long that took."""
        began = time.perf_counter()
        self._picture.value = svg([run.trace.panel()]) if run.trace.calls else ""
        return time.perf_counter() - began


class _Job:
    """What is asked, and what has come of it."""

    def __init__(self, questions: list[str], model: str) -> None:
        self.questions = questions
        self.model = model
        self.answers: dict[int, Answer] = {}  # by the question's number, from 1
        self.trace = Trace(
            f"{counted(len(questions), 'question')}, {model}", concerns=lambda: working_for.get() is self._box
        )
        self._box: Box | None = None
        self._numbers: defaultdict[str, deque[int]] = defaultdict(deque)  # of those that have no answer yet
        for number, question in enumerate(questions, 1):
            self._numbers[question].append(number)
        self._began = 0.0
        self._ended: float | None = None
        self.stopped: str | None = None  # why, where it ended before its end

    def begin(self) -> None:
        self._box = working_for.get()
        self._began = time.perf_counter()

    def end(self) -> None:
        self._ended = time.perf_counter()

    def keep(self, answer: Answer) -> int:
        """Keeps an answer, and tells the number of its question."""
        number = self._numbers[answer.question].popleft()
        self.answers[number] = answer
        return number

    @property
    def finished(self) -> list[Answer]:
        """Those with an outcome: where the batch stopped by itself, its other rows only say so."""
        return [answer for answer in self.answers.values() if answer.error_type not in NOT_DONE]

    @property
    def seconds(self) -> float:
        """At the end those of its picture."""
        if self._ended is None:
            return time.perf_counter() - self._began
        return self.trace.seconds if self.trace.calls else self._ended - self._began

    def progress(self) -> str:
        finished, total, seconds = self.finished, len(self.questions), self.seconds
        done = len(finished)
        parts = [f"{done:,} of {total:,}"]
        if done and seconds:
            parts.append(f"{done / seconds:.1f} a second")
            if self._ended is None and done < total:
                parts.append(f"{_rounded_up((total - done) * seconds / done)} left")
        if self._ended is not None:
            parts.append(f"{duration(seconds)} in all")
        # a question that comes twice is asked, and paid, once
        costs = {answer.question: answer.cost for answer in self.answers.values() if answer.cost is not None}
        if live_now() and self._ended is None and costs:
            parts.append(f"about {usd(sum(costs.values()) / len(costs) * len(set(self.questions)))} in all")
        counts = {
            "cut": sum(answer.incomplete for answer in finished),
            "failed": sum(not answer.success for answer in finished),
        }
        return " · ".join([*parts, *(f"{number:,} {what}" for what, number in counts.items() if number)])

    def outcome(self) -> str:
        """How it ended, or how it stands, in a sentence or two."""
        finished, total = self.finished, len(self.questions)
        done, not_done = len(finished), len(self.answers) - len(finished)
        kinds = Counter(answer.error_type for answer in finished if not answer.success)
        failed = f"{kinds.total():,} failed: {', '.join(f'{n:,} {kind}' for kind, n in kinds.most_common())}"
        answered = done - kinds.total()
        if self._ended is None:
            return f"{done:,} of {total:,} so far" + (f", {failed}." if kinds else ".")
        if done + not_done == total:
            parts = [f"{answered:,} of {total:,} answered", *([failed] if kinds else [])]
            parts += [f"{not_done:,} not sent"] if not_done else []
            why = f" Stopped: {self.stopped}" if self.stopped else ""
            return f"{', '.join(parts)}.{self._cuts()}{why}"
        cut = sum(call.outcome == "cancelled" for call in self.trace.calls)
        said = f"Stopped: {done:,} of {total:,} are done and kept"
        if cut:
            were, them = ("was", "it") if cut == 1 else ("were", "them")
            said += f"; {counted(cut, 'call')} {were} cut off (the service may charge for {them})"
        return (f"{said}. Of those that are done, {failed}." if kinds else f"{said}.") + self._cuts()

    def _cuts(self) -> str:
        """A sentence for each way in which answers were cut."""
        reasons = Counter(answer.finish_reason or "" for answer in self.finished if answer.incomplete)
        return "".join(f" {cut_in_words(reason, number)}." for reason, number in reasons.most_common())


def _row(number: int, answer: Answer) -> list[Any]:
    """A row of the table."""
    error = f"{answer.error_type}: {answer.error}" if not answer.success else None
    return [
        number,
        _cut(answer.question),
        _marked(answer),
        answer.time,
        answer.queued,
        answer.tokens,
        answer.attempts,
        answer.cost,
        _cut(error),
    ]


def _cut(text: str | None) -> str | None:
    return f"{text[:LONGEST]} … (cut here; the CSV has all of it)" if text and len(text) > LONGEST else text


def _marked(answer: Answer) -> str | None:
    """The answer's text, with a word on it where it is cut."""
    text = _cut(answer.answer)
    return f"{text} … ({how_cut(answer.finish_reason or '')})" if answer.incomplete else text


def _in_a_line(number: int, answer: Answer) -> str:
    said = answer.answer or "" if answer.success else f"✗ {answer.error}"
    cut = f" … ({how_cut(answer.finish_reason or '')})" if answer.incomplete else ""
    return f"{number}. {one_line(answer.question, 60)}: {one_line(said, 100)}{cut}"


def _rounded_up(seconds: float) -> str:
    whole = math.ceil(seconds)
    return duration(whole) if whole >= 60 else f"{whole} s"


def _hide(*widgets: ipywidgets.Widget, on: bool = True) -> None:
    for widget in widgets:
        widget.layout.display = "none" if on else None


def _estimated(run: _Job, limit: int) -> str:
    """In live mode: what it will take."""
    if not has_budget():
        return ""
    return f" {beside_budget(estimate(run.questions, model=run.model, max_concurrency=limit))}"


def _unread(name: str) -> BadInput:
    return BadInput(
        f"{name} is not in UTF-8, and what it is in cannot be told for sure.",
        "Choose the line in which the question reads right.",
    )


def _checked_limit(limit: object) -> int:
    what_to_do = f"Give a whole number from 1 to {MOST}, such as 10."
    return whole_number(limit, "The limit in flight is {}.", what_to_do, least=1, most=MOST)


def batch_box(
    questions: Iterable[str] | None = None, *, model: str | None = None, max_concurrency: int = 10
) -> BatchBox:
    """A box to ask many questions: pasted or from a file; with progress, a table of the answers, and a CSV file.

    `questions` are written into its field, one a line (a line break within one becomes a space), `model` and
    `max_concurrency` (1 to 50) are set beforehand; all can be changed there. `answers` of the box are those that are
    there, for `pd.DataFrame(box.answers)`. Raises BadInput for what cannot be asked.

    >>> batch_box(["What is Python?", "What is Go?"])
    Batch box: paste questions or choose a file, press Run, and watch the answers come in.
    (It works where this cell is run in JupyterLab.)
    """
    if model is None:
        model = offered()[0]
    check_model(model)
    given = [] if questions is None else check_questions(questions)
    return BatchBox(given, model, _checked_limit(max_concurrency))
