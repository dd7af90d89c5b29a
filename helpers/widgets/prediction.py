"""Predictions: what a learner expects, written down before a cell is run, and how close it was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import ipywidgets

from ..errors import BadInput
from ..inputs import check_list
from ..numeric import real
from ..palette import BLUE
from ..wire.trace import Trace
from ..words import counted, duration, marked
from .base import Box, button, row
from .numbers import Unreadable, read_number

About = Literal["seconds", "times", "requests", "answers", "order", "choice"]
Value = float | tuple[str, ...]

UNITS = {"seconds": "seconds", "times": "times as fast", "requests": "requests", "answers": "answers"}
CLOSE = 0.2  # a prediction within this share of what was measured is called close

_written: dict[str, Value] = {}  # by the question: a cell that is run again does not forget what was predicted


@dataclass(frozen=True)
class Comparison:
    """How close a prediction was; as the last line of a cell it is a sentence."""

    said: str

    def __repr__(self) -> str:
        return self.said

    def _repr_html_(self) -> str:
        return f'<p style="border-left:4px solid {BLUE};padding-left:12px">{marked(self.said)}</p>'


class Prediction(Box):
    """See `predict`."""

    def __init__(self, question: str, about: About, of: Sequence[str]) -> None:
        super().__init__()
        self._question = question
        self._about = about
        self._of = tuple(of)
        asked = ipywidgets.HTML(f'<div class="workbook-asked">{marked(question)}</div>')
        self.show(asked, self._input(), self.status, name="prediction", label="Your prediction")
        if self.predicted is not None:
            self.status.say(f"Noted: {self._in_words(self.predicted)}. Run the next cells and see.")

    def __repr__(self) -> str:
        choices = f" ({' / '.join(self._of)})" if self._of else ""
        noted = f"\nNoted: {self._in_words(self.predicted)}." if self.predicted is not None else ""
        return f"Your prediction: {self._question}{choices}{noted}"

    @property
    def predicted(self) -> Value | None:
        """A number, or a tuple of names; None where nothing was written down yet."""
        return _written.get(self._question)

    # ---- writing it down -----------------------------------------------------------------------------------------

    def _input(self) -> ipywidgets.Widget:
        before = self.predicted
        if self._about == "choice":
            return self._buttons(before)
        if self._about == "order":
            return self._places(before)
        field = ipywidgets.Text(
            f"{before:.15g}" if isinstance(before, float) else "", description="I expect", placeholder="a number"
        )
        field.add_class("workbook-number")
        field.observe(self.on_loop(lambda change: self._number_typed(change["new"])), "value")
        return row(field, ipywidgets.HTML(UNITS[self._about]))

    def _number_typed(self, text: str) -> None:
        _written.pop(self._question, None)
        if not text.strip():
            self.status.say("")
            return
        try:
            self._note(read_number(text, self._about))
        except Unreadable as why:
            self.status.say(str(why))

    def _places(self, before: Value | None) -> ipywidgets.Widget:
        names = before if isinstance(before, tuple) and set(before) == set(self._of) else (None,) * len(self._of)
        places = [
            ipywidgets.Dropdown(
                options=[("choose …", None), *((name, name) for name in self._of)],
                value=name,
                description=f"{number}.",
            )
            for number, name in enumerate(names, 1)
        ]

        def changed(_change: Any) -> None:
            chosen = [place.value for place in places]
            twice = [name for name in self._of if chosen.count(name) > 1]
            if twice:
                _written.pop(self._question, None)
                self.status.say(f"{twice[0]} stands there twice. Choose another one for one of the two places.")
            elif None not in chosen:
                self._note(tuple(chosen))
            else:
                _written.pop(self._question, None)
                self.status.say(f"{counted(chosen.count(None), 'place')} to go.")

        for place in places:
            place.add_class("workbook-place")
            place.observe(self.on_loop(changed), "value")
        return row(*places)

    def _buttons(self, before: Value | None) -> ipywidgets.Widget:
        buttons: list[ipywidgets.Button] = []

        def choose(name: str) -> None:
            for each in buttons:
                (each.add_class if each.description == name else each.remove_class)("workbook-chosen")
            self._note((name,))

        for name in self._of:
            buttons.append(button(name, self.on_loop(lambda *_, name=name: choose(name)), name="option"))
            if before == (name,):
                buttons[-1].add_class("workbook-chosen")
        return row(*buttons)

    def _note(self, value: Value) -> None:
        _written[self._question] = value
        self.status.say(f"Noted: {self._in_words(value)}. Run the next cells and see.")

    # ---- how close it was ----------------------------------------------------------------------------------------

    def compare(self, *happened: Any) -> Comparison:
        """Holds the prediction against what happened: a trace, for "times" also two, or the value itself.

        Raises BadInput for what cannot be compared with it.
        """
        value = self._measured(happened)
        fact = self._fact(value, seen=isinstance(happened[0], Trace))
        if self.predicted is None:
            said = fact
        else:
            said = f"You predicted {self._in_words(self.predicted)}. {fact} {self._how_close(self.predicted, value)}"
        self.status.say(said)
        return Comparison(said)

    def _measured(self, happened: tuple[Any, ...]) -> Value:
        match self._about, happened:
            case ("times", (Trace() as slow, Trace() as fast)) if slow.seconds and fast.seconds:
                return slow.seconds / fast.seconds
            case ("requests" | "answers", (Trace() as trace,)):
                return self._of_trace(trace)
            case ("seconds" | "times" | "order", (Trace() as trace,)) if trace.calls:
                return self._of_trace(trace)
            case ("order", ([*names] | (*names,),)) if sorted(map(str, names)) == sorted(self._of):
                return tuple(map(str, names))
            case ("choice", (str() as name,)) if name in self._of:
                return (name,)
            case ("seconds" | "times" | "requests" | "answers", (value,)) if real(value, least=0) is not None:
                return float(value)
        traces = "two traces" if self._about == "times" else "a trace in which something was sent"
        value = {"order": f"a list of {', '.join(self._of)}", "choice": f"one of {', '.join(map(repr, self._of))}"}
        wanted = value["choice"] if self._about == "choice" else f"{traces}, or {value.get(self._about, 'a number')}"
        raise BadInput("That cannot be compared with the prediction.", f"Give compare() {wanted}.")

    def _of_trace(self, trace: Trace) -> Value:
        match self._about:
            case "seconds":
                return trace.seconds
            case "times":  # one by one they would have taken as long as all of them added up
                return sum(call.seconds or 0.0 for call in trace.calls) / trace.seconds
            case "requests":
                return float(trace.requests)
            case "answers":
                return float(sum(call.outcome == "ok" for call in trace.calls))
        done = sorted((call for call in trace.calls if call.done is not None), key=lambda call: call.done or 0.0)
        names = [name for call in done for name in self._of if name in (call.model, call.question)]
        return tuple(dict.fromkeys(names))

    def _fact(self, value: Value, seen: bool) -> str:
        """What happened; seconds and requests that were not `seen` in a trace may be an estimate's: it says no more."""
        said = self._in_words(value)
        match self._about:
            case "seconds":
                return f"It took {said}." if seen else f"It is {said}."
            case "times":
                return f"It was {said}."
            case "requests":
                return f"{said} {'was' if value == 1 else 'were'} sent." if seen else f"It is {said}."
            case "answers":
                return f"You got {said}."
            case "order":
                return f"The order was {said}."
        return f"What happened: {said}."

    def _in_words(self, value: Value) -> str:
        if isinstance(value, tuple):
            return ", then ".join(value)
        match self._about:
            case "seconds":
                return duration(value)
            case "times":
                return f"{value:.1f} times as fast" if value < 10 else f"{value:.0f} times as fast"
        return f"{_written_out(value)} {UNITS[self._about].removesuffix('s' * (value == 1))}"

    def _how_close(self, predicted: Value, value: Value) -> str:
        if isinstance(value, tuple) or isinstance(predicted, tuple):
            return "That is what you said." if predicted == value else "Not what you said."
        if predicted == value:
            return "Exactly."
        if self._about in ("seconds", "times") and abs(predicted - value) <= CLOSE * value:
            return "Close."
        as_much = {"seconds": "as long", "times": "as much"}.get(self._about, "as many")
        low, high = sorted((predicted, value))
        if low > 0 and high / low >= 1.95:
            ratio = f"{high / low:.2g} times {as_much}"
            return f"You expected {ratio}." if predicted > value else f"That is {ratio} as you expected."
        return f"You expected {'more' if predicted > value else 'less'}."


