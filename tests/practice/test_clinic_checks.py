"""The bug clinic: each sick function gets the finding that it should, and two ways to mend it pass."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from practice.expect import Expected, expect

from helpers.checks.clinic import BUGS
from helpers.course import logbook
from helpers.course.exercise import Patient
from helpers.course.manifest import Bug, Choice, Entry
from helpers.course.verdict import Verdict

MODEL = "gpt-6-luna"


async def ask(client, question):
    response = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
    return response.choices[0].message.content


# ---- no_await ----------------------------------------------------------------------------------------------------


@expect("coroutine returned")
async def no_await_sick(client, question):
    return ask(client, question)


@expect("passed")
async def no_await_mended(client, question):
    return await ask(client, question)


@expect("passed")
async def no_await_mended_with_a_task(client, question):
    task = asyncio.create_task(ask(client, question))
    answer = await task
    return answer


# ---- await_in_a_loop ---------------------------------------------------------------------------------------------


@expect("one by one")
async def await_in_a_loop_sick(client, questions):
    return [await ask(client, question) for question in questions]


@expect("passed")
async def await_in_a_loop_mended(client, questions):
    return await asyncio.gather(*(ask(client, question) for question in questions))


@expect("passed")
async def await_in_a_loop_mended_with_tasks(client, questions):
    tasks = [asyncio.create_task(ask(client, question)) for question in questions]
    return [await task for task in tasks]


# ---- ordinary_client ---------------------------------------------------------------------------------------------


@expect("blocked loop")
async def ordinary_client_sick(questions):
    client = OpenAI()

    async def ask(question):
        response = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
        return response.choices[0].message.content

    return await asyncio.gather(*(ask(question) for question in questions))


@expect("passed")
async def ordinary_client_mended(questions):
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*(ask(client, question) for question in questions))


@expect("passed")
async def ordinary_client_mended_and_closed_by_hand(questions):
    client = AsyncOpenAI()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(client, question)) for question in questions]
    finally:
        await client.close()
    return [task.result() for task in tasks]


# ---- time_sleep --------------------------------------------------------------------------------------------------


@expect("blocked loop")
async def time_sleep_sick(client, questions):
    async def ask_gently(question):
        time.sleep(0.1)
        return await ask(client, question)

    return await asyncio.gather(*(ask_gently(question) for question in questions))


@expect("passed")
async def time_sleep_mended(client, questions):
    async def ask_gently(question):
        await asyncio.sleep(0.1)
        return await ask(client, question)

    return await asyncio.gather(*(ask_gently(question) for question in questions))


@expect("passed")
async def time_sleep_mended_by_leaving_it_out(client, questions):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(client, question)) for question in questions]
    return [task.result() for task in tasks]


# ---- no_limit ----------------------------------------------------------------------------------------------------


@expect("too many in flight")
async def no_limit_sick(questions):
    async with AsyncOpenAI(max_retries=0) as client:
        return await asyncio.gather(*(ask(client, question) for question in questions), return_exceptions=True)


@expect("passed")
async def no_limit_mended(questions):
    semaphore = asyncio.Semaphore(3)

    async def ask_in_turn(question):
        async with semaphore:
            return await ask(client, question)

    async with AsyncOpenAI(max_retries=0) as client:
        return await asyncio.gather(*(ask_in_turn(question) for question in questions))


@expect("passed")
async def no_limit_mended_with_workers(questions):
    answers = [""] * len(questions)
    todo = iter(enumerate(questions))

    async def worker():
        for number, question in todo:
            answers[number] = await ask(client, question)

    async with AsyncOpenAI(max_retries=0) as client, asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(worker())
    return answers


# ---- lost_failures -----------------------------------------------------------------------------------------------


@expect("answers lost")
async def lost_failures_sick(client, questions):
    async def ask_or_not(question):
        try:
            return await ask(client, question)
        except Exception:
            pass

    answers = await asyncio.gather(*(ask_or_not(question) for question in questions))
    return [answer for answer in answers if answer]


@expect("passed")
async def lost_failures_mended(client, questions):
    async def ask_or_say_why(question):
        try:
            return await ask(client, question)
        except openai.OpenAIError as error:
            return f"No answer: {error}"

    return await asyncio.gather(*(ask_or_say_why(question) for question in questions))


@expect("passed")
async def lost_failures_mended_afterwards(client, questions):
    results = await asyncio.gather(*(ask(client, question) for question in questions), return_exceptions=True)
    return [type(result).__name__ if isinstance(result, Exception) else result for result in results]


# ---- retries_on_retries ------------------------------------------------------------------------------------------


async def three_tries(client, question):
    for _ in range(3):
        try:
            return await ask(client, question)
        except openai.OpenAIError as error:
            said = str(error)
    return said


@expect("retries on top of retries")
async def retries_on_retries_sick(client, questions):
    return await asyncio.gather(*(three_tries(client, question) for question in questions))


@expect("passed")
async def retries_on_retries_mended(client, questions):
    async def ask_or_say_why(question):
        try:
            return await ask(client, question)
        except openai.OpenAIError as error:
            return str(error)

    return await asyncio.gather(*(ask_or_say_why(question) for question in questions))


@expect("passed")
async def retries_on_retries_mended_at_the_client(client, questions):
    patient = client.with_options(max_retries=0)
    return await asyncio.gather(*(three_tries(patient, question) for question in questions))


# ---- task_nobody_keeps -------------------------------------------------------------------------------------------


@expect("left running")
async def task_nobody_keeps_sick(client, questions):
    answers = []

    async def note(question):
        answers.append(await ask(client, question))

    for question in questions:
        asyncio.create_task(note(question))  # noqa: RUF006 - that is the mistake
    await asyncio.sleep(0.25)
    return answers


@expect("passed")
async def task_nobody_keeps_mended(client, questions):
    tasks = [asyncio.create_task(ask(client, question)) for question in questions]
    return await asyncio.gather(*tasks)


@expect("passed")
async def task_nobody_keeps_mended_with_a_group(client, questions):
    answers = {}

    async def note(question):
        answers[question] = await ask(client, question)

    async with asyncio.TaskGroup() as group:
        for question in questions:
            group.create_task(note(question))
    return [answers[question] for question in questions]


# ---- wrong_clock -------------------------------------------------------------------------------------------------


@expect("wrong clock")
async def wrong_clock_sick(client, questions):
    start = time.perf_counter()
    calls = asyncio.gather(*(ask(client, question) for question in questions))
    seconds = time.perf_counter() - start
    return {"answers": await calls, "seconds": seconds}


@expect("passed")
async def wrong_clock_mended(client, questions):
    start = time.perf_counter()
    answers = await asyncio.gather(*(ask(client, question) for question in questions))
    return {"answers": answers, "seconds": time.perf_counter() - start}


@expect("passed")
async def wrong_clock_mended_with_the_loops_clock(client, questions):
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(client, question)) for question in questions]
    end = loop.time()
    return {"answers": [task.result() for task in tasks], "seconds": end - start}


# ---- client_for_every_call ---------------------------------------------------------------------------------------


@expect("many clients")
async def client_for_every_call_sick(questions):
    async def ask_alone(question):
        async with AsyncOpenAI() as client:
            return await ask(client, question)

    return await asyncio.gather(*(ask_alone(question) for question in questions))


@expect("passed")
async def client_for_every_call_mended(questions):
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*(ask(client, question) for question in questions))


@expect("passed")
async def client_for_every_call_mended_with_a_group(questions):
    async with AsyncOpenAI() as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(client, question)) for question in questions]
    return [task.result() for task in tasks]


# ---- wrong_pairs -------------------------------------------------------------------------------------------------


@expect("order lost")
async def wrong_pairs_sick(client, questions):
    calls = [ask(client, question) for question in questions]
    return [await next_done for next_done in asyncio.as_completed(calls)]


@expect("passed")
async def wrong_pairs_mended(client, questions):
    return await asyncio.gather(*(ask(client, question) for question in questions))


@expect("passed")
async def wrong_pairs_mended_with_numbers(client, questions):
    async def ask_numbered(number, question):
        return number, await ask(client, question)

    answers = [""] * len(questions)
    for next_done in asyncio.as_completed([ask_numbered(*pair) for pair in enumerate(questions)]):
        number, answer = await next_done
        answers[number] = answer
    return answers


# ---- what is not mended yet --------------------------------------------------------------------------------------


@expect("order lost")
async def wrong_pairs_half_reversed(client, questions):
    calls = [ask(client, question) for question in questions]
    return [await next_done for next_done in asyncio.as_completed(calls)][::-1]


def guess(seconds):
    async def ask_and_wait(client, questions):
        answers = {}

        async def note(question):
            answers[question] = await ask(client, question)

        kept = [asyncio.create_task(note(question)) for question in questions]
        await asyncio.sleep(seconds)
        return [answers.get(question) for question in questions if kept]

    return ask_and_wait


task_nobody_keeps_half_a_second = expect("left running")(guess(1.0))
task_nobody_keeps_half_too_long = expect("guessed wait")(guess(2.2))


@expect("gave up too soon")
async def retries_on_retries_half_none_at_all(client, questions):
    return await retries_on_retries_mended(client.with_options(max_retries=0), questions)


@expect("too many retries")
async def retries_on_retries_half_at_the_client(client, questions):
    return await retries_on_retries_mended(client.with_options(max_retries=8), questions)


@expect("client left open")
async def client_for_every_call_half_open(questions):
    client = AsyncOpenAI()
    return await asyncio.gather(*(ask(client, question) for question in questions))


@expect("client left open")
async def ordinary_client_half_open(questions):
    return await client_for_every_call_half_open(questions)


@expect("order lost")
async def no_limit_half_in_finish_order(questions):
    slots, answers = asyncio.Semaphore(3), []

    async def note(client, question):
        async with slots:
            answers.append(await ask(client, question))

    async with AsyncOpenAI(max_retries=0) as client:
        await asyncio.gather(*(note(client, question) for question in questions))
    return answers


# ------------------------------------------------------------------------------------------------------------------


def functions(bug: str) -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in globals().items()
        if name.startswith((f"{bug}_sick", f"{bug}_half", f"{bug}_mended"))
    }


def check(bug: str, function: Callable[..., Any], *, diagnosed: bool = True) -> Verdict:
    choices = tuple(Choice(text, "Because.") for text in ("one", "two", "three", "four"))
    part = Bug(name=bug, title="t", choices=choices, right="a", hints=("h",))
    entry = Entry(name="clinic", title="t", minutes=1, notebook="n", follows="f", bugs=(part,))
    patient = Patient(entry, part, number=1)
    if diagnosed:
        patient.diagnose("a")  # before that a check tells nothing

    async def main() -> Verdict:
        return await patient.check(function)

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def no_logbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "note", lambda *_, **__: None)


@pytest.mark.parametrize(("bug", "name"), [(bug, name) for bug in BUGS for name in functions(bug)])
def test_verdict(bug: str, name: str) -> None:
    function = functions(bug)[name]
    verdict = check(bug, function)
    assert Expected(verdict.outcome, verdict.kind) == function.expected, verdict  # type: ignore[attr-defined]


def test_there_are_one_sick_and_two_mended_ones() -> None:
    for bug in BUGS:
        found = {name: function for name, function in functions(bug).items() if "_half_" not in name}
        kinds = [function.expected.outcome for function in found.values()]  # type: ignore[attr-defined]
        assert kinds == ["failed", "passed", "passed"]


def test_a_check_before_the_diagnosis_does_not_give_it_away() -> None:
    verdict = check("wrong_pairs", wrong_pairs_sick, diagnosed=False)
    assert verdict.seen == "This patient is still sick."
    assert "order" not in repr(verdict)


async def misspelt(client, questions):
    return await asyncio.gather(*(ask(client, question) for question in question_list))  # noqa: F821


def test_an_error_that_the_learner_has_just_made_is_told_before_the_diagnosis() -> None:
    verdict = check("wrong_pairs", misspelt, diagnosed=False)
    assert verdict.outcome == "broken"
    assert "question_list" in verdict.seen and "spelling" in verdict.look
