"""Embeddings: deterministic, as long as they should be, near each other where texts are, and counted."""

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import CreateEmbeddingResponse

from helpers import session, watch
from helpers.catalog import EMBEDDINGS, MODELS, cost
from helpers.mock_api import Faults, MockAPI, MockTransport
from helpers.mock_api.vectors import dot
from helpers.session.state import state

SMALL, LARGE = "text-embedding-3-small", "text-embedding-3-large"


@pytest.fixture
def client(api: MockAPI) -> Iterator[OpenAI]:
    with OpenAI(api_key="any", http_client=httpx2.Client(transport=MockTransport(api)), max_retries=0) as client:
        yield client


@pytest.mark.parametrize(("model", "dimensions"), [(SMALL, 1536), (LARGE, 3072)])
def test_they_have_the_right_dimensions_and_length(client: OpenAI, model: str, dimensions: int) -> None:
    whole = client.embeddings.create(model=model, input="What is Go?").data[0].embedding
    assert len(whole) == dimensions and dot(whole, whole) == pytest.approx(1, abs=1e-4)
    short = client.embeddings.create(model=model, input="What is Go?", dimensions=256).data[0].embedding
    assert len(short) == 256 and dot(short, short) == pytest.approx(1, abs=1e-4)
    ratios = [one / other for one, other in zip(short, whole, strict=False) if abs(other) > 1e-3]
    assert max(ratios) == pytest.approx(min(ratios), rel=1e-3), "the first of them, made one long again"


def test_the_same_text_has_the_same_vector_in_either_encoding(client: OpenAI) -> None:
    once, again = (client.embeddings.create(model=SMALL, input="What is Go?").data[0].embedding for _ in range(2))
    numbers = client.embeddings.create(model=SMALL, input="What is Go?", encoding_format="float").data[0].embedding
    assert once == again == pytest.approx(numbers)
    assert isinstance(
        client.embeddings.create(model=SMALL, input="Go", encoding_format="base64").data[0].embedding, str
    )


def test_texts_that_share_words_are_nearer(client: OpenAI) -> None:
    texts = ["The kettle leaks.", "My kettle leaks, too", "An event loop runs coroutines."]
    one, near, far = (each.embedding for each in client.embeddings.create(model=SMALL, input=texts).data)
    assert dot(one, near) > 0.5 > dot(one, far) > 0


def test_the_body_is_what_the_sdk_says_it_is(api: MockAPI) -> None:
    for encoding in ("float", "base64"):
        body = {"model": SMALL, "input": ["a", [1, 2, 3]], "encoding_format": encoding}
        reply = api.handle("POST", "/v1/embeddings", {"authorization": "Bearer any"}, json.dumps(body).encode())
        answer = json.loads(reply.pieces[0].data)
        if encoding == "float":  # the SDK itself makes numbers of the other
            CreateEmbeddingResponse.model_validate(answer, strict=True)
        assert [each["index"] for each in answer["data"]] == [0, 1]
        assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_up_to_2048_texts_at_once(client: OpenAI) -> None:
    texts = [f"text number {number}" for number in range(2_048)]
    answer = client.embeddings.create(model=SMALL, input=texts, dimensions=16)
    assert len(answer.data) == 2_048 and all(one.embedding != other.embedding for one, other in pairwise(answer.data))
    with pytest.raises(openai.BadRequestError, match="maximum length 2048, but got an array with length 2049"):
        client.embeddings.create(model=SMALL, input=[*texts, "one more"])


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ({"input": ""}, 400, "cannot be an empty string"),
        ({"input": []}, 400, "cannot be an empty array"),
        ({"input": ["a", ""]}, 400, "cannot be an empty string"),
        ({"input": [{"text": "a"}]}, 400, "Invalid type for 'input[0]'"),
        ({"input": None}, 400, "Missing required parameter: 'input'"),
        ({"input": "word " * 9_000}, 400, "maximum context length is 8192 tokens"),
        ({"input": ["word " * 5_000] * 61}, 400, "max 300000 tokens per request"),
        ({"dimensions": 5_000}, 400, "<= 1536"),
        ({"dimensions": 0}, 400, ">= 1"),
        ({"encoding_format": "hex"}, 400, "Invalid value: 'hex'"),
        ({"model": "gpt-4o"}, 403, "not allowed to generate embeddings from this model"),
        ({"model": "gpt-99"}, 404, "does not exist"),
    ],
)
def test_what_the_service_refuses(api: MockAPI, asked: dict[str, Any], status: int, says: str) -> None:
    body = {"model": SMALL, "input": "a", **asked}
    reply = api.handle("POST", "/v1/embeddings", {"authorization": "Bearer any"}, json.dumps(body).encode())
    assert reply.status == status and says in json.loads(reply.pieces[0].data)["error"]["message"]


def test_a_model_for_embeddings_answers_no_question(client: OpenAI) -> None:
    assert not EMBEDDINGS.keys() & MODELS.keys()
    with pytest.raises(openai.NotFoundError, match="not a chat model"):
        client.chat.completions.create(model=SMALL, messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(openai.NotFoundError, match="not a chat model"):
        client.responses.create(model=SMALL, input="Hi")
    assert client.models.retrieve(SMALL).id == SMALL


def test_faults_and_limits_strike_as_with_chat(api: MockAPI, client: OpenAI) -> None:
    api.reset(faults=Faults(server_error={"What is Go?": 1}, requests_per_minute=2))
    with pytest.raises(openai.InternalServerError):
        client.embeddings.create(model=SMALL, input=["What is C?", "What is Go?"])
    client.embeddings.create(model=SMALL, input=["What is C?", "What is Go?"])
    with pytest.raises(openai.RateLimitError):
        client.embeddings.create(model=SMALL, input="What is Go?")


@pytest.mark.usefixtures("connected")
def test_three_different_calls_at_the_same_moment_are_traced_and_priced() -> None:
    state.bills["practice"].reset()

    async def cell() -> Any:
        async with AsyncOpenAI() as client:
            return await asyncio.gather(
                client.embeddings.create(model=SMALL, input=["What is C?", "What is Go?"]),
                client.responses.create(model="gpt-6-luna", input="What is Go?"),
                client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "What is Go?"}]),
            )

    with watch() as trace:
        vectors, _, _ = asyncio.run(cell())
    assert trace.max_in_flight == 3
    call = next(call for call in trace.calls if call.model == SMALL)
    assert (call.question, call.prompt_tokens, call.completion_tokens) == ("What is Go?", vectors.usage.total_tokens, 0)
    assert cost(SMALL, 1_000_000, 0) == pytest.approx(0.02) and cost(LARGE, 1_000_000, 0) == pytest.approx(0.13)
    spent = session.spent()
    assert (spent.answers, spent.unknown) == (3, 0) and spent.cost == pytest.approx(trace.cost)
