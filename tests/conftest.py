"""What the tests in all folders need."""

from pathlib import Path
from typing import Any

import dotenv
import openai._base_client
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own pause before a retry, which no pace scales."""
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.01)


@pytest.fixture(autouse=True)
def no_key_of_a_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A .env file beside README.md, or above it, is not read; one that a test has written elsewhere is."""
    find_dotenv = dotenv.find_dotenv

    def find(*arguments: Any, **options: Any) -> str:
        found = find_dotenv(*arguments, **options)
        return "" if ROOT.is_relative_to(Path(found).parent.resolve()) else found

    monkeypatch.setattr(dotenv, "find_dotenv", find)
