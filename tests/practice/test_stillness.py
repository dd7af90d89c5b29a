"""What waits for ever is stopped soon, and told where; what may still come is waited for."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from openai import AsyncOpenAI

from helpers.checks import judging, running
from helpers.checks.running import LIMIT, Run, Scenario, run

QUESTIONS = ("What is a heap?", "What is a stack?")
SOON = LIMIT / 2  # seconds; a machine may be busy

pytestmark = pytest.mark.usefixtures("notebook")


async def ask(client: AsyncOpenAI, question: str) -> str:
    asked: Any = [{"role": "user", "content": question}]
    response = await client.chat.completions.create(model="gpt-4o-mini", messages=asked)
    return response.choices[0].message.content or ""


def ran(function: Callable[..., Any], seconds: float = 0.05) -> Run:
    scenario = Scenario((list(QUESTIONS),), QUESTIONS, client=True, seconds=dict.fromkeys(QUESTIONS, seconds))
    return asyncio.run(run(function, scenario))


# ---- what never comes ------------------------------------------------------------------------------------------------


async def a_future_that_nobody_sets(client, questions):
    answers = await asyncio.gather(*(ask(client, question) for question in questions))
    await asyncio.get_running_loop().create_future()
    return answers


async def an_event_that_nobody_sets(client, questions):
    await asyncio.Event().wait()
    return await asyncio.gather(*(ask(client, question) for question in questions))


async def a_queue_that_nobody_fills(client, questions):
    answers, queue = [], asyncio.Queue()
    for question in questions:
        queue.put_nowait(question)

    async def worker():
        while True:
            answers.append(await ask(client, await queue.get()))

    await asyncio.gather(worker(), worker())
    return answers


async def entries_that_nobody_ticks_off(client, questions):
    queue = asyncio.Queue()
    for question in questions:
        queue.put_nowait(question)

    async def worker():
        while True:
            await ask(client, await queue.get())

    workers = [asyncio.create_task(worker()) for _ in questions]
    await queue.join()
    for each in workers:
        each.cancel()


async def a_queue_that_nobody_empties(client, questions):
    queue = asyncio.Queue(maxsize=1)
    for question in questions:
        await queue.put(question)
    return [await ask(client, queue.get_nowait()) for _ in questions]


async def slots_that_nobody_gives_back(client, questions):
    slots = asyncio.Semaphore(1)

    async def one(question):
        await slots.acquire()
        return await ask(client, question)

    return await asyncio.gather(*(one(question) for question in questions))


async def a_lock_taken_twice(client, questions):
    lock = asyncio.Lock()
    async with lock, lock:
        return await asyncio.gather(*(ask(client, question) for question in questions))


async def tasks_that_wait_for_each_other(client, questions):
    tasks: list[asyncio.Task] = []

    async def one(other):
        await asyncio.wait([tasks[other]])

    tasks += [asyncio.create_task(one(1)), asyncio.create_task(one(0))]
    await asyncio.gather(*tasks)


FOR_EVER = {
    a_future_that_nobody_sets: ("create_future()", "what ends your workers"),
    an_event_that_nobody_sets: ("asyncio.Event().wait()", "call `set()`"),
    a_queue_that_nobody_fills: ("await queue.get()", "The queue is empty"),
    entries_that_nobody_ticks_off: ("await queue.join()", "task_done()"),
    a_queue_that_nobody_empties: ("await queue.put(question)", "The queue is full"),
    slots_that_nobody_gives_back: ("await slots.acquire()", "give it back"),
    a_lock_taken_twice: ("async with lock, lock:", "not even its owner"),
    tasks_that_wait_for_each_other: ("await asyncio.wait([tasks[other]])", "before the first call"),
}


@pytest.mark.parametrize("function", FOR_EVER)
def test_what_waits_for_ever_is_stopped_soon_and_told_where(function: Callable[..., Any]) -> None:
    done = ran(function)
    finding = next(judging.it_ended(done))
    where, look = FOR_EVER[function]
    assert "something that never comes" in finding.seen and where in finding.seen
    assert look in finding.look
    assert done.seconds < SOON


async def a_semaphore_of_threads(client, questions):
    slots = threading.Semaphore(1)

    async def one(question):
        with slots:
            return await ask(client, question)

    return await asyncio.gather(*(one(question) for question in questions))


async def the_result_of_its_own_loop(client, questions):
    loop = asyncio.get_running_loop()
    return [asyncio.run_coroutine_threadsafe(ask(client, question), loop).result() for question in questions]


@pytest.mark.parametrize("function", [a_semaphore_of_threads, the_result_of_its_own_loop])
def test_a_lock_of_threads_that_stops_the_loop_is_told_as_one(function: Callable[..., Any]) -> None:
    done = ran(function)
    finding = next(judging.it_ended(done))
    assert "a lock of threads stops the whole event loop" in finding.seen
    assert done.seconds < SOON


# ---- what may still come ---------------------------------------------------------------------------------------------

LONG = 1.2  # seconds; much longer than something has to be still


async def waits_for_a_slow_call(client, questions):
    return await asyncio.gather(*(ask(client, question) for question in questions))


async def waits_for_a_pause(client, questions):
    await asyncio.sleep(LONG)
    return await waits_for_a_slow_call(client, questions)


async def waits_for_a_timer(client, questions):
    due = asyncio.Event()
    asyncio.get_running_loop().call_later(LONG, due.set)
    await due.wait()
    return await waits_for_a_slow_call(client, questions)


async def waits_for_a_time_limit(client, questions):
    try:
        async with asyncio.timeout(LONG):
            await asyncio.Event().wait()
    except TimeoutError:
        return await waits_for_a_slow_call(client, questions)


async def waits_for_a_thread(client, questions):
    await asyncio.to_thread(time.sleep, LONG)
    return await waits_for_a_slow_call(client, questions)


async def waits_for_a_loop_in_a_thread(client, questions):
    for _ in range(2):
        await asyncio.to_thread(asyncio.run, asyncio.sleep(LONG))
    return await waits_for_a_slow_call(client, questions)


async def waits_for_a_thread_of_anyio(client, questions):
    await anyio.to_thread.run_sync(time.sleep, LONG)
    return await waits_for_a_slow_call(client, questions)


async def waits_for_a_thread_of_its_own(client, questions):
    loop, due = asyncio.get_running_loop(), asyncio.Event()

    def work():
        time.sleep(LONG)
        loop.call_soon_threadsafe(due.set)

    threading.Thread(target=work).start()
    await due.wait()
    return await waits_for_a_slow_call(client, questions)


async def waits_busily(client, questions):
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        await asyncio.sleep(0)
    return await waits_for_a_slow_call(client, questions)


@pytest.mark.parametrize(
    "function",
    [
        waits_for_a_slow_call,
        waits_for_a_pause,
        waits_for_a_timer,
        waits_for_a_time_limit,
        waits_for_a_thread,
        waits_for_a_loop_in_a_thread,
        waits_for_a_thread_of_anyio,
        waits_for_a_thread_of_its_own,
        waits_busily,
    ],
)
def test_what_may_still_come_is_waited_for(function: Callable[..., Any]) -> None:
    done = ran(function, seconds=LONG)
    assert done.ended and not done.error, next(judging.it_ended(done))
    assert len(done.result) == len(QUESTIONS)


def test_work_in_a_thread_of_an_earlier_run_is_waited_for() -> None:
    async def twice() -> list[Run]:
        scenario = Scenario((list(QUESTIONS),), QUESTIONS, client=True)
        return [
            await run(function, scenario)
            for function in (waits_for_a_thread, waits_for_a_thread_of_anyio)
            for _ in range(2)
        ]

    assert all(done.ended for done in asyncio.run(twice()))


def test_the_event_loop_is_as_it_was() -> None:
    async def before_and_after() -> tuple[dict[str, Any], dict[str, Any]]:
        loop = asyncio.get_running_loop()
        before = dict(vars(loop))
        await run(waits_for_a_slow_call, Scenario((list(QUESTIONS),), QUESTIONS, client=True))
        return before, dict(vars(loop))

    before, after = asyncio.run(before_and_after())
    assert before.keys() == after.keys()


def test_a_run_is_looked_at_more_often_than_it_has_to_be_still() -> None:
    assert running.LOOK * 10 < LIMIT


async def is_late_and_takes_locks(client, questions):
    """As a first import does, which may take half a second."""
    lock = threading.Condition()
    until = time.perf_counter() + LONG
    while time.perf_counter() < until:
        with lock:
            threading.Event().wait(0.001)
    return await waits_for_a_slow_call(client, questions)


def test_who_only_takes_locks_is_not_called_locked() -> None:
    done = ran(is_late_and_takes_locks)
    assert done.ended and not done.locked
