"""An ending is not an answer: what a batch and the calls of the lessons make of each way in which an answer ends."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from helpers import Answer, BadInput, CallFailed, ask_model, process_questions_batch, safe_api_call, stream_model, watch
from helpers.batch import Answers, progress
from helpers.batch.csv_file import write_table
from helpers.batch.run import OUTAGE
from helpers.batch.settings import Settings
from helpers.batch.store import Store
from helpers.errors import OUT_OF_CREDIT

from .service import ANSWERED, Service, ask, cost_of, run

pytestmark = pytest.mark.usefixtures("short_pauses")

MODEL = "gpt-6-luna"
CALL = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
USED = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def ending(finish_reason: str | None, content: Any = None, **message: Any) -> dict[str, Any]:
    """A chat completion that ends like that."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}}
    return {"choices": [{**choice, "finish_reason": finish_reason}], "usage": USED}


def problem(**error: Any) -> dict[str, Any]:
    return {"error": error}


class Ends(Service):
    """Says for each question what it is told to; and streams it where that is wanted."""

    def __init__(self, contents: dict[str, Any]) -> None:
        super().__init__()
        self.contents = contents

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().handle_async_request(request)
        asked = json.loads(await request.aread())
        content = self.contents.get(asked["messages"][-1]["content"])
        if content is None:
            return answer
        if not asked.get("stream"):
            return httpx2.Response(200, json=content)
        events = content if isinstance(content, list) else list(as_events(content))
        text = "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=text)


