"""The bug clinic: what each function is called with, and when it is well. What may be wrong stands in tasks.toml."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..mock_api import Faults
from ..timeline import Panel
from ..words import duration
from . import habits, judging, shape
from .findings import Finding, Findings, kind_of
from .running import Run, Scenario
from .tasks import PAUSE, QUESTIONS, SLACK, Task, a_dictionary, a_number, about

# The first is the one that is shown. In the second, answers come neither in the order of the questions nor in reverse.
EVEN: dict[str, float] = {}
FALLING = dict(zip(QUESTIONS, (0.4, 0.3, 0.25, 0.2), strict=False))
MIXED = dict(zip(QUESTIONS, (0.3, 0.5, 0.2, 0.4, 0.2, 0.35, 0.2, 0.3), strict=True))


class AllAtOnce(Task):
    """Asks all questions at once, with the client it is given, and returns their texts: so most patients should."""

    parameters = "client, questions"
    count = 4

    def scenarios(self) -> Iterator[Scenario]:
        questions = QUESTIONS[: self.count]
        for seconds in (FALLING, MIXED):
            yield Scenario((list(questions),), questions, client=True, seconds=seconds)

    def judge(self, run: Run) -> Findings:
        yield from self.sound(run)
        yield from judging.nothing_left(run)
        yield from judging.at_once(run)
        yield from self.texts(run)


class OneQuestion(AllAtOnce):
    """Asks one question, and returns its text."""

    parameters = "client, question"

    def scenarios(self) -> Iterator[Scenario]:
        yield Scenario((QUESTIONS[0],), QUESTIONS[:1], client=True)

    def judge(self, run: Run) -> Findings:
        yield from self.sound(run)
        yield from judging.nothing_left(run)
        if run.result is None:
            yield from judging.a_list(run, 1, "")
        yield from judging.answers_fit(run, [run.result], [("", QUESTIONS[0])])


class OwnClient(AllAtOnce):
    """Makes its own client."""

    parameters = "questions"

    def scenarios(self) -> Iterator[Scenario]:
        questions = QUESTIONS[: self.count]
        for seconds in (EVEN, MIXED):
            yield Scenario((list(questions),), questions, seconds=seconds)

    def judge(self, run: Run) -> Findings:
        yield from super().judge(run)
        yield from judging.client_closed(run)


class StrictService(AllAtOnce):
    """Meets a rate limit: a burst of four, then 20 a second. Its client gives up at the first refusal."""

    parameters = "questions"
    limit = 4

    def scenarios(self) -> Iterator[Scenario]:
        faults = Faults(requests_per_minute=1_200, burst=self.limit)
        for seconds in (EVEN, MIXED):
            yield Scenario((list(QUESTIONS),), QUESTIONS, faults=faults, repeats=True, seconds=seconds)

    def judge(self, run: Run) -> Findings:
        if refused := sum(served.outcome == "429" for served in run.served):
            yield Finding(
                "too many in flight",
                f"{refused} of {len(run.served)} requests were refused (429): {run.trace.max_in_flight} came at once.",
                "Let only a few be in flight: `async with` an asyncio.Semaphore(3) around each call.",
            )
        yield from self.sound(run)
        if judging.most_at_once(judging.calls_spans(run)) == 1:
            yield from judging.at_once(run)
        yield from judging.nothing_left(run)
        yield from self.texts(run)
        yield from judging.client_closed(run)

    def shape(self, run: Run) -> Panel:
        return shape.expected(run, limit=3)


class SomeFail(AllAtOnce):
    """One question is refused for good: it keeps its place, with a text that says what happened."""

    def scenarios(self) -> Iterator[Scenario]:
        flagged = QUESTIONS[1]
        yield from self.with_faults(Faults(refused=flagged), flagged)

    def with_faults(self, faults: Faults, failing: str) -> Iterator[Scenario]:
        for seconds in (EVEN, MIXED):
            yield Scenario(
                (list(QUESTIONS[: self.count]),),
                QUESTIONS[: self.count],
                client=True,
                repeats=True,
                seconds=seconds,
                faults=faults,
                failing=(failing,),
                pause=PAUSE,
            )

    def judge(self, run: Run) -> Findings:
        yield from self.sound(run)
        yield from judging.nothing_left(run)
        yield from judging.at_once(run)
        questions, (flagged,) = run.scenario.questions, run.scenario.failing
        yield from judging.a_list(run, len(questions), "the texts")
        for question, text in zip(questions, run.result, strict=True):
            if question == flagged and not (isinstance(text, str) and text.strip()):
                yield Finding(
                    "failure swallowed",
                    f"“{question}” was refused, and your list says {text!r} in its place: nobody would know why.",
                    "Return a text that says what happened, such as `str(error)`.",
                )
            if question == flagged and judging.brought(run, text):
                yield Finding(
                    "order lost",
                    f"“{question}” was refused, and in its place in your list stands the answer to another question.",
                    "append follows the order in which calls end: let each return its text, and gather collect them.",
                )
        others = [(question, text) for question, text in zip(questions, run.result, strict=True) if question != flagged]
        yield from judging.answers_fit(run, [text for _, text in others], [("", question) for question, _ in others])


class RetriesOnRetries(SomeFail):
    """One question meets a rate limit each time it is sent."""

    def scenarios(self) -> Iterator[Scenario]:
        limited = QUESTIONS[2]
        yield from self.with_faults(Faults(rate_limited=limited, retry_after=0.05), limited)

    def judge(self, run: Run) -> Findings:
        (limited,) = run.scenario.failing
        count = sum(limited in served.question for served in run.served)
        calls = sum(limited in call.question for call in run.calls)
        if count > 5:
            yield Finding(
                "retries on top of retries" if 1 < calls < count else "too many retries",
                f"“{limited}” was sent {count} times"
                + (
                    ": your tries, and in each of them the client's own."
                    if 1 < calls < count
                    else "; three are enough."
                ),
                "One place tries again. Leave it to the client, or give it `max_retries=0`.",
            )
        yield from super().judge(run)
        if count == 1:
            yield Finding(
                "gave up too soon",
                f"“{limited}” was refused with a 429, and was not asked again.",
                "A 429 may pass: let the client try again (max_retries=2 is its default), or do it yourself.",
            )


class TaskNobodyKeeps(AllAtOnce):
    """Waits for its tasks, and for nothing else: a pause of some length is a guess, too short or too long."""

    def scenarios(self) -> Iterator[Scenario]:
        yield from super().scenarios()
        questions = QUESTIONS[: self.count]
        slow = {**FALLING, questions[0]: 1.4}
        yield Scenario((list(questions),), questions, client=True, seconds=slow)

    def judge(self, run: Run) -> Findings:
        yield from super().judge(run)
        last = max((call.done or 0.0 for call in run.calls), default=0.0)
        if (idle := run.panel.end - last) > SLACK:
            yield Finding(
                "guessed wait",
                f"All answers were there, and your function waited on for {duration(idle)}.",
                "A pause is a guess. Keep the tasks, and await them: that ends when the last of them does.",
            )


class WrongClock(AllAtOnce):
    """Returns how long all calls together took, beside their texts."""

    def judge(self, run: Run) -> Findings:
        yield from self.sound(run)
        yield from judging.nothing_left(run)
        yield from judging.at_once(run)
        yield from a_dictionary(run, ("answers", "seconds"))
        seconds: Any = run.result["seconds"]
        yield from a_number(seconds, "seconds")
        true = judging.whole(judging.calls_spans(run))
        if not about(seconds, true):
            yield Finding(
                "wrong clock",
                f"The calls took {duration(true)}, and the result says {duration(seconds)}.",
                habits.clock_advice(
                    run, "The clock has to be read again after the answers are there, which is after the `await`."
                ),
            )
        answers = run.result["answers"]
        if not isinstance(answers, list | tuple):
            yield Finding(
                "wrong type",
                f"`answers` in your result is {kind_of(answers)}, and a list of texts belongs there.",
                "It is what gather gives: the text of each answer, in the order of the questions.",
            )
        yield from self.texts(replace(run, result=answers))


BUGS: dict[str, Task] = {
    "no_await": OneQuestion(),
    "await_in_a_loop": AllAtOnce(),
    "ordinary_client": OwnClient(),
    "time_sleep": AllAtOnce(),
    "no_limit": StrictService(),
    "lost_failures": SomeFail(),
    "retries_on_retries": RetriesOnRetries(),
    "task_nobody_keeps": TaskNobodyKeeps(),
    "wrong_clock": WrongClock(),
    "client_for_every_call": OwnClient(),
    "wrong_pairs": AllAtOnce(),
}
