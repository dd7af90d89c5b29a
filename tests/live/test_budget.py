"""The budget of a session: it is never passed by more than what is in flight, whatever sends the calls."""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

import helpers
from helpers import WorkbookError, account, ask_ai, compare_models, connect, stream_model, watch
from helpers.batch import last_batch, process_questions_as_completed, process_questions_batch
from helpers.catalog import cost
from helpers.errors import BudgetReached
from helpers.mock_api.exchange import Piece, Reply
from helpers.session.state import state
from helpers.wire.totals import LIKELY
from live.conftest import KEY
from live.service import Odd, Service, broken_off, chunk, completion, cut, event, refuses, says, streams

Start = Callable[..., Service]
MODEL = "gpt-6-luna"
CHEAP = {"prompt_tokens": 1_000, "completion_tokens": 1_800, "total_tokens": 2_800}
PRICE = 0.001  # USD; of a call that used so much
GUESS = cost(MODEL, 16, LIKELY) or 0.0  # about what is reckoned for a call in flight

assert round(cost(MODEL, 1_000, 1_800) or 0, 9) == PRICE


def messages(question: str = "Q") -> Any:
    return [{"role": "user", "content": question}]


def answered(usage: Mapping[str, Any] | None = CHEAP, question: str = "Q") -> dict[str, Odd]:
    return {question: says(200, completion("A", usage))}


def late(odd: Odd, seconds: float = 0.3) -> Odd:
    def reply(key: str) -> Reply:
        plain = odd(key)
        return Reply(seconds, plain.status, plain.headers, plain.pieces, plain.ending)

    return reply


@pytest.fixture
def begin(start: Start, capsys: pytest.CaptureFixture[str]) -> Callable[..., Service]:
    """Goes live with a budget, at a service that gives these answers."""

    def begin(odd: Mapping[str, Odd], budget: float = 0.01) -> Service:
        service = start(odd)
        os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=KEY)
        connect(live=True, budget=budget)
        capsys.readouterr()
        return service

    return begin


def used() -> float:
    return state.bills["live"].spent.cost


def until_it_is_used_up(call: Callable[[], object], most: int = 300) -> int:
    """How many calls went through."""
    for number in range(most):
        try:
            call()
        except Exception as error:
            says_so(error)
            return number
    raise AssertionError(f"{most} calls went through, {used():.4f} USD")


def says_so(error: BaseException) -> None:
    """The budget is what stopped it, and it is said in words, whatever the SDK has made of it."""
    chain, each = [], error
    while each is not None:
        chain.append(each)
        each = each.__cause__ or each.__context__  # type: ignore[assignment]
    assert any("budget" in str(each) for each in chain), repr(error)
    assert isinstance(error, WorkbookError), f"a learner reads {error!r}"


# ---- whatever sends the calls ------------------------------------------------------------------------------------


def plain() -> None:
    with OpenAI() as client:
        client.chat.completions.create(model=MODEL, messages=messages())


def asynchronous() -> None:
    async def main() -> None:
        async with AsyncOpenAI() as client:
            await client.chat.completions.create(model=MODEL, messages=messages())

    asyncio.run(main())


def module_level() -> None:
    openai.chat.completions.create(model=MODEL, messages=messages())


def by_helper() -> None:
    asyncio.run(ask_ai("Q"))


def many_by_helper() -> None:
    helpers.sync_multiple_calls(["Q"])


def raw() -> None:
    with OpenAI() as client:
        client.chat.completions.with_raw_response.create(model=MODEL, messages=messages())


@pytest.mark.parametrize("call", [plain, asynchronous, module_level, by_helper, many_by_helper, raw])
def test_one_by_one_it_is_used_up_and_no_more(begin: Callable[..., Service], call: Callable[[], None]) -> None:
    service = begin(answered())
    assert until_it_is_used_up(call) == 10
    assert len(service.asked()) == 10 and used() == pytest.approx(0.01)
    for other in (plain, by_helper, module_level):
        with pytest.raises(Exception, match="budget"):
            other()
    assert len(service.asked()) == 10


