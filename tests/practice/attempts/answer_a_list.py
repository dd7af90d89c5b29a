import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from time import time as only_the_function

import anyio
from openai import AsyncOpenAI, OpenAI
from practice.expect import expect

MODEL = "gpt-6-luna"


async def ask(client, question):
    response = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
    return response.choices[0].message.content


# the close comes after the return, so it is never reached
@expect("client left open")
async def wrong_close_after_return(questions):
    client = AsyncOpenAI()
    return await asyncio.gather(*[ask(client, q) for q in questions])
    await client.close()


# every call makes its own client (and its own connections) instead of sharing one
@expect("many clients")
async def wrong_client_per_call(questions):
    async def ask_alone(question):
        async with AsyncOpenAI() as client:
            return await ask(client, question)

    return await asyncio.gather(*[ask_alone(q) for q in questions])


# returns the complete response objects; the texts have not been taken out
@expect("wrong type")
async def wrong_whole_responses(questions):
    async with AsyncOpenAI() as client:
        return await asyncio.gather(
            *[client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": q}]) for q in questions]
        )


# threads with the ordinary client: at once up to a point, but not the AsyncOpenAI client that was asked for
@expect("threads")
async def wrong_threads(questions):
    with OpenAI() as client:

        def ask(question):
            response = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
            return response.choices[0].message.content

        return await asyncio.gather(*[asyncio.to_thread(ask, q) for q in questions])


# all questions are put into one prompt: a single call, and cutting its text into answers is guesswork
@expect("one call for all")
async def wrong_one_big_prompt(questions):
    async with AsyncOpenAI() as client:
        text = await ask(client, "Answer each question on its own line:\n" + "\n".join(questions))
    return text.split("\n")


# the answers are printed, the function itself returns None
@expect("nothing returned")
async def wrong_print(questions):
    async with AsyncOpenAI() as client:
        for answer in await asyncio.gather(*[ask(client, q) for q in questions]):
            print(answer)


# another signature: the caller has to bring the client, and nobody closes it
@expect("wrong parameters")
async def wrong_signature(client, questions):
    return await asyncio.gather(*[ask(client, q) for q in questions])


# calling ask() only makes coroutines, and those are returned: none of them has begun
@expect("coroutine returned")
async def wrong_coroutines_returned(questions):
    async with AsyncOpenAI() as client:
        return [ask(client, q) for q in questions]


# the await before create is missing: response is a coroutine and has no choices
@expect("raised", outcome="broken")
async def wrong_await_forgotten(questions):
    async def ask(question):
        response = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
        return response.choices[0].message.content

    async with AsyncOpenAI() as client:
        return await asyncio.gather(*[ask(q) for q in questions])


# made-up texts while the real call is still to be written
@expect("invented")
async def wrong_placeholders(questions):
    return [f"The answer to: {q}" for q in questions]


@expect("passed")
async def right_gather(questions):
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*(ask(client, q) for q in questions))


@expect("passed")
async def right_task_group(questions):
    async with AsyncOpenAI() as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(client, question)) for question in questions]
    return [task.result() for task in tasks]


@expect("passed")
async def right_as_completed_with_index(questions):
    async def ask_numbered(client, index, question):
        return index, await ask(client, question)

    answers = [None] * len(questions)
    client = AsyncOpenAI()
    try:
        for next_done in asyncio.as_completed([ask_numbered(client, i, q) for i, q in enumerate(questions)]):
            index, text = await next_done
            answers[index] = text
    finally:
        await client.close()
    return answers


# the answers in the order in which they came, backwards: right where the first question takes longest
@expect("order lost")
async def wrong_reversed_finish_order(questions):
    async with AsyncOpenAI() as client:
        calls = [ask(client, question) for question in questions]
        return [await call for call in asyncio.as_completed(calls)][::-1]


# the star before what gather is given is missing
@expect("raised", outcome="broken")
async def wrong_gather_of_a_map(questions):
    async with AsyncOpenAI() as client:
        return await asyncio.gather(ask(client, question) for question in questions)