def as_events(completion: dict[str, Any]) -> Any:
    """A completion as a stream: its message in one chunk, its end in the next, then what was used."""
    if "choices" in completion:
        for choice in completion["choices"]:
            yield {"choices": [{"index": 0, "delta": choice["message"], "finish_reason": None}]}
            yield {"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
        yield {"choices": [], "usage": completion.get("usage")}
    else:
        yield completion
    yield "[DONE]"


NO_ANSWERS = {
    "filtered": (ending("content_filter"), "ContentFiltered", 'finish_reason "content_filter": '),
    "filtered, an empty text": (ending("content_filter", ""), "ContentFiltered", "filter kept the answer back"),
    "filtered, in another's word": (ending("SAFETY", ""), "ContentFiltered", 'finish_reason "SAFETY": '),
    "refused": (ending("stop", refusal="I cannot help with that."), "ModelRefused", "I cannot help with that."),
    "refused, beside a text": (ending("stop", "Well", refusal="No."), "ModelRefused", "refused to answer: No."),
    "refused, as a part": (ending("stop", [{"type": "refusal", "refusal": "No!"}]), "ModelRefused", "answer: No!"),
    "refused, in another's word": (ending("refusal", ""), "ModelRefused", 'finish_reason "refusal": '),
    "filtered, at Bedrock": (ending("guardrail_intervened"), "ContentFiltered", "filter kept the answer back"),
    "filtered, at Gemini": (ending("FINISH_REASON_IMAGE_SAFETY", ""), "ContentFiltered", "IMAGE_SAFETY"),
    "filtered, at Cohere": (ending("ERROR_TOXIC", ""), "ContentFiltered", "filter kept the answer back"),
    "a tool that went wrong": (ending("MALFORMED_FUNCTION_CALL"), "NoAnswer", "wants a function to be called"),
    "out of time": (ending("time_limit", "So far"), "NoAnswer", "broke off its answer"),
    "incomplete": (ending("incomplete", "So far"), "NoAnswer", "broke off its answer"),
    "all tokens, in another's word": (ending("token_limit", ""), "NoAnswer", "all tokens that were allowed were used"),
    "a tool": (ending("tool_calls", tool_calls=[CALL]), "NoAnswer", "the model wants look_up to be called"),
    "a tool, and stop": (ending("stop", "", tool_calls=[CALL]), "NoAnswer", "the model wants look_up to be called"),
    "a function": (ending("function_call", function_call={"name": "f"}), "NoAnswer", "the model wants f to be called"),
    "all tokens for thinking": (ending("length", ""), "NoAnswer", "all tokens that were allowed were used up"),
    "nothing": (ending("stop"), "NoAnswer", "no answer to a question (its answer has no text)"),
    "nothing, and no reason": (ending(None, ""), "NoAnswer", "no answer to a question"),
    "white space": (ending("stop", " \n\t\u3000"), "NoAnswer", "its answer has no text"),
    "no parts": (ending("stop", []), "NoAnswer", "its answer has no text"),
    "only thoughts": (ending("stop", [{"type": "thinking", "thinking": []}]), "NoAnswer", "its answer has no text"),
    "broken off": (ending("error", "So far"), "NoAnswer", "broke off its answer"),
    "an error of unknown kind": (problem(message="The GPU is on fire"), None, "The GPU is on fire. "),
    "an error as a text": ({"error": "no healthy upstream"}, None, "no healthy upstream. "),
}
WHOLE_ONLY = {
    "a dict": (ending("stop", {"text": "Yes."}), "NoAnswer", "its answer has no text"),
    "a number": (ending("stop", 42), "NoAnswer", "its answer has no text"),
    "no choice": ({"choices": [], "usage": USED}, "NoAnswer", "its list of choices is empty"),
    "choices: null": ({"choices": None}, "NoAnswer", "its list of choices is empty"),
    "a detail": ({"detail": [{"msg": "model is loading"}]}, "ErrorSent", "model is loading"),
    "a message": ({"object": "error", "message": "model is loading"}, "ErrorSent", "model is loading"),
    "a choice with an error": (
        {"choices": [{"message": {"content": ""}, "finish_reason": "error", "error": {"message": "Upstream is gone"}}]},
        "ErrorSent",
        "Upstream is gone",
    ),
    "in a gateway's own way": (
        {"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}},
        "ErrorSent",
        "login fail",
    ),
}
ALL = {**NO_ANSWERS, **WHOLE_ONLY}
# the error says itself what status it should have had
WITH_STATUS = {
    "by its code": (problem(message="Slow down", code=429), "RateLimitError"),
    "by its code, a text": (problem(message="Gone", code="502"), "InternalServerError"),
    "by its name": (problem(message="No such model", code="model_not_found"), "NotFoundError"),
    "by its type": (problem(message="Bad", type="invalid_request_error", code=None), "BadRequestError"),
    "in a choice": (
        {"choices": [{"message": {"content": ""}, "error": {"code": 502, "message": "Gone"}}]},
        "InternalServerError",
    ),
}
WHOLE = {
    "stop": (ending("stop", "Yes."), "Yes."),
    "another's word for it": (ending("eos", "Yes."), "Yes."),
    "no reason at all": (ending(None, "Yes."), "Yes."),
    "parts": (ending("stop", [{"type": "text", "text": "Y"}, {"type": "text", "text": "es."}]), "Yes."),
    "parts, with thoughts": (
        ending("stop", [{"type": "thinking", "thinking": [{"text": "Hm"}]}, {"type": "text", "text": "Yes."}]),
        "Yes.",
    ),
    "an error that is none": ({**ending("stop", "Yes."), "error": None}, "Yes."),
    "an empty error": ({**ending("stop", "Yes."), "error": {"code": "", "message": ""}}, "Yes."),
}
CUT = {
    "length": (ending("length", "It is a langu"), "cut at the token limit"),
    "another's word": (ending("MAX_TOKENS", "It is a langu"), "cut at the token limit"),
    "with more before it": (ending("FINISH_REASON_MAX_TOKENS", "It is a langu"), "cut at the token limit"),
    "in words": (ending(" Max Tokens ", "It is a langu"), "cut at the token limit"),
    "of the model": (ending("token_limit", "It is a langu"), "cut at the token limit"),
    "by a guardrail": (ending("guardrail_intervened", "It is a langu"), "cut by the service's filter"),
    "for a tool, in another's word": (
        ending("unexpected_tool_call", "It is a"),
        "left off for a function to be called",
    ),
    "a filter": (ending("content_filter", "It is a langu"), "cut by the service's filter"),
    "a tool": (ending("tool_calls", "Let me see.", tool_calls=[CALL]), "left off for a function to be called"),
}


class Ours(AsyncOpenAI):
    """The batch sends by this one in the SDK's usual way."""


def batch(content: Any, kind: type[AsyncOpenAI] = AsyncOpenAI, **settings: Any) -> Answers:
    service = Ends({"odd": content})

    async def main() -> Answers:
        async with service.client(kind) as client:
            return await process_questions_batch(["good", "odd"], client=client, **settings)

    return asyncio.run(main())


def by(call: Callable[..., Any], content: Any, *more: Any) -> Any:
    """One of the lessons' calls."""

    async def main() -> Any:
        async with Ends({"odd": content}).client() as client:
            first = [client, "odd"] if call is safe_api_call else [client, MODEL, "odd"]
            return await call(*first, *more)

    return asyncio.run(main())


# ---- no answer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AsyncOpenAI, Ours])
@pytest.mark.parametrize("name", ALL)
def test_in_a_batch_it_is_a_failed_row(name: str, kind: type[AsyncOpenAI]) -> None:
    content, error_type, says = ALL[name]
    answers = batch(content, kind)
    good, odd = answers
    assert good.success and good.answer
    assert (odd.success, odd.answer, odd.error_type) == (False, None, error_type or "ErrorSent")
    assert says in str(odd.error) and str(odd.error).endswith(".")
    assert (odd.attempts, odd.incomplete) == (1, False)
    assert (answers.summary.succeeded, answers.summary.incomplete) == (1, 0)
    assert answers.summary.failed == {error_type or "ErrorSent": 1}


@pytest.mark.parametrize("name", ALL)
def test_a_call_fails_with_it(name: str) -> None:
    content, error_type, says = ALL[name]
    with pytest.raises(CallFailed) as raised:
        by(ask_model, content)
    assert says in str(raised.value) and raised.value.attempts == 1 and raised.value.time > 0
    answer = by(safe_api_call, content)
    assert (answer.success, answer.answer, answer.error_type) == (False, None, error_type or "ErrorSent")
    assert says in str(answer.error)


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_stream_fails_with_it(name: str) -> None:
    content, _, says = NO_ANSWERS[name]
    if content.get("choices", [{}])[0].get("finish_reason", "") is None:
        says = "broke off"  # in a stream that is how it breaks off
    with pytest.raises(CallFailed) as raised:
        by(stream_model, content, lambda text: None)
    assert says.strip() in str(raised.value)


def test_what_was_paid_for_no_answer_is_told() -> None:
    answers = batch(ending("content_filter"))
    answer, call = answers[1], by(safe_api_call, ending("content_filter"))
    for each in (answer, call):
        assert (each.finish_reason, each.tokens, each.prompt_tokens, each.completion_tokens) == (
            "content_filter", 8, 5, 3,
        )  # fmt: skip
        assert each.cost and each.cost > 0
    assert answers.summary.cost == pytest.approx(cost_of("good") + answer.cost)
    assert answers.summary.tokens == sum(each.tokens for each in answers)


@pytest.mark.parametrize("name", WITH_STATUS)
def test_an_error_with_status_200_is_the_error_that_it_says(name: str) -> None:
    content, error_type = WITH_STATUS[name]
    with pytest.raises(CallFailed) as raised:
        by(ask_model, content)
    assert type(raised.value.__cause__).__name__ == error_type
    service = Ends({"odd": content})
    answers = run(service, ["odd"], max_retries=2)
    assert (answers[0].success, answers[0].error_type) == (False, error_type)
    is_tried_again = error_type in ("RateLimitError", "InternalServerError")
    assert len(service.asked) == (3 if is_tried_again else 1)
    assert answers.summary.refused == (3 if error_type == "RateLimitError" else 0)


@pytest.mark.parametrize("name", OUT_OF_CREDIT)
def test_out_of_credit_with_status_200_stops_it(name: str) -> None:
    questions = [f"Question number {number}?" for number in range(50)]
    content = problem(message="No more.", code=name.upper())
    service = Ends(dict.fromkeys(questions, content))
    answers = run(service, questions, max_concurrency=5)
    assert len(service.asked) == 5 and OUT_OF_CREDIT[name][0] in str(answers.summary.stopped)
    with pytest.raises(CallFailed, match=r"No more\. (Your|Nobody pays)"):
        by(ask_model, content)


@pytest.mark.parametrize("levels", [20, 200])
def test_an_error_with_status_200_many_levels_deep(levels: int) -> None:
    content: Any = "No."
    for _ in range(levels):
        content = {"error": [content]}
    answers = batch(content)
    assert answers[1].error_type in ("ErrorSent", "APIResponseValidationError") and answers.summary.stopped is None


def test_what_is_no_completion_at_all_points_to_the_address() -> None:
    answers = batch({"hello": "world"})
    assert answers[1].error_type == "APIResponseValidationError" and "base URL" in str(answers[1].error)


def test_a_service_that_never_answers_stops_the_batch() -> None:
    questions = [f"Question number {number}?" for number in range(2 * OUTAGE)]
    service = Ends({question: ending("content_filter") for question in questions})
    answers = run(service, questions, max_concurrency=5)
    assert OUTAGE <= len(service.asked) < OUTAGE + 5
    assert "filter kept the answer back" in str(answers.summary.stopped)


# ---- streams -----------------------------------------------------------------------------------------------------


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([chunk(content="It is"), chunk(content=" a")], "broke off"),  # it just ends
        ([chunk(content="It is"), "[DONE]"], "broke off"),
        ([chunk(content="It is"), chunk(""), "[DONE]"], "broke off"),
        ([chunk(content="It is"), problem(message="Out of memory")], "Out of memory"),
        ([chunk(content="It is"), {"error": "Out of memory"}], "Out of memory"),
        ([chunk(content="It is"), {"choices": [{"delta": {}, "error": {"message": "Gone"}}]}], "Gone"),
        ([problem(message="Out of memory")], "Out of memory"),
        ([chunk(refusal="I cannot"), chunk("stop", refusal=" do that."), "[DONE]"], "I cannot do that."),
        ([chunk(tool_calls=[{"index": 0, **CALL}]), chunk("tool_calls"), "[DONE]"], "wants look_up to be called"),
        ([chunk(content="It is"), chunk("error"), "[DONE]"], "broke off its answer"),
        ([{"choices": [], "usage": USED}, "[DONE]"], "no answer to a question"),
    ],
)
def test_a_stream_without_a_good_end_fails(events: list[Any], says: str) -> None:
    texts: list[str] = []
    with pytest.raises(CallFailed) as raised:
        by(stream_model, events, texts.append)
    assert says in str(raised.value)
    assert texts in (["It is"], ["It is", "It is a"], [])


