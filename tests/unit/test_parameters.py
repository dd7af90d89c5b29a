"""The mock API honours or refuses each parameter of the SDK's `create` methods, or says why nothing shows."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.resources import Embeddings
from openai.resources.chat import Completions
from openai.resources.responses import Responses
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from helpers.catalog import MODELS, UNLISTED, cost, find_model
from helpers.mock_api import MockAPI, Reply
from helpers.mock_api.parameters import CHAT, EMBEDDING_PARAMETERS, RESPONSES, Parameters

QUESTION = "What is Go?"
CHAT_PATH, RESPONSES_PATH, EMBEDDINGS_PATH = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
BODIES: dict[str, dict[str, Any]] = {
    CHAT_PATH: {"model": "gpt-4o", "messages": [{"role": "user", "content": QUESTION}]},
    RESPONSES_PATH: {"model": "gpt-4o", "input": QUESTION},
    EMBEDDINGS_PATH: {"model": "text-embedding-3-small", "input": QUESTION},
}
ENDPOINTS: list[tuple[str, Callable[..., Any], Parameters]] = [
    (CHAT_PATH, Completions.create, CHAT),
    (RESPONSES_PATH, Responses.create, RESPONSES),
    (EMBEDDINGS_PATH, Embeddings.create, EMBEDDING_PARAMETERS),
]
OF_THE_CLIENT = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}


def send(api: MockAPI, path: str, **asked: Any) -> Reply:
    body = json.dumps({**BODIES[path], **asked}).encode()
    return api.handle("POST", path, {"authorization": "Bearer any"}, body)


def content(reply: Reply) -> dict[str, Any]:
    return json.loads(b"".join(piece.data for piece in reply.pieces))


def error(reply: Reply) -> tuple[int, str | None, str]:
    problem = content(reply)["error"]
    return reply.status, problem["code"], problem["message"]


# ---- none is ignored in silence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "create", "parameters"), ENDPOINTS, ids=lambda each: each if type(each) is str else ""
)
def test_each_parameter_of_the_sdk_stands_in_one_list(path: str, create: Any, parameters: Parameters) -> None:
    lists = [parameters.honoured, frozenset(parameters.silent), frozenset(parameters.without)]
    assert sum(map(len, lists)) == len(frozenset.union(*lists)), "one of them stands in two lists"
    assert frozenset.union(*lists) == set(inspect.signature(create).parameters) - OF_THE_CLIENT
    assert all(silent.why for silent in parameters.silent.values())


ODD = {"odd": ["value"]}  # no parameter takes it


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, _, parameters in ENDPOINTS for name in sorted(parameters.without)]
)
def test_what_an_endpoint_does_without_is_refused(api: MockAPI, path: str, name: str) -> None:
    status, code, message = error(send(api, path, **{name: ODD}))
    assert (status, code) == (400, "unsupported_parameter") and f"'{name}'" in message


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (path, name)
        for path, _, parameters in ENDPOINTS
        for name in sorted([*parameters.honoured, *parameters.silent])
        if name not in ("metadata", "prompt_cache_options", "stream_options")  # any map will do
    ],
)
def test_a_value_that_makes_no_sense_is_refused(api: MockAPI, path: str, name: str) -> None:
    assert send(api, path, **{name: ODD}).status == 400


SILENT: dict[str, Any] = {
    "temperature": 0,
    "top_p": 0.5,
    "user": "me",
    "safety_identifier": "me",
    "metadata": {"who": "me"},
    "prompt_cache_key": "mine",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "24h",
    "service_tier": "flex",
    "frequency_penalty": 1,
    "presence_penalty": -1,
    "seed": 7,
    "store": True,
    "verbosity": "low",
    "max_tool_calls": 3,
    "stream_options": {"include_obfuscation": False},
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, _, each in ENDPOINTS for name in sorted(each.silent)]
)
def test_where_nothing_shows_a_good_value_is_answered(api: MockAPI, path: str, name: str) -> None:
    assert send(api, path, **{name: SILENT[name]}).status == 200
    assert send(api, path, **{name: None}).status == 200


@pytest.mark.parametrize("path", BODIES)
def test_an_unknown_name_is_refused(api: MockAPI, path: str) -> None:
    assert error(send(api, path, temprature=0)) == (400, "unknown_parameter", "Unknown parameter: 'temprature'.")
    assert send(api, path, temprature=None).status == 200


def test_the_names_within_are_known_too(api: MockAPI) -> None:
    for path, asked, named in (
        (CHAT_PATH, {"stream": True, "stream_options": {"usage": True}}, "stream_options.usage"),
        (RESPONSES_PATH, {"reasoning": {"budget": 5}}, "reasoning.budget"),
        (RESPONSES_PATH, {"text": {"style": "short"}}, "text.style"),
    ):
        assert error(send(api, path, **asked))[1:] == ("unknown_parameter", f"Unknown parameter: '{named}'.")


# ---- what models that reason do not take ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ({"max_tokens": 5}, "unsupported_parameter", "Use 'max_completion_tokens' instead."),
        ({"temperature": 0}, "unsupported_value", "'temperature' does not support 0 with this model. Only the default"),
        ({"top_p": 0.5}, "unsupported_parameter", "'top_p' is not supported with this model."),
        ({"presence_penalty": 1}, "unsupported_parameter", "'presence_penalty'"),
        ({"frequency_penalty": 1}, "unsupported_parameter", "'frequency_penalty'"),
        ({"logprobs": True}, "unsupported_parameter", "'logprobs'"),
        ({"stop": "."}, "unsupported_parameter", "'stop'"),
    ],
)
def test_a_model_that_reasons_takes_less(api: MockAPI, asked: dict[str, Any], code: str, says: str) -> None:
    for model in (each for each in MODELS.values() if each.efforts):
        status, got, message = error(send(api, CHAT_PATH, model=model.name, **asked))
        assert (status, got) == (400, code) and says in message
    assert send(api, CHAT_PATH, model="gpt-4o", **asked).status == 200
    without_thinking = send(api, CHAT_PATH, model="gpt-6-luna", reasoning_effort="none", **asked)
    assert without_thinking.status == (400 if "max_tokens" in asked else 200)


@pytest.mark.parametrize("asked", [{"temperature": 0}, {"top_p": 0.5}, {"top_logprobs": 2}])
def test_so_it_does_in_the_responses_api(api: MockAPI, asked: dict[str, Any]) -> None:
    assert error(send(api, RESPONSES_PATH, model="gpt-6-luna", **asked))[0] == 400
    assert send(api, RESPONSES_PATH, model="gpt-6-luna", reasoning={"effort": "none"}, **asked).status == 200
    assert send(api, RESPONSES_PATH, **asked).status == 200


def test_the_default_value_may_be_sent(api: MockAPI) -> None:
    asked = {"temperature": 1, "top_p": 1.0, "presence_penalty": 0, "logprobs": False}
    assert send(api, CHAT_PATH, model="gpt-6-luna", **asked).status == 200


# ---- what is honoured -----------------------------------------------------------------------------------------------


def test_a_stop_ends_the_answer_before_it(api: MockAPI) -> None:
    whole = content(send(api, CHAT_PATH))["choices"][0]["message"]["content"]
    assert " and " in whole
    stopped = content(send(api, CHAT_PATH, stop=[" and ", "no such words"]))
    assert stopped["choices"][0]["message"]["content"] == whole.split(" and ")[0]
    assert stopped["choices"][0]["finish_reason"] == "stop"
    for wrong in ([], ["a"] * 5, [""], 5):
        assert send(api, CHAT_PATH, stop=wrong).status == 400


def test_logprobs_are_told_of_each_token(api: MockAPI) -> None:
    whole = content(send(api, CHAT_PATH, logprobs=True, top_logprobs=3))
    ChatCompletion.model_validate(whole, strict=True)
    choice = whole["choices"][0]
    told = choice["logprobs"]["content"]
    assert "".join(each["token"] for each in told) == choice["message"]["content"]
    assert all(each["logprob"] <= 0 and len(each["top_logprobs"]) == 3 for each in told)
    assert all(each["top_logprobs"][0]["token"] == each["token"] for each in told)
    stream = b"".join(piece.data for piece in send(api, CHAT_PATH, logprobs=True, top_logprobs=3, stream=True).pieces)
    chunks = [json.loads(line.removeprefix("data: ")) for line in stream.decode().strip().split("\n\n")[:-1]]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    streamed = [each for chunk in chunks for each in (chunk["choices"][0]["logprobs"] or {"content": []})["content"]]
    assert streamed == told
    assert error(send(api, CHAT_PATH, top_logprobs=3))[0] == 400, "only with logprobs"
    response = content(send(api, RESPONSES_PATH, include=["message.output_text.logprobs"], top_logprobs=3))
    Response.model_validate(response, strict=True)
    assert response["output"][0]["content"][0]["logprobs"] == told


def test_several_choices_are_made_and_paid(api: MockAPI) -> None:
    one, three = content(send(api, CHAT_PATH)), content(send(api, CHAT_PATH, n=3))
    ChatCompletion.model_validate(three, strict=True)
    assert [choice["index"] for choice in three["choices"]] == [0, 1, 2]
    assert three["usage"]["completion_tokens"] == 3 * one["usage"]["completion_tokens"]


def test_the_service_tier_is_said_again(api: MockAPI) -> None:
    for path in (CHAT_PATH, RESPONSES_PATH):
        assert content(send(api, path, service_tier="flex"))["service_tier"] == "flex"
        assert content(send(api, path, service_tier="auto"))["service_tier"] == "default"


def test_a_conversation_may_be_cut_at_its_beginning(api: MockAPI) -> None:
    long = [{"role": "user", "content": "word " * 130_000}, {"role": "user", "content": QUESTION}]
    assert error(send(api, RESPONSES_PATH, input=long))[1] == "context_length_exceeded"
    assert content(send(api, RESPONSES_PATH, input=long, truncation="auto"))["usage"]["input_tokens"] == 11


@pytest.mark.parametrize(
    ("content_", "says"),
    [
        (["Hi", "there"], "Invalid type for 'messages[0].content[0]': expected an object, but got a string instead."),
        ([{"type": "text"}], "Invalid type for 'messages[0].content[0].text'"),
        ([{"type": "input_text", "text": "Hi"}], "Invalid value: 'input_text'. Supported values are: 'text'"),
        ([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}], "reads no 'image_url'"),
    ],
)
def test_contents_that_are_none_are_refused(api: MockAPI, content_: Any, says: str) -> None:
    assert says in error(send(api, CHAT_PATH, messages=[{"role": "user", "content": content_}]))[2]


# ---- the names of models --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-5-2025-08-07"])
def test_a_dated_name_is_answered_and_priced_as_its_model(api: MockAPI, name: str) -> None:
    reply = content(send(api, CHAT_PATH, model=name))
    assert reply["model"] == name
    base = next(model for model in MODELS.values() if name in model.snapshots)
    assert cost(name, 10, 10) == cost(base.name, 10, 10)
    assert content(api.handle("GET", f"/v1/models/{name}", {"authorization": "Bearer any"}, b""))["id"] == name


def test_what_a_framework_asks_by_itself_is_answered_and_priced(api: MockAPI) -> None:
    for name in UNLISTED:
        assert send(api, RESPONSES_PATH, model=name).status == 200 and cost(name, 10, 10)
    assert not UNLISTED.keys() & MODELS.keys()


@pytest.mark.parametrize(
    ("name", "successor"),
    [
        ("gpt-3.5-turbo", "gpt-6-luna"),
        ("gpt-3.5-turbo-0125", "gpt-6-luna"),
        ("gpt-4-turbo-2024-04-09", "gpt-6.1-sol"),
        ("gpt-4o-2024-05-13", "gpt-6.1-sol"),
        ("o3", "gpt-6.1-sol"),
        ("o4-mini-2025-04-16", "gpt-6.1-terra"),
    ],
)
def test_an_older_name_is_refused_with_its_successor(api: MockAPI, name: str, successor: str) -> None:
    assert find_model(successor) is not None
    for path in BODIES:
        status, code, message = error(send(api, path, model=name))
        assert (status, code) == (404, "model_not_found")
        assert f"`{name}` does not exist" in message and successor in message
