"""What the checks say of attempts at each task, right and wrong ones."""

import asyncio
import gc
import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from practice.expect import Expected

from helpers.checks.clinic import BUGS
from helpers.checks.tasks import TASKS, Task
from helpers.course import logbook
from helpers.course.exercise import Exercise
from helpers.course.manifest import Entry
from helpers.course.verdict import Verdict

# leaving a client open is what some attempts do wrong
pytestmark = pytest.mark.filterwarnings("ignore:unclosed (transport|<socket):ResourceWarning")

WITHOUT_A_PICTURE = ("generator", "not a coroutine function", "wrong parameters", "empty list")
LEAVES_CLIENTS_OPEN = ("client left open", "many clients")


def attempts(task: str) -> dict[str, Callable[..., Any]]:
    module = importlib.import_module(f"practice.attempts.{task}")
    return {name: value for name, value in vars(module).items() if name.startswith(("wrong_", "right_"))}


@cache  # two tests look at each verdict, and a run takes its time
def verdict_on(task: str, attempt: str) -> Verdict:
    entry = Entry(name=task, title="t", minutes=1, notebook="n", follows="f", hints=("h",))

    async def main() -> Verdict:
        return await Exercise(entry, entry, TASKS[task]).check(attempts(task)[attempt])

    verdict = asyncio.run(main())
    if verdict.kind in LEAVES_CLIENTS_OPEN:
        gc.collect()  # Python warns now, and not in some later test
    return verdict


def some(each: list[tuple[str, ...]]) -> list[Any]:
    """The parameters of tests on attempts: what is said of all but every fourth attempt is slow, as they are many."""
    names = [(task, attempt) for task in TASKS for attempt in attempts(task)]
    return [pytest.param(*one, marks=[pytest.mark.slow] if names.index(one[:2]) % 4 else []) for one in each]


@pytest.fixture(autouse=True)
def no_logbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "note", lambda *_, **__: None)


@pytest.mark.parametrize(("task", "attempt"), some([(task, attempt) for task in TASKS for attempt in attempts(task)]))
def test_verdict(task: str, attempt: str) -> None:
    expected: Expected = attempts(task)[attempt].expected  # type: ignore[attr-defined]
    verdict = verdict_on(task, attempt)
    assert Expected(verdict.outcome, verdict.kind) == expected, verdict
    for sentence in (verdict.seen, verdict.look):
        assert sentence.strip() == sentence != ""
        assert "\n" not in sentence
        if verdict.kind != "raised" or sentence is verdict.look:  # the other one ends with what the error says
            assert sentence.endswith((".", "?")), sentence
    if verdict.kind not in WITHOUT_A_PICTURE:
        assert "Your run" in repr(verdict)
        assert "The expected shape" in repr(verdict)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_each_mistake_is_told_in_words_of_its_own(task: str) -> None:
    seen = {verdict_on(task, attempt).seen for attempt in attempts(task) if attempt.startswith("wrong_")}
    assert len(seen) >= 6


@pytest.mark.parametrize("task", (TASKS | BUGS).values(), ids=TASKS | BUGS)
def test_what_a_run_is_judged_by_is_in_its_scenario(task: Task) -> None:
    before = dict(vars(task))
    assert list(task.scenarios())
    assert vars(task) == before, "the task would judge one run by what it set for another"


