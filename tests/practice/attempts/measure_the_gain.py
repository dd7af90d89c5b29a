import asyncio
import datetime
import itertools
import time
import timeit

import anyio
from openai import AsyncOpenAI
from practice.expect import expect


async def ask(client, question):
    response = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content


def report(one_by_one, at_once):
    return {"one_by_one": one_by_one, "at_once": at_once, "speed_up": one_by_one / at_once}


# in "one by one" all tasks are created before the first is awaited, so they run at once both times
@expect("never one by one")
async def wrong_one_by_one_runs_at_once(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        tasks = [asyncio.create_task(ask(client, q)) for q in questions]
        for task in tasks:
            await task
        one_by_one = time.perf_counter() - start

        start = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        return report(one_by_one, time.perf_counter() - start)


# a gather around both measurements: they run at the same time, and each disturbs the other
@expect("both at once")
async def wrong_both_in_one_gather(questions):
    async def one_by_one(client):
        start = time.perf_counter()
        for q in questions:
            await ask(client, q)
        return time.perf_counter() - start

    async def at_once(client):
        start = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        return time.perf_counter() - start

    async with AsyncOpenAI() as client:
        return report(*await asyncio.gather(one_by_one(client), at_once(client)))


# the clock is stopped right after the tasks were created, the waiting comes after it
@expect("wrong clock")
async def wrong_stopped_before_gather(questions):
    async with AsyncOpenAI() as client:
        t0 = time.perf_counter()
        for q in questions:
            await ask(client, q)
        t1 = time.perf_counter()
        tasks = [asyncio.create_task(ask(client, q)) for q in questions]
        t2 = time.perf_counter()
        await asyncio.gather(*tasks)
    return report(t1 - t0, t2 - t1)


# start minus end: the seconds are below zero
@expect("wrong clock")
async def wrong_way_round(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        for q in questions:
            await ask(client, q)
        middle = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        end = time.perf_counter()
    return report(start - middle, middle - end)


# the quotient is upside down: 0.2 instead of "5 times as fast"
@expect("wrong speed-up")
async def wrong_speed_up_inverted(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        for q in questions:
            await ask(client, q)
        middle = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        end = time.perf_counter()
    return {"one_by_one": middle - start, "at_once": end - middle, "speed_up": (end - middle) / (middle - start)}


# a pause after each question is measured along with it and makes one_by_one (and speed_up) too large
@expect("idle between calls")
async def wrong_sleep_in_loop(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        for q in questions:
            await ask(client, q)
            time.sleep(0.3)  # be nice to the rate limit
        one_by_one = time.perf_counter() - start
        start = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        return report(one_by_one, time.perf_counter() - start)


# returns three bare numbers instead of the dictionary
@expect("wrong type")
async def wrong_returns_tuple(questions):
    async with AsyncOpenAI() as client:
        t0 = time.perf_counter()
        for q in questions:
            await ask(client, q)
        t1 = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        t2 = time.perf_counter()
    return t1 - t0, t2 - t1, (t1 - t0) / (t2 - t1)


# copied from a script: not async, and asyncio.run fails where an event loop is already running (notebook)
@expect("not a coroutine function")
def wrong_asyncio_run(questions):
    async def main():
        async with AsyncOpenAI() as client:
            t0 = time.perf_counter()
            for q in questions:
                await ask(client, q)
            t1 = time.perf_counter()
            await asyncio.gather(*[ask(client, q) for q in questions])
            return report(t1 - t0, time.perf_counter() - t1)

    return asyncio.run(main())


# nothing is asked: the numbers of an earlier run have been written into the code
@expect("nothing sent")
async def wrong_numbers_of_an_earlier_run(questions):
    return {"one_by_one": 10.4, "at_once": 2.1, "speed_up": 4.95}


# an address from a tutorial: it is not that of the mock API
@expect("left the computer")
async def wrong_address_of_a_tutorial(questions):
    async with AsyncOpenAI(base_url="http://llm.example/v1", max_retries=0) as client:
        start = time.perf_counter()
        for q in questions:
            await ask(client, q)
        one_by_one = time.perf_counter() - start
        start = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        return report(one_by_one, time.perf_counter() - start)


@expect("passed")
async def right_gather(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        for question in questions:
            await ask(client, question)
        one_by_one = time.perf_counter() - start

        start = time.perf_counter()
        await asyncio.gather(*(ask(client, question) for question in questions))
        at_once = time.perf_counter() - start
    return {"one_by_one": one_by_one, "at_once": at_once, "speed_up": one_by_one / at_once}


@expect("passed")
async def right_task_group(questions):
    async with AsyncOpenAI() as client:
        before = time.monotonic()
        for question in questions:
            await ask(client, question)
        between = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for question in questions:
                group.create_task(ask(client, question))
        after = time.monotonic()
    return report(between - before, after - between)


@expect("passed")
async def right_two_clients(questions):
    async def sequential(client):
        for q in questions:
            await client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": q}])

    async def concurrent(client):
        tasks = [asyncio.ensure_future(ask(client, q)) for q in questions]
        for done in asyncio.as_completed(tasks):
            await done

    async def timed(function):
        async with AsyncOpenAI() as client:
            start = asyncio.get_running_loop().time()
            await function(client)
            return asyncio.get_running_loop().time() - start

    return report(await timed(sequential), await timed(concurrent))


# the two measurements the other way round
@expect("at once first")
async def wrong_at_once_first(questions):
    async with AsyncOpenAI() as client:
        t0 = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        t1 = time.perf_counter()
        for q in questions:
            await ask(client, q)
        return report(time.perf_counter() - t1, t1 - t0)


# one call, times their number
@expect("reckoned")
async def wrong_one_call_multiplied(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        await ask(client, questions[0])
        one_by_one = (time.perf_counter() - start) * len(questions)
        start = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        return report(one_by_one, time.perf_counter() - start)


# only all at once is measured
@expect("reckoned")
async def wrong_only_at_once_measured(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        await asyncio.gather(*[ask(client, q) for q in questions])
        at_once = time.perf_counter() - start
    return report(at_once * len(questions), at_once)


# a loop in both halves
@expect("one by one")
async def wrong_a_loop_twice(questions):
    async with AsyncOpenAI() as client:
        start = time.perf_counter()
        for q in questions:
            await ask(client, q)
        one_by_one = time.perf_counter() - start
        start = time.perf_counter()
        for q in questions:
            await asyncio.gather(ask(client, q))
        return report(one_by_one, time.perf_counter() - start)


# this clock stops while the process waits
@expect("wrong clock")
async def wrong_process_time(questions):
    clock = time.process_time
    async with AsyncOpenAI() as client:
        start = clock()
        for q in questions:
            await ask(client, q)
        one_by_one = clock() - start
        start = clock()
        await asyncio.gather(*[ask(client, q) for q in questions])
        return report(one_by_one, clock() - start)


# each time under the other key
@expect("keys swapped")
async def wrong_keys_swapped(questions):
    right = await right_gather(questions)
    return {**right, "one_by_one": right["at_once"], "at_once": right["one_by_one"]}


class Stopwatch:
    def __enter__(self):
        self.start = timeit.default_timer()
        return self

    def __exit__(self, *_):
        self.seconds = timeit.default_timer() - self.start


@expect("passed")
async def right_stopwatch_and_anyio(questions):
    async def in_turn(client):
        for question in questions:
            yield await ask(client, question)

    async with AsyncOpenAI() as client:
        with Stopwatch() as one_by_one:
            texts = [text async for text in in_turn(client)]
        with Stopwatch() as at_once:
            async with anyio.create_task_group() as group:
                for question in questions:
                    group.start_soon(ask, client, question)
    assert len(texts) == len(questions)
    return report(one_by_one.seconds, at_once.seconds)


@expect("passed")
async def right_rounded_with_datetime(questions):
    now = datetime.datetime.now
    async with AsyncOpenAI() as client:
        times = [now()]
        [await ask(client, question) for question in questions]
        times.append(now())
        await asyncio.wait([asyncio.create_task(ask(client, question)) for question in questions])
        times.append(now())
    one_by_one, at_once = ((b - a).total_seconds() for a, b in itertools.pairwise(times))
    speed_up = round(one_by_one / at_once, 1)
    return {"one_by_one": round(one_by_one, 2), "at_once": round(at_once, 2), "speed_up": speed_up}


# the client is never closed
@expect("client left open")
async def wrong_client_left_open(questions):
    client = AsyncOpenAI()
    start = time.perf_counter()
    for q in questions:
        await ask(client, q)
    one_by_one = time.perf_counter() - start

    start = time.perf_counter()
    await asyncio.gather(*[ask(client, q) for q in questions])
    return report(one_by_one, time.perf_counter() - start)
