"""What can be said of a run: each judgement yields what is wrong, the thing to look at first, first.

A judgement is a generator of findings. A task chains several; the first finding is the one that the learner gets.
"""

import asyncio
import inspect
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from openai.types.chat import ChatCompletion

from ..wire.trace import Call
from ..words import duration, one_line
from .changes import MEND, how_changed
from .fence import PROGRAM
from .findings import Finding, Findings, in_words, kind_of, listed, many, share, short
from .raised import first_line, in_line, innermost, last_line, line_of, raised
from .running import LIMIT, MOST_TRIES, Run, nested
from .stillness import Waiting
from .watchdog import Line

BLOCKED = 0.15  # seconds; an event loop that stood still for longer was blocked
IDLE = 0.15  # share of the time that slots may stand empty while questions wait


Span = tuple[float, float]  # from second, to second


# ---- how the run went ----------------------------------------------------------------------------------------------


def it_ended(run: Run) -> Findings:
    """It came to its end, and by itself."""
    if run.refused:
        what, program = run.refused[0], run.refused[0] == PROGRAM
        yield Finding(
            "left the computer",
            f"Your function tried to {'start' if program else 'reach'} {what}; a check lets nothing leave this computer"
            f"{', and what another program does it cannot see' if program else ''}.",
            "Do the work in your function itself: a call is all that it needs."
            if program
            else "Use a client made after connect(), or the one that your function is given: it leads to the mock API.",
        )
    if run.cancelled_others:
        yield Finding(
            "cancelled others",
            "Your function cancelled tasks that it did not make: asyncio.all_tasks() has the notebook's own, too.",
            "Keep a list of the tasks that you make, and cancel those: without its own, a kernel runs no more cells.",
        )
    if run.stuck_at and run.locked:
        yield Finding(
            "endless",
            f"Your function stands still in {_line(run)}: a lock of threads stops the whole event loop there, and with "
            "it whoever could open that lock. So it was stopped.",
            "asyncio has its own: `asyncio.Semaphore`, `asyncio.Lock`, `asyncio.Queue`, with `async with` or `await`.",
        )
    if run.stuck_at:
        yield Finding(
            "endless",
            f"After {LIMIT:g} seconds your function was still busy in {_line(run)}, so it was stopped.",
            "Ask yourself what ends that loop; and whatever waits has to wait with `await`, or nothing else can run.",
        )
    if run.waits_for_ever is not None:
        yield _waits_for_ever(run, run.waits_for_ever)
    if not run.ended and run.scenario.cancelled_after < LIMIT:
        yield Finding(
            "cancelling swallowed",
            "Your function was cancelled from outside, and went on all the same; so it was stopped.",
            NAME_THE_ERRORS,
        )
    if not run.ended:
        sent = Counter(pair for call in run.calls if (pair := asks(run, call)) for _ in call.attempts)
        if sent and max(sent.values()) > MOST_TRIES:
            _, question = max(sent, key=lambda pair: sent[pair])
            yield Finding(
                "endless",
                f"Your function sent “{short(question)}” again and again, and had not ended after "
                f"{MOST_TRIES} requests; so it was stopped.",
                "Give up after a few tries: `for attempt in range(3)` in place of `while True`.",
            )
        if run.deaf:
            yield Finding(
                "cancelling swallowed",
                f"Your function cancelled a task of its own (`{run.deaf[0]}`), which went on all the same; after "
                f"{LIMIT:g} seconds it was stopped.",
                NAME_THE_ERRORS,
            )
        if run.calls and not any(asks(run, call) for call in run.calls):
            yield Finding(
                "another question",
                f"After {LIMIT:g} seconds your function had not ended, and so was stopped: it asked "
                f"“{short(run.calls[0].question)}” and others, which the check did not give it.",
                "Use its parameters: the check gives other questions, or the name of another file, than the notebook.",
            )
        so_far, look = _so_far(run)
        yield Finding(
            "endless", f"After {LIMIT:g} seconds your function had not ended, and {so_far}; so it was stopped.", look
        )
    if isinstance(error := innermost(run.error), asyncio.CancelledError) and not run.cancelled:
        yield Finding(
            "awaited a cancelled task",
            f"Your function awaited a task that was cancelled{in_line(first_line(error))}, and ended with its "
            "CancelledError.",
            "`await asyncio.gather(*tasks, return_exceptions=True)` waits for cancelled tasks, and raises nothing.",
            broken=True,
        )
    if run.error is not None:
        yield raised(run.error)


