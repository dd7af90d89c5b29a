"""`open_exercise()` and `open_bug()`: check, hint, solution, and in the bug clinic the diagnosis."""

import asyncio
import dis
import inspect
import re
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from ..checks.clinic import BUGS
from ..checks.findings import Finding, kind_of
from ..checks.habits import asked_in_its_own_way
from ..checks.judging import it_ended
from ..checks.program_faults import read_program
from ..checks.programs import PROGRAMS, ProgramTask
from ..checks.running import LIMIT, Run, run
from ..checks.shape import from_zero
from ..checks.tasks import TASKS, Task
from ..errors import WorkbookError
from ..timeline import Panel
from ..words import counted, one_line
from . import logbook
from .manifest import Bug, Entry, find, manifest, solution_of
from .verdict import Note, Outcome, Puzzle, Verdict

STOPPED = ("The check was stopped, and nothing of it is running.", "Run the cell again to check again.")

_running: set[str] = set()  # the task that is being checked


class Check:
    """What `check()` gives: `await` it."""

    def __init__(self, begin: Callable[[], Awaitable[Any]], how: str) -> None:
        self._begin = begin
        self._how = how

    def __await__(self) -> Generator[Any, None, Any]:
        return self._begin().__await__()

    def __repr__(self) -> str:
        return f"The check has not begun. Write `await` in front of it: await {self._how}"


class Exercise:
    """One practice task: see `open_exercise`."""

    _called = "exercise"

    def __init__(self, entry: Entry, part: Entry | Bug, task: Task) -> None:
        self._entry = entry
        self._part = part
        self._task = task
        self._hints = 0

    def __repr__(self) -> str:
        return f"{self._part.title}. `await {self._called}.check(your_function)` says how far you are."

    def check(self, function: Any) -> Check:
        """Calls your function with other inputs than the notebook's, and says what it did: `await` it.

        It takes up to three seconds, always in practice mode, and leaves nothing running.
        """
        name = getattr(function, "__name__", "your_function")
        return Check(lambda: self._check(function), f"{self._called}.check({name})")

    async def _check(self, function: Any) -> Verdict:
        if _running:
            raise WorkbookError("Another check is still running.", "Wait until it has ended, then check again.")
        _running.add(self._part.name)
        try:
            verdict = await self._verdict(function)
        except asyncio.CancelledError as stopped:
            # IPython asks for this: two sentences in place of a traceback through the workbook's own code
            stopped._render_traceback_ = lambda *_: list(STOPPED)  # type: ignore[attr-defined]
            raise
        finally:
            _running.clear()
        logbook.note(self._part.name, outcome=verdict.outcome)
        return verdict

    async def _verdict(self, function: Any) -> Verdict:
        if finding := _not_a_function(function, self._task.parameters, self._called):
            return self._failed(finding)
        for scenario in self._task.scenarios():
            done = await run(function, scenario)
            if finding := _not_to_be_awaited(function, done, self._task.parameters):
                return self._failed(finding)
            panels = self._panels(done) if scenario.questions else ()
            if found := self._found(done):
                return self._failed(found, panels)
            if scenario.usual:
                praised = Verdict(self._part.name, "passed", "passed", *self._praise(done), panels)
        return praised

    def _found(self, done: Run) -> Finding | None:
        """What is wrong with a run first. A result may be anything, and may raise where it is looked at."""
        try:
            # that it was stopped comes first: what it did not do any more may be the stop's doing
            stopped = None if done.ended else next(it_ended(done), None)
            return stopped or next(chain(asked_in_its_own_way(done), self._task.judge(done)), None)
        except Exception as error:
            return Finding(
                "odd result",
                f"The check cannot read what your function returned, {kind_of(done.result)} ({type(error).__name__}).",
                "Return plain strings, numbers, lists and dictionaries, as the task describes them.",
            )

    def _failed(self, found: Finding, panels: tuple[Panel, ...] = ()) -> Verdict:
        outcome: Outcome = "broken" if found.broken else "failed"
        if found.kind == "not attempted":
            outcome = "not attempted"
        return Verdict(self._part.name, outcome, found.kind, found.seen, found.look, panels)

    def _panels(self, done: Run) -> tuple[Panel, ...]:
        return from_zero(done.panel), self._task.shape(done)

    def _praise(self, done: Run) -> tuple[str, str]:
        calls, most = len(done.calls), done.trace.max_in_flight
        seen = f"It did what it should: {counted(calls, 'call')}, at most {most} in flight."
        return seen, self._more()

    def _more(self) -> str:
        return f"`{self._called}.solution()` shows how we wrote it, and why."

    def hint(self) -> Note:
        """The next hint, one step at a time."""
        hints = self._part.hints
        if self._hints == len(hints):
            return Note(f"Those were all {len(hints)} hints. `{self._called}.solution()` shows the solution.")
        self._hints += 1
        logbook.note(self._part.name, hints=self._hints)
        more = "" if self._hints < len(hints) else " (the last one)"
        return Note(f"**Hint {self._hints} of {len(hints)}**{more}: {hints[self._hints - 1]}")

    def solution(self) -> Note:
        """A solution, and why it is written like that."""
        text = solution_of(self._entry, self._part.name if self._part is not self._entry else None)
        logbook.note(self._part.name, solution_seen=True)
        return Note(text)


