"""Answers in a form: what fills a schema, what is refused, and what comes where JSON was only asked for in words."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, Field, TypeAdapter

from helpers import ask_ai
from helpers.errors import ModelRefused
from helpers.mock_api import Faults, MockAPI, MockTransport, Reply
from helpers.mock_api.asked_in_words import schema_in

MODEL = "gpt-6-luna"
REVIEW = "The kettle leaks and the handle broke after a week. Two calls, no answer: disappointing."
IN_WORDS = "Answer in JSON with the keys title, stars (1 to 5) and sentiment (positive, negative or mixed):\n" + REVIEW
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "stars": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["title", "stars"],
    "additionalProperties": False,
}


class Part(Enum):
    HANDLE = "handle"
    LID = "lid"


class Place(BaseModel):
    city: str
    inside: "Place | None"


class Review(BaseModel):
    title: str = Field(max_length=12)
    stars: int = Field(ge=1, le=5)
    sentiment: Literal["positive", "negative", "mixed"]
    parts: list[Part] = Field(min_length=1)
    written: datetime
    day: date
    id: UUID
    price: float | None
    share: Annotated[float, Field(gt=0, lt=1)]
    even: Annotated[int, Field(multiple_of=4, ge=10, le=20)]
    is_angry: bool
    version: Literal[3]
    place: Place


@pytest.fixture
def client(api: MockAPI) -> Iterator[OpenAI]:
    with OpenAI(api_key="any", http_client=httpx2.Client(transport=MockTransport(api)), max_retries=0) as client:
        yield client


def messages(text: str = REVIEW) -> list[Any]:
    return [{"role": "user", "content": text}]


def send(api: MockAPI, path: str, **asked: Any) -> Reply:
    body = json.dumps({"model": MODEL, **asked}).encode()
    return api.handle("POST", path, {"authorization": "Bearer any"}, body)


def chat(api: MockAPI, text: str = REVIEW, /, **asked: Any) -> Reply:
    return send(api, "/v1/chat/completions", messages=messages(text), **asked)


def respond(api: MockAPI, text: str = REVIEW, /, **asked: Any) -> Reply:
    return send(api, "/v1/responses", input=text, **asked)


def content(reply: Reply) -> dict[str, Any]:
    return json.loads(b"".join(piece.data for piece in reply.pieces))


def says(reply: Reply) -> str:
    return content(reply)["choices"][0]["message"]["content"]


# ---- a schema is filled ---------------------------------------------------------------------------------------------


def test_parse_gives_what_fits_at_both_endpoints(client: OpenAI) -> None:
    whole = client.chat.completions.parse(model=MODEL, messages=messages(), response_format=Review)
    review = whole.choices[0].message.parsed
    assert review is not None and review.stars <= 2 and review.sentiment == "negative" and review.is_angry is False
    assert review.parts == [Part.HANDLE], "the text names it"
    response = client.responses.parse(model=MODEL, input=REVIEW, text_format=Review)
    assert response.output_parsed == review, "the same at both"
    with client.responses.stream(model=MODEL, input=REVIEW, text_format=Review) as stream:
        assert stream.get_final_response().output_parsed == review
    with client.chat.completions.stream(model=MODEL, messages=messages(), response_format=Review) as streamed:
        assert streamed.get_final_completion().choices[0].message.parsed == review
    other = client.responses.parse(model=MODEL, input="I love it: a great, sturdy kettle.", text_format=Review)
    assert other.output_parsed and other.output_parsed.stars >= 4 and other.output_parsed.sentiment == "positive"


def test_it_is_parsed_by_an_async_client_too(api: MockAPI) -> None:
    async def main() -> Any:
        http = httpx2.AsyncClient(transport=MockTransport(api))
        async with AsyncOpenAI(api_key="any", http_client=http) as client:
            return await asyncio.gather(
                client.responses.parse(model=MODEL, input=REVIEW, text_format=Review),
                client.chat.completions.parse(model=MODEL, messages=messages(), response_format=Review),
            )

    response, whole = asyncio.run(main())
    assert response.output_parsed == whole.choices[0].message.parsed


def test_different_texts_have_different_values(client: OpenAI) -> None:
    class City(BaseModel):
        city: str
        population: int

    texts = [f"Which place is number {number}?" for number in ("one", "two", "three", "four", "five", "six")]
    found = {str(client.responses.parse(model=MODEL, input=text, text_format=City).output_parsed) for text in texts}
    assert len(found) >= 5
    named = client.responses.parse(model=MODEL, input="Kyoto has 1461 thousand people", text_format=City)
    assert named.output_parsed and named.output_parsed.city == "Kyoto"


def test_a_written_answer_stands_where_a_field_is_for_it(client: OpenAI) -> None:
    class Said(BaseModel):
        answer: str

    parsed = client.responses.parse(model=MODEL, input="What is Go?", text_format=Said).output_parsed
    assert parsed and parsed.answer == client.responses.create(model=MODEL, input="What is Go?").output_text


@pytest.mark.parametrize(
    ("schema", "check"),
    [
        ({"type": "integer"}, lambda value: type(value) is int),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, lambda value: 0 < value < 1),
        ({"type": "integer", "maximum": -5}, lambda value: value <= -5),
        ({"type": "array", "items": {"type": "string"}, "minItems": 4, "maxItems": 4}, lambda value: len(value) == 4),
        ({"type": ["string", "null"]}, lambda value: isinstance(value, str)),
        ({"type": "null"}, lambda value: value is None),
        ({"type": "string", "minLength": 90}, lambda value: len(value) == 90),
        ({"type": "string", "maxLength": 3}, lambda value: len(value) <= 3),
        ({"type": "string", "format": "email"}, lambda value: "@" in value),
        ({"enum": [1, 2, 3]}, lambda value: value in (1, 2, 3)),
        ({"const": "x"}, lambda value: value == "x"),
        ({"type": "boolean"}, lambda value: isinstance(value, bool)),
    ],
)
def test_each_kind_of_value_keeps_its_bounds(api: MockAPI, schema: Any, check: Any) -> None:
    for text in (REVIEW, "What is Go?", "?", "7 8 9"):
        form = {"name": "it", "schema": {"type": "object", "properties": {"value": schema}}}
        value = json.loads(says(chat(api, text, response_format={"type": "json_schema", "json_schema": form})))["value"]
        assert check(value), value


def test_the_bodies_are_what_the_sdk_says_they_are(api: MockAPI) -> None:
    form = {"type": "json_schema", "name": "it", "schema": SCHEMA, "strict": True}
    events: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for faults in (Faults(), Faults(declined=1), Faults(cut_off=1)):
        api.reset(faults=faults)
        Response.model_validate(content(respond(api, text={"format": form})), strict=True)
        ChatCompletion.model_validate(content(chat(api)), strict=True)
        stream = b"".join(piece.data for piece in respond(api, stream=True).pieces).decode()
        for event in stream.strip().split("\n\n"):
            events.validate_python(json.loads(event.partition("\ndata: ")[2]), strict=True)
        stream = b"".join(piece.data for piece in chat(api, stream=True).pieces).decode()
        for line in stream.strip().split("\n\n")[:-1]:
            ChatCompletionChunk.model_validate(json.loads(line.removeprefix("data: ")), strict=True)


# ---- what is refused ------------------------------------------------------------------------------------------------


def but(**changes: Any) -> dict[str, Any]:
    return {**SCHEMA, **changes}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (but(additionalProperties=True), "In context=(), 'additionalProperties' is required to be supplied and to be"),
        (but(required=["title"]), "array including every key in properties. Missing 'stars'."),
        (but(type="array"), "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'."),
        (but(properties={"title": {"type": "object"}, "stars": {}}), "In context=(), 'required'"),
        (
            but(properties={"title": {"type": "object"}, "stars": {"type": "integer"}}),
            "In context=('properties', 'title'), 'additionalProperties'",
        ),
        (but(properties={"title": {}, "stars": {"type": "integer"}}), "schema must have a 'type' key."),
        (but(properties={"title": {"oneOf": [{"type": "string"}]}, "stars": {"type": "integer"}}), "'oneOf' is not"),
        (but(properties={"title": {"type": "array"}, "stars": {"type": "integer"}}), "array schema missing items."),
        (but(properties={"title": {"$ref": "#/$defs/No"}, "stars": {"type": "integer"}}), "cannot be resolved"),
    ],
)
def test_a_schema_that_strict_does_not_allow_is_refused(api: MockAPI, schema: dict[str, Any], problem: str) -> None:
    if "'required'" in problem:
        schema = but(required=[])
    form = {"name": "Review", "schema": schema, "strict": True}
    for reply in (
        chat(api, response_format={"type": "json_schema", "json_schema": form}),
        respond(api, text={"format": {"type": "json_schema", **form}}),
    ):
        error = content(reply)["error"]
        assert reply.status == 400 and "Invalid schema for response_format 'Review': In context=" in error["message"]
        assert problem in error["message"]
    loose = {**form, "strict": False}
    assert chat(api, response_format={"type": "json_schema", "json_schema": loose}).status == 200


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"type": "xml"}, "Invalid value: 'xml'. Supported values are: 'json_object', 'json_schema', and 'text'."),
        ("json", "Invalid type for 'response_format'"),
        ({}, "Missing required parameter: 'response_format.type'"),
        ({"type": "json_schema"}, "Missing required parameter: 'response_format.json_schema'"),
        ({"type": "json_schema", "json_schema": {"schema": SCHEMA}}, "'response_format.json_schema.name'"),
        ({"type": "json_schema", "json_schema": {"name": "a b", "schema": SCHEMA}}, "does not match pattern"),
        ({"type": "json_schema", "json_schema": {"name": "it"}}, "'response_format.json_schema.schema'"),
        ({"type": "json_object"}, "must contain the word 'json' in some form"),
    ],
)
def test_a_form_that_is_none_is_refused(api: MockAPI, form: Any, problem: str) -> None:
    reply = chat(api, response_format=form)
    assert reply.status == 400 and problem in content(reply)["error"]["message"]


# ---- declined, and cut off ------------------------------------------------------------------------------------------


def test_an_answer_can_be_declined(api: MockAPI, client: OpenAI) -> None:
    api.reset(faults=Faults(declined=REVIEW))
    message = client.chat.completions.parse(model=MODEL, messages=messages(), response_format=Review).choices[0].message
    assert message.parsed is None and message.content is None and "can't help" in (message.refusal or "")
    response = client.responses.parse(model=MODEL, input=REVIEW, text_format=Review)
    part: Any = response.output[0].content[0]  # type: ignore[union-attr, index]
    assert (part.type, part.refusal) == ("refusal", message.refusal) and response.output_parsed is None
    with client.responses.stream(model=MODEL, input=REVIEW) as stream:
        assert "response.refusal.done" in {event.type for event in stream}
    with client.chat.completions.stream(model=MODEL, messages=messages()) as streamed:
        assert streamed.get_final_completion().choices[0].message.refusal == message.refusal


def test_an_answer_can_be_cut_off(api: MockAPI, client: OpenAI) -> None:
    api.reset(faults=Faults(cut_off={REVIEW: 1}))
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model=MODEL, messages=messages(), response_format=Review)
    client.chat.completions.parse(model=MODEL, messages=messages(), response_format=Review)
    cut = client.responses.create(model=MODEL, input=REVIEW)
    assert cut.status == "incomplete" and cut.output_text


@pytest.mark.usefixtures("connected")
def test_the_helpers_say_that_a_model_declined() -> None:
    from helpers import faults

    with faults(declined="What is Go?"), pytest.raises(ModelRefused, match="can't help"):
        asyncio.run(ask_ai("What is Go?"))


# ---- asked for in words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (
            "JSON with the keys title, stars (1 to 5) and sentiment (positive, negative or mixed)",
            "title stars sentiment",
        ),
        ('Give JSON like {"title": "…", "stars": 5}', "title stars"),
        ("Reply in JSON, with 'title' and 'stars'.", "title stars"),
        ("Answer in JSON.", "answer"),
        ("Return JSON with fields: title, stars, topics", "title stars topics"),
    ],
)
def test_the_fields_are_found_in_the_words(words: str, fields: str) -> None:
    assert list(schema_in(words)["properties"]) == fields.split()


def test_what_is_asked_for_in_words_comes_as_with_a_schema(api: MockAPI) -> None:
    in_words = json.loads(says(chat(api, IN_WORDS)))
    assert set(in_words) == {"title", "stars", "sentiment"}
    form = {"name": "Review", "schema": schema_in(IN_WORDS)}
    assert json.loads(says(chat(api, response_format={"type": "json_schema", "json_schema": form}))) == in_words
    assert json.loads(says(chat(api, IN_WORDS, response_format={"type": "json_object"}))) == in_words


def test_one_in_ten_is_a_mess_and_none_that_has_a_schema(api: MockAPI) -> None:
    api.reset(faults=Faults(messy_json=0.1))
    texts = [says(chat(api, f"{IN_WORDS} {number}")) for number in range(400)]
    usable, unlike = 0, set()
    for text in texts:
        try:
            usable += type(json.loads(text)["stars"]) is int
            if type(json.loads(text)["stars"]) is str:
                unlike.add("a word for a number")
        except ValueError:
            unlike.add("a fence" if text.startswith("```") else "a sentence")
    assert 340 < usable < 380
    assert unlike == {"a word for a number", "a fence", "a sentence"}
    form = {"type": "json_schema", "json_schema": {"name": "Review", "schema": SCHEMA, "strict": True}}
    for number in range(50):
        json.loads(says(chat(api, f"{IN_WORDS} {number}", response_format=form)))
    assert says(chat(api, "What is Go?")) == says(chat(api, "What is Go?")), "nobody asked for JSON"


def test_a_question_about_json_is_answered_in_words(api: MockAPI) -> None:
    for question in ("What is JSON?", "Is JSON older than XML?"):
        with pytest.raises(ValueError):
            json.loads(says(chat(api, question)))
    asked = [{"role": "system", "content": "Answer in JSON."}, *messages("What is Go?")]
    reply = send(api, "/v1/chat/completions", messages=asked)
    assert json.loads(says(reply)) == {"answer": says(chat(api, "What is Go?"))}
