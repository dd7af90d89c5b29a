"""What a check does to the notebook around it: nothing. And what it notes of a function that does not end."""

import asyncio
import inspect
import os
import re
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import warnings
from asyncio import all_tasks as all_tasks_of_old  # as a notebook may have imported it, long before the check
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import openai._base_client
import pytest
from openai import AsyncOpenAI, OpenAI

from helpers import WorkbookError, ask_ai, connect, faults, open_exercise, shared_client
from helpers.checks import judging, running
from helpers.checks.running import Run, Scenario, run
from helpers.course.verdict import Verdict
from helpers.mock_api import Faults, MockAPI
from helpers.session.environment import IN_PROCESS
from helpers.session.state import State, state
from helpers.wire import clients, send

QUESTIONS = ("What is a heap?", "What is a stack?")
Function = Callable[..., Awaitable[Any]]

pytestmark = pytest.mark.usefixtures("notebook")


@pytest.fixture(autouse=True)
def quick_exams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_PACE", "0.001")
    latency = running.ExamAPI.latency

    def quick(self: running.ExamAPI, *about: Any) -> tuple[float, float]:
        return min(latency(self, *about)[0], 0.2), 0.0

    monkeypatch.setattr(running.ExamAPI, "latency", quick)


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LIMIT", 0.5)


def scenario(**options: Any) -> Scenario:
    return Scenario((list(QUESTIONS),), QUESTIONS, seconds=dict.fromkeys(QUESTIONS, 0.05), **options)


def ran(function: Function, **options: Any) -> Run:
    return asyncio.run(run(function, scenario(**options)))


def checked(function: Function) -> Verdict:
    async def main() -> Verdict:
        return await open_exercise("answer_a_list").check(function)

    return asyncio.run(main())


async def ask(client: AsyncOpenAI, question: str) -> str:
    asked: Any = [{"role": "user", "content": question}]
    response = await client.chat.completions.create(model="gpt-4o-mini", messages=asked)
    return response.choices[0].message.content or ""


async def ask_all(questions: list[str]) -> list[str]:
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*(ask(client, question) for question in questions))


def lines(function: Function) -> range:
    source, first = inspect.getsourcelines(function)
    return range(first, first + len(source))


def line_of(function: Function, mark: str) -> int:
    source, first = inspect.getsourcelines(function)
    return next(number for number, line in enumerate(source, first) if mark in line)


# ---- what does not end -------------------------------------------------------------------------------------------


async def busy_for_ever(questions: list[str]) -> None:
    while True:
        pass


async def busy_and_deaf(questions: list[str]) -> None:
    number = 0
    while True:
        try:  # noqa: SIM105
            number += 1
        except:  # noqa: E722
            pass


async def sync_client_and_deaf(questions: list[str]) -> None:
    client = OpenAI(max_retries=0)
    while True:
        try:  # noqa: SIM105
            client.models.list()
        except:  # noqa: E722
            pass


async def async_client_and_deaf(questions: list[str]) -> None:
    client = AsyncOpenAI(max_retries=0)
    while True:
        try:  # noqa: SIM105
            await ask(client, questions[0])
        except:  # noqa: E722
            pass


async def waits_for_ever(questions: list[str]) -> None:
    await asyncio.Event().wait()


async def busy_in_a_task(questions: list[str]) -> None:
    await asyncio.gather(asyncio.create_task(busy_for_ever(questions)), ask_all(questions))


ENDLESS: list[Function] = [
    busy_for_ever,
    busy_and_deaf,
    sync_client_and_deaf,
    async_client_and_deaf,
    waits_for_ever,
    busy_in_a_task,
]


@pytest.mark.usefixtures("short_limit")
@pytest.mark.parametrize("function", ENDLESS, ids=lambda function: function.__name__)
def test_a_function_that_does_not_end_is_stopped_and_the_notebook_goes_on(function: Function) -> None:
    async def main() -> Verdict:
        verdict = await open_exercise("answer_a_list").check(function)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await ask_ai("What is Python?"), "the notebook's own calls work"
        running.LIMIT = 5.0
        assert len((await run(ask_all, scenario())).result) == 2, "and the next check, too"
        return verdict

    verdict = asyncio.run(main())
    assert (verdict.outcome, verdict.kind) == ("failed", "endless"), verdict


