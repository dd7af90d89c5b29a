"""The calls of the lessons, made robust: one question, one model, several models, several questions."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from openai import APIResponseValidationError, AsyncOpenAI, OpenAI

from .catalog import COMPARE_MODELS, DEFAULT_MODEL, cost
from .errors import BadInput, CallFailed, WorkbookError, explain
from .reading import used
from .session import require_connection, shared_client


@dataclass(frozen=True, slots=True)
class Answer:
    """One call and what came of it. `pd.DataFrame(answers)` makes a table of many.

    `time` is the service's: from sending to the whole answer, retries included (in a batch without the pauses before
    them). `queued` is what was waited before that for a free slot. Both are seconds. `cost` is USD at
    the catalogue's prices, None where the price is unknown. `error` is a sentence for people and `error_type` the SDK's
    class; both are None where the call succeeded.

    >>> answer = Answer(question="What is Go?", model="gpt-6-luna", answer="A language.")
    >>> answer["model"] == answer.model
    True
    """

    question: str
    model: str
    answer: str | None = None
    tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    time: float = 0.0
    queued: float = 0.0
    attempts: int = 0
    cost: float | None = None
    success: bool = True
    error: str | None = None
    error_type: str | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def keys(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self))


async def ask_ai(question: str, *, model: str = DEFAULT_MODEL) -> str:
    """The answer to one question.

    Raises CallFailed, which says what happened and what to do; BadInput for a question that cannot be sent.

    >>> print(await ask_ai("What is Python?"))  # doctest: +ELLIPSIS
    Python is a general-purpose programming language ...
    """
    answer = await ask_model(await shared_client(), model, question)
    return answer.answer or ""


async def ask_model(client: AsyncOpenAI, model: str, question: str) -> Answer:
    """Asks one model one question, and times it.

    Raises CallFailed, with the SDK's exception as its `__cause__`; BadInput for a question that cannot be sent.

    >>> from openai import AsyncOpenAI
    >>> async with AsyncOpenAI() as client:
    ...     answer = await ask_model(client, "gpt-6-luna", "What is Python?")
    >>> answer.attempts, answer.tokens == answer.prompt_tokens + answer.completion_tokens
    (1, True)
    """
    request = _request(model, question)
    start, response = time.perf_counter(), None
    try:
        response = await client.chat.completions.with_raw_response.create(**request)
        return _answer(model, question, response, start)
    except WorkbookError:
        raise
    except Exception as error:
        raise _failed(error, response, start) from error


async def stream_model(client: AsyncOpenAI, model: str, question: str, show: Callable[[str], object]) -> Answer:
    """Like `ask_model`, but `show` is called with all the text so far, each time that some more has come.

    Raises CallFailed where the call fails or its stream breaks off; what `show` was given until then is all there is.

    >>> from openai import AsyncOpenAI
    >>> texts = []
    >>> async with AsyncOpenAI() as client:
    ...     answer = await stream_model(client, "gpt-6-luna", "What is Python?", texts.append)
    >>> len(texts) > 5, texts[-1] == answer.answer, answer.completion_tokens > 5
    (True, True, True)
    """
    request = {**_request(model, question), "stream": True, "stream_options": {"include_usage": True}}
    start, response, text, usage, heard = time.perf_counter(), None, "", None, False
    try:
        response = await client.chat.completions.with_raw_response.create(**request)
        async with response.parse() as stream:
            async for chunk in stream:
                usage = chunk.usage or usage
                heard = heard or bool(chunk.choices)
                if chunk.choices and chunk.choices[0].delta.content:
                    text += chunk.choices[0].delta.content
                    show(text)
        if not heard:
            http = response.http_response
            raise APIResponseValidationError(http, None, message="It is no stream of chat completions.")
        return _finished(model, question, response, start, text, usage)
    except WorkbookError:
        raise
    except Exception as error:
        raise _failed(error, response, start) from error


async def safe_api_call(client: AsyncOpenAI, question: str, *, model: str = DEFAULT_MODEL) -> Answer:
    """Like `ask_model`, but a failure is an `Answer` too: `success` is False, and `error` says why.

    Only a cancellation is raised.

    >>> from openai import AsyncOpenAI
    >>> async with AsyncOpenAI() as client:
    ...     answer = await safe_api_call(client, "What is Python?", model="gpt-99")
    >>> print(answer.answer if answer.success else answer.error)  # doctest: +ELLIPSIS
    The service has no such model, ...
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
            start, response = time.perf_counter(), None
            try:
                response = client.chat.completions.with_raw_response.create(**request)
                answers.append(_answer(model, question, response, start))
            except WorkbookError:
                raise
            except Exception as error:
                raise _failed(error, response, start) from error
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


