"""The server's connections: who does not send a request whole in time is let go of, and so many may be open at once."""

import asyncio
from collections.abc import Callable

LOOKS = 4  # times that it looks within the patience


class Connections:
    """Those of one server, whose loop calls all of this.

    A request has `patience` seconds to come whole, however its bytes come. Of more than `most` connections the one is
    closed that has been waiting longest with half a request, else the one that has been idle longest.
    """

    def __init__(self, serve: Callable[[], asyncio.Protocol], patience: float, most: int) -> None:
        self._serve = serve
        self.patience = patience
        self.most = most
        self.open: set[Connection] = set()

    def __call__(self) -> "Connection":
        return Connection(self, self._serve())

    def look(self) -> None:
        """Lets go of who is too slow; to be called once on the loop, and from then on it comes back by itself."""
        loop = asyncio.get_running_loop()
        late = loop.time() - self.patience
        for connection in [each for each in self.open if each.is_sending and each.since < late]:
            connection.close()
        loop.call_later(self.patience / LOOKS, self.look)

    def make_room(self, newest: "Connection") -> None:
        """One too many: closes one that nothing is being answered on; if there is none, the newest."""
        if len(self.open) > self.most:
            waiting = [each for each in self.open if each is not newest and not each.is_answered]
            half = [each for each in waiting if each.is_sending]
            min(half or waiting or [newest], key=lambda each: each.since).close()


class Connection(asyncio.Protocol):
    """Stands between a connection and what reads its requests, and knows whether one is on its way."""

    def __init__(self, others: Connections, reader: asyncio.Protocol) -> None:
        self._others = others
        self._reader = reader
        self._transport: asyncio.Transport | None = None
        self._has_more = False  # bytes that came while a request was being answered
        self.is_sending = True  # a request is not whole yet; a connection is there for one
        self.is_answered = False  # a request is whole, and its answer is not
        self.since = 0.0  # since when what it is now

    def whole(self) -> None:
        """A request has come to its end."""
        self._now(is_sending=False, is_answered=True)
        self._has_more = False

    def answered(self) -> None:
        """So has its answer."""
        self._now(is_sending=self._has_more, is_answered=False)

    def close(self) -> None:
        self._others.open.discard(self)
        if self._transport is not None:
            self._transport.abort()

    def _now(self, *, is_sending: bool, is_answered: bool) -> None:
        self.is_sending, self.is_answered = is_sending, is_answered
        self.since = asyncio.get_running_loop().time()

    # ---- what asyncio calls ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._now(is_sending=True, is_answered=False)
        self._others.open.add(self)
        self._reader.connection_made(transport)
        self._others.make_room(self)

    def data_received(self, data: bytes) -> None:
        if self.is_answered:
            self._has_more = True
        elif not self.is_sending:
            self._now(is_sending=True, is_answered=False)
        self._reader.data_received(data)

    def eof_received(self) -> bool | None:
        return self._reader.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._others.open.discard(self)
        self._reader.connection_lost(error)

    def pause_writing(self) -> None:
        self._reader.pause_writing()

    def resume_writing(self) -> None:
        self._reader.resume_writing()
