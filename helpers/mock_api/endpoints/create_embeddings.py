"""POST /v1/embeddings: texts as vectors."""

import json
import sys
from array import array
from base64 import b64encode

from ..admission import enter, pass_limits
from ..embedding_request import read_embedding_request
from ..exchange import Exchange, Reply
from ..requests import read_json
from ..vectors import embed


def reply(exchange: Exchange, body: bytes) -> Reply:
    asked = read_json(body)
    exchange.identify(json.dumps(asked, sort_keys=True))
    request = read_embedding_request(asked)
    model, question = request.model, request.texts[-1]
    fault = enter(exchange, model.name, question)
    pass_limits(exchange, request.tokens, fault, "input")
    first, each = exchange.api.latency(model, exchange.api.topic(question), exchange.random("latency"))
    seconds = first + each * request.tokens
    if fault == "dropped" or fault == "hanging":
        return Reply(seconds if fault == "dropped" else 0.0, ending=fault)
    vectors = [embed(text, request.dimensions, model.dimensions or 0) for text in request.texts]
    written = _as_base64 if request.encoding == "base64" else list
    answer = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": written(vector)}
            for index, vector in enumerate(vectors)
        ],
        "model": model.name,
        "usage": {"prompt_tokens": request.tokens, "total_tokens": request.tokens},
    }
    return exchange.json(answer, seconds)


def _as_base64(vector: "array[float]") -> str:
    """Four bytes for each number, the lowest first."""
    if sys.byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return b64encode(vector.tobytes()).decode()
