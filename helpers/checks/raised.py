"""What an error says to whoever has made it: where it was raised, and what to do."""

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
    name, said = type(error).__name__, one_line(str(error), 160)
    look = "Run your function by itself in a cell: the traceback shows the way there."
    if advice := next((advice for sign, advice in _SIGNS if sign in f"{name}: {said}"), None):
        look = advice
    elif isinstance(error, WorkbookError):
        said, look = error.happened, error.what_to_do
    elif isinstance(error, openai.OpenAIError):
        explained = explain(error)
        passing = isinstance(error, (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError))
        said = explained.happened
        look = "A call may fail: decide what your function does then." if passing else explained.what_to_do
    what = f"{name}: {said}" if said else name
    return Finding("raised", f"Your function raised an error{line_of(error)}: {what}", look, broken=True)


_STAR = "Give gather the calls without `await`, and a star before a list, a generator or a map: `gather(*calls)`."
_TEXT = "`response.choices[0].message.content`."
_NOTHING = "What stands behind `await` gives nothing to wait for. A pause: `await asyncio.sleep(…)`, not `time.sleep`."
_SIGNS = [
    ("asyncio.run() cannot be called", "The notebook's event loop is running already: write `await …` in its place."),
    ("'coroutine' object", "An `await` is missing before the call that made this coroutine."),
    ("'_GatheringFuture' object", "An `await` is missing before `asyncio.gather(…)`."),
    ("APIRemovedInV1", "The SDK was called like that before its version 1: now `client.chat.completions.create(…)`."),
    ("client has been closed", "The client was closed before its calls were done: `await` them inside `async with`."),
    ("context manager protocol", "Write `async with` in place of `with`: what begins and ends here has to be awaited."),
    ("await wasn't used with future", "An `await` is missing before `asyncio.gather(…)`."),
    ("Passing coroutines is forbidden", "Make tasks of them first, and keep them: `asyncio.create_task(…)` for each."),
    ("InvalidStateError", "A task has no result before it is done: ask `task.done()`, or only those that are."),
    ("'_asyncio.Task' object", "A task is not its result yet: `await` it, or ask `task.result()` when it is done."),
    ("unhashable type: 'list'", "`gather` takes calls, not a list of them: put a star before it, `gather(*calls)`."),
    ("a coroutine or an awaitable is required", _STAR),
    ("Task got bad yield", _STAR),  # of a generator, before 3.12
    ("has no attribute 'error'", "Since its version 1 the SDK has its errors in openai itself: `openai.OpenAIError`."),
    ("'ChatCompletion' object is not subscriptable", f"A response has attributes, no keys: {_TEXT}"),
    ("'list' object has no attribute 'message'", f"`choices` is a list, whose first entry has the message: {_TEXT}"),
    ("'builtin_function_or_method' object has no", "`from time import time` hides the module: write `import time`."),
    ("NoneType can't be used in 'await' expression", _NOTHING),
    ("'NoneType' object can't be awaited", _NOTHING),  # 3.14
    ("can't be used in 'await' expression", "What stands behind `await` is no coroutine: is it the ordinary client?"),
    ("object can't be awaited", "What stands behind `await` is no coroutine: is it the ordinary client?"),  # 3.14
    ("is not defined", "Check the spelling, and that the cell which defines or imports it has been run."),
    ("CancelledError", "Your function was cancelled, perhaps by itself: cancel only the tasks that you made."),
    ("TimeoutError", "The time was up, and nobody caught that: decide what your function returns then."),
]  # fmt: skip


def last_line(error: BaseException) -> Line | None:
    """The last line of the learner's own that the error passed through."""
    found, traceback = None, error.__traceback__
    while traceback is not None:
        found = own_line(traceback.tb_frame.f_code.co_filename, traceback.tb_lineno) or found
        traceback = traceback.tb_next
    return found


def line_of(error: BaseException) -> str:
    found = last_line(error)
    return f" in line {found.number} (`{one_line(found.code, 60)}`)" if found else ""
