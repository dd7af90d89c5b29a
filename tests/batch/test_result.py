"""What a batch tells of itself: its summary, what it will take, and its progress."""

import pickle
import sys
from collections import Counter
from typing import Any

import pandas as pd
import pytest

from helpers import Answer, estimate
from helpers.batch import Estimate, Summary
from helpers.batch.pacer import Origin
from helpers.catalog import MODELS, cost
from helpers.errors import BadInput

from .service import ANSWERED, Service, cost_of, run, tokens_of

pytestmark = pytest.mark.usefixtures("short_pauses")

QUESTIONS = [f"Question number {number}?" for number in range(20)]

# ---- the summary -------------------------------------------------------------------------------------------------


def test_the_summary_of_a_batch_that_went_well() -> None:
    answers = run(Service(), ["What is Go?"] * 2 + ["What is Rust?"], max_concurrency=2)
    summary = answers.summary
    lines = str(summary).splitlines()
    spent = cost_of("What is Go?") + cost_of("What is Rust?")
    assert lines[0].startswith("3 of 3 questions answered in ")
    assert lines[1:4] == [
        "Same question as in another row, so not sent again: 1 row",
        "Sent: 2 requests",
        f"Used: {sum(tokens_of('What is Go?') + tokens_of('What is Rust?'))} tokens, {spent:.5f} USD",
    ]
    assert lines[4].startswith("Speed: ") and lines[4].endswith(" answers a second")
    assert lines[5:] == ["Requests for each answer: 1.00 on average (1.00 is the best there can be)"]
    assert summary.seconds > 0


def test_the_summary_says_what_went_wrong() -> None:
    summary = Summary(
        max_concurrency=10,
        rows=2000,
        succeeded=1200,
        failed=Counter({"NotSent": 798, "BadRequestError": 2}),
        saved=100,
        asked=1102,
        requests=1105,
        refused=2,
        cut_off=3,
        tokens=30_000,
        cost=1.5,
        unknown_costs=1,
        seconds=60.0,
        requests_per_minute=1200.0,
        paced_by="told",
        cut_by=Counter({"length": 3}),
        stopped="The deadline of 60 s was over.",
    )
    assert str(summary).splitlines() == [
        "1,200 of 2,000 questions answered in 1 min 0 s",
        "Stopped: The deadline of 60 s was over.",
        "Failed: 2 BadRequestError",
        "Not sent: 798 questions",
        "3 answers were cut at the token limit (finish_reason length)",
        "Saved before, so not sent again: 100 questions",
        "Sent: 1,105 requests, of which 3 were retries",
        "Refused by the service as too many (status 429): 2 requests",
        "Stopped before the answer came (the service may charge for it): 3 requests",
        "Used: 30,000 tokens, 1.50 USD, and 1 answer of unknown cost",
        "Speed: 18.3 answers a second",
        "Requests for each answer: 1.00 on average (1.00 is the best there can be)",
        "Pace: at most 1,200 requests a minute (just below the limit that the service's headers tell); "
        "this run sent 92% of that",
    ]


@pytest.mark.parametrize(
    ("rate", "paced_by", "shown"),
    [
        (487.3, "told", "490"),
        (1_234.0, "learned", "1,200"),
        (3.14159, "learned", "3.1"),
        (1_234.0, "given", "1,234"),  # what the user wrote is not rounded
    ],
)
def test_a_pace_that_was_measured_has_two_digits(rate: float, paced_by: Origin, shown: str) -> None:
    summary = Summary(max_concurrency=1, requests_per_minute=rate, paced_by=paced_by)
    assert f"Pace: at most {shown} requests a minute (" in str(summary)


def test_one_of_each_is_told_in_the_singular() -> None:
    lines = str(Summary(max_concurrency=1, rows=1, saved=1, asked=1, requests=2, refused=1, cut_off=1)).splitlines()
    assert lines[1:5] == [
        "Saved before, so not sent again: 1 question",
        "Sent: 2 requests, of which 1 was a retry",
        "Refused by the service as too many (status 429): 1 request",
        "Stopped before the answer came (the service may charge for it): 1 request",
    ]


