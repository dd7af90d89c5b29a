"""The door that is a server: HTTP on the loopback interface, from a thread of its own.

Only who means this computer is answered: a page in a browser whose name was made to point here (DNS rebinding) is not.
"""

import asyncio
import threading
from typing import Any

from aiohttp import web

from ..open_files import room
from .api import MockAPI
from .connections import Connection, Connections
from .requests import Refused

MOST_BYTES = 64 * 1024 * 1024  # of a request; far more than any prompt
TICK = 0.05  # seconds; how often a hanging request looks whether the API was closed
PATIENCE = 30.0  # seconds that a request may take to come whole; here it takes milliseconds
HERE = ("127.0.0.1", "localhost", "[::1]")


class Server:
    """Serves a `MockAPI` at `url`, on a free port of 127.0.0.1, until `stop()` or the end of the process.

    Only requests to one of the `names`, with its port, are answered. One that has not come whole after `patience`
    seconds is dropped. Of more than `most` connections at once (None: as many as this process may open) the one is
    closed that has waited longest without a whole request.
    Raises OSError where no socket can be had.
    """

    def __init__(
        self, api: MockAPI, *, names: tuple[str, ...] = HERE, patience: float = PATIENCE, most: int | None = None
    ) -> None:
        self.api = api
        self.url = ""
        self._hosts = names
        self._patience = patience
        self.most = most or room() // 2  # a call from this process has both of its ends open here
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(_only_the_servers_own)
        self._started = threading.Event()
        self._failed: BaseException | None = None
        # a daemon: it ends with the process, whatever the process was doing
        self._thread = threading.Thread(target=self._run, name="practice-api", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failed:
            raise self._failed

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        try:
            runner = self._loop.run_until_complete(self._open())
        except BaseException as error:
            self._failed = error
            return
        finally:
            self._started.set()
        self._loop.run_forever()
        self._listening.close()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _open(self) -> web.AppRunner:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # handler_cancellation: a client that hangs up ends its request here too
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        assert runner.server is not None
        connections = Connections(runner.server, self._patience, self.most)
        self._listening = await self._loop.create_server(connections, "127.0.0.1", 0, backlog=1024)
        port = self._listening.sockets[0].getsockname()[1]
        self._names = {f"{name}:{port}" for name in self._hosts}
        self.url = f"http://127.0.0.1:{port}/v1"
        connections.look()
        return runner

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        connection = request.transport and request.transport.get_protocol()
        if not isinstance(connection, Connection):  # it is closed already
            raise ConnectionResetError
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._names:
            return _misdirected(hosts)
        if request.host not in (hosts[0], hosts[0].rpartition(":")[0]):  # the address may name one, too, as for a proxy
            return _misdirected([request.host])
        body = await request.read()
        connection.whole()
        try:
            return await self._reply(request, body)
        finally:
            connection.answered()

    async def _reply(self, request: web.Request, body: bytes) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        api = self.api
        query = f"?{request.query_string}" if request.query_string else ""
        reply = api.handle(request.method, request.path + query, headers, body)
        await asyncio.sleep(reply.before)
        if reply.ending == "complete" and len(reply.pieces) == 1:
            return web.Response(status=reply.status, headers=reply.headers, body=reply.pieces[0].data)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        for piece in reply.pieces:
            await asyncio.sleep(piece.wait)
            if not response.prepared:
                await response.prepare(request)
            await response.write(piece.data)
        while reply.ending == "hanging" and not api.closed:
            await asyncio.sleep(TICK)
        if reply.ending != "complete" and request.transport is not None:
            request.transport.close()
        return response


def _misdirected(hosts: list[str]) -> web.Response:
    error = Refused(
        421,
        f"This is the workbook's mock API, and not {', '.join(hosts)[:100] or 'a server without a name'}. "
        "Call it by the address that connect() gives: it begins with http://127.0.0.1.",
        "misdirected_request",
    )
    response = web.json_response(error.body, status=error.status)
    response.force_close()
    return response


def _only_the_servers_own(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Makes the server's tasks, and no others.

    Python may collect a learner's forgotten client while this thread runs, and the SDK then tries to close it on the
    loop that it finds here, which is not the client's.
    """
    if getattr(coroutine, "__qualname__", "").endswith("Client.aclose"):
        coroutine.close()
        raise RuntimeError("A client is closed on its own loop.")
    return asyncio.Task(coroutine, loop=loop, **options)
