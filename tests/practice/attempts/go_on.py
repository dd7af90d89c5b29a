"""Programs: each function gives the text of one, as it would stand in `go_on.py`."""

from practice.expect import expect

HEAD = """
import asyncio
import csv
import json
import os
import sqlite3
import sys

from openai import AsyncOpenAI, OpenAI

source, target = sys.argv[1:]


async def ask(client, question):
    response = await client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content


def questions():
    with open(source, newline="", encoding="utf-8") as file:
        return [row["question"] for row in csv.DictReader(file)]

"""
PLAIN = HEAD.replace("import sqlite3\n", "")  # so that the check names its file .csv

RUN = """
async def main():
    async with AsyncOpenAI() as client:
        await asyncio.gather(*[work(client, question) for question in questions() if question not in done])


asyncio.run(main())
"""

# reads what is there without a thought of a torn row
READ = """
done = {}
if os.path.exists(target):
    with open(target, newline="", encoding="utf-8") as file:
        done = {row["question"]: row["answer"] for row in csv.DictReader(file)}
"""

WHOLE_ROWS = """
done = {}
try:
    with open(target, newline="", encoding="utf-8") as file:
        for row in csv.reader(file, strict=True):
            if len(row) == 2:
                done[row[0]] = row[1]
except (FileNotFoundError, csv.Error):
    pass
done["question"] = "answer"
with open(target + ".new", "w", newline="", encoding="utf-8") as file:
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows({"question": "answer", **done}.items())
os.replace(target + ".new", target)
"""

APPEND = """
async def work(client, question):
    answer = await ask(client, question)
    with open(target, "a", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerow([question, answer])

"""

TABLE = """
answers = sqlite3.connect(target)
answers.execute("CREATE TABLE IF NOT EXISTS answers (question TEXT PRIMARY KEY, answer TEXT)")
done = {question for (question,) in answers.execute("SELECT question FROM answers")}
"""

INSERT = """
async def work(client, question):
    answer = await ask(client, question)
    answers.execute("INSERT INTO answers VALUES (?, ?)", (question, answer))
    answers.commit()

"""

# ---- when it is written ---------------------------------------------------------------------------------------------


@expect("not written")
def wrong_only_at_the_end():
    return f"""{PLAIN}{READ}

async def main():
    async with AsyncOpenAI() as client:
        missing = [question for question in questions() if question not in done]
        answers = await asyncio.gather(*[ask(client, question) for question in missing])
    with open(target, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not done:
            writer.writerow(["question", "answer"])
        writer.writerows(zip(missing, answers))


asyncio.run(main())
"""


# the file is open all the time, and a row waits in its buffer
@expect("not written")
def wrong_not_flushed():
    return f"""{PLAIN}{READ}
file = open(target, "a", newline="", encoding="utf-8")
writer = csv.writer(file)
if not done:
    writer.writerow(["question", "answer"])


async def work(client, question):
    writer.writerow([question, await ask(client, question)])

{RUN}"""


@expect("not written")
def wrong_not_committed():
    return HEAD + TABLE + INSERT.replace("    answers.commit()\n", "") + RUN + "answers.commit()\n"


@expect("not written")
def wrong_committed_at_the_end():
    return f"""{HEAD}{TABLE}

async def main():
    async with AsyncOpenAI() as client:
        with answers:  # one transaction around all
            for question in questions():
                if question not in done:
                    answers.execute("INSERT INTO answers VALUES (?, ?)", (question, await ask(client, question)))


asyncio.run(main())
"""


# ---- what is there at the next start --------------------------------------------------------------------------------


@expect("asked again")
def wrong_asks_all_again():
    return f"{PLAIN}done = {{}}\n{APPEND}{RUN}"


# a new file at each start: what was there is gone, and asked again
@expect("asked again")
def wrong_opens_with_w():
    return f"""{PLAIN}
done = {{}}
with open(target, "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerow(["question", "answer"])
{APPEND}{RUN}"""


# it reads what is there, and then empties the file: the next kill takes the old answers away
@expect("old answers lost")
def wrong_reads_then_opens_with_w():
    return f"""{PLAIN}{READ}
with open(target, "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerow(["question", "answer"])
{APPEND}{RUN}
with open(target, "a", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows(done.items())
"""


