"""Live mode with clients of the older httpx, as with those of httpx2: the budget, the bill, the key, redirects."""

import asyncio
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from helpers import WorkbookError, account, connect, process_questions_batch, watch
from helpers.catalog import cost
from helpers.errors import BudgetReached
from live.canary import Canaries, new_key
from live.service import Service, completion, refuses, says, streams, zipped

MODEL = "gpt-6-luna"
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 1_800, "total_tokens": 2_800}
PRICE = cost(MODEL, 1_000, 1_800) or 0.0
ANSWER = says(200, completion("A", USAGE), x_your_key="KEY")
Start = Callable[..., Service]
Library = Any


@pytest.fixture(params=[httpx, httpx2], ids=lambda library: library.__name__)
def library(request: pytest.FixtureRequest) -> Library:
    return request.param


@pytest.fixture
def key() -> str:
    return new_key()


@pytest.fixture
def begin(start: Start, key: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., Service]:
    """Goes live at a service that gives these odd answers."""

    def begin(odd: dict[str, Any], budget: float = 1.0, **settings: str) -> Service:
        service = start(odd)
        os.environ.update(OPENAI_BASE_URL=service.url, OPENAI_API_KEY=key, **settings)
        connect(live=True, budget=budget)
        capsys.readouterr()
        service.came.clear()
        return service

    return begin


@pytest.fixture
def elsewhere(start: Start) -> Iterator[Service]:
    """A stranger, who would answer whatever comes."""
    yield start({"Q": ANSWER})


def asked(client: OpenAI, question: str = "Q", **options: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}], **options)


# ---- the bill ----------------------------------------------------------------------------------------------------


def test_what_is_asked_is_counted(begin: Callable[..., Service], library: Library) -> None:
    begin({"Q": ANSWER})
    with OpenAI(http_client=library.Client()) as client:
        for _ in range(3):
            asked(client)
    assert "Used so far: 3 answers, 8,400 tokens, 0.00300 USD." in str(account())


def test_over_a_used_up_budget_nothing_is_sent(begin: Callable[..., Service], library: Library) -> None:
    service = begin({"Q": ANSWER}, budget=PRICE)

    async def ten() -> list[Any]:
        async with AsyncOpenAI(http_client=library.AsyncClient()) as client:
            call: Any = asked
            return await asyncio.gather(*(call(client) for _ in range(10)), return_exceptions=True)

    with OpenAI(http_client=library.Client()) as client:
        asked(client)
        assert len(service.asked()) == 1
        with watch() as trace:
            assert all(isinstance(each, BudgetReached) for each in asyncio.run(ten()))
            with pytest.raises(BudgetReached):
                asked(client, stream=True)
            with library.Client() as by_hand, pytest.raises(BudgetReached):
                by_hand.post(f"{service.url}/chat/completions", json={"model": MODEL})
    assert len(service.asked()) == 1 and trace.requests == 0


def test_a_batch_stops_at_the_budget(begin: Callable[..., Service], library: Library) -> None:
    questions = [f"Q{number}" for number in range(20)]
    service = begin(dict.fromkeys(questions, ANSWER), budget=5 * PRICE)

    async def main() -> Any:
        async with AsyncOpenAI(http_client=library.AsyncClient()) as client:
            with suppress(BudgetReached):
                return await process_questions_batch(questions, client=client, max_concurrency=1)

    asyncio.run(main())
    assert len(service.asked()) == 5


def test_what_is_no_model_call_is_neither_counted_nor_stopped(begin: Callable[..., Service], library: Library) -> None:
    begin({"Q": ANSWER}, budget=PRICE)
    with OpenAI(http_client=library.Client()) as client:
        asked(client)
    transport = library.MockTransport(lambda request: library.Response(200, json={}))
    with library.Client(transport=transport) as client:
        assert client.post("https://telemetry.example/collect", json={"a": 1}).status_code == 200
    assert "Used so far: 1 answer," in str(account())


# ---- the key -----------------------------------------------------------------------------------------------------

ODD = {
    "401": refuses(401, "invalid_api_key"),
    "429": refuses(429, "rate_limit_exceeded"),
    "500": refuses(500),
    "zipped": zipped(refuses(400)),
}


@pytest.mark.parametrize("question", ODD)
def test_no_error_holds_the_key(begin: Callable[..., Service], library: Library, key: str, question: str) -> None:
    begin(ODD)
    with OpenAI(http_client=library.Client(), max_retries=0) as client, pytest.raises(openai.APIStatusError) as caught:
        asked(client, question)
    shown = pickle.dumps(caught.value) + f"{caught.value} {caught.value.response.text}".encode()
    assert "hidden" in str(caught.value)
    assert not Canaries([key]).found_in(shown)


def test_no_stream_holds_the_key(begin: Callable[..., Service], library: Library, key: str) -> None:
    begin({"Q": streams('data: {"choices": [{"index": 0, "delta": {"content": "KEY"}}]}\n\n', "data: [DONE]\n\n")})
    with OpenAI(http_client=library.Client()) as client:
        text = "".join(str(chunk) for chunk in asked(client, stream=True))
    assert "hidden" in text and not Canaries([key]).found_in(text.encode())


