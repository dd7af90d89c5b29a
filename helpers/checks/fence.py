"""Nothing leaves this computer while a check runs: what would is refused before it is sent, and noted."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..wire import send
from ..wire.exchange import Exchange


class Refused(OSError):
    """What was stopped at the fence."""


@contextmanager
def fence(allowed: str, ours: Callable[[], bool]) -> Iterator[list[str]]:
    """Refuses every request to another address than `allowed`, and everything that would go off the loopback interface.

    Gives the list of the hosts that were refused to the run itself; `ours` says whether that is who asks.
    """
    refused: list[str] = []
    gate = urlsplit(allowed).netloc

    def stop(host: object) -> None:
        if ours():
            refused.append(str(host))
        raise Refused(f"During a check nothing is sent to {host}.")

    def guard(exchange: Exchange) -> None:
        if exchange.url.netloc.decode() != gate:
            stop(exchange.url.host)

    # beside the SDK's own way out: other libraries, and an http_client that `send` does not know
    def near_only(original: Any) -> Any:
        def method(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _near(address[0]):
                stop(address[0])
            return original(self, *arguments)

        return method

    def near_names_only(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _near(name):
            stop(name)
        return getaddrinfo(host, *args, **options)

    send.guards.insert(0, guard)
    ways_out = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    getaddrinfo = socket.getaddrinfo
    for name, original in ways_out.items():
        setattr(socket.socket, name, near_only(original))
    socket.getaddrinfo = near_names_only
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # a proxy on this computer would be a way out, too
    try:
        yield refused
    finally:
        for name, original in ways_out.items():
            setattr(socket.socket, name, original)
        socket.getaddrinfo = getaddrinfo
        send.guards.remove(guard)


def _near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("", "localhost")
