"""`watch()` records what any code sends: sync, async, streams, retries, failures, cancellations, threads."""

import asyncio
import gc
import gzip
import json
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAI

from helpers import BadInput, faults, process_questions_batch, timelines, watch
from helpers.mock_api import MockAPI
from helpers.wire import bodies as reading
from helpers.wire import send
from helpers.wire.bodies import MUCH
from helpers.wire.trace import Call, OneCall, Trace

pytestmark = pytest.mark.usefixtures("connected")


def ask(question: str = "What is Go?", **options: Any) -> dict[str, Any]:
    return {"model": "gpt-6-luna", "messages": [{"role": "user", "content": question}], **options}


def outcomes(call: Call) -> list[tuple[str, str]]:
    return [(attempt.outcome, attempt.note) for attempt in call.attempts]


def in_order(call: Call) -> bool:
    times = [time for each in call.attempts for time in (each.sent, each.first_byte, each.done) if time is not None]
    return times == sorted(times)


def test_a_sync_call() -> None:
    with OpenAI() as client, watch("one call") as trace:
        response = client.chat.completions.create(**ask())
    (call,) = trace.calls
    assert (call.model, call.question, call.path) == ("gpt-6-luna", "What is Go?", "/v1/chat/completions")
    assert (call.outcome, call.status, call.client) == ("ok", 200, 1)
    assert response.usage is not None
    assert trace.tokens == response.usage.total_tokens
    assert trace.cost == pytest.approx(
        (response.usage.prompt_tokens * 0.10 + response.usage.completion_tokens * 0.50) / 1e6
    )
    assert in_order(call)
    assert call.seconds == pytest.approx(trace.seconds)


@pytest.mark.parametrize("transport", ["default", "aiohttp"])
def test_five_async_calls_are_in_flight_together(transport: str) -> None:
    async def main() -> None:
        http_client = DefaultAioHttpClient() if transport == "aiohttp" else None
        async with AsyncOpenAI(http_client=http_client) as client:
            await asyncio.gather(*(client.chat.completions.create(**ask(f"question {n}")) for n in range(5)))

    with watch() as trace:
        asyncio.run(main())
    # a new client sends its first calls in any order
    assert sorted(call.question for call in trace.calls) == [f"question {n}" for n in range(5)]
    assert [call.number for call in trace.calls] == [1, 2, 3, 4, 5]
    assert [call.sent for call in trace.calls] == sorted(call.sent for call in trace.calls)
    assert trace.max_in_flight == 5
    assert {call.client for call in trace.calls} == {1}
    assert trace.requests == 5
    assert all(call.outcome == "ok" and in_order(call) and call.completion_tokens for call in trace.calls)


@pytest.mark.parametrize("transport", ["default", "aiohttp"])
def test_a_stream_is_recorded_to_its_last_byte(transport: str) -> None:
    seen: list[float] = []

    async def main(trace: Trace) -> int:
        http_client = DefaultAioHttpClient() if transport == "aiohttp" else None
        async with AsyncOpenAI(http_client=http_client) as client:
            stream = await client.chat.completions.create(**ask(), stream=True, stream_options={"include_usage": True})
            usage = None
            async for chunk in stream:
                seen.append(trace.now())
                usage = chunk.usage
        return usage.total_tokens if usage else 0

    with watch() as trace:
        tokens = asyncio.run(main(trace))
    (call,) = trace.calls
    assert call.stream and call.outcome == "ok"
    assert trace.tokens == tokens > 0
    assert call.first_byte is not None and call.done is not None
    assert call.first_byte < seen[0] < seen[-1] < call.done


class Pieces(httpx2.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield from (self.content[start : start + 7] for start in range(0, len(self.content), 7))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("in_pieces", [False, True])
def test_compressed_answers_are_read_too(encoding: str, in_pieces: bool, stream: bool) -> None:
    """The mock API does not compress, but real services do."""

    def compressed(request: httpx2.Request) -> httpx2.Response:
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        completion = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [], "usage": usage}
        body = json.dumps(completion)
        if stream:
            body = f"data: {body}\n\ndata: [DONE]\n\n"
        content = gzip.compress(body.encode()) if encoding == "gzip" else zlib.compress(body.encode())
        kind = "text/event-stream" if stream else "application/json"
        headers = {"content-type": kind, "content-encoding": encoding}
        if in_pieces:
            return httpx2.Response(200, headers=headers, stream=Pieces(content))
        return httpx2.Response(200, headers=headers, content=content)

    client = OpenAI(http_client=httpx2.Client(transport=httpx2.MockTransport(compressed)))
    with client, watch() as trace:
        response: Any = client.chat.completions.create(**ask(), stream=stream)
        if stream:
            list(response)
    assert [(call.outcome, call.prompt_tokens, call.completion_tokens) for call in trace.calls] == [("ok", 3, 4)]


