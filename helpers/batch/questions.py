"""What a batch is given to ask: a list, a column, a file, any iterator, which is read as it is needed."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sized
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..inputs import check_iterable
from ..words import shortened, with_article
from .csv_file import Table
from .messages import is_messages
from .question_file import looks_like_a_file, questions_in

Source = Iterable[Any] | AsyncIterable[Any] | str | os.PathLike[str]


def resolve(questions: Source, encoding: str | None = None) -> Iterable[Any] | AsyncIterable[Any]:
    """The questions themselves: of a file, all of them, before anything is sent; anything else as it was given.

    Raises BadInput for a file that cannot be read, or is not there.
    """
    if isinstance(questions, os.PathLike) or (isinstance(questions, str) and _is_file(questions)):
        return questions_in(os.fsdecode(questions), encoding=encoding)
    if encoding is not None:
        raise BadInput("`encoding` says how a file of text is read, and no file was given.", "Leave encoding= out.")
    return questions


def _is_file(text: str) -> bool:
    """Whether a text is the path of a file; also of one that is not there, which is then said."""
    try:
        return looks_like_a_file(text) or Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a sign that none can have
        return False


def _names_a_file(value: object) -> bool:
    return isinstance(value, os.PathLike) or (isinstance(value, str) and looks_like_a_file(value))


def open_questions(
    questions: Iterable[Any] | AsyncIterable[Any],
) -> tuple[Iterator[Any] | AsyncIterator[Any], int | None]:
    """The questions one by one, and how many there are; None where only the end will tell.

    Raises BadInput for what holds no questions.

    >>> each, count = open_questions(["What is Python?", "What is Go?"])
    >>> next(each), count
    ('What is Python?', 2)
    """
    if isinstance(questions, AsyncIterable):
        return aiter(questions), None
    if getattr(questions, "ndim", 1) == 0:
        raise BadInput("`questions` is an array of no dimension.", "Give a list: questions=[array.item()].")
    check_iterable(questions, "questions", "questions")
    count = len(questions) if isinstance(questions, Sized) else None
    if count == 0:
        raise BadInput("There are no questions in `questions`.", "Put at least one into the list.")
    each = iter(questions)
    first = list(islice(each, 1))
    for value in first:
        _check_first(value, questions)
    # an iterator has given its first one away
    return (chain(first, each) if each is questions else iter(questions)), count


def _check_first(value: Any, questions: Any) -> None:
    """Raises BadInput where the first one shows that all of them are rows, and none a question."""
    is_list = isinstance(questions, list | tuple)
    if is_list and (all(map(_names_a_file, questions)) or (len(questions) == 1 and _is_here(value))):
        raise BadInput(
            f"{shortened(value)} in `questions` is the name of a file, and no question.",
            f"Give it without brackets: questions={str(value)!r}.",
        )
    if is_messages(value):
        return
    what = with_article(type(value).__name__)
    if isinstance(value, Mapping):
        if is_list and is_messages(questions):
            raise BadInput(
                "`questions` is one list of messages, and a list of questions is needed.",
                "Put it into brackets, as the one question that it is: questions=[messages].",
            )
        name = _likely(list(value), list(value.values()))
        raise BadInput(
            f"The first question is {what}, with {', '.join(map(str, value))}.",
            f"Give the texts alone: questions=[row[{name!r}] for row in rows], where rows is what you gave here.",
        )
    ndim = getattr(questions, "ndim", 1)
    if ndim > 1:
        where = _likely(list(range(len(value))), list(value))
        raise BadInput(
            f"`questions` is an array of {ndim} dimensions.",
            f"Give one column of it: questions=array[:, {where}], where array is what you gave here.",
        )
    if isinstance(value, list | tuple) or hasattr(value, "iloc"):
        if is_list and len(questions) == 1 and all(isinstance(text, str) for text in value):
            raise BadInput(
                f"The only question is {what}.",
                "Take a pair of brackets away: questions=rows[0], where rows is what you gave here.",
            )
        if len(value) == 0:
            return
        if hasattr(value, "iloc"):
            expression = f"row[{_likely(list(value.index), list(value))!r}]"
        elif len(value) == 2 and hasattr(value[1], "iloc"):  # as table.iterrows() gives them
            expression = f"row[1][{_likely(list(value[1].index), list(value[1]))!r}]"
        else:
            expression = f"row[{_likely(list(range(len(value))), list(value))}]"
        raise BadInput(
            f"The first question is {what}: {shortened(value)}.",
            f"Give the texts alone: questions=[{expression} for row in rows], where rows is what you gave here.",
        )


def _is_here(value: object) -> bool:
    return isinstance(value, str) and _is_file(value)


def _likely(names: list[Any], cells: list[Any]) -> Any:
    """The name of the cell that is the question: "question", or else the one that reads most like one."""
    if "question" in names:
        return "question"
    texts = [cell if isinstance(cell, str) else "" for cell in cells]
    return names[Table("", tuple(map(str, names)), (tuple(texts),)).like_questions]
