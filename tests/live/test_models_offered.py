"""Which models a service offers: shutdown dates, successors, models that are gone, lists of others and empty ones."""

import asyncio
import os
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from helpers import COMPARE_MODELS, DEFAULT_MODEL, WorkbookError, ask_ai, connect
from helpers.catalog import MODELS, PRICES_READ
from helpers.session.live.offer import NEAR, Offer, age_of_prices
from live.conftest import KEY
from live.service import Service, completion, refuses, says

OLD = "gpt-4o-mini"  # the catalogue has a day for its shutdown, and a successor
DAY, SUCCESSOR = MODELS[OLD].shutdown or date.max, MODELS[OLD].successor
TODAY = PRICES_READ
LESSONS = list(dict.fromkeys((DEFAULT_MODEL, *COMPARE_MODELS)))

Begin = Callable[..., Service]


def listed(*names: str, **days: str) -> dict[str, Any]:
    entries = [{"id": name, "object": "model"} for name in names]
    return {"data": [*entries, *({"id": name.replace("_", "-"), "shutdown_date": day} for name, day in days.items())]}


@pytest.fixture
def begin(start: Callable[..., Service], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Begin:
    """Goes live on a day, at a service with this list; gives it, and what was said before is forgotten."""

    def begin(content: object, today: date = TODAY) -> Service:
        monkeypatch.setattr("helpers.session.live.service.today", lambda: today)
        service = start(
            {
                "/v1/models": says(200, content),
                "Q": says(200, completion("A", {"prompt_tokens": 1, "completion_tokens": 1})),
                "gone": refuses(404, "model_not_found"),
            }
        )
        os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
        capsys.readouterr()
        connect(live=True)
        return service

    return begin


def ask(model: str, question: str = "Q") -> str:
    return asyncio.run(ask_ai(question, model=model))


def warned(capsys: pytest.CaptureFixture[str], model: str) -> str:
    """What is said when a model is asked for the first time."""
    capsys.readouterr()
    assert ask(model) == "A"
    return capsys.readouterr().out


# ---- dates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (DAY - NEAR - timedelta(days=1), ""),
        (DAY - NEAR, f"{OLD} will be shut down on {DAY}. Use {SUCCESSOR} in its place."),
        (DAY - timedelta(days=1), f"{OLD} will be shut down on {DAY}. Use {SUCCESSOR} in its place."),
        (DAY, f"{OLD} was shut down on {DAY}. Use {SUCCESSOR} in its place."),
        (DAY + timedelta(days=400), f"{OLD} was shut down on {DAY}. Use {SUCCESSOR} in its place."),
    ],
)
def test_a_shutdown_that_the_catalogue_knows(
    begin: Begin, capsys: pytest.CaptureFixture[str], today: date, expected: str
) -> None:
    begin(listed(OLD, *LESSONS), today)
    assert warned(capsys, OLD).strip() == expected


