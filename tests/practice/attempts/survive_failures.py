import asyncio
from asyncio import sleep
from dataclasses import asdict, dataclass
from functools import partial

import openai
from practice.expect import expect


async def ask(client, question):
    response = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content


# gather without return_exceptions: the one 400 is raised out of the function and all the other answers are lost
@expect("one failure lost the rest", outcome="broken")
async def wrong_gather_raises(client, questions):
    answers = await asyncio.gather(*[ask(client, q) for q in questions])
    return [{"question": q, "answer": a, "error": None} for q, a in zip(questions, answers)]


# return_exceptions=True, but nobody looks: the exception object sits in "answer" and "error" is always None
@expect("failure swallowed")
async def wrong_exceptions_left_in(client, questions):
    results = await asyncio.gather(*(ask(client, q) for q in questions), return_exceptions=True)
    return [{"question": q, "answer": r, "error": None} for q, r in zip(questions, results)]


# a second round for everything that failed, the 400 included, which the service refused for good
@expect("retried in vain")
async def wrong_second_round(client, questions):
    results = await asyncio.gather(*[ask(client, q) for q in questions], return_exceptions=True)
    failed = [i for i, r in enumerate(results) if isinstance(r, Exception)]
    again = await asyncio.gather(*[ask(client, questions[i]) for i in failed], return_exceptions=True)
    for i, r in zip(failed, again):
        results[i] = r
    return [
        {
            "question": q,
            "answer": None if isinstance(r, Exception) else r,
            "error": str(r) if isinstance(r, Exception) else None,
        }
        for q, r in zip(questions, results)
    ]


# where one has failed all are asked once more, those too that were answered
@expect("asked again")
async def wrong_second_round_for_all(client, questions):
    for _ in range(2):
        results = await asyncio.gather(*[ask(client, q) for q in questions], return_exceptions=True)
        if not any(isinstance(r, Exception) for r in results):
            break
    rows = []
    for q, r in zip(questions, results):
        failed = isinstance(r, Exception)
        rows.append({"question": q, "answer": None if failed else r, "error": str(r) if failed else None})
    return rows


# tries three times by itself, and in each of them the client tries three times, too
@expect("retries on top of retries")
async def wrong_own_tries_and_the_clients(client, questions):
    async def ask_three_times(question):
        for _ in range(3):
            try:
                return {"question": question, "answer": await ask(client, question), "error": None}
            except openai.BadRequestError as e:
                return {"question": question, "answer": None, "error": str(e)}
            except openai.OpenAIError as e:
                error = str(e)
        return {"question": question, "answer": None, "error": error}

    return await asyncio.gather(*[ask_three_times(q) for q in questions])


# except: pass throws the reason away, and filtering out the None drops the failed questions from the list
@expect("answers lost")
async def wrong_except_pass_drops_rows(client, questions):
    async def ask_or_none(question):
        try:
            return await ask(client, question)
        except:
            pass

    answers = await asyncio.gather(*[ask_or_none(q) for q in questions])
    return [{"question": q, "answer": a, "error": None} for q, a in zip(questions, answers) if a is not None]


# appends each row when it is finished, so the list is in finish order instead of the order of the questions
@expect("order lost")
async def wrong_finish_order(client, questions):
    rows = []

    async def work(q):
        try:
            rows.append({"question": q, "answer": await ask(client, q), "error": None})
        except openai.OpenAIError as e:
            rows.append({"question": q, "answer": None, "error": str(e)})

    await asyncio.gather(*[work(q) for q in questions])
    return rows


# switches the SDK's retries off and puts nothing in their place: what fails only the first time gets no answer
@expect("gave up too soon")
async def wrong_no_retries(client, questions):
    client = client.with_options(max_retries=0)

    async def one(q):
        try:
            return {"question": q, "answer": await ask(client, q), "error": None}
        except Exception as err:
            return {"question": q, "answer": None, "error": str(err)}

    return list(await asyncio.gather(*map(one, questions)))