def test_what_is_free_goes_on(begin: Callable[..., Service]) -> None:
    service = begin(answered())
    until_it_is_used_up(by_helper)
    with OpenAI() as client:
        assert client.models.list().data and client.models.retrieve(MODEL).id == MODEL
    assert "Budget: 0.01 USD, 0.01" in str(account())
    assert len(service.asked()) == 10


async def gathered(calls: int, ask: Callable[[int], Any]) -> list[Any]:
    return await asyncio.gather(*(ask(number) for number in range(calls)), return_exceptions=True)


def test_two_hundred_at_once(begin: Callable[..., Service]) -> None:
    """What is in flight is reckoned with before it has come back."""
    service = begin({"Q": late(says(200, completion("A", {"prompt_tokens": 20, "completion_tokens": LIKELY})))})

    async def main() -> list[Any]:
        return await gathered(200, lambda number: ask_ai("Q"))

    results = asyncio.run(main())
    sent = len(service.asked())
    assert 100 < sent <= 0.01 / GUESS + 1
    assert sum(isinstance(result, str) for result in results) == sent
    assert {type(result) for result in results if not isinstance(result, str)} == {BudgetReached}
    assert used() <= 0.01 + 2 * GUESS


def test_two_hundred_at_once_by_plain_code(begin: Callable[..., Service]) -> None:
    service = begin({"Q": late(says(200, completion("A", {"prompt_tokens": 20, "completion_tokens": LIKELY})))})

    async def main() -> list[Any]:
        async with AsyncOpenAI() as client:
            return await gathered(200, lambda number: client.chat.completions.create(model=MODEL, messages=messages()))

    results = asyncio.run(main())
    assert 100 < len(service.asked()) <= 0.01 / GUESS + 1
    for result in results:
        if isinstance(result, BaseException):
            says_so(result)


def test_answers_that_cost_more_than_was_reckoned(begin: Callable[..., Service]) -> None:
    """Then it is passed by what was in flight, and nothing more is sent."""
    service = begin(answered())

    async def main() -> None:
        limit = asyncio.Semaphore(5)

        async def ask(number: int) -> str:
            async with limit:
                return await ask_ai("Q")

        await gathered(60, ask)

    asyncio.run(main())
    assert 10 <= len(service.asked()) <= 14
    assert used() <= 0.01 + 4 * PRICE + 1e-9


def test_threads(begin: Callable[..., Service]) -> None:
    service = begin({"Q": late(says(200, completion("A", {"prompt_tokens": 20, "completion_tokens": LIKELY})))}, 0.0005)
    barrier = threading.Barrier(15)

    def ask() -> bool:
        with OpenAI() as client:
            barrier.wait()
            try:
                client.chat.completions.create(model=MODEL, messages=messages())
            except Exception as error:
                says_so(error)
                return False
            return True

    with ThreadPoolExecutor(15) as pool:
        done = [each.result() for each in [pool.submit(ask) for _ in range(15)]]
    assert sum(done) == len(service.asked()) <= 0.0005 / GUESS + 1


# ---- streams -----------------------------------------------------------------------------------------------------

LONG = [chunk(f"word{number} ") for number in range(400)]


def take(pieces: int | None, **options: Any) -> Callable[[], None]:
    """Reads so many pieces of a stream, and leaves it."""

    def call() -> None:
        with openai.chat.completions.create(model=MODEL, messages=messages(), stream=True, **options) as stream:
            for number, _ in enumerate(stream):
                if pieces is not None and number >= pieces:
                    break

    return call


def test_a_stream_that_tells_its_usage(begin: Callable[..., Service]) -> None:
    service = begin({"Q": streams(chunk("A"), chunk("", CHEAP), "data: [DONE]\n\n")})
    assert until_it_is_used_up(take(None, stream_options={"include_usage": True})) == 10
    assert len(service.asked()) == 10


