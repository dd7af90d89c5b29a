"""POST /v1/responses/{id}/cancel: ends a response that is being made in the background; one that is ready stays so."""

from dataclasses import replace

from ..exchange import Exchange, Reply
from ..requests import Refused
from .retrieve_response import SECONDS, found


def reply(exchange: Exchange, _body: bytes) -> Reply:
    stored, now = found(exchange, exchange.path.split("/")[-2]), exchange.api.clock.now()
    if not stored.response["background"]:
        raise Refused(400, "Cannot cancel a synchronous response.")
    if now < stored.ready:
        stored = replace(stored, is_cancelled=True)
        exchange.api.stored.keep(stored)
    return exchange.json(stored.at(now), exchange.soon(SECONDS))