NAME_THE_ERRORS = "A bare `except` also catches the CancelledError: name the errors that you mean, or `raise` it again."
WHAT_ENDS_A_WAIT = {
    "Queue.join": "`queue.join()` waits until `queue.task_done()` was called once for each entry: is that missing?",
    "Semaphore.acquire": "Who takes a slot has to give it back: `async with slots:` does both, `acquire()` only takes.",
    "Lock.acquire": "A lock lets one in, and not even its owner a second time: `async with lock:` gives it back.",
    "Queue.put": "The queue is full, and nobody takes from it: start who takes first, or leave out `maxsize`.",
    "Queue.get": "The queue is empty, and nothing more comes: end your workers then, by `while not queue.empty():`.",
    "Event.wait": "Somebody has to call `set()` on this event.",
    "Condition.wait": "Somebody has to call `notify()` on this condition.",
}


def _waits_for_ever(run: Run, waiting: Waiting) -> Finding:
    so_far, look = _so_far(run)
    where = f", in {_place(waiting.line)}" if waiting.line else ""
    return Finding(
        "endless",
        f"Your function waits for something that never comes{where}: {so_far}, and nothing of it goes on. So it was "
        "stopped.",
        WHAT_ENDS_A_WAIT.get(waiting.what, look),
    )


def _so_far(run: Run) -> tuple[str, str]:
    """What had come of its calls when a function was stopped, and what to ask oneself then."""
    if not run.calls:
        return "it had sent no call", "Something waits before the first call: what does it wait for?"
    asked = {pair for call in run.calls if call.outcome == "ok" and (pair := asks(run, call))}
    if missing := len(set(_pairs(run)) - asked):
        what = f"{in_words(missing)} of its calls had no answer"
        return what, "Something waits for what never comes: is every slot given back that was taken?"
    what = "all its calls had been answered"
    return what, "Something waits for more: what ends your workers, or your loop, when all is done?"


def _line(run: Run) -> str:
    return _place(run.stuck_at or max(run.blocks).line)


def _place(line: Line) -> str:
    return f"line {line.number} of its cell (`{one_line(line.code, 60)}`)"


def it_awaited(run: Run) -> Findings:
    """It awaited what it called, and returned results, not calls that have not begun."""
    for value in nested(run.result):
        if inspect.iscoroutine(value):
            name = value.__qualname__.rpartition(".")[2]
            yield Finding(
                "coroutine returned",
                f"Your function returned a coroutine (`{name}`) where a result belongs: a call that has not begun.",
                "Put `await` before it, or hand all of them to `await asyncio.gather(*calls)`.",
            )
        if isinstance(value, asyncio.Future) or inspect.isawaitable(value):
            yield Finding(
                "task returned",
                "Your function returned a task where its result belongs.",
                "`await` each task, or all of them with `await asyncio.gather(*tasks)`; that gives the results.",
            )
    if run.forgotten:
        yield Finding(
            "never awaited",
            f"`{min(run.forgotten)}` was called and never awaited{'' if run.calls else ', and so nothing was sent'}.",
            "Calling an `async def` only makes a coroutine; `await` starts it, and so do gather and create_task.",
        )


