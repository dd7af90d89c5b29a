import asyncio
import threading
import time
from collections import deque
from contextlib import asynccontextmanager

import anyio
from openai import AsyncOpenAI
from practice.expect import expect


async def ask(client, question):
    response = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content


# the parameter limit is ignored: all calls are in flight at once
@expect("too many in flight")
async def wrong_limit_ignored(client, questions, limit):
    return await asyncio.gather(*[ask(client, q) for q in questions])


# the number from the example (2) stands in the code instead of limit
@expect("too few in flight")
async def wrong_semaphore_hard_coded(client, questions, limit):
    semaphore = asyncio.Semaphore(2)

    async def ask_in_turn(q):
        async with semaphore:
            return await ask(client, q)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


# batches: a whole batch waits for its slowest call before the next question is sent
@expect("idle slots")
async def wrong_batches(client, questions, limit):
    answers = []
    for i in range(0, len(questions), limit):
        batch = questions[i : i + limit]
        answers += await asyncio.gather(*[ask(client, q) for q in batch])
    return answers


# acquire without release: after the first `limit` answers everything waits for ever
@expect("endless")
async def wrong_never_released(client, questions, limit):
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(q):
        await semaphore.acquire()
        return await ask(client, q)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


# acquire() is a coroutine and is not awaited: nobody waits, and each release makes the limit larger still
@expect("never awaited")
async def wrong_acquire_not_awaited(client, questions, limit):
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(q):
        semaphore.acquire()
        try:
            return await ask(client, q)
        finally:
            semaphore.release()

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


# the limit is kept, but the workers append in the order of finishing: the order of the questions is lost
@expect("order lost")
async def wrong_queue_order_lost(client, questions, limit):
    queue = asyncio.Queue()
    for q in questions:
        queue.put_nowait(q)
    answers = []

    async def worker():
        while not queue.empty():
            answers.append(await ask(client, queue.get_nowait()))

    await asyncio.gather(*[worker() for _ in range(limit)])
    return answers


# limit is taken for the number of questions: the rest is never asked
@expect("not asked")
async def wrong_only_first_questions(client, questions, limit):
    return await asyncio.gather(*[ask(client, q) for q in questions[:limit]])


# makes its own client and does not use the one it was given
@expect("own client")
async def wrong_own_client(client, questions, limit):
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(c, q):
        async with semaphore:
            return await ask(c, q)

    async with AsyncOpenAI() as my_client:
        return await asyncio.gather(*[ask_in_turn(my_client, q) for q in questions])


# a pause after every `limit` starts is no limit for calls in flight, and time.sleep stops the whole loop
@expect("blocked loop")
async def wrong_time_sleep_throttle(client, questions, limit):
    tasks = []
    for n, q in enumerate(questions, start=1):
        tasks.append(asyncio.create_task(ask(client, q)))
        if n % limit == 0:
            time.sleep(0.3)
    return await asyncio.gather(*tasks)


# returns (question, text) pairs where only the texts were asked for
@expect("wrong type")
async def wrong_pairs(client, questions, limit):
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(q):
        async with semaphore:
            return q, await ask(client, q)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


@expect("passed")
async def right_semaphore(client, questions, limit):
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(question):
        async with semaphore:
            return await ask(client, question)

    return await asyncio.gather(*(ask_in_turn(question) for question in questions))


@expect("passed")
async def right_queue_with_workers(client, questions, limit):
    queue = asyncio.Queue()
    for item in enumerate(questions):
        queue.put_nowait(item)
    answers = [None] * len(questions)

    async def worker():
        while True:
            try:
                i, question = queue.get_nowait()
            except asyncio.QueueEmpty:
                return
            answers[i] = await ask(client, question)

    await asyncio.gather(*[worker() for _ in range(limit)])
    return answers


@expect("passed")
async def right_task_group_shared_iterator(client, questions, limit):
    answers = {}
    todo = iter(enumerate(questions))

    async def worker():
        for index, question in todo:  # all workers take from the same iterator
            answers[index] = await ask(client, question)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(limit, len(questions))):
            group.create_task(worker())
    return [answers[index] for index in range(len(questions))]


# a pause inside the semaphore
@expect("idle slots")
async def wrong_pause_in_the_slot(client, questions, limit):
    slots = asyncio.Semaphore(limit)

    async def ask_in_turn(q):
        async with slots:
            answer = await ask(client, q)
            await asyncio.sleep(0.3)  # not too fast
            return answer

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


