"""Puts the servers that the tests in this folder ask into `.servers/`, where they are not there yet.

    python tests/foreign/install.py

Takes about a quarter of a minute, and 120 MB; 330 MB where the machine has no Node.js of its own.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
SERVERS = HERE / ".servers"
PYTHON = SERVERS / "python"  # a virtual environment
PACKAGES = SERVERS / "node_modules"
INSTALLED = SERVERS / "installed"  # says for what; it is written last

WANTED = ("requirements.txt", "requirements-node.txt", "package.json", "install.py")
OLDEST_NODE = 20
PATIENCE = 300  # seconds with one command
NPM = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def install(environment: Mapping[str, str]) -> None:
    """Installs all of them, unless what is there was made for the same versions."""
    wanted = hashlib.sha256(b"\0".join((HERE / name).read_bytes() for name in WANTED)).hexdigest()
    with _alone():
        if INSTALLED.exists() and INSTALLED.read_text() == wanted and node():
            return
        for each in (INSTALLED, PYTHON, PACKAGES):
            shutil.rmtree(each) if each.is_dir() else each.unlink(missing_ok=True)
        _install(environment)
        INSTALLED.write_text(wanted)


def node() -> Path | None:
    """The machine's own Node.js where it is new enough and has npm, else the one that was installed here."""
    own = shutil.which("node")
    if own and shutil.which("npm"):
        version = subprocess.run([own, "--version"], capture_output=True, text=True, timeout=PATIENCE).stdout
        if (number := re.match(r"v(\d+)\.", version)) and int(number[1]) >= OLDEST_NODE:
            return Path(own)
    installed = PYTHON / "bin" / "node"
    return installed if installed.exists() else None


@contextmanager
def _alone() -> Iterator[None]:
    """Two processes of one run of the tests may come at once: the second one waits for the first."""
    SERVERS.mkdir(exist_ok=True)
    with (SERVERS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(environment: Mapping[str, str]) -> None:
    pip = [str(PYTHON / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([sys.executable, "-m", "venv", str(PYTHON)], environment)
    _run([*pip, "-r", str(HERE / "requirements.txt")], environment)
    if node() is None:
        _run([*pip, "-r", str(HERE / "requirements-node.txt")], environment)
    found = node()
    assert found is not None
    shutil.copy(HERE / "package.json", SERVERS)
    # npm looks for node on the PATH
    path = os.pathsep.join([str(found.parent), environment["PATH"]])
    npm = shutil.which("npm", path=path)
    assert npm is not None
    _run([npm, "install", *NPM], {**environment, "PATH": path})


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=SERVERS,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=PATIENCE,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")


if __name__ == "__main__":
    install(os.environ)