def it_asked(run: Run) -> Findings:
    """It sent calls: each question to each model, once."""
    if not run.scenario.questions:
        return
    if run.left and len(run.calls) < len(_pairs(run)):
        yield from nothing_left(run)  # how many of them had begun by then is chance
    if not run.calls:
        yield from loop_stayed_free(run)
    if not run.calls and any(isinstance(value, str) and value for value in nested(run.result)):
        yield Finding(
            "invented",
            "Your function returned something, but it sent no call: these answers are invented.",
            "The check asks other questions than the notebook; send them with `client.chat.completions.create(…)`.",
        )
    if not run.calls:
        yield Finding(
            "nothing sent",
            "Your function ended without sending a single call.",
            "Send each question with `await client.chat.completions.create(…)`; the notebook shows a whole call.",
        )
    for texts in run.texts:
        if (several := sum(any(question in text for text in texts) for question in set(run.scenario.questions))) > 1:
            yield Finding(
                "one call for all",
                f"One of your calls asks {in_words(several)} questions together.",
                "Make a call for each question, with one message: only then each has an answer of its own, and they "
                "wait together.",
            )
    wanted = Counter(_pairs(run))
    asked = Counter(pair for call in run.calls if (pair := asks(run, call)) is not None)
    if strange := [call for call in run.calls if asks(run, call) is None]:
        call, models = strange[0], run.scenario.models
        if models and call.model not in models:
            yield Finding(
                "another model",
                f"Your function asked {call.model}, and the check gave it {listed(models)}.",
                "Use the parameter for the models: the check gives other ones than the notebook.",
            )
        yield Finding(
            "another question",
            f"Your function asked “{short(call.question)}”, which the check did not give it.",
            "Use the parameter for the question: the check gives other ones than the notebook.",
        )
    missing, twice = list((wanted - asked).elements()), list((asked - wanted).elements())
    if missing and twice and not run.scenario.repeats:
        model, question = twice[0]
        yield Finding(
            "the same again",
            f"{in_words(asked[twice[0]]).capitalize()} of your calls asked {model or 'the model'} “{short(question)}”, "
            f"and {many(len(missing), 'call')} never came.",
            "Each call needs its own question, in its own list of messages: do they all use one variable?",
        )
    if missing:
        model, question = missing[0]
        what = f"{model} was" if model else f"“{short(question)}” was"
        yield Finding(
            "not asked",
            f"{share(len(missing), wanted.total(), 'call')} never came: {what} not asked.",
            "Go through all that the function was given; and see that one failure does not end the loop.",
        )
    if twice and run.deaf:
        yield Finding(
            "cancelling swallowed",
            f"A task of your function was cancelled (`{run.deaf[0]}`), and asked “{short(twice[0][1])}” once more.",
            NAME_THE_ERRORS,
        )
    if twice and not run.scenario.repeats:
        model, question = twice[0]
        yield Finding(
            "asked again",
            f"Your function asked {model or 'the model'} “{short(question)}” {asked[twice[0]]} times in "
            "separate calls.",
            "Each call is paid for: keep the first answer. And the client tries again by itself what may pass.",
        )


def loop_stayed_free(run: Run) -> Findings:
    """Nothing blocked the event loop."""
    if calls := [call for call in run.calls if call.blocking]:
        where = f", in {_line(run)}" if run.blocks else ""
        yield Finding(
            "blocked loop",
            f"The ordinary client sent {many(len(calls), 'call')} from inside your coroutine{where}: "
            "while it waits, the event loop is blocked and nothing else can run.",
            "Use `AsyncOpenAI`, and `await` its calls.",
        )
    seconds = sum(block.seconds for block in run.blocks)
    if seconds > BLOCKED:
        yield Finding(
            "blocked loop",
            f"The event loop was blocked for {duration(seconds)}, in {_line(run)}: nothing else could run meanwhile.",
            "What waits has to wait with `await` (`await asyncio.sleep(…)`); what cannot goes into asyncio.to_thread.",
        )


