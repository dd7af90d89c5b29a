"""Many questions, a limited number of them in flight."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace

from openai import AsyncOpenAI

from .calls import Answer, check_list, safe_api_call
from .catalog import DEFAULT_MODEL
from .errors import BadInput
from .session import shared_client
from .trace import one_call


async def process_questions_batch(
    questions: Iterable[str],
    *,
    model: str = DEFAULT_MODEL,
    max_concurrency: int = 10,
    client: AsyncOpenAI | None = None,
) -> list[Answer]:
    """Asks all questions, `max_concurrency` of them at a time: an `Answer` for each, in the order given.

    A failure is an `Answer` too (`success` is False) and does not touch the others. `queued` says how many seconds a
    question waited for a free slot, `time` what came after that; a slot is held while the SDK waits before a retry.
    Raises BadInput where there is nothing to ask.

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
    slots = asyncio.Semaphore(max_concurrency)

    async def ask(question: str) -> Answer:
        queued_at = time.perf_counter()
        async with slots:
            queued = time.perf_counter() - queued_at
            with one_call(queued_at):
                return replace(await safe_api_call(client, question, model=model), queued=queued)

    return await asyncio.gather(*(ask(question) for question in questions))
