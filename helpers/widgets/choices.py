"""Questions with choices: a press on one says whether it is right, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
from ipywidgets import HTML

from ..words import marked
from .base import Box, button

LETTERS = "abcdefgh"
AT_ONCE = 4  # questions that are shown; each right answer brings the next one


@dataclass(frozen=True)
class Question:
    """`judge` is called with the letter that was chosen, and says whether that is right, and why.

    It may not be known yet whether it is right: then it says None.
    """

    text: str
    choices: Sequence[str]
    judge: Callable[[str], tuple[bool | None, str]]


class ChoiceBox(Box):
    """Questions under each other, a few at a time.

    `plain` and `page` (HTML) are what is shown where nobody can press anything.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        *,
        heading: str,
        name: str,
        plain: str,
        page: str,
        above: Sequence[ipywidgets.Widget] = (),
    ) -> None:
        super().__init__()
        self._plain = plain
        self._page = page
        asked = [self._asked(question) for question in questions]
        self._later = asked[AT_ONCE:]
        for box in self._later:
            box.layout.display = "none"
        self.show(*above, *asked, self.status, name=name, label=heading)

    def __repr__(self) -> str:
        return self._plain

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**options), "text/html": self._page}

    def _asked(self, question: Question) -> ipywidgets.VBox:
        said = HTML()
        buttons: list[ipywidgets.Button] = []
        answered = False

        def chosen(letter: str) -> None:
            nonlocal answered
            pressed = buttons[LETTERS.index(letter)]
            right, why = question.judge(letter)
            if right is None:  # one at a time: it is an opinion, not an answer
                for each in buttons:
                    each.remove_class("workbook-chosen")
                pressed.add_class("workbook-chosen")
            else:
                pressed.add_class("workbook-right" if right else "workbook-wrong")
                pressed.description = f"{'✓' if right else '✗'} {_plain(letter, question)}"
            if right and not answered:
                answered = True
                for box in self._later[:1]:
                    box.layout.display = None
                del self._later[:1]
            verdict = {True: "✓ <strong>Right.</strong> ", False: "✗ <strong>Not that.</strong> ", None: ""}[right]
            said.value = f'<div class="workbook-said" role="status">{verdict}{marked(why)}</div>'

        for letter, _ in zip(LETTERS, question.choices, strict=False):
            choose = self.on_loop(lambda *_, letter=letter: chosen(letter))
            buttons.append(button(_plain(letter, question), choose, name="choice"))
        asked = HTML(f'<div class="workbook-asked">{marked(question.text)}</div>')
        said.value = '<div class="workbook-said" role="status"></div>'
        box = ipywidgets.VBox([asked, *buttons, said])
        box.add_class("workbook-question")
        return box


def _plain(letter: str, question: Question) -> str:
    """A choice as a button's text, in which nothing can be marked."""
    return f"{letter}) {question.choices[LETTERS.index(letter)].replace('`', '')}"