def one_client(run: Run) -> Findings:
    if len(run.clients) > 1:
        yield Finding(
            "many clients",
            f"{len(run.clients)} clients sent your {many(len(run.calls), 'call')}: each had to open a connection of "
            "its own.",
            "Use your function's parameter `client` for all of them: whoever gives it also closes it."
            if run.given
            else "Make one client before the calls, and give it to all of them.",
        )
    if run.given and run.clients and not any(client is run.given for client in run.clients):
        yield Finding(
            "own client",
            "Your function made a client of its own, and left the one that it is given unused.",
            "Use its parameter `client`: one client keeps its connections for all calls.",
        )
    if run.client_closed:
        yield Finding(
            "client closed",
            "Your function closed the client that it was given, and whoever gave it can use it no more.",
            "Who makes a client closes it: leave out the `async with client` and the `client.close()`.",
        )


def client_closed(run: Run) -> Findings:
    """The client that it made is closed."""
    if any(not client.is_closed for client in run.clients):
        yield Finding(
            "client left open",
            "When your function returned, its client was still open, and so were its connections.",
            "Write `async with AsyncOpenAI() as client:` around the calls: that closes it, whatever happens.",
        )


# ---- what was in flight when ---------------------------------------------------------------------------------------


def at_once(run: Run, spans: Sequence[Span] | None = None) -> Findings:
    """All calls were in flight together."""
    spans = calls_spans(run) if spans is None else spans
    most = most_at_once(spans)
    if len(spans) > 1 and most == 1:
        slowest = max(end - start for start, end in spans)
        yield Finding(
            "one by one",
            f"Your {in_words(len(spans))} calls were in flight one after the other: {duration(whole(spans))}, where "
            f"the slowest took {duration(slowest)}.",
            "An `await` in a loop waits before the next call is sent: start all of them first (gather, TaskGroup, "
            "create_task), then wait.",
        )
    if most < len(spans):
        yield Finding(
            "too few in flight",
            f"Of your {in_words(len(spans))} calls only {most} were in flight at the same time.",
            "Start all of them before you wait for the first answer.",
        )


def within_limit(run: Run, limit: int, at_least: int | None = None) -> Findings:
    """Never more than `limit` calls were in flight, and as many at one moment (or `at_least` so many)."""
    most = most_at_once(calls_spans(run))
    if most == 1 < limit:
        yield Finding(
            "one by one",
            f"Only one of your calls was in flight at a time, where {limit} were allowed.",
            "An `await` in a loop lets one call through at a time, and so does a lock: start them all with gather, and "
            "let each take a slot of one `asyncio.Semaphore(limit)`.",
        )
    if most > limit:
        yield Finding(
            "too many in flight",
            f"{most} calls were in flight at once, and the limit was {limit}.",
            "All calls share one `slots = asyncio.Semaphore(limit)`, and each is made inside `async with slots:`.",
        )
    if most < (at_least or limit):
        yield Finding(
            "too few in flight",
            f"At most {most} calls were in flight at once, where {limit} were allowed.",
            "Use the parameter `limit`: the check gives another one than the notebook.",
        )


def no_idle_slots(run: Run, limit: int) -> Findings:
    """As soon as a call ended the next one was sent, while there was one."""
    spans = calls_spans(run)
    begin, last = min(start for start, _ in spans), max(start for start, _ in spans)
    busy = sum(min(end, last) - start for start, end in spans)
    idle = 1 - busy / (limit * (last - begin)) if last > begin else 0.0
    paused = sum(max(0.0, min(end, last) - max(start, begin)) for start, end in run.pauses)
    if idle > IDLE and paused / (limit * (last - begin)) > idle / 2:
        yield Finding(
            "idle slots",
            f"While questions were waiting, {idle:.0%} of your {limit} slots stood empty: your function paused.",
            "A pause inside `async with slots:` keeps the slot from all others: put it behind that block, or leave it "
            "out.",
        )
    if idle > IDLE:
        yield Finding(
            "idle slots",
            f"While questions were waiting, {idle:.0%} of your {limit} slots stood empty: "
            "no call was followed at once by the next.",
            "A group of calls waits for its slowest: let each question wait for a slot of its own, with a semaphore.",
        )


