"""One batch at work: workers that take questions as they come, one pacer for all, a queue of what is tried again."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from heapq import heappop, heappush
from itertools import count
from typing import Any

import openai

from ..answer import Answer
from ..catalog import cost
from ..errors import BadInput, BudgetReached, ErrorSent, WorkbookError
from ..session import endpoint, shared_client
from ..session.account import has_budget, require_budget
from ..wire.failures import explain, is_bug, is_final
from ..wire.retries import is_rate_limit, pause_before_retry, retry_after
from . import progress
from .breaker import Breaker
from .estimates import FRAME, announce, tokens_in
from .pacer import LOOK_AGAIN, Pacer, Ticket
from .questions import Source, open_questions, resolve
from .result import Answers, Summary
from .rows import Question, Rows
from .schema import with_parsed
from .sender import Reply, Sender
from .settings import Settings
from .store import Store

OUTAGE = 100  # questions that fail one after the other for these reasons, and no answer between: the service is down
SERVICE_FAILURES = (openai.APIConnectionError, openai.InternalServerError)
BREATH = 50  # rows without a call after which others on the loop have their turn
END: Any = object()


class Batch:
    """A batch. Its rows grow while it runs; `ready` gives their answers as they come, where it is set."""

    def __init__(self, questions: Source, settings: Settings, *, keep: bool = True) -> None:
        self._settings = settings
        self._questions = resolve(questions, settings.encoding)
        self._source, total = open_questions(self._questions)
        self.summary = Summary(settings.max_concurrency, total)
        each = settings.repeats == "each"
        self._rows = Rows(settings.model, self.summary, self._give, keep=keep, each=each, schema=settings.schema)
        self.ready: asyncio.Queue[Any] | None = None  # for who takes the answers as they come
        self.room = asyncio.Event()  # there is room in `ready`
        self._retries: list[tuple[float, int, Question]] = []  # when each is due; a heap
        self._tie = count()
        self._arrivals: asyncio.Queue[Any] | None = None  # of an async iterator, read one ahead
        self._read_to_the_end = False
        self._pacer = Pacer(settings.requests_per_minute, settings.tokens_per_minute)
        self._gate = asyncio.Lock()  # first come, first served at the pacer
        self._budget = asyncio.Lock()  # first come, first served at what is left of the budget
        self._stopped = asyncio.Event()
        self._outage = max(OUTAGE, 2 * settings.max_concurrency)  # also: no more than that waits to be tried again
        self._failed_in_a_row = 0
        self._breaker = Breaker()
        self._in_flight = 0
        self._got_through = 0.0  # when the last answer came
        self._frame_tokens = FRAME + tokens_in(settings.instructions)
        self._answer_tokens = 0.0  # the mean so far
        self._began = 0.0
        self._first_waited = self._last_back = 0.0  # since when the first request waited; the last end so far
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
                store = Store(settings.save_to, settings.job(endpoint(client)))
                self._rows.store = opened.enter_context(store)
            self._sender = Sender(
                client, settings.model, settings.instructions, settings.options, settings.timeout, settings.schema
            )
            announce(self._questions, self.summary.total, settings, self._rows.store)
            opened.enter_context(progress.shown(self._look, settings.progress))
            self._began = time.perf_counter()
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
                    self._rows.end(self.summary.stopped, self._rest())
        if self._failure is not None:
            raise self._failure
        if not self.summary.rows and not self.summary.stopped:
            raise BadInput("There are no questions in `questions`.", "Put at least one into it.")

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

    async def _next(self) -> Question | None:
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
                if value is not END and (question := self._admit(value)):
                    return question
            elif self._retries:
                await self._pause(self._retries[0][0] - time.perf_counter())
            else:
                return None
            idle += 1
            if idle % BREATH == 0:
                await asyncio.sleep(0)
        return None

    async def _ask(self, question: Question) -> None:
        if self._breaker.suspects and not await self._beyond_doubt():
            return
        ticket = await self._permission(question)
        if ticket is None:
            return
        if has_budget() and not await self._within_budget():
            return
        sent, waited_since = time.perf_counter(), question.since
        question.queued += sent - waited_since
        if not question.attempts:
            self.summary.asked += 1
        question.attempts += 1
        self.summary.requests += 1
        question.in_flight = True
        self._in_flight += 1
        self._first_waited = self._first_waited or waited_since
        try:
            try:
                with question.call:
                    reply = await self._sender(question.text, question.attempts, question.messages)
            finally:
                self._last_back = time.perf_counter()
        except Exception as error:
            self._in_flight -= 1
            now = question.since = self._last_back
            question.in_flight = False
            question.served += now - sent
            self._went_wrong(question, error, waited_since, sent, ticket)
        else:
            self._in_flight -= 1
            now = self._last_back
            question.served += now - sent
            self._pacer.answered(ticket, now, reply.headers, reply.usage.total_tokens)
            self._got_through = now
            if reply.failed is None:
                self._failed_in_a_row = 0
            if isinstance(reply.failed, ErrorSent):
                self._breaker.refused(reply.failed, question.text, sent, str(reply.failed))
            else:
                self._breaker.answered(sent)
            await self._answered(question, reply)

    async def _permission(self, question: Question) -> Ticket | None:
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

    async def _beyond_doubt(self) -> bool:
        """Whether the next may be sent, where several were refused alike: what is in flight tells if all are."""
        while self._breaker.suspects and not self._stopped.is_set():
            if not self._in_flight:
                self._stop(self._breaker.verdict)
            await self._pause(LOOK_AGAIN)
        return not self._stopped.is_set()

    async def _within_budget(self) -> bool:
        """Whether the next may be sent. What is in flight may use the budget up, or cost less than was reckoned."""
        async with self._budget:
            while not self._stopped.is_set():
                try:
                    require_budget()
                    return True
                except BudgetReached as reached:
                    if not self._in_flight:
                        self._stop(str(reached))
                await self._pause(LOOK_AGAIN)
        return False

    async def _answered(self, question: Question, reply: Reply) -> None:
        prompt_tokens, completion_tokens, tokens = reply.usage
        price = cost(self._settings.model, prompt_tokens, completion_tokens)
        failed = reply.failed
        answer = Answer(
            question=question.text,
            model=self._settings.model,
            answer=reply.text if failed is None else None,
            tokens=tokens,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            time=question.served,
            queued=question.queued,
            attempts=question.attempts,
            cost=price,
            success=failed is None,
            error=None if failed is None else str(failed),
            error_type=None if failed is None else type(failed).__name__,
            finish_reason=reply.finish_reason,
        )
        if self._settings.schema is not None:
            answer = with_parsed(answer, reply.parsed)
        summary = self.summary
        summary.tokens += tokens or 0
        summary.cost += price or 0.0
        summary.unknown_costs += price is None
        if completion_tokens:
            self._answer_tokens += (completion_tokens - self._answer_tokens) * 0.1
        try:
            if self._rows.store is not None and answer.success:
                await self._rows.store.save(answer)
        except asyncio.CancelledError:  # it is written all the same
            self._rows.answer(question, answer)
            raise
        self._rows.answer(question, answer)
        if failed is not None:
            self._failed_again(failed)

    def _went_wrong(
        self, question: Question, error: Exception, waited_since: float, sent: float, ticket: Ticket
    ) -> None:
        """Tries again later, or makes it a row; what no other question can escape stops the batch."""
        now, most, question.last_error = question.since, self._settings.max_retries, error
        response, limited = getattr(error, "response", None), is_rate_limit(error)
        if response is None:
            self._pacer.lost(ticket, now)
        elif limited:
            self.summary.refused += 1
            self._pacer.refused(ticket, now, response.headers, retry_after(response))
        else:
            self._pacer.answered(ticket, now, response.headers, None)
        if limited and self._got_through > waited_since and question.refusals < most:
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
        elif limited or isinstance(error, SERVICE_FAILURES) or is_bug(error):
            self._failed_again(reason)
        else:
            self._breaker.refused(error, question.text, sent, str(reason))
        self._rows.fail(question, reason)

    def _failed_again(self, reason: Exception) -> None:
        """After so many in a row it is not the questions."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._outage:
            self._stop(f"{self._failed_in_a_row} questions failed one after the other. The last: {reason}")

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

    def _admit(self, value: Any) -> Question | None:
        return self._rows.admit(value, self._began if self.summary.total else time.perf_counter())

    def _rest(self) -> Iterator[Any]:
        """What was given and not read yet, where that has an end."""
        return self._source if self.summary.total is not None and isinstance(self._source, Iterator) else iter(())

    # ---- answers as they come --------------------------------------------------------------------------------

    def _give(self, answer: Answer) -> None:
        """To whoever waits for the answers of the rows."""
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

    def _end(self) -> None:
        # as the picture of its calls has it: what comes before the first and after the last of them is left out
        until = self._last_back if self._over and self._last_back else time.perf_counter()
        self.summary.seconds = until - (self._first_waited or self._began)
        self.summary.requests_per_minute, self.summary.paced_by = self._pacer.requests_per_minute, self._pacer.origin

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
        return Answers(self.summary, (answer for answer in self._rows.answers if answer is not None))
