import asyncio
import time
from dataclasses import dataclass
from operator import itemgetter

from openai import AsyncOpenAI
from practice.expect import expect


async def ask_timed(client, model, question):
    start = time.perf_counter()
    response = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
    seconds = time.perf_counter() - start
    return {"model": model, "answer": response.choices[0].message.content, "seconds": seconds}


# create_task is used, but each task is awaited right away in the loop, so it is still one after the other
@expect("one by one")
async def wrong_await_create_task_in_loop(client, models, question):
    results = []
    for m in models:
        results.append(await asyncio.create_task(ask_timed(client, m, question)))
    return sorted(results, key=lambda r: r["seconds"])


# a pause before each start "to be polite": the models are not asked at the same moment
@expect("too few in flight")
async def wrong_staggered_start(client, models, question):
    tasks = []
    for m in models:
        tasks.append(asyncio.create_task(ask_timed(client, m, question)))
        await asyncio.sleep(0.4)
    return sorted(await asyncio.gather(*tasks), key=lambda d: d["seconds"])


# the model's name was copied from the example: every call goes to gpt-6-luna, only the label changes
@expect("another model")
async def wrong_model_hard_coded(client, models, question):
    async def ask(model):
        start = time.perf_counter()
        response = await client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": question}]
        )
        return {"model": model, "answer": response.choices[0].message.content, "seconds": time.perf_counter() - start}

    return sorted(await asyncio.gather(*(ask(m) for m in models)), key=lambda d: d["seconds"])


# the client belongs to the caller, but async with closes it at the end: the next call with it fails
@expect("client closed")
async def wrong_closes_callers_client(client, models, question):
    async with client:
        results = await asyncio.gather(*[ask_timed(client, m, question) for m in models])
    return sorted(results, key=lambda d: d["seconds"])


# the shape is right except for the key: "time" instead of "seconds"
@expect("wrong keys")
async def wrong_key_name(client, models, question):
    results = await asyncio.gather(*[ask_timed(client, m, question) for m in models])
    results = [{"model": r["model"], "answer": r["answer"], "time": r["seconds"]} for r in results]
    return sorted(results, key=lambda r: r["time"])


# the calls go to the right models, but each row is labelled with the first one
@expect("wrong models")
async def wrong_label_of_the_first(client, models, question):
    results = await asyncio.gather(*[ask_timed(client, m, question) for m in models])
    rows = [{"model": models[0], "answer": r["answer"], "seconds": r["seconds"]} for r in results]
    return sorted(rows, key=lambda r: r["seconds"])


# as_completed gives the answers as they finish, zip labels them in the order of the models: they are mixed up
@expect("order lost")
async def wrong_labels_mixed_up(client, models, question):
    start = time.perf_counter()
    calls = [client.chat.completions.create(model=m, messages=[{"role": "user", "content": question}]) for m in models]
    results = []
    for model, next_done in zip(models, asyncio.as_completed(calls)):
        response = await next_done
        seconds = time.perf_counter() - start
        results.append({"model": model, "answer": response.choices[0].message.content, "seconds": seconds})
    return results


# the time is taken around the whole gather, so every model gets the time of the slowest one
@expect("wrong clock")
async def wrong_same_seconds_for_all(client, models, question):
    start = time.perf_counter()
    results = await asyncio.gather(*[ask_timed(client, m, question) for m in models])
    seconds = time.perf_counter() - start
    for r in results:
        r["seconds"] = seconds
    return results


# the seconds are turned into text for display, and texts sort alphabetically ("10.20 s" comes before "9.10 s")
@expect("wrong type")
async def wrong_seconds_as_text(client, models, question):
    results = await asyncio.gather(*[ask_timed(client, m, question) for m in models])
    for r in results:
        r["seconds"] = f"{r['seconds']:.2f} s"
    return sorted(results, key=lambda d: d["seconds"])


# the list is in the order of the models, nobody has sorted it by seconds
@expect("wrong order")
async def wrong_not_sorted(client, models, question):
    return await asyncio.gather(*[ask_timed(client, m, question) for m in models])


