"""What there is without a name that is not ours: see NAMES in test_names_not_ours.py.

Each test takes one away, and says in words what is lost, and that all else is right.
"""

import asyncio
import concurrent.futures.thread
import ctypes
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import ipywidgets
import openai
import openai._base_client
import pytest
from openai import AsyncOpenAI
from unit import libraries as today

from helpers import (
    WorkbookError,
    ask_model,
    faults,
    process_questions_batch,
    question_box,
    safe_api_call,
    watch,
)
from helpers.checks import fence, owner, running, watchdog
from helpers.checks.running import Scenario
from helpers.mock_api.answers import find_answer
from helpers.session.live import kernel
from helpers.wire import clients, failures, retries
from helpers.wire.bodies import request_body
from helpers.wire.exchange import Exchange
from helpers.wire.model_calls import is_model_call

ROOT = Path(__file__).parents[2]
QUESTIONS = ["What is Python?", "What is Go?", "What is Rust?"]
PATIENCE = 30  # seconds; what takes longer hangs

posixsubprocess: Any = sys.modules.get("_posixsubprocess")  # of `subprocess`; Windows has none


# ---- a batch without the SDK's private names -----------------------------------------------------------------------


class Hidden:
    """A name that a library keeps for itself, and that is gone, or `instead`, for helpers."""

    def __init__(self, name: str, original: Any = None, instead: Any = None) -> None:
        self.name, self.original, self.instead = name, original, instead

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if str(sys._getframe(1).f_globals.get("__name__")).startswith("helpers."):
            if self.instead is not None:
                return self.instead
            raise AttributeError(f"{kind.__name__!r} object has no attribute {self.name!r}")
        return vars(owner)[self.name] if self.original is None else self.original.__get__(owner, kind)

    def __set__(self, owner: Any, value: Any) -> None:
        vars(owner)[self.name] = value


class Without:
    """A module without some of its names."""

    def __init__(self, module: Any, *gone: str) -> None:
        self._module, self._gone = module, gone

    def __getattr__(self, name: str) -> Any:
        if name in self._gone:
            raise AttributeError(name)
        return getattr(self._module, name)


def hide(monkeypatch: pytest.MonkeyPatch, name: str, instead: Any = None) -> None:
    kind = next((each for each in AsyncOpenAI.__mro__ if name in vars(each)), None)
    original = vars(kind)[name] if kind else None
    monkeypatch.setattr(kind or AsyncOpenAI, name, Hidden(name, original, instead), raising=False)


def takes_nothing() -> None:
    raise AssertionError("It was called without what it needs.")


LOSSES: dict[str, Callable[[pytest.MonkeyPatch], object]] = {
    "no openai._models": lambda patch: patch.setitem(sys.modules, "openai._models", None),
    "no FinalRequestOptions": lambda patch: patch.delattr(openai._models, "FinalRequestOptions"),
    "no _client": lambda patch: hide(patch, "_client"),
    "no _build_request": lambda patch: hide(patch, "_build_request"),
    "another _build_request": lambda patch: hide(patch, "_build_request", takes_nothing),
    "a _build_request of another kind": lambda patch: hide(patch, "_build_request", lambda options: "a request"),
    "no _make_status_error_from_response": lambda patch: hide(patch, "_make_status_error_from_response"),
    "another _make_status_error_from_response": lambda patch: hide(
        patch, "_make_status_error_from_response", takes_nothing
    ),
    "a _make_status_error_from_response of another kind": lambda patch: hide(
        patch, "_make_status_error_from_response", lambda response: None
    ),
    "no _api_key_provider": lambda patch: hide(patch, "_api_key_provider"),
    "no _provider_runtime": lambda patch: hide(patch, "_provider_runtime"),
    "no workload_identity": lambda patch: hide(patch, "workload_identity"),
    "no custom_auth": lambda patch: hide(patch, "custom_auth"),
}


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes the SDK's usual way."""
    went: list[str] = []
    post = AsyncOpenAI.post

    async def noted(self: Any, path: str, **options: Any) -> Any:
        went.append(path)
        return await post(self, path, **options)

    monkeypatch.setattr(AsyncOpenAI, "post", noted)
    return went


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.002)


def batch(questions: list[str] | None = None, **settings: Any) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await process_questions_batch(questions or QUESTIONS, **settings)

    return asyncio.run(main())