@pytest.mark.parametrize("stream", [False, True])
def test_long_bodies_are_read_and_not_kept(stream: bool) -> None:
    def long(request: httpx2.Request) -> httpx2.Response:
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        content = json.dumps({"text": "x" * 2 * MUCH, "usage": usage}).encode()
        return httpx2.Response(200, headers={"content-type": "application/json"}, stream=Pieces(content))

    with httpx2.Client(transport=httpx2.MockTransport(long)) as client, watch() as trace:
        request = client.build_request("POST", "http://a.invalid/", json=ask("long " * MUCH))
        client.send(request, stream=stream).read()
    (call,) = trace.calls
    assert not any(isinstance(kept, bytes) for kept in (call._exchange._request, call._exchange._answer))
    assert (call.question, call.prompt_tokens, call.completion_tokens) == ("long " * MUCH, 3, 4)


def test_what_was_read_once_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    read_json = reading.read_json

    def noted(body: bytes) -> dict[str, Any]:
        read.append(body)
        return read_json(body)

    monkeypatch.setattr(send, "observers", [])
    monkeypatch.setattr(reading, "read_json", noted)
    with OpenAI() as client, watch() as trace:
        client.chat.completions.create(**ask())
    assert not read, "nothing is read while it is recorded"
    for _ in range(3):
        trace.panel()
        assert trace.calls[0].question == "What is Go?" and trace.tokens > 0
    assert len(read) == 2


def test_a_call_shows_what_it_asked_and_used() -> None:
    with faults(rate_limited={"What is Go?": 1}), OpenAI() as client, watch() as trace:
        client.chat.completions.create(**ask())
    shown = repr(trace.calls[0])
    assert "question='What is Go?'" in shown and "code='rate_limit_exceeded'" in shown
    assert f"prompt_tokens={trace.calls[0].prompt_tokens}" in shown


def test_attempts_of_several_tasks_are_one_call() -> None:
    """A batch sends a question again from whichever of its tasks is free."""

    async def main() -> None:
        async with AsyncOpenAI(max_retries=0) as client:

            async def attempt(one: OneCall, question: str) -> None:
                with one:
                    await asyncio.gather(client.chat.completions.create(**ask(question)), return_exceptions=True)

            a, b = OneCall(), OneCall()
            for one, question in ((a, "a"), (b, "b"), (a, "a")):
                await asyncio.create_task(attempt(one, question))
            await client.chat.completions.create(**ask("alone"))

    with faults(server_error={"a": 1}), watch() as trace:
        asyncio.run(main())
    assert [(call.question, outcomes(call)) for call in trace.calls] == [
        ("a", [("failed", "500"), ("ok", "")]),
        ("b", [("ok", "")]),
        ("alone", [("ok", "")]),
    ]


def test_a_stream_that_ends_without_done_was_read_to_its_end() -> None:
    """As the Responses API's streams do."""

    def events(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            200, headers={"content-type": "text/event-stream"}, stream=Pieces(b'data: {"type": "x"}\n\n' * 3)
        )

    client = OpenAI(http_client=httpx2.Client(transport=httpx2.MockTransport(events)))
    with client, watch() as trace:
        assert len(list(client.responses.create(model="m", input="Hi", stream=True))) == 3
    assert outcomes(trace.calls[0]) == [("ok", "")]


def test_a_sync_stream_that_breaks_off() -> None:
    with faults(dropped="What is Go?"), OpenAI(max_retries=0) as client, watch() as trace:
        stream = client.chat.completions.create(**ask(), stream=True)
        with pytest.raises(openai.APIConnectionError):
            list(stream)
    assert outcomes(trace.calls[0]) == [("failed", "dropped")]


