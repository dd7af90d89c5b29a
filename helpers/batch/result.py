"""What comes of a batch: its answers in the order of the questions, and their summary."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..answer import Answer
from ..finish_reasons import how_cut
from ..words import counted, duration, usd
from .pacer import Origin

NOT_DONE = ("NotSent", "CutOff")  # what an Answer's `error_type` says where the batch was stopped before its outcome
PACES = {
    "given": "the limit that you gave",
    "told": "just below the limit that the service's headers tell",
    "learned": "learned from the 429s, as no limit is known",
}


@dataclass
class Summary:
    """What a batch did, and how well. Seconds, and USD at the catalogue's prices; of this run alone.

    A question that comes twice is asked once: both rows count as succeeded, its tokens and its cost once. What an
    earlier run had saved costs nothing here. `seconds` are those of the picture of its calls: from the first request to
    the end of the last one.

    >>> summary = Summary(max_concurrency=2, rows=3, succeeded=3, repeated=1, asked=2, requests=3, seconds=1.25)
    >>> summary.retries, summary.requests_per_answer, summary.calls_per_second
    (1, 1.5, 1.6)
    """

    max_concurrency: int
    total: int | None = None  # rows that there will be; None where only the end will tell
    rows: int = 0  # so far: succeeded, failed and not done
    succeeded: int = 0
    failed: Counter[str] = field(default_factory=Counter)  # rows without an answer, by `error_type`; NOT_DONE too
    cut_by: Counter[str] = field(default_factory=Counter)  # rows whose answer is cut, by its `finish_reason`
    repeated: int = 0  # rows that the answer to the same question stands in, without asking again
    saved: int = 0  # rows whose answer was in the file already
    asked: int = 0  # different questions that were sent
    requests: int = 0  # with those that were sent again
    refused: int = 0  # of them: 429, too many requests
    cut_off: int = 0  # requests that were in flight when it stopped; the service may charge for them
    tokens: int = 0
    cost: float = 0.0
    unknown_costs: int = 0  # answers whose cost is not known
    seconds: float = 0.0  # or so far
    requests_per_minute: float | None = None  # the rate that it ended with; None: nothing held it back
    paced_by: Origin | None = None  # where that rate comes from: it was given, told by the service, or learned
    stopped: str | None = None  # why it ended before its end

    @property
    def done(self) -> int:
        """Rows that have their Answer, also where it says that it was stopped before."""
        return self.succeeded + self.failed.total()

    @property
    def failures(self) -> Counter[str]:
        """Of `failed`: what was really tried."""
        return Counter({kind: number for kind, number in self.failed.items() if kind not in NOT_DONE})

    @property
    def finished(self) -> int:
        """Rows that have an outcome: succeeded, or failed in earnest."""
        return self.succeeded + self.failures.total()

    @property
    def incomplete(self) -> int:
        """Rows whose answer is cut: there is a text, but not all of it."""
        return self.cut_by.total()

    @property
    def retries(self) -> int:
        return self.requests - self.asked

    @property
    def calls_per_second(self) -> float:
        """Answers of this run, without those that were saved or repeated."""
        return self._answers / self.seconds if self.seconds else 0.0

    @property
    def requests_per_answer(self) -> float | None:
        """1.0: nothing was sent for nothing; None: there is no answer of this run."""
        return self.requests / self._answers if self._answers else None

    @property
    def share_of_limit(self) -> float | None:
        """How much of the requests a minute that are allowed was sent, up to 1.0; None where no limit is known."""
        if self.paced_by not in ("given", "told") or not self.requests_per_minute or not self.seconds:
            return None
        return min(1.0, self.requests / (self.requests_per_minute / 60 * self.seconds))

    @property
    def expected_cost(self) -> float | None:
        """About what it will cost in the end, as its answers so far have it; None while nobody can tell."""
        left = (self.total or 0) - self.finished
        if self.total is None or not self._answers or (left and self.unknown_costs):
            return None
        return self.cost + self.cost / self._answers * left

    @property
    def _answers(self) -> int:
        return max(0, self.succeeded - self.repeated - self.saved)

    def __str__(self) -> str:
        return "\n".join([*self._outcome(), *self._sent(), *self._speed()])

    def _outcome(self) -> Iterable[str]:
        yield f"{self.succeeded:,} of {counted(self.rows, 'question')} answered in {duration(self.seconds)}"
        if self.stopped:
            yield f"Stopped: {self.stopped}"
        if failures := self.failures:
            yield f"Failed: {', '.join(f'{number:,} {kind}' for kind, number in failures.most_common())}"
        if unsent := self.failed["NotSent"]:
            yield f"Not sent: {counted(unsent, 'question')}"
        for reason, number in self.cut_by.most_common():
            yield cut_in_words(reason, number)

    def _sent(self) -> Iterable[str]:
        if self.saved:
            yield f"From the file, not sent again: {self.saved:,}"
        if self.repeated:
            yield f"Asked once for several rows: {counted(self.repeated, 'row')} spared"
        retries = f", {counted(self.retries, 'retry', 'retries')} among them" if self.retries else ""
        refused = f", {self.refused:,} refused (429: too many at once)" if self.refused else ""
        yield f"Sent: {counted(self.requests, 'request')}{retries}{refused}"
        if self.cut_off:
            yield f"Cut off in flight (the service may charge for them): {self.cut_off:,}"
        known = [f"{self.tokens:,} tokens, {usd(self.cost)}"] if self.tokens or not self.unknown_costs else []
        more = [f"{counted(self.unknown_costs, 'answer')} of unknown cost"] if self.unknown_costs else []
        yield f"Used: {', and '.join(known + more)}"

    def _speed(self) -> Iterable[str]:
        if self.requests_per_answer:
            speed = f"{self.calls_per_second:,.1f} answers a second"
            yield f"Speed: {speed}, {self.requests_per_answer:.2f} requests sent for each answer"
        if self.requests_per_minute and self.paced_by:
            share = f"; {self.share_of_limit:.0%} of it was used" if self.share_of_limit is not None else ""
            # what is read from headers, or learned, is no more exact than this
            pace = self.requests_per_minute if self.paced_by == "given" else float(f"{self.requests_per_minute:.2g}")
            yield f"Pace: {pace:,.0f} requests a minute ({PACES[self.paced_by]}){share}"


class Answers(list[Answer]):
    """The answers of a batch: a list, and `summary`. `pd.DataFrame(answers)` makes a table of it."""

    def __init__(self, summary: Summary, answers: Iterable[Answer] = ()) -> None:
        super().__init__(answers)
        self.summary = summary


def cut_in_words(finish_reason: str, answers: int) -> str:
    """What happened to answers that are not whole.

    >>> cut_in_words("length", 3)
    '3 answers were cut at the token limit (finish_reason length)'
    """
    were = counted(answers, "answer was", "answers were")
    return f"{were} {how_cut(finish_reason)} (finish_reason {finish_reason})"