# "error" holds the exception object, not a text
@expect("wrong type")
async def wrong_error_is_object(client, questions):
    results = await asyncio.gather(*[ask(client, q) for q in questions], return_exceptions=True)
    output = []
    for q, r in zip(questions, results):
        if isinstance(r, Exception):
            output.append({"question": q, "answer": None, "error": r})
        else:
            output.append({"question": q, "answer": r, "error": None})
    return output


# empty strings where None is asked for ("answer" on failure, "error" on success)
@expect("wrong type")
async def wrong_empty_strings(client, questions):
    async def one(q):
        answer = ""
        error = ""
        try:
            answer = await ask(client, q)
        except Exception as e:
            error = str(e)
        return {"question": q, "answer": answer, "error": error}

    return await asyncio.gather(*[one(q) for q in questions])


@expect("passed")
async def right_gather_return_exceptions(client, questions):
    results = await asyncio.gather(*[ask(client, q) for q in questions], return_exceptions=True)
    rows = []
    for question, result in zip(questions, results):
        if isinstance(result, Exception):
            rows.append({"question": question, "answer": None, "error": f"{type(result).__name__}: {result}"})
        else:
            rows.append({"question": question, "answer": result, "error": None})
    return rows


@expect("passed")
async def right_task_group(client, questions):
    async def fill(row):
        try:
            row["answer"] = await ask(client, row["question"])
        except Exception as e:
            row["error"] = repr(e)

    rows = [{"question": q, "answer": None, "error": None} for q in questions]
    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(fill(row))
    return rows


@expect("passed")
async def right_own_retries_instead_of_sdk(client, questions):
    # the SDK's retries are off, so that I decide what is sent again
    my_client = client.with_options(max_retries=0)

    async def one(question):
        error = None
        for attempt in range(3):
            if attempt > 0:
                await asyncio.sleep(0.05 * 2**attempt)
            try:
                return {"question": question, "answer": await ask(my_client, question), "error": None}
            except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError) as e:
                error = str(e)
            except openai.APIError as e:
                error = str(e)
                break
        return {"question": question, "answer": None, "error": error}

    return list(await asyncio.gather(*[one(q) for q in questions]))


@expect("passed")
async def right_own_retries_with_growing_pauses(client, questions):
    mine = client.with_options(max_retries=0)

    async def one(question):
        for attempt in range(4):
            try:
                return {"question": question, "answer": await ask(mine, question), "error": None}
            except openai.BadRequestError as e:
                return {"question": question, "answer": None, "error": str(e)}
            except openai.APIError as e:
                error = str(e)
                if attempt < 3:
                    await asyncio.sleep(2**attempt)
        return {"question": question, "answer": None, "error": error}

    return await asyncio.gather(*(one(q) for q in questions))


@expect("passed")
async def right_own_retries_after_a_minute(client, questions):
    mine = client.with_options(max_retries=0)

    async def one(question):
        for last in (False, False, True):
            try:
                return {"question": question, "answer": await ask(mine, question), "error": None}
            except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError) as e:
                error = repr(e)
                if not last:
                    await sleep(20)
            except openai.OpenAIError as e:
                return {"question": question, "answer": None, "error": repr(e)}
        return {"question": question, "answer": None, "error": error}

    return await asyncio.gather(*map(one, questions))


# the client tries six times, with pauses that double
@expect("too many retries")
async def wrong_client_with_five_retries(client, questions):
    patient = client.with_options(max_retries=5)

    async def one(q):
        try:
            return {"question": q, "answer": await ask(patient, q), "error": None}
        except openai.OpenAIError as e:
            return {"question": q, "answer": None, "error": str(e)}

    return await asyncio.gather(*(one(q) for q in questions))


# tries for ever, also what the service refuses for good
@expect("endless")
async def wrong_until_it_works(client, questions):
    async def one(q):
        while True:
            try:
                return {"question": q, "answer": await ask(client, q), "error": None}
            except Exception:
                await asyncio.sleep(1)

    return await asyncio.gather(*(one(q) for q in questions))


