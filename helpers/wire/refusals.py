"""A service's refusal, read: what it says, and by which names (code, type, parameter) it calls the reason.

OpenAI's shape is {"error": {"message", "type", "param", "code"}}. Other services nest it deeper, leave parts out, or
have nothing but a text: what has to be told by its words is told here, and nowhere else.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import openai

from ..errors import ErrorSent
from ..words import ended
from .bodies import read_request, request_body
from .headers import read_seconds

MOST_WORDS = 300  # characters of what a service says
TEXTS = ("message", "detail", "error", "errors", "msg")  # under which of them there is a text, or more to look into

BILLING = "Add credit on the billing page of your account, then ask again."
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
            "insufficient_user_quota",
            "exceeded_current_quota_error",
            "arrearage",
        )
    },
    "insufficient_quota": (  # as OpenAI told it before, and others tell it still
        "Your account has no credit left (insufficient_quota), so waiting will not help.",
        "Check the plan and billing page of your account.",
    ),
    "402": ("Your account has no credit left (402), so waiting will not help.", BILLING),
}

NO_MODEL = {"model_not_found", "model_not_available", "modelnotfound", "invalid_model", "deploymentnotfound"}
NOT_FOUND = {"not_found", "not_found_error", "notfounderror"}
NOT_HERE = {"unsupported_country_region_territory"}
TOO_LONG = {"context_length_exceeded", "exceed_context_size_error"}
TOO_LARGE = {"request_too_large", "tokens_limit_reached"}
# of one question, and not of all
OF_ITS_QUESTION = {
    *TOO_LONG,
    *TOO_LARGE,
    "content_filter",
    "content_policy_violation",
    "invalid_prompt",
    "moderation_blocked",
    "string_above_max_length",
}

# what has no name of its own with some service, by the words. Each is held to the words' beginning or to a name.
VERIFY = re.compile(r"your organi[sz]ation must be verified", re.IGNORECASE)
LONG = re.compile(r"(this|the) model's maximum context length|.{0,80}exceeds? the (available )?context", re.IGNORECASE)
LARGE = re.compile(r"request too large", re.IGNORECASE)
ASKED_FOR = re.compile(r"tokens per .*?\blimit:? ([\d,]+).*?\brequested:? ([\d,]+)", re.IGNORECASE)
NO_ADDRESS = re.compile(
    r"invalid url|unknown request url|(file |page |route |resource )?not found\W*$|cannot (get|post)\b|404\b|no route",
    re.IGNORECASE,
)
TRY_AGAIN_IN = re.compile(r"\btry again in ((?:\d+(?:\.\d+)?(?:d|h|ms|m|s))+)", re.IGNORECASE)
IS_NOT = (
    r"(is |was |has |could |can )?(not|n't) (be )?(found|exist|loaded|available|deployed|installed|configured|known|"
    r"a (valid|known) model|a local folder)|(does not|doesn't) exist|is unknown|there is no"
)
NAME = r"[`'\"]?[\w./:@+-]+[`'\"]?"
MODEL_IS_NOT = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bmodels?[ :/=]+{NAME}\W*({IS_NOT})",
        rf"^(the )?(requested |specified )?model ({IS_NOT}|not exists?)",
        rf"^{NAME} is not a (local folder|valid model|known model)",
        r"(^|[:'] )(unknown|invalid|unrecognized|unsupported|no such) model( name| id)?\W*($|passed|:|=|[`'\"])",
    )
]
NOT_THE_ASKED = (
    r"((unknown|invalid|unrecognized|unsupported|no such)( model)?( name| id)?( passed in)?|no endpoints found for|"
    r"no model( named| called| with id)?|(not|n't|unable to|failed to) (find|access|load)\W+(\w+\W+){{0,4}}?)"
    r"\W*(model\W*)?{name}"
)
NUMBERED = re.compile(r"\S*\d\S*")  # ids, times and counts differ from one refusal to the next


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a service says: `words` in a line, and the names for it, in lower case; "" for what it does not say."""

    status: int | None
    code: str
    type: str
    param: str
    words: str
    request: Any = None

    @property
    def names(self) -> set[str]:
        return {self.code, self.type} - {""}

    @property
    def model(self) -> str:
        """Which was asked for."""
        return read_request(request_body(self.request)).model if self.request is not None else ""

    @property
    def no_credit(self) -> tuple[str, str] | None:
        """What happened, and who has to do what, where nobody pays."""
        return out_of_credit(self.code, self.type, self.status)

    @property
    def wants_verification(self) -> bool:
        """Told with the code `model_not_found`, with others, or with none."""
        return bool(VERIFY.match(self.words))

    @property
    def no_such_model(self) -> bool:
        if self.status not in (None, 400, 404, 422) or self.wants_verification:
            return False
        model = self.model
        is_named = self.param == "model" or (model and model in self.words)
        if self.names & NO_MODEL or (is_named and self.names & NOT_FOUND):
            return True
        if any(pattern.search(self.words) for pattern in MODEL_IS_NOT):
            return True
        if not self.words or not model:
            return False
        name = rf"(?<![\w-]){re.escape(model)}(?![\w-])"
        patterns = rf"{name}\W*({IS_NOT})", NOT_THE_ASKED.format(name=rf"[`'\"]?{name}")
        return any(re.search(pattern, self.words, re.IGNORECASE) for pattern in patterns)

    @property
    def no_such_address(self) -> bool:
        return self.status == 404 and ("unknown_url" in self.names or bool(NO_ADDRESS.match(self.words or "404")))

    @property
    def too_large(self) -> bool:
        """It asks for more tokens than a whole minute's limit: that never gets through. Told as a rate limit."""
        if self.status not in (413, 429):
            return False
        asked = ASKED_FOR.search(self.words)
        if asked and self.type in ("", "tokens"):
            limit, requested = (int(number.replace(",", "") or 0) for number in asked.groups())
            return requested > limit
        return bool(self.names & TOO_LARGE or LARGE.match(self.words))

    @property
    def too_long(self) -> bool:
        return self.status in (400, 413, 422) and bool(self.names & TOO_LONG or LONG.match(self.words))

    @property
    def seconds_told(self) -> float | None:
        """Until another attempt may help, where only the words tell it."""
        told = TRY_AGAIN_IN.search(self.words)
        return read_seconds(told[1].lower()) if told else None


