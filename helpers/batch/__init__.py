"""Many questions, a limited number of them in flight."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace

from openai import AsyncOpenAI

from ..calls import Answer, ask_model, check_list, failure
from ..catalog import DEFAULT_MODEL
from ..errors import BadInput, WorkbookError, pause_before_retry
from ..session import shared_client
from ..trace import one_call
from .store import Store


async def process_questions_batch(
    questions: Iterable[str],
    *,
    model: str = DEFAULT_MODEL,
    max_concurrency: int = 10,
    client: AsyncOpenAI | None = None,
    save_to: str | os.PathLike[str] | None = None,
    on_progress: Callable[[Answer], None] | None = None,
) -> list[Answer]:
    """Asks all questions, `max_concurrency` of them at a time: an `Answer` for each, in the order given.

    A failure is an `Answer` too (`success` is False) and does not touch the others. `queued` says how many seconds a
    question waited for a free slot, `time` how long the service took. What may pass (429, 500, a broken connection) is
    tried again, as often as the client's `max_retries` says; no slot is held while waiting for that.
    `on_progress` is called with each Answer as soon as it is final, so in the order in which they come in; it must be
    quick, as no call gets on meanwhile, and raise nothing.
    With `save_to`, each answer is on disk before it counts as done, in an SQLite file that others can read meanwhile.
    After a crash, a `kill -9`, or a full disk the same call goes on where it stopped: no question whose answer was
    saved is sent again. Failures are not saved, so the same call asks them once more. Another model is another job.
    Raises BadInput where there is nothing to ask, or `save_to` is something else's file; WorkbookError where it is
    damaged, locked or cannot be written. However it ends, no call is left in flight.

    >>> answers = await process_questions_batch(["What is Python?", "What is Go?"], max_concurrency=2)
    >>> sum(answer.success for answer in answers)
    2
    """
    questions = check_list(questions, "questions", "questions")
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise BadInput(
            f"max_concurrency={max_concurrency!r} is not a valid number of calls in flight.",
            "Give a whole number, 1 or more, such as 10.",
        )
    client = client or await shared_client()
    attempts = client.max_retries + 1
    once = client.with_options(max_retries=0)  # retried is here, where no slot is held meanwhile
    slots = asyncio.Semaphore(max_concurrency)

    async def ask(question: str) -> Answer:
        queued = served = 0.0
        with one_call(time.perf_counter()):
            for attempt in range(1, attempts + 1):
                waiting_since = time.perf_counter()
                async with slots:
                    if store is not None and (saved := store.saved(question)):
                        return saved
                    queued += time.perf_counter() - waiting_since
                    try:
                        answer, pause = await ask_model(once, model, question), None
                    except WorkbookError as error:
                        answer, pause = failure(question, model, error), pause_before_retry(error.__cause__, attempt)
                    served += answer.time
                    answer = replace(answer, queued=queued, time=served, attempts=attempt if answer.attempts else 0)
                    if store is not None and answer.success:
                        await store.save(answer)
                if pause is None or attempt == attempts:
                    break
                await asyncio.sleep(pause)
        return answer

    async def ask_and_tell(question: str) -> Answer:
        answer = await ask(question)
        if on_progress is not None:
            on_progress(answer)
        return answer

    with ExitStack() as opened:
        store = None if save_to is None else opened.enter_context(Store(save_to, {"model": str(model)}))
        tasks = [asyncio.ensure_future(ask_and_tell(question)) for question in questions]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
