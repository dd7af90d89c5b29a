"""GET /v1/models: all models that can be asked."""

from typing import Any

from ...catalog import MODELS, Model
from ..exchange import CREATED, Exchange, Reply

LIST_SECONDS = 0.15  # the list of models, or one of them


def reply(exchange: Exchange, _body: bytes) -> Reply:
    return exchange.json(
        {"object": "list", "data": [listed(model) for model in MODELS.values()]},
        exchange.soon(LIST_SECONDS),
    )


def listed(model: Model) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": model.name, "object": "model", "created": CREATED, "owned_by": "system"}
    if model.shutdown:
        entry["shutdown_date"] = model.shutdown.isoformat()
    return entry