@pytest.mark.parametrize("written", [("data: ", "data:"), ("\n", "\r\n")], ids=["no blank", "other lines"])
def test_a_stream_that_is_written_otherwise(begin: Callable[..., Service], written: tuple[str, str]) -> None:
    text = "".join((chunk("A"), chunk("", CHEAP), "data: [DONE]\n\n"))
    begin({"Q": streams(text.replace(*written))})
    with watch() as trace:
        assert until_it_is_used_up(take(None, stream_options={"include_usage": True})) == 10
    assert [call.outcome for call in trace.calls[:10]] == ["ok"] * 10, "it came to its end"


def test_a_stream_that_tells_no_usage_is_reckoned_by_its_pieces(begin: Callable[..., Service]) -> None:
    service = begin({"Q": streams(*LONG, "data: [DONE]\n\n")}, 0.002)
    assert 8 <= until_it_is_used_up(take(None)) <= 12
    assert len(service.asked()) <= 12
    assert "whose cost is not known" in str(account())


def test_a_stream_that_is_left(begin: Callable[..., Service]) -> None:
    service = begin({"Q": streams(*LONG, "data: [DONE]\n\n")}, 0.001)
    assert until_it_is_used_up(take(1)) <= 0.001 / GUESS + 1
    assert len(service.asked()) <= 0.001 / GUESS + 1


def test_a_stream_that_breaks_off(begin: Callable[..., Service]) -> None:
    service = begin({"Q": broken_off(streams(*LONG[:200]))}, 0.001)

    for _ in range(25):
        with suppress(openai.APIError, httpx2.TransportError, WorkbookError):
            take(None)()
    assert 2 < len(service.asked()) <= 0.001 / GUESS + 1


def test_a_stream_in_which_an_error_comes(begin: Callable[..., Service]) -> None:
    service = begin({"Q": streams(*LONG, 'data: {"error": {"message": "out of memory"}}\n\n')}, 0.001)
    for _ in range(15):
        with suppress(openai.APIError, WorkbookError):
            take(None)()
    assert 2 < len(service.asked()) <= 7


def test_streams_that_are_cancelled(begin: Callable[..., Service]) -> None:
    def slow(key: str) -> Reply:
        pieces = tuple(Piece(0.02, piece.encode()) for piece in LONG[:50])
        return Reply(0.0, 200, {"content-type": "text/event-stream"}, pieces)

    service = begin({"Q": slow}, 0.0005)

    async def ask() -> None:
        async with AsyncOpenAI(max_retries=0) as client:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.08):
                    await stream_model(client, MODEL, "Q", lambda text: None)

    assert until_it_is_used_up(lambda: asyncio.run(ask()), 40) <= 0.0005 / GUESS + 1
    assert len(service.asked()) <= 0.0005 / GUESS + 1


# ---- what is sent again ------------------------------------------------------------------------------------------


def test_the_sdks_own_retries_stop_too(begin: Callable[..., Service]) -> None:
    """Answers that get lost may have been paid."""
    service = begin({"Q": broken_off(says(200, completion("A", CHEAP), content_length="5000"))}, 0.0005)

    def call() -> None:
        with OpenAI(max_retries=50) as client, suppress(openai.APIConnectionError):
            client.chat.completions.create(model=MODEL, messages=messages())

    with pytest.raises(Exception, match="budget"):
        for _ in range(3):
            call()
    assert 2 < len(service.asked()) <= 0.0005 / GUESS + 1


def test_a_refusal_costs_nothing(begin: Callable[..., Service]) -> None:
    service = begin({"Q": refuses(400)}, 0.0001)
    for _ in range(20):
        with pytest.raises(WorkbookError, match="400"):
            asyncio.run(ask_ai("Q"))
    assert len(service.asked()) == 20 and used() == 0


# ---- the batch ---------------------------------------------------------------------------------------------------

QUESTIONS = [f"Q{number}" for number in range(60)]


def test_a_batch_stops_and_keeps_what_it_has(begin: Callable[..., Service]) -> None:
    service = begin({question: says(200, completion("A", CHEAP)) for question in QUESTIONS})
    answers = asyncio.run(process_questions_batch(QUESTIONS, max_concurrency=5, progress=False))
    sent = len(service.asked())
    assert 10 <= sent <= 14
    assert answers.summary.succeeded == sent and len(answers) == 60
    missing = [answer for answer in answers if not answer.success]
    assert all("budget" in (answer.error or "") for answer in missing)
    assert "connect(live=True, budget=" in (missing[0].error or "")


