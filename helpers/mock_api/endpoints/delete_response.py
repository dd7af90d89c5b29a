"""DELETE /v1/responses/{id}: it is kept no longer."""

from ..exchange import Exchange, Reply
from .retrieve_response import SECONDS, found


def reply(exchange: Exchange, _body: bytes) -> Reply:
    name = exchange.path.rpartition("/")[2]
    found(exchange, name)
    exchange.api.stored.delete(name)
    return exchange.json({"id": name, "object": "response", "deleted": True}, exchange.soon(SECONDS))