def _written_out(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) else f"{number:,.9g}"


def predict(question: str, about: About, of: Iterable[str] = ()) -> Prediction:
    """A question about what a cell will do, to be answered before it is run; `compare` then says how close it was.

    `about` says what is predicted, and what `compare` takes from a trace for it:

    - "seconds": how long it takes, from the first request's start to the last one's end;
    - "times": how many times as fast; of two traces the first one's seconds divided by the second one's, of one trace
      the seconds of all its calls divided by its own;
    - "requests": how many are sent, those sent again included; "answers": how many calls succeed;
    - "order": in which order the names in `of` (models or questions) are done;
    - "choice": one of the texts in `of`; which one it was, `compare` has to be told.

    Given a number of seconds or requests, which may be an estimate's, it says what it is, and not that it happened.

    Raises BadInput where `about` or `of` makes no sense.

    >>> prediction = predict("How many requests does one call send?", "requests")
    >>> prediction
    Your prediction: How many requests does one call send?
    >>> with watch() as trace:
    ...     text = await ask_ai("What is Python?")
    >>> prediction.compare(trace)
    1 request was sent.
    """
    if about not in get_args(About):
        raise BadInput(f"about={about!r} cannot be predicted.", f"Choose one of {', '.join(get_args(About))}.")
    named = check_list(of, "of", "names") if about in ("order", "choice") else []
    return Prediction(question, about, named)
