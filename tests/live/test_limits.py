"""The limits that an account really has, in words, once; and an account without credit."""

import asyncio
import os
from collections.abc import Callable, Mapping

import openai
import pytest
from openai import OpenAI

from helpers import WorkbookError, account, ask_ai, connect, estimate, process_questions_batch, stream_model
from helpers.errors import OUT_OF_CREDIT
from helpers.session.live.limits import Limits, LimitsSeen, Rate
from live.conftest import KEY
from live.service import Odd, Service, chunk, completion, refuses, says

Begin = Callable[[Mapping[str, Odd]], Service]
USED = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def limits(unit: str, limit: object, left: object, reset: str | None) -> dict[str, str]:
    told = {f"x-ratelimit-limit-{unit}": str(limit), f"x-ratelimit-remaining-{unit}": str(left)}
    return told if reset is None else {**told, f"x-ratelimit-reset-{unit}": reset}


def in_words(headers: Mapping[str, str]) -> str:
    """What is said of them; "" for nothing."""
    news: list[str] = []
    LimitsSeen(news.append).tell("gpt-6-luna", headers)
    return "".join(news).removeprefix("Your limits for gpt-6-luna: ")


SHAPES: dict[str, tuple[dict[str, str], str]] = {
    "a usual account": (
        limits("requests", 500, 499, "120ms") | limits("tokens", 200_000, 199_000, "300ms"),
        "500 requests a minute, 200,000 tokens a minute: 1,000 questions take at least a minute.",
    ),
    "a large account": (
        limits("requests", 30_000, 29_999, "2ms") | limits("tokens", 150_000_000, 149_999_000, "0s"),
        "30,000 requests a minute, 150,000,000 tokens a minute.",
    ),
    "a new account, counted by the day": (
        limits("requests", 200, 199, "7m12s") | limits("tokens", 40_000, 39_900, "150ms"),
        "200 requests a day, 40,000 tokens a minute: 1,000 questions take at least 4.0 days.",
    ),
    "three a minute": (
        limits("requests", 3, 2, "20s"),
        "3 requests a minute: 1,000 questions take at least 5.5 hours.",
    ),
    "by the hour": (
        limits("requests", 100, 90, "6m0s"),
        "100 requests an hour: 1,000 questions take at least 9.0 hours.",
    ),
    "tokens only": (limits("tokens", 10_000, 9_000, "6s"), "10,000 tokens a minute."),
    "requests only": (
        limits("requests", 60, 59, "1s"),
        "60 requests a minute: 1,000 questions take at least 16 minutes.",
    ),
    "nothing missing": (
        limits("requests", 60, 60, "0s"),
        "60 requests a minute: 1,000 questions take at least 16 minutes.",
    ),
    "without a reset": (
        limits("requests", 60, 10, None),
        "60 requests a minute: 1,000 questions take at least 16 minutes.",
    ),
    "none": ({}, ""),
    "others": ({"ratelimit-limit": "10", "retry-after": "1"}, ""),
    "words": (limits("requests", "many", "most", "soon"), ""),
    "minus": (limits("requests", -1, -1, "-1s"), ""),
    "no end": (limits("tokens", "inf", "inf", "1s"), ""),
    "no number": (limits("tokens", "nan", "nan", "nans"), ""),
    "more than there is": (limits("requests", 10, 99, "1s"), ""),
    "nothing allowed": (limits("requests", 0, 0, "1s"), ""),
    "unlimited": (limits("requests", 10**15, 10**15, "0s"), ""),
    "nonsense beside sense": (
        limits("requests", "?", "?", "?") | limits("tokens", 10_000, 9_000, "6s"),
        "10,000 tokens a minute.",
    ),
}


@pytest.mark.parametrize(("headers", "expected"), SHAPES.values(), ids=SHAPES)
def test_limits_in_words(headers: dict[str, str], expected: str) -> None:
    assert in_words(headers) == expected


@pytest.fixture
def begin(start: Callable[..., Service], capsys: pytest.CaptureFixture[str]) -> Begin:
    def begin(odd: Mapping[str, Odd]) -> Service:
        service = start(odd)
        os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
        connect(live=True)
        capsys.readouterr()
        return service

    return begin


def with_limits(content: object = None, **headers: str) -> Odd:
    told = limits("requests", 500, 499, "120ms") | limits("tokens", 200_000, 199_000, "300ms")
    return says(200, content or completion("A", USED), **{**told, **headers})


def ask(question: str = "Q", model: str = "gpt-6-luna") -> str:
    return asyncio.run(ask_ai(question, model=model))


WORDS = "500 requests a minute, 200,000 tokens a minute: 1,000 questions take at least a minute."


