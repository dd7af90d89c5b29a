"""GET /v1/responses/{id}: a response that is kept, as far as it has come; or its events, also those to come."""

from collections.abc import Iterator

from ..exchange import Exchange, Piece, Reply
from ..requests import Refused
from ..response_object import stream
from ..stored import QUEUED_SECONDS, Stored

SECONDS = 0.1  # to look one up


def reply(exchange: Exchange, _body: bytes) -> Reply:
    stored, soon = found(exchange, exchange.path.rpartition("/")[2]), exchange.soon(SECONDS)
    if exchange.query.get("stream") != "true":
        return exchange.json(stored.at(exchange.api.clock.now()), soon)
    if not stored.response["background"] or stored.is_cancelled:
        raise Refused(400, "Only a response that is made in the background can be streamed again.", param="stream")
    after = exchange.query.get("starting_after", "-1")
    if not after.lstrip("-").isdecimal():
        raise Refused(400, "Invalid 'starting_after': give the number of an event.", "invalid_type", "starting_after")
    pieces = tuple(_still_to_come(exchange, stored, int(after)))
    return Reply(soon, 200, exchange.headers("text/event-stream; charset=utf-8", soon), pieces)


def _still_to_come(exchange: Exchange, stored: Stored, after: int) -> Iterator[Piece]:
    """The events behind one, each when it is due; what is past comes at once."""
    clock = exchange.api.clock
    now, due = (clock.now() - stored.began - QUEUED_SECONDS) * clock.pace, 0.0
    for number, piece in enumerate(stream(stored.response, stored.said, 0.0)):
        due += piece.wait
        if number > after:
            yield Piece(max(0.0, due - now), piece.data)
            now = max(now, due)


def found(exchange: Exchange, name: str) -> Stored:
    stored = exchange.api.stored.find(name)
    if stored is None:
        raise Refused(404, f"Response with id '{name[:100]}' not found.", param="id")
    return stored
