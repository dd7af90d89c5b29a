"""Nothing leaves this computer while a check runs: what would is refused before it is sent, and noted."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from .. import wire
from ..mock_api import MockAPI
from .watchdog import time_up


class Refused(OSError):
    """What was stopped at the fence."""


@contextmanager
def fence(allowed: str, api: MockAPI) -> Iterator[list[str]]:
    """Refuses every request to another address than `allowed`, and every connection off the loopback interface.

    Gives the list of the hosts that were refused. When the API is closed, whoever still asks it is told so by TimeUp.
    """
    refused: list[str] = []
    gate = urlsplit(allowed).netloc

    def stop(host: object) -> None:
        refused.append(str(host))
        raise Refused(f"During a check nothing is sent to {host}.")

    def guard(request: httpx2.Request) -> None:
        if request.url.netloc.decode() != gate:
            stop(request.url.host)
        if api.closed:
            raise time_up(threading.get_ident())

    # beside the SDK's own way out: other libraries, and an http_client that wire.py does not know
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def near_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _near(address[0]):
            stop(address[0])
        connect(self, address)

    def near_names_only(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _near(name):
            stop(name)
        return getaddrinfo(host, *args, **options)

    wire.guards.insert(0, guard)
    socket.socket.connect = near_only  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = near_names_only
    try:
        yield refused
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.getaddrinfo = getaddrinfo
        wire.guards.remove(guard)


def _near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("", "localhost")