@pytest.mark.parametrize(
    ("facts", "share"),
    [
        ({"paced_by": "given", "requests": 100}, 1.0),
        ({"paced_by": "told", "requests": 75}, 0.75),
        ({"paced_by": "told", "requests": 150}, 1.0),  # the burst that it allows
        ({"paced_by": "learned", "requests": 75}, None),  # no limit is known
        ({"requests": 75}, None),
    ],
)
def test_the_share_of_a_known_limit(facts: dict[str, Any], share: float | None) -> None:
    summary = Summary(max_concurrency=2, rows=75, succeeded=75, seconds=10.0, requests_per_minute=600.0, **facts)
    assert summary.share_of_limit == share


def test_an_answer_of_unknown_cost_is_counted() -> None:
    summary = run(Service(), QUESTIONS, model="a-model-of-my-own").summary
    assert (summary.unknown_costs, summary.cost) == (20, 0.0)
    assert "0 USD, and 20 answers of unknown cost" in str(summary)


def test_the_answers_are_a_table() -> None:
    answers = run(Service(lambda question, nth: "400" if question == QUESTIONS[3] else ANSWERED), QUESTIONS)
    table = pd.DataFrame(answers)
    assert list(table["question"]) == QUESTIONS
    assert list(table.columns) == list(Answer("", "").keys())
    assert table["success"].sum() == 19 and table["tokens"].sum() == answers.summary.tokens
    assert table.loc[3, "error_type"] == "BadRequestError"


def test_answers_are_pickled_with_their_summary() -> None:
    answers = run(Service(), QUESTIONS)
    again = pickle.loads(pickle.dumps(answers))
    assert again == answers and again.summary == answers.summary
    assert pickle.loads(pickle.dumps(answers[0])) == answers[0]


# ---- what it will take -------------------------------------------------------------------------------------------


def test_an_estimate_counts_what_would_be_sent() -> None:
    told = estimate(["What is Go?"] * 3 + ["What is Rust?", None, float("nan"), ""], answer_tokens=100)
    assert (told.questions, told.calls, told.completion_tokens) == (7, 2, 200)
    assert told.prompt_tokens == round((11 + 13) / 4 + 2 * 7)
    assert told.cost == cost("gpt-6-luna", told.prompt_tokens, 200)
    assert str(told).startswith(f"7 questions, 2 calls: about {told.tokens} tokens, 0.00010 USD, about ")
    assert estimate(["What is Go?"], instructions="x" * 400).prompt_tokens == 100 + round(11 / 4 + 7)


def test_an_estimate_is_of_the_size_of_the_batch() -> None:
    answers = run(Service(), QUESTIONS)
    told = estimate(QUESTIONS, sample=answers[:5])
    assert told.completion_tokens == sum(answer.completion_tokens or 0 for answer in answers)
    assert told.prompt_tokens == pytest.approx(sum(answer.prompt_tokens or 0 for answer in answers), rel=0.1)
    assert told.cost == pytest.approx(answers.summary.cost, rel=0.1)


@pytest.mark.parametrize("questions", [iter(QUESTIONS), pd.Series(QUESTIONS), tuple(QUESTIONS)])
def test_any_iterable_is_estimated(questions: Any) -> None:
    assert estimate(questions).calls == 20


def slowest(**limits: Any) -> Estimate:
    sample = [Answer("q", "gpt-6-luna", "a", time=2.0, completion_tokens=93, prompt_tokens=None)]
    return estimate([f"{number:04}" * 7 for number in range(1000)], sample=sample, max_concurrency=10, **limits)