def nothing_left(run: Run, look: str = "") -> Findings:
    """When the function returned, nothing of it was running. `look`: what the task says to that."""
    if run.left or run.in_flight:
        names = listed(dict.fromkeys(run.left))
        what = f"{many(len(run.left), 'task')} of it ({names})" if run.left else "some of its calls"
        yield Finding(
            "left running",
            f"Your function returned while {what} went on running: each call is paid for, and its answer is lost.",
            look or "Is an `await` missing, before gather perhaps? What you need no more you cancel, then await.",
        )


def cancelled_well(run: Run) -> Findings:
    """Cancelled from outside, it took its tasks with it."""
    if run.ended and (run.left or run.in_flight):
        yield Finding(
            "left running when cancelled",
            "Your function was cancelled from outside, and its calls went on running: they are paid for.",
            "Cancel your tasks, and await them, in a `finally:` block: that runs however the function ends.",
        )


def with_nothing(run: Run, result: Any, parameter: str) -> Findings:
    """It was given nothing to ask, and returned that; in place of None it may raise an error, if it does so itself."""
    if result is None and run.error is not None and (line := last_line(run.error)) and line.code.startswith("raise"):
        return
    if run.error is not None:
        name = type(innermost(run.error)).__name__
        yield Finding(
            "empty list",
            f"With an empty list of {parameter} your function raised {name}{line_of(run.error)}.",
            f"Return {result!r} before anything waits: `if not {parameter}: return {result!r}`.",
            broken=True,
        )
    yield from it_ended(run)
    if any(value for value in nested(run.result) if not isinstance(value, dict)) or (result == [] != run.result):
        yield Finding(
            "empty list",
            f"With an empty list of {parameter} your function returned {kind_of(run.result)}, and not {result!r}.",
            f"`if not {parameter}: return {result!r}`.",
        )


# ---- what it returned ----------------------------------------------------------------------------------------------


def a_list(run: Run, length: int, of_what: str) -> Findings:
    """It returned a list with an entry for each question or model."""
    result = run.result
    if result is None:
        yield Finding(
            "nothing returned",
            "Your calls are fine, but your function returned None.",
            "A `return` is missing at its end: what is only printed cannot be used by anybody.",
        )
    if not isinstance(result, (list, tuple)):
        yield Finding(
            "wrong type",
            f"Your function returned {kind_of(result)}, and a list is needed: {of_what}.",
            "Compare what you return with the task's description.",
        )
    elif len(result) != length:
        yield Finding(
            "answers lost" if len(result) < length else "too many results",
            f"Your list has {many(len(result), 'entry')}, where {length} belong.",
            "There is one entry for each, also for a call that failed.",
        )
    elif errors := [entry for entry in result if isinstance(entry, BaseException)]:
        yield Finding(
            "errors as answers",
            f"Your list holds {kind_of(errors[0])} where an entry of yours belongs.",
            "With return_exceptions=True gather gives errors as results: look at each result before you use it.",
        )


def dictionaries(run: Run, keys: Sequence[str]) -> Findings:
    """Each entry of the result is a dictionary with these keys."""
    for row in run.result:
        yield from dictionary(row, keys, "An entry of your list")


def dictionary(value: Any, keys: Sequence[str], what: str = "What your function returned") -> Findings:
    """It is a dictionary with these keys."""
    if not isinstance(value, dict):
        yield Finding(
            "wrong type",
            f"{what} is {kind_of(value)}, and a dictionary is needed.",
            f"It has the keys {listed(keys)}.",
        )
    elif missing := [key for key in keys if key not in value]:
        yield Finding(
            "wrong keys",
            f"A dictionary of yours has no key {missing[0]!r}; it has {listed(map(repr, value)) or 'none'}.",
            f"The keys are {listed(map(repr, keys))}, spelled like that.",
        )


