"""`connect(live=True, base_url=…)` to servers that answer more or less as OpenAI does, and what it says of them."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from openai import OpenAI

from foreign.conftest import KEY_NAME, MODEL
from foreign.servers import KEY, Server
from helpers import Answer, WorkbookError, account, ask_ai, compare_models, connect

WRONG = "canary-key-that-is-wrong"
USUAL = "canary-key-of-the-tests"  # in OPENAI_API_KEY: it is for OpenAI, and for nobody else


def ask(question: str = "What is Go?", model: str = MODEL) -> str:
    return asyncio.run(ask_ai(question, model=model))


def refusal(*, base_url: str, key_from: str | None = KEY_NAME) -> str:
    """What connect() says where it does not work; nothing has changed then."""
    before = dict(os.environ)
    with pytest.raises(WorkbookError) as raised:
        connect(live=True, base_url=base_url, key_from=key_from)
    assert dict(os.environ) == before
    with pytest.raises(WorkbookError, match="not connected yet"):
        ask()
    said = str(raised.value)
    assert all(key not in said for key in (KEY, WRONG, USUAL)) and raised.value.happened and raised.value.what_to_do
    return said


# ---- it works ----------------------------------------------------------------------------------------------------


def test_it_says_where_calls_go(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    before = server.asked()
    connect(live=True, base_url=server.url, key_from=KEY_NAME)
    said = capsys.readouterr().out
    assert said.startswith("Live mode: ") and server.url in said
    assert KEY not in said and USUAL not in said and "None " not in said.replace("None of", "")
    assert server.asked() == before, "to look costs nothing"
    assert server.is_answer(ask(), "What is Go?")


def test_models_that_the_lessons_use_are_not_there(
    start: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    """llm-katan lists one model, which has another name; mock-llm lists none, and so nothing is said of them."""
    for name, expected in (("katan", True), ("mock-llm", False)):
        connect(live=True, base_url=start(name).url, key_from=KEY_NAME)
        said = capsys.readouterr().out
        assert ("tiny-echo" in said) == expected and ("gpt-6-luna" in said) == expected


def test_a_model_that_is_not_listed_can_be_asked(connected: Server) -> None:
    answers = asyncio.run(compare_models("What is Go?", ["gpt-6-luna", MODEL]))
    assert [answer.success for answer in answers] == [True, True]


def test_the_account(connected: Server) -> None:
    def now() -> str:
        text = str(account())
        assert KEY not in text and USUAL not in text and "None" not in text and "nan" not in text.lower()
        assert connected.url in text and "0.25" in text, "the budget, where nobody said another"
        assert "not known" in text, "none of them tells its limits"
        return text

    assert "0 answers" in now()
    ask()
    ask(model="gpt-6-luna")
    told = now()
    assert "2 answers" in told
    unknown = "1 call whose cost is not known" if connected.tells_usage else "2 calls whose cost is not known"
    assert unknown in told


def test_going_back_to_practice(connected: Server) -> None:
    ask()
    before = connected.asked()
    connect()
    assert "Python" in ask("What is Python?", model="gpt-6-luna")
    assert connected.asked() == before
    assert KEY not in os.environ.get("OPENAI_API_KEY", "")
    connect(live=True, base_url=connected.url, key_from=KEY_NAME)
    assert connected.is_answer(ask(), "What is Go?")


def test_from_one_service_to_another(start: Callable[..., Server]) -> None:
    """Each gets its own key, and the helpers' client follows."""

    async def learner() -> list[bool]:
        right = []
        for name in ("katan", "mock-llm", "aimock"):
            service = start(name)
            connect(live=True, base_url=service.url, key_from=KEY_NAME)
            right.append(service.is_answer(await ask_ai("What is Go?", model=MODEL), "What is Go?"))
        return right

    assert asyncio.run(learner()) == [True, True, True]


def test_a_budget_is_kept_to(start: Callable[..., Server]) -> None:
    """Also where nobody tells what a call has used: it is guessed then."""
    for name in ("aimock", "mock-llm"):
        service = start(name)
        connect(live=True, base_url=service.url, key_from=KEY_NAME, budget=0.0001)
        sent = 0
        with pytest.raises(WorkbookError, match="budget"):
            while sent < 200:
                ask(model="gpt-6-luna")
                sent += 1
        assert service.asked() == sent < 200


def test_a_price_that_nobody_knows_uses_no_budget(connected: Server) -> None:
    connect(live=True, base_url=connected.url, key_from=KEY_NAME, budget=0.00001)
    for _ in range(5):
        ask()


# ---- whose key goes where ----------------------------------------------------------------------------------------


def test_the_key_that_was_named_goes_there(start: Callable[..., Server]) -> None:
    connect(live=True, base_url=start("mock-llm").url, key_from=KEY_NAME)
    assert ask("Whose key came?", model="which-key") == "the one for this service"


def test_the_usual_key_goes_to_nobody_else(start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", USUAL)
    service = start("mock-llm")
    connect(live=True, base_url=service.url)
    assert ask("Whose key came?", model="which-key") == "another one"
    # what the server would have said
    with OpenAI(base_url=service.url, api_key=USUAL) as client:
        response = client.chat.completions.create(
            model="which-key", messages=[{"role": "user", "content": "Whose key came?"}]
        )
    assert response.choices[0].message.content == "the one for OpenAI"


def test_a_key_from_a_file(start: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_NAME)
    (tmp_path / ".env").write_text(f"{KEY_NAME}={KEY}\n")
    for name in ("aimock", "katan"):
        service = start(name)
        connect(live=True, base_url=service.url, key_from=KEY_NAME)
        assert service.is_answer(ask(), "What is Go?")


# ---- it does not work --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["aimock", "katan"], indirect=True)
def test_a_wrong_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, WRONG)
    said = refusal(base_url=server.url)
    assert "(401)" in said and KEY_NAME in said


@pytest.mark.parametrize("server", ["aimock", "katan"], indirect=True)
def test_no_key_where_one_is_wanted(server: Server) -> None:
    said = refusal(base_url=server.url, key_from=None)
    assert "wants a key (401)" in said and "key_from" in said


def test_an_address_without_its_end(server: Server) -> None:
    said = refusal(base_url=server.address)
    assert "(404)" in said and "/v1" in said


def test_nobody_answers() -> None:
    said = refusal(base_url="http://127.0.0.1:9/v1")
    assert "Nobody answers at http://127.0.0.1:9/v1" in said


def test_something_else_answers(start: Callable[..., Server]) -> None:
    said = refusal(base_url=f"{start('mock-llm').address}/shop")
    assert "is not a model service" in said


def test_the_service_ends_meanwhile(start: Callable[..., Server], connected: Server) -> None:
    service = start("mock-llm")
    connect(live=True, base_url=service.url, key_from=KEY_NAME)
    ask()
    service.end()

    async def learner() -> list[Answer]:
        return await compare_models("What is Go?", [MODEL])

    [answer] = asyncio.run(learner())
    assert not answer.success and "cannot be reached" in str(answer.error)
    # and it can be left
    connect(live=True, base_url=connected.url, key_from=KEY_NAME)
    assert connected.is_answer(ask(), "What is Go?")


@pytest.mark.parametrize("server", ["aimock"], indirect=True)
def test_a_classroom_forbids_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_MODE", "practice")
    assert "switched off" in refusal(base_url=server.url)
