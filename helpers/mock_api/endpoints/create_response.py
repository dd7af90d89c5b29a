"""POST /v1/responses: a model's answer, whole, as a stream of events, or in the background."""

import json
from dataclasses import replace

from ..exchange import REFUSAL_SECONDS, Exchange, Reply
from ..generation import generate
from ..requests import read_json
from ..response_object import response_object, stream
from ..response_request import read_response_request
from ..stored import QUEUED_SECONDS, Stored
from ..tools import Turn


def reply(exchange: Exchange, body: bytes) -> Reply:
    asked = read_json(body)
    exchange.identify(json.dumps(asked, sort_keys=True))
    api = exchange.api
    request = read_response_request(asked, api.stored)
    said = generate(exchange, request, "input")
    # that it was taken is said before there is a word
    soon = min(exchange.soon(REFUSAL_SECONDS), said.first)
    response = response_object(exchange, request, said)
    headers = exchange.headers("text/event-stream; charset=utf-8", soon)
    if said.fault == "dropped" or said.fault == "hanging":
        if request.stream:
            pieces = stream(response, said, soon)
            return Reply(soon, 200, headers, pieces[: len(pieces) // 2], said.fault)
        return Reply(said.first if said.fault == "dropped" else 0.0, ending=said.fault)
    exchange.answer = said.text
    kept = Stored(response, (*request.spoken, Turn("assistant", said.text, said.calls)), said)
    if request.background:
        now = api.clock.now()
        kept = replace(kept, began=now, ready=now + QUEUED_SECONDS + said.seconds / api.clock.pace)
    if request.store:
        api.stored.keep(kept)
    if request.background and not request.stream:
        return exchange.json(kept.at(kept.began), soon)
    if request.stream:
        return Reply(soon, 200, headers, stream(response, said, soon))
    return exchange.json(response, said.seconds)
