"""One batch at work: workers that take questions as they come, one pacer for all, a queue of what is tried again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from typing import Any

import openai

from ..calls import Answer, check_question, failure
from ..catalog import cost
from ..errors import (
    BadInput,
    BudgetReached,
    WorkbookError,
    explain,
    is_final,
    is_rate_limit,
    pause_before_retry,
    told_to_wait,
)
from ..session import endpoint, live_now, shared_client
from ..standing import require_budget
from ..trace import OneCall
from . import progress
from .asking import Asker, Reply
from .estimates import FRAME, estimate, tokens_in
from .pacer import LOOK_AGAIN, Pacer, Ticket
from .questions import Source, read
from .result import Answers, Summary
from .settings import Settings
from .store import Store

OUTAGE = 100  # questions that fail one after the other for these reasons, and no answer between: the service is down
SERVICE_FAILURES = (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError)
BREATH = 50  # rows without a call after which others on the loop have their turn
END: Any = object()


@dataclass(slots=True)
class _Question:
    """One question on its way to its answer."""

    text: str
    rows: list[int]
    since: float  # since when it has been waiting for a slot
    call: OneCall
    queued: float = 0.0  # seconds, before now
    served: float = 0.0  # seconds of all attempts
    attempts: int = 0
    failures: int = 0  # of them: those that count as tries
    refusals: int = 0  # and 429s that do not, since others got through meanwhile
    in_flight: bool = False
    last_error: Exception | None = None


class Run:
    """A batch. `answers` grows while it runs, where they are kept; `ready` gives them as they come, where it is set."""

    def __init__(self, questions: Source, settings: Settings, *, keep: bool = True) -> None:
        self._settings = settings
        self._questions = questions
        self._source, total = read(questions)
        self._keep = keep
        self.summary = Summary(settings.max_concurrency, total)
        self.answers: list[Answer | None] = []
        self.ready: asyncio.Queue[Any] | None = None  # for who takes the answers as they come
        self.room = asyncio.Event()  # there is room in `ready`
        self._known: dict[str, _Question | Answer] = {}
        self._retries: list[tuple[float, int, _Question]] = []  # when each is due; a heap
        self._tie = count()
        self._arrivals: asyncio.Queue[Any] | None = None  # of an async iterator, read one ahead
        self._read_to_the_end = False
        self._pacer = Pacer(settings.requests_per_minute, settings.tokens_per_minute)
        self._gate = asyncio.Lock()  # first come, first served at the pacer
        self._purse = asyncio.Lock()  # first come, first served at what is left of the budget
        self._stopped = asyncio.Event()
        self._outage = max(OUTAGE, 2 * settings.max_concurrency)  # also: no more than that waits to be tried again
        self._failed_in_a_row = 0
        self._in_flight = 0
        self._got_through = 0.0  # when the last answer came
        self._frame_tokens = FRAME + tokens_in(settings.instructions)
        self._answer_tokens = 0.0  # the mean so far
        self._began = 0.0
        self._store: Store | None = None
        self._tell = settings.on_progress
        self._failure: BaseException | None = None  # of what the caller gave: the iterator, on_progress
        self._over = False

    async def go(self) -> None:
        """Asks all. Raises what the caller has to know; however it ends, no call is left in flight."""
        settings = self._settings
        client = settings.client or await shared_client()
        self._began = time.perf_counter()
        with ExitStack() as opened:
            opened.callback(self._end)
            if settings.save_to is not None:
                self._store = opened.enter_context(Store(settings.save_to, settings.job(endpoint(client))))
            self._asker = Asker(client, settings.model, settings.instructions, settings.options, settings.timeout)
            self._estimate()
            opened.enter_context(progress.shown(self._look, settings.progress))
            clock = asyncio.timeout(settings.deadline)
            try:
                async with clock:
                    await self._work_all()
            except BaseException as error:
                if isinstance(error, TimeoutError) and clock.expired():
                    self.summary.stopped = f"The deadline of {settings.deadline:g} s was over."
                else:
                    interrupted = isinstance(error, asyncio.CancelledError)
                    self.summary.stopped = "It was interrupted." if interrupted else str(error) or type(error).__name__
                    self._tell = None
                    error.add_note("What was finished is kept: see last_batch().")
                    raise
            finally:
                if self.summary.stopped:
                    self._fill(self.summary.stopped)
        if self._failure is not None:
            raise self._failure
        if not self.summary.rows and not self.summary.stopped:
            raise BadInput("There are no questions in `questions`.", "Put at least one into it.")

    def _estimate(self) -> None:
        """In live mode: says what it will take before anything is sent."""
        now, settings, store = live_now(), self._settings, self._store
        if now is None or settings.progress is False or self.summary.total is None:
            return
        each = read(self._questions)[0]
        assert isinstance(each, Iterator)  # it has a length
        about = estimate(
            (value for value in each if store is None or not isinstance(value, str) or not store.saved(value)),
            model=settings.model,
            instructions=settings.instructions,
            max_concurrency=settings.max_concurrency,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_minute=settings.tokens_per_minute,
        )
        if about.calls:
            print(f"Estimate: {about}.{now.what_is_left(about.cost)}", file=progress.place(), flush=True)

    async def _work_all(self) -> None:
        workers = min(self._settings.max_concurrency, self.summary.total or self._settings.max_concurrency)
        tasks = [asyncio.ensure_future(self._work()) for _ in range(workers)]
        feeder = None
        if isinstance(self._source, AsyncIterator):
            self._arrivals = asyncio.Queue(1)
            feeder = asyncio.ensure_future(self._feed(self._source, self._arrivals))
        try:
            await asyncio.gather(*tasks)
        finally:
            self._over = True
            tasks += [feeder] if feeder else []
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ---- what a worker does ----------------------------------------------------------------------------------

    async def _work(self) -> None:
        while question := await self._next():
            await self._ask(question)

    async def _next(self) -> _Question | None:
        """The next question to send: one that is due again, else a new one; None where there will be no more."""
        idle = 0
        while not self._stopped.is_set():
            if self._retries and self._retries[0][0] <= time.perf_counter():
                return heappop(self._retries)[2]
            if self.ready is not None and self.ready.qsize() >= self._settings.max_concurrency:
                self.room.clear()
                await self.room.wait()
            elif not self._read_to_the_end and len(self._retries) < self._outage:
                value = await self._new_value()
                if value is not END and (question := self._admitted(value)):
                    return question
            elif self._retries:
                await self._pause(self._retries[0][0] - time.perf_counter())
            else:
                return None
            idle += 1
            if idle % BREATH == 0:
                await asyncio.sleep(0)
        return None

    async def _ask(self, question: _Question) -> None:
        ticket = await self._permission(question)
        if ticket is None:
            return
        if live_now() is not None and not await self._within_budget():
            return
        sent, waited_since = time.perf_counter(), question.since
        question.queued += sent - waited_since
        if not question.attempts:
            self.summary.asked += 1
        question.attempts += 1
        self.summary.requests += 1
        question.in_flight = True
        self._in_flight += 1
        try:
            with question.call:
                reply = await self._asker(question.text, question.attempts)
        except Exception as error:
            self._in_flight -= 1
            now = question.since = time.perf_counter()
            question.in_flight = False
            question.served += now - sent
            self._went_wrong(question, error, waited_since, ticket)
        else:
            self._in_flight -= 1
            now = time.perf_counter()
            question.served += now - sent
            self._pacer.answered(ticket, now, reply.headers, reply.total_tokens)
            self._got_through = now
            self._failed_in_a_row = 0
            await self._answered(question, reply, now - sent)

    async def _permission(self, question: _Question) -> Ticket | None:
        """Waits for the pacer; None where the batch was stopped meanwhile."""
        if self._stopped.is_set():
            return None
        tokens = self._frame_tokens + tokens_in(question.text) + self._answer_tokens
        if self._gate.locked() or self._pacer.wait(time.perf_counter(), tokens):
            async with self._gate:
                while not self._stopped.is_set() and (wait := self._pacer.wait(time.perf_counter(), tokens)):
                    await self._pause(wait)
                if self._stopped.is_set():
                    return None
                return self._pacer.sent(time.perf_counter(), tokens)
        return self._pacer.sent(time.perf_counter(), tokens)

    async def _within_budget(self) -> bool:
        """Whether the next may be sent. What is in flight may use the budget up, or cost less than was reckoned."""
        async with self._purse:
            while not self._stopped.is_set():
                try:
                    require_budget()
                    return True
                except BudgetReached as reached:
                    if not self._in_flight:
                        self._stop(str(reached))
                await self._pause(LOOK_AGAIN)
        return False

    async def _answered(self, question: _Question, reply: Reply, seconds: float) -> None:
        price = cost(self._settings.model, reply.prompt_tokens, reply.completion_tokens)
        answer = Answer(
            question=question.text,
            model=self._settings.model,
            answer=reply.text,
            tokens=reply.total_tokens,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            time=question.served,
            queued=question.queued,
            attempts=question.attempts,
            cost=price,
        )
        summary = self.summary
        summary.tokens += reply.total_tokens or 0
        summary.cost += price or 0.0
        summary.unknown_costs += price is None
        summary.answer_seconds += seconds
        summary.longest = max(summary.longest, seconds)
        if reply.completion_tokens:
            self._answer_tokens += (reply.completion_tokens - self._answer_tokens) * 0.1
        try:
            if self._store is not None:
                await self._store.save(answer)
        except asyncio.CancelledError:  # it is written all the same
            self._is_done(question, answer)
            raise
        self._is_done(question, answer)

    def _went_wrong(self, question: _Question, error: Exception, waited_since: float, ticket: Ticket) -> None:
        """Tries again later, or makes it a row; what no other question can escape stops the batch."""
        now, most, question.last_error = question.since, self._settings.max_retries, error
        response = getattr(error, "response", None)
        if response is None:
            self._pacer.lost(ticket, now)
        elif is_rate_limit(error):
            self.summary.refused += 1
            self._pacer.refused(ticket, now, response.headers, told_to_wait(response))
        else:
            self._pacer.answered(ticket, now, response.headers, None)
        if is_rate_limit(error) and self._got_through > waited_since and question.refusals < most:
            question.refusals += 1  # not its own fault, but the pacer's
        else:
            question.failures += 1
        pause = pause_before_retry(error, max(1, question.failures))
        if pause is not None and question.failures <= most:
            heappush(self._retries, (now + pause, next(self._tie), question))
            return
        reason = error if isinstance(error, WorkbookError) else explain(error)
        if is_final(error):
            self._stop(str(reason))
        elif isinstance(error, SERVICE_FAILURES):
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= self._outage:
                self._stop(f"{self._failed_in_a_row} questions failed one after the other. The last: {reason}")
        self._is_done(question, self._failed(question, reason))

    def _failed(self, question: _Question, reason: WorkbookError) -> Answer:
        answer = failure(question.text, self._settings.model, reason)
        kind = type(question.last_error).__name__ if question.last_error else answer.error_type
        return replace(
            answer, time=question.served, queued=question.queued, attempts=question.attempts, error_type=kind
        )

    # ---- questions as they come ------------------------------------------------------------------------------

    async def _feed(self, source: AsyncIterator[Any], arrivals: asyncio.Queue[Any]) -> None:
        try:
            async for value in source:
                await arrivals.put(value)
        except BaseException as error:
            if self._over:
                raise
            self._failure = error  # also where a task that it waits for was cancelled
        await arrivals.put(END)

    async def _new_value(self) -> Any:
        """The next of what the caller gave; END where there is none, or none yet while another is due again."""
        if self._arrivals is None:
            try:
                return next(self._source)  # type: ignore[arg-type]
            except StopIteration:
                self._read_to_the_end = True
            except Exception as error:  # the caller's iterator: what it gave before is answered first
                self._failure, self._read_to_the_end = error, True
            return END
        due = self._retries[0][0] - time.perf_counter() if self._retries else None
        try:
            async with asyncio.timeout(due):
                value = await self._arrivals.get()
        except TimeoutError:
            return END
        if value is END:
            self._read_to_the_end = True
            with suppress(asyncio.QueueFull):  # for the next one who waits
                self._arrivals.put_nowait(END)
        return value

    def _admitted(self, value: Any) -> _Question | None:
        """A question that has to be sent; None for one that is answered already, is on its way, or cannot be sent."""
        row = self.summary.rows
        self.summary.rows += 1
        if self._keep:
            self.answers.append(None)
        try:
            check_question(value)
        except BadInput as error:
            failed = failure(value if isinstance(value, str) else str(value), self._settings.model, error)
            self._give(row, replace(failed, error_type=BadInput.__name__))
            return None
        text = value if type(value) is str else str(value)
        known = self._known.get(text)
        if known is None and self._store is not None and (known := self._store.saved(text)):
            self.summary.saved += 1
            self._remember(known)
            self._give(row, known)
        elif known is None:
            since = self._began if self.summary.total else time.perf_counter()
            question = self._known[text] = _Question(text, [row], since, OneCall(since))
            return question
        elif isinstance(known, Answer):
            self.summary.repeated += known.success
            self._give(row, known)
        else:
            known.rows.append(row)
        return None

    # ---- answers as they come --------------------------------------------------------------------------------

    def _is_done(self, question: _Question, answer: Answer) -> None:
        self._remember(answer)
        self.summary.repeated += (len(question.rows) - 1) * answer.success
        for row in question.rows:
            self._give(row, answer)

    def _remember(self, answer: Answer) -> None:
        """Keeps an answer for the same question further on, but where the file or nobody knows it anyway."""
        if self._store is not None and not self._keep and answer.success:
            self._known.pop(answer.question, None)
        else:
            self._known[answer.question] = answer

    def _give(self, row: int, answer: Answer) -> None:
        if answer.success:
            self.summary.succeeded += 1
        else:
            self.summary.failed[answer.error_type or ""] += 1
        if self._keep:
            self.answers[row] = answer
        if self.ready is not None:
            self.ready.put_nowait(answer)
        if self._tell is not None:
            try:
                self._tell(answer)
            except Exception as error:  # raised when what is in flight, and paid, has come back
                self._tell, self._failure = None, self._failure or error
                self._stop(f"on_progress failed ({type(error).__name__}: {error}).")

    # ---- the end ---------------------------------------------------------------------------------------------

    def _stop(self, why: str) -> None:
        """Sends nothing more; what is in flight comes to its end."""
        if not self._stopped.is_set():
            self.summary.stopped = why
            self._stopped.set()
            self.room.set()
            if self._arrivals is not None:
                with suppress(asyncio.QueueFull):
                    self._arrivals.put_nowait(END)

    def _fill(self, why: str) -> None:
        """A row for each question that has none yet, where it ended before its end."""
        for known in list(self._known.values()):
            if isinstance(known, _Question):
                self.summary.cut_off += known.in_flight
                self._is_done(known, self._undone(known, why))
        if self.summary.total is not None and isinstance(self._source, Iterator):
            for value in self._source:
                if question := self._admitted(value):
                    self._is_done(question, self._undone(question, why))

    def _undone(self, question: _Question, why: str) -> Answer:
        kind, what = ("CutOff", "Cut off") if question.in_flight else ("NotSent", "Not sent")
        if question.last_error is not None and not question.in_flight:
            kind, what = type(question.last_error).__name__, f"{explain(question.last_error)} Not tried again"
        reason = WorkbookError(f"{what}: {why}", "The same call asks it again.")
        return replace(self._failed(question, reason), error_type=kind)

    def _end(self) -> None:
        self.summary.seconds = time.perf_counter() - self._began
        self.summary.requests_per_minute = self._pacer.requests_per_minute

    def _look(self) -> Summary:
        """The summary as it stands, for the progress bar."""
        self._end()
        return self.summary

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopped.wait()

    def result(self) -> Answers:
        """The answers that there are."""
        return Answers(self.summary, (answer for answer in self.answers if answer is not None))
