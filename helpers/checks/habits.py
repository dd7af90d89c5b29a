"""What many people write at first, and the sentence for each: judged by what the function did, not by how it looks."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..words import duration
from .findings import Finding, Findings, many, short
from .judging import asks, calls_spans, most_at_once
from .running import LATENCY, Run

ENDPOINTS = {"/v1/responses": "client.responses.create", "/v1/completions": "client.completions.create"}
WITHOUT_WAITING = (
    "process_time",
    "process_time_ns",
    "thread_time",
    "thread_time_ns",
)  # clocks


# ---- in every task -------------------------------------------------------------------------------------------------


def asked_in_its_own_way(run: Run) -> Findings:
    """It asked at an address that there is, and let each call take the time that it takes."""
    yield from _endpoint(run)
    yield from _cut_off(run)


def _endpoint(run: Run) -> Findings:
    for call in run.calls:
        name = ENDPOINTS.get(call.path)
        if name and call.attempts[-1].code == "unknown_url":  # else it is a way to ask, and a right one
            yield Finding(
                "another endpoint",
                f"Your function asks with `{name}`, which is not answered here.",
                'Write `client.chat.completions.create(model=…, messages=[{"role": "user", "content": question}])`; '
                "take the text from `response.choices[0].message.content`.",
            )


def _cut_off(run: Run) -> Findings:
    for call in run.calls:
        if (pair := asks(run, call)) is None:
            continue
        model, question = pair
        seconds = run.scenario.seconds
        needs = seconds.get(question, seconds.get(model, LATENCY))
        if needs > run.scenario.deadline:
            continue
        for attempt in call.attempts:
            took = (attempt.done or attempt.sent) - attempt.sent
            if attempt.note == "timeout" and took < 0.8 * needs:
                yield Finding(
                    "cut off",
                    f"A time limit of your own cut off “{short(question)}” after {duration(took)}: its answer would "
                    f"have come after {duration(needs)}.",
                    "Leave out `timeout=…`, or make it longer than an answer takes: minutes, where a model thinks.",
                )


def keys_swapped(row: Mapping[str, Any], fits: Mapping[str, Callable[[Any], bool]]) -> Findings:
    """No value stands under the key of another one. `fits`: whether a value may stand under a key."""
    misfits = [key for key in fits if not fits[key](row[key])]
    for key in misfits:
        for other in misfits:
            if key != other and fits[key](row[other]) and fits[other](row[key]):
                yield Finding(
                    "keys swapped",
                    f"Under {key!r} stands what belongs under {other!r}, and the other way round.",
                    "Exchange the two where you make the dictionary.",
                )


def clock_advice(run: Run, usual: str) -> str:
    """What to do about a clock that shows the wrong time."""
    if clock := next((name for name in WITHOUT_WAITING if name in run.names), None):
        return f"`time.{clock}()` stands still while your function waits, and waiting is all it does: `perf_counter()`."
    return usual


# ---- one by one, then all at once ------------------------------------------------------------------------------------


def measured_both(run: Run) -> Findings:
    """It asked all questions twice: none of the two times was reckoned."""
    questions, calls = len(run.scenario.questions) // 2, len(run.calls)
    if calls in (1, questions + 1) and not run.left:
        yield Finding(
            "reckoned",
            f"One by one, your function sent only one of its {questions} calls: the time for all was reckoned from it.",
            "Calls differ, so measure all of them: a loop with an `await` in it, between two readings of the clock.",
        )
    if calls == questions and not run.left:
        yield Finding(
            "reckoned",
            f"Your function sent {many(calls, 'call')}, and twice as many belong: each question is asked two times.",
            "Ask all of them one by one, and then the same ones all at once: both times are measured.",
        )


def second_half_at_once(run: Run) -> Findings:
    """Its second half is no loop like the first."""
    spans = calls_spans(run)
    if most_at_once(spans) == 1:
        yield Finding(
            "one by one",
            "In both halves your calls were in flight one after the other: also where they should be all at once.",
            "In the second half start all of them, then wait: `await asyncio.gather(*[ask(question) for question in "
            "questions])`, with no loop around it.",
        )


# ---- when the time is up -------------------------------------------------------------------------------------------


def kept_what_came(run: Run, texts: Iterable[str | None]) -> Findings:
    """At the deadline it kept the answers that had come. `texts`: those, and None for each that had not."""
    came = [text for text in texts if text is not None]
    kept = run.result if isinstance(run.result, (list, tuple)) else []
    late = any(call.outcome == "cancelled" for call in run.calls)
    if late and came and not any(text in kept for text in came):
        yield Finding(
            "deadline lost the rest",
            f"When the time was up, {many(len(came), 'answer')} had come, and your function threw all of them away.",
            "`wait_for` or `timeout` around gather keeps all or nothing: `asyncio.wait(tasks, timeout=seconds)` tells "
            "which are done.",
        )


def one_time_for_all_tries(run: Run, due: float) -> Findings:
    """No time limit counted for each try anew."""
    tries = max((sum(each.note == "timeout" for each in call.attempts) for call in run.calls), default=0)
    if tries > 1:
        yield Finding(
            "too late",
            f"Your function returned after {duration(run.seconds)} in place of {duration(due)}: the client's `timeout` "
            "counts for each try, and after it the client tried again.",
            "Give the client `max_retries=0`, too; or let `asyncio.wait(tasks, timeout=seconds)` watch the time.",
        )