@pytest.mark.parametrize("content", [ending("stop", "Yes."), ending("stop", [{"type": "text", "text": "Yes."}])])
def test_a_stream_that_comes_as_one_piece_is_an_answer(content: dict[str, Any]) -> None:
    texts: list[str] = []

    class InOnePiece(Ends):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await Service.handle_async_request(self, request)
            return httpx2.Response(200, json=content)

    async def main() -> Answer:
        async with InOnePiece({}).client() as client:
            return await stream_model(client, MODEL, "odd", texts.append)

    answer = asyncio.run(main())
    assert (answer.answer, answer.finish_reason, texts) == ("Yes.", "stop", ["Yes."])
    content = problem(message="Nobody is at home")
    with pytest.raises(CallFailed, match="Nobody is at home"):
        asyncio.run(main())


# ---- answers, whole and cut --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_is_one(name: str) -> None:
    content, text = WHOLE[name]
    reason = content["choices"][0]["finish_reason"]
    answers = batch(content)
    found = [answers[1], by(ask_model, content)]
    if reason:
        found.append(by(stream_model, content, lambda text: None))
    for answer in found:
        assert (answer.success, answer.answer, answer.finish_reason, answer.incomplete) == (True, text, reason, False)
        assert answer.tokens == 8
    assert answers.summary.incomplete == 0 and "cut" not in str(answers.summary)