class Program(Exercise):
    """A task whose answer is a program in a file: see `open_exercise`."""

    _task: ProgramTask  # type: ignore[assignment]

    def __init__(self, entry: Entry, task: ProgramTask) -> None:
        super().__init__(entry, entry, task)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f'{self._part.title}. `await {self._called}.check("{self._task.file}")` says how far you are.'

    def check(self, function: Any) -> Check:
        """Runs your program, by the name of its file, as a process of its own, and says what it did: `await` it.

        It takes about three seconds, always in practice mode, and leaves nothing running.
        """
        return Check(lambda: self._check(function), f'{self._called}.check("{self._task.file}")')

    async def _verdict(self, function: Any) -> Verdict:
        program = read_program(function, self._task.file, self._called)
        if isinstance(program, Finding):
            return self._failed(program)
        done = await self._task.run(*program)
        panels = from_zero(done.panel), self._task.shape(done)
        if found := next(self._task.judge(done), None):
            return self._failed(found, panels)
        return Verdict(self._part.name, "passed", "passed", self._task.praise(done), self._more(), panels)


class Patient(Exercise):
    """One bug of the clinic: see `open_bug`."""

    _part: Bug

    def __init__(self, entry: Entry, bug: Bug, number: int) -> None:
        super().__init__(entry, bug, BUGS[bug.name])
        self._called = f"bug_{number}"
        self._diagnosed = False

    def _failed(self, found: Finding, panels: tuple[Panel, ...] = ()) -> Verdict:
        verdict = super()._failed(found, panels)
        if self._diagnosed or not panels:
            return verdict
        if found.broken:  # no patient raises an error as it comes: this one is the learner's own
            return replace(verdict, panels=())
        # the message would give the diagnosis away
        look = "First say what is wrong with it: press an answer under its timeline. Then mend it."
        return replace(verdict, seen="This patient is still sick.", look=look, panels=())

    def show(self, function: Any) -> Check:
        """Runs the function once, and shows its timeline and what might be wrong with it: `await` it."""
        return Check(
            lambda: self._show(function), f"{self._called}.show({getattr(function, '__name__', 'the_function')})"
        )

    async def _show(self, function: Any) -> Verdict | Puzzle:
        if finding := _not_a_function(function, self._task.parameters, self._called):
            return self._failed(finding)
        done = await run(function, next(self._task.scenarios()))
        if finding := _not_to_be_awaited(function, done, self._task.parameters):
            return self._failed(finding)
        clients = f"{counted(len(done.clients), 'client')} sent the calls."
        returned = f"It returned {_outline(done.result)}."
        choices = [choice.text for choice in self._part.choices]
        facts = [returned, clients] if done.calls else [returned]
        return Puzzle(self._called, from_zero(done.panel), facts, choices, self._judge)

    def _praise(self, done: Run) -> tuple[str, str]:
        seen, look = super()._praise(done)
        if not self._diagnosed:
            look = "And what was wrong with it? Press an answer under its timeline."
        return seen, look

    def diagnose(self, choice: str = "") -> Note:
        """Says whether your answer, "a", "b", "c" or "d", is right, and why: what a press on it does."""
        letters = "abcd"[: len(self._part.choices)]
        letter = choice.strip().strip("()").lower() if isinstance(choice, str) else ""
        if letter not in tuple(letters):
            return Note(f"{choice!r} is no answer here: give one of {', '.join(map(repr, letters))}.")
        right, why = self._judge(letter)
        return Note(f"{'✓ **Right.**' if right else '✗ **Not that.**'} {why}")

    def _judge(self, letter: str) -> tuple[bool, str]:
        why = self._part.choices["abcd".index(letter)].why
        if letter != self._part.right:
            return False, f"{why} Look again."
        self._diagnosed = True
        return True, f"{why} Now mend it, and run the check."


def open_exercise(name: str) -> Exercise:
    """One practice task, by its name in exercises/tasks.toml, or that of its notebook, such as "02_answer_a_list".

    >>> exercise = open_exercise("answer_a_list")
    >>> async def answer_all(questions):
    ...     return [f"I know {question}" for question in questions]
    >>> print(await exercise.check(answer_all))  # doctest: +ELLIPSIS
    ✗ Not yet
    Your function returned something, but it sent no call: these answers are invented.
    The check asks other questions than the notebook; send them with `client.chat.completions.create(…)`.
    ...
    >>> print(exercise.hint())  # doctest: +ELLIPSIS
    **Hint 1 of ...
    """
    of_notebooks = {entry.notebook: entry.name for entry in manifest().exercises.values()}
    short = of_notebooks.get(name.removesuffix(".ipynb"), name) if isinstance(name, str) else name
    entry = find(manifest().exercises, short, "exercise")
    if entry.bugs:
        raise WorkbookError(f"{entry.title!r} has several parts.", "Open one with open_bug(…); its notebook shows how.")
    if entry.name in PROGRAMS:
        return Program(entry, PROGRAMS[entry.name])
    return Exercise(entry, entry, TASKS[entry.name])