@pytest.mark.usefixtures("connected")
def test_with_all_of_them_a_batch_takes_the_short_way(usual: list[str]) -> None:
    assert all(row.success for row in batch())
    assert usual == [], "a batch takes the SDK's usual way, at more than the double CPU: which name is gone?"


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.usefixtures("connected", "short_pauses")
def test_without_one_of_them_it_gives_the_same_rows(
    loss: str, usual: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the batch takes the SDK's usual way, at more than the double CPU: nothing else is lost."""
    LOSSES[loss](monkeypatch)
    with (
        faults(rate_limited={"What is Go?": 1}, refused="What is a monad?", retry_after=None),
        watch() as trace,
    ):
        rows = batch([*QUESTIONS, "What is a monad?"])
    assert [row.answer for row in rows[:3]] == [find_answer(question, "small") for question in QUESTIONS]
    assert [row.attempts for row in rows] == [1, 2, 1, 1], "a 429 is tried again"
    assert not rows[3].success and "Invalid prompt: it was flagged" in rows[3].error and "base URL" not in rows[3].error
    assert len(usual) == trace.requests == 5
    drawn = {call.question: len(call.attempts) for call in trace.calls}  # in whichever order they were sent
    assert drawn == {row.question: row.attempts for row in rows} and len(trace.calls) == 4, "drawn as the same call"


@pytest.mark.parametrize("gone", ["SecurityOptions", "FinalRequestOptions"])
def test_without_the_sdks_types_helpers_can_be_imported(gone: str) -> None:
    """Without `openai._models.SecurityOptions` or `FinalRequestOptions` nothing is lost at import."""
    done = python(
        f"""
import asyncio, openai._models
openai.AsyncOpenAI(api_key="any")
del openai._models.{gone}
import helpers
helpers.connect()
rows = asyncio.run(helpers.process_questions_batch({QUESTIONS!r}))
print([row.success for row in rows])
"""
    )
    assert done.stdout.splitlines()[-1:] == ["[True, True, True]"], done.stderr


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


# ---- without the SDK's headers, and the rest of what is the SDK's --------------------------------------------------


@pytest.fixture
def without_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    build = openai._base_client.BaseClient._build_request

    def built(self: Any, *arguments: Any, **options: Any) -> httpx2.Request:
        request = build(self, *arguments, **options)
        for name in [name for name in request.headers if name.startswith("x-stainless-")]:
            if name != "x-stainless-raw-response":  # between the SDK's own parts; it is for nobody else
                del request.headers[name]
        return request

    monkeypatch.setattr(openai._base_client.BaseClient, "_build_request", built)


@pytest.mark.usefixtures("connected", "without_headers")
def test_without_the_sdks_headers_a_retry_is_drawn_as_a_call_of_its_own() -> None:
    """Without `x-stainless-retry-count` a retry is a row of its own in the picture; the answer knows better."""

    async def main() -> Any:
        async with AsyncOpenAI() as ready:
            return await ask_model(ready, "gpt-6-luna", "What is Go?")

    with faults(server_error={"What is Go?": 1}), watch() as trace:
        answer = asyncio.run(main())
    assert answer.attempts == 2 and answer.answer == find_answer("What is Go?", "small")
    assert trace.requests == 2 and len(trace.calls) == 2
    assert [row.success for row in batch()] == [True, True, True]


@pytest.mark.usefixtures("without_headers")
def test_without_the_sdks_headers_a_model_call_is_told_by_its_user_agent() -> None:
    """Without `x-stainless-lang` the guards of live mode still see each model call."""
    request = today.sent()[0]
    assert not [name for name in request.headers if name.startswith("x-stainless-")]
    exchange = Exchange()
    exchange.begin(request)
    assert is_model_call(exchange)
    for name in ("user-agent", "authorization"):
        del request.headers[name]
    nameless = Exchange()
    nameless.begin(request)
    assert is_model_call(nameless), "and, last, by its path"


@pytest.mark.usefixtures("connected")
def test_without_reset_client_the_workbooks_own_clients_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `openai._reset_client` the module-level client stays what it is; helpers ask whom they should."""
    monkeypatch.delattr(openai, "_reset_client")

    async def main() -> bool:
        before = await clients.of_this_loop(None)
        clients.forget(["a key"])
        return before is not await clients.of_this_loop(None)

    assert asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (openai.OpenAIError("There is nothing to log in with."), False),
        (RuntimeError("Closed for business."), True),
        (RuntimeError("Another loop owns this."), True),
    ],
)
def test_without_the_words_of_a_message_the_message_is_told(error: Exception, final: bool) -> None:
    """Without "credentials", "client has been closed" and so on, the library's own words are told."""
    said = str(failures.explain(error))
    assert said.startswith(f"The call failed ({type(error).__name__}: {error}).") and "base URL" not in said
    assert failures.is_final(error) is final


def test_without_the_names_of_errors_the_sdks_own_kind_is_told() -> None:
    """Without `RemoteProtocolError` and its like, a broken connection is told as a service that cannot be reached."""
    request = httpx2.Request("POST", "http://127.0.0.1")
    broken, late = openai.APIConnectionError(request=request), openai.APITimeoutError(request=request)
    broken.__cause__ = type("BrokenPipe", (Exception,), {})()
    assert "cannot be reached" in str(failures.explain(broken)) and "within the time" in str(failures.explain(late))
    assert retries.pause_before_retry(broken, 1), "and tried again all the same"


def test_without_request_not_read_another_error_is_not_hidden() -> None:
    """Without `RequestNotRead` what is sent piece by piece fails while it is watched, and says why."""

    class Streamed:
        @property
        def content(self) -> bytes:
            raise LookupError("It is read piece by piece.")

    with pytest.raises(LookupError, match="piece by piece"):
        request_body(Streamed())


# ---- checks without the names of asyncio and of Python -------------------------------------------------------------


def checked(function: Any) -> running.Run:
    async def main() -> running.Run:
        async with asyncio.timeout(PATIENCE):
            return await running.run(function, Scenario((QUESTIONS,), tuple(QUESTIONS)))

    loop = asyncio.new_event_loop()  # asyncio.run would wait for what does not end
    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def asks_all(questions: list[str]) -> list[str | None]:
    async with AsyncOpenAI() as ready:
        return [(await safe_api_call(ready, question)).answer for question in questions]


async def starts_a_program(questions: list[str]) -> str:
    return subprocess.run([sys.executable, "-c", ""], check=True).args[0]


@pytest.mark.usefixtures("connected")
def test_without_current_frames_a_check_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `sys._current_frames` no line is said to block the loop, and nothing is broken off."""
    for module in (watchdog, owner):
        monkeypatch.setattr(module, "sys", Without(sys, "_current_frames"))
    run = checked(asks_all)
    assert run.error is None and len(run.result) == 3 and len(run.calls) == 3 and run.blocks == []


@pytest.mark.usefixtures("connected")
def test_without_getframe_a_program_is_stopped_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `sys._getframe` the little programs of `platform` are stopped, too; it does without them."""
    monkeypatch.setattr(fence, "sys", Without(sys, "_getframe"))
    monkeypatch.setattr(platform, "_uname_cache", None)
    run = checked(starts_a_program)
    assert run.refused == [fence.PROGRAM] and isinstance(run.error, fence.Refused)
    run = checked(asks_all)
    assert run.error is None and len(run.result) == 3


@pytest.mark.skipif(posixsubprocess is None, reason="Windows starts processes in another way")
@pytest.mark.usefixtures("connected")
def test_without_fork_exec_other_programs_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `_posixsubprocess.fork_exec` a check does not see the processes of multiprocessing; all else it does."""
    monkeypatch.delattr(posixsubprocess, "fork_exec")
    run = checked(starts_a_program)
    assert run.refused == [fence.PROGRAM] and isinstance(run.error, fence.Refused)
    assert not hasattr(posixsubprocess, "fork_exec"), "nothing is left behind in its place"


@pytest.mark.parametrize("gone", ["_unregister_task", "Py_IncRef"])
@pytest.mark.usefixtures("connected")
def test_without_what_takes_a_task_off_the_loop_a_check_ends(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `_unregister_task` a task that swallows its cancellation stays; the check ends, and says what it saw."""
    over: list[bool] = []

    async def goes_on() -> None:
        while not over:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    async def leaves_a_task(questions: list[str]) -> str:
        leaves_a_task.task = asyncio.ensure_future(goes_on())  # type: ignore[attr-defined]
        return "done"

    if gone == "Py_IncRef":
        monkeypatch.setattr(running, "ctypes", Without(ctypes, "pythonapi"))
    else:
        monkeypatch.delattr(asyncio.tasks, gone)
    run = checked(leaves_a_task)
    over.append(True)
    assert run.result == "done" and run.left == ["goes_on"]


def test_without_the_lock_of_the_pools_another_pool_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `_global_shutdown_lock` a lock may stay locked; what is free goes on."""
    monkeypatch.setattr(watchdog, "thread_pool", Without(concurrent.futures.thread, "_global_shutdown_lock"))

    async def main() -> int:
        watchdog._mend_executor(asyncio.get_running_loop())
        return await asyncio.to_thread(int, "3")

    assert asyncio.run(main()) == 3


def test_without_set_async_exc_time_is_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `PyThreadState_SetAsyncExc` TimeUp does not come again where a learner's `except` swallows it."""
    monkeypatch.setattr(watchdog, "ctypes", Without(ctypes, "pythonapi"))
    kind = watchdog.time_up(threading.get_ident())
    with pytest.raises(watchdog.TimeUp):
        raise kind
    assert kind.again() is None


# ---- boxes and kernels ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("connected")
def test_without_its_method_a_widget_is_shown_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ipywidgets' `_repr_mimebundle_`, as in its version 7, the view is made by hand."""
    with_it = question_box()._repr_mimebundle_()
    monkeypatch.delattr(ipywidgets.Widget, "_repr_mimebundle_")
    box = question_box()
    shown = box._repr_mimebundle_()
    view = "application/vnd.jupyter.widget-view+json"
    assert shown[view] == {**with_it[view], "model_id": box.widget.model_id} and shown["text/plain"] == repr(box)


def test_without_generic_traits_the_fields_can_be_imported() -> None:
    """With a traitlets whose `List` takes no type, as its version 5.7, nothing is lost."""
    done = python(
        """
import anywidget, ipywidgets, traitlets
def none(kind, item): raise TypeError("type 'List' is not subscriptable")
traitlets.List.__class_getitem__ = classmethod(none)
from helpers.widgets.front import Table
print(Table.__name__)
"""
    )
    assert done.stdout == "Table\n", done.stderr


@pytest.mark.parametrize("bar", [None, SimpleNamespace(tqdm=lambda total, file: None)], ids=["no tqdm", "another tqdm"])
@pytest.mark.usefixtures("connected")
def test_without_tqdm_a_batch_shows_no_bar(bar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tqdm, or with one that takes other arguments, there is no bar; the rows are there."""
    monkeypatch.setitem(sys.modules, "tqdm", bar)
    assert [row.success for row in batch(progress=True)] == [True, True, True]


@pytest.fixture
def in_a_kernel(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A notebook's kernel, as far as the workbook knows one."""
    sent: list[Any] = []
    shell = SimpleNamespace(
        display_formatter=SimpleNamespace(format=lambda thing: thing),
        events=SimpleNamespace(register=lambda name, function: None),
    )
    session = SimpleNamespace(send=lambda stream, message, content=None, **_: sent.append(content))
    fake = SimpleNamespace(session=session, shell=shell, sent=sent)
    monkeypatch.setattr(kernel, "running_kernel", lambda: fake)
    return fake


def test_without_the_copy_of_the_terminal_messages_are_covered(in_a_kernel: SimpleNamespace) -> None:
    """Without `_original_stdstream_copy` a key may stand in JupyterLab's terminal; in the notebook it does not."""
    assert not hasattr(sys.stdout, "_original_stdstream_copy")
    kernel.cover(lambda text: text.replace("secret", "…"))
    in_a_kernel.session.send(None, "stream", {"text": "the secret"})
    assert in_a_kernel.sent == [{"text": "the …"}]


def test_without_a_way_to_cover_its_messages_live_mode_says_so(in_a_kernel: SimpleNamespace) -> None:
    """Without `session.send` a key could not be hidden in what a kernel sends, so it is not taken at all."""
    del in_a_kernel.session.send
    with pytest.raises(WorkbookError, match="your key could not be hidden in them") as refused:
        kernel.cover(str)
    assert "connect()" in refused.value.what_to_do
