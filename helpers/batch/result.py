"""What comes of a batch: its answers in the order of the questions, and their summary."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..answer import Answer
from ..words import counted, duration, usd


@dataclass
class Summary:
    """What a batch did, and how well. Seconds, and USD at the catalogue's prices; of this run alone.

    A question that comes twice is asked once: both rows count as succeeded, its tokens and its cost once. What an
    earlier run had saved costs nothing here.

    >>> summary = Summary(max_concurrency=2, rows=3, succeeded=3, repeated=1, asked=2, requests=3, answer_seconds=2.0)
    >>> summary.seconds = 1.25
    >>> summary.retries, summary.share_of_ideal
    (1, 0.8)
    """

    max_concurrency: int
    total: int | None = None  # rows that there will be; None where only the end will tell
    rows: int = 0  # so far: succeeded, failed and not done
    succeeded: int = 0
    failed: Counter[str] = field(default_factory=Counter)  # rows by the name of their error
    repeated: int = 0  # rows that the answer to the same question stands in, without asking again
    saved: int = 0  # rows whose answer was in the file already
    asked: int = 0  # different questions that were sent
    requests: int = 0  # with those that were sent again
    refused: int = 0  # of them: 429, too many requests
    cut_off: int = 0  # requests that were in flight when it stopped; the service may charge for them
    tokens: int = 0
    cost: float = 0.0
    unknown_costs: int = 0  # answers whose cost is not known
    seconds: float = 0.0  # from its start to its end, or so far
    answer_seconds: float = 0.0  # what the requests that brought an answer took, together
    longest: float = 0.0  # of them
    requests_per_minute: float | None = None  # the rate that it ended with; None: nothing held it back
    stopped: str | None = None  # why it ended before its end

    @property
    def done(self) -> int:
        return self.succeeded + self.failed.total()

    @property
    def retries(self) -> int:
        return self.requests - self.asked

    @property
    def calls_per_second(self) -> float:
        """Answers of this run, without those that were saved or repeated."""
        return self._answers / self.seconds if self.seconds else 0.0

    @property
    def expected_cost(self) -> float | None:
        """About what it will cost in the end, as its answers so far have it; None while nobody can tell."""
        left = (self.total or 0) - self.done
        if self.total is None or not self._answers or (left and self.unknown_costs):
            return None
        return self.cost + self.cost / self._answers * left

    @property
    def ideal(self) -> float:
        """Seconds that it takes at least: all slots always busy with calls that succeed, or a rate always used."""
        by_rate = self._answers / self.requests_per_minute * 60 if self.requests_per_minute else 0.0
        return max(self.answer_seconds / self.max_concurrency, self.longest, by_rate)

    @property
    def share_of_ideal(self) -> float:
        """1.0: it could not have been faster. What it lost went into retries, pauses and a slow last call."""
        return min(1.0, self.ideal / self.seconds) if self.seconds else 1.0

    @property
    def _answers(self) -> int:
        return max(0, self.succeeded - self.repeated - self.saved)

    def __str__(self) -> str:
        lines = [f"{self.succeeded:,} of {counted(self.rows, 'question')} answered in {duration(self.seconds)}"]
        if self.stopped:
            lines.append(f"Stopped: {self.stopped}")
        if self.failed:
            kinds = ", ".join(f"{number:,} {kind}" for kind, number in self.failed.most_common())
            lines.append(f"Failed: {kinds}")
        if self.saved:
            lines.append(f"From the file, not sent again: {self.saved:,}")
        if self.repeated:
            lines.append(f"Asked once for several rows: {counted(self.repeated, 'row')} spared")
        retries = f", {counted(self.retries, 'retry', 'retries')} among them" if self.retries else ""
        lines.append(f"Sent: {counted(self.requests, 'request')}{retries}")
        if self.cut_off:
            lines.append(f"Cut off in flight (the service may charge for them): {self.cut_off:,}")
        known = [f"{self.tokens:,} tokens, {usd(self.cost)}"] if self.tokens or not self.unknown_costs else []
        more = [f"{counted(self.unknown_costs, 'answer')} of unknown cost"] if self.unknown_costs else []
        lines.append(f"Used: {', and '.join(known + more)}")
        if self._answers:
            lines.append(
                f"Speed: {self.calls_per_second:,.1f} answers a second, {self.share_of_ideal:.0%} of the ideal"
            )
        return "\n".join(lines)


class Answers(list[Answer]):
    """The answers of a batch: a list, and `summary`. `pd.DataFrame(answers)` makes a table of it."""

    def __init__(self, summary: Summary, answers: Iterable[Answer] = ()) -> None:
        super().__init__(answers)
        self.summary = summary