HABITS = [
    ("answer_a_list", "wrong_gather_of_a_map", "gather(*calls)"),
    ("answer_a_list", "wrong_gather_of_map", "gather(*calls)"),
    ("answer_a_list", "wrong_gather_of_a_list", "gather(*calls)"),
    ("answer_a_list", "wrong_awaits_a_list", "gather(*calls)"),
    ("answer_a_list", "wrong_keys_of_a_response", "attributes, no keys"),
    ("answer_a_list", "wrong_keys_of_a_choice", "attributes, no keys"),
    ("answer_a_list", "wrong_message_of_the_list", "`choices` is a list"),
    ("answer_a_list", "wrong_output_text", "choices[0].message.content"),
    ("answer_a_list", "wrong_text_as_messages", "`messages` is a list"),
    ("answer_a_list", "wrong_old_completions", "client.chat.completions.create"),
    ("answer_a_list", "wrong_choices_of_the_responses_api", "response.output_text"),
    ("answer_a_list", "wrong_messages_of_the_responses_api", "takes `input=`"),
    ("answer_a_list", "wrong_list_as_input", "a call for each question"),
    ("answer_a_list", "wrong_awaits_time_sleep", "await asyncio.sleep"),
    ("answer_a_list", "wrong_time_from_time", "`import time`"),
    ("answer_a_list", "wrong_list_as_content", "a call for each question"),
    ("answer_a_list", "wrong_all_in_one_list_of_messages", "a call for each question"),
    ("answer_a_list", "wrong_short_timeout", "`timeout=…`"),
    ("answer_a_list", "wrong_async_with_the_ordinary_client", "AsyncOpenAI"),
    ("compare_models", "wrong_process_time", "`time.process_time()` stands still"),
    ("measure_the_gain", "wrong_process_time", "`time.process_time()` stands still"),
    ("measure_the_gain", "wrong_a_loop_twice", "In the second half"),
    ("measure_the_gain", "wrong_one_call_multiplied", "measure all of them"),
    ("limit_in_flight", "wrong_pause_in_the_slot", "A pause inside `async with slots:`"),
    ("limit_in_flight", "wrong_semaphore_of_threads", "asyncio.Semaphore"),
    ("limit_in_flight", "wrong_async_with_a_semaphore_of_threads", "asyncio.Semaphore"),
    ("limit_in_flight", "wrong_never_released", "give it back"),
    ("limit_in_flight", "wrong_join_without_task_done", "task_done()"),
    ("limit_in_flight", "wrong_workers_without_an_end", "end your workers"),
    ("limit_in_flight", "wrong_lock_taken_twice", "a second time"),
    ("survive_failures", "wrong_old_error_classes", "openai.OpenAIError"),
    ("survive_failures", "wrong_errors_of_python", "openai.OpenAIError"),
    ("keep_a_deadline", "wrong_wait_for_around_gather", "which are done"),
    ("keep_a_deadline", "wrong_timeout_of_the_client", "max_retries=0"),
    ("keep_a_deadline", "wrong_tries_again_when_cancelled", "name the errors"),
    ("keep_a_deadline", "wrong_wait_without_cancel", "What is late is cancelled"),
    ("keep_a_deadline", "wrong_awaits_what_it_cancelled", "return_exceptions=True"),
    ("first_answer_wins", "wrong_first_completed_and_the_rest_forgotten", "Whoever lost is cancelled"),
    ("first_answer_wins", "wrong_first_of_a_set", "sets, without an order"),
    ("first_answer_wins", "wrong_losers_ask_again", "name the errors"),
    ("csv_to_csv", "wrong_cut_at_commas", "csv.DictReader"),
    ("csv_to_csv", "wrong_after_the_last_comma", "csv.DictReader"),
    ("csv_to_csv", "wrong_reads_latin", 'encoding="utf-8"'),
    ("csv_to_csv", "wrong_writes_latin", 'encoding="utf-8"'),
    ("csv_to_csv", "wrong_cleans_text", "line breaks"),
    ("csv_to_csv", "wrong_cleans_the_questions", "line breaks"),
    ("csv_to_csv", "wrong_cleans_the_questions_for_the_file", "line breaks"),
    ("csv_to_csv", "wrong_name_of_the_target", "whose name is in `target`"),
    ("csv_to_csv", "wrong_name_of_the_source", "whose name your function is given"),
    ("csv_to_csv", "wrong_other_source", "whose name is in `source`"),
    ("csv_to_csv", "wrong_semicolons", "`sep=`"),
    ("csv_to_csv", "wrong_reads_semicolons", "`sep`"),
    ("csv_to_csv", "wrong_file_not_closed", "with open(target"),
    ("csv_to_csv", "wrong_file_closed_without_parentheses", "with open(target"),
    ("csv_to_csv", "wrong_empty_lines", 'newline=""'),
    ("csv_to_csv", "wrong_asks_the_header", "next(rows)"),
    ("csv_to_csv", "wrong_client_per_call", "parameter `client`"),
]


@pytest.mark.parametrize(("task", "attempt", "said"), some(HABITS))
def test_a_habit_hears_its_own_sentence(task: str, attempt: str, said: str) -> None:
    assert said in verdict_on(task, attempt).look


@pytest.mark.parametrize(("task", "attempt"), some([(task, attempt) for task in TASKS for attempt in attempts(task)]))
def test_nobody_is_sent_away_without_advice(task: str, attempt: str) -> None:
    """To run it by oneself is the last resort: no attempt here comes to that."""
    assert "by itself in a cell" not in verdict_on(task, attempt).look
