"""The welcome panel: the mode, the map of the lessons and tasks, what is done, and what to open next."""

import html
from typing import Any

from ..session import in_words
from ..words import counted
from . import logbook
from .lessons import Lesson, lessons
from .manifest import Entry, manifest


class Welcome:
    """What `welcome()` gives; as the last line of a cell it is a map with links."""

    def __init__(self) -> None:
        self._done = logbook.read_progress()
        self._lessons = list(lessons().values())
        self._tasks = list(manifest().exercises.values())

    def __repr__(self) -> str:
        lines = [in_words(), "", f"Lessons: {self._count(self._lessons)}"]
        lines += [f"{self._sign(each)} {_number(each)} {each.title} ({each.minutes} min)" for each in self._lessons]
        lines += ["", f"Practice tasks: {self._count(self._tasks)}"]
        lines += [f"{self._sign(each)} {_number(each)} {each.title} ({each.minutes} min)" for each in self._tasks]
        return "\n".join([*lines, "", self._next(linked=False)])

    def _repr_html_(self) -> str:
        lessons = [[each, str(each.minutes), html.escape(each.afterwards)] for each in self._lessons]
        tasks = [[each, str(each.minutes), f"{each.follows[:2]}{self._parts(each)}"] for each in self._tasks]
        return (
            f"<p><strong>{html.escape(in_words())}</strong></p><p>{self._next(linked=True)}</p>"
            + self._table([f"Lesson ({self._count(self._lessons)})", "minutes", "afterwards you can"], lessons)
            # folded, lest it stand between a beginner and the first lesson
            + f"<details><summary><strong>Practice tasks</strong> ({self._count(self._tasks)})</summary>"
            + self._table(["Practice task", "minutes", "after lesson"], tasks)
            + "</details>"
        )

    def _table(self, heads: list[str], rows: list[list[Any]]) -> str:
        left = ' style="text-align:left"'
        head = "".join(f"<th{left}>{each}</th>" for each in ("", *heads))
        body = "".join(
            f"<tr><td>{self._sign(each)}</td><td{left}>{_link(each)}</td><td>{minutes}</td><td{left}>{more}</td></tr>"
            for each, minutes, more in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    # ---- what is done, and what comes next -----------------------------------------------------------------------

    def _passed(self, each: Lesson | Entry) -> bool:
        """A lesson is done when its questions have been answered right, a task when its check has passed."""
        parts = [bug.name for bug in each.bugs] if isinstance(each, Entry) and each.bugs else [each.name]
        return all(name in self._done and self._done[name].outcome == "passed" for name in parts)

    def _sign(self, each: Lesson | Entry) -> str:
        return "✓" if self._passed(each) else "·"

    def _parts(self, each: Entry) -> str:
        healed = sum(bug.name in self._done and self._done[bug.name].outcome == "passed" for bug in each.bugs)
        return f", {healed} of {len(each.bugs)} done" if each.bugs else ""

    def _count(self, entries: list[Any]) -> str:
        return f"{sum(map(self._passed, entries))} of {len(entries)} done"

    def _next(self, *, linked: bool) -> str:
        lesson = next((each for each in self._lessons if not self._passed(each)), None)
        reached = lesson.name if lesson else "99"
        task = next((each for each in self._tasks if not self._passed(each) and each.follows < reached), None)
        if lesson is None and task is None:
            return "You have done everything. Congratulations!"
        parts = []
        if lesson is self._lessons[0]:
            parts = ["this notebook, from top to bottom"]
        elif lesson:
            parts = [f"lesson {_link(lesson) if linked else lesson.title} ({counted(lesson.minutes, 'minute')})"]
        if task:
            parts.append(f"the task {_link(task) if linked else task.title} ({counted(task.minutes, 'minute')})")
        return f"Next: {', or '.join(parts)}."


def _number(each: Lesson | Entry) -> str:
    return (each.notebook if isinstance(each, Entry) else each.name)[:2]


def _link(each: Lesson | Entry) -> str:
    path = f"../exercises/{each.notebook}.ipynb" if isinstance(each, Entry) else f"{each.name}.ipynb"
    return f'<a href="{path}">{_number(each)} {html.escape(each.title)}</a>'


def welcome() -> Welcome:
    """The map of the workbook: the mode, the lessons and tasks with their minutes, what you have done, what is next.

    A lesson counts as done when all its questions have been answered right, a task when its check has passed.

    >>> print(welcome())  # doctest: +ELLIPSIS
    Practice mode: ...
    <BLANKLINE>
    Lessons: 0 of ... done
    · 00 Start here (11 min)
    ...
    """
    return Welcome()
