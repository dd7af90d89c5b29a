"""Many questions: asked a limited number at a time, tried again, saved, and never paid for twice."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from openai import AsyncOpenAI
from pydantic import BaseModel

from ..answer import Answer
from ..catalog import DEFAULT_MODEL
from ..errors import WorkbookError
from .estimates import Estimate, estimate
from .question_file import questions_in
from .questions import Source
from .result import Answers, Summary
from .run import END, Batch
from .settings import Repeats, Settings

__all__ = [
    "Answers",
    "Estimate",
    "Summary",
    "estimate",
    "last_batch",
    "process_questions_as_completed",
    "process_questions_batch",
    "questions_in",
]

_last: Batch | None = None


async def process_questions_batch(
    questions: Source,
    *,
    model: str = DEFAULT_MODEL,
    instructions: str = "",
    options: Mapping[str, Any] | None = None,
    schema: type[BaseModel] | None = None,
    client: AsyncOpenAI | None = None,
    max_concurrency: int = 10,
    max_retries: int = 5,
    timeout: float | None = None,
    deadline: float | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    repeats: Repeats = "once",
    save_to: str | os.PathLike[str] | None = None,
    on_progress: Callable[[Answer], object] | None = None,
    progress: bool | None = None,
    encoding: str | None = None,
) -> Answers:
    """Asks all questions, `max_concurrency` of them at a time: an `Answer` for each, in the order given.

    What it returns is a list with a `summary`. A failure is an `Answer` too (`success` is False) and does not touch the
    others. A question that comes twice is asked once; what is no question (NaN, an empty text) becomes a failed row.

    - `questions`: a list, a column of a DataFrame, any iterator or async iterator, read as it is needed; or the path
      of a file (CSV, Excel, JSON lines, Parquet), read as a whole before anything is sent: see `questions_in`.
      A question may also be a list of messages, as `chat.completions.create` takes it.
      `encoding` is what a text file is in, where that cannot be told for sure; it is never guessed.
    - `instructions` go before each question, as the system message; `options` are further parameters of
      `chat.completions.create`, such as `{"temperature": 0}`.
    - `schema`: a model of pydantic. Each answer is asked for as JSON of its form, and `answer.parsed` is the object in
      it; its text is saved, and read again, as any other. What is cut (AnswerCut), refused (ModelRefused) or not of
      that form (SchemaMismatch) is a failed row, with `parsed` None; of these only the first kind is worth another
      try, with more tokens.
    - `client`: any `AsyncOpenAI`; without it the workbook's own. Its own retries are switched off here.
    - `max_retries`: how often a question is asked again after a 429, a 500 or a broken connection. Pauses keep to
      `retry-after`, or double from half a second; no slot is held meanwhile. A 429 slows the whole batch. While others
      get through, it is not counted, up to `max_retries` times a question.
    - `timeout`: seconds for one attempt; `deadline`: seconds for the whole batch.
    - `requests_per_minute`, `tokens_per_minute`: never more than that, evenly spaced; where the `x-ratelimit-*` headers
      tell of the same limit of requests, as many go at once as they allow. Without them the rate is read from the
      `x-ratelimit-*` headers, or learned from the 429s.
    - `repeats`: "once" asks a question that comes several times once, and puts its answer into each of its rows; "each"
      asks it for each row, as for several answers to one question at a temperature above 0 (not with `save_to`, which
      keeps one answer for each question).
    - A text that was cut (`finish_reason` "length") is an answer, marked as `incomplete`, and counted in the summary.
      What has no text (a filter kept it back, the model refused, or wants a function to be called) is a failure.
    - `save_to`: an SQLite file. Each answer is on disk before it counts as done, and others can read it meanwhile.
      After a crash, a `kill -9` or a full disk the same call goes on where it stopped: what was saved is not sent
      again. Failures are not saved, so they are. Another model, other instructions or options, or another service is
      another job in the same file. But with a larger limit of tokens (`max_completion_tokens` in `options`), or
      without one, only what was cut is asked again; the other answers are taken from the file.
    - `on_progress` is called with the Answer of each row as soon as it is final; it must be quick, as no call gets on
      meanwhile. `progress`: tqdm's bar; None shows it in a notebook and in a terminal, False never.

    A wrong key, want of credit, a model that does not exist, five questions in a row that are refused for the same
    cause with no answer among them, or a service that fails for a hundred questions in a row stop the batch when what
    is in flight has come back; the other rows say why they were not sent. A `deadline` stops
    it at once.
    When it is interrupted or cancelled, `last_batch()` has what was finished. However it ends, nothing is left in
    flight.
    Raises BadInput where there is nothing to ask, or where `save_to` is something else's file; WorkbookError where it
    is damaged, locked or cannot be written.

    >>> answers = await process_questions_batch(["What is Python?", "What is Go?"], max_concurrency=2)
    >>> answers.summary.succeeded, answers.summary.retries
    (2, 0)
    """
    settings = Settings(
        model=model,
        instructions=instructions,
        options={} if options is None else options,
        client=client,
        max_concurrency=max_concurrency,
        max_retries=max_retries,
        timeout=timeout,
        deadline=deadline,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        repeats=repeats,
        save_to=save_to,
        on_progress=on_progress,
        progress=progress,
        encoding=encoding,
        schema=schema,
    )
    global _last
    run = _last = Batch(questions, settings)
    await run.go()
    return run.result()


async def process_questions_as_completed(
    questions: Source,
    *,
    model: str = DEFAULT_MODEL,
    instructions: str = "",
    options: Mapping[str, Any] | None = None,
    schema: type[BaseModel] | None = None,
    client: AsyncOpenAI | None = None,
    max_concurrency: int = 10,
    max_retries: int = 5,
    timeout: float | None = None,
    deadline: float | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    repeats: Repeats = "once",
    save_to: str | os.PathLike[str] | None = None,
    on_progress: Callable[[Answer], object] | None = None,
    progress: bool | None = False,
    encoding: str | None = None,
) -> AsyncIterator[Answer]:
    """Like `process_questions_batch`, and with the same settings; but gives each Answer as soon as it is there.

    So in the order in which they come in, one for each row. It keeps none, and asks no further ahead than its reader
    reads: with `save_to` any number of questions fits into memory. Who leaves the loop early ends the batch.
    A bar it shows only with `progress=True`.

    >>> async for answer in process_questions_as_completed(["What is Python?", "What is Go?"]):
    ...     assert answer.success
    >>> last_batch().summary.succeeded
    2
    """
    global _last
    settings = Settings(
        model=model,
        instructions=instructions,
        options={} if options is None else options,
        client=client,
        max_concurrency=max_concurrency,
        max_retries=max_retries,
        timeout=timeout,
        deadline=deadline,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        repeats=repeats,
        save_to=save_to,
        on_progress=on_progress,
        progress=progress,
        encoding=encoding,
        schema=schema,
    )
    run = _last = Batch(questions, settings, keep=False)
    ready = run.ready = asyncio.Queue()
    working = asyncio.ensure_future(run.go())
    working.add_done_callback(lambda _: ready.put_nowait(END))
    try:
        while (answer := await ready.get()) is not END:
            run.room.set()
            yield answer
        await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def last_batch() -> Answers:
    """The answers and the summary of the batch that was started last: also of one that was stopped, or still runs.

    Rows that are not done yet are left out while it runs.

    >>> answers = await process_questions_batch(["What is Python?"])
    >>> last_batch() == answers
    True
    """
    if _last is None:
        raise WorkbookError("No batch was started yet.", "Start one with process_questions_batch(questions).")
    return _last.result()
