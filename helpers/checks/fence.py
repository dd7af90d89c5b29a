"""What would leave this computer while a check runs is refused before it is sent, and noted.

Stopped, whichever library asks for it, in the tasks and the threads of the learner's function: what goes off the
loopback interface (connections, datagrams, what is sent over a connection that was open before), look-ups of names,
Unix sockets, and other programs in each way in which Python starts them. An audit hook sees all that, below whatever
the libraries are; what has no audit event is met at its method.

Not stopped: compiled code with system calls of its own (pycurl, gRPC, ctypes), a descriptor that is written to without
its socket (`os.write`), a file on a network drive, and what a program that runs already passes on, when it is asked
over the loopback interface.
"""

import asyncio
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from ..wire import send
from ..wire.exchange import Exchange

PROGRAM = "another program"
ABOUT_THE_COMPUTER = ("platform", "distro", "uuid", "ctypes.util")  # modules that ask a little program what it is

Asked = Callable[..., str | None]  # given what an event or a method is given: who would be reached; None: it may go on
Look = Callable[[Asked, tuple[Any, ...], dict[str, Any]], None]


class Refused(OSError):
    """What was stopped at the fence."""


@contextmanager
def fence(allowed: str, ours: Callable[[], bool]) -> Iterator[list[str]]:
    """Refuses what `ours` says to be the run's own, where it would leave this computer.

    And, of whoever asks, each request to the service that does not go to `allowed`. Gives the list of what was refused
    to the run: hosts, or `PROGRAM`.
    """
    refused: list[str] = []
    gate = urlsplit(allowed).netloc

    def stop(what: str) -> None:
        if ours():
            refused.append(what)
        raise Refused(f"During a check nothing is sent to {what}.")

    def guard(exchange: Exchange) -> None:
        if exchange.url.netloc.decode() != gate:
            stop(exchange.url.host)

    def look(asked: Asked, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if ours() and (what := asked(*arguments, **named)) is not None:
            stop(what)

    with ExitStack() as afterwards:
        send.guards.insert(0, guard)
        afterwards.callback(send.guards.remove, guard)
        for thing, name, asked in _without_an_event():
            afterwards.enter_context(_met(thing, name, asked, look))
        _listen()
        _looks.append(look)
        afterwards.callback(_looks.remove, look)
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # a proxy on this computer would be a way out, too
        yield refused


# ---- where it is seen ----------------------------------------------------------------------------------------------

_looks: list[Look] = []  # of the checks that are running now
_listens = False


def _listen() -> None:
    """Once: an audit hook cannot be taken away again. While no check runs, it does nothing."""
    global _listens
    if not _listens:
        sys.addaudithook(_hear)
        _listens = True


listeners: list[Callable[..., None]] = []  # told of each file that is opened


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        for listener in list(listeners):
            listener(*arguments)
    if _looks and (asked := EVENTS.get(event)):
        for look in list(_looks):
            look(asked, arguments, {})


@contextmanager
def _met(thing: Any, name: str, asked: Asked, look: Look) -> Iterator[None]:
    """Looks at each call of a method or function before it is carried out; one that is not there is not called."""
    if not hasattr(thing, name):
        yield
        return
    original, own = getattr(thing, name), name in vars(thing)

    def watched(*arguments: Any, **named: Any) -> Any:
        look(asked, arguments, named)
        return original(*arguments, **named)

    setattr(thing, name, watched)
    try:
        yield
    finally:
        if own:
            setattr(thing, name, original)
        else:
            delattr(thing, name)


def _without_an_event() -> Iterator[tuple[Any, str, Asked]]:
    """Ways out that Python says nothing of, and those before which another may stand with a wrapper of its own."""
    for name in ("connect", "connect_ex", "sendto"):
        yield socket.socket, name, lambda sock, *arguments: _far(sock, arguments[-1])
    for kind in [socket.socket, *(module.SSLSocket for module in _loaded("ssl"))]:  # a connection of an earlier cell
        for name in ("send", "sendall", "sendfile"):
            yield kind, name, lambda sock, *_, **__: _far(sock, None)
    for module in _loaded("_posixsubprocess"):  # how multiprocessing starts its processes
        yield module, "fork_exec", _program
    if proactor := getattr(asyncio, "IocpProactor", None):  # the event loop of Windows
        yield proactor, "connect", lambda _, sock, address: _far(sock, address)
        yield proactor, "sendto", lambda _, sock, data, flags=0, addr=None: _far(sock, addr)
        yield proactor, "send", lambda _, sock, *rest: _far(sock, None)
    if "uvloop" in sys.modules or find_spec("uvloop"):  # has system calls of its own
        with suppress(ImportError):
            from uvloop import Loop  # type: ignore[import-not-found,unused-ignore]

            yield Loop, "create_connection", lambda _, factory, host=None, port=None, **__: _far_name(host)
            yield Loop, "create_datagram_endpoint", _datagrams
            yield Loop, "create_unix_connection", lambda _, factory, path=None, **__: path and f"{PROGRAM}, at {path}"
            yield Loop, "getaddrinfo", lambda _, host, *rest, **__: _far_name(host)
            yield Loop, "getnameinfo", lambda _, address, *rest: _far_name(address[0])
            yield Loop, "subprocess_exec", _program
            yield Loop, "subprocess_shell", _program


def _loaded(name: str) -> list[Any]:
    """The module, where this Python has it and something uses it."""
    return [sys.modules[name]] if name in sys.modules else []


# ---- what it would reach -------------------------------------------------------------------------------------------


def _far(sock: Any, address: Any, *_: Any) -> str | None:
    """Who is at the address (None: at the other end already), where that is not this process's own computer."""
    try:
        if address is None:
            address = sock.getpeername()
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            return _far_name(address[0])
    except (OSError, AttributeError, TypeError, LookupError):  # not connected, no socket, no address: Python says so
        return None
    if not address:  # a pair of sockets in this process
        return None
    return f"{PROGRAM}, at {_text(address)}"


def _far_name(host: Any, *_: Any) -> str | None:
    return None if host is None or _near(_text(host)) else _text(host)


def _datagrams(_: Any, factory: Any, local_addr: Any = None, remote_addr: Any = None, **__: Any) -> str | None:
    return _far_name(remote_addr[0]) if remote_addr else "another computer"


def _program(*_: Any, **__: Any) -> str | None:
    frame: Any = sys._getframe(1) if hasattr(sys, "_getframe") else None
    while frame is not None and frame.f_globals.get("__name__") in (__name__, "subprocess", "os"):
        frame = frame.f_back
    return None if frame is not None and frame.f_globals.get("__name__") in ABOUT_THE_COMPUTER else PROGRAM


EVENTS: dict[str, Asked] = {
    **dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg"), _far),
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), _far_name),
    "socket.getnameinfo": lambda address: _far_name(address[0]),
    **dict.fromkeys(
        (
            *("subprocess.Popen", "_winapi.CreateProcess", "pty.spawn"),
            *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
            *("os.startfile", "os.startfile/2"),
        ),
        _program,
    ),
}


def _text(name: Any) -> str:
    return bytes(name).decode(errors="replace") if isinstance(name, bytes | bytearray) else str(name)


def _near(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower() in ("", "localhost")
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