@expect("asked again")
def wrong_drops_the_table():
    return (
        HEAD
        + TABLE.replace("answers.execute(", 'answers.execute("DROP TABLE IF EXISTS answers")\nanswers.execute(', 1)
        + INSERT
        + RUN
    )


@expect("raised", outcome="broken")
def wrong_table_is_there_already():
    return HEAD + TABLE.replace("IF NOT EXISTS ", "") + INSERT + RUN


# it remembers what it has asked, not what was answered: what was in flight is lost
@expect("never asked again")
def wrong_loses_what_is_in_flight():
    return f"""{HEAD}{TABLE}
answers.execute("CREATE TABLE IF NOT EXISTS asked (asked TEXT)")
done = {{question for (question,) in answers.execute("SELECT asked FROM asked")}}


async def work(client, question):
    answers.execute("INSERT INTO asked VALUES (?)", (question,))
    answers.commit()
    answer = await ask(client, question)
    answers.execute("INSERT INTO answers VALUES (?, ?)", (question, answer))
    answers.commit()

{RUN}"""


# it counts the rows, and takes as many questions from the front: but answers come in another order
@expect("asked again")
def wrong_counts_the_rows():
    return f"""{PLAIN}{WHOLE_ROWS}{APPEND}
async def main():
    async with AsyncOpenAI() as client:
        await asyncio.gather(*[work(client, question) for question in questions()[len(done) - 1 :]])


asyncio.run(main())
"""


# what was there is written once more beside what is new
@expect("twice in the file")
def wrong_duplicate_rows():
    return f"""{HEAD}{TABLE.replace(" PRIMARY KEY", "")}{INSERT}{RUN}
for question in done:
    answers.execute("INSERT INTO answers SELECT question, answer FROM answers WHERE question = ? LIMIT 1", (question,))
answers.commit()
"""


@expect("header again")
def wrong_header_at_each_start():
    return f"""{PLAIN}{WHOLE_ROWS}
with open(target, "a", newline="", encoding="utf-8") as file:
    csv.writer(file).writerow(["question", "answer"])
{APPEND}{RUN}"""


# ---- the torn row ---------------------------------------------------------------------------------------------------


# half a row counts as done, and the next row is written on at its torn end
@expect("half-written row")
def wrong_writes_on_at_the_torn_end():
    header = """
if not done:
    with open(target, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(["question", "answer"])
"""
    return f"{PLAIN}{READ}{header}{APPEND}{RUN}"


# half an answer counts as an answer
@expect("half an answer")
def wrong_keeps_half_an_answer():
    return f"""{PLAIN}{READ}
with open(target + ".new", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["question", "answer"], *done.items()])
os.replace(target + ".new", target)
{APPEND}{RUN}"""


# a torn row is an error to it, and there it ends
@expect("half-written row", outcome="broken")
def wrong_ends_at_the_torn_row():
    return f"""{PLAIN}
done = set()
if os.path.exists(target):
    with open(target, newline="", encoding="utf-8") as file:
        done = {{question for question, answer in csv.reader(file, strict=True)}}
else:
    with open(target, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(["question", "answer"])
{APPEND}{RUN}"""


# at a torn row it gives up all that is there
@expect("asked again")
def wrong_begins_anew_at_the_torn_row():
    return f"""{PLAIN}
done = set()
try:
    with open(target, newline="", encoding="utf-8") as file:
        done = {{question for question, answer in csv.reader(file, strict=True)}}
except (OSError, csv.Error):
    with open(target, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(["question", "answer"])
{APPEND}{RUN}"""


# one JSON file, written anew over the old one each time
@expect("half-written row", outcome="broken")
def wrong_json_written_over_itself():
    return f"""{PLAIN}
done = {{}}
if os.path.exists("done.json"):
    done = json.load(open("done.json"))


async def work(client, question):
    done[question] = await ask(client, question)
    with open("done.json", "w") as file:
        json.dump(done, file)

{RUN}
with open(target, "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["question", "answer"], *done.items()])
"""


