"""GET /v1/models/{model}: one model, as in the list of all."""

from ..exchange import Exchange, Reply
from ..requests import find
from .list_models import LIST_SECONDS, listed


def reply(exchange: Exchange, _body: bytes) -> Reply:
    name = exchange.path.removeprefix("/v1/models/")
    model = find(name, f"The model '{name}' does not exist", "model")
    return exchange.json(listed(model), exchange.soon(LIST_SECONDS))