def test_it_is_said_once(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin(listed(OLD, *LESSONS), DAY - timedelta(days=1))
    assert "will be shut down" in warned(capsys, OLD)
    assert warned(capsys, OLD) == ""
    connect(live=True)
    assert warned(capsys, OLD) == ""
    connect()
    assert "shut down" not in capsys.readouterr().out


def test_what_the_service_says_comes_before_the_catalogue(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin(listed(*LESSONS, gpt_4o_mini="2031-05-06"), DAY + timedelta(days=1))
    assert warned(capsys, OLD) == "", "it was given more time"
    begin(listed(*LESSONS, gpt_4o_mini="2026-12-24"), date(2026, 12, 1))
    assert f"{OLD} will be shut down on 2026-12-24. Use {SUCCESSOR} in its place." in warned(capsys, OLD)


@pytest.mark.parametrize("day", ["", "soon", "2026-13-45", None, 5, ["2026-01-01"], "2027-01-14T00:00:00Z"])
def test_dates_as_services_write_them(begin: Begin, capsys: pytest.CaptureFixture[str], day: Any) -> None:
    begin({"data": [{"id": "llama", "shutdown_date": day}]})
    said = warned(capsys, "llama")
    assert ("2027-01-14" in said) == (day == "2027-01-14T00:00:00Z")


def test_a_successor_that_is_not_there_is_not_advised(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin(listed(OLD, "llama"), DAY)
    said = warned(capsys, OLD)
    assert f"{OLD} was shut down on {DAY}." in said and str(SUCCESSOR) not in said


def test_the_lessons_models_are_spoken_of_at_the_beginning(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    name = LESSONS[0].replace("-", "_").replace(".", "_")
    assert name.replace("_", "-") == LESSONS[0]
    begin(listed(*LESSONS[1:], **{name: str(TODAY + timedelta(days=10))}))
    assert f"{LESSONS[0]} will be shut down on {TODAY + timedelta(days=10)}." in capsys.readouterr().out


def test_prices_that_are_old() -> None:
    assert age_of_prices(PRICES_READ) is None and age_of_prices(PRICES_READ + timedelta(days=120)) is None
    assert f"read on {PRICES_READ}" in (age_of_prices(PRICES_READ + timedelta(days=121)) or "")


def test_old_prices_are_said_at_the_beginning(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin(listed(*LESSONS), PRICES_READ + timedelta(days=400))
    assert f"The prices here were read on {PRICES_READ}" in capsys.readouterr().out


# ---- models that are not there -----------------------------------------------------------------------------------


def test_a_model_that_is_not_listed_is_asked_all_the_same(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    service = begin(listed(*LESSONS))
    assert warned(capsys, "gpt-99") == "", "the service knows best; if it has none, its 404 says so"
    assert service.asked() == ["Q"]


def test_a_lessons_model_that_is_gone(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin(listed(*LESSONS[1:], "llama"))
    said = capsys.readouterr().out
    assert f"{LESSONS[0]} is not among the models that your key may use." in said
    assert "None of the models" not in said


def test_a_404_says_what_there_is(begin: Begin) -> None:
    begin(listed("llama", "qwen"))
    with pytest.raises(WorkbookError) as refused:
        ask("lama", "gone")
    assert "(404)" in refused.value.happened and "There are: llama, qwen." in refused.value.what_to_do
    with pytest.raises(WorkbookError) as refused:
        ask("llama", "gone")
    assert "Check the spelling. There are: llama, qwen." in refused.value.what_to_do


def test_a_404_of_a_model_that_was_shut_down(begin: Begin) -> None:
    begin(listed(*LESSONS), DAY + timedelta(days=1))
    with pytest.raises(WorkbookError) as refused:
        ask(OLD, "gone")
    assert f"{OLD} was shut down on {DAY}. Use {SUCCESSOR} in its place." in refused.value.what_to_do


def test_a_long_list_is_not_told_whole(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin(listed(*(f"model-{number}" for number in range(500))))
    said = capsys.readouterr().out
    assert "It works: 500 models are offered." in said
    assert "model-11 …" in said and "model-12" not in said


# ---- lists of others, and empty ones -----------------------------------------------------------------------------


def test_a_foreign_list(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin(listed("llama3.2", "qwen3"))
    said = capsys.readouterr().out
    assert f"None of the models that the lessons use ({', '.join(LESSONS)}) is offered there" in said
    assert "There are: llama3.2, qwen3." in said
    assert warned(capsys, "qwen3") == ""
    assert _choices() == "('llama3.2', 'qwen3')"


def _choices() -> str:
    from helpers.session import offered

    return str(offered())


@pytest.mark.parametrize("content", [{"data": []}, {"data": None}])
def test_an_empty_list_says_nothing_of_models(
    begin: Begin, capsys: pytest.CaptureFixture[str], content: object
) -> None:
    begin(content)
    assert "None" not in capsys.readouterr().out
    assert warned(capsys, "llama") == "", "nothing is known, so nothing is said"
    assert _choices() == str(Offer(None).models)


def test_without_a_list_the_catalogue_is_offered() -> None:
    models = Offer(None).models
    assert set(LESSONS) <= set(models) and all(MODELS[name].input is not None for name in models)
    assert Offer({}).models == models


def test_of_a_full_list_those_that_the_catalogue_has_are_offered() -> None:
    there: dict[str, date | None] = dict.fromkeys(["whisper-1", "dall-e-3", LESSONS[0], "gpt-4o", "text-embedding-3"])
    assert set(Offer(there).models) == {LESSONS[0], "gpt-4o"}
    assert Offer(dict.fromkeys(["b", "a"])).models == ("b", "a")


def test_practice_mode_offers_the_catalogue_again(begin: Begin) -> None:
    begin(listed("llama"))
    assert _choices() == "('llama',)"
    connect()
    assert _choices() == str(Offer(None).models)
