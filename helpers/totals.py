"""What this process has asked for since it connected: how many answers, how many tokens, and what they cost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from .catalog import cost
from .errors import what_broke
from .reading import Asked, Stream, Told, asked, body_of, told
from .words import counted

LIKELY = 150  # tokens of an answer of which nothing is known yet
CHARACTERS = 4  # in a token; OpenAI's rule of thumb for English: https://platform.openai.com/tokenizer


@dataclass(frozen=True)
class Spent:
    """`cost` is USD at the catalogue's prices; `unknown` is how many calls of an unknown cost there are besides.

    Unknown is the cost of a call that was broken off, that told no usage, or whose model has no price here. `guessed`
    is about what they cost, USD, where the price is known: a budget reckons with it.
    """

    answers: int = 0
    tokens: int = 0
    cost: float = 0.0
    unknown: int = 0
    guessed: float = 0.0

    def __str__(self) -> str:
        """
        >>> print(Spent(answers=2, tokens=120, cost=0.00003, unknown=1))
        2 answers, 120 tokens, 0.00003 USD, and 1 call whose cost is not known
        """
        known = f", {self.tokens:,} tokens, {usd(self.cost)}" if self.tokens or not self.unknown else ""
        more = f", and {counted(self.unknown, 'call')} whose cost is not known" if self.unknown else ""
        return f"{counted(self.answers, 'answer')}{known}{more}"


def usd(amount: float | None) -> str:
    """
    >>> usd(0.0000312), usd(0.25), usd(1.5), usd(0.0), usd(None)
    ('0.00003 USD', '0.25 USD', '1.50 USD', '0 USD', 'price unknown')
    """
    if amount is None:
        return "price unknown"
    if not amount:
        return "0 USD"
    return f"{amount:.2f} USD" if amount >= 1 or round(amount, 5) == round(amount, 2) else f"{amount:.5f} USD"


class Totals:
    """Adds up what passes through `wire`. An observer: see `wire.observers`.

    `in_flight` is about what the calls will cost that have no answer yet, USD; it is reckoned where `looks_ahead`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paused = False
        self.looks_ahead = False
        self.in_flight = 0.0
        self.reset()

    def reset(self) -> None:
        self.spent = Spent()

    @property
    def committed(self) -> float:
        """USD that are spent, or will be by what is in flight, about."""
        return self.spent.cost + self.spent.guessed + self.in_flight

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, nothing is counted: a check's calls are not the learner's."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def __call__(self, request: httpx2.Request, _client: object) -> "_Counting | None":
        if self._paused or request.method != "POST":
            return None
        return _Counting(self, request)

    def ahead(self, amount: float) -> None:
        with self._lock:
            self.in_flight = max(0.0, self.in_flight + amount)

    def add(self, model: str, used: Told, *, whole: bool, otherwise: float) -> None:
        """Counts a call; `otherwise` is about what it costs where that is not known."""
        prompt, completion = used.prompt_tokens, used.completion_tokens
        price = cost(model, prompt, completion)
        with self._lock:
            now = self.spent
            self.spent = Spent(
                now.answers + whole,
                now.tokens + (prompt or 0) + (completion or 0),
                now.cost + (price or 0.0),
                now.unknown + (price is None),
                now.guessed + (otherwise if price is None else 0.0),
            )


class _Counting:
    """Reads what one answer used."""

    def __init__(self, totals: Totals, request: httpx2.Request) -> None:
        self._totals = totals
        self._request = body_of(request)
        self._answer: bytes | Told = b""
        self._stream: Stream | None = None
        self._pieces = 0  # of a stream; a piece is about a token
        self._refused = False
        self._ended = False
        self._ahead = 0.0
        if totals.looks_ahead:
            self._request = question = asked(self._request)
            self._ahead = about(question, LIKELY)
            totals.ahead(self._ahead)

    def headers(self, response: httpx2.Response, *, stream: bool) -> None:
        self._refused = response.status_code >= 400
        if stream:
            self._stream = Stream(response)

    def data(self, chunk: bytes) -> None:
        if self._stream is None:
            self._answer = chunk
        else:
            self._stream.data(chunk)
            self._pieces += chunk.count(b"data:")

    def ended(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        if self._ended:
            return
        self._ended = True
        self._totals.ahead(-self._ahead)
        if self._refused or (error is not None and what_broke(error) == "no connection"):  # not charged
            return
        stream = self._stream
        complete = error is None and (whole or stream is None or not stream.broken_off)
        used = told(self._answer) if stream is None else stream.kept()
        question = asked(self._request)
        self._totals.add(question.model, used, whole=complete, otherwise=about(question, max(self._pieces, LIKELY)))


def about(question: Asked, tokens: int) -> float:
    """About what a call costs whose answer has so many tokens, USD; 0.0 where its model has no price here."""
    return cost(question.model, question.size // CHARACTERS, tokens) or 0.0