@pytest.mark.usefixtures("short_limit")
@pytest.mark.parametrize("function", [busy_for_ever, busy_and_deaf], ids=lambda function: function.__name__)
def test_the_line_that_does_not_end_is_named(function: Function) -> None:
    verdict = checked(function)
    number = re.search(r"still busy in line (\d+) of its cell", verdict.seen)
    assert number and int(number[1]) in lines(function), verdict


@pytest.mark.usefixtures("short_limit")
def test_what_waits_is_not_called_busy() -> None:
    done = ran(waits_for_ever)
    assert not done.ended and done.stuck_at is None
    assert "never comes" in (seen := next(judging.it_ended(done)).seen) and "it had sent no call" in seen


@pytest.mark.usefixtures("short_limit")
def test_calls_that_hang_end_with_the_check() -> None:
    """Whichever way they are sent: also a thread that waits for one ends."""

    async def in_a_thread(questions: list[str]) -> None:
        def call() -> None:
            with OpenAI(max_retries=0) as client, suppress(openai.OpenAIError):
                client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": questions[0]}])

        await asyncio.to_thread(call)

    for function in (ask_all, in_a_thread):
        assert not ran(function, faults=Faults(hanging=1)).ended


@pytest.mark.parametrize("times", [1, 5])
def test_a_task_that_swallows_its_cancellation_is_ended_too(times: int) -> None:
    ended = []

    async def stubborn() -> None:
        for _ in range(times):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def function(questions: list[str]) -> list[str]:
        function.kept = asyncio.create_task(stubborn())  # type: ignore[attr-defined]
        return await ask_all(questions)

    async def main() -> Run:
        done = await run(function, scenario())
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return done

    assert asyncio.run(main()).left == ["stubborn"]
    assert ended


@pytest.mark.usefixtures("short_limit")
def test_a_task_that_always_swallows_its_cancellation_is_ended_too() -> None:
    over = False

    async def deaf() -> None:
        while not over:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.02)

    async def function(questions: list[str]) -> None:
        function.kept = asyncio.create_task(deaf())  # type: ignore[attr-defined]

    async def main() -> list[str]:
        nonlocal over
        await run(function, scenario())
        left = [str(task.get_coro()) for task in asyncio.all_tasks() - {asyncio.current_task()}]
        over = True
        return left

    assert asyncio.run(main()) == []


def test_no_thread_of_the_check_stays() -> None:
    ran(ask_all)
    watchdogs = [thread for thread in threading.enumerate() if thread.name == "watchdog"]
    for thread in watchdogs:
        thread.join(10)
    assert not [thread for thread in watchdogs if thread.is_alive()]


# ---- when it is interrupted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("presses", [1, 2])
def test_a_check_that_is_interrupted_leaves_nothing_either(presses: int) -> None:
    """■ cancels what the cell awaits."""

    async def main() -> None:
        begun = asyncio.Event()

        async def function(questions: list[str]) -> list[str]:
            function.kept = asyncio.create_task(asyncio.sleep(60))  # type: ignore[attr-defined]
            begun.set()
            return await ask_all(questions * 20)

        exercise, before = open_exercise("answer_a_list"), all_that_is_set_aside()

        async def cell() -> Verdict:
            return await exercise.check(function)

        check = asyncio.create_task(cell())
        await begun.wait()
        for _ in range(presses):
            check.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await check
        for _ in range(20):  # what was cancelled takes its last steps
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert all_that_is_set_aside() == before
        assert (await exercise.check(ask_all)).outcome == "passed", "the next check is not told that one is running"

    asyncio.run(main())


def test_of_two_checks_at_once_the_second_is_told() -> None:
    async def main() -> list[Any]:
        first, second = open_exercise("answer_a_list").check(ask_all), open_exercise("compare_models").check(ask_all)

        async def cell(check: Any) -> Any:
            return await check

        return await asyncio.gather(cell(first), cell(second), return_exceptions=True)

    first, second = asyncio.run(main())
    assert first.outcome == "passed", first
    assert isinstance(second, WorkbookError) and "Another check is still running" in str(second)


# ---- the notebook's own tasks ------------------------------------------------------------------------------------


