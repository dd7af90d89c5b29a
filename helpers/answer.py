"""`Answer`: what a call came to, as one row of a table."""

from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import NoAnswer, WorkbookError
from .finish_reasons import is_cut


@dataclass(frozen=True, slots=True)
class Answer:
    """One call and what came of it. `pd.DataFrame(answers)` makes a table of many.

    `time` is the service's: from sending to the whole answer, retries included (in a batch without the pauses before
    them). `queued` is what was waited before that for a free slot. Both are seconds. `cost` is USD at
    the catalogue's prices, None where the price is unknown. `error` is a sentence for people and `error_type` the SDK's
    class; both are None where the call succeeded. `finish_reason` is the service's own word for why the text ends:
    "stop", or "length" where the limit of tokens cut it; None where it does not say. `incomplete` says whether the text
    is cut; where there is no text at all, the call failed.

    >>> answer = Answer(question="What is Go?", model="gpt-6-luna", answer="A langu", finish_reason="length")
    >>> answer["model"] == answer.model, answer.success, answer.incomplete
    (True, True, True)
    """

    question: str
    model: str
    answer: str | None = None
    tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    time: float = 0.0
    queued: float = 0.0
    attempts: int = 0
    cost: float | None = None
    success: bool = True
    error: str | None = None
    error_type: str | None = None
    finish_reason: str | None = None

    @property
    def incomplete(self) -> bool:
        """Whether there is a text that ends before its end."""
        return self.success and is_cut(self.finish_reason)

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def keys(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self))


@dataclass(frozen=True, slots=True)
class ParsedAnswer(Answer):
    """An Answer that was asked for with a schema: `parsed` is the object in it, None where the call failed.

    >>> ParsedAnswer(question="Good?", model="gpt-6-luna", answer='{"stars": 4}', parsed={"stars": 4}).parsed["stars"]
    4
    """

    parsed: Any = None


def failure(question: str, model: str, error: WorkbookError) -> Answer:
    """The Answer to a call that failed."""
    failed = Answer(
        question=question,
        model=model,
        time=getattr(error, "time", 0.0),
        attempts=getattr(error, "attempts", 0),
        success=False,
        error=str(error),
        error_type=type(error.__cause__ or error).__name__,
    )
    return replace(failed, **error.facts) if isinstance(error, NoAnswer) else failed
