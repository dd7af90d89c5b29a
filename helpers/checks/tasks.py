"""The practice tasks: what each function is called with, and what it has to do. Their words are in tasks.toml."""

import csv
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai

from ..mock_api import Faults
from ..mock_api.exchange import REFUSAL_SECONDS
from ..timeline import Panel
from ..wire.clients import is_sync
from ..words import duration
from . import habits, judging, shape
from .changes import MEND, how_changed
from .findings import Finding, Findings, kind_of, short
from .raised import innermost, raised
from .running import LATENCY, Run, Scenario

# asked by the checks and nowhere else, so that answers written down beforehand fail
QUESTIONS = (
    "What is a linked list?",
    "What does a compiler do?",
    "What is a hash function?",
    "What is a race condition?",
    "What does a cache do?",
    "What is a regular expression?",
    "What is an index in a database?",
    "What is a mutex?",
)
SLACK = 0.6  # seconds that a run may last beyond what it should: a machine may be busy
CANCELLED = 0.3  # seconds after which a function is cancelled from outside, when its calls are in flight
CANCEL = "{who} is cancelled and awaited: `task.cancel()`, then `await asyncio.gather(*tasks, return_exceptions=True)`."
PAUSE = 0.02  # the share of a pause before another try that a check really waits


class Task(ABC):
    """What a check calls a function with, and how it judges what that did."""

    parameters: str  # of the function

    @abstractmethod
    def scenarios(self) -> Iterator[Scenario]:
        """One run is made for each, as long as nothing is found."""

    @abstractmethod
    def judge(self, run: Run) -> Findings: ...

    def shape(self, run: Run) -> Panel:
        return shape.expected(run)

    def sound(self, run: Run) -> Findings:
        """What holds for every task, before its calls are looked at."""
        yield from judging.it_ended(run)
        yield from judging.it_awaited(run)
        yield from judging.it_asked(run)
        yield from judging.loop_stayed_free(run)
        yield from judging.one_client(run)

    def texts(self, run: Run) -> Findings:
        """The result is a list of texts in the order of the questions."""
        questions = run.scenario.questions
        yield from judging.a_list(run, len(questions), "the texts of the answers")
        yield from judging.answers_fit(run, run.result, [("", question) for question in questions])


class CompareModels(Task):
    parameters = "client, models, question"

    def scenarios(self) -> Iterator[Scenario]:
        models, question = ("gpt-4o", "gpt-6.1-terra", "gpt-4o-mini"), QUESTIONS[0]
        seconds = {"gpt-4o": 0.4, "gpt-6.1-terra": 0.2, "gpt-4o-mini": 0.6}
        yield Scenario((list(models), question), (question,), models, client=True, seconds=seconds)

    def judge(self, run: Run) -> Findings:
        yield from self.sound(run)
        yield from judging.nothing_left(run)
        yield from judging.at_once(run)
        models, rows = run.scenario.models, run.result
        yield from judging.a_list(run, len(models), "a dictionary for each model")
        yield from judging.dictionaries(run, ("model", "answer", "seconds"))
        for row in rows:
            yield from habits.keys_swapped(
                row,
                {
                    "model": lambda value: value in models,
                    "answer": lambda value: isinstance(value, str) and judging.brought(run, value),
                    "seconds": lambda value: isinstance(value, (int, float)),
                },
            )
        if Counter(str(row["model"]) for row in rows) != Counter(models):
            yield Finding(
                "wrong models",
                f"The models in your result are {', '.join(str(row['model']) for row in rows)}; asked were "
                f"{', '.join(models)}.",
                "Put the name of the model that was asked into its own dictionary.",
            )
        pairs = [(row["model"], run.scenario.questions[0]) for row in rows]
        yield from judging.answers_fit(run, [row["answer"] for row in rows], pairs)
        yield from self._seconds(run)

    def _seconds(self, run: Run) -> Findings:
        took = {call.model: call.seconds or 0.0 for call in run.calls}
        slowest = max(took.values())
        for row in run.result:
            yield from a_number(row["seconds"], "seconds")
        for row in run.result:
            model, seconds, true = row["model"], row["seconds"], took[row["model"]]
            # a clock that waits for the others too shows the slowest's time
            if not 0.8 * true <= seconds <= true + 0.5 * (slowest - true) + SLACK / 4:
                yield from in_seconds(seconds, true, f"The call to {model}")
                yield Finding(
                    "wrong clock",
                    f"The call to {model} took {duration(true)}, and your result says {duration(seconds)}.",
                    habits.clock_advice(
                        run,
                        "Start and stop the clock inside the coroutine that makes this one call, around its `await`.",
                    ),
                )
        shown = [row["seconds"] for row in run.result]
        if shown != sorted(shown):
            yield Finding(
                "wrong order",
                f"Your list begins with {run.result[0]['model']}, which was not the fastest.",
                "It is the slowest first: sort by the seconds, without `reverse=True`."
                if shown == sorted(shown, reverse=True)
                else "Sort the dictionaries by their seconds: `sorted(rows, key=…)`.",
            )


