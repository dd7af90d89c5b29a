"""What may be handed to the workbook's functions, checked once for all, before anything is sent."""

import inspect
from collections.abc import Iterable, Mapping

from openai import AsyncOpenAI, OpenAI

from .catalog import DEFAULT_MODEL
from .errors import BadInput
from .numeric import LARGEST, real, whole
from .words import shortened, with_article


def check_question(question: object) -> None:
    """Raises BadInput for what cannot be sent as a question."""
    if not isinstance(question, str):
        raise BadInput(
            f"A question is a string, and this is {with_article(type(question).__name__)}: {shortened(question)}.",
            _as_a_question(question),
        )
    if not question.strip():
        raise BadInput("The question is empty.", "Write what you want to know between the quotes.")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"The question holds half a character (at position {error.start}), which cannot be sent.",
            "Type that character again; it was probably cut in two when the text was copied.",
        ) from error


def _as_a_question(value: object) -> str:
    """What to do about a value that is no question."""
    is_nan = isinstance(value, float) and value != value
    if value is None or is_nan or type(value).__name__ in ("NAType", "NaTType"):  # with which pandas marks empty cells
        return "Leave out such rows: of a column, column.dropna() has none."
    if isinstance(value, Mapping):
        name = "content" if "content" in value else "question" if "question" in value else next(iter(value), "question")
        return f"Give its text, such as row[{name!r}]."
    if isinstance(value, list | tuple):
        return "Take it out of the list." if len(value) == 1 else "Give one of its texts, such as row[0]."
    if isinstance(value, bytes | bytearray):
        return 'Make a text of it, such as value.decode("utf-8").'
    if isinstance(value, int | float):
        return "Make a text of it: str(value)."
    return 'Write it in quotes: "What is Python?".'


def check_model(model: object) -> None:
    """Raises BadInput for what cannot be the name of a model."""
    if not isinstance(model, str) or not model.strip():
        raise BadInput(f"A model is named by a string, and this is {shortened(model)}.", f'Try "{DEFAULT_MODEL}".')


def check_client(client: object) -> None:
    """Raises BadInput for what cannot be awaited: a sync client sends, and its answer would be thrown away."""
    use = "Give an AsyncOpenAI client, such as client=AsyncOpenAI()."
    if isinstance(client, type):
        raise BadInput(f"`client` is the class {client.__name__}, and no client was made of it.", use)
    if isinstance(client, OpenAI):
        raise BadInput("`client` is a sync client, whose answers cannot be awaited.", use)
    if not isinstance(client, AsyncOpenAI):
        raise BadInput(f"`client` is {with_article(type(client).__name__)}, and no client.", use)  # it may be a key
    if client.is_closed():
        raise BadInput("The client was closed already.", "Run the cell that makes the client again.")


def check_callback(function: object, name: str, what: str) -> None:
    """Raises BadInput for what cannot be called with one argument, `what`, or does nothing when it is called so."""
    write = f"Give a function with one parameter, such as {name}=print."
    if not callable(function):
        raise BadInput(f"`{name}` is {shortened(function)}, which cannot be called.", write)
    for each in (function, getattr(function, "__call__", None)):  # noqa: B004
        if inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each):
            raise BadInput(f"`{name}` is an async function, and nobody would await it.", "Write it with plain def.")
        if inspect.isgeneratorfunction(each):
            raise BadInput(f"`{name}` is a generator (it has a yield): calling it does nothing.", "Take the yield out.")
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # some built-in functions do not tell theirs
        return
    try:
        signature.bind(object())
    except TypeError as error:
        raise BadInput(f"`{name}` cannot be called with one value, {what} ({error}).", write) from error


def number(value: object, happened: str, what_to_do: str, *, least: float = 0, most: float = LARGEST) -> float:
    """The value as a plain int or float; raises BadInput for what is no number from `least` to `most`.

    In `happened`, {} stands for the value. Infinity is a number only where `most` is infinite.

    >>> number(2.5, "wait={} is not a number of seconds.", "Give one above 0.")
    2.5
    """
    found = real(value, least, most)
    if found is None:
        raise BadInput(happened.format(shortened(value)), what_to_do)
    return found


def whole_number(value: object, happened: str, what_to_do: str, *, least: int = 0, most: float = LARGEST) -> int:
    """Like `number`, for what is counted: 2.5 is refused, and 2.0 too."""
    found = whole(value, least, most)
    if found is None:
        raise BadInput(happened.format(shortened(value)), what_to_do)
    return found


def check_questions(questions: Iterable[str]) -> list[str]:
    """The questions as a list; raises BadInput where there are none, or one that cannot be sent."""
    questions = check_list(questions, "questions", "questions")
    for question in questions:
        check_question(question)
    return questions


def check_iterable(values: object, name: str, what: str) -> None:
    """Raises BadInput for what is no list, and for a bare string where a list belongs."""
    if isinstance(values, str):
        raise BadInput(
            f"`{name}` is a single string, and a list is needed.", f"Put it in brackets: [{shortened(values)}]."
        )
    if isinstance(values, Mapping) or hasattr(values, "columns"):
        raise BadInput(
            f"`{name}` is {with_article(type(values).__name__)}, and a list is needed.",
            f'Give one column of it, such as {name}=table["question"].',
        )
    if not isinstance(values, Iterable):
        raise BadInput(f"`{name}` is {with_article(type(values).__name__)}, not a list.", f"Give a list of {what}.")


def check_list(values: Iterable[str], name: str, what: str) -> list[str]:
    """The values as a list; raises BadInput for none, and for a bare string where a list belongs."""
    check_iterable(values, name, what)
    values = list(values)
    if not values:
        raise BadInput(f"There are no {what} in `{name}`.", "Put at least one into the list.")
    return values
