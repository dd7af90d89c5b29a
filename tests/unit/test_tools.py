"""Tools, at both endpoints: which are called for a question, how ids are checked, what is said of what came back."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from helpers import watch
from helpers.mock_api import MockAPI, MockTransport, Reply

MODEL = "gpt-6-luna"
THREE = "What is the weather in Lisbon, Oslo and Nairobi?"
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}


def tool(name: str = "get_weather", parameters: Any = None, **more: Any) -> dict[str, Any]:
    """In the shape of the Responses API."""
    about = {"name": name, "description": f"For {name}", "parameters": parameters or PARAMETERS}
    return {"type": "function", **about, **more}


def nested(*tools: dict[str, Any]) -> list[dict[str, Any]]:
    """In the shape of chat completions."""
    return [{"type": "function", "function": {k: v for k, v in each.items() if k != "type"}} for each in tools]


@pytest.fixture
def client(api: MockAPI) -> Iterator[OpenAI]:
    with OpenAI(api_key="any", http_client=httpx2.Client(transport=MockTransport(api)), max_retries=0) as client:
        yield client


def chat(client: OpenAI, messages: list[Any], **asked: Any) -> Any:
    return client.chat.completions.create(
        **{"model": MODEL, "messages": messages, "tools": nested(tool()), "reasoning_effort": "none", **asked}
    )


def user(text: str = THREE) -> list[Any]:
    return [{"role": "user", "content": text}]


def cities(calls: Any) -> list[str]:
    return [json.loads(getattr(call, "function", call).arguments)["city"] for call in calls]


def send(api: MockAPI, path: str, **asked: Any) -> Reply:
    body = json.dumps({"model": MODEL, **asked}).encode()
    return api.handle("POST", path, {"authorization": "Bearer any"}, body)


# ---- the way there and back -----------------------------------------------------------------------------------------


def test_three_calls_at_once_and_an_answer_with_what_came_back(client: OpenAI) -> None:
    messages = user()
    choice = chat(client, messages).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    calls = choice.message.tool_calls
    assert cities(calls) == ["Lisbon", "Oslo", "Nairobi"]
    assert len({json.loads(call.function.arguments)["unit"] for call in calls}) == 1
    messages.append(choice.message)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": f"{nr} degrees"} for nr, call in enumerate(calls)]
    choice = chat(client, messages).choices[0]
    assert choice.finish_reason == "stop" and choice.message.tool_calls is None
    for nr, city in enumerate(("Lisbon", "Oslo", "Nairobi")):
        assert f"{city}: {nr} degrees" in choice.message.content


@pytest.mark.parametrize("remembered", [True, False])
def test_the_same_in_the_responses_api_while_it_thinks(client: OpenAI, remembered: bool) -> None:
    first = client.responses.create(model=MODEL, input=THREE, tools=[tool()], reasoning={"effort": "high"})  # type: ignore[list-item]
    calls = [item for item in first.output if item.type == "function_call"]
    assert first.output[0].type == "reasoning" and cities(calls) == ["Lisbon", "Oslo", "Nairobi"]
    results: list[Any] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"{nr} degrees"}
        for nr, call in enumerate(calls)
    ]
    if remembered:
        told = client.responses.create(model=MODEL, input=results, previous_response_id=first.id, tools=[tool()])  # type: ignore[list-item]
    else:
        told = client.responses.create(model=MODEL, input=[*user(), *first.output, *results], tools=[tool()])  # type: ignore[list-item]
    assert all(f"{city}: {nr} degrees" in told.output_text for nr, city in enumerate(cities(calls)))
    assert told.usage and first.usage and told.usage.input_tokens > first.usage.input_tokens


def test_arguments_may_be_written_anew_when_they_are_sent_back(client: OpenAI) -> None:
    """As pydantic-ai does."""
    first = client.responses.create(model=MODEL, input=THREE, tools=[tool()])  # type: ignore[list-item]
    items: list[Any] = user()
    for call in first.output:
        assert call.type == "function_call"
        arguments = json.dumps(json.loads(call.arguments), separators=(",", ":"))
        items.append({"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": arguments})
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": "21"})
    assert client.responses.create(model=MODEL, input=items, tools=[tool()]).output_text  # type: ignore[list-item]


def test_streams_tell_the_same_calls(client: OpenAI) -> None:
    whole = chat(client, user()).choices[0].message.tool_calls
    with client.chat.completions.stream(
        model=MODEL,
        messages=user(),
        tools=nested(tool()),  # type: ignore[arg-type]
        reasoning_effort="none",
    ) as stream:
        told = stream.get_final_completion().choices[0]
    assert told.finish_reason == "tool_calls" and told.message.tool_calls
    assert cities(told.message.tool_calls) == cities(whole)
    with client.responses.stream(model=MODEL, input=THREE, tools=[tool()]) as events:  # type: ignore[list-item]
        kinds = [event.type for event in events]
        assert cities(events.get_final_response().output) == cities(whole)
    assert kinds.count("response.function_call_arguments.done") == 3


def test_the_bodies_are_what_the_sdk_says_they_are(api: MockAPI) -> None:
    asked = {"messages": user(), "tools": nested(tool()), "reasoning_effort": "none"}
    ChatCompletion.model_validate_json(send(api, "/v1/chat/completions", **asked).pieces[0].data, strict=True)
    stream = b"".join(piece.data for piece in send(api, "/v1/chat/completions", **asked, stream=True).pieces)
    for line in stream.decode().strip().split("\n\n")[:-1]:
        ChatCompletionChunk.model_validate_json(line.removeprefix("data: "), strict=True)
    asked = {"input": THREE, "tools": [tool(strict=True)], "tool_choice": "required"}
    Response.model_validate_json(send(api, "/v1/responses", **asked).pieces[0].data, strict=True)
    stream = b"".join(piece.data for piece in send(api, "/v1/responses", **asked, stream=True).pieces)
    for event in stream.decode().strip().split("\n\n"):
        EVENTS.validate_python(json.loads(event.partition("\ndata: ")[2]), strict=True)


def test_what_is_called_takes_its_time_and_is_paid(api: MockAPI) -> None:
    slow = MockAPI(pace=1)
    body = {"input": THREE, "tools": [tool()]}
    reply = send(slow, "/v1/responses", **body)
    usage = json.loads(reply.pieces[0].data)["usage"]
    assert usage["output_tokens"] > 20
    streamed = send(slow, "/v1/responses", **body, stream=True)
    assert sum(piece.wait for piece in streamed.pieces) > 20 * 0.5 / 180
    plain = json.loads(send(api, "/v1/responses", input=THREE).pieces[0].data)["usage"]
    assert usage["input_tokens"] > plain["input_tokens"] + 10, "the tools are read, too"


@pytest.mark.usefixtures("connected")
def test_in_the_trace_each_round_has_its_question() -> None:
    async def cell() -> None:
        async with AsyncOpenAI() as client:
            first = await client.responses.create(model=MODEL, input=THREE, tools=[tool()])  # type: ignore[list-item]
            results: list[Any] = [
                {"type": "function_call_output", "call_id": call.call_id, "output": "21"}  # type: ignore[union-attr]
                for call in first.output
            ]
            await client.responses.create(model=MODEL, input=[*user(), *first.output, *results], tools=[tool()])  # type: ignore[list-item]

    with watch() as trace:
        asyncio.run(cell())
    assert [call.question for call in trace.calls] == [THREE, THREE]


# ---- which are called -----------------------------------------------------------------------------------------------


def called(client: OpenAI, question: str, tools: list[Any], **asked: Any) -> list[tuple[str, str]]:
    response = client.responses.create(model=MODEL, input=question, tools=tools, **asked)
    return [
        (item.name, next(iter(json.loads(item.arguments).values()), ""))
        for item in response.output
        if item.type == "function_call"
    ]


TEXT = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}


@pytest.mark.parametrize(
    ("question", "tools", "calls"),
    [
        ("What's the weather like in Paris today?", ["get_weather"], ["get_weather Paris"]),
        ("Compare the weather in Paris and New York", ["get_weather"], ["get_weather Paris", "get_weather New York"]),
        (
            "What should I pack for three days in Kyoto?",
            ["get_weather", "find_events", "exchange_rate"],
            ["get_weather Kyoto", "find_events Kyoto", "exchange_rate JPY"],
        ),
        ("Where is my order 1042?", ["look_up_order", "cancel_it"], ["look_up_order 1042"]),
        ("What is Go?", ["get_weather", "look_up_order"], []),
        ("Find the forecast", ["find_orders"], []),
    ],
)
def test_a_plan_or_a_rule_says_what_is_called(
    client: OpenAI, question: str, tools: list[str], calls: list[str]
) -> None:
    found = called(client, question, [tool(name, TEXT) for name in tools])
    assert [" ".join(each) for each in found] == calls


def test_a_dozen_questions_have_plans() -> None:
    from helpers.mock_api.plans import planned

    assert len({id(entry) for entry in planned().values()}) >= 12
    assert all(re.search(r":$", entry["answer"]) and entry["calls"] for entry in planned().values())


def test_the_choice_of_tools_is_kept_to(client: OpenAI) -> None:
    both = [tool("get_weather", TEXT), tool("get_time", TEXT)]
    assert called(client, "What is Go?", both) == []
    assert len(called(client, "What is Go?", both, tool_choice="required")) == 1
    assert called(client, THREE, both, tool_choice="none") == []
    named = {"type": "function", "name": "get_time"}
    assert [name for name, _ in called(client, THREE, both, tool_choice=named)] == ["get_time"]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [named]}
    assert [name for name, _ in called(client, THREE, both, tool_choice=allowed)] == ["get_time"]
    forced = chat(client, user("What is Go?"), tool_choice={"type": "function", "function": {"name": "get_weather"}})
    assert forced.choices[0].message.tool_calls and forced.choices[0].finish_reason == "stop"


def test_one_after_the_other_where_they_may_not_be_parallel(client: OpenAI) -> None:
    messages, seen = user(), []
    for _ in range(4):
        message = chat(client, messages, parallel_tool_calls=False).choices[0].message
        messages.append(message)
        for call in message.tool_calls or []:
            seen.append(cities([call])[0])
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "21"})
    assert seen == ["Lisbon", "Oslo", "Nairobi"] and message.content


def test_where_a_call_is_required_and_all_are_made_another_tool_is_called(client: OpenAI) -> None:
    """As frameworks do that have a tool for the final answer."""
    both: list[Any] = [tool(), tool("final_result", TEXT)]
    first = client.responses.create(model=MODEL, input=THREE, tools=both, tool_choice="required")
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "21"}  # type: ignore[union-attr]
        for call in first.output
    ]
    last: Any = client.responses.create(
        model=MODEL, input=[*user(), *first.output, *results], tools=both, tool_choice="required"
    )
    assert [item.name for item in last.output] == ["final_result"]


# ---- what is refused ------------------------------------------------------------------------------------------------


def refused(client: OpenAI, messages: list[Any], **asked: Any) -> str:
    with pytest.raises(openai.BadRequestError) as error:
        chat(client, messages, **asked)
    return str(error.value)


def test_a_chat_completion_takes_tools_without_reasoning_only(client: OpenAI) -> None:
    words = "Function tools with reasoning_effort are not supported for gpt-6-luna in /v1/chat/completions"
    assert words in refused(client, user(), reasoning_effort="low")
    assert words in refused(client, user(), reasoning_effort=None)
    for model in ("gpt-5", "gpt-4o"):
        assert chat(client, user(), model=model, reasoning_effort=None).choices[0].message.tool_calls


def test_the_ids_of_calls_are_checked(client: OpenAI) -> None:
    message = chat(client, user()).choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "21"}
    missing = refused(client, [*user(), message, result])
    assert "must be followed by tool messages responding to each 'tool_call_id'" in missing
    assert message.tool_calls[1].id in missing and message.tool_calls[0].id not in missing
    assert "did not have response messages" in refused(client, [*user(), message, *user("And now?")])
    assert "must be a response to a preceeding message" in refused(client, [*user(), result])
    assert "'messages[1].tool_call_id'" in refused(client, [*user(), {"role": "tool", "content": "21"}])

    def respond(*items: Any) -> str:
        with pytest.raises(openai.BadRequestError) as error:
            client.responses.create(model=MODEL, input=list(items))
        return str(error.value)

    output = {"type": "function_call_output", "call_id": "call_none", "output": "21"}
    call = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
    assert "No tool call found for function call output with call_id call_none." in respond(*user(), output)
    assert "No tool output found for function call call_1." in respond(*user(), call)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"tools": "weather"}, "Invalid type for 'tools'"),
        ({"tools": [tool()]}, "Missing required parameter: 'tools[0].function'"),
        ({"tools": [{"type": "custom", "custom": {"name": "it"}}]}, "of the type 'function' only"),
        ({"tools": nested(tool("get weather"))}, "Invalid 'tools[0].function.name': string does not match pattern"),
        ({"tools": nested(tool(parameters={"type": "object"}, strict=True))}, "Invalid schema for function"),
        ({"tools": None, "tool_choice": "required"}, "only allowed when 'tools' are specified"),
        ({"tool_choice": "always"}, "Invalid value: 'always'"),
        ({"tool_choice": {"type": "function", "function": {"name": "no"}}}, "Tool choice 'no' not found"),
        ({"parallel_tool_calls": "yes"}, "Invalid type for 'parallel_tool_calls'"),
    ],
)
def test_tools_that_are_none_are_refused(client: OpenAI, asked: dict[str, Any], says: str) -> None:
    assert says in refused(client, user(), **asked)


def test_the_shape_of_one_endpoint_is_refused_at_the_other(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"Missing required parameter: 'tools\[0\].name'"):
        client.responses.create(model=MODEL, input=THREE, tools=nested(tool()))  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError, match="of the type 'function' only"):
        client.responses.create(model=MODEL, input=THREE, tools=[{"type": "web_search"}])
