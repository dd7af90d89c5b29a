"""Runs an attempt at a program, and says what is to hold for every verdict on one."""

import asyncio
import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from practice.expect import Expected

from helpers.checks.programs import PROGRAMS
from helpers.course.exercise import Program
from helpers.course.manifest import Entry
from helpers.course.verdict import Verdict

BEFORE_A_RUN = ("no python", "nest_asyncio", "key in the source")


def attempts(task: str) -> dict[str, Callable[[], str]]:
    module = importlib.import_module(f"practice.attempts.{task}")
    return {name: value for name, value in vars(module).items() if name.startswith(("wrong_", "right_"))}


def all_of(task: str) -> list[Any]:
    """Each attempt, as a parameter. All but every fifth are slow, as each is a process of its own, or several."""
    slow = pytest.mark.slow
    return [pytest.param(name, marks=[slow] if number % 5 else []) for number, name in enumerate(attempts(task))]


def checked(task: str, source: str | bytes | None) -> Verdict:
    """The verdict on a program in a file of its name; None: there is no such file."""
    entry = Entry(name=task, title="t", minutes=1, notebook="n", follows="f", hints=("h",))
    with TemporaryDirectory() as folder:
        path = Path(folder, PROGRAMS[task].file)
        if source is not None:
            path.write_bytes(source if isinstance(source, bytes) else source.encode())

        async def main() -> Verdict:
            return await Program(entry, PROGRAMS[task]).check(str(path))

        return asyncio.run(main())


@cache  # two tests look at each verdict, and a run takes its time
def verdict_on(task: str, attempt: str) -> Verdict:
    return checked(task, attempts(task)[attempt]())


def check_verdict(task: str, attempt: str) -> None:
    """It is the expected one, in whole sentences, with both timelines where the program was run."""
    expected: Expected = attempts(task)[attempt].expected  # type: ignore[attr-defined]
    verdict = verdict_on(task, attempt)
    assert Expected(verdict.outcome, verdict.kind) == expected, verdict
    for sentence in (verdict.seen, verdict.look):
        assert sentence.strip() == sentence != ""
        assert "\n" not in sentence
        if (
            verdict.kind not in ("raised", "half-written row") or sentence is verdict.look
        ):  # ends with the error's words
            assert sentence.endswith((".", "?", ".)")), sentence
    if verdict.kind not in BEFORE_A_RUN:
        assert "Your run" in repr(verdict)
        assert "The expected shape" in repr(verdict)


def check_words(task: str) -> None:
    """Each mistake is told in words of its own."""
    seen = {verdict_on(task, attempt).seen for attempt in attempts(task) if attempt.startswith("wrong_")}
    assert len(seen) >= 10