def test_tasks_of_the_notebook_are_neither_touched_nor_counted() -> None:
    async def main() -> tuple[Verdict, int]:
        steps, children = 0, list[asyncio.Task]()

        async def at_work() -> None:
            nonlocal steps
            while True:
                steps += 1
                if steps in (2, 4, 6):  # it makes tasks of its own, while the check runs
                    children.append(asyncio.create_task(asyncio.sleep(60)))
                await asyncio.sleep(0.005)

        mine = asyncio.create_task(at_work())
        verdict = await open_exercise("answer_a_list").check(ask_all)
        during = steps
        for task in (mine, *children):
            assert not task.done() and not task.cancelling()
            task.cancel()
        return verdict, during

    verdict, during = asyncio.run(main())
    assert verdict.outcome == "passed", verdict
    assert during > 6


FINDS: dict[str, Callable[[], set[asyncio.Task]]] = {
    "all_tasks()": lambda: asyncio.all_tasks(),
    "all_tasks(loop)": lambda: asyncio.all_tasks(asyncio.get_running_loop()),
    "tasks.all_tasks()": lambda: asyncio.tasks.all_tasks(),
    "imported before": lambda: all_tasks_of_old(),
}


@pytest.mark.parametrize("find", FINDS.values(), ids=FINDS)
def test_who_cancels_all_tasks_does_not_reach_the_notebooks(find: Callable[[], set[asyncio.Task]]) -> None:
    async def function(questions: list[str]) -> list[str]:
        answers = await ask_all(questions)
        for task in find() - {asyncio.current_task()}:
            task.cancel()
        return answers

    async def main() -> tuple[Verdict, bool]:
        mine = asyncio.create_task(asyncio.sleep(60))
        cell = asyncio.create_task(awaited(open_exercise("answer_a_list").check(function)))
        await asyncio.wait({cell})
        untouched = not mine.done() and not mine.cancelling() and not cell.cancelled()
        mine.cancel()
        return await cell, untouched

    verdict, untouched = asyncio.run(main())
    assert untouched
    assert verdict.kind == "cancelled others", verdict


async def awaited(check: Any) -> Any:
    return await check


def test_who_looks_at_all_tasks_and_leaves_them_alone_passes() -> None:
    async def function(questions: list[str]) -> list[str]:
        tasks = [asyncio.create_task(ask_all([question])) for question in questions]
        assert set(tasks) < asyncio.all_tasks()
        assert asyncio.current_task() in asyncio.all_tasks()
        return [text for texts in await asyncio.gather(*tasks) for text in texts]

    done = ran(function)
    assert done.error is None and not done.cancelled_others and not done.left
    assert len(done.result) == 2


# ---- everything is what it was -----------------------------------------------------------------------------------


def all_that_is_set_aside() -> dict[str, Any]:
    """All that a check sets aside while it runs."""
    loop = asyncio.get_running_loop()
    return {
        "environment": dict(os.environ),
        "session": {name: value for name, value in vars(state).items() if name != "door"},
        "task factory": loop.get_task_factory(),
        "exception handler": loop.get_exception_handler(),
        "warnings filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "all_tasks": (asyncio.all_tasks, asyncio.tasks.all_tasks),
        "connect of sockets": socket.socket.connect,
        "getaddrinfo": socket.getaddrinfo,
        "guards": list(send.guards),
        "observers": list(send.observers),
        "origin tracking": sys.get_coroutine_origin_tracking_depth(),
        "clients": dict(clients._clients),
        "directory": os.getcwd(),
    }


async def raises(questions: list[str]) -> None:
    raise ZeroDivisionError


async def changes_the_environment(questions: list[str]) -> list[str]:
    os.environ["OPENAI_API_KEY"] = "mine"
    os.environ["A_NEW_ONE"] = "1"
    del os.environ["WORKBOOK_PACE"]
    return await ask_all(questions)


async def clears_the_environment(questions: list[str]) -> list[str]:
    os.environ.clear()
    return []


async def connects(questions: list[str]) -> list[str]:
    connect(seed=99)
    return await ask_all(questions)


async def goes_live(questions: list[str]) -> list[str]:
    connect(live=True)
    return await ask_all(questions)


async def goes_live_with_helpers(questions: list[str]) -> list[str]:
    connect(live=True)
    return [await ask_ai(question) for question in questions]


async def changes_the_loop(questions: list[str]) -> list[str]:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(None)
    loop.set_exception_handler(lambda loop, context: None)
    return await ask_all(questions)