@expect("passed")
async def right_gather(client, models, question):
    async def ask(model):
        start = time.perf_counter()
        response = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
        seconds = time.perf_counter() - start
        return {"model": model, "answer": response.choices[0].message.content, "seconds": seconds}

    results = await asyncio.gather(*(ask(model) for model in models))
    return sorted(results, key=lambda result: result["seconds"])


@expect("passed")
async def right_task_group(client, models, question):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask_timed(client, model, question)) for model in models]
    return sorted((task.result() for task in tasks), key=itemgetter("seconds"))


@expect("passed")
async def right_beginner(client, models, question):
    result_list = []

    async def ask_one_model(model_name):
        message = {"role": "user", "content": question}
        messages = [message]
        start_time = time.time()
        response = await client.chat.completions.create(model=model_name, messages=messages)
        end_time = time.time()
        entry = {}
        entry["model"] = model_name
        entry["answer"] = response.choices[0].message.content
        entry["seconds"] = end_time - start_time
        result_list.append(entry)

    def get_seconds(entry):
        return entry["seconds"]

    # start all of them first
    task_list = []
    for model_name in models:
        task = asyncio.create_task(ask_one_model(model_name))
        task_list.append(task)
    # and only now wait for them
    for task in task_list:
        await task
    result_list.sort(key=get_seconds)
    return result_list


# this clock stops while the process waits
@expect("wrong clock")
async def wrong_process_time(client, models, question):
    async def one(model):
        start = time.process_time()
        row = await ask_timed(client, model, question)
        return {**row, "seconds": time.process_time() - start}

    return sorted(await asyncio.gather(*[one(m) for m in models]), key=itemgetter("seconds"))


# the answer under the model, the model under the answer
@expect("keys swapped")
async def wrong_keys_swapped(client, models, question):
    rows = await asyncio.gather(*[ask_timed(client, m, question) for m in models])
    rows = [{"model": r["answer"], "answer": r["model"], "seconds": r["seconds"]} for r in rows]
    return sorted(rows, key=itemgetter("seconds"))


@dataclass
class Timed:
    client: AsyncOpenAI
    question: str

    async def __call__(self, model):
        began = time.monotonic_ns()
        asked = [{"role": "user", "content": self.question}]
        completion = await self.client.chat.completions.create(model=model, messages=asked)
        took = (time.monotonic_ns() - began) / 1e9
        return {"model": model, "answer": completion.choices[0].message.content, "seconds": took}


@expect("passed")
async def right_object_that_is_called(client, models, question):
    rows = list(await asyncio.gather(*map(Timed(client, question), models)))
    rows.sort(key=itemgetter("seconds"))
    return rows


def timed(function):
    async def wrapper(*arguments):
        start = time.perf_counter()
        result = await function(*arguments)
        return result, time.perf_counter() - start

    return wrapper


@timed
async def text_of(client, model, question):
    response = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
    return response.choices[0].message.content


@expect("passed")
async def right_decorator_and_async_generator(client, models, question):
    async def one(model):
        return model, await text_of(client, model, question)

    async def as_they_come():
        for next_done in asyncio.as_completed([one(model) for model in models]):
            yield await next_done

    return [{"model": model, "answer": answer, "seconds": seconds} async for model, (answer, seconds) in as_they_come()]


@expect("passed")
async def right_streams(client, models, question):
    rows = []

    async def one(model):
        start = time.perf_counter()
        asked = [{"role": "user", "content": question}]
        pieces = []
        async with await client.chat.completions.create(model=model, messages=asked, stream=True) as stream:
            async for chunk in stream:
                if chunk.choices and (piece := chunk.choices[0].delta.content):
                    pieces.append(piece)
        rows.append({"model": model, "answer": "".join(pieces), "seconds": time.perf_counter() - start})

    async with asyncio.TaskGroup() as group:
        for model in models:
            group.create_task(one(model))
    return sorted(rows, key=lambda row: row["seconds"])
