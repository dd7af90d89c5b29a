"""The scan for API keys, by the very commands of .ci/run and of the pre-commit hook: what they find, and what not.

Every key is made up when the test runs, so that none of them stands in a file of the workbook.
"""

import json
import os
import random
import re
import shlex
import shutil
import socket
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCANNER = Path(sys.executable).with_name("kingfisher")
RULES = "tools/secrets"
STEP = "== No key in anything that git would take"  # its headline in .ci/run

DIGITS = string.ascii_letters + string.digits
MARK = "T3Blbk" + "FJ"  # in the middle of OpenAI's keys; in one piece it would look like a part of one


def some(count: int, characters: str = DIGITS) -> str:
    return "".join(random.choices(characters, k=count))


KINDS: dict[str, Callable[[], str]] = {
    "project": lambda: f"sk-proj-{some(74, DIGITS + '-_')}{MARK}{some(74, DIGITS + '-_')}",
    "hyphen": lambda: f"sk-proj-{some(74, DIGITS + '-_')}{MARK}{some(73, DIGITS + '-_')}-",
    "service": lambda: f"sk-svcacct-{some(74, DIGITS + '-_')}{MARK}{some(74, DIGITS + '-_')}",
    "short": lambda: f"sk-proj-{some(20)}{MARK}{some(20)}",
    "old": lambda: f"sk-{some(20)}{MARK}{some(20)}",
    "unmarked": lambda: f"sk-{some(48)}",
    "azure": lambda: f"{some(52)}JQQ" + f"J99BCACYeBjFXJ3w3AAABACOG{some(4)}",
    "hex": lambda: some(32, "0123456789abcdef"),
}


