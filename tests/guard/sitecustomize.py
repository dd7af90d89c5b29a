"""Keeps every Python process of the tests on this machine: Python imports this file when it starts."""

import ipaddress
import socket
from typing import Any


def only_loopback() -> None:
    """Makes `connect` refuse any address but the loopback interface's."""

    def guarded(original: Any) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
                raise PermissionError(f"A test tried to reach {address[0]}; tests stay on this machine.")
            return original(self, address)

        return connect

    socket.socket.connect = guarded(socket.socket.connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded(socket.socket.connect_ex)  # type: ignore[method-assign]


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


only_loopback()
