"""What people hand to a batch: asked rightly, or refused before anything is sent, with advice that works."""

import asyncio
import csv
import io
import json
import math
import os
import re
import sqlite3
from collections import namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from batch.service import ANSWERED, Service, run
from helpers import Answer, estimate, process_questions_batch
from helpers.errors import BadInput, WorkbookError

ASKED = ["What is Go?", "Explain Rust"]
Row = namedtuple("Row", ["nr", "text"])
TABLE = pd.DataFrame({"nr": [1, 2], "text": ASKED})


def refusal(questions: Any, **others: Any) -> str:
    service = Service()
    with pytest.raises(BadInput) as refused:
        run(service, questions, **others)
    assert not service.log, "nothing is sent"
    return str(refused.value)


# ---- rows in place of questions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: TABLE.to_dict("records"),
        lambda: [{"question": text, "note": "a longer text that nobody asks at all"} for text in ASKED],
        lambda: list(csv.DictReader(io.StringIO("nr,text\n1,What is Go?\n2,Explain Rust\n"))),
        lambda: csv.DictReader(io.StringIO("nr,text\n1,What is Go?\n2,Explain Rust\n")),
        lambda: list(csv.reader(io.StringIO("1,What is Go?\n2,Explain Rust\n"))),
        lambda: list(enumerate(ASKED)),
        lambda: enumerate(ASKED),
        lambda: [Row(1, ASKED[0]), Row(2, ASKED[1])],
        lambda: list(TABLE.itertuples()),
        lambda: TABLE.iterrows(),
        lambda: [row for _, row in TABLE.iterrows()],
        lambda: TABLE.to_numpy(),
        lambda: np.array([[text] for text in ASKED]),
        lambda: [ASKED],
        lambda: [[text] for text in ASKED],
    ],
)
def test_the_advice_gives_the_texts(make: Any) -> None:
    said = refusal(make())
    advice = re.search(r"questions=(.+?), where (rows|array) is what you gave here\.$", said)
    assert advice is not None, said
    assert list(eval(advice[1], {advice[2]: make()})) == ASKED
    with pytest.raises(BadInput):
        estimate(make())


def test_arrays_columns_and_sets_of_texts_are_asked() -> None:
    for questions in (np.array(ASKED), TABLE["text"], tuple(ASKED), dict.fromkeys(ASKED).keys(), iter(ASKED)):
        assert [row.question for row in run(Service(), questions)] == ASKED
    assert "no dimension" in refusal(np.array("What is Go?"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "column.dropna()"),
        (math.nan, "column.dropna()"),
        (7, "str(value)"),
        (b"What?", 'value.decode("utf-8")'),
        ({"content": "What?"}, "row['content']"),
    ],
)
def test_an_odd_row_among_questions_fails_with_advice(value: Any, words: str) -> None:
    first, odd = run(Service(), [ASKED[0], value])
    assert first.success and not odd.success and words in str(odd.error)


# ---- lists of messages -------------------------------------------------------------------------------------------

BRIEF = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is Go?"}]
TURNS = [*BRIEF, {"role": "assistant", "content": "A language."}, {"role": "user", "content": "By whom?"}]


class Keeping(Service):
    def __init__(self) -> None:
        super().__init__(lambda question, nth: ANSWERED)
        self.messages: list[Any] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.messages.append(json.loads(await request.aread())["messages"])
        return await super().handle_async_request(request)


def test_lists_of_messages_are_sent_as_they_are() -> None:
    service = Keeping()
    given = [BRIEF, TURNS, BRIEF, [{"role": "user", "content": "What is Go?"}], "What is Go?"]
    rows = run(service, given, max_concurrency=1)
    assert service.messages == [BRIEF, TURNS, given[3]], "each once; one message is the same as its text"
    assert [row.question for row in rows] == [
        "system: Be brief.\nuser: What is Go?",
        "system: Be brief.\nuser: What is Go?\nassistant: A language.\nuser: By whom?",
        "system: Be brief.\nuser: What is Go?",
        "What is Go?",
        "What is Go?",
    ]
    assert all(row.success for row in rows) and estimate(given).calls == 3


def test_instructions_go_before_them() -> None:
    service = Keeping()
    run(service, [TURNS[1:]], instructions="Be kind.")
    assert service.messages == [[{"role": "system", "content": "Be kind."}, *TURNS[1:]]]


def test_saved_conversations_are_not_asked_again(tmp_path: Path) -> None:
    first, second = Keeping(), Keeping()
    run(first, [BRIEF, TURNS], save_to=tmp_path / "answers.db")
    rows = run(second, [TURNS, BRIEF], save_to=tmp_path / "answers.db")
    assert second.messages == [] and all(row.success for row in rows)


def test_one_list_of_messages_is_no_list_of_questions() -> None:
    assert "Put it into brackets" in refusal(BRIEF)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "robot", "content": "Hi"}], "the role 'robot'"),
        ([{"content": "Hi"}, {"role": "user", "content": "Hi"}], "Message 1 has the role None"),
        ([{"role": "user"}], "Message 1 has no content"),
        ([{"role": "user", "content": ""}], "Message 1 has no content"),
    ],
)
def test_a_message_that_is_none_is_a_failed_row(messages: Any, words: str) -> None:
    odd, good = run(Service(), [messages, "What is Go?"])
    assert words in str(odd.error) and odd.attempts == 0 and good.success


