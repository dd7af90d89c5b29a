"""Compares helpers/models.toml with the models that there are, and says in sentences what to mend.

    python tools/check_models.py           # with the names and dates that the installed openai package knows
    python tools/check_models.py --live    # and with the list of your account: one request, which costs nothing

Exits with 1 where something has to be done. --live takes the key that connect(live=True) would take, and refuses where
WORKBOOK_MODE=practice is set.
"""

import argparse
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from openai.types.shared import AllModels, ChatModel, chat_model

from helpers import WorkbookError, session

ROOT = Path(__file__).resolve().parent.parent
TOML = "helpers/models.toml"
MOST_DAYS = 90  # prices and dates that were read before are to be read again

# gpt-6.1-sol is version 6.1 of the family sol; a name with a day in it is a snapshot of another
NAME = re.compile(r"gpt-(?P<version>\d+(?:\.\d+)?)(?:-(?P<family>[a-z-]+))?")
# what the SDK writes below its list: - "gpt-5", "gpt-5-mini": Announced shutdown date: 2026-12-11.
NOTE = re.compile(r'^- (?P<names>"[^:]+"):\s+(?P<text>.*?)(?=^- |\Z)', re.DOTALL | re.MULTILINE)
DATE = re.compile(r"shutdown\s+date:\s+(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True)
class Listing:
    """The models that somebody lists. Dates are text, as in the list: 2027-01-14."""

    who: str
    names: frozenset[str]
    shutdown: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False  # whether a model without a date here is known to have none


# ---- the lists -------------------------------------------------------------------------------------------------------


def of_the_sdk() -> Listing:
    """What the installed SDK knows. It is as old as the SDK, and not all of its dates need be there."""
    return Listing("the SDK", frozenset(get_args(ChatModel)), _dates(inspect.getsource(chat_model)))


def _notes(source: str) -> Iterator[tuple[str, str]]:
    """The names that the SDK says something about, each with what it says."""
    for note in NOTE.finditer(source):
        for name in re.findall(r'"([^"]+)"', note["names"]):
            yield name, note["text"]


def _dates(source: str) -> dict[str, str]:
    return {name: found[1] for name, text in _notes(source) if (found := DATE.search(text))}


def of_the_account() -> Listing:
    """What the account really has. Raises WorkbookError, which never shows the key."""
    access = session.find_access()
    listed = session.check(access)()
    if listed is None:
        raise WorkbookError("This key may not see the list of models.", "Take one without restrictions.")
    dates = {name: str(day) for name, day in listed.items() if day}
    return Listing(f"your account at {urlsplit(access.url).hostname}", frozenset(listed), dates, complete=True)


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def problems(catalogue: dict[str, Any], listings: list[Listing], today: date) -> Iterator[str]:
    """What has to be done to the catalogue, in sentences. The last of the listings knows the dates best."""
    models = catalogue["models"]
    for listing in listings:
        yield from unknown_names(models, listing)
    yield from wrong_dates(models, listings[-1])
    yield from wrong_successors(models, listings)
    for name, entry in models.items():
        if "shutdown" in entry and entry["shutdown"] <= today:
            yield f"{name} was shut down on {entry['shutdown']}. Take it out of the catalogue, and of the lessons."
    if (today - catalogue["read"]).days > MOST_DAYS:
        yield f"Prices, names and dates were read more than {MOST_DAYS} days ago. Read them again, and set `read`."


def unknown_names(models: Mapping[str, Any], listing: Listing) -> Iterator[str]:
    for name in models:
        if name in listing.names:
            continue
        if not listing.complete and name in _all_names():
            yield f"{name} is known to {listing.who}, but not for chat completions, which the workbook makes."
        else:
            yield f"{name} is not known to {listing.who}. Check its spelling, or take it out."


def _all_names() -> set[str]:
    """The SDK's names for any kind of call."""
    return {name for part in get_args(AllModels) for name in get_args(part)}


def wrong_dates(models: Mapping[str, Any], listing: Listing) -> Iterator[str]:
    for name, entry in models.items():
        ours, theirs = str(entry.get("shutdown", "")), listing.shutdown.get(name, "")
        if theirs and not ours:
            yield f"{name} shuts down on {theirs}, says {listing.who}. Add: shutdown = {theirs}"
        elif theirs and ours != theirs:
            yield f"{name} shuts down on {theirs}, says {listing.who}; the catalogue says {ours}."
        elif ours and listing.complete and name in listing.names and not theirs:
            yield f"{name} has no shutdown date, says {listing.who}; the catalogue says {ours}."


def wrong_successors(models: Mapping[str, Any], listings: list[Listing]) -> Iterator[str]:
    """Who is told to take another model is to find it, and to be able to keep it for longer."""
    for name, entry in models.items():
        if not (successor := entry.get("successor")):
            continue
        for listing in listings:
            if successor not in listing.names:
                yield f"{successor}, the successor of {name}, is not known to {listing.who}. Name another one."
        dates = [listing.shutdown.get(successor) for listing in reversed(listings)]
        ends = next(filter(None, [*dates, str(models.get(successor, {}).get("shutdown", ""))]), None)
        if ends and ends <= str(entry.get("shutdown", "9999")):
            yield f"{successor}, the successor of {name}, shuts down no later than it: {ends}. Name another one."


# ---- what is good to know --------------------------------------------------------------------------------------------


def news(catalogue: dict[str, Any], today: date) -> Iterator[str]:
    """How old the catalogue is, and what the SDK knows of the same families that is newer."""
    days = (today - catalogue["read"]).days
    yield f"{TOML} was read on {catalogue['read']}, {days} day{'' if days == 1 else 's'} ago."
    given_up = {name for name, _ in _notes(inspect.getsource(chat_model))}
    for family, newest in _newest(catalogue["models"]).items():
        version = _split(newest)[1]
        newer = [
            name
            for name in get_args(ChatModel)
            if _split(name)[0] == family and _split(name)[1] > version and name not in given_up
        ]
        if newer:
            yield f"Newer than {newest}, and not in the catalogue: {', '.join(newer)}."


def _newest(names: Mapping[str, Any]) -> dict[str, str]:
    """The newest model of each family."""
    ordered = sorted(names, key=lambda name: _split(name)[1])
    return {family: name for name in ordered if (family := _split(name)[0]) is not None}


def _split(name: str) -> tuple[str | None, tuple[int, ...]]:
    """A model's family and version; None where the name is no such name."""
    if not (parts := NAME.fullmatch(name)):
        return None, ()
    return parts["family"] or "", tuple(int(part) for part in parts["version"].split("."))


# ---- the command -----------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--live", action="store_true", help="compare with your account's list too")
    options = parser.parse_args()
    catalogue, listings, today = tomllib.loads((ROOT / TOML).read_text("utf-8")), [of_the_sdk()], date.today()
    if options.live:
        try:
            listings.append(of_the_account())
        except WorkbookError as error:
            print(error)
            return 1
    for line in news(catalogue, today):
        print(line)
    found = list(problems(catalogue, listings, today))
    compared = " and ".join(listing.who for listing in listings)
    print("\n".join(found) or f"Nothing to do: {TOML} agrees with {compared}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