@pytest.mark.parametrize("name", CUT)
def test_a_cut_answer_is_marked(name: str) -> None:
    content, says = CUT[name]
    reason = content["choices"][0]["finish_reason"]
    answers = batch(content)
    for answer in (answers[1], by(ask_model, content), by(stream_model, content, lambda text: None)):
        assert (answer.success, answer.incomplete, answer.finish_reason) == (True, True, reason)
        assert answer.answer == content["choices"][0]["message"]["content"]
    assert (answers.summary.succeeded, answers.summary.incomplete) == (2, 1)
    assert f"1 answer was {says} (finish_reason {reason})" in str(answers.summary).splitlines()


def test_cut_answers_are_counted_by_row() -> None:
    cut = ending("length", "It is")
    answers = run(Ends({"a": cut, "b": cut}), ["a", "b", "a", "c"])
    assert answers.summary.incomplete == 3 and answers.summary.cut_by == {"length": 3}
    assert "3 answers were cut at the token limit (finish_reason length)" in str(answers.summary).splitlines()


def test_the_file_of_answers_has_the_reason() -> None:
    table = write_table(batch(ending("length", "It is"))).decode("utf-8-sig").splitlines()
    assert table[0].endswith(",success,error,error_type,finish_reason")
    assert table[2].endswith(",True,,,length")