def notebook(source: str, output: str = "") -> str:
    data = {"text/plain": [output]}
    outputs = [{"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}]
    cell = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "outputs": outputs, "source": source}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def widget(key: str) -> str:
    """A notebook that was saved with its widgets: one of them is a box with a key in it."""
    state = {"model_name": "PasswordModel", "state": {"description": "Key", "layout": "IPY_MODEL_1", "value": key}}
    saved = {"application/vnd.jupyter.widget-state+json": {"state": {some(32, "abcdef"): state}, "version_major": 2}}
    return json.dumps({"cells": [], "metadata": {"widgets": saved}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


# a file's name, and what stands in it
PLACES: dict[str, Callable[[str], str]] = {
    "source.ipynb": lambda key: notebook(f'client = AsyncOpenAI(api_key="{key}")'),
    "magic.ipynb": lambda key: notebook(f"%env AZURE_OPENAI_API_KEY={key}"),
    "output.ipynb": lambda key: notebook("client", f"AsyncOpenAI(api_key='{key}')"),
    "widget.ipynb": widget,
    "named.env": lambda key: f"OPENAI_API_KEY={key}\n",
    "script.py": lambda key: f'import os\n\nos.environ["AZURE_OPENAI_API_KEY"] = "{key}"\n',
}
PLANTED = [f"{kind}_{place}" for kind in KINDS for place in PLACES]


# ---- repositories, and the two commands ------------------------------------------------------------------------------


def git(repository: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=none"]
    subprocess.run(["git", *who, *arguments], cwd=repository, check=True, capture_output=True, timeout=30)


def commit(repository: Path) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "what is there")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A new repository with the workbook's rules, and with the scanner where .ci/run expects it."""
    shutil.copytree(ROOT / RULES, tmp_path / RULES)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "kingfisher").symlink_to(SCANNER)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def plant(repository: Path) -> list[str]:
    """Writes a file for each kind of key in each place. Gives the keys."""
    keys = []
    for name in PLANTED:
        kind, _, place = name.partition("_")
        keys.append(KINDS[kind]())
        (repository / name).write_text(PLACES[place](keys[-1]), encoding="utf-8")
    return keys


def of_ci() -> str:
    """What .ci/run runs under its headline."""
    step = (ROOT / ".ci" / "run").read_text("utf-8").partition(f'echo "{STEP}"\n')[2].partition('\necho "==')[0]
    assert "kingfisher scan" in step, f".ci/run has no scan under {STEP!r}"
    return step


def of_the_hook() -> str:
    """What pre-commit runs before each commit."""
    (entry,) = re.findall(r"^ +entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text("utf-8"), re.MULTILINE)
    return f"{shlex.quote(str(SCANNER.parent))}/{entry}"


def run(command: str, repository: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=repository,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def found(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The names of the files in which a key was found; the command has failed, and said so, where there are any."""
    files = {Path(path).name for path in re.findall(r"^ \|Path\.+: (.*)$", done.stdout, re.MULTILINE)}
    assert bool(files) == bool(done.returncode), done.stdout + done.stderr
    return files


def test_both_run_the_same_scanner() -> None:
    pins = [(ROOT / name).read_text("utf-8") for name in ("tools/requirements.txt", ".pre-commit-config.yaml")]
    versions = {re.findall(r"kingfisher-bin==[\d.]+", text)[0] for text in pins}
    assert len(versions) == 1, versions


# ---- what is found ---------------------------------------------------------------------------------------------------


def test_ci_finds_every_key_in_the_work_tree(repository: Path) -> None:
    keys = plant(repository)
    done = run(of_ci(), repository)
    assert sorted(set(PLANTED) - found(done)) == []
    assert "revoke it at the service" in done.stdout
    assert not any(key in done.stdout + done.stderr for key in keys), "the scan prints what it found"


def test_ci_finds_a_key_that_only_the_history_has(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "another")
    keys = plant(repository)
    commit(repository)
    git(repository, "checkout", "--quiet", "-")
    assert not (repository / PLANTED[0]).exists()
    done = run(of_ci(), repository)
    assert sorted(set(PLANTED) - found(done)) == []
    assert not any(key in done.stdout + done.stderr for key in keys)


def test_the_hook_finds_every_key_that_is_staged(repository: Path) -> None:
    keys = plant(repository)
    assert found(run(of_the_hook(), repository)) == set(), "what is not staged is not committed"
    git(repository, "add", "--all")
    done = run(of_the_hook(), repository)
    assert sorted(set(PLANTED) - found(done)) == []
    assert not any(key in done.stdout + done.stderr for key in keys)


# ---- what is not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".env", ".env.local", ".venv/bin/settings.py"])
def test_an_ignored_file_may_have_a_key(repository: Path, name: str) -> None:
    (repository / name).write_text(PLACES["named.env"](KINDS["project"]()))
    assert found(run(of_ci(), repository)) == set()
    git(repository, "add", "--all")
    assert found(run(of_the_hook(), repository)) == set()


def test_no_name_of_a_file_stops_the_scan(repository: Path) -> None:
    (repository / "deleted.txt").write_text("It was here.\n")
    commit(repository)
    (repository / "deleted.txt").unlink()
    for name in ("with blanks.txt", "ümlaut.txt", "s3", "--quiet"):  # s3 is a command of the scanner
        (repository / name).write_text("It is here.\n")
    assert found(run(of_ci(), repository)) == set()


def test_the_workbooks_own_files_have_none(repository: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, repository / name)
    git(repository, "add", "--all")
    assert found(run(of_the_hook(), repository)) == set()
    assert found(run(of_ci(), repository)) == set()


# ---- nothing is sent -------------------------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Stands in for the way out: who wants to send something would connect here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def through(listener: socket.socket) -> dict[str, str]:
    """The environment of a process whose proxy is the listener."""
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {each: address for name in names for each in (name, name.lower())}


@pytest.mark.parametrize("command", [of_ci, of_the_hook])
def test_nothing_is_sent(repository: Path, listener: socket.socket, command: Callable[[], str]) -> None:
    (repository / "named.env").write_text(PLACES["named.env"](KINDS["project"]()))
    git(repository, "add", "--all")
    assert found(run(command(), repository, **through(listener))) == {"named.env"}
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert "--no-validate" in command() and "--no-update-check" in command()
