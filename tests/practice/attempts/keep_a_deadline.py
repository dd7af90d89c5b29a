import asyncio
import contextlib
import time

import anyio
import openai
from practice.expect import expect


async def ask(client, question):
    response = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content


# wait_for around the whole gather: when one is late, all the answers that came in time are thrown away
@expect("deadline lost the rest")
async def wrong_wait_for_around_gather(client, questions, seconds):
    try:
        return await asyncio.wait_for(asyncio.gather(*[ask(client, q) for q in questions]), timeout=seconds)
    except TimeoutError:
        return [None] * len(questions)


# the deadline of the notebook stands in the code, and the parameter is not used
@expect("too early")
async def wrong_deadline_hard_coded(client, questions, seconds):
    return await right_wait(client, questions, 0.8)


# asyncio.wait does not cancel what is pending: the late calls run on after the function has returned
@expect("left running")
async def wrong_wait_without_cancel(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    done, _ = await asyncio.wait(tasks, timeout=seconds)
    return [t.result() if t in done else None for t in tasks]


# each wait_for starts its own clock when its turn comes: the time adds up and late answers get in
@expect("too late")
async def wrong_clock_starts_anew(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    answers = []
    for task in tasks:
        try:
            answers.append(await asyncio.wait_for(task, timeout=seconds))
        except TimeoutError:
            answers.append(None)
    return answers


# leaves the late questions out instead of putting None in their place
@expect("answers lost")
async def wrong_only_the_answers_in_time(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [t.result() for t in tasks if t in done]


# a None for each late one in its place, and once more at the end
@expect("too many results")
async def wrong_none_twice(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    answers = [t.result() if t in done else None for t in tasks]
    for t in pending:
        t.cancel()
        answers.append(None)
    await asyncio.gather(*pending, return_exceptions=True)
    return answers


# return_exceptions=True and that is it: TimeoutError objects stand in the list where None should be
@expect("errors as answers")
async def wrong_timeout_errors_in_list(client, questions, seconds):
    return await asyncio.gather(
        *[asyncio.wait_for(ask(client, q), seconds) for q in questions],
        return_exceptions=True,
    )


# asyncio.timeout around the TaskGroup without except: a TimeoutError comes out in place of a list
@expect("deadline lost the rest", outcome="broken")
async def wrong_timeout_not_caught(client, questions, seconds):
    async with asyncio.timeout(seconds):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(client, q)) for q in questions]
    return [t.result() for t in tasks]


# time.sleep in the polling loop blocks the event loop, so no call gets on and all answers are None
@expect("blocked loop")
async def wrong_polls_with_time_sleep(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    end = time.time() + seconds
    while time.time() < end and not all(t.done() for t in tasks):
        time.sleep(0.05)
    answers = []
    for t in tasks:
        if t.done():
            answers.append(t.result())
        else:
            t.cancel()
            answers.append(None)
    await asyncio.gather(*tasks, return_exceptions=True)
    return answers


# a text in place of None for the late ones
@expect("wrong type")
async def wrong_text_for_late(client, questions, seconds):
    async def one(q):
        try:
            async with asyncio.timeout(seconds):
                return await ask(client, q)
        except TimeoutError:
            return "Timeout!"

    return await asyncio.gather(*[one(q) for q in questions])


# gives up at half the time and asks again, although the first call may still be answered, and is paid for
@expect("asked again")
async def wrong_second_chance(client, questions, seconds):
    async def one(q):
        for _ in range(2):
            try:
                return await asyncio.wait_for(ask(client, q), seconds / 2)
            except TimeoutError:
                pass

    return await asyncio.gather(*[one(q) for q in questions])


# asyncio.wait refuses an empty list
@expect("empty list", outcome="broken")
async def wrong_wait_for_no_tasks(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds)
    finally:
        for t in tasks:
            t.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [t.result() if t in done else None for t in tasks]


# asyncio.wait hands a cancelling on to nobody
@expect("left running when cancelled")
async def wrong_leaves_calls_when_cancelled(client, questions, seconds):
    if not questions:
        return []
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [t.result() if t in done else None for t in tasks]


# a bare except takes the cancelling for a failed call, and goes on
@expect("cancelling swallowed")
async def wrong_swallows_the_cancelling(client, questions, seconds):
    async def one(question):
        try:
            return await asyncio.wait_for(ask(client, question), timeout=seconds)
        except Exception:
            return None

    calls = [asyncio.create_task(one(q)) for q in questions]
    while not all(call.done() for call in calls):
        try:  # noqa: SIM105
            await asyncio.sleep(0.05)
        except:
            pass
    return [call.result() for call in calls]


@expect("passed")
async def right_wait(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    done = set()
    try:
        if tasks:
            done, _ = await asyncio.wait(tasks, timeout=seconds)
    finally:
        for t in tasks:
            t.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [t.result() if t in done and t.exception() is None else None for t in tasks]


@expect("passed")
async def right_wait_for_each_in_gather(client, questions, seconds):
    # all of them start at the same moment, so all the clocks run out at the same moment
    async def one(q):
        try:
            return await asyncio.wait_for(ask(client, q), timeout=seconds)
        except Exception:
            return None

    return list(await asyncio.gather(*[one(q) for q in questions]))


@expect("passed")
async def right_timeout_around_task_group(client, questions, seconds):
    answers = [None] * len(questions)

    async def fill(i, question):
        answers[i] = await ask(client, question)

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for i, question in enumerate(questions):
                group.create_task(fill(i, question))
    except TimeoutError:
        pass
    return answers


# wait_for around gather, and an empty list when the time is up
@expect("deadline lost the rest")
async def wrong_nothing_at_the_deadline(client, questions, seconds):
    try:
        return await asyncio.wait_for(asyncio.gather(*[ask(client, q) for q in questions]), timeout=seconds)
    except TimeoutError:
        return []


# the client's time limit counts for each of its three tries
@expect("too late")
async def wrong_timeout_of_the_client(client, questions, seconds):
    async def one(q):
        try:
            return await ask(client.with_options(timeout=seconds), q)
        except openai.APITimeoutError:
            return None

    return await asyncio.gather(*[one(q) for q in questions])


# a time limit that is shorter than any answer
@expect("cut off")
async def wrong_short_timeout(client, questions, seconds):
    async def one(q):
        try:
            return await ask(client.with_options(timeout=0.1, max_retries=0), q)
        except openai.APITimeoutError:
            return None

    return await asyncio.gather(*[one(q) for q in questions])


# whoever awaits a cancelled task gets its CancelledError
@expect("awaited a cancelled task", outcome="broken")
async def wrong_awaits_what_it_cancelled(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, q)) for q in questions]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    for t in pending:
        t.cancel()
        await t
    return [t.result() if t in done else None for t in tasks]


# a bare except in a loop: no cancelling gets through
@expect("cancelling swallowed")
async def wrong_tries_again_when_cancelled(client, questions, seconds):
    async def one(q):
        while True:
            try:
                return await ask(client, q)
            except:
                pass

    tasks = [asyncio.create_task(one(q)) for q in questions]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [t.result() if t in done else None for t in tasks]


@expect("passed")
async def right_move_on_after(client, questions, seconds):
    answers = dict.fromkeys(range(len(questions)))

    async def fill(number, question):
        answers[number] = await ask(client, question)

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:
            for number, question in enumerate(questions):
                group.start_soon(fill, number, question)
    return list(answers.values())


@expect("passed")
async def right_timeout_at_for_each(client, questions, seconds):
    end = asyncio.get_running_loop().time() + seconds

    async def one(question):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                return await ask(client, question)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(question)) for question in questions]
    return [task.result() for task in tasks]


