"""Programs: each function gives the text of one, as it would stand in `ask.py`."""

from practice.expect import expect

ASK = """
import asyncio
import sys

from openai import AsyncOpenAI


async def ask(client, question):
    response = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content

"""

RIGHT_MAIN = """
async def main():
    async with AsyncOpenAI() as client:
        answers = await asyncio.gather(*[ask(client, question) for question in sys.argv[1:]])
    for answer in answers:
        print(answer)

"""

# ---- one loop, one client ------------------------------------------------------------------------------------------


# the trap: an answer, "Event loop is closed", and there it ends
@expect("several loops", outcome="broken")
def wrong_client_at_the_top_and_a_run_for_each():
    return f"""{ASK}
client = AsyncOpenAI()
for question in sys.argv[1:]:
    print(asyncio.run(ask(client, question)))
"""


# the same, with the error caught: an answer, an error, an answer, an error
@expect("several loops")
def wrong_every_second_answer_is_an_error():
    return f"""{ASK}
client = AsyncOpenAI()
for question in sys.argv[1:]:
    try:
        print(asyncio.run(ask(client, question)))
    except RuntimeError as error:
        print("RuntimeError:", error)
"""


# the client's retries do not help, nor does a second try of one's own: it hides the error and pays for it in time
@expect("several loops")
def wrong_tries_until_the_loop_is_another():
    return f"""{ASK}
client = AsyncOpenAI()


def ask_now(question):
    while True:
        try:
            return asyncio.run(ask(client, question))
        except RuntimeError:
            pass


for question in sys.argv[1:]:
    print(ask_now(question))
"""


# one loop for the calls, another one to close the client
@expect("raised", outcome="broken")
def wrong_closed_on_another_loop():
    return f"""{ASK}
client = AsyncOpenAI()


async def main():
    for answer in await asyncio.gather(*[ask(client, question) for question in sys.argv[1:]]):
        print(answer)


asyncio.run(main())
asyncio.run(client.close())
"""


# a client for each run: no error, and one call after the other
@expect("several runs")
def wrong_a_run_and_a_client_for_each():
    return f"""{ASK}

async def main(question):
    async with AsyncOpenAI() as client:
        print(await ask(client, question))


for question in sys.argv[1:]:
    asyncio.run(main(question))
"""


@expect("many clients")
def wrong_client_for_each_call():
    return f"""{ASK}

async def ask_alone(question):
    async with AsyncOpenAI() as client:
        return await ask(client, question)


async def main():
    for answer in await asyncio.gather(*map(ask_alone, sys.argv[1:])):
        print(answer)


asyncio.run(main())
"""


@expect("client left open")
def wrong_client_left_open():
    return f"""{ASK}

async def main():
    client = AsyncOpenAI()
    for answer in await asyncio.gather(*[ask(client, question) for question in sys.argv[1:]]):
        print(answer)


asyncio.run(main())
"""


# ---- how it is started ---------------------------------------------------------------------------------------------


@expect("never awaited")
def wrong_main_is_called_and_not_run():
    return f"{ASK}{RIGHT_MAIN}\nmain()\n"


@expect("nothing sent")
def wrong_main_is_never_called():
    return f"{ASK}{RIGHT_MAIN}"


@expect("no python", outcome="broken")
def wrong_await_at_the_top():
    return f"{ASK}{RIGHT_MAIN}\nawait main()\n"


@expect("no python", outcome="broken")
def wrong_async_with_at_the_top():
    return f"""{ASK}
async with AsyncOpenAI() as client:
    print(await ask(client, sys.argv[1]))
"""


@expect("no python", outcome="broken")
def wrong_a_line_for_notebooks():
    return f"%pip install openai\n{ASK}{RIGHT_MAIN}\nasyncio.run(main())\n"


@expect("nest_asyncio")
def wrong_nest_asyncio_pasted():
    return f"import nest_asyncio\n\nnest_asyncio.apply()\n{ASK}{RIGHT_MAIN}\nasyncio.run(main())\n"


@expect("raised", outcome="broken")
def wrong_parentheses_missing():
    return f"{ASK}{RIGHT_MAIN}\nasyncio.run(main)\n"


@expect("raised", outcome="broken")
def wrong_run_inside_of_main():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        for question in sys.argv[1:]:
            print(asyncio.run(ask(client, question)))


asyncio.run(main())
"""


# gather at the top of the file, and only its result in a loop
@expect("raised", outcome="broken")
def wrong_gather_outside_of_main():
    return f"""{ASK}
client = AsyncOpenAI()
calls = asyncio.gather(*[ask(client, question) for question in sys.argv[1:]])


async def main():
    for answer in await calls:
        print(answer)


asyncio.run(main())
"""


@expect("ordinary client")
def wrong_ordinary_client_outside_of_main():
    return """
import sys

from openai import OpenAI

with OpenAI() as client:
    for question in sys.argv[1:]:
        response = client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": question}]
        )
        print(response.choices[0].message.content)
