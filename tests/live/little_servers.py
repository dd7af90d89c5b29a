"""Servers that speak something else than a model service, or nothing at all."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

Talk = Callable[[socket.socket], object]


@contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """Lets `talk` speak with whoever comes; gives the port."""
    over = threading.Event()

    def speak(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(5)
            talk(connection)

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            if over.is_set():
                connection.close()
                return
            threading.Thread(target=speak, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            over.set()
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            thread.join(5)


def answers(text: str, came: list[str] | None = None) -> Talk:
    """Sends that, once it was asked; what was asked is put into `came`."""

    def talk(connection: socket.socket) -> None:
        request = connection.recv(65_536).decode("latin-1")
        if came is not None:
            came.append(request)
        connection.sendall(text.encode())

    return talk


def hangs_up(connection: socket.socket) -> None:
    connection.recv(65_536)


def says_nothing(connection: socket.socket) -> None:
    with suppress(OSError):
        while connection.recv(65_536):
            pass


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody has signed, with its private key, made now."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here to make a certificate with")
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    made = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout {file}.key -out {file}"
    subprocess.run([*made.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return file


def encrypted(talk: Talk, certificate: Path) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")

    def encrypting(connection: socket.socket) -> None:
        with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secure:
            talk(secure)

    return encrypting
