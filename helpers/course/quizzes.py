"""The questions at the end of a lesson, with the reason for right and wrong."""

from functools import partial

from ..widgets.choices import AT_ONCE, LETTERS, ChoiceBox, Question
from ..words import counted, lettered, marked
from . import logbook
from .lessons import Lesson, QuizQuestion, lessons
from .manifest import find


class Quiz(ChoiceBox):
    """See `quiz`."""

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson
        self._right: set[QuizQuestion] = set()
        super().__init__(
            [
                Question(
                    f"{number}. {each.question}", [choice.text for choice in each.choices], partial(self._judge, each)
                )
                for number, each in enumerate(lesson.quiz, 1)
            ],
            heading="Check yourself",
            name="quiz",
            plain="\n\n".join(_as_text(number, each) for number, each in enumerate(lesson.quiz, 1)),
            page="".join(_as_page(number, each) for number, each in enumerate(lesson.quiz, 1)),
        )
        more = f", {AT_ONCE} at a time" if len(lesson.quiz) > AT_ONCE else ""
        self.status.say(f"{counted(len(lesson.quiz), 'question')}{more}. Press an answer.")

    def _judge(self, question: QuizQuestion, letter: str) -> tuple[bool, str]:
        right = letter == question.right
        if right:
            self._right.add(question)
        everything = len(self._right) == len(self._lesson.quiz)
        self.status.say(f"{len(self._right)} of {counted(len(self._lesson.quiz), 'question')} answered right.")
        logbook.note(self._lesson.name, outcome="passed" if everything else "failed")
        return right, question.choices[LETTERS.index(letter)].why


def _as_text(number: int, question: QuizQuestion) -> str:
    lines = [f"{number}. {question.question}"]
    lines += [f"   {letter}) {choice.text}" for letter, choice in zip(LETTERS, question.choices, strict=False)]
    return "\n".join([*lines, f"   Answer: {question.right}. {_why(question)}"]).replace("`", "")


def _as_page(number: int, question: QuizQuestion) -> str:
    choices = lettered(choice.text for choice in question.choices)
    return (
        f"<p><strong>{number}. {marked(question.question)}</strong></p>{choices}"
        f"<details><summary>Answer</summary><p>{question.right}) {marked(_why(question))}</p></details>"
    )


def _why(question: QuizQuestion) -> str:
    return question.choices[LETTERS.index(question.right)].why


def quiz(lesson: str) -> Quiz:
    """The questions of one lesson, by the name of its notebook. Each answer says at once whether it is right, and why.

    >>> print(quiz("00_start_here"))  # doctest: +ELLIPSIS
    1. ...
       a) ...
    """
    return Quiz(find(lessons(), lesson, "lesson"))
