"""What a batch is given to ask: a list, a column, a file, any iterator, which is read as it is needed."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..inputs import check_iterable
from .csv_file import ENDINGS, questions_in

Source = Iterable[Any] | AsyncIterable[Any] | str | os.PathLike[str]


def resolve(questions: Source, encoding: str | None = None) -> Iterable[Any] | AsyncIterable[Any]:
    """The questions themselves: of a file, all of them, before anything is sent; anything else as it was given.

    Raises BadInput for a file that cannot be read, and for a string that names none.
    """
    if isinstance(questions, os.PathLike):
        return questions_in(Path(os.fspath(questions)), encoding)
    if isinstance(questions, str) and names_a_file(questions):
        if not is_file(questions):
            raise BadInput(
                f"{questions} cannot be opened: `questions` reads like the name of a file, and there is no such file.",
                f"Check its name and its folder; yours is {os.getcwd()} now.",
            )
        return questions_in(Path(questions), encoding)
    if encoding is not None:
        raise BadInput("`encoding` says how a file of text is read, and no file was given.", "Leave encoding= out.")
    return questions


def names_a_file(text: str) -> bool:
    """Whether a text is rather the name of a file than a question.

    >>> names_a_file("data/my questions.csv"), names_a_file("What is a .csv?"), names_a_file("What is Python?")
    (True, False, False)
    """
    if "\n" in text or not text.strip():
        return False
    return text.lower().endswith(ENDINGS) or is_file(text)


def is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # what no file can be called
        return False


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
    check_iterable(questions, "questions", "questions")
    count = len(questions) if isinstance(questions, Sized) else None
    if count == 0:
        raise BadInput("There are no questions in `questions`.", "Put at least one into the list.")
    if isinstance(questions, list | tuple) and count == 1 and isinstance(questions[0], str) and is_file(questions[0]):
        raise BadInput(
            f"The only question is the name of a file, {questions[0]!r}.",
            f"To ask what is in it, take the brackets away: questions={questions[0]!r}.",
        )
    return iter(questions), count


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
