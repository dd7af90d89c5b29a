"""Predictions without a browser: what is noted, and what is said of it afterwards."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from boxes import choose, displayed, is_chosen, markup, press, status, type_into, value

from helpers import BadInput, Trace, ask_ai, async_multiple_calls, compare_models, estimate, faults, predict, watch
from helpers.widgets import prediction as module
from helpers.widgets.prediction import Prediction

pytestmark = pytest.mark.usefixtures("connected")

FIELD = "I expect"
MODELS = ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol"]


@pytest.fixture(autouse=True)
def nothing_written(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_written", {})
    yield


def typed(prediction: Prediction, text: str) -> str:
    type_into(prediction, FIELD, text)
    return status(prediction)


def recorded(work: Callable[[], Coroutine[Any, Any, object]], **failing: Any) -> Trace:
    async def cell() -> Trace:
        with faults(**failing), watch() as trace:
            await work()
        return trace

    return asyncio.run(cell())


@pytest.mark.parametrize(
    ("text", "noted"), [("2.5", "2.5 s"), (" 2,5 s", "2.5 s"), ("3 seconds", "3.0 s"), (".5", "0.50 s")]
)
def test_a_number_is_noted(text: str, noted: str) -> None:
    assert typed(predict("How long?", "seconds"), text) == f"Noted: {noted}. Run the next cells and see."


@pytest.mark.parametrize(
    "text", ["abc", "nan", "1 2", "<b>3</b>", "9" * 5000 + "x", "5 €", "1:30", "1,5,5", "-", "1/0"]
)
def test_nonsense_gets_a_sentence(text: str) -> None:
    prediction = predict("How long?", "seconds")
    assert typed(prediction, text).endswith("is not a number. Write digits, such as 2.5.")
    assert len(status(prediction)) < 120 and "<b>" not in markup(prediction)
    assert prediction.predicted is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(
            ("120 ms", 0.12),
            ("1 min", 60),
            ("1 min 15 s", 75),
            ("1h 1min", 3660),
            ("2.5S", 2.5),
            ("½", 0.5),
            ("2½ s", 2.5),
        ),
        *(("1/2", 0.5), ("1e9", 1e9), ("1E-1 s", 0.1), ("1 000", 1000), ("1\u202f000,5", 1000.5), ("1.000,5", 1000.5)),
        *(
            ("1,000.5", 1000.5),
            ("1,000,000", 1e6),
            ("1'000", 1000),
            ("1_000", 1000),
            ("0,500", 0.5),
            ("~5", 5),
            ("+5", 5),
        ),
        *(("about 5 s", 5), ("2k", 2000), ("2 million", 2e6), ("-0", 0), ("٣", 3), ("２", 2)),
    ],
)
def test_the_ways_to_write_a_number(text: str, seconds: float) -> None:
    prediction = predict("How long?", "seconds")
    assert typed(prediction, text).startswith("Noted: ")
    assert prediction.predicted == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *((text, "is below zero. Write 0 or more.") for text in ("-5", "−5", "-0.5 s", "- 1 min", "minus 5")),
        *((text, "is too large") for text in ("1e400", "1e13", "9" * 50)),
        ("1,000", "can be read as 1 or as 1000. Write the one that you mean."),
        ("2.500 s", "can be read as 2.5 or as 2500. Write the one that you mean."),
        *((text, "has no end.") for text in ("∞", "inf", "-∞", "infinity")),
        *((text, "is a share, and this asks for a time in seconds.") for text in ("10%", "10 %", "1.5%")),
        *((text, "is a range.") for text in ("5-10", "5 – 10 s", "5 to 10", "5..10")),
        *((text, "is a limit.") for text in ("<5", "> 2", "≤3")),
        *((text, "is written in letters. Write digits, such as 2.5.") for text in ("ten", "Twenty-one", "two hundred")),
        *((text, "is something else than a time in seconds") for text in ("10x", "3 requests")),
    ],
)
def test_what_is_wrong_with_a_number_is_said_as_it_is(text: str, why: str) -> None:
    prediction = predict("How long?", "seconds")
    typed(prediction, "3")
    assert why in typed(prediction, text) and status(prediction).startswith(repr(text)[:39])
    assert "not a number" not in status(prediction)
    assert prediction.predicted is None, "nor what was there before"


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        *(("1,000", "1,000 requests"), ("1.000", "1,000 requests"), ("1 000 000", "1,000,000 requests")),
        *(
            ("1e4", "10,000 requests"),
            ("1234567", "1,234,567 requests"),
            ("1 request", "1 request"),
            ("2.5", "2.5 requests"),
        ),
    ],
)
def test_a_count_is_read_as_one(text: str, noted: str) -> None:
    prediction = predict("How many?", "requests")
    assert typed(prediction, text).startswith(f"Noted: {noted}.")
    again = predict("How many?", "requests")
    assert typed(again, value(again, FIELD) + " ").startswith(f"Noted: {noted}."), "as it comes back"
    for other in ("120 ms", "2x"):
        assert "is something else than a number of requests" in typed(prediction, other)
    assert typed(prediction, "ten") == "'ten' is written in letters. Write digits, such as 10."


def test_what_is_emptied_is_forgotten() -> None:
    prediction = predict("How long?", "seconds")
    typed(prediction, "3")
    assert typed(prediction, "") == "" and prediction.predicted is None


def test_a_cell_that_is_run_again_keeps_what_was_predicted() -> None:
    typed(predict("How long?", "seconds"), "3")
    again = predict("How long?", "seconds")
    assert value(again, FIELD) == "3"
    assert status(again).startswith("Noted: 3.0 s")
    assert predict("Another question?", "seconds").predicted is None


@pytest.mark.parametrize(
    ("predicted", "measured", "said"),
    [
        (None, 1.25, "It is 1.2 s."),
        ("1.3", 1.25, "You predicted 1.3 s. It is 1.2 s. Close."),
        ("15", 1.25, "You predicted 15.0 s. It is 1.2 s. You expected 12 times as long."),
        ("1", 4.0, "You predicted 1.0 s. It is 4.0 s. That is 4 times as long as you expected."),
        ("1", 1.5, "You predicted 1.0 s. It is 1.5 s. You expected less."),
        ("0", 1.5, "You predicted 0 s. It is 1.5 s. You expected less."),
        ("2", 0, "You predicted 2.0 s. It is 0 s. You expected more."),
    ],
)
def test_seconds(predicted: str | None, measured: float, said: str) -> None:
    prediction = predict("How long?", "seconds")
    if predicted is not None:
        typed(prediction, predicted)
    assert repr(prediction.compare(measured)) == said
    assert status(prediction) == said
    assert said in displayed(prediction.compare(measured))["text/html"]


def test_of_a_trace_the_seconds_the_requests_and_the_answers_are_taken() -> None:
    trace = recorded(lambda: compare_models("What is Go?", MODELS), server_error={"What is Go?": 1})
    requests = predict("How many requests?", "requests")
    typed(requests, "3")
    assert repr(requests.compare(trace)) == f"You predicted 3 requests. {trace.requests} requests were sent. " + (
        "You expected less." if trace.requests < 6 else "That is 2 times as many as you expected."
    )
    assert trace.requests > 3
    answers = predict("How many answers?", "answers")
    typed(answers, "3")
    assert repr(answers.compare(trace)) == "You predicted 3 answers. You got 3 answers. Exactly."
    assert predict("How long?", "seconds").compare(trace).said.startswith("It took ")


def test_a_trace_of_nothing_is_no_request_and_no_answer() -> None:
    with watch() as nothing:
        pass
    prediction = predict("How many requests?", "requests")
    typed(prediction, "1")
    assert repr(prediction.compare(nothing)) == "You predicted 1 request. 0 requests were sent. You expected more."
    with pytest.raises(BadInput, match="cannot be compared"):
        predict("How long?", "seconds").compare(nothing)


@pytest.mark.parametrize(
    ("about", "number", "said"),
    [
        ("requests", estimate(["What is Go?"] * 3).calls, "It is 1 request."),
        ("requests", estimate(["What is Go?", "What is Rust?"]).calls, "It is 2 requests."),
        ("requests", 10_000, "It is 10,000 requests."),
        ("seconds", 120, "It is 2 min 0 s."),
    ],
)
def test_of_a_number_it_is_not_said_that_it_happened(about: Any, number: float, said: str) -> None:
    assert repr(predict("How many?", about).compare(number)) == said


def test_how_many_times_as_fast() -> None:
    async def one_by_one() -> None:
        for question in ("What is Go?", "What is Rust?", "What is Java?"):
            await ask_ai(question)

    slow = recorded(one_by_one)
    fast = recorded(lambda: async_multiple_calls(["What is Go?", "What is Rust?", "What is Java?"]))
    prediction = predict("How many times?", "times")
    two, one = slow.seconds / fast.seconds, sum(call.seconds or 0 for call in fast.calls) / fast.seconds
    assert repr(prediction.compare(slow, fast)) == f"It was {two:.1f} times as fast."
    assert repr(prediction.compare(fast)) == f"It was {one:.1f} times as fast."
    typed(prediction, "10x")
    assert repr(prediction.compare(9.5)) == "You predicted 10 times as fast. It was 9.5 times as fast. Close."


def test_an_order_is_that_of_the_ends() -> None:
    trace = recorded(lambda: compare_models("What is Go?", MODELS))
    ended = [call.model for call in sorted(trace.calls, key=lambda call: call.done or 0)]
    prediction = predict("In what order?", "order", of=MODELS)
    choose(prediction, "1.", ended[0])
    assert status(prediction) == "2 places to go."
    choose(prediction, "2.", ended[0])
    assert status(prediction).startswith(f"{ended[0]} stands there twice.")
    assert prediction.predicted is None
    choose(prediction, "2.", ended[1])
    choose(prediction, "3.", ended[2])
    assert status(prediction).startswith(f"Noted: {', then '.join(ended)}.")
    assert repr(prediction.compare(trace)).endswith("That is what you said.")
    assert repr(prediction.compare(ended[::-1])).endswith("Not what you said.")


def test_a_choice() -> None:
    prediction = predict("Who wins?", "choice", of=["always the same", "not always"])
    press(prediction, "always the same")
    assert status(prediction) == "Noted: always the same. Run the next cells and see."
    assert is_chosen(prediction, "always the same") and not is_chosen(prediction, "not always")
    assert repr(prediction.compare("not always")).endswith("What happened: not always. Not what you said.")


@pytest.mark.parametrize(
    ("about", "of", "happened"),
    [
        ("seconds", [], "soon"),
        ("seconds", [], -1),
        ("seconds", [], float("inf")),
        ("requests", [], float("nan")),
        ("requests", [], True),
        ("requests", [], 10**400),
        ("seconds", [], None),
        ("times", [], (1, 2)),
        ("order", ["a", "b"], ["a"]),
        ("order", ["a", "b"], ["a", "c"]),
        ("choice", ["a", "b"], "c"),
    ],
)
def test_what_cannot_be_compared_is_said(about: Any, of: list[str], happened: object) -> None:
    with pytest.raises(BadInput, match=r"cannot be compared with the prediction\. Give compare\(\)"):
        predict("?", about, of).compare(happened)


def test_bad_settings() -> None:
    with pytest.raises(BadInput, match="'minutes' cannot be predicted"):
        predict("How long?", "minutes")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no names"):
        predict("In what order?", "order")


def test_it_reads_well_without_a_front_end() -> None:
    prediction = predict("How many `requests` <b>are sent</b>?", "requests")
    assert repr(prediction) == "Your prediction: How many `requests` <b>are sent</b>?"
    assert "<code>requests</code> &lt;b&gt;" in markup(prediction)
    assert "a / b" in repr(predict("Which?", "choice", of=["a", "b"]))
