"""What a batch will take, before anything is sent: calls, tokens, money and time."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from statistics import fmean

from ..answer import Answer
from ..catalog import DEFAULT_MODEL, MODELS, cost
from ..errors import BadInput
from ..inputs import check_question, number
from ..session.account import at_once, has_budget, in_proportion, rate_limits
from ..wire.totals import CHARACTERS, LIKELY
from ..words import counted, duration, usd
from . import progress
from .messages import read_question
from .pacer import is_same_limit
from .questions import Source, open_questions, resolve
from .settings import Repeats, Settings
from .store import Store

FRAME = 7  # tokens around each question: the roles, and where a message begins and ends


@dataclass(frozen=True)
class Estimate:
    """`seconds` and `cost` (USD) are None where the model is not in the catalogue and no sample says more."""

    questions: int
    calls: int  # a question that comes twice is asked once, but with repeats="each"; what cannot be sent is not
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float | None
    because: str  # what decides how long it takes

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __str__(self) -> str:
        time = f"about {duration(self.seconds)} ({self.because})" if self.seconds is not None else "time not known"
        return (
            f"{counted(self.questions, 'question')}, {counted(self.calls, 'call')}: "
            f"about {self.tokens:,} tokens, {usd(self.cost)}, {time}"
        )


def estimate(
    questions: Source,
    *,
    model: str = DEFAULT_MODEL,
    instructions: str = "",
    sample: Iterable[Answer] = (),
    answer_tokens: float | None = None,
    max_concurrency: int = 10,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    repeats: Repeats = "once",
    encoding: str | None = None,
) -> Estimate:
    """What a batch of these questions will take; nothing is sent.

    Tokens of the questions are counted by the rule of thumb (four characters of English each; other scripts take
    more). How long the answers will be nobody knows: give `answer_tokens`, or, better, a `sample`: the Answers to some
    of the questions, whose lengths and times are then taken for all. Without both it reckons with 150 tokens, and with
    the times of the practice models. In live mode it keeps to the account's rate limits, once an answer has told them:
    as many requests as may come at once go at once, the others in their turn, (requests - at once) / limit minutes.
    An iterator is read to its end.

    >>> print(estimate(["What is Python?"] * 3 + ["What is Go?"], answer_tokens=100))  # doctest: +ELLIPSIS
    4 questions, 2 calls: about 220 tokens, 0.00010 USD, about ...
    """
    each, _ = open_questions(resolve(questions, encoding))
    if isinstance(each, AsyncIterator):
        raise BadInput("An async iterator cannot be read here.", "Give a list of its questions.")
    settings = Settings(  # they are checked there, as a batch's own are
        model=model,
        instructions=instructions,
        max_concurrency=max_concurrency,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        repeats=repeats,
    )
    if answer_tokens is not None:
        answer_tokens = number(
            answer_tokens, "answer_tokens={} is not a number of tokens.", "Give one, or leave it out."
        )
    rows, texts = 0, Counter[str]()
    for value in each:
        rows += 1
        try:
            value = read_question(value)
            check_question(value)
        except BadInput:
            continue
        texts[str(value)] += 1
    if repeats == "once":
        texts = Counter(set(texts))
    calls = texts.total()
    good = [answer for answer in sample if answer.success]
    frame = FRAME + tokens_in(instructions)
    asked = calls * frame + sum(tokens_in(text) * times for text, times in texts.items())
    known_prompts = [answer for answer in good if answer.prompt_tokens]
    if known_prompts:  # how far off the rule of thumb is here
        guessed = sum(tokens_in(answer.question) + frame for answer in known_prompts)
        asked *= sum(answer.prompt_tokens or 0 for answer in known_prompts) / guessed
    lengths = [answer.completion_tokens for answer in good if answer.completion_tokens is not None]
    length = answer_tokens if answer_tokens is not None else fmean(lengths) if lengths else LIKELY
    prompt, written = round(asked), round(calls * length)
    a_call = _seconds_each(model, good, length)
    times = _times(model, calls, prompt + written, a_call, settings.requests_per_minute, settings.tokens_per_minute)
    if a_call is not None:
        by_calls = max(calls / settings.max_concurrency, 1.0 if calls else 0.0) * a_call
        times.insert(0, (by_calls, f"{a_call:.2g} s a call, {max_concurrency:,} at a time"))
    seconds, because = max(times, key=lambda time: time[0], default=(None, ""))  # the slowest of what limits it
    return Estimate(rows, calls, prompt, written, cost(model, prompt, written), seconds, because)


def announce(questions: object, total: int | None, settings: Settings, store: Store | None) -> None:
    """Where there is a budget: says what a batch will take before anything is sent, without what is saved already."""
    if not has_budget() or settings.progress is False or total is None:
        return
    assert isinstance(questions, Iterable)  # it has a length
    each = iter(questions)
    about = estimate(
        (value for value in each if store is None or not isinstance(value, str) or not store.saved(value)),
        model=settings.model,
        instructions=settings.instructions,
        max_concurrency=settings.max_concurrency,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        repeats=settings.repeats,
    )
    if about.calls:
        print(beside_budget(about), file=progress.place(), flush=True)


def beside_budget(about: Estimate) -> str:
    """An estimate, and what it means for the budget, in a sentence or two."""
    return f"Estimate: {about}.{in_proportion(about.cost)}"


def tokens_in(text: str) -> float:
    """About how many tokens a text has; a sign beyond ASCII counts as one.

    >>> tokens_in("What is Python?"), tokens_in("日本語")
    (3.75, 3.0)
    """
    if text.isascii():
        return len(text) / CHARACTERS
    plain = len(text.encode("ascii", "ignore"))
    return plain / CHARACTERS + len(text) - plain


def _seconds_each(model: str, sample: list[Answer], length: float) -> float | None:
    if sample:
        return fmean(answer.time for answer in sample)
    if model not in MODELS:
        return None
    practice = MODELS[model].practice
    return practice.first_token + length / practice.tokens_per_second


def _times(
    model: str, calls: int, tokens: int, each: float | None, requests_given: float | None, tokens_given: float | None
) -> list[tuple[float, str]]:
    """What each limit lets it take at least, and in words what that limit is."""
    (requests_told, tokens_told), (first_requests, first_tokens) = rate_limits(model, calls), at_once(model)
    a_call = tokens / calls if calls else 0.0
    times = []
    if requests_given:
        same = requests_told is not None and is_same_limit(requests_given, requests_told, first_requests or 0.0)
        first = min(first_requests or 0.0, requests_given) if same else 0.0
        seconds, words = _paced(calls, 1.0, requests_given, first, each, "requests")
        # and no minute has more
        times.append((max(seconds, math.floor((calls - 1) / requests_given) * 60 if first else 0.0), words))
    if requests_told:
        times.append(_paced(calls, 1.0, requests_told, first_requests or 0.0, each, "requests"))
    if tokens_given:
        times.append(_paced(tokens, a_call, tokens_given, 0.0, each, "tokens"))
    if tokens_told:
        times.append(_paced(tokens, a_call, tokens_told, first_tokens or 0.0, each, "tokens"))
    return times


def _paced(
    amount: float, a_call: float, per_minute: float, first: float, each: float | None, unit: str
) -> tuple[float, str]:
    """Seconds, where so much may go at once at first and the rest in its turn; the last call takes its own time."""
    if not amount:
        return 0.0, ""
    gap = a_call / per_minute * 60
    seconds = max(0.0, amount - max(first, a_call)) / per_minute * 60 + (gap if each is None else min(each, gap))
    at_first = f", {first:,.0f} of them at once" if first > a_call else ""
    return seconds, f"at {per_minute:,g} {unit} a minute{at_first}"
