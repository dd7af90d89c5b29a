"""The question box: ask one question of several models, watch the answers being written, and stop."""

import asyncio
import html
import time
from collections.abc import Iterable

import ipywidgets

from ..answer import Answer, failure
from ..calls import stream_model
from ..catalog import COMPARE_MODELS
from ..errors import BadInput, WorkbookError
from ..finish_reasons import how_cut
from ..inputs import check_list, check_question
from ..session import offered, shared_client, spending
from ..timeline import svg
from ..wire.trace import Trace
from ..words import counted, duration, one_line, usd
from .base import FRAME, Box, Line, button, row, working_for
from .front import TextField

MOST = 12  # models to choose from


class QuestionBox(Box):
    """See `question_box`."""

    def __init__(self, question: str, models: tuple[str, ...], ticked: Iterable[str]) -> None:
        super().__init__()
        self._field = TextField(
            self.on_loop(self._start), label="Your question (Ctrl+Enter asks)", value=question, rows=2
        )
        self._ticks = {name: ipywidgets.Checkbox(name in ticked, description=name, indent=False) for name in models}
        for tick in self._ticks.values():
            tick.add_class("workbook-tick")
        self._ask = button("Ask", self.on_loop(self._start), name="ask")
        self._stop = button("Stop", self.on_loop(self._stopped_by_hand), name="stop", disabled=True)
        self._cards = ipywidgets.Box()
        self._cards.add_class("workbook-cards")
        self._picture = ipywidgets.HTML()
        self._picture.add_class("workbook-picture")
        self._totals = Line(name="totals")
        self._totals.say(spending())
        self._asked = ""
        self._shown: list[_Card] = []
        self.show(
            self._field,
            row(ipywidgets.HTML("Models:"), *self._ticks.values()),
            row(self._ask, self._stop),
            self.status,
            self._cards,
            self._picture,
            self._totals,
            name="question-box",
            label="Question box",
        )

    def __repr__(self) -> str:
        if not self._shown:
            return (
                "Question box: write a question, tick models, press Ask, and watch their answers being written.\n"
                "(It works where this cell is run in JupyterLab.)"
            )
        return "\n\n".join([f"Question: {self._asked}", *(f"{card.model}: {card.text}" for card in self._shown)])

    # ---- asking --------------------------------------------------------------------------------------------------

    def _start(self, *_: object) -> None:
        if self.busy:
            return
        question, models = self._field.value, [name for name, tick in self._ticks.items() if tick.value]
        try:
            if not question.strip():
                raise BadInput("The question is empty.", "Write one into the field above, then press Ask.")
            check_question(question)
            if not models:
                raise BadInput("No model is ticked.", "Tick at least one, then press Ask.")
        except BadInput as error:
            self.status.say(str(error))
            return
        self._ask.disabled, self._stop.disabled = True, False
        self.status.say(f"Asking {counted(len(models), 'model')} …")
        self.begin(lambda: self._ask_all(question, models))

    def _stopped_by_hand(self, *_: object) -> None:
        self._stop.disabled = True
        self.stop()

    async def _ask_all(self, question: str, models: list[str]) -> None:
        self._asked, self._shown = question, [_Card(model) for model in models]
        self._cards.children = [card.shown for card in self._shown]
        trace = Trace(one_line(question, 60), concerns=lambda: working_for.get() is self)
        drawing = asyncio.ensure_future(self._draw(trace))
        try:
            client = await shared_client()
            with trace:
                await asyncio.gather(*(card.fill(client, question) for card in self._shown))
        finally:
            drawing.cancel()
            self._ask.disabled, self._stop.disabled = False, True
            self._draw_once(trace)
            self.status.say(self._outcome())

    def _outcome(self) -> str:
        """How it ended, in a sentence or two."""
        answered = sum(card.state == "answered" for card in self._shown)
        failed = sum(card.state == "failed" for card in self._shown)
        cut = [card for card in self._shown if card.state == "stopped"]
        incomplete = sum(card.incomplete for card in self._shown)
        of_them = f", {incomplete:,} of them cut" if incomplete else ""
        said = f"{counted(answered, 'answer')}{of_them}." if answered or not cut else ""
        if failed:
            said += f" {counted(failed, 'call')} failed: see below."
        if cut:
            partly = sum(bool(card.text) for card in cut)
            kept = f"; the text so far of {partly} is kept" if partly else ""
            said = f"Stopped: {counted(len(cut), 'call')} cut off{kept}. The service may charge for that. {said}"
        return said.strip()

    async def _draw(self, trace: Trace) -> None:
        while True:
            self._draw_once(trace)
            await asyncio.sleep(FRAME)

    def _draw_once(self, trace: Trace) -> None:
        for card in self._shown:
            card.draw()
        self._picture.value = svg([trace.panel()]) if trace.calls else ""
        self._totals.say(spending())


class _Card:
    """One model's answer while it is written."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.state = "waiting"
        self.incomplete = False
        self.text = ""
        self.facts = "waiting …"
        self.shown = ipywidgets.HTML()
        self.shown.add_class("workbook-answer")

    async def fill(self, client: object, question: str) -> None:
        start, first = time.perf_counter(), None

        def show(text: str) -> None:
            nonlocal first
            first = first or time.perf_counter() - start
            self.state, self.text, self.facts = "writing", text, f"first word after {duration(first)} …"

        try:
            answer = await stream_model(client, self.model, question, show)  # type: ignore[arg-type]
            self.state, self.text = "answered", answer.answer or ""
            began = f"first word after {duration(first)}, " if first is not None else ""
            cut = f"{how_cut(answer.finish_reason or '')} (finish_reason {answer.finish_reason})"
            facts = [cut if answer.incomplete else "", f"{began}done after {duration(answer.time)}", _used(answer)]
            self.facts = " · ".join(filter(None, [*facts, usd(answer.cost)]))
            self.incomplete = answer.incomplete
        except WorkbookError as error:
            failed = failure(question, self.model, error)
            self.state, self.facts = "failed", f"✗ {failed.error} ({failed.error_type}, {duration(failed.time)})"
        except asyncio.CancelledError:
            self.state, self.facts = "stopped", f"stopped after {duration(time.perf_counter() - start)}"
            raise

    def draw(self) -> None:
        model, text, facts = map(html.escape, (self.model, self.text, self.facts))
        shown = f'<div class="text">{text}</div>' if text else ""
        value = (
            f'<div class="workbook-card"><div class="model">{model}</div>{shown}<div class="facts">{facts}</div></div>'
        )
        if self.shown.value != value:  # what has not changed need not travel
            self.shown.value = value


def _used(answer: Answer) -> str:
    return f"{answer.tokens:,} tokens" if answer.tokens is not None else ""


def question_box(question: str = "", *, models: Iterable[str] | None = None) -> QuestionBox:
    """A box to ask one question of several models, and to watch their answers being written.

    `models` are the names to choose from, all ticked; without it, those of the catalogue, the usual three ticked, or
    in live mode those that the service offers.
    Raises BadInput for a list of models that is none.

    >>> question_box("What is Python?")
    Question box: write a question, tick models, press Ask, and watch their answers being written.
    (It works where this cell is run in JupyterLab.)
    """
    if not isinstance(question, str):
        raise BadInput(f"question={question!r} is not a text.", 'Write it in quotes: question_box("What is Python?").')
    if models is None:
        there = offered()[:MOST]
        return QuestionBox(question, there, [name for name in COMPARE_MODELS if name in there] or there[:1])
    named = tuple(dict.fromkeys(check_list(models, "models", "model names")))
    return QuestionBox(question, named, named)
