"""The budget: may the next call be sent?"""

import math

from ..errors import BadInput, BudgetReached
from ..numeric import real
from ..wire.totals import Totals
from ..words import shortened, usd

BUDGET = 0.25  # USD; of a session, where nobody says another
LEAST = 1e-9  # USD; far less than any call costs


def checked_budget(budget: object) -> float:
    """USD. Raises BadInput for what is no amount of money."""
    usable = real(budget, LEAST, math.inf)
    if usable is None:
        raise BadInput(  # not cut: half a key that was given by mistake would not be hidden
            f"budget={shortened(budget, 10_000)} is not an amount of US dollars.",
            f"Give one above 0, such as budget={BUDGET} (float('inf') is none at all).",
        )
    return float(usable)


class Budget:
    """`most` USD, of which `bill` says what is used. What may still be in flight counts with what it may come to."""

    def __init__(self, most: float, bill: Totals) -> None:
        self.most = most
        self._bill = bill

    def require(self) -> None:
        """Raises BudgetReached where nothing more may be sent."""
        if self._bill.committed < self.most:
            return
        flying = " or in flight" if self.used < self.most else ""
        more = 2 * max(self.most, self.used)
        raise BudgetReached(
            f"The budget of this session, {usd(self.most)}, is used up{flying}.",
            f"What is there is kept. To go on, allow more: connect(live=True, budget={more:.2g}).",
        )

    @property
    def used(self) -> float:
        """USD, with about what calls cost that did not say."""
        return self._bill.spent.cost + self._bill.spent.guessed

    @property
    def left(self) -> float:
        """USD that may still be spent."""
        return max(0.0, self.most - self._bill.committed)

    def __str__(self) -> str:
        if self.most == math.inf:
            return f"No budget is set; {usd(self._bill.spent.cost)} used so far."
        end = ": nothing more is sent." if self.used >= self.most else "."
        return f"Budget: {usd(self.most)}, {usd(self.used)} used{end}"
