"""The calls of the lessons, made robust: one question, one model, several models, several questions."""

import asyncio
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from httpx2 import RemoteProtocolError
from openai import APIConnectionError, APIResponseValidationError, AsyncOpenAI, OpenAI

from .answer import Answer, failure
from .catalog import COMPARE_MODELS, DEFAULT_MODEL, cost
from .errors import WorkbookError
from .finish_reasons import how_cut
from .inputs import check_callback, check_client, check_list, check_model, check_question, check_questions
from .session import require_connection, shared_client
from .wire.bodies import Completion, read_chunk, read_completion, read_json
from .wire.endings import error_of, why_no_answer
from .wire.exchange import RETRY_COUNT
from .wire.failures import explain


async def ask_ai(question: str, *, model: str = DEFAULT_MODEL) -> str:
    """The answer to one question.

    Raises CallFailed, which says what happened and what to do; BadInput for a question that cannot be sent. Where the
    answer was cut (at the limit of tokens, by a filter), what there is of it comes with a warning.

    >>> print(await ask_ai("What is Python?"))  # doctest: +ELLIPSIS
    Python is a general-purpose programming language ...
    """
    answer = await ask_model(await shared_client(), model, question)
    if answer.incomplete:
        reason = answer.finish_reason or ""
        warnings.warn(f"This answer was {how_cut(reason)} (finish_reason {reason}).", stacklevel=2)
    return answer.answer or ""


async def ask_model(client: AsyncOpenAI, model: str, question: str) -> Answer:
    """Asks one model one question, and times it.

    Raises CallFailed, with the SDK's exception as its `__cause__`; also where what came has no text: a filter kept it
    back, the model refused, or wants a function to be called. BadInput for what cannot be sent. A text that was cut is
    an answer, and marked: `finish_reason`, `incomplete`.

    >>> from openai import AsyncOpenAI
    >>> async with AsyncOpenAI() as client:
    ...     answer = await ask_model(client, "gpt-6-luna", "What is Python?")
    >>> answer.attempts, answer.tokens == answer.prompt_tokens + answer.completion_tokens
    (1, True)
    """
    check_client(client)
    request = _request(model, question)
    with _failure_in_words() as call:
        call.response = await client.chat.completions.with_raw_response.create(**request)
        return _answer(model, question, call)


async def stream_model(client: AsyncOpenAI, model: str, question: str, show: Callable[[str], object]) -> Answer:
    """Like `ask_model`, but `show` is called with all the text so far, each time that some more has come.

    Raises CallFailed where the call fails or its stream breaks off, which it also does where it ends without a
    `finish_reason`; what `show` was given until then is all there is.

    >>> from openai import AsyncOpenAI
    >>> texts = []
    >>> async with AsyncOpenAI() as client:
    ...     answer = await stream_model(client, "gpt-6-luna", "What is Python?", texts.append)
    >>> len(texts) > 5, texts[-1] == answer.answer, answer.completion_tokens > 5
    (True, True, True)
    """
    check_client(client)
    check_callback(show, "show", "the text so far")
    request = {**_request(model, question), "stream": True, "stream_options": {"include_usage": True}}
    said = Completion()
    with _failure_in_words() as call:
        call.response = await client.chat.completions.with_raw_response.create(**request)
        if call.is_whole:
            await call.response.http_response.aread()
            answer = _answer(model, question, call)
            show(answer.answer or "")
            return answer
        async with call.response.parse() as stream:
            async for chunk in stream:
                new = read_chunk(chunk)
                said = said.then(new)
                if new.text:
                    show(said.text)
        if not said.found and not said.error:
            raise call.no_answer("It is no stream of chat completions.")
        if said.finish_reason is None and not said.error:
            cut = RemoteProtocolError("The stream ended without a finish_reason.")
            raise APIConnectionError(request=call.response.http_request) from cut
        return _finished(model, question, call, said)


async def safe_api_call(client: AsyncOpenAI, question: str, *, model: str = DEFAULT_MODEL) -> Answer:
    """Like `ask_model`, but a failure is an `Answer` too: `success` is False, and `error` says why.

    Only a cancellation is raised.

    >>> from openai import AsyncOpenAI
    >>> async with AsyncOpenAI() as client:
    ...     answer = await safe_api_call(client, "What is Python?", model="gpt-99")
    >>> print(answer.answer if answer.success else answer.error)  # doctest: +ELLIPSIS
    The service says: The model `gpt-99` does not exist ...
    """
    try:
        return await ask_model(client, model, question)
    except WorkbookError as error:
        return failure(question, model, error)