async def ignores_warnings(questions: list[str]) -> list[str]:
    warnings.simplefilter("ignore")
    sys.set_coroutine_origin_tracking_depth(7)
    return await ask_all(questions)


async def makes_calls_fail(questions: list[str]) -> list[str]:
    with faults(server_error={questions[0]: 1}):
        return await ask_all(questions)


CHANGES: list[Function] = [
    ask_all,
    raises,
    changes_the_environment,
    clears_the_environment,
    connects,
    goes_live,
    goes_live_with_helpers,
    changes_the_loop,
    ignores_warnings,
    makes_calls_fail,
]


@pytest.mark.filterwarnings("ignore:faults.*nobody asked")
@pytest.mark.parametrize("function", [*CHANGES, busy_for_ever], ids=lambda function: function.__name__)
def test_afterwards_everything_is_what_it_was(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    if function is busy_for_ever:
        monkeypatch.setattr(running, "LIMIT", 0.5)
    del os.environ["WORKBOOK_MODE"]  # so that it may go live

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(lambda loop, coroutine, **rest: asyncio.Task(coroutine, **rest))
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: loop.default_exception_handler(context))
        await shared_client()
        before = all_that_is_set_aside()
        await run(function, scenario())
        after = all_that_is_set_aside()
        for name in before:
            assert after[name] == before[name], name
        assert await ask_ai("What is Python?")

    asyncio.run(main())


@pytest.mark.parametrize(
    "function", [connects, goes_live, goes_live_with_helpers], ids=lambda function: function.__name__
)
def test_helpers_that_were_used_first_in_a_check_work_after_it(function: Function) -> None:
    del os.environ["WORKBOOK_MODE"]

    async def main() -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await run(function, scenario())
        return await ask_ai("What is Python?")

    assert asyncio.run(main())


@pytest.mark.filterwarnings("ignore:faults.*nobody asked")
@pytest.mark.parametrize("function", [ask_all, connects, makes_calls_fail], ids=lambda function: function.__name__)
def test_the_notebooks_own_api_goes_on_as_if_there_had_been_no_check(notebook: MockAPI, function: Function) -> None:
    """The same calls get the same latencies and faults as without it."""
    os.environ.pop("WORKBOOK_MODE")

    async def some_calls() -> list[tuple[str, int, str]]:
        notebook.served.clear()
        async with AsyncOpenAI(max_retries=0) as client:
            for question in ("What is Go?", "What is Rust?", "What is Go?", *QUESTIONS) * 2:
                with suppress(openai.OpenAIError):
                    await ask(client, question)
        return [(line.question, line.nth, line.outcome) for line in notebook.served]

    async def main(check: bool) -> tuple[list[Any], float]:
        notebook.reset(3, Faults(rate_limited=0.3, server_error=0.2))
        first = await some_calls()
        if check:
            await run(function, scenario())
        return [first, await some_calls()], notebook.clock.pace

    without, checked = asyncio.run(main(False)), asyncio.run(main(True))
    assert {outcome for _, _, outcome in without[0][0]} >= {"200", "429"}
    assert checked == without


def test_the_check_asks_another_api_than_the_notebooks(notebook: MockAPI) -> None:
    done = ran(ask_all)
    assert [line.outcome for line in done.served] == ["200", "200"]
    assert not notebook.served


@pytest.mark.parametrize("error", [OSError("no sockets here"), ImportError("no aiohttp here")])
def test_where_no_socket_can_be_had_a_check_works_too(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    import helpers.mock_api.server

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(state, "__dict__", vars(State()))
    monkeypatch.setattr(helpers.mock_api.server, "Server", refuse)
    connect()
    assert IN_PROCESS in os.environ["OPENAI_BASE_URL"]
    assert checked(ask_all).outcome == "passed"


# ---- clients from before the check -------------------------------------------------------------------------------


def test_a_client_from_before_the_check_is_answered_by_the_check(notebook: MockAPI) -> None:
    async def main() -> Run:
        async with AsyncOpenAI() as client:
            assert await ask(client, "What is Python?"), "it has a connection to the notebook's API"

            async def function(questions: list[str]) -> list[str]:
                return await asyncio.gather(*(ask(client, question) for question in questions))

            done = await run(function, scenario())
            notebook.served.clear()
            assert await ask(client, QUESTIONS[0]) != done.result[0]
            assert len(notebook.served) == 1, "after the check the notebook's API answers it again"
            return done

    done = asyncio.run(main())
    assert sorted(line.question for line in done.served) == sorted(QUESTIONS)
    assert sorted(line.answer for line in done.served) == sorted(done.result)


def test_the_module_level_client_is_answered_by_the_check(notebook: MockAPI) -> None:
    def create(question: str) -> str:
        response = openai.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": question}])
        return response.choices[0].message.content or ""

    async def function(questions: list[str]) -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(create, question) for question in questions))

    own = create(QUESTIONS[0])
    done = ran(function)
    assert sorted(line.answer for line in done.served) == sorted(done.result)
    assert len(notebook.served) == 1
    assert create(QUESTIONS[0]) == own and len(notebook.served) == 2
    openai._reset_client()  # type: ignore[attr-defined]


