import asyncio
import csv
import io
import os
import tempfile
from contextlib import ExitStack
from itertools import count
from operator import itemgetter
from pathlib import Path

import pandas as pd
from openai import AsyncOpenAI
from practice.expect import expect

held = []  # files that nobody closed, until the check is over


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
@expect("text changed")
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


# lines cut at commas
@expect("raised", outcome="broken")
async def wrong_cut_at_commas(client, source, target, limit):
    with open(source, encoding="utf-8") as f:
        questions = [line.strip().split(",")[1] for line in f.readlines()[1:]]
    write(target, questions, await ask_all(client, questions, limit))


# the same, and what comes after the last comma
@expect("another question")
async def wrong_after_the_last_comma(client, source, target, limit):
    with open(source, encoding="utf-8") as f:
        questions = [line.strip().split(",")[-1].strip('"') for line in f.readlines()[1:]]
    write(target, questions, await ask_all(client, questions, limit))


# an old encoding, as some computers take without being told
@expect("another question")
async def wrong_reads_latin(client, source, target, limit):
    questions = pd.read_csv(source, encoding="latin-1")["question"].tolist()
    write(target, questions, await ask_all(client, questions, limit))


# the same for the target: it has no place for some letters
@expect("raised", outcome="broken")
async def wrong_writes_latin(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    with open(target, "w", newline="", encoding="latin-1") as f:
        writer = csv.writer(f)
        writer.writerow(["question", "answer"])
        writer.writerows(zip(questions, answers))


# "cleans" the questions before it asks them
@expect("another question")
async def wrong_cleans_the_questions(client, source, target, limit):
    questions = [q.replace("\n", " ") for q in read(source)]
    write(target, questions, await ask_all(client, questions, limit))


# "cleans" the questions for the file
@expect("wrong questions")
async def wrong_cleans_the_questions_for_the_file(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    write(target, [q.replace("\n", " ") for q in questions], answers)


# the name of the notebook's file
@expect("nothing written")
async def wrong_name_of_the_target(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, "answers.csv"), questions, answers)


# the name of the notebook's file, which is not there
@expect("raised", outcome="broken")
async def wrong_name_of_the_source(client, source, target, limit):
    questions = read("questions.csv")
    write(target, questions, await ask_all(client, questions, limit))


# the name of a file that is there, and another one
@expect("another question")
async def wrong_other_source(client, source, target, limit):
    with tempfile.TemporaryDirectory() as folder:
        mine = Path(folder, "mine.csv")
        mine.write_text("question\nWhat is a closure?\n", encoding="utf-8")
        questions = read(mine)
    write(target, questions, await ask_all(client, questions, limit))


# semicolons, as Excel has them in some countries
@expect("wrong columns")
async def wrong_semicolons(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    pd.DataFrame({"question": questions, "answer": answers}).to_csv(target, index=False, sep=";")


# reads with semicolons
@expect("raised", outcome="broken")
async def wrong_reads_semicolons(client, source, target, limit):
    questions = pd.read_csv(source, sep=";")["question"].tolist()
    write(target, questions, await ask_all(client, questions, limit))


# a file that is not closed
@expect("file left open")
async def wrong_file_not_closed(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    f = open(target, "w", newline="", encoding="utf-8")  # noqa: SIM115
    writer = csv.writer(f)
    writer.writerow(["question", "answer"])
    writer.writerows(zip(questions, answers))


# the same, and somebody still holds it
@expect("file left open")
async def wrong_file_closed_without_parentheses(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    f = open(target, "w", newline="", encoding="utf-8")  # noqa: SIM115
    held.append(f)
    writer = csv.writer(f)
    writer.writerow(["question", "answer"])
    writer.writerows(zip(questions, answers))
    f.close  # noqa: B018


# an empty line after each row, as on Windows without newline=""
@expect("broken rows")
async def wrong_empty_lines(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    with open(target, "w", newline="\r\n", encoding="utf-8") as f:
        writer = csv.writer(f, lineterminator="\n\n")
        writer.writerow(["question", "answer"])
        writer.writerows(zip(questions, answers))


# the answers in the column of the questions
@expect("keys swapped")
async def wrong_columns_swapped(client, source, target, limit):
    questions = read(source)
    write(target, await ask_all(client, questions, limit), questions)


# csv.reader gives the first line, too
@expect("another question")
async def wrong_asks_the_header(client, source, target, limit):
    with open(source, newline="", encoding="utf-8") as f:
        questions = [row[1] for row in csv.reader(f)]
    write(target, questions, await ask_all(client, questions, limit))


# a client of its own in place of the one that it is given
@expect("own client")
async def wrong_own_client(client, source, target, limit):
    questions = read(source)
    async with AsyncOpenAI() as client:
        write(target, questions, await ask_all(client, questions, limit))


@expect("passed")
async def right_files_in_threads(client, source, target, limit):
    table = await asyncio.to_thread(pd.read_csv, source)
    table["answer"] = await ask_all(client, table.question, limit)
    await asyncio.to_thread(table.loc[:, ["question", "answer"]].to_csv, target, index=False)


@expect("passed")
async def right_replaced_when_it_is_whole(client, source, target, limit):
    questions = read(source)
    answers = await ask_all(client, questions, limit)
    half = Path(f"{target}.part")
    write(half, questions, answers)
    os.replace(half, target)


@expect("passed")
async def right_written_in_order_as_they_come(client, source, target, limit):
    with ExitStack() as stack:
        rows = csv.DictReader(stack.enter_context(open(source, encoding="utf-8", newline="")))
        questions = [*map(itemgetter("question"), rows)]
        writer = csv.writer(stack.enter_context(open(target, "w", encoding="utf-8", newline="")))
        writer.writerow(("question", "answer"))
        slots, waiting, following = asyncio.Semaphore(limit), {}, count()
        next_one = next(following)

        async def one(number, question):
            nonlocal next_one
            async with slots:
                waiting[number] = question, await ask(client, question)
            while (row := waiting.pop(next_one, None)) is not None:
                writer.writerow(row)
                next_one = next(following)

        async with asyncio.TaskGroup() as group:
            for number, question in enumerate(questions):
                group.create_task(one(number, question))


@expect("passed")
async def right_text_written_at_once(client, source, target, limit):
    questions = [row[1] for row in csv.reader(io.StringIO(Path(source).read_text("utf-8")))][1:]
    whole = io.StringIO(newline="")
    writer = csv.DictWriter(whole, ["question", "answer"], lineterminator="\n")
    writer.writeheader()
    for question, answer in zip(questions, await ask_all(client, questions, limit)):
        writer.writerow({"question": question, "answer": answer})
    Path(target).write_bytes(whole.getvalue().encode("utf-8-sig"))