# ---- what is in the file --------------------------------------------------------------------------------------------


@expect("unreadable file")
def wrong_columns():
    return (
        HEAD
        + TABLE.replace("question TEXT", "q TEXT")
        .replace("answer TEXT", "a TEXT")
        .replace("SELECT question", "SELECT q")
        + INSERT
        + RUN
    )


@expect("unreadable file")
def wrong_another_file():
    return (HEAD + TABLE + INSERT + RUN).replace("connect(target)", 'connect("my_answers.db")')


# what the file is in was wrong before any row was torn
@expect("unreadable file")
def wrong_semicolons():
    text = PLAIN + WHOLE_ROWS + APPEND + RUN
    return text.replace("csv.writer(file,", "csv.writer(file, delimiter=';',").replace(
        "csv.reader(file,", "csv.reader(file, delimiter=';',"
    )


@expect("wrong answer")
def wrong_answers_cut():
    return HEAD + TABLE + INSERT.replace("(question, answer)", "(question, answer[:40])") + RUN


# one answer is dropped, without a word
@expect("answer lost")
def wrong_drops_an_answer():
    return (
        HEAD
        + TABLE
        + INSERT.replace("    answers.execute", "    if 'mutex' in question:\n        return\n    answers.execute")
        + RUN
    )


@expect("raised", outcome="broken")
def wrong_names_in_the_source():
    names = "source, target = 'my_questions.csv', 'answers.db'"
    return (HEAD + TABLE + INSERT + RUN).replace("source, target = sys.argv[1:]", names)


# three at a time, and each three are written when all of them are there
@expect("not written")
def wrong_writes_in_groups():
    return f"""{HEAD}{TABLE}

async def main():
    missing = [question for question in questions() if question not in done]
    async with AsyncOpenAI() as client:
        for place in range(0, len(missing), 3):
            group = missing[place : place + 3]
            texts = await asyncio.gather(*[ask(client, question) for question in group])
            answers.executemany("INSERT INTO answers VALUES (?, ?)", zip(group, texts))
            answers.commit()


asyncio.run(main())
"""


# read line by line: a question with a line break becomes two
@expect("another question")
def wrong_reads_lines():
    return f"""{HEAD}{TABLE}{INSERT}

def questions():
    return [line.strip() for line in open(source, encoding="utf-8")][1:]

{RUN}"""


@expect("nothing sent")
def wrong_never_started():
    return HEAD + TABLE + INSERT + RUN.replace("asyncio.run(main())", "")


# one client for several loops: the trap of the task before, here too
@expect("several loops", outcome="broken")
def wrong_a_run_for_each():
    return f"""{HEAD}{TABLE}{INSERT}
client = AsyncOpenAI()
for question in questions():
    if question not in done:
        asyncio.run(work(client, question))
"""


# ---- right ----------------------------------------------------------------------------------------------------------


@expect("passed")
def right_sqlite():
    return HEAD + TABLE + INSERT + RUN


@expect("passed")
def right_csv_whole_rows():
    return PLAIN + WHOLE_ROWS + APPEND + RUN


# rows end with \r\n, and in an answer there is only \n: what stands behind the last \r\n is torn
@expect("passed")
def right_cuts_off_the_torn_row():
    return f"""{PLAIN}
done = set()
with open(target, "a+b") as file:
    file.seek(0)
    whole = file.read().rpartition(b"\\r\\n")
    file.truncate(len(whole[0] + whole[1]))
with open(target, "a+", newline="", encoding="utf-8") as file:
    file.seek(0)
    done = {{row["question"] for row in csv.DictReader(file)}}
    rows = csv.writer(file)
    if not done:
        file.truncate(0)
        rows.writerow(["question", "answer"])

    async def work(client, question):
        rows.writerow([question, await ask(client, question)])
        file.flush()
        os.fsync(file.fileno())

    async def main():
        slots = asyncio.Semaphore(3)
        async with AsyncOpenAI() as client, asyncio.TaskGroup() as group:
            for question in questions():
                if question not in done:
                    group.create_task(work(client, question))

    asyncio.run(main())
"""