class AnswerAList(Task):
    parameters = "questions"

    def scenarios(self) -> Iterator[Scenario]:
        questions = QUESTIONS[:5]
        seconds = dict(zip(questions, (0.3, 0.6, 0.2, 0.5, 0.4), strict=True))
        yield Scenario((list(questions),), questions, seconds=seconds)

    def judge(self, run: Run) -> Findings:
        yield from self.sound(run)
        yield from judging.nothing_left(run)
        yield from judging.at_once(run)
        yield from self.texts(run)
        yield from judging.client_closed(run)
        if any(map(is_sync, run.clients)):
            yield Finding(
                "threads",
                "The ordinary client sent your calls, from threads: that works, and costs a thread for every call.",
                "Make an `AsyncOpenAI`: a single thread is enough then, and a call can be cancelled.",
            )


class MeasureTheGain(Task):
    parameters = "questions"

    def scenarios(self) -> Iterator[Scenario]:
        questions = QUESTIONS[:6]
        yield Scenario((list(questions),), questions * 2, seconds=dict.fromkeys(questions, LATENCY))

    def judge(self, run: Run) -> Findings:
        yield from judging.it_ended(run)
        yield from judging.it_awaited(run)
        yield from habits.measured_both(run)
        yield from judging.it_asked(run)
        spans = judging.calls_spans(run)
        half = len(spans) // 2
        first, second = spans[:half], spans[half:]
        if max(end for _, end in first) > min(start for start, _ in second) and judging.most_at_once(spans) > half:
            yield Finding(
                "both at once",
                "The two measurements ran at the same time, so each of them disturbed the other.",
                "First measure one by one; only when all those answers are there, begin with all at once.",
            )
        serial, together = (first, second) if judging.most_at_once(first) == 1 else (second, first)
        if judging.most_at_once(serial) > 1:
            yield Finding(
                "never one by one",
                "The calls that should be one by one were in flight together.",
                "In the first half `await` each call before you send the next: a plain loop.",
            )
        if serial is second and judging.most_at_once(first) == half:
            yield Finding(
                "at once first",
                "All at once came first, and one by one after it.",
                "The task asks for them the other way round: the plain loop first, then the same questions at once.",
            )
        yield from judging.nothing_left(run)
        if any(call.blocking for call in run.calls[half:]) and serial is first:
            yield from judging.loop_stayed_free(run)
        yield from habits.second_half_at_once(run)
        yield from judging.at_once(run, together)
        if len(run.clients) > 2:
            yield from judging.one_client(run)
        calls = sum(end - start for start, end in serial)
        if judging.whole(serial) > 1.2 * calls + SLACK:
            yield Finding(
                "idle between calls",
                f"One by one took {duration(judging.whole(serial))}, and its calls only {duration(calls)}: "
                "for the rest nothing was in flight.",
                "Take out what waits between the calls: it is measured too, and makes async look better than it is.",
            )
        yield from self._figures(run, judging.whole(serial), judging.whole(together))
        yield from judging.client_closed(run)

    def _figures(self, run: Run, serial: float, together: float) -> Findings:
        yield from a_dictionary(run, ("one_by_one", "at_once", "speed_up"))
        for key in ("one_by_one", "at_once", "speed_up"):
            yield from a_number(run.result[key], key)
        yield from habits.keys_swapped(
            run.result,
            {"one_by_one": lambda value: about(value, serial), "at_once": lambda value: about(value, together)},
        )
        for key, true in (("one_by_one", serial), ("at_once", together)):
            if not about(run.result[key], true):
                yield from in_seconds(run.result[key], true, f"“{key}”")
                yield Finding(
                    "wrong clock",
                    f"“{key}” took {duration(true)}, and your result says {duration(run.result[key])}.",
                    habits.clock_advice(
                        run,
                        "Read the clock right before the first call, and again after the last answer has come.",
                    ),
                )
        true = run.result["one_by_one"] / run.result["at_once"]
        if min(abs(run.result["speed_up"] - each) for each in (true, serial / together)) > 0.6:  # it may be rounded
            yield Finding(
                "wrong speed-up",
                f"From {run.result['one_by_one']:.2f} s to {run.result['at_once']:.2f} s is {true:.1f} times as fast, "
                f"and your result says {run.result['speed_up']:.1f}.",
                "How many times the shorter time goes into the longer one: divide one_by_one by at_once.",
            )

    def shape(self, run: Run) -> Panel:
        calls = shape.lengths(run)
        half = len(calls) // 2
        one_by_one = shape.schedule(calls[:half], limit=1)
        start = sum(seconds for _, seconds in calls[:half])
        return shape.panel([*one_by_one, *shape.schedule(calls[half:], start=start)])