"""


# one question is asked at the top "to try it", and again in main
@expect("asked again")
def wrong_a_first_call_outside_of_main():
    return f"""{ASK}
from openai import OpenAI

with OpenAI() as first:
    first.chat.completions.create(model="gpt-6-luna", messages=[dict(role="user", content=sys.argv[1])])

{RIGHT_MAIN}
asyncio.run(main())
"""


# it leans on what a cell of the notebook has defined
@expect("ordinary client")
def wrong_ordinary_client_in_threads():
    return """
import asyncio
import sys

from openai import OpenAI


async def main():
    with OpenAI() as client:

        def ask(question):
            messages = [{"role": "user", "content": question}]
            return client.chat.completions.create(model="gpt-6-luna", messages=messages).choices[0].message.content

        for answer in await asyncio.gather(*[asyncio.to_thread(ask, each) for each in sys.argv[1:]]):
            print(answer)


asyncio.run(main())
"""


# main twice, "to be sure"
@expect("asked again")
def wrong_main_is_run_twice():
    return f"{ASK}{RIGHT_MAIN}\nasyncio.run(main())\nasyncio.run(main())\n"


@expect("raised", outcome="broken")
def wrong_leans_on_the_notebook():
    return f"""
import asyncio
import sys

from openai import AsyncOpenAI

{RIGHT_MAIN}
asyncio.run(main())
"""


# ---- what it asks --------------------------------------------------------------------------------------------------


@expect("one by one")
def wrong_one_by_one():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        for question in sys.argv[1:]:
            print(await ask(client, question))


asyncio.run(main())
"""


@expect("too few in flight")
def wrong_two_at_a_time():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        for place in range(1, len(sys.argv), 2):
            for answer in await asyncio.gather(*[ask(client, each) for each in sys.argv[place : place + 2]]):
                print(answer)


asyncio.run(main())
"""


@expect("another question")
def wrong_questions_in_the_source():
    return f"""{ASK}
QUESTIONS = ["What is a closure?", "What is a thread?"]
{RIGHT_MAIN.replace("sys.argv[1:]", "QUESTIONS")}
asyncio.run(main())
"""


# sys.argv begins with the program's own name
@expect("another question")
def wrong_its_own_name_is_a_question():
    return f"{ASK}{RIGHT_MAIN.replace('[1:]', '')}\nasyncio.run(main())\n"


@expect("one call for all")
def wrong_one_call_for_all():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        print(await ask(client, " ".join(sys.argv[1:])))


asyncio.run(main())
"""


@expect("not asked")
def wrong_the_first_one_only():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        print(await ask(client, sys.argv[1]))


asyncio.run(main())
"""


@expect("raised", outcome="broken")
def wrong_waits_for_the_keyboard():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        print(await ask(client, input("Your question: ")))


asyncio.run(main())
"""


@expect("invented")
def wrong_invented():
    return 'import sys\n\nfor question in sys.argv[1:]:\n    print(question, "It depends.")\n'


# ---- what it prints, and how it ends ---------------------------------------------------------------------------------


@expect("nothing printed")
def wrong_prints_nothing():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*[ask(client, question) for question in sys.argv[1:]])


asyncio.run(main())
"""


@expect("list printed")
def wrong_prints_the_list():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        print(await asyncio.gather(*[ask(client, question) for question in sys.argv[1:]]))


asyncio.run(main())
"""


@expect("response printed")
def wrong_prints_the_response():
    return f"{ASK.replace('.choices[0].message.content', '')}{RIGHT_MAIN}\nasyncio.run(main())\n"


@expect("order lost")
def wrong_in_the_order_of_their_ends():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        for each in asyncio.as_completed([ask(client, question) for question in sys.argv[1:]]):
            print(await each)


asyncio.run(main())
"""


@expect("answer not printed")
def wrong_cuts_the_answers():
    return f"{ASK}{RIGHT_MAIN.replace('print(answer)', 'print(answer[:30])')}\nasyncio.run(main())\n"


@expect("printed twice")
def wrong_prints_twice():
    return f"{ASK}{RIGHT_MAIN.replace('print(answer)', 'print(answer); print(answer)')}\nasyncio.run(main())\n"


@expect("exit code", outcome="broken")
def wrong_exit_code():
    return f"{ASK}{RIGHT_MAIN}\nasyncio.run(main())\nsys.exit(1)\n"


@expect("endless")
def wrong_never_ends():
    return f"""{ASK}{RIGHT_MAIN}
loop = asyncio.new_event_loop()
loop.create_task(main())
loop.run_forever()
"""


@expect("endless")
def wrong_a_thread_that_goes_on():
    return f"""{ASK}{RIGHT_MAIN}
import threading

asyncio.run(main())
threading.Thread(target=threading.Event().wait).start()
"""


@expect("left running")
def wrong_tasks_that_nobody_waits_for():
    return f"""{ASK}