# one by one, with the ordinary client: slower, and as safe
@expect("passed")
def right_one_by_one():
    return f"""{HEAD}{TABLE}
with OpenAI() as client:
    for question in questions():
        if question in done:
            continue
        messages = [{{"role": "user", "content": question}}]
        response = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        with answers:
            text = response.choices[0].message.content
            answers.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (question, text))
answers.close()
"""


# the whole file anew for each answer, written beside it and then put into its place: it is never torn
@expect("passed")
def right_replaces_the_file():
    return f"""{PLAIN}{READ}

async def work(client, question):
    done[question] = await ask(client, question)
    with open(target + ".new", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["question", "answer"], *done.items()])
    os.replace(target + ".new", target)

{RUN}"""


# a journal with a line of JSON for each answer; the CSV file is made of it in the end
@expect("passed")
def right_journal_then_csv():
    return f"""{PLAIN}
done = {{}}
with open("journal", "a+", encoding="utf-8") as journal:
    journal.seek(0)
    for line in journal:
        try:
            done.update([json.loads(line)])
        except ValueError:
            journal.write("\\n")  # the torn line ends here

    async def work(client, question):
        done[question] = await ask(client, question)
        print(json.dumps([question, done[question]]), file=journal, flush=True)

    async def main():
        slots = asyncio.Semaphore(2)

        async def in_turn(client, question):
            async with slots:
                await work(client, question)

        async with AsyncOpenAI() as client:
            await asyncio.gather(*[in_turn(client, each) for each in questions() if each not in done])

    asyncio.run(main())

with open(target, "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["question", "answer"], *done.items()])
"""


# a database with a write-ahead log, pandas for the questions, more columns than are needed
@expect("passed")
def right_pandas_and_wal():
    return """
import asyncio
import sqlite3
import sys
import time

import pandas as pd
from openai import AsyncOpenAI


class Answers:
    def __init__(self, path):
        self.file = sqlite3.connect(path, isolation_level=None)  # each statement is committed by itself
        self.file.execute("PRAGMA journal_mode=WAL")
        self.file.execute("create table if not exists done (at real, model, question unique, answer)")

    def missing(self, questions):
        known = pd.read_sql("select question from done", self.file)["question"]
        return questions[~questions.isin(known)].tolist()

    def add(self, model, question, answer):
        self.file.execute("insert or ignore into done values (?, ?, ?, ?)", (time.time(), model, question, answer))


async def main(source, target, model="gpt-4o-mini"):
    answers = Answers(target)
    async with AsyncOpenAI() as client:

        async def ask(question):
            asked = [{"role": "user", "content": question}]
            response = await client.chat.completions.create(model=model, messages=asked)
            return question, response.choices[0].message.content

        calls = map(ask, answers.missing(pd.read_csv(source)["question"]))
        for each in asyncio.as_completed(list(calls)):
            answers.add(model, *await each)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
"""


# from the last question to the first, two at a time, each in its place that was made beforehand
@expect("passed")
def right_places_from_the_end():
    return f"""{HEAD}
answers = sqlite3.connect(target)
with answers:
    answers.execute("CREATE TABLE IF NOT EXISTS answers (question PRIMARY KEY, answer)")
    places = [(question,) for question in questions()]
    answers.executemany("INSERT OR IGNORE INTO answers VALUES (?, NULL)", places)
slots = asyncio.Semaphore(2)


async def work(client, question):
    async with slots:
        text = await ask(client, question)
    with answers:
        answers.execute("UPDATE answers SET answer = ? WHERE question = ?", (text, question))


async def main():
    missing = [question for (question,) in answers.execute("SELECT question FROM answers WHERE answer IS NULL")]
    async with AsyncOpenAI() as client:
        await asyncio.gather(*[work(client, question) for question in reversed(missing)])


asyncio.run(main())
"""


# the workbook's own batch
@expect("passed")
def right_with_the_helpers():
    return """
import asyncio
import sys

from helpers import connect, process_questions_batch

connect()
source, target = sys.argv[1:]
asyncio.run(process_questions_batch(source, save_to=target, progress=False))
# it writes an sqlite3 database
"""