def open_bug(number: int) -> Patient:
    """One patient of the bug clinic, by its number: `show` it, `diagnose` it, mend it, `check` it.

    >>> bug_2 = open_bug(2)
    >>> async def ask_all(client, questions):
    ...     return [await ask(client, question) for question in questions]
    >>> print(bug_2.diagnose("c"))  # doctest: +ELLIPSIS
    ✗ **Not that.** ...
    """
    patients = {str(each): patient for each, patient in enumerate(_patients(), 1)}
    entry, bug = find(patients, str(number), "bug")
    return Patient(entry, bug, number=int(number))


def _patients() -> list[tuple[Entry, Bug]]:
    return [(entry, bug) for entry in manifest().exercises.values() for bug in entry.bugs]


def _outline(result: Any) -> str:
    """A result in one line."""
    if isinstance(result, list) and result:
        return f"a list of {len(result)}: {', '.join(f'`{one_line(repr(each), 36)}`' for each in result)}"
    return f"`{one_line(re.sub(r' at 0x[0-9a-f]+', '', repr(result)), 160)}`"


# ---- before a function is run ------------------------------------------------------------------------------------


async def _blank() -> None:
    """Does nothing."""


_DO_NOTHING = {"NOP", *(step.opname for step in dis.get_instructions(_blank))}


def _not_a_function(function: Any, parameters: str, called: str) -> Finding | None:
    """What is wrong with what `check` was given, before it is run."""
    if inspect.iscoroutine(function):
        name = function.__name__
        function.close()
        return Finding(
            "called already",
            f"The check got a coroutine: `{name}(…)` was called, and the check wants to call it itself.",
            f"Leave the parentheses out: `await {called}.check({name})`.",
        )
    if not callable(function):
        return Finding(
            "not a function",
            f"The check got {kind_of(function)}, and it needs your function.",
            f"Give it the function's name, without quotes or parentheses: `await {called}.check(my_function)`.",
        )
    name = _name(function)
    if _is_blank(function):
        return Finding(
            "not attempted",
            f"`{name}` is still empty.",
            f"Write its body in place of the dots, run that cell, then check again; `{called}.hint()` helps.",
        )
    if inspect.isasyncgenfunction(function):
        return _generator(name)
    expected = parameters.split(", ")
    try:
        own = inspect.signature(function)
    except (TypeError, ValueError):  # it does not tell; the call will
        return None
    names = [each for each in own.parameters if each in expected]
    try:
        own.bind(*expected)
        fits = names == [each for each in expected if each in names]
    except TypeError:
        fits = False
    if not fits:
        return Finding(
            "wrong parameters",
            f"The check calls `{name}({parameters})`, and yours is `{name}{own}`.",
            f"Begin it with `async def {name}({parameters}):`, in this order.",
        )
    return None


def _name(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name: str = getattr(function, "__name__", type(function).__name__)
    return name.replace("<lambda>", "my_function")


def _generator(name: str) -> Finding:
    return Finding(
        "generator",
        f"`{name}` has a `yield`, which makes it a generator: it hands out values one by one.",
        "Collect the values in a list, and `return` it at the end.",
    )


def _not_to_be_awaited(function: Any, done: Run, parameters: str) -> Finding | None:
    """What is wrong where calling a function gave nothing to await. How it is written does not matter."""
    if done.awaitable:
        return None
    name, line = _name(function), done.stuck_at
    if inspect.isgenerator(done.result) or inspect.isasyncgen(done.result):
        return _generator(name)
    if line:
        seen = (
            f"`{name}` was stopped after {LIMIT:g} seconds in its line {line.number} (`{one_line(line.code, 60)}`): "
            "it is an ordinary function, and nothing else can run until it returns."
        )
    elif done.error is None:
        seen = f"`{name}` is an ordinary function: calling it gave {kind_of(done.result)}, which cannot be awaited."
    elif isinstance(done.error, RuntimeError):  # asyncio.run, run_until_complete: the notebook's loop runs already
        said = one_line(str(done.error), 120).rstrip(".")
        seen = f"`{name}` is an ordinary function, and it raised RuntimeError: {said}."
    else:
        return None
    look = f"Write `async def {name}({parameters})`: only then it can `await`, and let others work while it waits."
    return Finding("not a coroutine function", seen, look)


def _is_blank(function: Any) -> bool:
    """Whether a function does nothing but return None, as it is shipped."""
    code = getattr(function, "__code__", None)
    if code is None or set(code.co_consts) - {None, function.__doc__}:
        return False
    return {step.opname for step in dis.get_instructions(code)} <= _DO_NOTHING
