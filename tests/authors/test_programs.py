"""All attempts at the tasks that are programs: each is run as a process of its own, which takes its time."""

import pytest
from practice.programs import attempts, check_verdict, check_words

from helpers.checks.programs import PROGRAMS
from helpers.course import logbook


@pytest.fixture(autouse=True)
def no_logbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "note", lambda *_, **__: None)


@pytest.mark.parametrize(("task", "attempt"), [(task, attempt) for task in PROGRAMS for attempt in attempts(task)])
def test_verdict(task: str, attempt: str) -> None:
    check_verdict(task, attempt)


@pytest.mark.parametrize("task", PROGRAMS)
def test_each_mistake_is_told_in_words_of_its_own(task: str) -> None:
    check_words(task)
