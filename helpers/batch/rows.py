"""Which question is which row of a batch, and what is known of it: each question is asked once, each row answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..answer import Answer, ParsedAnswer, failure
from ..errors import BadInput, WorkbookError
from ..inputs import check_question
from ..wire.failures import explain
from ..wire.trace import OneCall
from .messages import Conversation, read_question
from .result import Summary
from .schema import Schema, with_parsed
from .store import Store


@dataclass(slots=True)
class Question:
    """One question on its way to its answer."""

    text: str
    rows: list[int]
    since: float  # since when it has been waiting for a slot
    call: OneCall
    messages: list[dict[str, Any]] | None = None  # of a conversation; else its text is the one message
    queued: float = 0.0  # seconds, before now
    served: float = 0.0  # seconds of all attempts
    attempts: int = 0
    failures: int = 0  # of them: those that count as tries
    refusals: int = 0  # and 429s that do not, since others got through meanwhile
    in_flight: bool = False
    last_error: Exception | None = None


class Rows:
    """The rows of a batch, and the answers in them, which are kept only with `keep`.

    `tell` is called with the Answer of each row as soon as it is final. With `each`, a question that comes again is
    another question, and is asked anew.
    """

    def __init__(
        self,
        model: str,
        summary: Summary,
        tell: Callable[[Answer], object],
        *,
        keep: bool,
        each: bool = False,
        schema: Schema | None = None,
    ) -> None:
        self.answers: list[Answer | None] = []
        self.store: Store | None = None
        self._model = model
        self._summary = summary
        self._tell = tell
        self._keep = keep
        self._each = each
        self._schema = schema
        self._known: dict[str | int, Question | Answer] = {}  # by what makes two rows the same question

    def admit(self, value: Any, since: float) -> Question | None:
        """A question that has to be sent; None for one that is answered already, is on its way, or cannot be sent."""
        row = self._summary.rows
        self._summary.rows += 1
        if self._keep:
            self.answers.append(None)
        try:
            value = read_question(value)
            check_question(value)
        except BadInput as error:
            failed = failure(value if isinstance(value, str) else str(value), self._model, error)
            self._give(row, replace(failed, error_type=BadInput.__name__))
            return None
        text = value if type(value) is str else str(value)
        key = self._key(text, row)
        known = self._known.get(key)
        if known is None and (known := self._saved(text)):
            self._summary.saved += 1
            self._remember(key, known)
            self._give(row, known)
        elif known is None:
            messages = value.messages if isinstance(value, Conversation) else None
            question = self._known[key] = Question(text, [row], since, OneCall(since), messages)
            return question
        elif isinstance(known, Answer):
            self._summary.repeated += known.success
            self._give(row, known)
        else:
            known.rows.append(row)
        return None

    def _saved(self, text: str) -> Answer | None:
        found = self.store.saved(text) if self.store is not None else None
        return self._schema.parsed(found) if found is not None and self._schema is not None else found

    def answer(self, question: Question, answer: Answer) -> None:
        """It is done."""
        self._remember(self._key(question.text, question.rows[0]), answer)
        self._summary.repeated += (len(question.rows) - 1) * answer.success
        for row in question.rows:
            self._give(row, answer)

    def fail(self, question: Question, reason: WorkbookError) -> None:
        """It is done, and failed."""
        self.answer(question, self._failed(question, reason))

    def end(self, why: str, rest: Any) -> None:
        """A row for each question that has none yet, and for each of the `rest`, where it ended before its end."""
        for known in list(self._known.values()):
            if isinstance(known, Question):
                self._summary.cut_off += known.in_flight
                self.answer(known, self._undone(known, why))
        for value in rest:
            if question := self.admit(value, time.perf_counter()):
                self.answer(question, self._undone(question, why))

    def _failed(self, question: Question, reason: WorkbookError) -> Answer:
        answer = failure(question.text, self._model, reason)
        kind = type(question.last_error).__name__ if question.last_error else answer.error_type
        return replace(
            answer, time=question.served, queued=question.queued, attempts=question.attempts, error_type=kind
        )

    def _undone(self, question: Question, why: str) -> Answer:
        kind, what = ("CutOff", "Cut off") if question.in_flight else ("NotSent", "Not sent")
        if question.last_error is not None and not question.in_flight:
            kind, what = type(question.last_error).__name__, f"{explain(question.last_error)} Not tried again"
        reason = WorkbookError(f"{what}: {why}", "The same call asks it again.")
        return replace(self._failed(question, reason), error_type=kind)

    def _key(self, text: str, row: int) -> str | int:
        return row if self._each else text

    def _remember(self, key: str | int, answer: Answer) -> None:
        """Keeps an answer for the same question further on, but where none comes, or the file knows it anyway."""
        if self._each or (self.store is not None and not self._keep and answer.success):
            self._known.pop(key, None)
        else:
            self._known[key] = answer

    def _give(self, row: int, answer: Answer) -> None:
        if self._schema is not None and not isinstance(answer, ParsedAnswer):
            answer = with_parsed(answer, None)  # it failed before anything came
        if answer.success:
            self._summary.succeeded += 1
            if answer.incomplete:
                self._summary.cut_by[answer.finish_reason or ""] += 1
        else:
            self._summary.failed[answer.error_type or ""] += 1
        if self._keep:
            self.answers[row] = answer
        self._tell(answer)
