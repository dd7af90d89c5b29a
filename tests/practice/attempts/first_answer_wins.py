import asyncio
import contextlib
import time

import anyio
import openai
from practice.expect import expect


async def ask(client, model, question):
    response = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
    return {"model": model, "answer": response.choices[0].message.content}


# the first task that is finished may be a failed one: result() then raises, though others would have answered
@expect("failure won", outcome="broken")
async def wrong_first_completed_may_be_failed(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return done.pop().result()


# waits only once: if the first one to finish has failed, None is returned although the others would have answered
@expect("failure won")
async def wrong_gives_up_after_first_failure(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for t in done:
        try:
            return t.result()
        except openai.OpenAIError as e:
            print("failed:", e)
    return None


# the losers are not cancelled: they run on after the function has returned
@expect("left running")
async def wrong_no_cancel(client, models, question):
    pending = {asyncio.create_task(ask(client, m, question)) for m in models}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for t in done:
            if not t.exception():
                return t.result()


# finds the fastest by measuring, but only after waiting for every model, also the slowest
@expect("waited for all")
async def wrong_measures_and_waits_for_all(client, models, question):
    async def timed(m):
        t0 = time.perf_counter()
        r = await ask(client, m, question)
        return time.perf_counter() - t0, r

    results = await asyncio.gather(*[timed(m) for m in models], return_exceptions=True)
    good = [r for r in results if not isinstance(r, Exception)]
    return min(good, key=lambda x: x[0])[1]


# the inner function reads `model` when it runs, after the loop has ended: all tasks ask the last model
@expect("the same again")
async def wrong_late_binding(client, models, question):
    pending = set()
    for model in models:

        async def ask_this():
            return await ask(client, model, question)

        pending.add(asyncio.create_task(ask_this()))
    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return done.pop().result()


# coroutines, not tasks, given to asyncio.wait: TypeError since Python 3.11
@expect("raised", outcome="broken")
async def wrong_coroutines_in_wait(client, models, question):
    done, pending = await asyncio.wait(
        [ask(client, m, question) for m in models],
        return_when=asyncio.FIRST_COMPLETED,
    )
    for p in pending:
        p.cancel()
    return done.pop().result()


# cancels every task of the event loop (copied from a forum), itself and the notebook's own tasks too
@expect("cancelled others")
async def wrong_cancels_all_tasks(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    result = None
    for c in asyncio.as_completed(tasks):
        try:
            result = await c
            break
        except Exception:
            pass
    for t in asyncio.all_tasks():
        t.cancel()
    await asyncio.sleep(0)
    return result


# the answer of the first to be done, but the name of the first in the list
@expect("wrong winner")
async def wrong_first_name(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    for c in asyncio.as_completed(tasks):
        try:
            winner = await c
            break
        except openai.OpenAIError:
            pass
    for t in tasks:
        t.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"model": models[0], "answer": winner["answer"]}


# the task itself stands where the text of its answer belongs
@expect("task returned")
async def wrong_task_as_answer(client, models, question):
    names = {asyncio.create_task(ask(client, m, question)): m for m in models}
    done, pending = await asyncio.wait(names, return_when=asyncio.FIRST_COMPLETED)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    winner = done.pop()
    return {"model": names[winner], "answer": winner}


# yield where return belongs: this is a generator now, and nobody can await it
@expect("generator")
async def wrong_yield(client, models, question):
    for c in asyncio.as_completed([ask(client, m, question) for m in models]):
        yield await c


@expect("passed")
async def right_as_completed(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    try:
        for next_one in asyncio.as_completed(tasks):
            try:
                return await next_one
            except openai.OpenAIError as e:
                print("a model failed:", e)
        raise RuntimeError("all models failed")
    finally:
        for t in tasks:
            t.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@expect("passed")
async def right_task_group(client, models, question):
    winners = []

    async def try_one(model):
        try:
            result = await ask(client, model, question)
        except Exception:
            return
        winners.append(result)
        for t in tasks:
            if t is not asyncio.current_task():
                t.cancel()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(try_one(m)) for m in models]
    if not winners:
        raise RuntimeError("nobody answered")
    return winners[0]


@expect("passed")
async def right_future_and_gather(client, models, question):
    first = asyncio.get_running_loop().create_future()

    async def try_one(model):
        result = await ask(client, model, question)
        if not first.done():
            first.set_result(result)

    tasks = [asyncio.create_task(try_one(m)) for m in models]
    everybody = asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait([first, everybody], return_when=asyncio.FIRST_COMPLETED)
    for t in tasks:
        t.cancel()
    await everybody
    if not first.done():
        raise RuntimeError("no answer from any model")
    return first.result()


# the set of those that are done is empty where there is no model
@expect("empty list", outcome="broken")
async def wrong_waits_for_no_models(client, models, question):
    pending = {asyncio.create_task(ask(client, m, question)) for m in models}
    try:
        while True:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not task.exception():
                    return task.result()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


# the first of them, and the rest forgotten
@expect("left running")
async def wrong_first_completed_and_the_rest_forgotten(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()


# a set has no first one
@expect("raised", outcome="broken")
async def wrong_first_of_a_set(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for t in pending:
        t.cancel()
    return done[0].result()


# whoever awaits a cancelled task gets its CancelledError
@expect("awaited a cancelled task", outcome="broken")
async def wrong_awaits_what_it_cancelled(client, models, question):
    tasks = [asyncio.create_task(ask(client, m, question)) for m in models]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for t in pending:
        t.cancel()
        await t
    return done.pop().result()


# a bare except: the losers ask again when they are cancelled
@expect("cancelling swallowed")
async def wrong_losers_ask_again(client, models, question):
    async def one(model):
        while True:
            try:
                return await ask(client, model, question)
            except:
                await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(one(m)) for m in models]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for t in pending:
        t.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return done.pop().result()


# the answer under the model
@expect("keys swapped")
async def wrong_keys_swapped(client, models, question):
    winner = await right_as_completed(client, models, question)
    return {"model": winner["answer"], "answer": winner["model"]}


# a time limit that is shorter than any answer
@expect("cut off")
async def wrong_short_timeout(client, models, question):
    return await right_as_completed(client.with_options(timeout=0.1), models, question)


@expect("passed")
async def right_cancel_scope_of_anyio(client, models, question):
    winner = None

    async def one(model):
        nonlocal winner
        try:
            answer = await ask(client, model, question)
        except openai.OpenAIError:
            return
        winner = winner or answer
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for model in models:
            group.start_soon(one, model)
    return winner


@expect("passed")
async def right_queue_of_answers(client, models, question):
    answers = asyncio.Queue()

    async def one(model):
        try:
            answers.put_nowait(await ask(client, model, question))
        except openai.APIError as error:
            answers.put_nowait(error)

    tasks = [asyncio.create_task(one(model)) for model in models]
    try:
        for _ in models:
            if isinstance(answer := await answers.get(), dict):
                return answer
    finally:
        [task.cancel() for task in tasks]
        await asyncio.wait(tasks) if tasks else None
    return None


class Won(Exception):
    pass


@expect("passed")
async def right_winner_is_raised(client, models, question):
    async def one(model):
        with contextlib.suppress(openai.OpenAIError):
            raise Won(await ask(client, model, question))

    try:
        async with asyncio.TaskGroup() as group:
            for model in models:
                group.create_task(one(model))
    except* Won as won:
        first = won.exceptions[0].args[0]
    else:
        return None
    return first


# goes through all tasks but the last, which is the only one that answers where the others fail
@expect("failure won", outcome="broken")
async def wrong_last_task_forgotten(client, models, question):
    tasks = [asyncio.create_task(ask(client, model, question)) for model in models]
    errors = []
    try:
        for next_one in list(asyncio.as_completed(tasks))[:-1]:
            try:
                return await next_one
            except openai.OpenAIError as error:
                errors.append(error)
        if errors:
            raise errors[-1]
    finally:
        for task in tasks:
            task.cancel()
