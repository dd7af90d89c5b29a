"""requirements.txt is what requirements.in asks for, on every system, and names no index."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def lines(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text("utf-8").splitlines() if line.strip()]


def config() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_everything_that_is_wanted_is_pinned_and_says_why() -> None:
    pinned = {line.partition("==")[0] for line in lines("requirements.txt")}
    for line in lines("requirements.in"):
        if not line.startswith("#"):
            wanted, _, why = line.partition("#")
            assert re.split(r"[\[<>=]", wanted.strip())[0] in pinned, f"compile requirements.txt again: {wanted}"
            assert len(why.split()) > 3, f"one line on why {wanted.strip()} is there"


def test_no_index_address_and_every_system() -> None:
    text = (ROOT / "requirements.txt").read_text("utf-8")
    assert "index-url" not in text and "find-links" not in text and "://" not in text
    assert "sys_platform == 'win32'" in text and "sys_platform == 'darwin'" in text
    assert "-e ." in text.splitlines()


def test_the_tests_run_with_what_is_pinned() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE))
    for name in ("openai", "aiohttp", "jupyterlab", "nbval", "nest-asyncio2", "ipywidgets"):
        assert version(name) == pins[name], "install requirements.txt again"


def test_what_the_helpers_need_is_asked_for_alike() -> None:
    """pip takes it from pyproject.toml where only the helpers are installed, else from requirements.in."""
    asked = [line.partition("#")[0].strip() for line in lines("requirements.in") if not line.startswith("#")]
    needed = config()["project"]["dependencies"]
    assert set(needed) <= set(asked), "the same versions in pyproject.toml and in requirements.in"
    only_here = {re.split(r"[\[<>=]", each)[0] for each in asked if each not in needed} - {"-e ."}
    assert only_here == {"jupyterlab", "nbval", "pytest", "pytest-xdist", "hypothesis"}, (
        "what opens notebooks and runs tests stands in requirements.in only; what helpers/ needs in pyproject.toml too"
    )


def test_the_helpers_are_installed_with_their_data() -> None:
    assert config()["tool"]["setuptools"]["packages"]["find"]["include"] == ["helpers*"]
    assert config()["project"]["requires-python"] == ">=3.11"
