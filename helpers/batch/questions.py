"""What a batch is given to ask: a list, a column, a file, any iterator. Only a file is read ahead."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..inputs import check_iterable
from ..words import shortened
from .question_file import looks_like_a_file, questions_in

Source = Iterable[Any] | AsyncIterable[Any] | str | os.PathLike[str]


def open_questions(questions: Source) -> tuple[Iterator[Any] | AsyncIterator[Any], int | None]:
    """The questions one by one, and how many there are; None where only the end will tell.

    Raises BadInput for what holds no questions.

    >>> each, count = open_questions(["What is Python?", "What is Go?"])
    >>> next(each), count
    ('What is Python?', 2)
    """
    questions = read_ahead(questions)
    if isinstance(questions, AsyncIterable):
        return aiter(questions), None
    if isinstance(questions, list | tuple) and questions and all(map(_names_a_file, questions)):
        raise BadInput(
            f"{shortened(questions[0])} in `questions` is the name of a file, and no question.",
            f"Give it without brackets: questions={str(questions[0])!r}.",
        )
    check_iterable(questions, "questions", "questions")
    count = len(questions) if isinstance(questions, Sized) else None
    if count == 0:
        raise BadInput("There are no questions in `questions`.", "Put at least one into the list.")
    return iter(questions), count


def read_ahead(questions: Source) -> Iterable[Any] | AsyncIterable[Any]:
    """The questions of a file as a list, before anything is sent: a line that cannot be read costs nothing then."""
    if isinstance(questions, os.PathLike) or (isinstance(questions, str) and _is_file(questions)):
        return questions_in(os.fsdecode(questions))
    return questions


def _is_file(text: str) -> bool:
    """Whether a text is the path of a file; also of one that is not there, which is then said."""
    try:
        return looks_like_a_file(text) or Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a sign that none can have
        return False


def _names_a_file(value: object) -> bool:
    return isinstance(value, os.PathLike) or (isinstance(value, str) and looks_like_a_file(value))


def as_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Further parameters of a call, checked. Raises BadInput for what a batch decides itself."""
    options = dict(options or {})
    for name in ("model", "messages", "stream", "n"):
        if name in options:
            raise BadInput(
                f"options={{{name!r}: …}} is not possible in a batch.",
                "Give `model` by its own name, the questions as questions; each gets one answer, as a whole.",
            )
    for name, instead in (("max_retries", "max_retries=3"), ("system", 'instructions="Answer in one word."')):
        if name in options:
            raise BadInput(f"options={{{name!r}: …}} is no parameter of a call.", f"Give {instead} beside `options`.")
    for name in ("extra_headers", "extra_query", "extra_body", "timeout"):
        if name in options:
            raise BadInput(
                f"options={{{name!r}: …}} is for the client, not for the service.",
                "Give a client that has it: AsyncOpenAI(default_headers=…). What is in extra_body is an option itself.",
            )
    return options
