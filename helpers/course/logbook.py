"""What a learner has done so far, kept in a file of their own that git does not see."""

import csv
import json
import os
import tempfile
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from ..errors import WorkbookError
from ..words import counted
from .lessons import lessons
from .manifest import ROOT, manifest

FILE = ROOT / "exercises" / ".progress.json"
MOST_BYTES = 1_000_000
OUTCOMES = ("not attempted", "failed", "broken", "passed")
COLUMNS = ("task", "title", "outcome", "checks", "hints", "solution_seen", "passed_at")


@dataclass(frozen=True)
class Record:
    """One task. `checks` and `hints` are how many; `passed_at` is when it first passed, in UTC."""

    outcome: str = "not attempted"  # the best so far counts: what has passed stays passed
    checks: int = 0
    hints: int = 0
    solution_seen: bool = False
    passed_at: str | None = None


_kept: dict[str, Record] = {}  # what could not be saved


def file() -> Path:
    """Where it is kept: WORKBOOK_PROGRESS, or exercises/.progress.json."""
    return Path(os.environ.get("WORKBOOK_PROGRESS") or FILE)


def read_progress() -> dict[str, Record]:
    """What is known of each task. Whatever is in the file, this does not fail: what makes no sense is left out."""
    return {**_read(file())[0], **_kept}


def _read(path: Path) -> tuple[dict[str, Record], bool]:
    """The records of a file, and whether there is something else in it, which is not to be lost."""
    try:
        if not path.is_file():
            return {}, False
        with path.open("rb") as source:
            raw = source.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            return {}, True
        tasks = json.loads(raw.decode("utf-8"))["tasks"]
        if not isinstance(tasks, dict):
            return {}, True
        # tasks, and lessons for their questions
        known = [*manifest().titles(), *lessons()]
        return {name: _record(tasks[name]) for name in known if name in tasks}, False
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}, True


def _record(content: Any) -> Record:
    if not isinstance(content, dict):
        return Record()

    def whole(name: str) -> int:
        value = content.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6 else 0

    passed_at = None
    with suppress(ValueError, TypeError, OverflowError):
        passed_at = datetime.fromisoformat(content["passed_at"]).isoformat() if content.get("passed_at") else None
    outcome = content.get("outcome")
    return Record(
        outcome=outcome if isinstance(outcome, str) and outcome in OUTCOMES else OUTCOMES[0],
        checks=whole("checks"),
        hints=whole("hints"),
        solution_seen=content.get("solution_seen") is True,
        passed_at=passed_at,
    )


def note(task: str, *, outcome: str | None = None, hints: int | None = None, solution_seen: bool = False) -> None:
    """Notes what was done. Where it cannot be saved it is kept until the kernel ends, and that is said once."""
    with suppress(OSError):  # a folder that is gone
        if Path.cwd() == ROOT / "solutions":
            return  # our work, not the learner's
    record = read_progress().get(task, Record())
    if outcome not in (None, "not attempted"):
        passed = outcome == "passed" and record.outcome != "passed"
        record = replace(
            record,
            outcome=record.outcome if record.outcome == "passed" else outcome,
            checks=record.checks + 1,
            passed_at=datetime.now(UTC).isoformat(timespec="seconds") if passed else record.passed_at,
        )
    record = replace(record, hints=max(record.hints, hints or 0), solution_seen=record.solution_seen or solution_seen)
    _save(task, record)


def _save(task: str, record: Record) -> None:
    path = file()
    try:
        path = path.resolve()  # a link stays one: what it leads to is written
        if path.is_symlink() or (path.exists() and not path.is_file()):  # still a link: from Python 3.13 on, a circle
            raise NotAFile(f"{path} is no regular file; name one in WORKBOOK_PROGRESS")
        records, strange = _read(path)
        if strange:
            os.replace(path, _free(path))
        records = {**records, **_kept, task: record}
        content = {"tasks": {name: asdict(each) for name, each in records.items()}}
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as target:
                json.dump(content, target, indent=1)
            os.replace(temporary, path)  # whole or not at all, whenever this process is stopped
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _kept.clear()
    except (OSError, RuntimeError, ValueError) as error:  # also links in a circle, and names that no file can have
        if not _kept:
            why = error if isinstance(error, NotAFile) else type(error).__name__
            warnings.warn(
                f"Your progress cannot be saved ({why}). It is kept until this kernel ends.",
                stacklevel=5,
            )
        _kept[task] = record


def _free(path: Path) -> Path:
    """A name beside it that nothing has yet."""
    names = (path.with_suffix(f".broken-{number}.json") for number in count(1))
    return next(name for name in names if not name.exists())


class NotAFile(OSError):
    """A folder, a pipe or a device, which must not be replaced by a file."""


class Progress:
    """What `progress()` gives; as the last line of a cell it is a table."""

    def __init__(self) -> None:
        done = read_progress()
        self.rows = [
            {"task": name, "title": title, **asdict(done.get(name, Record()))}
            for name, title in manifest().titles().items()
        ]

    def __repr__(self) -> str:
        return "\n".join([self._summary(), *(f"{_sign(row)} {row['title']}{_more(row)}" for row in self.rows)])

    def _repr_markdown_(self) -> str:
        lines = [self._summary(), "", "| | task | minutes | |", "| --- | --- | --- | --- |"]
        rows = {row["task"]: row for row in self.rows}
        for entry in manifest().exercises.values():
            link = f"[{entry.title}](../exercises/{entry.notebook}.ipynb)"
            own = rows.get(entry.name)
            lines.append(f"| {_sign(own) if own else ''} | {link} | {entry.minutes} | {_more(own) if own else ''} |")
            lines += [f"| {_sign(rows[bug.name])} | · {bug.title} | | {_more(rows[bug.name])} |" for bug in entry.bugs]
        return "\n".join(lines)

    def _summary(self) -> str:
        return f"{sum(row['outcome'] == 'passed' for row in self.rows)} of {len(self.rows)} done."

    def export(self, path: str | Path) -> None:
        """Writes the list as a CSV file, for an instructor. Raises WorkbookError where that cannot be written.

        It holds what was tried, when it passed, how many hints were opened: nothing of the code, and no key.
        """
        try:
            with Path(path).open("w", encoding="utf-8", newline="") as target:
                writer = csv.DictWriter(target, COLUMNS)
                writer.writeheader()
                writer.writerows(self.rows)
        except OSError as error:
            raise WorkbookError(
                f"The list cannot be written to {path} ({type(error).__name__}).",
                'Name a file in a folder that you may write to, such as progress().export("progress.csv").',
            ) from error
        print(f"Written: {path}")


def progress() -> Progress:
    """All practice tasks, and what you have done of them; `progress().export("progress.csv")` writes it to a file.

    >>> print(progress())  # doctest: +ELLIPSIS
    0 of ... done.
    ...
    """
    return Progress()


def _sign(row: dict[str, Any]) -> str:
    return {"passed": "✓", "not attempted": "·"}.get(row["outcome"], "…")


def _more(row: dict[str, Any]) -> str:
    facts = [counted(row["checks"], "check")] if row["checks"] else []
    facts += [counted(row["hints"], "hint")] if row["hints"] else []
    facts += ["solution seen"] if row["solution_seen"] else []
    return f" {', '.join(facts)}" if facts else ""
