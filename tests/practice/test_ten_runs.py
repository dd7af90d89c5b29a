"""The same code hears the same words: an attempt is checked ten times, whenever Python collects its garbage.

EVERY=1 python -m pytest -m slow tests/practice/test_ten_runs.py    # all attempts: most of an hour; else each 40th
"""

import gc
import os
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from practice import programs, test_attempts, test_clinic_checks

from helpers.checks.clinic import BUGS
from helpers.checks.programs import PROGRAMS
from helpers.checks.tasks import TASKS
from helpers.course import logbook
from helpers.course.verdict import Verdict

MEASURED = re.compile(r"\d+([.,]\d+)?( (ms|s|min)\b|%)?")  # no two runs take the same time

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed (transport|<socket):ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Attempt = tuple[str, str, Callable[[], Verdict]]  # the task, the attempt, what checks it


def attempts() -> Iterator[Attempt]:
    for task in TASKS:
        for name in test_attempts.attempts(task):
            yield task, name, lambda task=task, name=name: test_attempts.verdict_on.__wrapped__(task, name)
    for bug in BUGS:
        for name, function in test_clinic_checks.functions(bug).items():
            yield bug, name, lambda bug=bug, function=function: test_clinic_checks.check(bug, function)
    for task in PROGRAMS:
        for name in programs.attempts(task):
            yield task, name, lambda task=task, name=name: programs.verdict_on.__wrapped__(task, name)


def times(task: str) -> int:
    return 3 if task in PROGRAMS else 10  # a program's garbage is its own, and goes with its process


def shuffled() -> list[Any]:
    found = list(attempts())
    Random(17).shuffle(found)
    found = found[:: int(os.environ.get("EVERY", "40"))]
    return [pytest.param(check, times(task), id=f"{task}-{name}") for task, name, check in found]


@pytest.fixture
def garbage() -> Iterator[Random]:
    """Collections of garbage come at other moments in each run: after so many new objects."""
    before, random = gc.get_threshold(), Random(4)
    yield random
    gc.set_threshold(*before)


@pytest.mark.parametrize(("check", "how_often"), shuffled())
def test_ten_runs_have_one_message(
    check: Callable[[], Verdict], how_often: int, garbage: Random, monkeypatch: Any
) -> None:
    monkeypatch.setattr(logbook, "note", lambda *_, **__: None)
    said = []
    for _ in range(how_often):
        gc.set_threshold(garbage.choice((50, 300, 1_000, 5_000, 100_000)), 5, 5)
        verdict = check()
        said.append((verdict.outcome, verdict.kind, MEASURED.sub("…", verdict.seen), MEASURED.sub("…", verdict.look)))
    assert len(set(said)) == 1, "\n".join(map(str, sorted(set(said))))