class LimitInFlight(Task):
    parameters = "client, questions, limit"

    def scenarios(self) -> Iterator[Scenario]:
        uneven = dict(zip(QUESTIONS, (0.5, 0.2, 0.2, 0.5, 0.2, 0.2, 0.4, 0.2), strict=True))
        for questions, limit, seconds in ((QUESTIONS, 3, uneven), (QUESTIONS[:4], 2, {})):
            yield Scenario((list(questions), limit), questions, client=True, seconds=seconds, limit=limit)

    def judge(self, run: Run) -> Findings:
        yield from self.sound(run)
        yield from judging.within_limit(run, run.scenario.limit)
        yield from judging.no_idle_slots(run, run.scenario.limit)
        yield from judging.nothing_left(run)
        yield from self.texts(run)

    def shape(self, run: Run) -> Panel:
        return shape.expected(run, run.scenario.limit)


class SurviveFailures(Task):
    parameters = "client, questions"
    most_requests = 5  # for one question: the SDK sends three, and a loop of three around it nine

    def scenarios(self) -> Iterator[Scenario]:
        questions = QUESTIONS[:6]
        passing, dropped, flagged, limited = failing = questions[1:5]
        faults = Faults(
            server_error={passing: 1},
            dropped=dropped,
            refused=flagged,
            rate_limited=limited,
            retry_after=0.05,
        )
        yield Scenario(
            (list(questions),), questions, client=True, repeats=True, faults=faults, failing=failing, pause=PAUSE
        )

    def judge(self, run: Run) -> Findings:
        if isinstance(innermost(run.error), openai.OpenAIError):
            name = type(innermost(run.error)).__name__
            yield Finding(
                "one failure lost the rest",
                f"One failed call ({name}) ended your function, and the answers of all others are lost.",
                "Catch `openai.OpenAIError` around each single call, and return what happened as that question's row.",
                broken=True,
            )
        if run.ended and run.error is None and run.left and any(call.outcome == "failed" for call in run.calls):
            yield Finding(
                "one failure lost the rest",
                "One failed call ended gather for all: your function returned while the others were still in flight.",
                "The `try` belongs around each single call, inside the coroutine that makes it, and not around gather.",
            )
        yield from self.sound(run)
        yield from judging.nothing_left(run)
        yield from judging.at_once(run)
        yield from self._requests(run)
        yield from self._rows(run)

    def shape(self, run: Run) -> Panel:
        soon, calls = REFUSAL_SECONDS, dict(shape.lengths(run))
        passing, dropped, flagged, limited = run.scenario.failing
        attempts: dict[str, tuple[float, tuple[tuple[float, str, str], ...]]] = {
            passing: (0.01, ((soon, "failed", "500"), (calls[passing], "ok", ""))),
            dropped: (0.01, ((LATENCY, "failed", "dropped"),) * 3),
            flagged: (0.0, ((soon, "failed", "400"),)),
            limited: (0.01, ((soon, "failed", "429"),) * 3),
        }
        rows = []
        for question, seconds in calls.items():
            pause, tries = attempts.get(question, (0.0, ((seconds, "ok", ""),)))
            rows.append(shape.tried(question, *tries, pause=pause))
        return shape.panel(rows)

    def _requests(self, run: Run) -> Findings:
        sent, questions = Counter(served.question for served in run.served), run.scenario.questions
        _, dropped, flagged, limited = run.scenario.failing
        for question in (questions[0], questions[5], flagged, limited, dropped):
            count = sum(times for asked, times in sent.items() if question in asked)
            if question == flagged and count > 1:
                yield Finding(
                    "retried in vain",
                    f"The service refused “{question}” for good (400), and your function sent it {count} times.",
                    "Try again only what may pass (429, 500, a broken connection); the client does that by itself.",
                )
            elif question in (limited, dropped) and count > self.most_requests:
                calls = sum(question in call.question for call in run.calls)
                yield Finding(
                    "retries on top of retries" if 1 < calls < count else "too many retries",
                    f"“{question}” was sent {count} times"
                    + (
                        ": your retries came on top of the client's own."
                        if 1 < calls < count
                        else "; three are enough."
                    ),
                    "One place tries again: leave it to the client, or give it max_retries=0 and do it yourself.",
                )
            elif question in (questions[0], questions[5]) and count > 1:
                yield Finding(
                    "asked again",
                    f"“{question}” was answered the first time, and your function sent it {count} times.",
                    "Ask again only what has failed.",
                )

    def _rows(self, run: Run) -> Findings:
        questions, passing = run.scenario.questions, run.scenario.failing[0]
        yield from judging.a_list(run, len(questions), "a dictionary for each question")
        yield from judging.dictionaries(run, ("question", "answer", "error"))
        rows = run.result
        for question, row in zip(questions, rows, strict=True):
            if text := judging.answer_to(run, ("", question)):
                yield from self._swapped(question, text, row)
        if [row["question"] for row in rows] != list(questions):
            yield Finding(
                "order lost",
                "The dictionaries are not in the order of the questions, or name other ones.",
                "gather returns in the order that you gave; what finishes first need not be asked first.",
            )
        passed = judging.answer_to(run, ("", passing)) is not None
        for row in rows:
            question, answer, error = row["question"], row["answer"], row["error"]
            came = judging.answer_to(run, ("", question)) is not None
            if not came and (answer is not None or not error):
                yield Finding(
                    "failure swallowed",
                    f"“{question}” failed, and its row says answer={_short(answer)}, error={_short(error)}: nobody "
                    "would know why.",
                    "A failed row has None as its answer, and as its error a string that says what happened.",
                )
            if error is not None and not isinstance(error, str):
                yield Finding(
                    "wrong type",
                    f"The error of “{question}” is {kind_of(error)}, and it should be a string.",
                    "`str(error)`, or `type(error).__name__`: a string can be saved and printed.",
                )
            if came and error is not None:
                yield Finding(
                    "wrong type",
                    f"“{question}” was answered, and its row has an error: {_short(error)}.",
                    "Is it a mistake in your own code? Catch only `openai.OpenAIError`, around the call alone."
                    if error
                    else "Where the call succeeded the error is None, not an empty string.",
                )
        yield from judging.answers_fit(run, [row["answer"] for row in rows], [("", question) for question in questions])
        if not passed:
            yield Finding(
                "gave up too soon",
                f"“{passing}” failed once (500), and was not asked again, when it would have been answered.",
                "Leave the client its retries (max_retries=2 is its default), or write them yourself.",
            )

    def _swapped(self, question: str, text: str, row: dict[str, Any]) -> Findings:
        fits: dict[str, Callable[[Any], bool]] = {
            "question": lambda value: value == question,
            "answer": lambda value: value == text,
            "error": lambda value: value is None,
        }
        yield from habits.keys_swapped(row, fits)