# ---- redirects ---------------------------------------------------------------------------------------------------

SECRETS = {"OPENAI_ORG_ID": "org-canary", "OPENAI_PROJECT_ID": "proj-canary", "OPENAI_CUSTOM_HEADERS": "X-Mine: canary"}


def away(status: int, to: Service, path: str = "/chat/completions") -> Any:
    return says(status, "", "text/plain", location=f"{to.url}{path}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True])
def test_a_redirect_to_another_address_is_refused(
    begin: Callable[..., Service], elsewhere: Service, library: Library, status: int, stream: bool
) -> None:
    begin({"away": away(status, elsewhere)}, **SECRETS)
    with OpenAI(http_client=library.Client(follow_redirects=True)) as client, pytest.raises(WorkbookError) as caught:
        asked(client, "away", stream=stream)
    assert "redirects this call to another address" in str(caught.value) and elsewhere.url in str(caught.value)

    async def main() -> None:
        async with AsyncOpenAI(http_client=library.AsyncClient(follow_redirects=True)) as client:
            call: Any = asked
            await call(client, "away", stream=stream)

    with pytest.raises(WorkbookError, match="redirects this call to another address"):
        asyncio.run(main())
    assert not elsewhere.came
    assert "Used so far: 0 answers" in str(account())


def test_a_list_is_not_taken_from_another_address(
    begin: Callable[..., Service], elsewhere: Service, library: Library
) -> None:
    service = begin({}, **SECRETS)
    service.odd["/v1/models"] = away(302, elsewhere, "/models")
    with OpenAI(http_client=library.Client(follow_redirects=True)) as client, pytest.raises(WorkbookError):
        client.models.list()
    assert not elsewhere.came


def test_a_download_from_another_address_takes_nothing_along(
    begin: Callable[..., Service], elsewhere: Service, library: Library
) -> None:
    service = begin({}, **SECRETS)
    service.odd["/v1/files/1/content"] = away(302, elsewhere, "/blob")
    elsewhere.odd["/v1/blob"] = says(200, "the file", "text/plain")
    with OpenAI(http_client=library.Client(follow_redirects=True)) as client:
        assert client.files.content("1").text == "the file"
    (came,) = elsewhere.came
    assert "canary" not in str(came.headers) and not came.key and not any("openai" in name for name in came.headers)


@pytest.mark.parametrize("follow", [True, False])
def test_a_redirect_on_the_same_address_leaves_no_key_behind(
    begin: Callable[..., Service], library: Library, key: str, follow: bool
) -> None:
    there = says(307, "to KEY", "text/plain", location="/v1/there", x_your_key="KEY")
    service = begin({"/v1/chat/completions": there, "/v1/there": refuses(400)})
    service.came.clear()
    http = library.Client(follow_redirects=follow)
    with OpenAI(http_client=http, max_retries=0) as client, pytest.raises(openai.APIStatusError) as caught:
        asked(client, "any")
    assert [came.key for came in service.came] == [key] * (2 if follow else 1)  # the service itself gets it
    response = caught.value.response
    assert len(response.history) == (1 if follow else 0)
    kept = [pickle.dumps(each) for each in (caught.value, response, caught.value.request, *response.history)]
    assert not Canaries([key]).found_in(b"".join(kept))
    assert b"hidden" in b"".join(kept)


def test_a_redirect_on_the_same_address_is_followed(begin: Callable[..., Service], library: Library) -> None:
    begin({"/v1/chat/completions": says(308, "", "text/plain", location="/v1/there"), "/v1/there": ANSWER})
    with OpenAI(http_client=library.Client(follow_redirects=True)) as client, watch() as trace:
        assert asked(client).choices[0].message.content == "A"
    assert [(call.outcome, call.status) for call in trace.calls] == [("ok", 200)]
    assert "Used so far: 1 answer," in str(account())


def test_a_circle_ends(begin: Callable[..., Service], library: Library, key: str) -> None:
    service = begin({"/v1/chat/completions": says(307, "", "text/plain", location="/v1/chat/completions")})
    http = library.Client(follow_redirects=True)
    with OpenAI(http_client=http, max_retries=0) as client, pytest.raises(openai.APIConnectionError) as caught:
        asked(client)
    assert len(service.came) == 21
    assert not Canaries([key]).found_in(pickle.dumps(caught.value))


def test_what_is_no_model_call_is_led_as_the_library_leads_it(
    begin: Callable[..., Service], elsewhere: Service, library: Library
) -> None:
    service = begin({})
    service.odd["/page"] = away(307, elsewhere, "/page")
    elsewhere.odd["/v1/page"] = says(200, "there", "text/plain")
    with library.Client(follow_redirects=True, headers={"x-mine": "1"}) as client:
        response = client.post(service.url.removesuffix("/v1") + "/page", content=b"form")
    assert response.text == "there" and [each.status_code for each in response.history] == [307]
    assert elsewhere.came[0].headers["x-mine"] == "1"
