"""What the check says of *Go on where it stopped*: each attempt is started, killed, and started again."""

import pytest
from practice.programs import check_verdict, some

from helpers.course import logbook

TASK = "go_on"


@pytest.fixture(autouse=True)
def no_logbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook, "note", lambda *_, **__: None)


@pytest.mark.parametrize("attempt", some(TASK))
def test_verdict(attempt: str) -> None:
    check_verdict(TASK, attempt)