def read_refusal(error: BaseException) -> Refusal:
    """
    >>> import httpx2
    >>> response = httpx2.Response(429, json={"error": {"code": "slow_down", "message": "Too many!"}},
    ...     request=httpx2.Request("POST", "http://127.0.0.1/v1"))
    >>> refusal = read_refusal(openai.RateLimitError("", response=response, body=response.json()))
    >>> refusal.status, refusal.code, refusal.type, refusal.words
    (429, 'slow_down', '', 'Too many!')
    """
    status = getattr(error, "status_code", None)
    said = getattr(error, "body", None)
    layers = [*_layers(said), *_layers(_content(error))]
    layers.append({name: getattr(error, name, None) for name in ("code", "type", "param")})

    def named(name: str) -> str:
        for layer in layers:  # some write the status into `code`, and "None" for nothing
            value = layer.get(name)
            if isinstance(value, str | int) and str(value) not in ("", "None", str(status)):
                return str(value).lower()
        return ""

    request = error.request if isinstance(error, openai.APIError) else None
    return Refusal(status, named("code"), named("type"), named("param"), _line(said), request)


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


def service_words(error: openai.APIError) -> str:
    """What the service itself says of it, in a line; "" for nothing. Each service has its own shape for it."""
    return _line(error.body)


def as_said(error: openai.APIError) -> str:
    """The end of a sentence: what the service says, if it says something."""
    words = service_words(error)
    return f": {ended(words)}" if words else "."


def common_cause(error: BaseException, question: str = "") -> tuple[object, ...] | None:
    """The same for two failures for good that have the same cause; None for what is the question's own fault.

    >>> common_cause(ValueError("a bug")) is None
    True
    """
    if isinstance(error, openai.APIResponseValidationError) and not error.response.content.lstrip().startswith(b"{"):
        return ("no JSON",)  # a web page, say
    if isinstance(error, ErrorSent):
        return "sent with 200", NUMBERED.sub("#", str(error).replace(_line(question) or " ", " ")).lower()
    if not isinstance(error, openai.APIStatusError):
        return None
    refusal = read_refusal(error)
    flagged = any("flagged_input" in layer for layer in _layers(_content(error)))
    if flagged or refusal.names & OF_ITS_QUESTION or refusal.too_large or refusal.too_long:
        return None
    words = refusal.words.replace(_line(question), "") if question.strip() else refusal.words
    return refusal.status, refusal.code, refusal.type, NUMBERED.sub("#", words).lower()


def _content(error: BaseException) -> Any:
    """All of what was sent: the SDK's `body` leaves out what stands beside its `error`."""
    try:
        return json.loads(error.response.content)  # type: ignore[attr-defined]
    except Exception:  # no response, none that was read, none in JSON
        return None


def _layers(content: object) -> Iterator[dict[str, Any]]:
    """The innermost dict first: it says most."""
    if isinstance(content, list) and content:
        content = content[0]
    if isinstance(content, dict):
        for name in ("metadata", *TEXTS):
            yield from _layers(content.get(name))
        yield content


def _line(said: object) -> str:
    for _ in range(10):  # so deep, at most
        if isinstance(said, list) and said:
            said = said[0]
        elif isinstance(said, dict):
            said = next((said[name] for name in TEXTS if said.get(name)), None)
    text = " ".join(said.split()) if isinstance(said, str) and not said.lstrip().startswith("<") else ""  # no web page
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]} …"
