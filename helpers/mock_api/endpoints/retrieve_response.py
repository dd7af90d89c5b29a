"""GET /v1/responses/{id}: a response that is kept, as far as it has come."""

from ..exchange import Exchange, Reply
from ..requests import Refused
from ..stored import Stored

SECONDS = 0.1  # to look one up


def reply(exchange: Exchange, _body: bytes) -> Reply:
    stored = found(exchange, exchange.path.rpartition("/")[2])
    return exchange.json(stored.at(exchange.api.clock.now()), exchange.soon(SECONDS))


def found(exchange: Exchange, name: str) -> Stored:
    stored = exchange.api.stored.find(name)
    if stored is None:
        raise Refused(404, f"Response with id '{name[:100]}' not found.", param="id")
    return stored