@expect("passed")
async def right_as_completed_with_a_timeout(client, questions, seconds):
    answers = [None] * len(questions)

    async def fill(number, question):
        answers[number] = await ask(client, question)

    tasks = [asyncio.create_task(fill(*each)) for each in enumerate(questions)]
    try:
        for next_done in asyncio.as_completed(tasks, timeout=seconds):
            await next_done
    except TimeoutError:
        pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return answers


@expect("passed")
async def right_timeout_of_a_client_without_retries(client, questions, seconds):
    hasty = client.with_options(timeout=seconds, max_retries=0)

    async def one(question):
        try:
            return await ask(hasty, question)
        except openai.APITimeoutError:
            return None

    return await asyncio.gather(*(one(question) for question in questions))


@expect("passed")
async def right_alarm_that_cancels(client, questions, seconds):
    tasks = [asyncio.create_task(ask(client, question)) for question in questions]
    alarm = asyncio.get_running_loop().call_later(seconds, lambda: [task.cancel() for task in tasks])
    try:
        results = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        alarm.cancel()
    return [result if isinstance(result, str) else None for result in results]


# another number than the notebook's, which lies near one of the check's
@expect("too late")
async def wrong_deadline_hard_coded_near_one(client, questions, seconds):
    return await right_wait(client, questions, 1.3)