# ---- saved answers -----------------------------------------------------------------------------------------------


class Limited(Service):
    """A model whose answers have as many words as their question says; a limit of tokens cuts them."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await super().handle_async_request(request)
        asked = json.loads(await request.aread())
        words = ["word"] * int(asked["messages"][-1]["content"].split()[0])
        limit = asked.get("max_completion_tokens", asked.get("max_tokens", 20))
        said, is_cut = words[:limit], len(words) > limit
        usage = {"prompt_tokens": 1, "completion_tokens": len(said), "total_tokens": 1 + len(said)}
        content = ending("length" if is_cut else "stop", " ".join(said))
        return httpx2.Response(200, json={**content, "usage": usage})


FEW = ["3 words", "10 words", "30 words"]


def asked_for(service: Service, file: Path, **options: Any) -> tuple[list[str], Answers]:
    """What is sent for the same questions, and what comes of it."""
    before = len(service.asked)
    answers = run(service, FEW, save_to=file, options=options)
    return sorted(service.asked[before:]), answers


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_with_more_tokens_only_what_was_cut_is_asked_again(name: str, tmp_path: Path) -> None:
    service, file = Limited(), tmp_path / "answers.db"
    assert asked_for(service, file, **{name: 5})[0] == sorted(FEW)
    assert asked_for(service, file, **{name: 5})[0] == [], "the same call pays for nothing twice"
    sent, answers = asked_for(service, file, **{name: 15})
    assert sent == ["10 words", "30 words"]
    assert [answer.incomplete for answer in answers] == [False, False, True] and answers.summary.saved == 1
    sent, answers = asked_for(service, file, **{name: 100})
    assert sent == ["30 words"] and answers.summary.incomplete == 0
    assert [len(str(answer.answer).split()) for answer in answers] == [3, 10, 30]
    assert asked_for(service, file, **{name: 100})[0] == []
    assert asked_for(service, file)[0] == [], "without a limit they are whole as well"


def test_what_the_service_itself_cuts_is_asked_again_with_a_limit_of_ones_own(tmp_path: Path) -> None:
    service, file = Limited(), tmp_path / "answers.db"
    assert asked_for(service, file)[1].summary.incomplete == 1
    assert asked_for(service, file)[0] == []
    assert asked_for(service, file, max_completion_tokens=50)[0] == ["30 words"]
    assert asked_for(service, file)[1].summary.incomplete == 0, "the whole one is there by now"


def test_with_fewer_tokens_what_would_be_cut_is_asked_again(tmp_path: Path) -> None:
    service, file = Limited(), tmp_path / "answers.db"
    asked_for(service, file, max_tokens=100)
    sent, answers = asked_for(service, file, max_tokens=5)
    assert sent == ["10 words", "30 words"]
    assert [len(str(answer.answer).split()) for answer in answers] == [3, 5, 5]


def test_other_options_are_another_job_still(tmp_path: Path) -> None:
    service, file = Limited(), tmp_path / "answers.db"
    asked_for(service, file, max_tokens=5, seed=1)
    assert asked_for(service, file, max_tokens=100, seed=2)[0] == sorted(FEW)


def test_what_is_no_answer_is_not_saved(tmp_path: Path) -> None:
    file, contents = tmp_path / "answers.db", {"odd": ending("content_filter")}
    service = Ends(contents)
    run(service, ["good", "odd"], save_to=file)
    contents.clear()
    assert all(answer.success for answer in run(service, ["good", "odd"], save_to=file))
    assert sorted(service.asked) == ["good", "odd", "odd"]


def of_version_1(file: Path, limit: int | None, saved: dict[str, str | None]) -> None:
    """A file as it was before answers had a `finish_reason`."""
    options = {} if limit is None else {"max_tokens": limit}
    job = json.dumps(Settings(MODEL, options=options).job("127.0.0.1/v1"), sort_keys=True, ensure_ascii=False)
    with closing(sqlite3.connect(file)) as database:
        database.executescript(f"""
            PRAGMA application_id = {int.from_bytes(b"AMCW", "big")}; PRAGMA user_version = 1;
            CREATE TABLE jobs (id INTEGER PRIMARY KEY, job TEXT NOT NULL UNIQUE);
            CREATE TABLE answers (
                job INTEGER NOT NULL REFERENCES jobs (id), question TEXT NOT NULL, model TEXT NOT NULL, answer TEXT,
                tokens INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, time REAL NOT NULL,
                queued REAL NOT NULL, attempts INTEGER NOT NULL, cost REAL,
                saved_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), PRIMARY KEY (job, question)
            );
            PRAGMA journal_mode = WAL;
        """)
        database.execute("INSERT INTO jobs (job) VALUES (?)", (job,))
        rows = [(each, MODEL, text, len((text or "").split())) for each, text in saved.items()]
        insert = "INSERT INTO answers VALUES (1, ?, ?, ?, 9, 1, ?, 1.5, 0.5, 1, 0.25, '2026-01-01T00:00:00Z')"
        database.executemany(insert, rows)
        database.commit()


def test_a_file_of_the_version_before_keeps_its_answers(tmp_path: Path) -> None:
    service, file = Limited(), tmp_path / "answers.db"
    of_version_1(file, 5, {"3 words": "one two three", "10 words": "1 2 3 4 5", "30 words": None})
    sent, answers = asked_for(service, file, max_tokens=5)
    assert sent == ["30 words"], "an empty answer is none"
    assert [answer.answer for answer in answers[:2]] == ["one two three", "1 2 3 4 5"]
    assert (answers[0].finish_reason, answers[0].cost, answers[0].time) == (None, 0.25, 1.5)
    assert asked_for(service, file, max_tokens=5)[0] == [], "the empty one was replaced"
    assert asked_for(service, file, max_tokens=50)[0] == ["10 words", "30 words"], "what may have been cut"
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
        assert database.execute("SELECT count(*) FROM answers WHERE saved_at LIKE '2026-01-01%'").fetchone()[0] >= 2


def test_a_file_of_the_version_before_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    of_version_1(file, None, {"3 words": "one two three"})
    with Store(file, {"model": "any"}), pytest.raises(Exception, match="Another batch is writing"):
        Store(file, {"model": "any"})
    with Store(file, Settings(MODEL).job("127.0.0.1/v1")) as store:
        assert store.saved("3 words") == Answer(
            "3 words", MODEL, "one two three", 9, 1, 3, time=1.5, queued=0.5, attempts=1, cost=0.25
        )


# ---- what is handed in -------------------------------------------------------------------------------------------


def clients(service: Service) -> dict[str, Any]:
    closed = service.client()
    asyncio.run(closed.close())
    sync = OpenAI(api_key="any", base_url="http://127.0.0.1/v1", http_client=httpx2.Client(transport=Sync(service)))
    azure = openai.AzureOpenAI(api_key="any", azure_endpoint="http://127.0.0.1", api_version="2026-01-01")
    return {
        "sync": sync,
        "sync, Azure's": azure,
        "a text": "canary-key",
        "a class": AsyncOpenAI,
        "a sync class": OpenAI,
        "closed": closed,
        "the module": openai,
        "a part of it": service.client().chat.completions,
        "HTTP": httpx2.AsyncClient(),
    }


class Sync(httpx2.BaseTransport):
    def __init__(self, service: Service) -> None:
        self.service = service

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.service.log.append(("anything", "sent"))
        return httpx2.Response(200, json=ending("stop", "Yes."))


@pytest.mark.parametrize("name", ["None", *clients(Service())])
def test_a_client_that_cannot_be_awaited_is_refused_before_anything_is_sent(name: str) -> None:
    service = Service()
    client: Any = {"None": None, **clients(service)}[name]
    calls: list[Callable[[], Any]] = [
        lambda: ask_model(client, MODEL, "What?"),
        lambda: stream_model(client, MODEL, "What?", lambda text: None),
    ]
    if client is not None:  # there a batch takes its own
        calls.append(lambda: process_questions_batch(["What?"] * 300, client=client))
    with watch() as trace:
        for call in calls:
            with pytest.raises(BadInput) as raised:
                asyncio.run(call())
            assert "client" in raised.value.happened and raised.value.what_to_do
            assert "canary" not in str(raised.value), "a key that was handed in is not shown"
        answer = asyncio.run(safe_api_call(client, "What?"))
    assert (answer.success, answer.error_type, answer.attempts) == (False, "BadInput", 0)
    assert not service.asked and not trace.requests


async def async_function(value: object) -> None: ...


def generator(value: object) -> Any:
    yield value


class AsyncCallable:
    async def __call__(self, value: object) -> None: ...


UNCALLABLE = {
    "a text": "print",
    "a number": 3,
    "a list": [],
    "async": async_function,
    "async, as a method": AsyncCallable().__call__,
    "async, as an object": AsyncCallable(),
    "a generator": generator,
    "no parameter": lambda: None,
    "two parameters": lambda one, two: None,
    "by name only": lambda *, answer: None,
}


@pytest.mark.parametrize("name", ["None", *UNCALLABLE])
def test_what_cannot_be_called_with_one_value_is_refused_before_anything_is_sent(name: str) -> None:
    service, function = Service(), UNCALLABLE.get(name)

    async def stream() -> None:
        async with service.client() as client:
            await stream_model(client, MODEL, "What?", function)  # type: ignore[arg-type]

    with pytest.raises(BadInput, match="`show`") as raised:
        asyncio.run(stream())
    assert raised.value.what_to_do
    if function is not None:
        with pytest.raises(BadInput, match="`on_progress`"):
            run(service, ["What?"], on_progress=function)
    assert not service.asked


@pytest.mark.parametrize("function", [[].append, print, lambda *all: None, lambda answer, more=1: None, str, set().add])
def test_what_can_be_called_with_one_value_is_taken(function: Any) -> None:
    assert run(Service(), ["What?"], on_progress=function)[0].success


# ---- what a batch tells of itself --------------------------------------------------------------------------------


class Slow(Service):
    async def wait(self, question: str) -> None:
        await asyncio.sleep(0.05)


@pytest.mark.usefixtures("shown_at_once")
def test_a_stopped_batch_leaves_its_bar_where_it_stood(capsys: pytest.CaptureFixture[str]) -> None:
    questions = [f"Question number {number}?" for number in range(50)]
    service = Slow(lambda question, nth: "401" if questions.index(question) >= 10 else ANSWERED)
    summary = run(service, questions, max_concurrency=5, progress=True).summary
    last = capsys.readouterr().err.split("\r")[-1]
    tried = len(set(service.asked))
    assert 10 < tried < 20
    assert f"{tried}/50" in last and "100%" not in last and "left" not in last
    assert f"failed={tried - 10}," in last and f"not done={50 - tried}" in last
    assert f"{10 / summary.seconds:,.1f} answers/s" in last
    assert summary.failures == {"AuthenticationError": tried - 10} and summary.finished == tried
    lines = str(summary).splitlines()
    assert f"Failed: {tried - 10} AuthenticationError" in lines and f"Not sent: {50 - tried} questions" in lines


@pytest.mark.usefixtures("shown_at_once")
def test_the_bar_the_summary_and_the_picture_say_the_same_seconds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Store.close

    def slow_close(self: Store) -> None:  # what comes after the last answer, and before the first question
        time.sleep(0.2)
        close(self)

    monkeypatch.setattr(Store, "close", slow_close)

    def late() -> Any:
        time.sleep(0.2)
        yield from (f"Question number {number}?" for number in range(5))

    with watch() as trace:
        summary = run(Slow(), late(), progress=True, save_to=tmp_path / "answers.db").summary
    assert summary.seconds == pytest.approx(trace.seconds, abs=0.1)
    assert f"[{progress.duration(summary.seconds)}, " in capsys.readouterr().err.split("\r")[-1]


@pytest.mark.usefixtures("shown_at_once")
def test_the_bar_counts_what_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    batch(ending("length", "It is"), progress=True)
    assert "cut=1" in capsys.readouterr().err.split("\r")[-1]


def test_it_says_what_one_would_choose_by() -> None:
    kinds = {("odd", 1): "429", ("odd", 2): "429"}
    service = Service(lambda question, nth: kinds.get((question, nth), ANSWERED))
    answers = run(service, ["good", "odd"])
    summary = answers.summary
    assert (summary.requests_per_answer, summary.refused) == (2.0, 2)
    lines = str(summary).splitlines()
    assert "Sent: 4 requests, 2 retries among them, 2 refused (429: too many at once)" in lines
    assert any("2.00 requests sent for each answer" in line for line in lines)
    assert "ideal" not in str(summary) and summary.share_of_limit is None and "Pace" not in str(summary)


def test_the_share_of_a_limit_is_told_where_one_is_known() -> None:
    questions = [f"Question number {number}?" for number in range(20)]
    summary = run(Service(), questions, requests_per_minute=6000).summary
    assert summary.share_of_limit is not None and 0 < summary.share_of_limit <= 1
    (pace,) = [line for line in str(summary).splitlines() if line.startswith("Pace: ")]
    share = f"{summary.share_of_limit:.0%}"
    assert pace == f"Pace: 6,000 requests a minute (the limit that you gave); {share} of it was used"


def test_an_interrupted_batch_tells_the_seconds_of_what_was_sent() -> None:
    async def main() -> Any:
        service = Slow(lambda question, nth: "hanging")
        with watch() as trace:
            answers = await ask(service, ["a", "b", "c"], max_concurrency=2, deadline=0.2)
        return answers.summary, trace

    summary, trace = asyncio.run(main())
    assert summary.seconds == pytest.approx(trace.seconds, abs=0.1)
    assert "Failed" not in str(summary) and "Not sent: 1 question" in str(summary)