# ---- options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temprature": 1}, "Did you mean temperature?"),
        ({"top_k": 5}, "'extra_body': {'top_k': 5}"),
        ({"temperature": "hot"}, "the SDK takes a number there"),
        ({"max_tokens": "5"}, "the SDK takes a whole number there"),
        ({"max_tokens": True}, "the SDK takes a whole number there"),
        ({"response_format": "json"}, "the SDK takes a dict there"),
        ({"tools": {}}, "the SDK takes a list there"),
        ({"store": "yes"}, "the SDK takes True or False there"),
        ({"system": "Be brief."}, "instructions="),
        ({"max_retries": 3}, "max_retries=3 beside"),
        ({"extra_body": {"n": 3}}, "'n'"),
        ({"extra_body": 5}, "no dict"),
        ({"temperature": math.nan}, "cannot be sent"),
        ({1: 2}, "names a parameter 1"),
        ([("temperature", 0)], "is a list"),
    ],
)
def test_options_that_the_sdk_does_not_have(options: Any, words: str) -> None:
    assert words in refusal(ASKED, options=options)


def test_what_another_service_has_goes_into_extra_body() -> None:
    bodies = []

    class Bodies(Service):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            bodies.append(json.loads(await request.aread()))
            return await super().handle_async_request(request)

    run(Bodies(), ["What is Go?"], options={"temperature": 0, "stop": ["."], "extra_body": {"top_k": 5}})
    assert bodies[0]["top_k"] == 5 and bodies[0]["temperature"] == 0 and "extra_body" not in bodies[0]


# ---- files to save to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["answers.csv", "answers.XLSX", "answers.json", "answers.parquet"])
def test_a_table_is_not_what_a_batch_saves_to(name: str, tmp_path: Path) -> None:
    said = refusal(ASKED, save_to=tmp_path / name)
    assert "is an SQLite file" in said and "save_to='answers.db'" in said and not list(tmp_path.iterdir())


def test_the_table_that_is_advised_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    advice = re.search(r"pd\.DataFrame.*\)", refusal(ASKED, save_to="answers.csv"))
    answers = run(Service(), ASKED, save_to="answers.db")
    assert advice is not None
    eval(advice[0], {"pd": pd, "answers": answers})
    assert len(pd.read_csv("answers.csv")) == 2


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    circle = tmp_path / "circle.db"
    circle.symlink_to(circle)
    for name in ("a\0b.db", "half \ud83d.db", "x" * 5000, circle, 7, b"bytes", tmp_path):
        with pytest.raises(WorkbookError):
            run(Service(), ASKED, save_to=name)
    assert circle.is_symlink()


def test_columns_of_the_wrong_type_are_no_answers(tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    run(Service(), ASKED, save_to=file)
    with sqlite3.connect(file) as opened:
        opened.execute("UPDATE answers SET answer = x'00ff' WHERE question = ?", ASKED[:1])
        opened.execute("UPDATE answers SET tokens = 'many', time = 'long', cost = 'x' WHERE question = ?", ASKED[1:])
    opened.close()
    service = Service()
    with pytest.warns(UserWarning, match="an answer that is no text"):
        rows = run(service, ASKED, save_to=file)
    assert service.asked == ASKED[:1], "only the one that has no text is asked again"
    assert [type(row.answer) for row in rows] == [str, str]
    assert rows[1].tokens is None and rows[1].time == 0 and rows[1].cost is None


# ---- a thousand generated inputs -----------------------------------------------------------------------------------

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from([10**400, 10**5000, -1, 0, 5e-324, math.inf, math.nan, Decimal("1.5"), np.float64("nan")]),
    st.sampled_from([object(), int, len, print, asyncio.Queue, np.array(5), np.array([[1]]), pd.NA, TABLE, Answer]),
    st.lists(st.one_of(st.text(max_size=5), st.none(), st.integers(), st.lists(st.text(max_size=3))), max_size=3),
    st.dictionaries(
        st.one_of(st.text(max_size=5), st.integers()), st.one_of(st.text(max_size=3), st.none()), max_size=3
    ),
)
NAMES = ("model", "instructions", "options", "client", "max_concurrency", "max_retries", "timeout", "deadline")
NAMES += ("requests_per_minute", "tokens_per_minute", "repeats", "save_to", "on_progress", "progress", "encoding")


def test_whatever_is_handed_in() -> None:
    """Only BadInput or WorkbookError, and before anything is sent; or it is a batch, whose rows say what is wrong."""
    service = Service()

    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(ODD, st.dictionaries(st.sampled_from(NAMES), ODD, max_size=3))
    def each(questions: Any, others: dict[str, Any]) -> None:
        if isinstance(others.get("save_to"), str | os.PathLike):
            del others["save_to"]  # it may be the name of a file
        service.log.clear()
        try:
            runner.run(process_questions_batch(questions, **{"client": client, "progress": False, **others}))
        except WorkbookError:
            assert not service.log

    with asyncio.Runner() as runner:
        client = runner.run(opened(service))
        each()
        runner.run(client.close())


async def opened(service: Service) -> AsyncOpenAI:
    return service.client()