# a semaphore for threads, in an event loop
@expect("endless")
async def wrong_semaphore_of_threads(client, questions, limit):
    slots = threading.Semaphore(limit)

    async def ask_in_turn(q):
        with slots:
            return await ask(client, q)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


# the same with async with
@expect("raised", outcome="broken")
async def wrong_async_with_a_semaphore_of_threads(client, questions, limit):
    slots = threading.Semaphore(limit)

    async def ask_in_turn(q):
        async with slots:
            return await ask(client, q)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


# a semaphore for each call limits nothing
@expect("too many in flight")
async def wrong_semaphore_for_each(client, questions, limit):
    async def ask_in_turn(q):
        async with asyncio.Semaphore(limit):
            return await ask(client, q)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


# join waits for task_done, which nobody calls
@expect("endless")
async def wrong_join_without_task_done(client, questions, limit):
    queue, answers = asyncio.Queue(), {}
    for q in questions:
        queue.put_nowait(q)

    async def worker():
        while True:
            q = await queue.get()
            answers[q] = await ask(client, q)

    workers = [asyncio.create_task(worker()) for _ in range(limit)]
    await queue.join()
    for each in workers:
        each.cancel()
    return [answers[q] for q in questions]


# the workers wait for more, and gather for them
@expect("endless")
async def wrong_workers_without_an_end(client, questions, limit):
    queue, answers = asyncio.Queue(), {}
    for q in questions:
        queue.put_nowait(q)

    async def worker():
        while True:
            q = await queue.get()
            answers[q] = await ask(client, q)

    await asyncio.gather(*[worker() for _ in range(limit)])
    return [answers[q] for q in questions]


# a lock that is taken a second time by who has it
@expect("endless")
async def wrong_lock_taken_twice(client, questions, limit):
    lock = asyncio.Lock()

    async def ask_locked(q):
        async with lock:
            return await ask(client, q)

    async def ask_in_turn(q):
        async with lock:
            return await ask_locked(q)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


@expect("passed")
async def right_limiter_of_anyio(client, questions, limit):
    limiter, answers = anyio.CapacityLimiter(limit), [None] * len(questions)

    async def fill(number, question):
        async with limiter:
            answers[number] = await ask(client, question)

    async with anyio.create_task_group() as group:
        for number, question in enumerate(questions):
            group.start_soon(fill, number, question)
    return answers


@expect("passed")
async def right_slot_by_hand(client, questions, limit):
    slots = asyncio.BoundedSemaphore(limit)

    @asynccontextmanager
    async def slot():
        await slots.acquire()
        try:
            yield
        finally:
            slots.release()

    async def ask_in_turn(question):
        async with slot():
            return await ask(client, question)

    return await asyncio.gather(*map(ask_in_turn, questions))


@expect("passed")
async def right_window_of_tasks(client, questions, limit):
    todo, running, answers = deque(enumerate(questions)), {}, {}
    while todo or running:
        while todo and len(running) < limit:
            number, question = todo.popleft()
            running[asyncio.create_task(ask(client, question))] = number
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            answers[running.pop(task)] = task.result()
    return [answers[number] for number in sorted(answers)]


@expect("passed")
async def right_condition_that_counts(client, questions, limit):
    changed, in_flight = asyncio.Condition(), 0

    async def ask_in_turn(question):
        nonlocal in_flight
        async with changed:
            await changed.wait_for(lambda: in_flight < limit)
            in_flight += 1
        try:
            return await ask(client, question)
        finally:
            async with changed:
                in_flight -= 1
                changed.notify()

    return await asyncio.gather(*[ask_in_turn(question) for question in questions])


@expect("passed")
async def right_queue_joined_and_workers_cancelled(client, questions, limit):
    queue, answers = asyncio.Queue(maxsize=limit), {}

    async def worker():
        while True:
            number, question = await queue.get()
            try:
                answers[number] = await ask(client, question)
            finally:
                queue.task_done()

    workers = [asyncio.create_task(worker()) for _ in range(limit)]
    for item in enumerate(questions):
        await queue.put(item)
    await queue.join()
    for each in workers:
        each.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return [answers[number] for number in range(len(questions))]