# ---- what blocks the loop ----------------------------------------------------------------------------------------


def test_what_blocks_the_loop_is_named_with_its_line() -> None:
    async def function(questions: list[str]) -> list[str]:
        answers = await ask_all(questions)
        time.sleep(0.3)  # the culprit
        await asyncio.sleep(0.05)
        return answers

    verdict = checked(function)
    assert verdict.kind == "blocked loop"
    assert f"line {line_of(function, 'the culprit')} of its cell (`time.sleep(0.3)" in verdict.seen


def test_what_blocks_in_a_function_of_the_learners_is_named_there() -> None:
    def nap() -> None:
        time.sleep(0.3)

    async def function(questions: list[str]) -> list[str]:
        nap()
        return await ask_all(questions)

    verdict = checked(function)
    assert verdict.kind == "blocked loop"
    assert f"line {line_of(nap, 'sleep')} of" in verdict.seen  # type: ignore[arg-type]


def test_a_block_before_the_first_call_and_before_the_end_is_noticed() -> None:
    async def first(questions: list[str]) -> list[str]:
        time.sleep(0.3)
        return await ask_all(questions)

    async def last(questions: list[str]) -> list[str]:
        answers = await ask_all(questions)
        time.sleep(0.3)
        return answers

    assert [checked(function).kind for function in (first, last)] == ["blocked loop"] * 2


def test_an_import_is_no_blocked_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    async def function(questions: list[str]) -> list[str]:
        import slow_to_import  # type: ignore[import-not-found]

        assert slow_to_import
        await asyncio.sleep(0)
        return await ask_all(questions)

    assert ran(function).blocks == []
    assert sys.modules.pop("slow_to_import")


def test_building_a_client_is_no_blocked_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    build = openai._base_client.AsyncAPIClient.__init__

    def slowly(self: Any, **options: Any) -> None:
        time.sleep(0.3)
        build(self, **options)

    monkeypatch.setattr(openai._base_client.AsyncAPIClient, "__init__", slowly)
    assert ran(ask_all).blocks == []


def test_a_free_loop_has_no_blocks() -> None:
    assert ran(ask_all).blocks == []


# ---- what nobody awaited, and what else is said ------------------------------------------------------------------


async def forgotten(question: str) -> None: ...


def test_a_coroutine_that_nobody_awaited_is_named() -> None:
    async def function(questions: list[str]) -> list[str]:
        forgotten(questions[0])  # type: ignore[unused-coroutine]
        return await ask_all(questions)

    assert ran(function).forgotten == ["forgotten"]
    verdict = checked(function)
    assert verdict.kind == "never awaited" and "`forgotten` was called and never awaited" in verdict.seen


def test_an_sdk_call_that_nobody_awaited_is_found() -> None:
    async def function(questions: list[str]) -> list[str]:
        async with AsyncOpenAI() as client:
            client.chat.completions.create(model="gpt-4o", messages=[])  # type: ignore[unused-coroutine]
            return []

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        verdict = checked(function)
    assert verdict.kind in ("never awaited", "nothing sent") and "await" in verdict.look
    assert not said


def test_a_coroutine_that_a_library_forgot_is_no_fault_of_the_learners() -> None:
    library: dict[str, Callable[[], None]] = {}
    code = "async def lost(): ...\ndef forget(): lost()\n"
    exec(compile(code, str(Path(sysconfig.get_path("purelib"), "some_library.py")), "exec"), library)

    async def function(questions: list[str]) -> list[str]:
        library["forget"]()
        return await ask_all(questions)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert ran(function).forgotten == []
    assert not said