class KeepADeadline(Task):
    parameters = "client, questions, seconds"

    def scenarios(self) -> Iterator[Scenario]:
        questions = QUESTIONS[:5]
        uneven = dict(zip(questions, (0.2, 4.0, 0.9, 4.0, 0.1), strict=True))
        # a number in place of the parameter is too long for one of the last two, or too short for the other
        for deadline, seconds in ((4.0, {}), (1.2, uneven), (0.5, uneven)):
            yield Scenario((list(questions), deadline), questions, client=True, seconds=seconds, deadline=deadline)
        yield Scenario(([], 4.0), (), client=True)
        slow = dict.fromkeys(questions, 4.0)
        usual = Scenario((list(questions), 4.0), questions, client=True, seconds=slow)
        yield replace(usual, cancelled_after=CANCELLED, deadline=CANCELLED)

    def judge(self, run: Run) -> Findings:
        if not run.scenario.usual:
            yield from self._edges(run, run.scenario)
            return
        if isinstance(innermost(run.error), (TimeoutError, openai.APITimeoutError)):
            yield Finding(
                "deadline lost the rest",
                "When the time was up your function raised a TimeoutError, and the answers that had come were lost.",
                "`asyncio.wait(tasks, timeout=…)` raises nothing: it tells which tasks are done and which pending.",
                broken=True,
            )
        yield from judging.it_ended(run)
        yield from judging.it_awaited(run)
        yield from judging.loop_stayed_free(run)
        if judging.most_at_once(judging.calls_spans(run)) == 1:
            yield from judging.at_once(run)
        deadline, slowest = run.scenario.deadline, max(run.scenario.seconds.values(), default=LATENCY)
        due = min(deadline, slowest)
        if run.seconds > due + SLACK:
            yield from habits.one_time_for_all_tries(run, due)
            why = "its deadline was" if due == deadline else "all answers were there after"
            yield Finding(
                "too late",
                f"Your function returned after {duration(run.seconds)}, and {why} {duration(due)}.",
                "One clock for all: wait for the tasks together, until the first of the two, all done or the time up.",
            )
        yield from self.sound(run)
        yield from judging.nothing_left(run, CANCEL.format(who="What is late"))
        yield from judging.at_once(run)
        if run.seconds < 0.9 * due:
            yield Finding(
                "too early",
                f"Your function returned after {duration(run.seconds)}, and it had {duration(deadline)}: one more "
                "answer would have come.",
                "Use the parameter `seconds`: the check gives another number than the notebook.",
            )
        questions = run.scenario.questions
        pairs = [("", question) for question in questions]
        texts = [judging.answer_to(run, pair) for pair in pairs]
        yield from habits.kept_what_came(run, texts)
        yield from judging.a_list(run, len(questions), "the texts, or None")
        for question, answer, text in zip(questions, run.result, texts, strict=True):
            if text is None and answer is not None and answer not in texts:
                yield Finding(
                    "wrong type",
                    f"“{question}” was not answered in time, and your list says {_short(answer)} there.",
                    "Where an answer did not come in time stands None.",
                )
        yield from judging.answers_fit(run, run.result, pairs)

    def _edges(self, run: Run, scenario: Scenario) -> Findings:
        if not scenario.questions:
            yield from judging.with_nothing(run, [], "questions")
        else:
            yield from judging.cancelled_well(run)

    def shape(self, run: Run) -> Panel:
        return shape.expected(run, until=run.scenario.deadline)


