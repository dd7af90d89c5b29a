"""POST /v1/chat/completions: a model's answer, whole or as a stream."""

import json
from typing import Any

from ...errors import OPENAI_SAYS
from ..answers import split_tokens
from ..exchange import CREATED, Exchange, Piece, Reply
from ..faults import Fault
from ..requests import ChatRequest, Refused, read_chat, read_json


def reply(exchange: Exchange, body: bytes) -> Reply:
    asked = read_json(body)
    exchange.identify(json.dumps(asked, sort_keys=True))
    chat = read_chat(asked)
    exchange.model, exchange.question = chat.model.name, chat.question
    exchange.api.asked.add(chat.question)
    if code := exchange.api.faults.out_of_credit:
        raise Refused(429, OPENAI_SAYS[code], code, kind="insufficient_quota")
    topic = exchange.api.topic(chat.question)
    tokens = split_tokens(exchange.api.answer(chat.model, topic))[: chat.limit]
    exchange.admit(chat.prompt_tokens + len(tokens))
    fault = exchange.api.faults.strike(topic, exchange.nth, exchange.random("fault"))
    if fault == "rate_limited":
        if exchange.limit_headers:
            exchange.limit_headers["x-ratelimit-remaining-requests"] = "0"
        raise Refused(
            429,
            f"Rate limit reached for {exchange.model}. Please try again later.",
            "rate_limit_exceeded",
            kind="requests",
            retry_after=exchange.api.faults.retry_after,
        )
    if fault == "server_error":
        raise Refused(
            500,
            "The server had an error while processing your request. Sorry about that!",
            kind="server_error",
        )
    if fault == "refused":
        raise Refused(400, "Invalid prompt: it was flagged, and will not be answered.", "invalid_prompt", "messages")
    return (_streamed if chat.stream else _whole)(exchange, chat, tokens, fault)


def _whole(exchange: Exchange, chat: ChatRequest, tokens: list[str], fault: Fault | None) -> Reply:
    first, each = _latency(exchange, chat)
    if fault == "dropped" or fault == "hanging":
        return Reply(first if fault == "dropped" else 0.0, ending=fault)
    exchange.answer, finish, usage = "".join(tokens), finish_reason(chat, tokens), _usage(chat, tokens)
    message: dict[str, Any] = {"role": "assistant", "content": exchange.answer, "refusal": None, "annotations": []}
    completion = {
        "id": f"chatcmpl-{exchange.id}",
        "object": "chat.completion",
        "created": CREATED,
        "model": exchange.model,
        "choices": [
            {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
            for index in range(chat.choices)
        ],
        "usage": usage,
        "service_tier": "default",
    }
    return exchange.json(completion, first + each * len(tokens))


def _streamed(exchange: Exchange, chat: ChatRequest, tokens: list[str], fault: Fault | None) -> Reply:
    first, each = _latency(exchange, chat)

    def event(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        chunk: dict[str, Any] = {
            "id": f"chatcmpl-{exchange.id}",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": exchange.model,
            "service_tier": "default",
            "choices": choices,
        }
        if chat.include_usage:
            chunk["usage"] = usage
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def delta(content: dict[str, Any], finish: str | None = None) -> bytes:
        return b"".join(
            event([{"index": index, "delta": content, "logprobs": None, "finish_reason": finish}])
            for index in range(chat.choices)
        )

    pieces = [Piece(0.0, delta({"role": "assistant", "content": ""}))]
    pieces += [Piece(each if number else 0.0, delta({"content": token})) for number, token in enumerate(tokens)]
    end = delta({}, finish_reason(chat, tokens))
    if chat.include_usage:
        end += event([], _usage(chat, tokens))
    pieces.append(Piece(0.0, end + b"data: [DONE]\n\n"))
    headers = exchange.headers("text/event-stream; charset=utf-8", first)
    if fault == "dropped" or fault == "hanging":
        # it begins well, which makes it the nastier fault
        return Reply(first, 200, headers, tuple(pieces[: len(pieces) // 2]), fault)
    exchange.answer = "".join(tokens)
    return Reply(first, 200, headers, tuple(pieces))


def _latency(exchange: Exchange, chat: ChatRequest) -> tuple[float, float]:
    return exchange.api.latency(chat.model, exchange.api.topic(chat.question), exchange.random("latency"))


def finish_reason(chat: ChatRequest, tokens: list[str]) -> str:
    return "length" if len(tokens) == chat.limit else "stop"


def _usage(chat: ChatRequest, tokens: list[str]) -> dict[str, Any]:
    written = len(tokens) * chat.choices
    return {
        "prompt_tokens": chat.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": chat.prompt_tokens + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
