import asyncio
import csv
from pathlib import Path

import pandas as pd
from openai import AsyncOpenAI
from practice.expect import expect


async def ask(client, question):
    response = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content


async def ask_all(client, questions, limit):
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(question):
        async with semaphore:
            return await ask(client, question)

    return await asyncio.gather(*[ask_in_turn(q) for q in questions])


def read(source):
    with open(source, newline="", encoding="utf-8") as f:
        return [row["question"] for row in csv.DictReader(f)]


def write(target, questions, answers):
    with open(target, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["question", "answer"])
        writer.writerows(zip(questions, answers))


# the lines are put together by hand: a comma, quotation mark or line break in a text breaks the file
@expect("unreadable file")
async def wrong_joined_by_hand(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    with open(target, "w", encoding="utf-8") as f:
        f.write("question,answer\n")
        for q, a in zip(questions, answers):
            f.write(f"{q},{a}\n")


# the quotation marks are switched off, and backslashes put in their place: other programs do not know these
@expect("broken rows")
async def wrong_quoting_switched_off(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    with open(target, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f, quoting=csv.QUOTE_NONE, escapechar="\\")
        writer.writerow(["question", "answer"])
        writer.writerows(zip(questions, answers))


# reads the CSV line by line: a question with a line break becomes two, and the other columns get into it
@expect("another question")
async def wrong_reads_lines(client, source, target, limit):
    with open(source, encoding="utf-8") as f:
        lines = f.readlines()
    questions = [line.strip() for line in lines[1:]]
    write(target, questions, await ask_all(client, questions, limit))


# to_csv without index=False: an unnamed index column comes first
@expect("wrong columns")
async def wrong_index_column(client, source, target, limit):
    df = pd.read_csv(source, dtype=str, keep_default_na=False)
    answers = await ask_all(client, df["question"], limit)
    pd.DataFrame({"question": df["question"], "answer": answers}).to_csv(target)


# every task writes its row as soon as it has its answer: finish order, not the order of the source
@expect("order lost")
async def wrong_finish_order(client, source, target, limit):
    semaphore = asyncio.Semaphore(limit)
    with open(target, "w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, fieldnames=["question", "answer"])
        writer.writeheader()

        async def work(q):
            async with semaphore:
                writer.writerow({"question": q, "answer": await ask(client, q)})

        await asyncio.gather(*[work(q) for q in read(source)])


# the file is opened anew for each row, with mode "w": only the last row is left
@expect("answers lost")
async def wrong_one_row_left(client, source, target, limit):
    questions = read(source)
    for q, a in zip(questions, await ask_all(client, questions, limit)):
        write(target, [q], [a])


# writes in ascii with errors="ignore" so that it "works": all letters beyond English are lost
@expect("wrong questions")
async def wrong_ascii(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    with open(target, "w", newline="", encoding="ascii", errors="ignore") as f:
        writer = csv.writer(f)
        writer.writerow(["question", "answer"])
        for pair in zip(questions, answers):
            writer.writerow(pair)


# "cleans" the answers of line breaks because of the CSV: the texts are changed
@expect("invented")
async def wrong_cleans_text(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    write(target, questions, [a.replace("\n", " ") for a in answers])


# opens the target for appending: a second run adds everything, header included, to the old file
@expect("old rows")
async def wrong_append_mode(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    with open(target, "a", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["question", "answer"])
        writer.writerows(zip(questions, answers))


# a new AsyncOpenAI for every call, never closed, in place of the client that was passed in
@expect("many clients")
async def wrong_client_per_call(client, source, target, limit):
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(q):
        async with semaphore:
            my_client = AsyncOpenAI()
            return await ask(my_client, q)

    questions = read(source)
    write(target, questions, await asyncio.gather(*[ask_in_turn(q) for q in questions]))


@expect("passed")
async def right_semaphore_gather(client, source, target, limit):
    with open(source, newline="", encoding="utf-8") as f:
        questions = [row["question"] for row in csv.DictReader(f)]

    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(question):
        async with semaphore:
            return await ask(client, question)

    answers = await asyncio.gather(*[ask_in_turn(q) for q in questions])

    with open(target, "w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, fieldnames=["question", "answer"])
        writer.writeheader()
        for question, answer in zip(questions, answers):
            writer.writerow({"question": question, "answer": answer})


@expect("passed")
async def right_pandas_task_group(client, source, target, limit):
    df = pd.read_csv(source, usecols=["question"], dtype=str, keep_default_na=False)
    semaphore = asyncio.Semaphore(limit)

    async def ask_in_turn(question):
        async with semaphore:
            return await ask(client, question)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask_in_turn(q)) for q in df["question"]]
    df["answer"] = [t.result() for t in tasks]
    df[["question", "answer"]].to_csv(target, index=False, encoding="utf-8", quoting=csv.QUOTE_ALL)


@expect("passed")
async def right_queue_workers(client, source, target, limit):
    rows = [{"question": q, "answer": None} for q in read(source)]
    queue = asyncio.Queue()
    for row in rows:
        queue.put_nowait(row)

    async def worker():
        while not queue.empty():
            row = queue.get_nowait()
            row["answer"] = await ask(client, row["question"])

    await asyncio.gather(*[worker() for _ in range(limit)])

    with Path(target).open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, ["question", "answer"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