@pytest.mark.parametrize(
    ("limits", "seconds", "because"),
    [
        ({}, 200, "2.0 s a call, 10 at a time"),
        ({"requests_per_minute": 60}, 1000, "at 60 requests a minute"),
        ({"requests_per_minute": 6000}, 200, "2.0 s a call, 10 at a time"),
        ({"tokens_per_minute": 10_700}, 600, "at 10,700 tokens a minute"),
    ],
)
def test_the_slowest_limit_decides(limits: dict[str, float], seconds: float, because: str) -> None:
    told = slowest(**limits)
    assert (round(told.seconds or 0.0, 6), told.because) == (seconds, because)
    assert because in str(told)


def test_the_first_call_of_a_short_list_waits_for_nothing() -> None:
    sample = [Answer("q", "gpt-6-luna", "a", time=2.0, completion_tokens=93)]
    for limits in ({"requests_per_minute": 1}, {"tokens_per_minute": 10}):
        assert estimate(["What is Go?"], sample=sample, **limits).seconds == 2.0
    assert estimate(["What is Go?", "What is Rust?"], sample=sample, requests_per_minute=1).seconds == 62.0


def test_a_call_takes_its_time_however_many_go_at_once() -> None:
    practice = MODELS["gpt-6-luna"].practice
    one = practice.first_token + 90 / practice.tokens_per_second
    assert estimate(["What is Go?"], answer_tokens=90, max_concurrency=100).seconds == pytest.approx(one)


def test_of_an_unknown_model_only_the_tokens_are_known() -> None:
    told = estimate(QUESTIONS, model="a-model-of-my-own")
    assert (told.cost, told.seconds) == (None, None)
    assert str(told).endswith("price unknown, time not known")
    sample = [Answer("q", "a-model-of-my-own", "a", time=2.0)]
    assert estimate(QUESTIONS, model="a-model-of-my-own", sample=sample, max_concurrency=10).seconds == 4.0


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(BadInput, match="There are no questions"):
        estimate([])
    with pytest.raises(BadInput, match="a list is needed"):
        estimate("What is Go?")


# ---- the progress bar --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("shown_at_once")
def test_the_bar_shows_failures_retries_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {(QUESTIONS[0], 1): "400", (QUESTIONS[1], 1): "500"}
    service = Service(lambda question, nth: kinds.get((question, nth), ANSWERED))
    answers = run(service, QUESTIONS, progress=True)
    out, bar = capsys.readouterr()
    last = bar.split("\r")[-1]
    assert not out
    assert "20/20" in last and "failed=1" in last and "retries=1" in last
    assert f"cost={answers.summary.cost:.5f} USD" in last
    assert bar.endswith("\n")


@pytest.mark.usefixtures("shown_at_once")
def test_of_an_iterator_the_bar_shows_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    run(Service(), iter(QUESTIONS), progress=True)
    assert "20 questions [" in capsys.readouterr().err.split("\r")[-1]


@pytest.mark.usefixtures("shown_at_once")
def test_a_batch_that_is_stopped_leaves_its_bar_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    answers = run(Service(lambda question, nth: "401"), QUESTIONS, progress=True)
    tried = sum(answer.attempts > 0 for answer in answers)
    assert answers.summary.failed.total() == 20 and tried < 20
    last = capsys.readouterr().err.split("\r")[-1]
    assert f"{tried}/20" in last and f"failed={tried}" in last and f"not done={20 - tried}" in last


@pytest.mark.usefixtures("shown_at_once")
@pytest.mark.parametrize(("wanted", "terminal"), [(None, False), (False, False), (False, True)])
def test_it_is_quiet_where_nobody_looks(
    wanted: bool | None, terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    run(Service(), QUESTIONS, progress=wanted)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("shown_at_once")
def test_in_a_terminal_it_shows_by_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(Service(), QUESTIONS)
    assert "20/20" in capsys.readouterr().err


def test_what_ends_at_once_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    run(Service(), QUESTIONS[:3], progress=True)
    assert capsys.readouterr() == ("", "")