class FirstAnswerWins(Task):
    parameters = "client, models, question"
    unknown = ("gpt-99", "gpt-98")  # the service answers at once that it has no such models

    def scenarios(self) -> Iterator[Scenario]:
        seconds = {"gpt-6.1-sol": 1.2, "gpt-6.1-terra": 0.8, "gpt-4o-mini": 0.3}
        question = QUESTIONS[2]
        for models in (
            ("gpt-6.1-sol", "gpt-6.1-terra", "gpt-4o-mini"),
            (self.unknown[0], "gpt-4o-mini", self.unknown[1]),  # the last to be done is the only one that answers
            (self.unknown[0], "gpt-4o-mini", "gpt-6.1-sol"),
        ):
            yield Scenario((list(models), question), (question,), models, client=True, seconds=seconds)
        yield Scenario(([], question), (), client=True)

    def judge(self, run: Run) -> Findings:
        if not run.scenario.questions:
            yield from judging.with_nothing(run, None, "models")
            return
        if isinstance(innermost(run.error), openai.OpenAIError):
            yield Finding(
                "failure won",
                "One of the models failed at once, and that ended your function, though another would have answered.",
                "The first task that is done may have failed: look at its error, and go on waiting for the others.",
                broken=True,
            )
        yield from judging.it_ended(run)
        yield from judging.it_awaited(run)
        if 0 < len(run.calls) < len(run.scenario.models) and judging.most_at_once(judging.calls_spans(run)) == 1:
            yield Finding(
                "one by one",
                f"Only {run.calls[0].model} was asked; the others would have been asked after it.",
                "Ask all models first, and only then wait for the first answer: make a task for each.",
            )
        yield from self.sound(run)
        starts = [call.sent for call in run.calls]
        answered = [call for call in run.calls if call.outcome == "ok"]
        first = min(answered, key=lambda call: call.done or 0.0, default=None)
        if first and max(starts) >= (first.done or 0.0):
            yield from judging.at_once(run)
        if first and (late := [call for call in answered if call is not first and call.model != first.model]):
            yield Finding(
                "waited for all",
                f"{first.model} had answered after {duration(first.seconds or 0.0)}, and your function went on waiting "
                f"for {late[0].model}.",
                "Wait with asyncio.wait(…, return_when=asyncio.FIRST_COMPLETED) or as_completed; cancel the others.",
            )
        yield from judging.nothing_left(run, CANCEL.format(who="Whoever lost"))
        if not first:
            yield Finding(
                "failure won",
                "The first model to be done had failed; your function stopped there, and nobody had answered yet.",
                "Look at each task that is done: has it an answer, or an error? After an error, go on waiting.",
            )
        yield from a_dictionary(run, ("model", "answer"))
        yield from habits.keys_swapped(
            run.result,
            {
                "model": lambda value: value in run.scenario.models,
                "answer": lambda value: isinstance(value, str) and judging.brought(run, value),
            },
        )
        model, answer = run.result["model"], run.result["answer"]
        if first and model != first.model:
            yield Finding(
                "wrong winner",
                f"The first to answer was {first.model}, and your result says {_short(model)}.",
                "Let each task return the model together with its answer: then they cannot be mixed up.",
            )
        yield from judging.answers_fit(run, [answer], [(model, run.scenario.questions[0])])

    def shape(self, run: Run) -> Panel:
        calls = [(model, seconds) for model, seconds in shape.lengths(run) if model not in self.unknown]
        first = min(seconds for _, seconds in calls)
        rows = {row.label: row for row in shape.schedule(calls, until=first)}
        for model in self.unknown:
            rows[model] = shape.tried(model, (REFUSAL_SECONDS, "failed", "404"), pause=0.0)
        return shape.panel([rows[model] for model in run.scenario.models])