def test_a_body_that_is_cancelled_is_closed() -> None:
    closed: list[bool] = []

    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        async def aclose(self) -> None:
            closed.append(True)

    async def main() -> None:
        transport = httpx2.MockTransport(
            lambda request: httpx2.Response(200, headers={"content-type": "application/json"}, stream=Endless())
        )
        async with AsyncOpenAI(http_client=httpx2.AsyncClient(transport=transport)) as client:
            with watch() as trace, pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.chat.completions.create(**ask())
            assert outcomes(trace.calls[0]) == [("cancelled", "")]

    asyncio.run(main())
    assert closed


def test_clients_that_are_gone_keep_their_numbers() -> None:
    with watch() as trace:
        for _ in range(3):
            with OpenAI() as client:
                client.chat.completions.create(**ask())
            del client
            gc.collect()
    assert [call.client for call in trace.calls] == [1, 2, 3]


def test_a_stream_that_is_left_early_is_cancelled() -> None:
    with OpenAI() as client, watch() as trace, client.chat.completions.create(**ask(), stream=True) as stream:
        next(iter(stream))
    assert outcomes(trace.calls[0]) == [("cancelled", "closed early")]


def test_retries_are_attempts_of_their_call() -> None:
    async def main() -> None:
        async with AsyncOpenAI() as client:
            await asyncio.gather(*(client.chat.completions.create(**ask(q)) for q in ("a", "b", "c")))

    with faults(server_error={"b": 2}, rate_limited={"c": 1}), watch() as trace:
        asyncio.run(main())
    a, b, c = sorted(trace.calls, key=lambda call: call.question)
    assert outcomes(a) == [("ok", "")]
    assert outcomes(b) == [("failed", "500"), ("failed", "500"), ("ok", "")]
    assert outcomes(c) == [("failed", "429"), ("ok", "")]
    assert c.attempts[0].code == "rate_limit_exceeded"
    assert trace.requests == 6
    assert in_order(b)


def test_the_same_question_again_is_another_call() -> None:
    with faults(server_error="a"), OpenAI(max_retries=0) as client, watch() as trace:
        for _ in range(3):
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(**ask("a"))
    assert [len(call.attempts) for call in trace.calls] == [1, 1, 1]


@pytest.mark.parametrize("transport", ["default", "aiohttp"])
def test_failures_have_their_names(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "guards", [])  # practice mode would let nobody ask elsewhere

    async def main() -> None:
        http_client = DefaultAioHttpClient() if transport == "aiohttp" else None
        async with AsyncOpenAI(http_client=http_client, max_retries=0, timeout=0.5) as client:
            questions = ("dropped", "hanging", "refused", "fine")
            calls = [client.chat.completions.create(**ask(question)) for question in questions]
            await asyncio.gather(*calls, return_exceptions=True)
        elsewhere = AsyncOpenAI(base_url="http://127.0.0.1:9/v1", max_retries=0)
        async with elsewhere as client:
            with pytest.raises(openai.APIConnectionError):
                await client.chat.completions.create(**ask("nobody there"))

    with faults(dropped="dropped", hanging="hanging", rate_limited="refused"), watch() as trace:
        asyncio.run(main())
    names = {call.question: outcomes(call) for call in trace.calls}
    assert names == {
        "dropped": [("failed", "dropped")],
        "hanging": [("failed", "timeout")],
        "refused": [("failed", "429")],
        "fine": [("ok", "")],
        "nobody there": [("failed", "no connection")],
    }
    assert {call.client for call in trace.calls} == {1, 2}


def test_a_cancelled_call(connected: MockAPI) -> None:
    async def main(trace: Trace) -> None:
        async with AsyncOpenAI() as client:
            call = asyncio.ensure_future(client.chat.completions.create(**ask("slow")))
            while not connected.asked:
                await asyncio.sleep(0.01)
            assert trace.calls[0].outcome == "running"
            assert trace.calls[0].seconds is None
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    with faults(hanging="slow"), watch() as trace:
        asyncio.run(main(trace))
    assert outcomes(trace.calls[0]) == [("cancelled", "")]


def test_threads_the_module_level_client_and_raw_responses() -> None:
    def in_a_thread() -> None:
        with OpenAI() as client:
            client.chat.completions.with_raw_response.create(**ask("raw"))

    with watch() as trace:
        thread = threading.Thread(target=in_a_thread)
        thread.start()
        thread.join()
        openai.chat.completions.create(**ask("module"))
        openai.models.list()
    openai._reset_client()  # type: ignore[attr-defined]
    assert [(call.question, call.path) for call in trace.calls] == [
        ("raw", "/v1/chat/completions"),
        ("module", "/v1/chat/completions"),
        ("", "/v1/models"),
    ]
    assert all(call.outcome == "ok" for call in trace.calls)