# written for the SDK before its version 1: there is no openai.error any more
@expect("raised", outcome="broken")
async def wrong_old_error_classes(client, questions):
    async def one(q):
        try:
            return {"question": q, "answer": await ask(client, q), "error": None}
        except openai.error.OpenAIError as e:
            return {"question": q, "answer": None, "error": str(e)}

    return await asyncio.gather(*(one(q) for q in questions))


# two tries, each of which the client makes three times
@expect("retries on top of retries")
async def wrong_two_tries(client, questions):
    async def one(q):
        for _ in range(2):
            try:
                return {"question": q, "answer": await ask(client, q), "error": None}
            except openai.BadRequestError as e:
                return {"question": q, "answer": None, "error": str(e)}
            except openai.OpenAIError as e:
                error = str(e)
        return {"question": q, "answer": None, "error": error}

    return await asyncio.gather(*(one(q) for q in questions))


# the answer under the error
@expect("keys swapped")
async def wrong_keys_swapped(client, questions):
    rows = await right_gather_return_exceptions(client, questions)
    return [{**row, "answer": row["error"], "error": row["answer"]} for row in rows]


# what went wrong in place of the answer
@expect("failure swallowed")
async def wrong_error_as_answer(client, questions):
    async def one(q):
        try:
            return {"question": q, "answer": await ask(client, q), "error": None}
        except openai.OpenAIError as e:
            return {"question": q, "answer": f"Error: {e}", "error": None}

    return await asyncio.gather(*(one(q) for q in questions))


# a time limit that is shorter than any answer
@expect("cut off")
async def wrong_short_timeout(client, questions):
    return await right_gather_return_exceptions(client.with_options(timeout=0.1), questions)


# the errors of Python in place of those of the SDK
@expect("one failure lost the rest", outcome="broken")
async def wrong_errors_of_python(client, questions):
    async def one(q):
        try:
            return {"question": q, "answer": await ask(client, q), "error": None}
        except (ConnectionError, TimeoutError) as e:
            return {"question": q, "answer": None, "error": str(e)}

    return await asyncio.gather(*(one(q) for q in questions))


@dataclass
class Row:
    question: str
    answer: str | None = None
    error: str | None = None


@expect("passed")
async def right_dataclass_and_match(client, questions):
    rows = [Row(question) for question in questions]
    results = await asyncio.gather(*(ask(client, row.question) for row in rows), return_exceptions=True)
    for row, result in zip(rows, results):
        match result:
            case openai.APIStatusError():
                row.error = f"{result.status_code}: {result.message}"
            case openai.OpenAIError():
                row.error = repr(result)
            case _:
                row.answer = result
    return list(map(asdict, rows))


def retried(times):
    def decorate(function):
        async def wrapper(*arguments):
            for left in reversed(range(times)):
                try:
                    return await function(*arguments)
                except (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError):
                    if not left:
                        raise
                    await asyncio.sleep(0.1)

        return wrapper

    return decorate


@expect("passed")
async def right_decorator_that_tries_again(client, questions):
    ask_well = retried(3)(ask)
    patient = client.with_options(max_retries=0)

    async def one(question):
        with_answer = partial(dict, question=question)
        try:
            return with_answer(answer=await ask_well(patient, question), error=None)
        except openai.OpenAIError as error:
            return with_answer(answer=None, error=f"{type(error).__name__}: {error}")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(question)) for question in questions]
    return [task.result() for task in tasks]


@expect("passed")
async def right_exceptions_of_tasks(client, questions):
    tasks = [asyncio.create_task(ask(client, question)) for question in questions]
    await asyncio.wait(tasks)
    return [
        {"question": q, "answer": None if (e := t.exception()) else t.result(), "error": str(e) if e else None}
        for q, t in zip(questions, tasks)
    ]