def check_question(question: object) -> None:
    """Raises BadInput for what cannot be sent as a question."""
    if not isinstance(question, str):
        raise BadInput(
            f"A question is a string, and this is {_article(type(question).__name__)}: {_shortened(question)}.",
            "Take it out of the list." if isinstance(question, list) else 'Write it in quotes: "What is Python?".',
        )
    if not question.strip():
        raise BadInput("The question is empty.", "Write what you want to know between the quotes.")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"The question holds half a character (at position {error.start}), which cannot be sent.",
            "Type that character again; it was probably cut in two when the text was copied.",
        ) from error


def check_model(model: object) -> None:
    """Raises BadInput for what cannot be the name of a model."""
    if not isinstance(model, str) or not model.strip():
        raise BadInput(f"A model is named by a string, and this is {_shortened(model)}.", f'Try "{DEFAULT_MODEL}".')


def check_questions(questions: Iterable[str]) -> list[str]:
    """The questions as a list; raises BadInput where there are none, or one that cannot be sent."""
    questions = check_list(questions, "questions", "questions")
    for question in questions:
        check_question(question)
    return questions


def check_iterable(values: object, name: str, what: str) -> None:
    """Raises BadInput for what is no list, and for a bare string where a list belongs."""
    if isinstance(values, str):
        raise BadInput(
            f"`{name}` is a single string, and a list is needed.", f"Put it in brackets: [{_shortened(values)}]."
        )
    if isinstance(values, Mapping) or hasattr(values, "columns"):
        raise BadInput(
            f"`{name}` is {_article(type(values).__name__)}, and a list is needed.",
            f'Give one column of it, such as {name}=table["question"].',
        )
    if not isinstance(values, Iterable):
        raise BadInput(f"`{name}` is {_article(type(values).__name__)}, not a list.", f"Give a list of {what}.")


def check_list(values: Iterable[str], name: str, what: str) -> list[str]:
    """The values as a list; raises BadInput for none, and for a bare string where a list belongs."""
    check_iterable(values, name, what)
    values = list(values)
    if not values:
        raise BadInput(f"There are no {what} in `{name}`.", "Put at least one into the list.")
    return values


def failure(question: str, model: str, error: WorkbookError) -> Answer:
    """The Answer to a call that failed."""
    return Answer(
        question=question,
        model=model,
        time=getattr(error, "time", 0.0),
        attempts=getattr(error, "attempts", 0),
        success=False,
        error=str(error),
        error_type=type(error.__cause__ or error).__name__,
    )


def _request(model: str, question: str) -> dict[str, Any]:
    check_question(question)
    check_model(model)
    return {"model": model, "messages": [{"role": "user", "content": question}]}


def _answer(model: str, question: str, response: Any, start: float) -> Answer:
    """The Answer in a raw response of the SDK to a call that began at `start`."""
    completion = response.parse()
    return _finished(model, question, response, start, completion.choices[0].message.content, completion.usage)


def _finished(model: str, question: str, response: Any, start: float, text: str | None, usage: Any) -> Answer:
    tokens = used(usage)
    return Answer(
        question=question,
        model=model,
        answer=text,
        tokens=tokens.total_tokens,
        prompt_tokens=tokens.prompt_tokens,
        completion_tokens=tokens.completion_tokens,
        time=time.perf_counter() - start,
        attempts=response.retries_taken + 1,
        cost=cost(model, tokens.prompt_tokens, tokens.completion_tokens),
    )


def _failed(error: Exception, response: Any, start: float) -> CallFailed:
    failed = explain(error)
    failed.time = time.perf_counter() - start
    request = response.http_request if response else getattr(error, "request", None)
    if request is not None:
        failed.attempts = int(request.headers.get("x-stainless-retry-count", 0)) + 1
    return failed


def _article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _shortened(value: object, most: int = 60) -> str:
    shown = repr(value)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
