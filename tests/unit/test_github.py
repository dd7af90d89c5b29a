"""What .github/ holds: forms that can be read, and a workflow that runs what the README says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FORMS = [path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = read(GITHUB / "workflows" / "ci.yml")["jobs"]
    return found


def commands(job: str) -> list[str]:
    return [step["run"] for step in jobs()[job]["steps"] if "run" in step]


def readme_commands() -> list[str]:
    """What a reader pastes to run the tests: on macOS and Linux, and on Windows."""
    section = (ROOT / "README.md").read_text("utf-8").split("## Run the tests")[1].split("\n## ")[0]
    return re.findall(r"```\w+\n(.*)\n```", section)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_what_github_wants_of_it(path: Path) -> None:
    form = read(path)
    assert form["name"] and form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["type"] in ("input", "textarea", "dropdown") and field["attributes"]["label"] for field in fields)
    assert any(field["validations"]["required"] for field in fields)


def test_there_is_a_form_for_each_kind() -> None:
    assert {path.stem for path in FORMS} == {"bug", "idea", "sentence"}


def test_linux_runs_all_of_it() -> None:
    assert jobs()["all"]["runs-on"] == "ubuntu-latest"
    assert commands("all") == ["bash .ci/run"]


def test_windows_and_macos_run_the_readmes_command() -> None:
    assert len(readme_commands()) == 2
    assert commands("tests")[:2] == readme_commands()
    matrix = jobs()["tests"]["strategy"]["matrix"]
    assert matrix == {"os": ["windows-latest", "macos-latest"], "python": ["3.11", "3.14"]}
