"""What a learner is shown: verdicts, hints, solutions, diagnoses; and what a check says before it runs anything."""

import asyncio
import base64
import gc
import html
import json
import re
import warnings
from collections.abc import Awaitable, Callable, Iterator
from functools import partial, wraps
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from openai import AsyncOpenAI

from helpers import BadInput, WorkbookError, open_bug, open_exercise, progress
from helpers.checks import running
from helpers.checks.tasks import TASKS
from helpers.course.exercise import Exercise
from helpers.course.manifest import ROOT, Bug, Entry, manifest
from helpers.course.verdict import VERDICT, Outcome, Verdict
from helpers.timeline import Bar, Panel, Row

HOSTILE = '<script>alert("1")</script> & <img src=x onerror=alert(2)> `<b>code</b>` "quoted" \'too\''
TASK = "answer_a_list"

pytestmark = pytest.mark.usefixtures("notebook")


@pytest.fixture(autouse=True)
def quick_exams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.ExamAPI, "latency", lambda *_: (0.2, 0.0))


async def ask(client: AsyncOpenAI, question: str) -> str:
    asked: Any = [{"role": "user", "content": question}]
    response = await client.chat.completions.create(model="gpt-4o-mini", messages=asked)
    return response.choices[0].message.content or ""


async def answer_all(questions: list[str]) -> list[str]:
    async with AsyncOpenAI() as client:
        return await asyncio.gather(*(ask(client, question) for question in questions))


def checked(function: Any, name: str = TASK) -> Verdict:
    async def main() -> Verdict:
        return await open_exercise(name).check(function)

    return asyncio.run(main())


def noted(task: str = TASK) -> dict[str, Any]:
    return next(row for row in progress().rows if row["task"] == task)


