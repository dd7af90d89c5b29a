"""tools/check_models.py: what it finds wrong with catalogues that are wrong in one way, and how it asks an account."""

import copy
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from notebooks.kernel import ROOT

from helpers.mock_api import MockAPI
from helpers.mock_api.faults import Faults
from helpers.mock_api.server import Server

sys.path.insert(0, str(ROOT / "tools"))

import check_models
from check_models import Listing

TODAY = date(2026, 11, 23)
CATALOGUE: dict[str, Any] = {
    "read": date(2026, 11, 22),
    "models": {
        "gpt-6-luna": {},
        "gpt-6.1-sol": {},
        "gpt-4o": {"shutdown": date(2027, 1, 14), "successor": "gpt-6.1-sol"},
    },
}
NAMES = frozenset(CATALOGUE["models"])
DATES = {"gpt-4o": "2027-01-14"}
SDK = Listing("the SDK", NAMES, DATES)
ACCOUNT = Listing("your account", NAMES, DATES, complete=True)
KEY = "sk-not-to-be-shown"
Tool = Callable[..., tuple[int, str]]


def said(catalogue: dict[str, Any], *listings: Listing, today: date = TODAY) -> str:
    """What has to be done, in one text."""
    return "\n".join(check_models.problems(catalogue, list(listings) or [SDK, ACCOUNT], today))


def doctored(name: str, **entry: object) -> dict[str, Any]:
    """The catalogue with another entry for a model."""
    catalogue = copy.deepcopy(CATALOGUE)
    catalogue["models"][name] = entry
    return catalogue


# ---- with lists ------------------------------------------------------------------------------------------------------


def test_nothing_to_do() -> None:
    assert said(CATALOGUE, SDK) == said(CATALOGUE, SDK, ACCOUNT) == ""


@pytest.mark.parametrize(
    ("catalogue", "sentences"),
    [
        (
            doctored("gpt-6-lunar"),
            ["gpt-6-lunar is not known to the SDK. Check its spelling", "gpt-6-lunar is not known to your account."],
        ),
        (doctored("gpt-4o"), ["gpt-4o shuts down on 2027-01-14, says your account. Add: shutdown = 2027-01-14"]),
        (
            doctored("gpt-4o", shutdown=date(2027, 2, 1)),
            ["gpt-4o shuts down on 2027-01-14, says your account; the catalogue says 2027-02-01."],
        ),
        (
            doctored("gpt-6-luna", shutdown=date(2027, 2, 1)),
            ["gpt-6-luna has no shutdown date, says your account; the catalogue says 2027-02-01."],
        ),
        (
            doctored("gpt-4o", shutdown=date(2027, 1, 14), successor="gpt-7"),
            [
                "gpt-7, the successor of gpt-4o, is not known to the SDK. Name another one.",
                "gpt-7, the successor of gpt-4o, is not known to your account. Name another one.",
            ],
        ),
        (
            doctored("gpt-6-luna", successor="gpt-4o"),
            ["gpt-4o, the successor of gpt-6-luna, shuts down no later than it: 2027-01-14. Name another one."],
        ),
    ],
)
def test_what_is_wrong_with_a_model_is_said(catalogue: dict[str, Any], sentences: list[str]) -> None:
    lines = said(catalogue).splitlines()
    assert len(lines) == len(sentences)
    assert all(line.startswith(sentence) for line, sentence in zip(lines, sentences, strict=True)), lines


def test_a_successor_that_ends_sooner_is_noticed_wherever_its_date_stands() -> None:
    soon, sooner = date(2027, 1, 14), date(2026, 12, 11)
    in_the_catalogue = doctored("gpt-6.1-sol", shutdown=sooner)
    assert "gpt-6.1-sol, the successor of gpt-4o, shuts down no later than it: 2026-12-11" in said(
        in_the_catalogue, SDK
    )
    listed = Listing("your account", NAMES, {**DATES, "gpt-6.1-sol": str(soon)}, complete=True)
    assert "gpt-6.1-sol, the successor of gpt-4o, shuts down no later than it: 2027-01-14" in said(
        CATALOGUE, SDK, listed
    )


def test_the_accounts_dates_are_truer_than_the_sdks() -> None:
    old = Listing("the SDK", NAMES, {"gpt-4o": "2026-12-01"})
    assert "says the SDK; the catalogue says 2027-01-14" in said(CATALOGUE, old)
    assert said(CATALOGUE, old, ACCOUNT) == ""


def test_the_sdk_need_not_know_every_date() -> None:
    assert said(CATALOGUE, Listing("the SDK", NAMES)) == ""


