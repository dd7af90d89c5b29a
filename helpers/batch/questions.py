"""What a batch is given to ask: a list, a column, a CSV file, any iterator. It is read as it is needed."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..inputs import check_iterable
from .csv_file import questions_in

Source = Iterable[Any] | AsyncIterable[Any] | str | os.PathLike[str]


def open_questions(questions: Source) -> tuple[Iterator[Any] | AsyncIterator[Any], int | None]:
    """The questions one by one, and how many there are; None where only the end will tell.

    Raises BadInput for what holds no questions.

    >>> each, count = open_questions(["What is Python?", "What is Go?"])
    >>> next(each), count
    ('What is Python?', 2)
    """
    if isinstance(questions, AsyncIterable):
        return aiter(questions), None
    if isinstance(questions, os.PathLike) or _is_csv(questions):
        # read before anything is sent: a line that cannot be read costs nothing then
        rows = questions_in(Path(os.fspath(questions)))  # type: ignore[arg-type]
        return iter(rows), len(rows)
    check_iterable(questions, "questions", "questions")
    count = len(questions) if isinstance(questions, Sized) else None
    if count == 0:
        raise BadInput("There are no questions in `questions`.", "Put at least one into the list.")
    return iter(questions), count


def _is_csv(questions: object) -> bool:
    return isinstance(questions, str) and questions.lower().endswith((".csv", ".tsv", ".txt")) and "\n" not in questions


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