def answers_fit(run: Run, answers: Sequence[Any], pairs: Sequence[tuple[str, str]]) -> Findings:
    """Each answer is the text that was sent for its (model, question)."""
    came = {pair: text for pair in pairs if (text := answer_to(run, pair)) is not None}
    for pair, answer in zip(pairs, answers, strict=True):
        model, question = pair
        whose = f"of {model}" if len(set(run.scenario.models)) > 1 else f"to “{short(question)}”"
        if isinstance(answer, ChatCompletion):
            yield Finding(
                "wrong type",
                "Your result holds a whole response where the text of the answer belongs.",
                "The text is `response.choices[0].message.content`.",
            )
        elif pair in came and answer is None:
            yield Finding(
                "answer lost",
                f"The answer {whose} came, but it is not in your result.",
                "Follow that one answer through your code: where does it get lost?",
            )
        elif answer is not None and not isinstance(answer, str):
            yield Finding(
                "wrong type",
                f"The answer {whose} is {kind_of(answer)} in your result, and it should be a string.",
                "The text is `response.choices[0].message.content`.",
            )
        elif answer is not None and answer.strip() != came.get(pair, "").strip():
            yield _unfitting(run, pair, answer, whose, came)


def _unfitting(run: Run, pair: tuple[str, str], answer: str, whose: str, came: dict[tuple[str, str], str]) -> Finding:
    others = [other for other, text in came.items() if text.strip() == answer.strip()]
    if not others and (how := how_changed(came.get(pair, ""), answer)):
        return Finding(
            "text changed",
            f"The answer {whose} is not in your result as it came: {how}.",
            "Take the text as it is, `response.choices[0].message.content`."
            if run.scenario.target == Path()
            else MEND[how],
        )
    if others:
        model, question = others[0]
        other = f"of {model}" if model != pair[0] else f"to “{short(question)}”"
        return Finding(
            "order lost",
            f"Where the answer {whose} belongs, your result has the answer {other}.",
            "What finishes first need not be what was asked first: gather keeps the order; else carry a number along.",
        )
    return Finding(
        "invented",
        f"Where the answer {whose} belongs, your result has “{short(answer)}”, which no call brought.",
        "Return the text of the answer as it came, `response.choices[0].message.content`.",
    )


# ---- looking things up ---------------------------------------------------------------------------------------------


def asks(run: Run, call: Call) -> tuple[str, str] | None:
    """The (model, question) of the scenario that a call asks; None where it asks something else.

    The question may stand in a longer prompt. Where any model will do, the model is "".
    """
    for model, question in _pairs(run):
        if question in call.question and model in ("", call.model):
            return model, question
    return None


def answer_to(run: Run, pair: tuple[str, str]) -> str | None:
    """The text that came for a (model, question); None where none did."""
    model, question = pair
    if not any(call.outcome == "ok" and asks(run, call) == pair for call in run.calls):
        return None
    for served in reversed(run.served):
        if served.answer and question in served.question and model in ("", served.model):
            return served.answer
    return None


def brought(run: Run, text: str) -> bool:
    """Whether a call brought this text."""
    return any(served.answer.strip() == text.strip() for served in run.served if served.answer)


def _pairs(run: Run) -> list[tuple[str, str]]:
    return [(model, question) for question in run.scenario.questions for model in run.scenario.models or ("",)]


def calls_spans(run: Run) -> list[Span]:
    """From when to when each question was being asked, the pauses between its attempts included."""
    spans: dict[object, Span] = {}
    for number, call in enumerate(run.calls):
        end = run.trace.now() if call.done is None else call.done
        pair = asks(run, call) if run.scenario.repeats else None
        start = spans[pair][0] if pair in spans else call.sent
        spans[pair or number] = (start, end)
    return list(spans.values())


def most_at_once(spans: Iterable[Span]) -> int:
    """The most of them that overlap at one moment."""
    count = most = 0
    for _, change in sorted(change for start, end in spans for change in ((start, 1), (end, -1))):
        count += change
        most = max(most, count)
    return most


def whole(spans: Sequence[Span]) -> float:
    """Seconds from the first's start to the last one's end."""
    return max(end for _, end in spans) - min(start for start, _ in spans)
