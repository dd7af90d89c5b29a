"""The mock API's server, met with raw sockets: who is answered, and what becomes of who does not send all."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from openai import AsyncOpenAI

from helpers.mock_api import Faults, MockAPI
from helpers.mock_api.server import Server

BODY = json.dumps({"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is Go?"}]}).encode()
LONG = 20.0  # seconds in which what has to happen happens; nothing waits for them to be over


@pytest.fixture(autouse=True)
def past_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.stop()


def port_of(server: Server) -> int:
    return int(server.url.split(":")[2].split("/")[0])


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(server)), timeout=LONG)


def request(server: Server, host: str | None = "127.0.0.1:{port}") -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", "Authorization: Bearer any", f"Content-Length: {len(BODY)}"]
    lines += [f"Host: {host.format(port=port_of(server))}"] if host is not None else []
    return "\r\n".join([*lines, "", ""]).encode() + BODY


def answer(sock: socket.socket) -> tuple[int, dict]:
    """One answer: its status and its JSON."""
    got = b""
    while b"\r\n\r\n" not in got:
        if not (more := sock.recv(65536)):
            raise ConnectionResetError
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += sock.recv(65536)
    return int(head.split()[1]), json.loads(body)


def is_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def until_served(server: Server, requests: int) -> None:
    until = time.monotonic() + LONG
    while len(server.api.served) < requests:
        assert time.monotonic() < until
        time.sleep(0.01)


# ---- whom it answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_who_means_this_computer_is_answered(host: str, servers: list[Server]) -> None:
    servers.append(server := Server(MockAPI(pace=0.001)))
    with connected(server) as sock:
        sock.sendall(request(server, host))
        assert answer(sock)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:{port}",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:1",
            "127.0.0.1.evil.example:{port}",
        ),
        *("localhost.evil.example:{port}", "192.0.2.1:{port}", "", "x@127.0.0.1:{port}", None),
        "127.0.0.1:{port}\r\nHost: evil.example",
    ],
)
def test_a_name_that_was_made_to_point_here_is_not_answered(host: str | None, servers: list[Server]) -> None:
    servers.append(server := Server(MockAPI(pace=0.001)))
    with connected(server) as sock:
        sock.sendall(request(server, host))
        if host is None or "\r\n" in host:  # none or two of them is no HTTP at all
            assert sock.recv(65536).split()[1] in (b"400", b"421")
        else:
            status, said = answer(sock)
            assert (status, said["error"]["code"]) == (421, "misdirected_request")
            assert "Call it by the address that connect() gives" in said["error"]["message"]
    assert not server.api.served, "nothing was asked"


def test_another_name_in_the_address_is_not_answered_either(servers: list[Server]) -> None:
    """As a proxy is asked: the address counts, and not the header."""
    servers.append(server := Server(MockAPI(pace=0.001)))
    for name, status in ((b"evil.example", 421), (server.url.split("/")[2].encode(), 200)):
        with connected(server) as sock:
            sock.sendall(request(server, "127.0.0.1:{port}").replace(b" /v1", b" http://" + name + b"/v1", 1))
            assert answer(sock)[0] == status


def test_another_name_is_answered_where_the_server_was_told_it(servers: list[Server]) -> None:
    servers.append(server := Server(MockAPI(pace=0.001), names=("bigbox",)))
    for host, status in (("bigbox:{port}", 200), ("127.0.0.1:{port}", 421)):
        with connected(server) as sock:
            sock.sendall(request(server, host))
            assert answer(sock)[0] == status


# ---- who does not send all -----------------------------------------------------------------------------------------

HALVES = {
    "nothing": lambda whole: b"",
    "half a line": lambda whole: whole[:9],
    "half the headers": lambda whole: whole[:60],
    "half the body": lambda whole: whole[:-9],
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_half_a_request_is_let_go_of(half, servers: list[Server]) -> None:  # type: ignore[no-untyped-def]
    servers.append(server := Server(MockAPI(pace=0.001), patience=0.2))
    with connected(server) as sock:
        sock.sendall(half(request(server)))
        assert is_closed(sock)


def test_who_sends_a_byte_now_and_then_is_let_go_of_too(servers: list[Server]) -> None:
    servers.append(server := Server(MockAPI(pace=0.001), patience=0.3))
    with connected(server) as sock:
        over = threading.Event()

        def drip() -> None:
            for byte in request(server):
                try:
                    sock.sendall(bytes([byte]))
                except OSError:
                    return
                if over.wait(0.05):
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        assert is_closed(sock)
        over.set()
        thread.join(LONG)


def test_the_second_request_of_a_connection_has_as_long_as_the_first(servers: list[Server]) -> None:
    servers.append(server := Server(MockAPI(pace=0.001), patience=0.3))
    with connected(server) as sock:
        for _ in range(2):
            sock.sendall(request(server))
            assert answer(sock)[0] == 200
        sock.sendall(request(server)[:50])
        assert is_closed(sock)


def test_half_a_request_that_came_while_another_was_answered_is_let_go_of(servers: list[Server]) -> None:
    servers.append(server := Server(MockAPI(), patience=0.3))
    server.api.latency = lambda *_: (0.5, 0.0)  # type: ignore[method-assign]
    with connected(server) as sock:
        sock.sendall(request(server))
        until_served(server, 1)
        sock.sendall(request(server)[:50])
        assert answer(sock)[0] == 200
        assert is_closed(sock)


def test_an_answer_may_take_longer_than_a_request_and_a_connection_may_rest(servers: list[Server]) -> None:
    """Patience is for what comes in; a model may think, and a client may keep its connection for the next call."""
    servers.append(server := Server(MockAPI(pace=0.001), patience=0.1))
    server.api.latency = lambda *_: (0.6, 0.0)  # type: ignore[method-assign]
    with connected(server) as sock, connected(server) as other:
        for _ in range(2):
            sock.sendall(request(server))
            assert answer(sock)[0] == 200
            assert is_closed(other), "its patience was over long ago"


def test_halves_do_not_keep_others_from_being_answered_and_do_not_pile_up(servers: list[Server]) -> None:
    most = 100
    servers.append(server := Server(MockAPI(pace=0.001), most=most))
    with ExitStack() as opened, closing(connected(server)) as in_use:
        in_use.sendall(request(server))
        assert answer(in_use)[0] == 200
        halves = []
        for _ in range(3 * most):
            halves.append(opened.enter_context(connected(server)))
            halves[-1].sendall(request(server)[:50])
        with connected(server) as sock:
            sock.sendall(request(server))
            assert answer(sock)[0] == 200
        in_use.sendall(request(server))
        assert answer(in_use)[0] == 200, "who is served already is not closed for who never finishes"
        for half in halves[: 2 * most]:
            assert is_closed(half), "the oldest give way"
        halves[-1].sendall(request(server)[50:])
        assert answer(halves[-1])[0] == 200, "the newest may still end its request"


def test_where_all_are_being_answered_a_further_one_has_to_wait_for_another_day(servers: list[Server]) -> None:
    api = MockAPI(pace=0.001)
    api.reset(faults=Faults(hanging=1))
    servers.append(server := Server(api, most=5))
    with ExitStack() as opened:
        busy = [opened.enter_context(connected(server)) for _ in range(5)]
        for sock in busy:
            sock.sendall(request(server))
        until_served(server, 5)
        with connected(server) as late:
            assert is_closed(late)
        for sock in busy:
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.recv(1)


def test_a_client_of_the_sdk_goes_on_where_its_kept_connection_was_closed(servers: list[Server]) -> None:
    servers.append(server := Server(MockAPI(pace=0.001), most=3))

    async def main() -> list[str]:
        async with AsyncOpenAI(base_url=server.url, api_key="any") as client:
            models = [(await client.models.list()).data[0].id]
            with ExitStack() as opened:
                for _ in range(3):  # idle ones; the client's is the oldest of them
                    sock = opened.enter_context(connected(server))
                    sock.sendall(request(server))
                    answer(sock)
                models.append((await client.models.list()).data[0].id)
            return models

    first, second = asyncio.run(main())
    assert first == second