async def compare_models(question: str, models: Iterable[str] = COMPARE_MODELS) -> list[Answer]:
    """Asks several models the same question, all at once: an `Answer` for each, in the order given.

    A model that fails does not keep the others from answering. Raises BadInput where there is nothing to ask.

    >>> answers = await compare_models("What is Python?", ["gpt-6-luna", "gpt-6.1-sol"])
    >>> [answer.model for answer in answers]
    ['gpt-6-luna', 'gpt-6.1-sol']
    """
    check_question(question)
    models = check_list(models, "models", "model names")
    client = await shared_client()
    return await asyncio.gather(*(safe_api_call(client, question, model=model) for model in models))


def sync_multiple_calls(questions: Iterable[str], *, model: str = DEFAULT_MODEL) -> list[Answer]:
    """Asks the questions one after the other, with the sync client: what `async_multiple_calls` is measured against.

    Raises CallFailed at the first call that fails.

    >>> answers = sync_multiple_calls(["What is Python?", "What is Go?"])
    >>> len(answers)
    2
    """
    questions = check_questions(questions)
    require_connection()
    answers = []
    with OpenAI() as client:
        for question in questions:
            request = _request(model, question)
            with _failure_in_words() as call:
                call.response = client.chat.completions.with_raw_response.create(**request)
                answers.append(_answer(model, question, call))
    return answers


async def async_multiple_calls(questions: Iterable[str], *, model: str = DEFAULT_MODEL) -> list[Answer]:
    """Asks the questions all at once: the same work as `sync_multiple_calls`, in the time of the slowest call.

    There is no limit on how many are in flight: for more than a few dozen use `process_questions_batch`.
    Raises CallFailed where a call fails, when all have ended.

    >>> answers = await async_multiple_calls(["What is Python?", "What is Go?"])
    >>> [answer.question for answer in answers]
    ['What is Python?', 'What is Go?']
    """
    questions = check_questions(questions)
    client = await shared_client()
    results = await asyncio.gather(
        *(ask_model(client, model, question) for question in questions), return_exceptions=True
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, Answer)]


# ---- what is asked, and what comes back --------------------------------------------------------------------------


def _request(model: str, question: str) -> dict[str, Any]:
    check_question(question)
    check_model(model)
    return {"model": model, "messages": [{"role": "user", "content": question}]}


class _Timed:
    """One call on its way. `response` is the SDK's raw one, once it is there."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.response: Any = None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @property
    def is_whole(self) -> bool:
        """Whether an answer that was wanted as a stream comes in one piece, as from some gateways, and their errors."""
        return "json" in self.response.http_response.headers.get("content-type", "")

    def no_answer(self, why: str) -> APIResponseValidationError:
        return APIResponseValidationError(self.response.http_response, None, message=why)


@contextmanager
def _failure_in_words() -> Iterator[_Timed]:
    """Turns what the SDK raises inside into a CallFailed, which says how long it took, and after how many requests."""
    call = _Timed()
    try:
        yield call
    except WorkbookError:
        raise
    except Exception as error:
        failed = explain(error)
        failed.time = call.seconds
        request = getattr(call.response, "http_request", None) or getattr(error, "request", None)
        if request is not None:
            failed.attempts = int(request.headers.get(RETRY_COUNT, 0)) + 1
        raise failed from error


def _answer(model: str, question: str, call: _Timed) -> Answer:
    """The Answer in a raw response of the SDK."""
    content = read_json(call.response.http_response.content)
    said = read_completion(content)
    if "choices" not in content and not said.error:
        raise call.no_answer("It is no chat completion.")
    return _finished(model, question, call, said)


def _finished(model: str, question: str, call: _Timed, said: Completion) -> Answer:
    """Raises what stands in the place of an answer."""
    if error := error_of(said, call.response.http_response):
        raise error
    prompt_tokens, completion_tokens, tokens = said.usage
    used = {
        "tokens": tokens,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "time": call.seconds,
        "attempts": call.response.retries_taken + 1,
        "cost": cost(model, prompt_tokens, completion_tokens),
        "finish_reason": said.finish_reason,
    }
    if failed := why_no_answer(said):
        failed.time, failed.attempts, failed.facts = used["time"], used["attempts"], used
        raise failed
    return Answer(question=question, model=model, answer=said.text, **used)