class Tags(HTMLParser):
    """All tags of a text, and what is said between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.said = ""
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.said += data


# ---- verdicts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        ("not attempted", "· Not attempted yet"),
        ("failed", "✗ Not yet"),
        ("broken", "✗ It raised an error"),
        ("passed", "✓ Passed"),
    ],
)
def test_a_verdict_says_three_things(outcome: Outcome, title: str) -> None:
    verdict = Verdict(TASK, outcome, "a kind", "What was seen.", "Where to `look`.")
    assert repr(verdict) == f"{title}\nWhat was seen.\nWhere to `look`."
    shown = verdict._repr_mimebundle_()
    assert shown["text/plain"] == repr(verdict)
    assert Tags(shown["text/html"]).said == f"{title}What was seen.Where to look."
    assert "<code>look</code>" in shown["text/html"]


def test_a_verdict_for_programs() -> None:
    bundle = Verdict(TASK, "failed", "one by one", "Seen.", "Look.")._repr_mimebundle_(include=None, exclude=None)
    assert json.loads(json.dumps(bundle[VERDICT])) == {"task": TASK, "outcome": "failed", "kind": "one by one"}


def test_nothing_hostile_in_a_verdict_is_run_or_rendered() -> None:
    panel = Panel(HOSTILE, (Row(HOSTILE, (Bar(0.0, None, 1.0, "failed", HOSTILE),)),), 1.0)
    shown = Tags(Verdict(TASK, "failed", "kind", HOSTILE, HOSTILE, (panel,))._repr_mimebundle_()["text/html"])
    assert set(shown.tags) <= {"div", "strong", "br", "code", "img"}
    assert len(shown.sources) == 1, "one picture, ours"
    assert shown.said == "✗ Not yet" + HOSTILE.replace("`", "") * 2
    picture = ElementTree.fromstring(base64.b64decode(shown.sources[0].partition(",")[2]))
    names = {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert not names & {"script", "img", "b", "foreignObject"}


def test_a_hostile_question_and_a_hostile_error_do_no_harm() -> None:
    async def asks(questions: list[str]) -> list[str]:
        return await answer_all([HOSTILE])

    async def fails(questions: list[str]) -> list[str]:
        raise ValueError(HOSTILE)

    for function, kind in ((asks, "another question"), (fails, "raised")):
        verdict = checked(function)
        shown = Tags(verdict._repr_mimebundle_()["text/html"])
        assert verdict.kind == kind
        assert set(shown.tags) <= {"div", "strong", "br", "code", "img"} and len(shown.sources) == 1
        assert '<script>alert("1")</script>' in shown.said, "it is shown as it is"


def test_a_check_shows_the_run_beside_what_is_expected() -> None:
    verdict = checked(answer_all)
    assert verdict.outcome == "passed"
    assert "Your run" in repr(verdict) and "The expected shape" in repr(verdict)
    assert html.unescape(verdict._repr_mimebundle_()["text/html"]).count("<img") == 1
    assert (noted()["outcome"], noted()["checks"]) == ("passed", 1)


# ---- hints and solutions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "part"),
    [
        (lambda: open_exercise(TASK), manifest().exercises[TASK]),
        (lambda: open_bug(2), manifest().exercises["bug_clinic"].bugs[1]),
    ],
    ids=["task", "bug"],
)
def test_hints_come_one_at_a_time(opened: Callable[[], Exercise], part: Entry | Bug) -> None:
    exercise, hints, task = opened(), part.hints, part.name
    for number, hint in enumerate(hints, 1):
        assert noted(task)["hints"] == number - 1
        note = exercise.hint()
        last = " (the last one)" if number == len(hints) else ""
        assert repr(note) == note._repr_markdown_() == f"**Hint {number} of {len(hints)}**{last}: {hint}"
    for _ in range(3):
        assert "solution()" in repr(exercise.hint())
    assert noted(task)["hints"] == len(hints)
    assert repr(opened().hint()).startswith("**Hint 1 of"), "in a new kernel they begin anew"
    assert noted(task)["hints"] == len(hints)


@pytest.mark.parametrize("name", [name for name, entry in manifest().exercises.items() if not entry.bugs])
def test_a_solution_has_its_code_and_says_why(name: str) -> None:
    shown = open_exercise(name).solution()._repr_markdown_()
    assert re.search(r"```python\n.*async def .*\n```", shown, re.DOTALL)
    assert re.sub(r"```python\n.*?\n```", "", shown, flags=re.DOTALL).strip(), "words beside the code"
    assert noted(name)["solution_seen"] and noted(name)["outcome"] == "not attempted"


def solution_of_bug(number: int) -> str:
    return open_bug(number).solution()._repr_markdown_()


def test_a_solution_of_a_bug_is_of_that_one_only() -> None:
    bugs = manifest().exercises["bug_clinic"].bugs
    solutions = [solution_of_bug(number) for number in range(1, len(bugs) + 1)]
    for shown in solutions:
        assert shown.count("```python\n") == 1
        assert re.sub(r"```python\n.*?\n```", "", shown, flags=re.DOTALL).strip(), "words beside the code"
    assert len(set(solutions)) == len(bugs)


def test_a_solution_that_is_not_there_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    exercise = open_exercise(TASK)
    monkeypatch.setattr("helpers.course.manifest.ROOT", tmp_path)
    (tmp_path / "solutions").mkdir()
    with pytest.raises(WorkbookError, match=r"cannot be read \(FileNotFoundError\)"):
        exercise.solution()
    (tmp_path / "solutions" / "02_answer_a_list.ipynb").write_text("no notebook")
    with pytest.raises(WorkbookError, match="cannot be read"):
        exercise.solution()
    assert not noted()["solution_seen"]


# ---- the clinic --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, len(manifest().exercises["bug_clinic"].bugs) + 1))
def test_of_the_choices_one_is_right(number: int) -> None:
    patient = open_bug(number)
    bug = manifest().exercises["bug_clinic"].bugs[number - 1]
    for letter, choice in zip("abcd", bug.choices, strict=False):
        said = repr(patient.diagnose(letter))
        assert said.startswith("✓ **Right.**" if letter == bug.right else "✗ **Not that.**")
        assert choice.why in said


def test_how_a_letter_is_typed_does_not_matter() -> None:
    patient = open_bug(1)
    right = repr(patient.diagnose("c"))
    assert right.startswith("✓")
    for typed in ("C", " c ", "c)", " C) ", "(c)", "(C"):
        assert repr(patient.diagnose(typed)) == right, typed


@pytest.mark.parametrize(
    "typed", ["", " ", "e", "ab", "abcd", "bc", "right", "1", None, 3, ["b"], {"b"}, b"b"], ids=repr
)
def test_what_is_no_letter_is_no_answer(typed: Any) -> None:
    said = repr(open_bug(1).diagnose(typed))
    assert said == f"{typed!r} is no answer here: give one of 'a', 'b', 'c', 'd'."


def test_a_patient_is_shown_with_its_choices_and_nothing_is_noted() -> None:
    async def sick(client: AsyncOpenAI, questions: list[str]) -> list[str]:
        return [await ask(client, question) for question in questions] + ["<script>alert(1)</script>"]

    async def main() -> Any:
        return await open_bug(2).show(sick)

    puzzle = asyncio.run(main())
    said = repr(puzzle)
    assert "What is wrong here?" in said and 'bug_2.diagnose("a")' in said
    for letter, choice in zip("abcd", manifest().exercises["bug_clinic"].bugs[1].choices, strict=True):
        assert f"{letter}) {choice.text}" in said
    assert "script" not in Tags(puzzle._repr_mimebundle_()["text/html"]).tags
    assert not [row for row in progress().rows if row["checks"]]


# ---- opening -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["answer a list", "", None, 3, ["x"], "no_await"], ids=repr)
def test_a_task_that_there_is_not(name: Any) -> None:
    with pytest.raises(BadInput, match="There is no exercise called") as caught:
        open_exercise(name)
    assert TASK in caught.value.what_to_do


@pytest.mark.parametrize("number", [0, 12, -1, "x", None, 1.5], ids=repr)
def test_a_bug_that_there_is_not(number: Any) -> None:
    with pytest.raises(BadInput, match="There is no bug called"):
        open_bug(number)


def test_the_clinic_is_opened_bug_by_bug() -> None:
    with pytest.raises(WorkbookError, match="several parts"):
        open_exercise("bug_clinic")


# ---- a check that is called wrongly ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_without_await_it_says_what_to_write() -> None:
    exercise = open_exercise(TASK)
    for _ in range(2):
        assert repr(exercise.check(answer_all)).endswith("await exercise.check(answer_all)")
    assert repr(open_bug(3).check(answer_all)).endswith("await bug_3.check(answer_all)")
    assert repr(open_bug(3).show(answer_all)).endswith("await bug_3.show(answer_all)")
    assert repr(exercise.check(partial(answer_all))).endswith("await exercise.check(your_function)")
    with warnings.catch_warnings(record=True) as said:
        exercise.check(answer_all)
        gc.collect()
    assert not said
    assert not noted()["checks"]
    assert repr(exercise).startswith(manifest().titles()[TASK])


def refused(function: Any, kind: str) -> Verdict:
    verdict = checked(function)
    assert (verdict.outcome, verdict.kind) == ("failed", kind), verdict
    assert not verdict.panels, "nothing was run"
    return verdict


def test_a_function_that_was_called_already() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        verdict = refused(answer_all(["What is Python?"]), "called already")
        gc.collect()
    assert "await exercise.check(answer_all)" in verdict.look
    assert not said


@pytest.mark.parametrize(
    ("thing", "called"),
    [("answer_all", "a string"), (None, "None"), (3, "a number"), (["answers"], "a list"), (..., "an ellipsis")],
)
def test_what_is_no_function(thing: Any, called: str) -> None:
    assert f"The check got {called}, and it needs your function." in refused(thing, "not a function").seen


def an_ordinary_function(questions: list[str]) -> list[str]:
    return questions


def an_ordinary_generator(questions: list[str]) -> Iterator[str]:
    yield from questions


class NoFunction:
    """A class."""

    def __call__(self, questions: list[str]) -> list[str]:
        return questions


ORDINARY: dict[str, Any] = {
    "a function": an_ordinary_function,
    "a lambda": lambda questions: questions,
    "a partial": partial(an_ordinary_function),
    "an object": NoFunction(),
    "a builtin": print,
}


@pytest.mark.parametrize("function", ORDINARY.values(), ids=ORDINARY)
def test_an_ordinary_function(function: Any) -> None:
    verdict = refused(function, "not a coroutine function")
    assert "is an ordinary function" in verdict.seen and "cannot be awaited" in verdict.seen
    assert "async def" in verdict.look


async def an_async_generator(questions: list[str]) -> Any:
    for question in questions:
        yield question


@pytest.mark.parametrize("function", [an_async_generator, an_ordinary_generator, lambda qs: an_async_generator(qs)])
def test_a_generator(function: Any) -> None:
    assert "`yield`" in refused(function, "generator").seen


def blocks_for_ever(questions: list[str]) -> None:
    while True:
        pass


def misspelt(questions: list[str]) -> None:
    return question  # type: ignore[name-defined]  # noqa: F821 - that is the mistake


def test_an_ordinary_function_that_blocks_is_stopped_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LIMIT", 0.3)
    seen = refused(blocks_for_ever, "not a coroutine function").seen
    assert "was stopped" in seen and "an ordinary function" in seen


def test_an_error_of_an_ordinary_function_comes_first() -> None:
    verdict = checked(misspelt)
    assert (verdict.outcome, verdict.kind) == ("broken", "raised") and "NameError" in verdict.seen


async def without_parameters() -> list[str]:
    return ["x"]


async def with_more_parameters(client: AsyncOpenAI, questions: list[str]) -> list[str]:
    return ["x"]


async def by_name_only(*, questions: list[str]) -> list[str]:
    return ["x"]


@pytest.mark.parametrize(
    "function",
    [without_parameters, with_more_parameters, by_name_only, partial(answer_all, ["x"]), NoFunction],
    ids=["none", "more", "by name only", "a partial that has them", "a class"],
)
def test_wrong_parameters(function: Any) -> None:
    verdict = refused(function, "wrong parameters")
    assert "(questions)`" in verdict.seen and "(questions):`" in verdict.look


class Learner:
    async def answer_all(self, questions: list[str]) -> list[str]:
        return await answer_all(questions)

    async def __call__(self, questions: list[str]) -> list[str]:
        return await answer_all(questions)

    @staticmethod
    async def statically(questions: list[str]) -> list[str]:
        return await answer_all(questions)


def logged(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(function)
    async def around(*arguments: Any, **options: Any) -> Any:
        return await function(*arguments, **options)

    return around


def timed(function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    async def around(*arguments: Any) -> Any:
        return await function(*arguments)

    return lambda *arguments: around(*arguments)


def an_ordinary_def_that_returns_a_coroutine(questions: list[str]) -> Awaitable[Any]:
    return answer_all(questions)


def an_ordinary_def_that_returns_a_task(questions: list[str]) -> Awaitable[Any]:
    return asyncio.create_task(answer_all(questions))


class Job:
    """A job that is done when it is awaited."""

    def __init__(self, questions: list[str]) -> None:
        self.questions = questions

    def __await__(self) -> Any:
        return answer_all(self.questions).__await__()


async def with_a_default(questions: list[str], *, model: str = "gpt-4o", **more: Any) -> list[str]:
    return await answer_all(questions)


async def with_a_star(*arguments: Any) -> list[str]:
    return await answer_all(*arguments)


async def under_other_names(qs: list[str], /) -> list[str]:
    return await answer_all(qs)


FINE: dict[str, Any] = {
    "a partial": partial(with_a_default, model="gpt-4o-mini"),
    "an object that can be called": Learner(),
    "a bound method": Learner().answer_all,
    "a static method": Learner.statically,
    "a decorated function": logged(answer_all),
    "a decorated function without wraps": timed(answer_all),
    "a lambda": lambda questions: answer_all(questions),
    "an ordinary def that returns a coroutine": an_ordinary_def_that_returns_a_coroutine,
    "an ordinary def that returns a task": an_ordinary_def_that_returns_a_task,
    "a partial of an object": partial(Learner()),
    "a partial of a lambda": partial(lambda model, questions: answer_all(questions), "gpt-4o"),
    "a class that can be awaited": Job,
    "a default": with_a_default,
    "a star": with_a_star,
    "another name": under_other_names,
}


@pytest.mark.parametrize("function", FINE.values(), ids=FINE)
def test_whatever_can_be_awaited_is_checked(function: Any) -> None:
    assert checked(function).outcome == "passed"


# ---- what is still empty -----------------------------------------------------------------------------------------

BLANK = {
    "dots": "    ...",
    "pass": "    pass",
    "a docstring": '    """Asks."""',
    "a docstring and dots": '    """Asks.\n\n    All of them.\n    """\n    ...',
    "a docstring and pass": '    """Asks."""\n    pass',
    "a docstring and return": '    """Asks."""\n    return',
    "a docstring and return None": '    """Asks."""\n    return None',
    "return": "    return",
    "return None": "    return None",
    "dots and a comment": "    # TODO\n    ...  # your code here",
    "a comment and pass": "    # TODO\n\n    pass\n    # more",
    "dots twice": "    ...\n    ...",
    "pass and return None": "    pass\n    return None",
}
NOT_BLANK = {
    "a string": '    return "x"',
    "a docstring and a text": '    """Asks."""\n    return "x"',
    "an empty text": '    return ""',
    "False": "    return False",
    "zero": "    return 0",
    "an empty list": "    return []",
    "what it was given": "    return questions",
    "print": '    print("hello")',
    "an error": "    raise NotImplementedError",
    "a wait": "    import asyncio\n    await asyncio.sleep(0)",
}


def made(body: str) -> Any:
    place: dict[str, Any] = {}
    exec(f"async def answer_all(questions):\n{body}\n", place)
    return place["answer_all"]


@pytest.mark.parametrize("body", BLANK.values(), ids=BLANK)
def test_an_empty_function_is_not_attempted(body: str) -> None:
    verdict = checked(made(body))
    assert (verdict.outcome, verdict.kind, verdict.panels) == ("not attempted", "not attempted", ())
    assert "`answer_all` is still empty" in verdict.seen and "exercise.hint()" in verdict.look
    assert (noted()["outcome"], noted()["checks"]) == ("not attempted", 0)


@pytest.mark.parametrize("body", NOT_BLANK.values(), ids=NOT_BLANK)
def test_a_function_that_does_something_is_run(body: str) -> None:
    verdict = checked(made(body))
    assert verdict.outcome in ("failed", "broken") and verdict.panels
    assert noted()["checks"] == 1


@pytest.mark.parametrize("entry", [manifest().exercises[name] for name in TASKS], ids=lambda e: e.name)
def test_each_task_is_shipped_empty(entry: Any) -> None:
    notebook = json.loads((ROOT / "exercises" / f"{entry.notebook}.ipynb").read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    call = next(match[1] for cell in cells if (match := re.search(r"await exercise\.check\((\w+)\)", cell)))
    stub = next(cell for cell in cells if f"async def {call}(" in cell)
    place: dict[str, Any] = {}
    exec(stub, place)
    assert checked(place[call], entry.name).outcome == "not attempted"


@pytest.mark.parametrize("name", ["02_answer_a_list", "02_answer_a_list.ipynb"])
def test_a_task_opens_by_the_name_of_its_notebook_too(name: str) -> None:
    assert repr(open_exercise(name)) == repr(open_exercise(TASK))
