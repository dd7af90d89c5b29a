"""The mock API's Responses endpoint: held against the SDK's own types, and against chat completions."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from helpers import session, watch
from helpers.catalog import MODELS, cost
from helpers.mock_api import Faults, MockAPI, MockTransport, Reply
from helpers.mock_api import limits as limits_module
from helpers.session.state import state

ASK: dict[str, Any] = {"model": "gpt-6-luna", "input": "What is Go?"}
CHAT: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Go?"}]}
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def send(api: MockAPI, method: str = "POST", path: str = "/v1/responses", **asked: Any) -> Reply:
    body = json.dumps({**ASK, **asked}).encode() if path == "/v1/responses" else b""
    return api.handle(method, path, {"authorization": "Bearer any"}, body)


def content(reply: Reply) -> dict[str, Any]:
    return json.loads(b"".join(piece.data for piece in reply.pieces))


def chat(api: MockAPI, **asked: Any) -> Reply:
    body = json.dumps({**CHAT, **asked}).encode()
    return api.handle("POST", "/v1/chat/completions", {"authorization": "Bearer any"}, body)


def seconds(reply: Reply) -> float:
    return reply.before + sum(piece.wait for piece in reply.pieces)


def events(reply: Reply) -> list[dict[str, Any]]:
    """Those of a stream; each is named as its type."""
    found = []
    for event in b"".join(piece.data for piece in reply.pieces).decode().strip().split("\n\n"):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


@pytest.fixture
def client(api: MockAPI) -> Iterator[OpenAI]:
    with OpenAI(api_key="any", http_client=httpx2.Client(transport=MockTransport(api)), max_retries=0) as client:
        yield client


# ---- its shape, and what it says -----------------------------------------------------------------------------------

WAYS: list[dict[str, Any]] = [
    {},
    {"reasoning": {"effort": "high"}},
    {"max_output_tokens": 16},
    {"max_output_tokens": 16, "reasoning": {"effort": "high"}},
    {"instructions": "Be brief.", "metadata": {"who": "me"}, "store": False, "user": "me"},
    {"input": [{"role": "user", "content": [{"type": "input_text", "text": "What is Rust?"}]}]},
    {"model": "gpt-4o-mini"},
    {"background": True},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_body_is_what_the_sdk_says_it_is(api: MockAPI, way: dict[str, Any]) -> None:
    response = content(send(api, **way))
    Response.model_validate(response, strict=True)
    assert set(response) <= {*Response.model_fields, "store"}, "the service says that, too"
    told = events(send(api, **way, stream=True))
    for event in told:
        EVENTS.validate_python(event, strict=True)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert told[-1]["response"]["output"] == [] or told[-1]["type"] in ("response.completed", "response.incomplete")


def test_the_same_answer_usage_and_time_as_a_chat_completion(api: MockAPI) -> None:
    response, completion = content(send(api)), content(chat(api))
    assert response["output"][0]["content"][0]["text"] == completion["choices"][0]["message"]["content"]
    usage, other = response["usage"], completion["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (
        other["prompt_tokens"],
        other["completion_tokens"],
        other["total_tokens"],
    )
    slow = MockAPI(pace=1)
    for way in ({}, {"reasoning": {"effort": "high"}}):
        for stream in (False, True):
            mine = sorted(seconds(send(slow, **way, stream=stream)) for _ in range(15))[7]
            theirs = sorted(
                seconds(chat(slow, reasoning_effort=way.get("reasoning", {}).get("effort"))) for _ in range(15)
            )
            assert theirs[7] / 1.4 < mine < theirs[7] * 1.4


def test_a_stream_tells_how_the_response_comes_about(api: MockAPI) -> None:
    reply = send(api, stream=True, reasoning={"effort": "high"})
    told = [event["type"].removeprefix("response.") for event in events(reply)]
    assert told[:6] == [
        "created",
        "in_progress",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "content_part.added",
    ]
    assert told[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert set(told[6:-4]) == {"output_text.delta"}
    spoken = "".join(event.get("delta", "") for event in events(reply))
    last = events(reply)[-1]["response"]
    assert spoken == last["output"][-1]["content"][0]["text"]
    assert last["usage"]["output_tokens_details"]["reasoning_tokens"] > 100
    assert reply.before < 0.2 * sum(piece.wait for piece in reply.pieces[:4]), (
        "first words come later than the first event"
    )


def test_the_sdk_reads_streams_and_schemas_and_what_was_said_before(client: OpenAI) -> None:
    with client.responses.stream(**ASK) as stream:
        kinds = {event.type for event in stream}
        whole = stream.get_final_response()
    assert "response.output_text.delta" in kinds and whole.status == "completed"
    again = client.responses.create(
        model="gpt-6-luna", input="What is Rust?", previous_response_id=whole.id, instructions="Be brief."
    )
    alone = client.responses.create(model="gpt-6-luna", input="What is Rust?", instructions="Be brief.")
    assert again.output_text == alone.output_text and again.previous_response_id == whole.id
    assert whole.usage and again.usage and alone.usage
    assert again.usage.input_tokens > alone.usage.input_tokens + whole.usage.output_tokens, "all of it is read again"
    third = client.responses.create(model="gpt-6-luna", input="What is C?", previous_response_id=again.id)
    assert third.usage and third.usage.input_tokens > again.usage.input_tokens


def test_a_conversation_is_sent_as_it_came(client: OpenAI) -> None:
    first = client.responses.create(**ASK, reasoning={"effort": "high"})
    turns: list[Any] = [{"role": "user", "content": "What is Go?"}, *first.output]
    turns.append({"role": "user", "content": "What is Rust?"})
    again = client.responses.create(model="gpt-6-luna", input=turns)
    assert again.output_text == client.responses.create(model="gpt-6-luna", input="What is Rust?").output_text


# ---- effort --------------------------------------------------------------------------------------------------------


def test_more_effort_takes_longer_and_is_paid() -> None:
    api = MockAPI(pace=1)
    efforts = ["none", "low", "medium", "high", "xhigh", "max"]
    first, thought = [], []
    for effort in efforts:
        first.append(sorted(chat(api, reasoning_effort=effort, stream=True).before for _ in range(15))[7])
        usage = content(chat(api, reasoning_effort=effort))["usage"]
        thought.append(usage["completion_tokens_details"]["reasoning_tokens"])
        said = usage["completion_tokens"] - thought[-1]
        response = content(send(api, reasoning={"effort": effort}))["usage"]
        assert response["output_tokens_details"]["reasoning_tokens"] == thought[-1], "the same at both endpoints"
        assert response["output_tokens"] == usage["completion_tokens"]
        assert said == content(chat(api))["usage"]["completion_tokens"], "what is seen is the same"
    assert first == sorted(first) and len(set(first)) == 6
    assert thought[:3] == [0, 0, 0] and 100 < thought[3] < thought[4] < thought[5]


def test_the_default_is_medium(api: MockAPI) -> None:
    default, medium = MockAPI(pace=1), MockAPI(pace=1)
    assert content(chat(api))["usage"] == content(chat(api, reasoning_effort="medium"))["usage"]
    times = [
        sorted(seconds(chat(each, **way)) for _ in range(15))[7]
        for each, way in ((default, {}), (medium, {"reasoning_effort": "medium"}))
    ]
    assert times[0] == pytest.approx(times[1], rel=0.25)
    assert content(send(api))["reasoning"]["effort"] == "medium"


def test_where_no_effort_is_named_the_latency_is_the_catalogues() -> None:
    """The saved lessons show it: what is added here must not change it."""
    for model in MODELS.values():
        api, practice = MockAPI(pace=1), model.practice
        drawn = []
        for _ in range(25):
            reply = chat(api, model=model.name, stream=True)
            drawn.append((reply.before / practice.first_token, reply.pieces[2].wait * practice.tokens_per_second))
        for factors in zip(*drawn, strict=True):
            assert 0.85 < sorted(factors)[12] < 1.15, model.name
    api = MockAPI(seed=5, pace=1)
    assert [round(seconds(chat(api, model=name)), 3) for name in ("gpt-6-luna", "gpt-4o", "gpt-5")] == [
        0.971,
        1.168,
        2.68,
    ]


def test_all_that_was_allowed_can_be_used_up_by_thinking(api: MockAPI) -> None:
    completion = content(chat(api, reasoning_effort="high", max_completion_tokens=50))
    assert (
        completion["choices"][0]["message"]["content"] == "" and completion["choices"][0]["finish_reason"] == "length"
    )
    assert completion["usage"]["completion_tokens_details"]["reasoning_tokens"] == 50
    response = content(send(api, reasoning={"effort": "high"}, max_output_tokens=50))
    assert [item["type"] for item in response["output"]] == ["reasoning"]
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    last = events(send(api, reasoning={"effort": "high"}, max_output_tokens=50, stream=True))[-1]
    assert last["type"] == "response.incomplete"


@pytest.mark.parametrize(
    ("model", "effort", "says"),
    [
        ("gpt-6-luna", "minimal", "does not support 'minimal' with this model. Supported values are: 'none', 'low'"),
        ("gpt-5", "none", "does not support 'none'"),
        ("gpt-6-luna", "much", "does not support 'much'"),
        ("gpt-4o", "low", "is not supported with this model"),
        ("gpt-6-luna", 3, "Invalid type"),
    ],
)
def test_an_effort_that_a_model_does_not_have_is_refused(api: MockAPI, model: str, effort: Any, says: str) -> None:
    for reply, param in (
        (chat(api, model=model, reasoning_effort=effort), "reasoning_effort"),
        (send(api, model=model, reasoning={"effort": effort}), "reasoning.effort"),
    ):
        problem = content(reply)["error"]
        assert reply.status == 400 and says in problem["message"] and problem["param"] == param


# ---- in the background, and afterwards -----------------------------------------------------------------------------


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_in_the_background_it_is_asked_for_again_until_it_is_ready() -> None:
    time, api = FakeTime(), MockAPI(pace=1)
    api.clock = limits_module.Clock(1, time)
    first = content(send(api, background=True))
    path = f"/v1/responses/{first['id']}"
    states = [first["status"]]
    for _ in range(40):
        time.now += 0.1
        states.append(content(send(api, "GET", path))["status"])
    assert list(dict.fromkeys(states)) == ["queued", "in_progress", "completed"]
    assert 3 < states.index("completed") < 30
    ready = content(send(api, "GET", path))
    assert ready["output"] == content(send(MockAPI()))["output"] or ready["output"][0]["content"]
    assert send(api, "POST", f"{path}/cancel").status == 200
    assert content(send(api, "GET", path))["status"] == "completed", "what is ready stays so"


def test_the_events_of_one_in_the_background_can_be_taken_up_again(client: OpenAI) -> None:
    first = list(client.responses.create(**ASK, background=True, stream=True))[:8]
    name: str = first[0].response.id  # type: ignore[union-attr]
    rest = list(client.responses.retrieve(name, stream=True, starting_after=first[-1].sequence_number))
    assert [event.sequence_number for event in [*first, *rest]] == list(range(len(first) + len(rest)))
    assert rest[-1].type == "response.completed" and rest[-1].response.output_text
    again = list(client.responses.retrieve(name, stream=True))
    assert len(again) == len(first) + len(rest)
    with pytest.raises(openai.BadRequestError, match="Only a response that is made in the background"):
        client.responses.retrieve(client.responses.create(**ASK).id, stream=True)


def test_events_that_are_to_come_come_when_they_are_due() -> None:
    time, api = FakeTime(), MockAPI(pace=1)
    api.clock = limits_module.Clock(1, time)
    path = f"/v1/responses/{content(send(api, background=True))['id']}"
    waits = [sum(piece.wait for piece in send(api, "GET", f"{path}?stream=true").pieces)]
    time.now += 0.3
    waits.append(sum(piece.wait for piece in send(api, "GET", f"{path}?stream=true").pieces))
    time.now += 60
    waits.append(sum(piece.wait for piece in send(api, "GET", f"{path}?stream=true").pieces))
    assert waits[0] - waits[1] == pytest.approx(0.3) and waits[2] == 0


def test_what_is_cancelled_has_no_answer() -> None:
    time, api = FakeTime(), MockAPI(pace=1)
    api.clock = limits_module.Clock(1, time)
    path = f"/v1/responses/{content(send(api, background=True))['id']}"
    cancelled = content(send(api, "POST", f"{path}/cancel"))
    Response.model_validate(cancelled, strict=True)
    time.now += 60
    assert content(send(api, "GET", path)) == cancelled
    assert (cancelled["status"], cancelled["output"], cancelled["usage"]) == ("cancelled", [], None)


def test_what_was_kept_can_be_looked_up_and_deleted(client: OpenAI) -> None:
    kept = client.responses.create(**ASK)
    assert client.responses.retrieve(kept.id).output_text == kept.output_text
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(kept.id)
    client.responses.delete(kept.id)
    forgotten = client.responses.create(**ASK, store=False)
    for name in (kept.id, forgotten.id):
        with pytest.raises(openai.NotFoundError, match="not found"):
            client.responses.retrieve(name)
        with pytest.raises(openai.BadRequestError, match="Previous response with id") as error:
            client.responses.create(**ASK, previous_response_id=name)
        assert error.value.code == "previous_response_not_found"


# ---- what it refuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ({"input": None}, "missing_required_parameter", "'input'"),
        ({"input": 5}, "invalid_type", "expected a string or array of objects"),
        ({"input": []}, "empty_array", "empty array"),
        ({"input": ["Hi"]}, "invalid_type", "input[0]"),
        ({"input": [{"role": "boss", "content": "Hi"}]}, "invalid_value", "boss"),
        ({"input": [{"role": "user", "content": ["Hi"]}]}, "invalid_type", "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}, "invalid_value", "'input_text'"),
        ({"input": [{"type": "letter"}]}, "invalid_value", "letter"),
        ({"instructions": 5}, "invalid_type", "'instructions'"),
        ({"max_output_tokens": 1}, "integer_below_min_value", ">= 16"),
        ({"reasoning": "high"}, "invalid_type", "'reasoning'"),
        ({"background": True, "store": False}, "invalid_value", "Background mode"),
        ({"background": "yes"}, "invalid_type", "'background'"),
        ({"model": "gpt-99"}, "model_not_found", "gpt-99"),
        ({"input": "word " * 200_000}, "context_length_exceeded", "128000"),
    ],
)
def test_a_wrong_request_gets_what_the_service_would_say(api: MockAPI, asked: Any, code: str, says: str) -> None:
    problem = content(send(api, **asked))["error"]
    assert problem["code"] == code and says in problem["message"]


def test_faults_and_limits_strike_as_with_chat(api: MockAPI) -> None:
    api.reset(faults=Faults(server_error={"What is Go?": 1}, requests_per_minute=2))
    assert [send(api).status for _ in range(3)] == [500, 200, 429]
    api.reset(faults=Faults(refused="What is Go?"))
    assert content(send(api))["error"]["param"] == "input"


# ---- what the trace and the totals read ----------------------------------------------------------------------------


@pytest.fixture
def nothing_spent(connected: MockAPI) -> None:
    state.bills["practice"].reset()


@pytest.mark.usefixtures("nothing_spent")
def test_the_trace_and_the_totals_read_it_as_a_chat_completion() -> None:
    async def cell() -> None:
        async with AsyncOpenAI() as client:
            await client.responses.create(**ASK)
            async with client.responses.stream(**ASK) as stream:
                async for event in stream:
                    if event.type == "response.completed":
                        break

    with watch() as trace:
        asyncio.run(cell())
    assert [(call.model, call.question, call.outcome) for call in trace.calls] == [
        ("gpt-6-luna", "What is Go?", "ok")
    ] * 2
    assert trace.calls[0].completion_tokens == trace.calls[1].completion_tokens == 32
    spent = session.spent()
    assert (spent.answers, spent.unknown, spent.tokens) == (2, 0, trace.tokens)
    assert spent.cost == pytest.approx(trace.cost)


@pytest.mark.usefixtures("nothing_spent")
def test_what_is_made_in_the_background_is_counted_when_it_is_ready() -> None:
    async def cell() -> Any:
        async with AsyncOpenAI() as client:
            made = await client.responses.create(**ASK, background=True)
            before.append(session.spent())
            while made.status in ("queued", "in_progress"):
                made = await client.responses.retrieve(made.id)
            await client.responses.retrieve(made.id)
            other = await client.responses.create(**ASK, background=True)
            await client.responses.cancel(other.id)
            return made

    before: list[Any] = []
    with watch() as trace:
        made = asyncio.run(cell())
    assert (before[0].answers, before[0].unknown, before[0].cost) == (1, 1, 0)
    spent = session.spent()
    assert (spent.answers, spent.unknown) == (2, 1), "what was cancelled has told nothing"
    assert spent.tokens == made.usage.total_tokens
    assert spent.cost == pytest.approx(cost("gpt-6-luna", made.usage.input_tokens, made.usage.output_tokens))
    assert trace.calls[-2].model == "gpt-6-luna"
