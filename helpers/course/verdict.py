"""How a check's outcome, a hint and a solution are shown: as text, and in a notebook as HTML or Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .. import timeline
from ..palette import BLUE, FADED, ORANGE
from ..timeline import Panel
from ..words import lettered, marked

Outcome = Literal["not attempted", "failed", "broken", "passed"]
VERDICT = "application/vnd.workbook.verdict+json"  # for programs that read a notebook's outputs

QUESTION = "What is wrong here?"

_TITLES: dict[Outcome, str] = {
    "not attempted": "· Not attempted yet",
    "failed": "✗ Not yet",
    "broken": "✗ It raised an error",
    "passed": "✓ Passed",
}
_EDGES: dict[Outcome, str] = {"not attempted": FADED, "failed": ORANGE, "broken": ORANGE, "passed": BLUE}


@dataclass(frozen=True)
class Verdict:
    """What a check found: one sentence on what was seen, one on where to look, and the run beside what is expected."""

    task: str
    outcome: Outcome
    kind: str  # what was found, in a word or two
    seen: str
    look: str
    panels: tuple[Panel, ...] = ()

    def __repr__(self) -> str:
        said = f"{_TITLES[self.outcome]}\n{self.seen}\n{self.look}".rstrip()
        return f"{said}\n\n{timeline.text(self.panels)}" if self.panels else said

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        words = f"<strong>{_TITLES[self.outcome]}</strong><br>{marked(self.seen)}<br>{marked(self.look)}"
        edge = f"border-left:4px solid {_EDGES[self.outcome]};padding-left:12px;margin:4px 0 12px"
        picture = timeline.mimebundle(self.panels)["text/html"] if self.panels else ""
        return {
            "text/plain": repr(self),
            "text/html": f'<div style="{edge}">{words}</div>{picture}',
            VERDICT: {"task": self.task, "outcome": self.outcome, "kind": self.kind},
        }


class Puzzle:
    """What a sick function did: its timeline, some facts, and the things that may be wrong with it, to choose from."""

    def __init__(
        self,
        name: str,
        panel: Panel,
        facts: Sequence[str],
        choices: Sequence[str],
        judge: Callable[[str], tuple[bool, str]],
    ) -> None:
        self._panel = panel
        self._facts = facts
        self._choices = choices
        self._judge = judge
        self._answer = f'Answer with `{name}.diagnose("a")`, or b, c, d.'

    def __repr__(self) -> str:
        lettered = [f"{letter}) {text}" for letter, text in zip("abcd", self._choices, strict=False)]
        return "\n".join([timeline.text([self._panel]), "", *self._facts, "", QUESTION, *lettered, self._answer])

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self.box()._repr_mimebundle_(**options)
        return bundle

    def box(self) -> Any:
        """The question with its choices as buttons."""
        from ipywidgets import HTML

        from ..widgets.choices import ChoiceBox, Question  # loaded where it is shown, not before

        seen = timeline.mimebundle([self._panel])["text/html"] + f"<p>{'<br>'.join(map(marked, self._facts))}</p>"
        words = f"<p><strong>{QUESTION}</strong></p>{lettered(self._choices)}<p>{marked(self._answer)}</p>"
        return ChoiceBox(
            [Question(QUESTION, self._choices, self._judge)],
            heading="",
            name="puzzle",
            plain=repr(self),
            page=seen + words,
            above=[HTML(seen)],
        )


class Note:
    """A text in Markdown, shown as the last line of a cell."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text