def test_a_batch_goes_on_with_a_higher_budget(begin: Callable[..., Service], tmp_path: Any) -> None:
    service = begin({question: says(200, completion("A", CHEAP)) for question in QUESTIONS[:20]})
    file = tmp_path / "kept.db"
    first = asyncio.run(process_questions_batch(QUESTIONS[:20], save_to=file, max_concurrency=2, progress=False))
    connect(live=True, budget=0.1)
    second = asyncio.run(process_questions_batch(QUESTIONS[:20], save_to=file, max_concurrency=2, progress=False))
    assert 10 <= first.summary.succeeded < 20 and second.summary.succeeded == 20
    assert sorted(service.asked()) == sorted(QUESTIONS[:20]), "each was sent, and paid, once"


def test_answers_as_they_come(begin: Callable[..., Service]) -> None:
    service = begin({question: says(200, completion("A", CHEAP)) for question in QUESTIONS})

    async def main() -> int:
        return sum([answer.success async for answer in process_questions_as_completed(QUESTIONS, max_concurrency=3)])

    assert asyncio.run(main()) == len(service.asked()) <= 12
    assert last_batch().summary.succeeded <= 12


def test_models_beside_each_other(begin: Callable[..., Service]) -> None:
    service = begin(answered(), 0.0015)
    rows = [asyncio.run(compare_models("Q")) for _ in range(3)]
    failed = [answer for row in rows for answer in row if not answer.success]
    assert failed and all("budget" in (answer.error or "") for answer in failed)
    assert len(service.asked()) + len(failed) == 9


# ---- modes, and other budgets ------------------------------------------------------------------------------------


def test_practice_mode_does_not_make_it_new(begin: Callable[..., Service]) -> None:
    service = begin(answered())
    until_it_is_used_up(by_helper)
    connect()
    for _ in range(3):
        by_helper()
    connect(live=True)
    with pytest.raises(BudgetReached):
        by_helper()
    assert len(service.asked()) == 10


@pytest.mark.parametrize("how", [{}, {"budget": 0.01}, {"budget": 0.005}])
def test_another_connect_keeps_it(begin: Callable[..., Service], how: dict[str, Any]) -> None:
    service = begin(answered())
    until_it_is_used_up(by_helper)
    connect(live=True, **how)
    with pytest.raises(BudgetReached):
        by_helper()
    assert len(service.asked()) == 10


def test_another_service_does_not_make_it_new(begin: Callable[..., Service], start: Start) -> None:
    begin(answered())
    until_it_is_used_up(by_helper)
    another = start(answered())
    os.environ["MY_SERVICE_KEY"] = KEY
    connect(live=True, base_url=another.url, key_from="MY_SERVICE_KEY")
    with pytest.raises(BudgetReached):
        by_helper()
    assert not another.asked()


def test_a_higher_budget_goes_on(begin: Callable[..., Service], capsys: pytest.CaptureFixture[str]) -> None:
    service = begin(answered())
    until_it_is_used_up(by_helper)
    connect(live=True, budget=0.015)
    assert "Budget: 0.01500 USD, 0.01" in capsys.readouterr().out
    assert until_it_is_used_up(by_helper) == 5
    connect(live=True, budget=float("inf"))
    for _ in range(5):
        by_helper()
    assert len(service.asked()) == 20


def test_a_lower_budget_holds_at_once(begin: Callable[..., Service]) -> None:
    service = begin(answered(), 1.0)
    by_helper()
    connect(live=True, budget=0.0005)
    with pytest.raises(BudgetReached):
        by_helper()
    assert len(service.asked()) == 1


def test_what_is_advised_works(begin: Callable[..., Service]) -> None:
    begin(answered())
    until_it_is_used_up(by_helper)
    with pytest.raises(BudgetReached) as reached:
        by_helper()
    advice = str(reached.value).rsplit("allow more: ", 1)[1].rstrip(".")
    eval(advice, {"connect": connect})
    by_helper()