class CsvToCsv(Task):
    parameters = "client, source, target, limit"
    questions = (
        "What is a list, and what is a tuple?",
        'What does "await" do?',
        "¿Qué es una corrutina?",
        "Explain this:\nfor x in range(3): print(x)",
        "Was heißt „nebenläufig“?",
        "What is a mutex?",
        "非同期とは何ですか？",
    )

    def scenarios(self) -> Iterator[Scenario]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            source, target = Path(folder, "source.csv"), Path(folder, "target.csv")
            with source.open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["id", "question"])
                rows.writerows(enumerate(self.questions, 101))
            target.write_text("question,answer\nan old question,an old answer\n", encoding="utf-8")
            seconds = dict(zip(self.questions, (0.5, 0.2, 0.3, 0.2, 0.4, 0.2, 0.2), strict=True))
            limit = 2  # not the notebook's, nor what one would write without it
            arguments = (str(source), str(target), limit)
            yield Scenario(arguments, self.questions, client=True, seconds=seconds, limit=limit, target=target)

    def judge(self, run: Run) -> Findings:
        if strange := [call for call in run.calls if judging.asks(run, call) is None]:
            yield self._strange(run, strange[0].question)
        if isinstance(run.error, (IndexError, ValueError)) and "split" in run.names:
            yield replace(raised(run.error), look=MEND["only a piece of it is left"])
        if isinstance(run.error, KeyError) and {"sep", "delimiter"} & run.names:
            look = (
                "The columns `id` and `question` of the source are parted by commas: leave out `sep` and `delimiter`."
            )
            yield replace(raised(run.error), look=look)
        yield from self.sound(run)
        yield from judging.within_limit(run, run.scenario.limit, at_least=2)
        yield from judging.nothing_left(run)
        yield from self._by_eye(run, run.scenario.target.read_bytes()[:100])
        try:
            with run.scenario.target.open(encoding="utf-8-sig", newline="") as file:
                header, *rows = csv.reader(file, strict=True)
        except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
            yield Finding(
                "unreadable file",
                f"The file that your function wrote cannot be read as CSV in UTF-8 ({type(error).__name__}).",
                'Open it with `open(target, "w", newline="", encoding="utf-8")`, and write it with the module csv or '
                "with pandas.",
            )
            return
        yield from self._rows(run, header, rows)

    def _strange(self, run: Run, asked: str) -> Finding:
        """What is to be said where something else was asked than a question of the file."""
        seen = f"Your function asked “{short(asked)}”, which is no question of the file"
        if asked.strip() in ("question", "id,question"):
            return Finding(
                "another question",
                f"{seen}, but the name of a column.",
                "csv.DictReader and pandas take the first line for the names; with csv.reader, skip it: `next(rows)`.",
            )
        if Path(run.scenario.arguments[0]) not in run.read and any(file.suffix == ".csv" for file in run.read):
            return Finding(
                "another question",
                f"{seen}: it read another one.",
                "Open the file whose name is in `source`: the check gives another one than the notebook.",
            )
        how = next((how for question in self.questions if (how := how_changed(question, asked))), "")
        look = "Read the column `question` with csv.DictReader or pandas: they know where a text begins and ends."
        return Finding("another question", f"{seen}{f': {how}' if how else ''}.", MEND.get(how, look))

    def _by_eye(self, run: Run, begin: bytes) -> Findings:
        """What is to be seen at the file's beginning."""
        if not begin:
            yield Finding(
                "file left open",
                "The file `target` is empty: your function opened it, and what it wrote has not arrived there.",
                "It arrives when the file is closed: write inside `with open(target, …) as file:`, which closes it.",
            )
        head = begin.decode("utf-8-sig", "replace").partition("\n")[0].replace('"', "").strip()
        if head in ("question;answer", "question\tanswer", "question|answer"):
            between = {";": "semicolons", "\t": "tabs", "|": "bars"}[head[len("question")]]
            yield Finding(
                "wrong columns",
                f"The columns of your file are parted by {between}, and in a CSV file commas part them.",
                "Leave out `delimiter=` or `sep=`: texts with commas get quotation marks by themselves.",
            )

    def _rows(self, run: Run, header: list[str], rows: list[list[str]]) -> Findings:
        untouched = header == ["question", "answer"] and rows == [["an old question", "an old answer"]]
        others = [file for file in run.written if file.suffix in (".csv", ".txt", ".tsv")]
        if untouched and others:
            yield Finding(
                "nothing written",
                f"Your function wrote the file `{others[0].name}`, and `target` is as it was before.",
                "Write to the file whose name is in `target`: the check gives another one than the notebook.",
            )
        if untouched:
            yield Finding(
                "nothing written",
                "The file `target` is as it was before: your function wrote nothing into it.",
                "Write the answers to the file whose name is in `target`, when they are all there.",
            )
        if ["an old question", "an old answer"] in rows or header == ["an old question", "an old answer"]:
            yield Finding(
                "old rows",
                "The target had rows of an earlier run, and they are still in it.",
                "Open the target with mode `w`, which begins a new file, and write to it.",
            )
        if header != ["question", "answer"]:
            hint = " An index column comes from to_csv without index=False." if "" in header else ""
            if header == ["answer", "question"]:
                hint = " They are in the other order."
            if header[:1] == [self.questions[0]]:
                hint = " The first line has to name them."
            names = short(", ".join(map(repr, header)))
            yield Finding(
                "wrong columns",
                f"The file's columns are {names}; they should be 'question', 'answer'.{hint}",
                "Write the header yourself, or choose the columns of the table: `table[[…]]`.",
            )
        if any(not row for row in rows):
            yield Finding(
                "broken rows",
                f"Between the rows of your file are {sum(not row for row in rows)} empty lines.",
                'The csv module ends the lines itself: open the file with `newline=""`.',
            )
        if any(len(row) != 2 for row in rows):
            yield Finding(
                "broken rows",
                f"{sum(len(row) != 2 for row in rows)} rows of the file do not have two columns: a comma, a quotation "
                "mark or a line break in a text split them.",
                "Let csv.writer, csv.DictWriter or pandas put the quotation marks; don't join the texts by hand.",
            )
        if len(rows) != len(self.questions):
            yield Finding(
                "answers lost",
                f"The source has {len(self.questions)} questions, and your file {len(rows)} rows.",
                "One row for each question, also for a call that failed.",
            )
        asked = [row[0] for row in rows]
        if asked != list(self.questions) == [row[1] for row in rows]:
            yield Finding(
                "keys swapped",
                "In your file the answers stand under 'question', and the questions under 'answer'.",
                "Exchange the two where you write a row.",
            )
        yield from self._changed(asked)
        if asked != list(self.questions):
            same = Counter(asked) == Counter(self.questions)
            yield Finding(
                "order lost" if same else "wrong questions",
                "The rows are in another order than in the source."
                if same
                else "The questions in your file are not those of the source, letter for letter.",
                "gather returns in the order that you gave: write the file when all answers are there."
                if same
                else 'Read with `encoding="utf-8"` and newline="", and write each question as it was read.',
            )
        yield from judging.answers_fit(run, [row[1] for row in rows], [("", question) for question in self.questions])
        if run.scenario.target in run.left_open:
            yield Finding(
                "file left open",
                "Your function did not close the file `target`: Python did so later, which may be too late.",
                "Write inside `with open(target, …) as file:`, which closes it, whatever happens.",
            )

    def _changed(self, asked: list[str]) -> Findings:
        for question, text in zip(self.questions, asked, strict=True):
            if text not in self.questions and (how := how_changed(question, text)):
                yield Finding(
                    "wrong questions",
                    f"“{short(question)}” does not stand in your file as it stands in the source: {how}.",
                    MEND[how],
                )

    def shape(self, run: Run) -> Panel:
        return shape.expected(run, run.scenario.limit)


