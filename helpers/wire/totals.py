"""What this process has asked for since it connected: how many answers, how many tokens, and what they cost."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..catalog import cost
from ..words import counted, usd
from .bodies import RequestSummary
from .exchange import Exchange

LIKELY = 150  # tokens of an answer of which nothing is known yet
CHARACTERS = 4  # in a token; OpenAI's rule of thumb for English: https://platform.openai.com/tokenizer
# what became of requests that never got there
NEVER_SENT = (
    *("no connection", "no free connection", "stopped"),
    *("ProxyError", "UnsupportedProtocol", "LocalProtocolError", "InvalidURL"),
)
MOST_UNREAD = 256  # exchanges that are kept until somebody asks what they used


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


class Totals:
    """Adds up what passes through `send`. An observer: see `send.observers`.

    What was used is read when somebody asks: nobody who calls has to wait for that. `in_flight` is about what the calls
    will cost that have no answer yet, USD; it is reckoned where `looks_ahead`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._paused = False
        self._unread: deque[Exchange] = deque()
        self._ahead: dict[Exchange, float] = {}
        self._pending: dict[
            str, tuple[str, float]
        ] = {}  # a response in the background: its model, and what was guessed
        self.looks_ahead = False
        self.in_flight = 0.0
        self.reset()

    def reset(self) -> None:
        self._unread.clear()
        self._pending.clear()
        self._spent = Spent()

    @property
    def spent(self) -> Spent:
        self._read()
        return self._spent

    @property
    def committed(self) -> float:
        """USD that are spent, or will be by what is in flight, about."""
        in_flight = self.in_flight  # first: what ends meanwhile counts twice rather than not at all
        spent = self.spent
        return spent.cost + spent.guessed + in_flight

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, nothing is counted: a check's calls are not the learner's."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before

    def __call__(self, exchange: Exchange, _client: object) -> None:
        path = exchange.url.path
        asks_a_model = exchange.method == "POST" and not path.endswith("/cancel")
        looks_for_one = exchange.method == "GET" and "/responses/" in path  # that was made in the background
        if self._paused or not (asks_a_model or looks_for_one):
            return
        exchange.at_end(self._ended)
        if self.looks_ahead and asks_a_model:
            with self._lock:
                self._ahead[exchange] = amount = about(exchange.request, LIKELY)
                self.in_flight += amount

    def _ended(self, exchange: Exchange) -> None:
        # what was refused is not charged, and neither is what never got there
        sent = exchange.note not in NEVER_SENT
        if sent and (exchange.status is None or exchange.status < 300):
            self._unread.append(exchange)
            if len(self._unread) >= MOST_UNREAD:
                self._read()
        if self._ahead:
            with self._lock:
                self.in_flight -= self._ahead.pop(exchange, 0.0)
                if not self._ahead:
                    self.in_flight = 0.0  # and not what is left of many sums

    def _read(self) -> None:
        with self._lock:
            while self._unread:
                exchange = self._unread.popleft()
                (self._settle if exchange.method == "GET" else self._add)(exchange)

    def _add(self, exchange: Exchange) -> None:
        """Counts a call."""
        prompt, completion, total = exchange.response.usage
        price = cost(exchange.request.model, prompt, completion)
        # at the dearest where only the sum is told, or only one of the two
        tokens = max(exchange.events, LIKELY, completion or 0, (prompt or 0) + (total or 0))
        guessed = about(exchange.request, tokens) if price is None else 0.0
        if exchange.response.is_pending:
            self._pending[exchange.response.id] = exchange.request.model, guessed
        now = self._spent
        self._spent = Spent(
            now.answers + exchange.complete,
            now.tokens + (prompt or 0) + (completion or 0),
            now.cost + (price or 0.0),
            now.unknown + (price is None),
            now.guessed + guessed,
        )

    def _settle(self, exchange: Exchange) -> None:
        """A response that was made in the background tells what it used when it is ready, once."""
        answer = exchange.response
        prompt, completion, _ = answer.usage
        if answer.is_pending or prompt is None or answer.id not in self._pending:
            return
        model, guessed = self._pending.pop(answer.id)
        price, now = cost(model, prompt, completion), self._spent
        if price is None:
            return
        self._spent = replace(
            now,
            tokens=now.tokens + prompt + (completion or 0),
            cost=now.cost + price,
            unknown=now.unknown - 1,
            guessed=now.guessed - guessed,
        )


def about(question: RequestSummary, tokens: int) -> float:
    """About what a call costs whose answer has so many tokens, USD; 0.0 where its model has no price here."""
    return cost(question.model, question.size // CHARACTERS, tokens) or 0.0