def test_a_check_of_an_exercise_uses_none(begin: Callable[..., Service]) -> None:
    service = begin(answered(), 0.0001)

    async def answer_a_list(questions: list[str]) -> list[str]:
        return await asyncio.gather(*map(ask_ai, questions))

    async def main() -> Any:
        return await helpers.open_exercise("answer_a_list").check(answer_a_list)

    assert asyncio.run(main()).outcome == "passed"
    assert not service.asked() and used() == 0


def test_the_practice_bill_is_another(begin: Callable[..., Service]) -> None:
    connect()
    by_helper()
    begin(answered())
    assert used() == 0
    by_helper()
    assert used() == pytest.approx(PRICE)


# ---- what an answer used -----------------------------------------------------------------------------------------

REASONING = {
    "told beside": {**CHEAP, "completion_tokens_details": {"reasoning_tokens": 1_500}},
    "only in the total": {"prompt_tokens": 1_000, "completion_tokens": 300, "total_tokens": 2_800},
    "without a total": {"prompt_tokens": 1_000, "completion_tokens": 1_800},
    "with a total that is too small": {"prompt_tokens": 1_000, "completion_tokens": 1_800, "total_tokens": 5},
}


@pytest.mark.parametrize("usage", REASONING.values(), ids=REASONING)
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_paid(begin: Callable[..., Service], usage: dict[str, Any], stream: bool) -> None:
    whole, streamed = says(200, completion("A", usage)), streams(chunk("A"), chunk("", usage), "data: [DONE]\n\n")
    service = begin({"Q": cut(streamed, 200) if stream else whole})
    call = take(None, stream_options={"include_usage": True}) if stream else by_helper
    assert until_it_is_used_up(call) == 10
    assert len(service.asked()) == 10


OTHERWISE: dict[str, Any] = {
    "input and output": {"input_tokens": 1_000, "output_tokens": 1_800, "total_tokens": 2_800},
    "no total": {"input_tokens": 1_000, "output_tokens": 1_800},
    "the answer left out": {"prompt_tokens": 1_000, "total_tokens": 2_800},
    "the prompt left out": {"completion_tokens": 1_800, "total_tokens": 2_800},
}


@pytest.mark.parametrize("usage", OTHERWISE.values(), ids=OTHERWISE)
def test_what_is_told_in_other_words_is_paid_too(begin: Callable[..., Service], usage: dict[str, Any]) -> None:
    service = begin(answered(usage))
    assert until_it_is_used_up(by_helper) == 10 == len(service.asked())


@pytest.mark.parametrize("length", [1, 30_000])
@pytest.mark.parametrize("stream", [False, True])
def test_the_responses_api_is_on_the_bill(begin: Callable[..., Service], stream: bool, length: int) -> None:
    """The last event of its streams has the whole answer in it, also what looks like a usage, and no [DONE] follows."""
    text = '"usage": {"input_tokens": 0} ' + "A" * length
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    usage = {**OTHERWISE["input and output"], "output_tokens_details": {"reasoning_tokens": 1_500}}
    answer = {"id": "r", "object": "response", "created_at": 1, "model": MODEL, "output": [message], "usage": usage}
    first = {"type": "response.created", "response": {**answer, "output": [], "usage": None}}
    last = {"type": "response.completed", "response": {**answer, "user": None, "metadata": {}}}
    events = streams(*(f"event: {each['type']}\n{event(each)}" for each in (first, last)))
    service = begin({"/v1/responses": cut(events, 4_000) if stream else says(200, answer)})

    def call() -> None:
        with OpenAI() as client:
            if stream:
                list(client.responses.create(model=MODEL, input="Q", stream=True))
            else:
                client.responses.create(model=MODEL, input="Q")

    with watch() as trace:
        assert until_it_is_used_up(call) == 10
    assert {(each.question, each.completion_tokens) for each in trace.calls[:10]} == {("Q", 1_800)}
    assert sum(came.path == "/v1/responses" for came in service.came) == 10
    assert "not known" not in str(account()).replace("Rate limits: not known", "")


