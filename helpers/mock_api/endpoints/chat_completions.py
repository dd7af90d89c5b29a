"""POST /v1/chat/completions: a model's answer, whole or as a stream."""

import json
from typing import Any

from ..chat_request import ChatRequest, read_chat
from ..exchange import CREATED, Exchange, Piece, Reply
from ..generation import Generation, call_tokens, generate
from ..requests import read_json
from ..tools import Call


def reply(exchange: Exchange, body: bytes) -> Reply:
    asked = read_json(body)
    exchange.identify(json.dumps(asked, sort_keys=True))
    chat = read_chat(asked)
    said = generate(exchange, chat, "messages")
    return (_streamed if chat.stream else _whole)(exchange, chat, said)


def _whole(exchange: Exchange, chat: ChatRequest, said: Generation) -> Reply:
    if said.fault == "dropped" or said.fault == "hanging":
        return Reply(said.first if said.fault == "dropped" else 0.0, ending=said.fault)
    exchange.answer, finish = said.text, finish_reason(chat, said)
    content = None if said.is_refusal or said.calls else said.text
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": said.refusal, "annotations": []}
    if said.calls:
        message["tool_calls"] = [_call(call, call.arguments) for call in said.calls]
    completion = {
        "id": f"chatcmpl-{exchange.id}",
        "object": "chat.completion",
        "created": CREATED,
        "model": exchange.model,
        "choices": [
            {"index": index, "message": message, "logprobs": _logprobs(said.logprobs), "finish_reason": finish}
            for index in range(chat.choices)
        ],
        "usage": _usage(chat, said),
        "service_tier": chat.service_tier,
    }
    return exchange.json(completion, said.seconds)


def _streamed(exchange: Exchange, chat: ChatRequest, said: Generation) -> Reply:
    def event(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        chunk: dict[str, Any] = {
            "id": f"chatcmpl-{exchange.id}",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": exchange.model,
            "service_tier": chat.service_tier,
            "choices": choices,
        }
        if chat.include_usage:
            chunk["usage"] = usage
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def delta(content: dict[str, Any], finish: str | None = None, told: list[dict[str, Any]] | None = None) -> bytes:
        return b"".join(
            event([{"index": index, "delta": content, "logprobs": _logprobs(told), "finish_reason": finish}])
            for index in range(chat.choices)
        )

    start = None if said.is_refusal or said.calls else ""
    pieces = [Piece(0.0, delta({"role": "assistant", "content": start, "refusal": None}))]
    name = "refusal" if said.is_refusal else "content"
    for number, token in enumerate(said.tokens):
        told = said.logprobs and said.logprobs[number : number + 1]
        pieces.append(Piece(said.each if number else 0.0, delta({name: token}, told=told)))
    for index, call in enumerate(said.calls):
        pieces.append(Piece(0.0, delta({"tool_calls": [{"index": index, **_call(call, "")}]})))
        for token in call_tokens(call):
            part = {"index": index, "function": {"arguments": token}}
            pieces.append(Piece(said.each, delta({"tool_calls": [part]})))
    end = delta({}, finish_reason(chat, said))
    if chat.include_usage:
        end += event([], _usage(chat, said))
    pieces.append(Piece(0.0, end + b"data: [DONE]\n\n"))
    headers = exchange.headers("text/event-stream; charset=utf-8", said.first)
    if said.fault == "dropped" or said.fault == "hanging":
        # it begins well, which makes it the nastier fault
        return Reply(said.first, 200, headers, tuple(pieces[: len(pieces) // 2]), said.fault)
    exchange.answer = said.text
    return Reply(said.first, 200, headers, tuple(pieces))


def finish_reason(chat: ChatRequest, said: Generation) -> str:
    if said.is_cut:
        return "length"
    # a call that had to be made is no decision of the model's
    return "tool_calls" if said.calls and chat.toolbox.choice != "named" else "stop"


def _call(call: Call, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _logprobs(told: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    return None if told is None else {"content": told, "refusal": None}


def _usage(chat: ChatRequest, said: Generation) -> dict[str, Any]:
    written = said.written * chat.choices
    return {
        "prompt_tokens": chat.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": chat.prompt_tokens + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": said.reasoning_tokens * chat.choices,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
