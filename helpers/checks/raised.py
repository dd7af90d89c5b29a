"""What an error says to whoever has made it: where it was raised, and what to do."""

import re
from collections.abc import Iterator
from traceback import walk_tb

import openai

from ..errors import WorkbookError
from ..wire.failures import explain
from ..words import one_line
from .findings import Finding
from .watchdog import Line, own_line


def innermost(error: BaseException | None) -> BaseException | None:
    """The first error in a group of errors; another one as it is."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error


def raised(error: BaseException | None) -> Finding:
    error = innermost(error)
    assert error is not None
    name, where = type(error).__name__, line_of(error)
    said = one_line(_ADDRESS.sub("", str(error)), 160)
    advice = next((advice for sign, advice in _SIGNS if sign in f"{name}: {said}"), None)
    look = advice or (_LOOK_AT_IT if where else _TRACEBACK)
    if isinstance(error, WorkbookError):
        said, look = error.happened, error.what_to_do
    elif isinstance(error, openai.OpenAIError):
        explained = explain(error)
        passing = isinstance(error, (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError))
        said = explained.happened
        look = advice or ("A call may fail: decide what your function does then." if passing else explained.what_to_do)
    what = f"{name}: {said}" if said else name
    return Finding("raised", f"Your function raised an error{where}: {what}", look, broken=True)


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # another one in each run
_LOOK_AT_IT = "Something in that line is not what you expect: `print(…)` it in the line before, and look."
_TRACEBACK = "Run your function by itself in a cell: the traceback shows the way there."
_STAR = "Give gather the calls without `await`, and a star before a list, a generator or a map: `gather(*calls)`."
_TEXT = "`response.choices[0].message.content`."
_KEYS = f"A response has attributes, no keys: {_TEXT}"
_NOTHING = "What stands behind `await` gives nothing to wait for. A pause: `await asyncio.sleep(…)`, not `time.sleep`."
_THREADS = "That one is of `threading`, for threads: `asyncio.Semaphore` and `asyncio.Lock` go with `async with`."
_ONE = "`await` waits for one thing: a list of calls goes into `await asyncio.gather(*calls)`."
_NO_COROUTINE = "What stands behind `await` is no coroutine: is it the ordinary client, or a result already?"
_MESSAGES = '`messages` is a list of dictionaries: `messages=[{"role": "user", "content": question}]`.'
_ENCODING = 'Open each file with `encoding="utf-8"`: it has all letters, and is what the task asks for.'
_PARAMETERS = "Compare that call with the parameters of what it calls: their number, and their names."
_NONE = "Something is None there: is a `return` missing in a function of yours, or is a call's result not kept?"
_SIGNS = [
    ("asyncio.run() cannot be called", "The notebook's event loop is running already: write `await …` in its place."),
    ("'coroutine' object", "An `await` is missing before the call that made this coroutine."),
    ("'_GatheringFuture' object", "An `await` is missing before `asyncio.gather(…)`."),
    ("APIRemovedInV1", "The SDK was called like that before its version 1: now `client.chat.completions.create(…)`."),
    ("client has been closed", "The client was closed before its calls were done: `await` them inside `async with`."),
    ("'OpenAI' object does not support the asynchronous", "`async with` and `await` are for an `AsyncOpenAI`."),
    *((f"'{name}' object does not support the asynchronous", _THREADS) for name in ("Semaphore", "BoundedSemaphore")),
    *((f"{name}' object does not support the asynchronous", _THREADS) for name in ("thread.lock", "thread.RLock")),
    ("asynchronous context manager protocol", "Write a plain `with`: nothing of this has to be awaited."),
    ("context manager protocol", "Write `async with` in place of `with`: what begins and ends here has to be awaited."),
    ("await wasn't used with future", "An `await` is missing before `asyncio.gather(…)`."),
    ("Passing coroutines is forbidden", "Make tasks of them first, and keep them: `asyncio.create_task(…)` for each."),
    ("InvalidStateError", "A task has no result before it is done: ask `task.done()`, or only those that are."),
    ("'_asyncio.Task' object", "A task is not its result yet: `await` it, or ask `task.result()` when it is done."),
    ("unhashable type: 'list'", "`gather` takes calls, not a list of them: put a star before it, `gather(*calls)`."),
    ("a coroutine or an awaitable is required", _STAR),
    ("Task got bad yield", _STAR),  # of a generator, before 3.12
    ("has no attribute 'error'", "Since its version 1 the SDK has its errors in openai itself: `openai.OpenAIError`."),
    *(
        (f"'{name}' object is not subscriptable", _KEYS)
        for name in ("ChatCompletion", "Choice", "ChatCompletionMessage")
    ),
    ("'list' object has no attribute 'message'", f"`choices` is a list, whose first entry has the message: {_TEXT}"),
    *(
        (f"'{name}' object has no attribute", f"The text of a response is {_TEXT}")
        for name in ("ChatCompletion", "Choice")
    ),
    ("'AsyncCompletions' object is not callable", "`.create` is missing: `client.chat.completions.create(…)`."),
    ("'AsyncOpenAI' object has no attribute", "A call is `client.chat.completions.create(…)`."),
    ("Missing required arguments", f"A call needs its `model=`, and its `messages=`. {_MESSAGES}"),
    ("Invalid type for 'messages[0].content", "The content of a message is one text: make a call for each question."),
    ("Invalid type for 'messages", _MESSAGES),
    (
        "'Response' object has no attribute",
        "Its text is `response.output_text`: `choices` are of chat completions.",
    ),
    ("argument 'messages'", "`messages=` is for `client.chat.completions.create`; `responses.create` takes `input=`."),
    ("'builtin_function_or_method' object has no", "`from time import time` hides the module: write `import time`."),
    ("'set' object is not subscriptable", "`done` and `pending` are sets, without an order: `done.pop()`, or a loop."),
    ("NoneType can't be used in 'await' expression", _NOTHING),
    ("'NoneType' object can't be awaited", _NOTHING),  # 3.14
    *((f"object {name} can't be used in 'await'", _ONE) for name in ("list", "generator", "map", "tuple")),
    *((f"'{name}' object can't be awaited", _ONE) for name in ("list", "generator", "map", "tuple")),
    ("can't be used in 'await' expression", _NO_COROUTINE),
    ("object can't be awaited", _NO_COROUTINE),  # 3.14
    ("is not defined", "Check the spelling, and that the cell which defines or imports it has been run."),
    ("CancelledError", "Your function was cancelled, perhaps by itself: cancel only the tasks that you made."),
    ("TimeoutError", "The time was up, and nobody caught that: decide what your function returns then."),
    ("UnicodeEncodeError", _ENCODING),
    ("UnicodeDecodeError", _ENCODING),
    ("FileNotFoundError", "Open the file whose name your function is given: the check gives other ones."),
    ("UnboundLocalError", "That name has a value only later, or elsewhere: assign it first, or say `nonlocal`."),
    ("positional argument", _PARAMETERS),
    ("unexpected keyword argument", _PARAMETERS),
    ("'NoneType' object", _NONE),
    ("KeyError", "There is no such key: compare its spelling with the keys that there are, `list(…)`."),
    ("IndexError", "There are fewer entries than that: the check's lists are shorter, or longer, than yours."),
    ("values to unpack", "Left of the `=` stand more names, or fewer, than values come: `print` what comes."),
]


def first_line(error: BaseException) -> Line | None:
    """The first line of the learner's own that the error passed through."""
    return next(_own_lines(error), None)


def last_line(error: BaseException) -> Line | None:
    """The last line of the learner's own that the error passed through."""
    lines = list(_own_lines(error))
    return lines[-1] if lines else None


def _own_lines(error: BaseException) -> Iterator[Line]:
    for frame, number in walk_tb(error.__traceback__):
        if line := own_line(frame.f_code.co_filename, number):
            yield line


def line_of(error: BaseException) -> str:
    return in_line(last_line(error))


def in_line(found: Line | None) -> str:
    return f" in line {found.number} (`{one_line(found.code, 60)}`)" if found else ""