def test_they_are_said_once_for_each_model(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin({"Q": with_limits()})
    assert "Rate limits: not known." in str(account())
    for model in ("gpt-6-luna", "gpt-6-luna", "gpt-6.1-sol", "gpt-6-luna", "gpt-6.1-sol"):
        ask(model=model)
    said = capsys.readouterr().out
    assert said == f"Your limits for gpt-6-luna: {WORDS}\nYour limits for gpt-6.1-sol: {WORDS}\n"
    told = str(account())
    assert f"Limits of gpt-6-luna: {WORDS}" in told and f"Limits of gpt-6.1-sol: {WORDS}" in told


def test_connecting_again_does_not_say_them_again(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin({"Q": with_limits()})
    ask()
    connect(live=True, budget=1.0)
    capsys.readouterr()
    ask()
    assert "limits" not in capsys.readouterr().out
    connect()
    connect(live=True)
    capsys.readouterr()
    ask()
    assert "limits" not in capsys.readouterr().out
    assert f"Limits of gpt-6-luna: {WORDS}" in str(account())


def test_another_service_has_its_own(
    begin: Begin, start: Callable[..., Service], capsys: pytest.CaptureFixture[str]
) -> None:
    begin({"Q": with_limits()})
    ask()
    another = start({"Q": says(200, completion("A", USED), **limits("requests", 3, 2, "20s"))})
    connect(live=True, base_url=another.url)
    assert "Rate limits: not known." in str(account())
    capsys.readouterr()
    ask()
    assert "Your limits for gpt-6-luna: 3 requests a minute" in capsys.readouterr().out


def test_many_at_once_say_them_once(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin({"Q": with_limits()})

    async def main() -> None:
        await asyncio.gather(*(ask_ai("Q") for _ in range(30)))

    asyncio.run(main())
    assert capsys.readouterr().out.count("Your limits") == 1


def test_a_stream_tells_them_too(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    stream = says(
        200,
        chunk("A") + chunk("", USED) + "data: [DONE]\n\n",
        "text/event-stream",
        **limits("requests", 500, 499, "120ms"),
    )
    begin({"Q": stream})

    async def main() -> None:
        async with openai.AsyncOpenAI() as client:
            await stream_model(client, "gpt-6-luna", "Q", lambda text: None)

    asyncio.run(main())
    assert capsys.readouterr().out.count("Your limits for gpt-6-luna: 500 requests a minute") == 1


def test_plain_calls_tell_them_too(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin({"Q": with_limits()})
    openai.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "Q"}])
    assert capsys.readouterr().out.count("Your limits") == 1


def test_practice_mode_says_none(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin({})
    connect()
    capsys.readouterr()
    ask("What is Go?")
    assert capsys.readouterr().out == ""
    assert "limits" not in str(account()).lower()


def test_new_limits_are_the_ones_that_count(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin({"Q": with_limits(), "later": with_limits(**limits("requests", 5_000, 4_999, "12ms"))})
    ask()
    ask("later")
    assert "5,000 requests a minute" in str(account())


def test_strange_headers_harm_nobody(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    odd = {name: says(200, completion("A", USED), **headers) for name, (headers, _) in SHAPES.items()}
    begin(odd)
    for question in odd:
        assert ask(question) == "A"


def test_an_estimate_keeps_to_them(begin: Begin) -> None:
    begin({"Q": says(200, completion("A", USED), **limits("requests", 60, 59, "1s"))})
    assert estimate(["Q"] * 500).seconds < 300
    ask()
    assert 400 < estimate([f"Q{number}" for number in range(500)]).seconds < 600


@pytest.mark.parametrize(
    ("questions", "given", "seconds"),
    [
        (50, None, 5),  # all at once
        (90, None, 30),
        (90, 60, 60),  # no minute has more than what is given
        (150, 60, 120),
        (90, 30, 180),  # who gives less gets it evenly
        (90, 6_000, 30),  # the account's own limit holds all the same
    ],
)
def test_an_estimate_knows_how_many_may_come_at_once(
    begin: Begin, questions: int, given: float | None, seconds: float
) -> None:
    begin({"Q": says(200, completion("A", USED), **limits("requests", 60, 59, "1s"))})
    ask()
    about = estimate([f"Q{number}" for number in range(questions)], requests_per_minute=given)
    assert about.seconds == pytest.approx(seconds, abs=5)
    assert ("at once" in str(about)) == (questions > 60 and given != 30)


def test_an_estimate_knows_how_many_tokens_may_come_at_once(begin: Begin) -> None:
    begin({"Q": says(200, completion("A", USED), **limits("tokens", 60_000, 59_000, "1s"))})
    ask()
    questions = [f"Q{number:03}" for number in range(900)]
    about = estimate(questions, answer_tokens=92, max_concurrency=1_000)
    assert about.tokens == 90_000
    assert about.seconds == pytest.approx(30, abs=1)


# ---- no credit ---------------------------------------------------------------------------------------------------


def test_an_account_without_credit_is_told_so_once(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    service = begin({"Q": refuses(429, "insufficient_quota")})
    assert "no credit" not in str(account())
    for _ in range(3):
        with pytest.raises(WorkbookError, match="no credit"):
            ask()
    with pytest.raises(openai.RateLimitError):
        openai.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "Q"}])
    said = capsys.readouterr().out
    assert said.count("Your account has no credit left (insufficient_quota), so waiting will not help.") == 1
    assert "billing" in said
    assert str(account()).count("no credit left (insufficient_quota)") == 1
    assert len(service.asked()) >= 4


def test_a_batch_without_credit_stops(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    questions = [f"Q{number}" for number in range(50)]
    service = begin({question: refuses(429, "insufficient_quota") for question in questions})
    answers = asyncio.run(process_questions_batch(questions, max_concurrency=5, progress=False))
    assert len(service.asked()) <= 5 and not any(answer.success for answer in answers)
    assert capsys.readouterr().out.count("no credit left") == 1


@pytest.mark.parametrize("name", ["code", "type"])
@pytest.mark.parametrize("kind", OUT_OF_CREDIT)
def test_each_way_to_be_out_of_credit_has_its_own_words(
    kind: str, name: str, begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"message": "No more.", "code": None, "type": "requests", name: kind}
    service = begin({"Q": says(429, {"error": problem})})
    for _ in range(2):
        with pytest.raises(openai.RateLimitError), OpenAI(max_retries=0) as client:
            client.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": "Q"}])
    said = " ".join(OUT_OF_CREDIT[kind])
    assert capsys.readouterr().out.count(said) == 1 and str(account()).count(said) == 1
    service.odd["Q"] = with_limits()
    assert ask() == "A"
    assert said not in str(account())


OTHERWISE = {
    "in a detail": says(429, {"detail": {"error": {"code": "insufficient_quota"}}}),
    "in capital letters": says(429, {"error": {"code": "INSUFFICIENT_QUOTA"}}),
    "by its status": says(402, {"error": {"message": "Insufficient Balance"}}),
    "in words": says(429, {"message": "You exceeded your current quota, please check your plan and billing details."}),
}


@pytest.mark.parametrize("odd", OTHERWISE.values(), ids=OTHERWISE)
def test_it_is_known_however_it_is_told(odd: Odd, begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    service = begin({f"Q{number}": odd for number in range(50)})
    asyncio.run(process_questions_batch([*service.odd], max_concurrency=5, progress=False))
    assert len(service.asked()) <= 5, "nothing is tried again"
    assert capsys.readouterr().out.count("no credit left") == 1 and "no credit left" in str(account())


def test_another_reason_is_told_too(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    service = begin({})
    for kind in ("project_spend_limit_exceeded", "credit_balance_exhausted"):
        service.odd["Q"] = refuses(429, kind)
        with pytest.raises(WorkbookError):
            ask()
        assert OUT_OF_CREDIT[kind][0] in capsys.readouterr().out
        assert OUT_OF_CREDIT[kind][0] in str(account())


def test_an_ordinary_429_is_no_lack_of_credit(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin({"Q": refuses(429, "rate_limit_exceeded", retry_after="0.01")})
    with pytest.raises(WorkbookError, match="rate limit"):
        ask()
    assert "credit" not in capsys.readouterr().out + str(account())


def test_a_question_on_insufficient_quota_is_no_lack_of_credit(
    begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    begin({"What is insufficient_quota?": says(200, completion("insufficient_quota is", USED))})
    ask("What is insufficient_quota?")
    begin({"Q": says(429, {"error": {"message": "too many; insufficient_quota would be another error", "code": "x"}})})
    with pytest.raises(WorkbookError):
        ask()
    assert "no credit" not in str(account())


def test_credit_that_is_there_again(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    service = begin({"Q": refuses(429, "insufficient_quota")})
    with pytest.raises(WorkbookError):
        ask()
    service.odd["Q"] = with_limits()
    assert ask() == "A"
    assert "no credit" not in str(account()), "it was filled up meanwhile"


# ---- how they hold a batch back ----------------------------------------------------------------------------------


def test_what_a_limit_says_about_a_minute() -> None:
    assert Rate(200, 86_400).per_minute == pytest.approx(0.1389, abs=0.001)
    assert str(Limits(None, Rate(10, 60))) == "10 tokens a minute"


def test_a_limit_of_a_day_holds_nothing_back_while_it_is_not_used_up(begin: Begin) -> None:
    from helpers.session.account import rate_limits

    begin({"Q": says(200, completion("A", USED), **limits("requests", 200, 199, "7m12s"))})
    ask()
    assert rate_limits("gpt-6-luna", 100) == (None, None)
    requests, _ = rate_limits("gpt-6-luna", 1_000)
    assert requests == pytest.approx(200 / 1440, rel=0.01)
    assert rate_limits("another", 10) == (None, None)