def test_a_coroutine_that_is_returned_is_not_warned_of() -> None:
    async def function(questions: list[str]) -> list[Coroutine]:
        return [forgotten(question) for question in questions]

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert checked(function).kind == "coroutine returned"
    assert not said


def test_other_warnings_are_passed_on() -> None:
    async def function(questions: list[str]) -> list[str]:
        warnings.warn("this is old", DeprecationWarning, stacklevel=1)
        return await ask_all(questions)

    with pytest.warns(DeprecationWarning, match="this is old"):
        ran(function)


def test_an_error_in_a_task_is_not_printed_beside_the_verdict(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def function(questions: list[str]) -> list[str]:
        asyncio.create_task(fails())  # noqa: RUF006
        return await ask_all(questions)

    async def main() -> None:
        import gc

        await run(function, scenario())
        gc.collect()
        assert not caplog.records
        asyncio.get_running_loop().call_exception_handler({"message": "of the notebook's own"})

    asyncio.run(main())
    assert "of the notebook's own" in caplog.text


def test_what_a_cell_before_has_left_running_is_not_counted() -> None:
    """Its calls go on, meet the check's API, and are nobody's fault here."""

    async def main() -> tuple[Run, bool]:
        asked = asyncio.Event()

        async def goes_on() -> None:
            async with AsyncOpenAI() as client:
                while True:
                    await ask(client, "What is DNS?")
                    asked.set()

        left = asyncio.create_task(goes_on())
        await asked.wait()
        done = await run(ask_all, Scenario((list(QUESTIONS),), QUESTIONS))
        goes_on_still = not left.done()
        left.cancel()
        await asyncio.wait([left])
        return done, goes_on_still

    done, goes_on_still = asyncio.run(main())
    assert goes_on_still
    assert sorted(call.question for call in done.calls) == sorted(QUESTIONS)
    assert len(done.clients) == 1 and not done.left and done.result


def test_the_picture_shows_what_was_in_flight_when_the_function_returned() -> None:
    async def hopes(questions: list[str]) -> list[str]:
        client = AsyncOpenAI()
        tasks = [asyncio.create_task(ask(client, question)) for question in questions]
        while len(sent()) < len(questions):
            await asyncio.sleep(0.01)
        return [str(task.done()) for task in tasks]

    def sent() -> list[Any]:
        return list(state.api.served) if state.api else []

    done = ran(hopes)
    assert [row.bars[-1].outcome for row in done.panel.rows] == ["running", "running"]
    assert [call.outcome for call in done.calls] == ["cancelled", "cancelled"]


def test_a_prompt_around_the_question_meets_the_same_faults_and_times() -> None:
    async def briefly(questions: list[str]) -> list[str]:
        async with AsyncOpenAI(max_retries=0) as client:
            calls = (ask(client, f"Briefly, please: {question} Thank you.") for question in questions)
            return [str(result) for result in await asyncio.gather(*calls, return_exceptions=True)]

    done = ran(briefly, faults=Faults(refused=QUESTIONS[0]))
    assert sorted(served.outcome for served in done.served) == ["200", "400"]


def test_a_function_that_would_end_the_program_does_not() -> None:
    async def leaves(questions: list[str]) -> None:
        sys.exit(1)

    verdict = checked(leaves)
    assert (verdict.outcome, verdict.kind) == ("broken", "raised")
    assert "SystemExit: your function wanted to end the whole program" in verdict.seen


class Hostile(str):
    def strip(self, *_: object) -> str:
        raise ZeroDivisionError


def test_a_result_that_raises_when_it_is_looked_at_is_a_verdict_too() -> None:
    async def odd(questions: list[str]) -> list[str]:
        return [Hostile(answer) for answer in await ask_all(questions)]

    verdict = checked(odd)
    assert (verdict.outcome, verdict.kind) == ("failed", "odd result"), verdict


def test_a_process_with_a_function_that_does_not_end_ends_all_the_same() -> None:
    """Python closes what is left when it ends; code that catches everything would go on for ever then."""
    script = """
        import test_running as here
        here.connect()
        here.running.LIMIT = 0.5
        print(here.checked(here.async_client_and_deaf).kind)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ["PYTHONPATH"]])}
    ended = subprocess.run(
        [sys.executable, "-c", inspect.cleandoc(script)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.splitlines()[-1] == "endless", ended.stderr
