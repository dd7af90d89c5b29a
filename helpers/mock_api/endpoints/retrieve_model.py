"""GET /v1/models/{model}: one model, as in the list of all."""

from ...catalog import MODELS
from ..exchange import Exchange, Reply
from ..requests import Refused
from .list_models import LIST_SECONDS, listed


def reply(exchange: Exchange, _body: bytes) -> Reply:
    name = exchange.path.removeprefix("/v1/models/")
    if name not in MODELS:
        raise Refused(404, f"The model '{name}' does not exist", "model_not_found", "model")
    return exchange.json(listed(MODELS[name]), exchange.soon(LIST_SECONDS))