# the keys of the SDK before its version 1
@expect("raised", outcome="broken")
async def wrong_keys_of_a_response(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            response = await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": question}]
            )
            return response["choices"][0]["message"]["content"]

        return await asyncio.gather(*[ask_it(question) for question in questions])


# choices is a list
@expect("raised", outcome="broken")
async def wrong_message_of_the_list(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            response = await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": question}]
            )
            return response.choices.message.content

        return await asyncio.gather(*[ask_it(question) for question in questions])


# time.sleep gives nothing to await
@expect("raised", outcome="broken")
async def wrong_awaits_time_sleep(questions):
    await time.sleep(0.01)
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*[ask(client, question) for question in questions])


# the module is hidden by its function
@expect("raised", outcome="broken")
async def wrong_time_from_time(questions):
    start = only_the_function.perf_counter()
    async with AsyncOpenAI() as client:
        answers = await asyncio.gather(*[ask(client, question) for question in questions])
    print(only_the_function.perf_counter() - start)
    return answers


# the Responses API, as assistants write it today
@expect("passed")
async def right_responses_api(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            response = await client.responses.create(model=MODEL, input=question)
            return response.output_text

        return await asyncio.gather(*[ask_it(question) for question in questions])


# half of it the Responses API, half of it chat completions
@expect("raised", outcome="broken")
async def wrong_choices_of_the_responses_api(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            response = await client.responses.create(model=MODEL, input=question)
            return response.choices[0].message.content

        return await asyncio.gather(*[ask_it(question) for question in questions])


# the other half
@expect("raised", outcome="broken")
async def wrong_messages_of_the_responses_api(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            asked = [{"role": "user", "content": question}]
            response = await client.responses.create(model=MODEL, messages=asked)
            return response.output_text

        return await asyncio.gather(*[ask_it(question) for question in questions])


# the whole list as one input
@expect("one call for all")
async def wrong_list_as_input(questions):
    async with AsyncOpenAI() as client:
        asked = [{"role": "user", "content": question} for question in questions]
        response = await client.responses.create(model=MODEL, input=asked)
        return response.output_text.splitlines()


# completions, as they were before the chat
@expect("another endpoint")
async def wrong_old_completions(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            response = await client.completions.create(model=MODEL, prompt=question)
            return response.choices[0].text

        return await asyncio.gather(*[ask_it(question) for question in questions])


# the whole list as the content of one message
@expect("raised", outcome="broken")
async def wrong_list_as_content(questions):
    async with AsyncOpenAI() as client:
        return await ask(client, questions)


# the whole list written out in one message
@expect("one call for all")
async def wrong_list_as_a_text(questions):
    async with AsyncOpenAI() as client:
        return [await ask(client, f"Answer these: {questions}")]


# a message for each question, all of them in one call
@expect("one call for all")
async def wrong_all_in_one_list_of_messages(questions):
    async with AsyncOpenAI() as client:
        messages = [{"role": "user", "content": q} for q in questions]
        response = await client.chat.completions.create(model=MODEL, messages=messages)
        return [choice.message.content for choice in response.choices]


# one list of messages for all calls, which grows
@expect("one call for all")
async def wrong_one_list_of_messages_for_all_calls(questions):
    messages = []
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            messages.append({"role": "user", "content": question})
            response = await client.chat.completions.create(model=MODEL, messages=messages)
            return response.choices[0].message.content

        return await asyncio.gather(*[ask_it(question) for question in questions])


# the text in place of a list of messages
@expect("raised", outcome="broken")
async def wrong_text_as_messages(questions):
    async with AsyncOpenAI() as client:
        calls = [client.chat.completions.create(model=MODEL, messages=q) for q in questions]
        return [response.choices[0].message.content for response in await asyncio.gather(*calls)]


# a map of coroutines, without a star
@expect("raised", outcome="broken")
async def wrong_gather_of_map(questions):
    async with AsyncOpenAI() as client:
        return await asyncio.gather(map(partial(ask, client), questions))


# a list of coroutines, without a star
@expect("raised", outcome="broken")
async def wrong_gather_of_a_list(questions):
    async with AsyncOpenAI() as client:
        return await asyncio.gather([ask(client, q) for q in questions])


# a list has nothing to await
@expect("raised", outcome="broken")
async def wrong_awaits_a_list(questions):
    async with AsyncOpenAI() as client:
        return await [ask(client, q) for q in questions]


# the choice has attributes, too
@expect("raised", outcome="broken")
async def wrong_keys_of_a_choice(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            asked = [{"role": "user", "content": question}]
            response = await client.chat.completions.create(model=MODEL, messages=asked)
            return response.choices[0]["message"]["content"]

        return await asyncio.gather(*[ask_it(question) for question in questions])


# the text stands elsewhere in a chat completion
@expect("raised", outcome="broken")
async def wrong_output_text(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            asked = [{"role": "user", "content": question}]
            response = await client.chat.completions.create(model=MODEL, messages=asked)
            return response.output_text

        return await asyncio.gather(*[ask_it(question) for question in questions])


# a time limit that is shorter than any answer
@expect("cut off")
async def wrong_short_timeout(questions):
    async with AsyncOpenAI(timeout=0.1) as client:
        return await asyncio.gather(*[ask(client, q) for q in questions])


# the ordinary client has nothing to await at its end
@expect("raised", outcome="broken")
async def wrong_async_with_the_ordinary_client(questions):
    async with OpenAI() as client:
        return await asyncio.gather(*[ask(client, q) for q in questions])


# the answers are cut so that they fit on the page
@expect("text changed")
async def wrong_cuts_the_answers(questions):
    async with AsyncOpenAI() as client:
        return [answer[:40] for answer in await asyncio.gather(*[ask(client, q) for q in questions])]


@expect("passed")
async def right_exit_stack_and_partial(questions):
    async with AsyncExitStack() as stack:
        client = AsyncOpenAI()
        stack.push_async_callback(client.close)
        return list(await asyncio.gather(*map(partial(ask, client), questions)))


@expect("passed")
async def right_queue_with_a_sentinel(questions):
    queue, answers = asyncio.Queue(), [""] * len(questions)

    async def worker(client):
        while (item := await queue.get()) is not None:
            number, question = item
            answers[number] = await ask(client, question)

    async with AsyncOpenAI() as client:
        workers = [asyncio.create_task(worker(client)) for _ in questions]
        for item in enumerate(questions):
            await queue.put(item)
        for _ in workers:
            await queue.put(None)
        await asyncio.gather(*workers)
    return answers


@expect("passed")
async def right_task_group_of_anyio(questions):
    answers = {}

    async def fill(client, question):
        answers[question] = await ask(client, question)

    async with AsyncOpenAI() as client, anyio.create_task_group() as group:
        for question in questions:
            group.start_soon(fill, client, question)
    return [answers[question] for question in questions]


@expect("passed")
async def right_wait_until_none_is_pending(questions):
    async with AsyncOpenAI() as client:
        tasks = {asyncio.create_task(ask(client, question)): number for number, question in enumerate(questions)}
        answers, pending = {}, set(tasks)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            answers |= {tasks[task]: task.result() for task in done}
    return [text for _, text in sorted(answers.items())]


@expect("passed")
async def right_done_callbacks(questions):
    answers, all_there = {}, asyncio.Event()

    def note(number, task):
        answers[number] = task.result()
        if len(answers) == len(questions):
            all_there.set()

    async with AsyncOpenAI() as client:
        tasks = [asyncio.ensure_future(ask(client, question)) for question in questions]
        for number, task in enumerate(tasks):
            task.add_done_callback(partial(note, number))
        await all_there.wait()
    return [answers[number] for number in range(len(questions))]


@expect("passed")
async def right_loop_of_its_own_in_a_thread(questions):
    async def main():
        async with AsyncOpenAI() as client:
            return await asyncio.gather(*(ask(client, question) for question in questions))

    return await asyncio.to_thread(asyncio.run, main())


@expect("passed")
async def right_raw_responses(questions):
    async with AsyncOpenAI() as client:

        async def ask_it(question):
            raw = await client.chat.completions.with_raw_response.create(
                model=MODEL,
                messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}],
            )
            return raw.parse().choices[0].message.content

        return await asyncio.gather(*[ask_it(question) for question in questions])
