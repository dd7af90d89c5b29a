"""How the Responses API writes what a model has made: the object, and the events of its stream."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from .answers import split_tokens
from .exchange import CREATED, Exchange, Piece
from .generation import Generation
from .parameters import tier_of
from .response_request import ResponseRequest
from .stored import unfinished

# what comes back as it was sent, and what stands there where it was not sent
ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_options": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def response_object(exchange: Exchange, request: ResponseRequest, said: Generation) -> dict[str, Any]:
    """The response when it is ready."""
    asked = {name: value for name, value in request.asked.items() if value is not None}
    effort = request.effort if request.model.efforts else None
    return {
        "id": f"resp_{exchange.id}",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if said.is_cut else "completed",
        "background": request.background,
        "completed_at": None if said.is_cut else CREATED + round(said.seconds),
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if said.is_cut else None,
        "model": exchange.model,
        "output": _output(exchange, said),
        **{name: asked.get(name, default) for name, default in ECHOED.items()},
        "reasoning": {"summary": None, **(asked.get("reasoning") or {}), "effort": effort},
        "service_tier": tier_of(asked),
        "store": request.store,
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(asked.get("text") or {})},
        "usage": {
            "input_tokens": request.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said.written,
            "output_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
            "total_tokens": request.prompt_tokens + said.written,
        },
    }


def _output(exchange: Exchange, said: Generation) -> list[dict[str, Any]]:
    """The items: what was thought, of which nothing is shown, and what was said."""
    items: list[dict[str, Any]] = []
    if said.reasoning_tokens:
        # what was thought is sent sealed, to be sent back
        sealed = b64encode(exchange.id.encode()).decode()
        items.append({"id": f"rs_{exchange.id}", "type": "reasoning", "summary": [], "encrypted_content": sealed})
    if said.tokens:
        items.append(
            {
                "id": f"msg_{exchange.id}",
                "type": "message",
                "role": "assistant",
                "status": "incomplete" if said.is_cut else "completed",
                "content": [_part(said, said.said)],
            }
        )
    items += [
        {
            "id": f"fc_{call.id.removeprefix('call_')}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }
        for call in said.calls
    ]
    return items


def _part(said: Generation, text: str) -> dict[str, Any]:
    if said.is_refusal:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": (said.logprobs or []) if text else []}


def stream(response: dict[str, Any], said: Generation, begun: float) -> tuple[Piece, ...]:
    """The events that tell how the response comes about, from `begun` seconds on: the first word when it is there."""
    return tuple(
        Piece(wait, _event(kind, {"type": kind, "sequence_number": number, **content}))
        for number, (wait, kind, content) in enumerate(_events(response, said, said.first - begun))
    )


def _event(kind: str, content: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(content)}\n\n".encode()


Event = tuple[float, str, dict[str, Any]]  # seconds before it, its type, and what it says


def _events(response: dict[str, Any], said: Generation, wait: float) -> Iterator[Event]:
    if response["background"]:
        yield 0.0, "response.queued", {"response": unfinished(response, "queued")}
    begun = unfinished(response, "in_progress")
    yield 0.0, "response.created", {"response": begun}
    yield 0.0, "response.in_progress", {"response": begun}
    for index, item in enumerate(response["output"]):
        place = {"output_index": index}
        if item["type"] == "reasoning":
            yield 0.0, "response.output_item.added", {**place, "item": item}
            yield wait, "response.output_item.done", {**place, "item": item}
        elif item["type"] == "function_call":
            yield from _call(item, place, said, wait)
        else:
            yield from _message(item, place, said, wait)
        wait = 0.0
    yield wait, f"response.{response['status']}", {"response": response}


def _message(item: dict[str, Any], place: dict[str, int], said: Generation, wait: float) -> Iterator[Event]:
    begun, kind = {**item, "status": "in_progress", "content": []}, "refusal" if said.is_refusal else "output_text"
    yield wait, "response.output_item.added", {**place, "item": begun}
    part = {**place, "item_id": item["id"], "content_index": 0}
    yield 0.0, "response.content_part.added", {**part, "part": _part(said, "")}
    told = said.logprobs or []
    for number, token in enumerate(said.tokens):
        delta = {**part, "delta": token} | ({} if said.is_refusal else {"logprobs": told[number : number + 1]})
        yield said.each if number else 0.0, f"response.{kind}.delta", delta
    if said.is_refusal:
        yield 0.0, "response.refusal.done", {**part, "refusal": said.said}
    else:
        yield 0.0, "response.output_text.done", {**part, "text": said.said, "logprobs": told}
    yield 0.0, "response.content_part.done", {**part, "part": item["content"][0]}
    yield 0.0, "response.output_item.done", {**place, "item": item}


def _call(item: dict[str, Any], place: dict[str, int], said: Generation, wait: float) -> Iterator[Event]:
    yield wait, "response.output_item.added", {**place, "item": {**item, "status": "in_progress", "arguments": ""}}
    part = {**place, "item_id": item["id"]}
    for token in split_tokens(item["arguments"]):
        yield said.each, "response.function_call_arguments.delta", {**part, "delta": token}
    yield 0.0, "response.function_call_arguments.done", {**part, "name": item["name"], "arguments": item["arguments"]}
    yield 0.0, "response.output_item.done", {**place, "item": item}