def test_what_time_does_to_a_catalogue() -> None:
    assert "gpt-4o was shut down on 2027-01-14. Take it out" in said(CATALOGUE, today=date(2027, 1, 14))
    assert said(CATALOGUE, today=date(2027, 1, 13)) == ""
    assert "read more than 90 days ago. Read them again" in said(CATALOGUE, today=date(2027, 2, 21))


# ---- with the installed SDK ------------------------------------------------------------------------------------------


def test_the_sdks_names_and_dates_are_read() -> None:
    sdk = check_models.of_the_sdk()
    assert {"gpt-6-luna", "gpt-4o"} <= sdk.names
    assert sdk.shutdown["gpt-5-mini-2025-08-07"] == "2026-12-11", "several names share a note"
    assert sdk.shutdown["gpt-3.5-turbo-1106"] == "2026-09-28", "the last note"
    assert "gpt-6-luna" not in sdk.shutdown and "gpt-5.1-mini" not in sdk.shutdown


def test_a_name_that_is_not_for_chat_is_told_apart() -> None:
    assert "is known to the SDK, but not for chat completions" in said(doctored("o3-pro"), SDK)


def test_the_workbooks_own_catalogue_agrees_with_the_sdk() -> None:
    own = tomllib.loads((ROOT / check_models.TOML).read_text("utf-8"))
    assert said(own, check_models.of_the_sdk(), today=own["read"]) == ""


def test_what_is_newer_is_only_told() -> None:
    age, *newer = check_models.news(CATALOGUE, TODAY)
    assert age == "helpers/models.toml was read on 2026-11-22, 1 day ago."
    assert newer == ["Newer than gpt-6.1-sol, and not in the catalogue: gpt-6.2-sol."]


# ---- with an account -------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(MockAPI(pace=0.01))
    yield server
    server.stop()


@pytest.fixture
def tool(
    fresh_session: object,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Tool:
    """The tool with --live, for an account at the mock server. Gives its exit status, and what it says."""
    monkeypatch.delenv("WORKBOOK_MODE")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.chdir(tmp_path)  # where an author's .env does not stand
    (tmp_path / "helpers").mkdir()
    text = (ROOT / check_models.TOML).read_text("utf-8")
    monkeypatch.setattr(check_models, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["check_models.py", "--live"])

    def run(*changes: tuple[str, str]) -> tuple[int, str]:
        doctored = text.replace(text.partition("read = ")[2][:10], str(date.today()))
        for old, new in changes:
            assert old in doctored
            doctored = doctored.replace(old, new)
        (tmp_path / check_models.TOML).write_text(doctored, "utf-8")
        status, out = check_models.main(), "".join(capsys.readouterr())
        assert KEY not in out and "Traceback" not in out
        return status, out

    return run


def test_one_request_is_sent(tool: Tool, server: Server) -> None:
    _, out = tool()
    assert [served.path for served in server.api.served] == ["/v1/models"]
    assert "was read on" in out


def test_a_catalogue_and_an_account_that_differ(tool: Tool) -> None:
    status, out = tool(('[models."gpt-6-luna"]', '[models."gpt-6-moon"]'), ("2027-01-14", "2027-03-01"))
    assert status == 1
    assert "gpt-6-moon is not known to your account at 127.0.0.1. Check its spelling" in out
    assert "gpt-4o shuts down on 2027-01-14, says your account at 127.0.0.1; the catalogue says 2027-03-01." in out


def test_a_catalogue_and_an_account_that_agree(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    # whatever the day is on which this runs
    problems = check_models.problems
    monkeypatch.setattr(
        check_models, "problems", lambda catalogue, listings, today: problems(catalogue, listings, TODAY)
    )
    assert tool()[0] == 0
    assert "Nothing to do: helpers/models.toml agrees with the SDK and your account at 127.0.0.1." in tool()[1]


def test_a_wrong_key_is_said_in_words(tool: Tool, server: Server) -> None:
    server.api.reset(faults=Faults(expired_key=True))
    status, out = tool()
    assert status == 1
    assert out.startswith(f"{server.url} did not accept the key in the environment (401)")


def test_no_network_is_said_in_words(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")  # nobody listens there
    status, out = tool()
    assert status == 1
    assert out.startswith("Nobody answers at http://127.0.0.1:9/v1.")


def test_practice_mode_forbids_it(tool: Tool, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBOOK_MODE", "Practice")
    status, out = tool()
    assert status == 1
    assert out.startswith("Live mode is switched off here (WORKBOOK_MODE=practice).")
    assert not server.api.served
