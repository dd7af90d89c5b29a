"""What live mode has found out and keeps: the address, the models, the account's limits, the budget."""

import math
import os
from collections.abc import Callable
from contextvars import ContextVar
from datetime import date
from urllib.parse import urlsplit

import httpx2
from openai import OpenAI

from ...catalog import MODELS
from ...errors import WorkbookError
from ...wire.exchange import Exchange
from ...wire.model_calls import carries
from ...wire.redirects import stays
from ...wire.totals import Totals
from ...words import counted, usd
from ..budget import Budget
from .access import NO_KEY, Access
from .check import Listed, list_models
from .limits import MINUTE, LimitsSeen
from .offer import Offer, age_of_prices
from .unlisted import Unlisted

# the free request goes out whatever the mode is
checking: ContextVar[bool] = ContextVar("checking", default=False)


def today() -> date:
    return date.today()


def is_forbidden() -> bool:
    return os.environ.get("WORKBOOK_MODE", "").strip().lower() == "practice"


def check_it_is_allowed() -> None:
    """Raises WorkbookError where a class, or the tests, have switched it off."""
    if is_forbidden():
        raise WorkbookError(
            "Live mode is switched off here (WORKBOOK_MODE=practice).", "connect() gives you practice mode."
        )


def ask_for_the_list(client: OpenAI, access: Access) -> Listed | None:
    """The free request."""
    token = checking.set(True)
    try:
        with client:
            return list_models(client, access)
    finally:
        checking.reset(token)


class Live:
    """What live mode has found out and keeps: the address, the models, the account's limits, the budget.

    `say` is called with each sentence that the learner should see now.
    """

    def __init__(
        self, access: Access, listed: Listed | None, budget: Budget, bill: Totals, say: Callable[[str], object]
    ) -> None:
        self.access = access
        self.offer = Offer(listed)
        self._unchecked = listed.said if isinstance(listed, Unlisted) else ""
        self.budget = budget
        self.limits = LimitsSeen(say)
        self._bill = bill
        self._say = say
        self._introduced: set[str] = set()
        self.homes = [(access, httpx2.URL(access.url))]  # where this key belongs, and each that there was before

    def comes_after(self, before: "Live") -> None:
        """What the live mode before it knew: what was said once of a service need not be said again."""
        if before.access == self.access:
            self.limits, self._introduced = before.limits, before._introduced
        self.homes += before.homes

    def banner(self) -> str:
        """What has to be said when it begins."""
        listed = self.offer.listed
        works = f"It works: {counted(len(listed), 'model is', 'models are')} offered." if listed else "It works."
        works = self._unchecked or works
        about = [*self.offer.of_the_lessons(today()), *filter(None, [age_of_prices(today())])]
        return "\n".join([f"{self.who()} {works}", f"{self.budget} connect() ends live mode.", *about])

    def who(self) -> str:
        """Who answers."""
        if self.access.is_here:
            return f"Live mode: calls go to {self.access.shown}, a service on this computer, with {self.access.origin}."
        return f"Live mode: calls go to {self.access.shown} with {self.access.origin}, and cost money."

    def in_short(self) -> str:
        host = urlsplit(self.access.url).netloc.rpartition("@")[2]
        said = f"Live mode: {host} answers{'' if self.access.is_here else ', and it costs money'}. {self.budget}"
        for model, limits in list(self.limits.limits.items())[-1:]:
            said += f" Your limits for {model}: {limits}."
        return said

    def account(self) -> str:
        """How it stands."""
        lines = [self.who(), f"Used so far: {self._bill.spent}.", str(self.budget)]
        if self.limits.no_credit:
            lines.append(" ".join(self.limits.no_credit))
        lines += [f"Limits of {model}: {limits}." for model, limits in self.limits.limits.items()]
        if not self.limits.limits:
            lines.append("Rate limits: not known. (A service may tell them with an answer.)")
        return "\n".join(lines)

    def per_minute(self, model: str, calls: int) -> tuple[float | None, float | None]:
        """How many requests and tokens of a model the account may use a minute; None where that is not known.

        A limit for a day holds nothing back while it is not used up.
        """
        limits = self.limits.limits.get(model)
        if limits is None:
            return None, None
        requests, tokens = limits
        if requests is not None and requests.period > MINUTE and calls <= requests.limit:
            requests = None
        if tokens is not None and tokens.period > MINUTE:
            tokens = None
        return (requests.per_minute if requests else None), (tokens.per_minute if tokens else None)

    def at_once(self, model: str) -> tuple[float | None, float | None]:
        """How many requests and tokens of a model may come at once, where nothing was used lately."""
        limits = self.limits.limits.get(model)
        requests, tokens = limits or (None, None)
        return (requests.limit if requests else None), (tokens.limit if tokens else None)

    def what_is_left(self, cost: float | None) -> str:
        """What an estimate of so many USD means for the budget; None: it is not known."""
        if self.budget.most == math.inf:
            return ""
        if cost is None:
            return "" if self.access.is_here else " Its price is not known here, so the budget does not count it."
        if cost <= self.budget.left:
            return f" Of the budget {usd(self.budget.left)} are left."
        return f" But of the budget only {usd(self.budget.left)} are left: it would stop there, and keep what it has."

    def keep_the_key(self, exchange: Exchange) -> None:
        """Raises WorkbookError where a request would take a key to another address than it was set for."""
        url = exchange.url
        at_home = {NO_KEY, *(access.key for access, home in self.homes if stays(home, url))}
        strays = (access for access, _ in self.homes if access.key not in at_home)
        access = next((each for each in strays if carries(exchange, [each.key])), None)
        if access is None:
            return
        there = f"{url.scheme}://{url.netloc.decode()}"
        raise WorkbookError(
            f"This call would take {access.origin} to {there}, and it was set for {access.shown}: nothing was sent.",
            "Give the client a key for that service (api_key=…). Or write that key into .env under a name of its own, "
            f'and go there: connect(live=True, base_url="{there}/v1", key_from="MY_SERVICE_KEY").',
        )

    def before(self, exchange: Exchange) -> None:
        """Of what may cost something: says what there is to know of a model the first time, and keeps to the budget."""
        if exchange.method != "POST":
            return
        check_it_is_allowed()
        model, path = exchange.request.model, exchange.url.path
        if (model or path) not in self._introduced:
            self._introduced.add(model or path)
            if model:
                self.introduce(model)
            elif not self.access.is_here:  # a file of sound, say, or a batch that runs at the service
                self._say(f"What a call of {path} costs is not known here, so the budget does not count it.")
        self.budget.require()

    def in_place_of(self, model: str) -> str | None:
        """What to do about a model that the service does not have; None where nothing is known."""
        return self.offer.in_place_of(model, today())

    def introduce(self, model: str) -> None:
        known, said = MODELS.get(model), self.offer.about(model, today())
        if said and (known or model in (self.offer.listed or ())):  # any other name may be misspelt: its 404 says so
            self._say(said)
        if (known is None or known.input is None) and not self.access.is_here:
            self._say(f"The price of {model} is not known here, so the budget does not count its calls.")