def test_embeddings_are_on_the_bill(begin: Callable[..., Service]) -> None:
    """They tell no tokens of an answer."""
    amount = round(PRICE / (cost(MODEL, 1_000_000, 0) or 1) * 1_000_000)
    vector = {"object": "embedding", "index": 0, "embedding": [0.5] * 20_000}
    content = {"object": "list", "model": MODEL, "data": [vector]}
    begin({"/v1/embeddings": says(200, {**content, "usage": {"prompt_tokens": amount, "total_tokens": amount}})})

    def call() -> None:
        with OpenAI() as client:
            client.embeddings.create(model=MODEL, input="Q", encoding_format="float")

    assert until_it_is_used_up(call) == 10


def test_several_answers_to_one_question_are_paid(begin: Callable[..., Service]) -> None:
    begin(answered({**CHEAP, "completion_tokens": 5 * 1_800, "total_tokens": 10_000}))

    def call() -> None:
        with OpenAI() as client:
            client.chat.completions.create(model=MODEL, messages=messages(), n=5)

    assert until_it_is_used_up(call) == 3


NO_USAGE: dict[str, Any] = {
    "none": None,
    "empty": {},
    "nothing in it": {"prompt_tokens": None, "completion_tokens": None},
    "nonsense": {"prompt_tokens": "many", "completion_tokens": -5},
    "half": {"prompt_tokens": 10},
    "fractions": {"prompt_tokens": 1.5, "completion_tokens": 2.5},
}


@pytest.mark.parametrize("usage", NO_USAGE.values(), ids=NO_USAGE)
def test_what_tells_no_usage_is_guessed(begin: Callable[..., Service], usage: Any) -> None:
    service = begin(answered(usage), 0.0005)
    assert 3 <= until_it_is_used_up(module_level, 30) <= 0.0005 / GUESS + 1
    assert len(service.asked()) <= 0.0005 / GUESS + 1 and used() == 0
    assert "whose cost is not known" in str(account())


def test_a_price_that_is_not_known_is_said_once(
    begin: Callable[..., Service], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = begin(answered(), 0.0001)
    monkeypatch.setattr("helpers.session.live.access.is_here", lambda url: False)  # as it is with a service elsewhere
    for _ in range(5):
        for model in ("llama-of-somebody", "another"):
            asyncio.run(ask_ai("Q", model=model))
    said = capsys.readouterr().out
    assert said.count("The price of llama-of-somebody is not known here, so the budget does not count its calls.") == 1
    assert said.count("The price of another is not known here") == 1
    connect(live=True)
    asyncio.run(ask_ai("Q", model="another"))
    assert "The price" not in capsys.readouterr().out, "it was said before"
    assert len(service.asked()) == 11


UNKNOWN_COST: dict[str, Callable[[OpenAI], Any]] = {
    "/v1/audio/transcriptions": lambda client: client.audio.transcriptions.create(model=MODEL, file=b"sound"),
    "/v1/files": lambda client: client.files.create(file=b"{}", purpose="batch"),
    "/v1/batches": lambda client: client.batches.create(
        input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h"
    ),
}


@pytest.mark.parametrize("path", UNKNOWN_COST)
def test_a_call_that_names_no_model_is_said_to_be_of_unknown_cost(
    path: str, begin: Callable[..., Service], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin({path: says(200, {"id": "1", "object": "file", "text": "A"})})
    monkeypatch.setattr("helpers.session.live.access.is_here", lambda url: False)
    with OpenAI() as client:
        for _ in range(2):
            UNKNOWN_COST[path](client)
    said = f"What a call of {path} costs is not known here, so the budget does not count it."
    assert capsys.readouterr().out.count(said) == 1
    assert "2 calls whose cost is not known" in str(account())


def test_a_service_here_costs_nothing_to_speak_of(
    begin: Callable[..., Service], capsys: pytest.CaptureFixture[str]
) -> None:
    begin(answered(), 0.0001)
    asyncio.run(ask_ai("Q", model="llama3.2"))
    assert "price" not in capsys.readouterr().out