async def show(client, question):
    print(await ask(client, question))


async def main():
    async with AsyncOpenAI() as client:
        for question in sys.argv[1:]:
            asyncio.create_task(show(client, question))
        await asyncio.sleep(0.3)  # a guess


asyncio.run(main())
"""


@expect("nothing sent")
def wrong_tasks_that_never_begin():
    return f"""{ASK}

async def main():
    client = AsyncOpenAI()
    for question in sys.argv[1:]:
        asyncio.create_task(ask(client, question))


asyncio.run(main())
"""


@expect("answers lost")
def wrong_timeout_that_is_too_short():
    client = "AsyncOpenAI(timeout=0.22, max_retries=0)"
    main = RIGHT_MAIN.replace("AsyncOpenAI()", client).replace("argv[1:]]", "argv[1:]], return_exceptions=True")
    return f"{ASK}{main}\nasyncio.run(main())\n"


@expect("endless")
def wrong_asks_for_ever():
    return f"""{ASK}

async def main():
    async with AsyncOpenAI() as client:
        while True:
            print(await ask(client, sys.argv[1]))


asyncio.run(main())
"""


# ---- keys and addresses --------------------------------------------------------------------------------------------


@expect("key in the source")
def wrong_key_in_the_source():
    client = 'AsyncOpenAI(api_key="my-own-key")'
    return f"{ASK}{RIGHT_MAIN.replace('AsyncOpenAI()', client)}\nasyncio.run(main())\n"


@expect("key in the source")
def wrong_key_put_into_the_environment():
    return f"import os\n\nos.environ['OPENAI_API_KEY'] = 'my-own-key'\n{ASK}{RIGHT_MAIN}\nasyncio.run(main())\n"


@expect("left the computer")
def wrong_address_of_its_own():
    client = 'AsyncOpenAI(base_url="https://api.openai.com/v1")'
    return f"{ASK}{RIGHT_MAIN.replace('AsyncOpenAI()', client)}\nasyncio.run(main())\n"


@expect("left the computer")
def wrong_starts_another_program():
    return f"{ASK}{RIGHT_MAIN}\nimport os\n\nos.system('echo hello')\nasyncio.run(main())\n"


# ---- right ---------------------------------------------------------------------------------------------------------


@expect("passed")
def right_gather():
    return f"{ASK}{RIGHT_MAIN}\nasyncio.run(main())\n"


@expect("passed")
def right_task_group_and_name_guard():
    return f"""{ASK}

async def main(questions):
    async with AsyncOpenAI() as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(client, question)) for question in questions]
    for question, task in zip(questions, tasks):
        print(question, task.result(), sep="\\n", end="\\n\\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
"""


@expect("passed")
def right_argparse_and_close():
    return """
import argparse
import asyncio

import openai


class Asker:
    def __init__(self):
        self.client = openai.AsyncOpenAI(max_retries=5)

    async def __call__(self, question):
        async with asyncio.Semaphore(1):
            response = await self.client.chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "system", "content": "Be short."}, {"role": "user", "content": question}],
            )
        return response.choices[0].message.content


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("questions", nargs="+")
    asker = Asker()
    try:
        print("\\n".join(await asyncio.gather(*map(asker, parser.parse_args().questions))))
    finally:
        await asker.client.close()


asyncio.run(main())
"""


# the client at the top is no fault where there is one asyncio.run, and it is closed there
@expect("passed")
def right_client_at_the_top_and_one_run():
    return f"""{ASK}
client = AsyncOpenAI()


async def main():
    async with client:
        tasks = [asyncio.create_task(ask(client, question)) for question in sys.argv[1:]]
        for task in tasks:
            print(await task, flush=True)


asyncio.run(main())
"""


# printed as they come, in order; streamed; with a runner
@expect("passed")
def right_streamed_with_a_runner():
    return """
import asyncio
import sys

from openai import AsyncOpenAI


async def ask(client, question):
    stream = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}], stream=True
    )
    parts = []
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            parts.append(chunk.choices[0].delta.content)
    return "".join(parts)


async def main():
    async with AsyncOpenAI() as client:
        calls = [ask(client, question) for question in sys.argv[1:]]
        for number, answer in enumerate(await asyncio.gather(*calls), 1):
            sys.stdout.write(f"{number}. {answer}\\n")
    return 0


with asyncio.Runner() as runner:
    raise SystemExit(runner.run(main()))
"""


# with the workbook's own helpers: `connect()` leads to the check's mock API
@expect("passed")
def right_with_the_helpers():
    return """
import asyncio
import sys

from helpers import ask_model, connect
from openai import AsyncOpenAI

connect()


async def main():
    async with AsyncOpenAI() as client:
        answers = await asyncio.gather(*[ask_model(client, "gpt-6-luna", each) for each in sys.argv[1:]])
    for answer in answers:
        print(answer.answer)


asyncio.run(main())
"""