def test_nested_blocks_each_record_what_is_theirs() -> None:
    with OpenAI() as client, watch("outer") as outer:
        client.chat.completions.create(**ask("first"))
        with watch("inner") as inner:
            client.chat.completions.create(**ask("second"))
    with OpenAI() as client:
        client.chat.completions.create(**ask("after"))
    assert [call.question for call in outer.calls] == ["first", "second"]
    assert [call.question for call in inner.calls] == ["second"]
    assert inner.calls[0].sent < outer.calls[1].sent, "each counts from its own beginning"


def test_what_is_in_flight_at_the_end_of_the_block_is_recorded_to_its_end() -> None:
    async def main() -> Trace:
        async with AsyncOpenAI() as client:
            with watch() as trace:
                call = asyncio.ensure_future(client.chat.completions.create(**ask()))
                while not trace.calls:
                    await asyncio.sleep(0)
            assert trace.calls[0].outcome == "running"
            await call
        return trace

    assert asyncio.run(main()).calls[0].outcome == "ok"


def test_a_helper_says_how_long_a_call_was_queued() -> None:
    with watch() as trace:
        answers = asyncio.run(process_questions_batch(["a", "b", "c"], max_concurrency=1))
    assert trace.max_in_flight == 1
    first, second, third = trace.calls
    assert first.queued is not None and second.queued is not None and third.queued is not None
    assert second.sent - second.queued > 0 and third.sent - third.queued > second.sent - second.queued
    assert answers[2].queued > answers[1].queued > answers[0].queued


def test_no_header_of_a_request_is_kept(connected: MockAPI) -> None:
    with OpenAI(api_key="a-secret-canary") as client, watch() as trace:
        client.chat.completions.create(**ask())
    shown = f"{trace!r}{trace}{trace.calls}{trace._repr_mimebundle_()}{connected.served}"
    assert "canary" not in shown


def test_how_a_trace_shows_itself() -> None:
    with watch("Two questions") as trace, OpenAI() as client:
        for question in ("What is Go?", "<b>What</b> is Rust?"):
            client.chat.completions.create(**ask(question))
    bundle = trace._repr_mimebundle_()
    assert "Two questions" in bundle["text/plain"]
    assert "What is Go?" in bundle["text/plain"]
    assert bundle["text/html"].startswith("<img ")
    assert "<b>" not in bundle["text/html"]
    both = timelines(trace, trace)
    assert str(both).count("Two questions") == 2


def test_labels_say_what_tells_the_calls_apart() -> None:
    def labels(*calls: tuple[str, str]) -> list[str]:
        with watch() as trace, OpenAI() as client:
            for model, question in calls:
                client.chat.completions.create(**ask(question, model=model))
        return [row.label for row in trace.panel().rows]

    assert labels(("gpt-4o", "a"), ("gpt-4o", "b")) == ["a", "b"]
    assert labels(("gpt-4o", "a"), ("gpt-6-luna", "a")) == ["gpt-4o", "gpt-6-luna"]
    assert labels(("gpt-4o", "a"), ("gpt-6-luna", "b")) == ["gpt-4o · a", "gpt-6-luna · b"]
    assert labels(("gpt-4o", "a"), ("gpt-4o", "a")) == ["a", "a"]


def test_what_is_no_trace_is_said() -> None:
    with watch("a") as trace:
        pass
    assert str(timelines([trace, trace])) == str(timelines(trace, trace))
    with pytest.raises(BadInput, match="'int', which is not a trace"):
        timelines(trace, [5])  # type: ignore[list-item]


def test_watching_changes_nothing_for_the_caller() -> None:
    async def main() -> list[object]:
        async with AsyncOpenAI() as client:
            raw = await client.chat.completions.with_raw_response.create(**ask())
            async with client.chat.completions.with_streaming_response.create(**ask()) as streamed:
                body = await streamed.read()
            models = [model.id async for model in await client.models.list()]
            return [raw.parse().choices[0].message.content, b"chat.completion" in body, models]

    before = asyncio.run(main())
    with watch() as trace:
        during = asyncio.run(main())
    assert during == before
    assert [call.outcome for call in trace.calls] == ["ok"] * 3
