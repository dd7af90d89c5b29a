"""Which models the service offers, and which of them will not be there much longer."""

from datetime import date, timedelta

from ...catalog import COMPARE_MODELS, DEFAULT_MODEL, MODELS, PRICES_READ
from .check import Listed

NEAR = timedelta(days=90)  # before its shutdown a model is warned of
OLD = timedelta(days=120)  # after which prices are said to be old
FEW = 12  # names in a sentence


class Offer:
    """What `/v1/models` told. `listed` is None where it told nothing."""

    def __init__(self, listed: Listed | None) -> None:
        self.listed = listed or None

    @property
    def models(self) -> tuple[str, ...]:
        """To be chosen from: those of the catalogue that there are, else all that there are.

        (A service lists models for pictures and for speech as well, and does not say which are for text.)
        """
        priced = tuple(name for name, model in MODELS.items() if model.input is not None)
        if self.listed is None:
            return priced
        return tuple(name for name in priced if name in self.listed) or tuple(self.listed)

    def about(self, model: str, today: date) -> str | None:
        """What there is to know of a model before it is asked; None where nothing."""
        known = MODELS.get(model)
        shutdown = (self.listed or {}).get(model) or (known.shutdown if known else None)
        use = f" Use {successor} in its place." if (successor := self.successor(model)) else ""
        if shutdown is not None and shutdown <= today:
            return f"{model} was shut down on {shutdown}.{use}"
        if self.listed is not None and model not in self.listed:
            return f"{model} is not among the models that your key may use.{use or self.instead()}"
        if shutdown is not None and shutdown - today <= NEAR:
            return f"{model} will be shut down on {shutdown}.{use}"
        return None

    def in_place_of(self, model: str, today: date) -> str | None:
        """What to do about a model that the service does not have; None where nothing is known."""
        return self.about(model, today) or (f"Check the spelling.{self.instead()}" if self.listed else None)

    def successor(self, model: str) -> str | None:
        """What takes the place of a model, where that is known and there."""
        known = MODELS.get(model)
        successor = known.successor if known else None
        return successor if successor and (self.listed is None or successor in self.listed) else None

    def instead(self) -> str:
        """What else there is, in a sentence."""
        few = list(self.listed or ())[:FEW]
        more = " …" if self.listed and len(self.listed) > FEW else ""
        return f" There are: {', '.join(few)}{more}." if few else ""

    def of_the_lessons(self, today: date) -> list[str]:
        """What there is to know of the models that the lessons use."""
        named = dict.fromkeys((DEFAULT_MODEL, *COMPARE_MODELS))
        if self.listed is not None and not any(name in self.listed for name in named):
            return [
                f"None of the models that the lessons use ({', '.join(named)}) is offered there: put another in their "
                f"place.{self.instead()}"
            ]
        return [said for name in named if (said := self.about(name, today))]


def age_of_prices(today: date) -> str | None:
    """A sentence where the catalogue's prices are old."""
    if today - PRICES_READ <= OLD:
        return None
    return f"The prices here were read on {PRICES_READ}; what is charged may have changed."
