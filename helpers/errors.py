"""Errors that a learner reads: one sentence on what happened, one on what to do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class WorkbookError(Exception):
    """What went wrong, in two sentences. The SDK's own exception, where there was one, is its `__cause__`."""

    def __init__(self, happened: str, what_to_do: str) -> None:
        super().__init__(f"{happened} {what_to_do}")
        self.happened = happened
        self.what_to_do = what_to_do

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.happened, self.what_to_do), self.__dict__

    def _render_traceback_(self, *_: Any) -> list[str]:
        # IPython asks for this: two sentences in place of forty lines of traceback
        return [f"{type(self).__name__}: {self.happened}", self.what_to_do]


class BadInput(WorkbookError, ValueError):
    """A value that cannot be used."""


class CallFailed(WorkbookError):
    """A call that ended without an answer. `attempts` requests were sent, in `time` seconds."""

    attempts: int = 0
    time: float = 0.0


class NoAnswer(CallFailed):
    """A call that ended well, and without an answer. It is paid all the same: `facts` are fields of its `Answer`."""

    facts: Mapping[str, Any] = MappingProxyType({})


class ContentFiltered(NoAnswer):
    """The service's filter kept the answer back."""


class ModelRefused(NoAnswer):
    """The model said that it will not answer."""


class AnswerCut(NoAnswer):
    """The text ends before its end, and half of what was asked for is of no use."""


class SchemaMismatch(NoAnswer):
    """What came is not what the schema asks for."""


class ErrorSent(NoAnswer):
    """The service called it a success, and sent an error."""


class BudgetReached(WorkbookError):
    """A call that was not sent, since live mode's budget is used up."""


# ---- nobody pays: what OpenAI says with its codes for that, and what each such code means ----------------------------

BILLING = "Add credit on the billing page of your account, then ask again."

# by OpenAI's codes; the first is the usual one, and the last was told before, as its own type
OPENAI_SAYS = {
    "credit_balance_exhausted": "Your credit balance is used up. Add credit to go on.",
    "organization_spend_limit_exceeded": "Your organization has reached its spend limit.",
    "project_spend_limit_exceeded": "Your project has reached its spend limit.",
    "organization_usage_limit_exceeded": "Your organization has reached its usage limit for this month.",
    "insufficient_quota": "You exceeded your current quota, please check your plan and billing details.",
}

# by the code of the error, or its type; the one that says most comes first
OUT_OF_CREDIT = {
    "organization_spend_limit_exceeded": (
        "Your organization has reached its spend limit (organization_spend_limit_exceeded), so a retry will not help.",
        "Ask an owner of the organization to raise that limit.",
    ),
    "project_spend_limit_exceeded": (
        "Your project has reached its spend limit (project_spend_limit_exceeded), so a retry will not help.",
        "Ask an owner of the project to raise that limit, or use the key of another project.",
    ),
    "organization_usage_limit_exceeded": (
        "Your organization has used up what the service allows it in a month (organization_usage_limit_exceeded), "
        "so a retry will not help.",
        "Ask for a higher usage limit on the limits page of your account, or wait for next month.",
    ),
    "billing_hard_limit_reached": (
        "Your account has reached its spend limit (billing_hard_limit_reached), so a retry will not help.",
        "Raise that limit on the limits page of your account, or ask its owner.",
    ),
    "billing_not_active": (
        "Nobody pays for this account yet (billing_not_active), so a retry will not help.",
        "Set up how you pay on the billing page of your account.",
    ),
    **{
        name: (f"Your account has no credit left ({name}), so waiting will not help.", BILLING)
        for name in (
            "credit_balance_exhausted",
            "billing_error",
            "insufficient_balance",
            "insufficient_credits",
            "insufficient_user_quota",
            "exceeded_current_quota_error",
            "arrearage",
        )
    },
    "insufficient_quota": (
        "Your account has no credit left (insufficient_quota), so waiting will not help.",
        "Check the plan and billing page of your account.",
    ),
    "402": ("Your account has no credit left (402), so waiting will not help.", BILLING),
}
NO_CREDIT = ("Your account has no credit left, so waiting will not help.", BILLING)


def out_of_credit(*names: object) -> tuple[str, str] | None:
    """What happened, and who has to do what, where an error's `code`, its `type` or its status means: nobody pays.

    None where they mean something else. The one that says most counts.

    >>> out_of_credit("credit_balance_exhausted", "insufficient_quota")[0]
    'Your account has no credit left (credit_balance_exhausted), so waiting will not help.'
    >>> out_of_credit("rate_limit_exceeded", "requests", 429) is None
    True
    """
    told = {str(name).lower() for name in names if name is not None}
    return next((sentences for name, sentences in OUT_OF_CREDIT.items() if name in told), None)
