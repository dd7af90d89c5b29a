"""What the check says of *Go on where it stopped*: each attempt is started, killed, and started again."""

import pytest
from practice.programs import all_of, check_verdict, check_words

from helpers.course import logbook

TASK = "go_on"


@pytest.fixture(autouse=True)
def no_logbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "note", lambda *_, **__: None)


@pytest.mark.parametrize("attempt", all_of(TASK))
def test_verdict(attempt: str) -> None:
    check_verdict(TASK, attempt)


@pytest.mark.slow
def test_each_mistake_is_told_in_words_of_its_own() -> None:
    check_words(TASK)