# ---- parts of them ---------------------------------------------------------------------------------------------------


def a_number(value: Any, key: str) -> Findings:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= abs(value) < 1e9:
        yield Finding(
            "wrong type",
            f"{key!r} is {_short(value)} in your result, and it should be a number.",
            "Return the number itself; rounding and units belong where it is printed.",
        )
    elif value <= 0:
        yield Finding(
            "wrong clock",
            f"{key!r} is {value:g} in your result.",
            "Time that passed is above zero: the later reading of the clock minus the earlier one.",
        )


def about(seconds: float, true: float) -> bool:
    """Whether a clock around something that took `true` seconds may show that."""
    return 0.8 * true <= seconds <= true + SLACK


def in_seconds(value: float, true: float, what: str) -> Findings:
    if about(value / 1000, true):
        yield Finding(
            "wrong unit",
            f"{what} took {duration(true)}, and your result says {value:.0f}: are those milliseconds?",
            "Return seconds, as `time.perf_counter()` gives them.",
        )


def a_dictionary(run: Run, keys: Sequence[str]) -> Findings:
    if run.result is None:
        yield from judging.a_list(run, 0, "")
    yield from judging.dictionary(run.result, keys)


def _short(value: object) -> str:
    return short(repr(value))


TASKS: dict[str, Task] = {
    "compare_models": CompareModels(),
    "answer_a_list": AnswerAList(),
    "measure_the_gain": MeasureTheGain(),
    "limit_in_flight": LimitInFlight(),
    "survive_failures": SurviveFailures(),
    "keep_a_deadline": KeepADeadline(),
    "first_answer_wins": FirstAnswerWins(),
    "csv_to_csv": CsvToCsv(),
}
