"""A service's refusal, read: what it says, and by which names (code, type, parameter) it calls the reason.

OpenAI's shape is {"error": {"message", "type", "param", "code"}}. Other services nest it deeper, leave parts out, or
have nothing but a text: what has to be told by its words is told here, and nowhere else.
"""

import ast
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import openai

from ..errors import NO_CREDIT, ErrorSent, out_of_credit
from ..words import ended
from .bodies import read_request, request_body
from .headers import UNITS

MOST_WORDS, MOST_READ = 300, 5_000  # characters of what a service says that are told, and that are looked at
DEEPEST = 10  # how far into what it says one looks
TEXTS = ("message", "detail", "error", "errors", "msg")  # under which of them there is a text, or more to look into

NO_MODEL = {
    "model_not_found",
    "model_not_available",
    "model_decommissioned",
    "modelnotfound",
    "invalid_model",
    "deploymentnotfound",
}
NO_ACCESS = {"key_model_access_denied", "team_model_access_denied", "user_model_access_denied"}
BAD_KEY = {"invalid_api_key", "incorrect_api_key", "api_key_invalid", "expired_api_key"}
TOO_FAST = {"rate_limit_exceeded", "rate_limit_error", "rate_limit_reached", "slow_down", "requests", "tokens"}
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
LARGE = re.compile(
    r"request too large|.*?\b(tokens?|prompt|messages?|input|size|length|question|request) must be reduced"
    r"|.*?\breduce (the|your) (prompt|messages?|input|size|length)\b",
    re.IGNORECASE,
)
IN_A_MINUTE = re.compile(r"per min|a minute|/ ?min|\bTPM\b", re.IGNORECASE)
SPEAKS_OF_CREDIT = re.compile(
    r"exceeded your current quota, please check your plan and billing"
    r"|(credit|account) balance is (too low|insufficient|negative|exhausted|used up|empty)"
    r"|insufficient (account )?(balance|credits?|funds)|not enough (balance|credits?|funds)"
    r"|(doesn't|don't|does not|do not) have (any|enough) credits?|\b(have|has) no (more )?credits?\b"
    r"|used (up )?all (of )?(your |its |the )?(available )?credits|(ran|run|is|are) out of credits?"
    r"|reached (your|its|the) (monthly )?spend(ing)? limit",
    re.IGNORECASE,
)
QUOTA_OF_A_RATE = re.compile(r"quota exceeded for (quota )?metric", re.IGNORECASE)  # Google's, with the same words
KEY_IS_BAD = re.compile(
    r"(incorrect|invalid|unknown|expired|malformed) api[ _-]?key|(the |your )?api[ _-]?key (is |was |has )?(been )?"
    r"(not valid|not found|invalid|incorrect|unknown|expired|reported|revoked|disabled|deactivated)",
    re.IGNORECASE,
)
ASKED_FOR = re.compile(r"tokens per .*?\blimit:? ([\d,]+).*?\brequested:? ([\d,]+)", re.IGNORECASE)
NO_ADDRESS = re.compile(
    r"invalid url|unknown request url|(file |page |route |resource )?not found\W*$|cannot (get|post)\b|404\b|no route",
    re.IGNORECASE,
)
# "7m12s", "34.07 seconds", "5 hours and 3 minutes"
SPAN = re.compile(
    r"(\d+(?:\.\d+)?) ?(ms|milliseconds?|d|days?|h|hrs?|hours?|mins?|minutes?|m|secs?|seconds?|s)(?![a-z])",
    re.IGNORECASE,
)
TRY_AGAIN_IN = re.compile(
    rf"\b(?:try again|retry|wait)(?: again)?(?: in| after| for)?(?: about)?:? ((?:{SPAN.pattern}(?:,? and |,? )?)+)",
    re.IGNORECASE,
)
IS_NOT = (
    r"(is |was |has |could |can )?(not|n't) (be )?(found|exist|loaded|available|deployed|installed|configured|known|"
    r"a (valid|known) model|a local folder)|(does not|doesn't) exist|is unknown|there is no"
    r"|(has been|was|is) (decommissioned|deprecated|retired|shut ?down)|is no longer (available|supported|offered)"
)
NAME = r"[`'\"]?[\w.@][\w./:@+-]*[`'\"]?"
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
    flagged: bool = False  # a filter has kept the question back

    @property
    def names(self) -> set[str]:
        return {self.code, self.type} - {""}

    @property
    def model(self) -> str:
        """Which was asked for."""
        return read_request(request_body(self.request)).model if self.request is not None else ""

    @property
    def no_credit(self) -> tuple[str, str] | None:
        """What happened, and who has to do what, where nobody pays. The words count where no name says otherwise."""
        if sentences := out_of_credit(self.code, self.type, self.status):
            return sentences
        if self.status not in (400, 403, 429) or self.flagged or self.names & TOO_FAST or self.seconds_told is not None:
            return None
        said = SPEAKS_OF_CREDIT.search(self._own_words)
        if said is None or (self.status == 400 and said.start() > len("your ")) or QUOTA_OF_A_RATE.search(self.words):
            return None
        return NO_CREDIT

    @property
    def _own_words(self) -> str:
        """Without the question, which some repeat."""
        question = read_request(request_body(self.request)).question if self.request is not None else ""
        return self.words.replace(_line(question, MOST_READ) or " ", " ")

    @property
    def bad_key(self) -> bool:
        return self.status in (400, 401, 403) and bool(self.names & BAD_KEY or KEY_IS_BAD.match(self.words))

    @property
    def no_access(self) -> bool:
        """The key is a right one, and may not use this model."""
        return bool(self.names & NO_ACCESS or (self.status == 403 and self.names & NO_MODEL))

    @property
    def wants_verification(self) -> bool:
        """Told with the code `model_not_found`, with others, or with none."""
        return bool(VERIFY.match(self.words))

    @property
    def no_such_model(self) -> bool:
        if self.status not in (None, 400, 404, 422) or self.wants_verification:
            return False
        model, words = self.model, self.words[:MOST_WORDS]  # these patterns are slow on a long text
        is_named = self.param == "model" or (model and model in self.words)
        if self.names & NO_MODEL or (is_named and self.names & NOT_FOUND):
            return True
        if any(pattern.search(words) for pattern in MODEL_IS_NOT):
            return True
        if not self.words or not model:
            return False
        name = rf"(?<![\w-]){re.escape(model)}(?![\w-])"
        patterns = rf"{name}\W*({IS_NOT})", NOT_THE_ASKED.format(name=rf"[`'\"]?{name}")
        return any(re.search(pattern, words, re.IGNORECASE) for pattern in patterns)

    @property
    def no_such_address(self) -> bool:
        return self.status == 404 and ("unknown_url" in self.names or bool(NO_ADDRESS.match(self.words or "404")))

    @property
    def too_large(self) -> bool:
        """It never gets through. What is more than a whole minute's limit is told as a rate limit."""
        if self.status != 429:
            return self.status == 413
        asked = ASKED_FOR.search(self.words)
        if asked and self.type in ("", "tokens"):
            limit, requested = (int(number.replace(",", "") or 0) for number in asked.groups())
            return requested > limit
        return bool(self.names & TOO_LARGE or LARGE.match(self.words))

    @property
    def larger_than_a_minute(self) -> bool:
        """Of what is too large: whether it is more than may be used in a minute."""
        return self.status == 429 or bool(ASKED_FOR.search(self.words) or IN_A_MINUTE.search(self.words))

    @property
    def too_long(self) -> bool:
        return self.status in (400, 413, 422) and bool(self.names & TOO_LONG or LONG.match(self.words))

    @property
    def seconds_told(self) -> float | None:
        """Until another attempt may help, where only the words tell it."""
        told = TRY_AGAIN_IN.search(self.words)
        return sum(_seconds(*part) for part in SPAN.findall(told[1])) if told else None


def read_refusal(error: BaseException) -> Refusal:
    """
    >>> import httpx2
    >>> response = httpx2.Response(429, json={"error": {"code": "slow_down", "message": "Too many!"}},
    ...     request=httpx2.Request("POST", "http://127.0.0.1/v1"))
    >>> refusal = read_refusal(openai.RateLimitError("", response=response, body=response.json()))
    >>> refusal.status, refusal.code, refusal.type, refusal.words
    (429, 'slow_down', '', 'Too many!')
    """
    own = {name: getattr(error, name, None) for name in ("code", "type", "param")}
    request = error.request if isinstance(error, openai.APIError) else None
    return refusal_in(
        getattr(error, "status_code", None), getattr(error, "body", None), _content(error), own, request=request
    )


def refusal_in(status: int | None, said: object, *beside: object, request: Any = None) -> Refusal:
    """What a body says; what it leaves out is looked for in what stands `beside` it."""
    layers = [layer for each in (said, *beside) for layer in _layers(each)]
    layers += [layer for each in (said, *beside) for layer in _layers(_in_text(_line(each, MOST_READ)))]

    def named(name: str) -> str:
        for layer in layers:  # some write the status into `code`, and "None" for nothing
            value = layer.get(name)
            if isinstance(value, str | int) and str(value) not in ("", "None", str(status)):
                return str(value).lower()
        return ""

    flagged = any("flagged_input" in layer for layer in layers)
    words = _line(said, MOST_READ)
    return Refusal(status, named("code"), named("type"), named("param"), words, request, flagged)


def service_words(error: openai.APIError) -> str:
    """What the service itself says of it, in a line; "" for nothing. Each service has its own shape for it."""
    return _line(error.body)


def as_said(error: openai.APIError) -> str:
    """The end of a sentence: what the service says, if it says something."""
    words = service_words(error)
    return f": {ended(words)}" if words else "."


def common_cause(error: BaseException, question: str = "") -> tuple[object, ...] | None:
    """The same for two failures for good that have the same cause; None for what is the question's own fault.

    The words come last: without them, two are the same that a service only words differently.

    >>> common_cause(ValueError("a bug")) is None
    True
    """
    if isinstance(error, openai.APIResponseValidationError):  # a web page, say
        return "no completion", ""
    if isinstance(error, ErrorSent):
        return "sent with 200", NUMBERED.sub("#", str(error).replace(_line(question) or " ", " ")).lower()
    if not isinstance(error, openai.APIStatusError):
        return None
    refusal = read_refusal(error)
    if refusal.flagged or refusal.names & OF_ITS_QUESTION or refusal.too_large or refusal.too_long:
        return None
    words = refusal.words.replace(_line(question, MOST_READ) or " ", " ")
    return refusal.status, refusal.code, refusal.type, NUMBERED.sub("#", words).lower()


def _content(error: BaseException) -> Any:
    """All of what was sent: the SDK's `body` leaves out what stands beside its `error`."""
    try:
        return json.loads(error.response.content)  # type: ignore[attr-defined]
    except Exception:  # no response, none that was read, none in JSON
        return None


def _layers(content: object, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The innermost dict first: it says most."""
    if isinstance(content, list) and content:
        content = content[0]
    if isinstance(content, str) and content.lstrip().startswith("{"):
        content = _in_text(content)
    if isinstance(content, dict) and depth < DEEPEST:
        for name in ("metadata", *TEXTS):
            yield from _layers(content.get(name), depth + 1)
        yield content


def _in_text(text: str) -> Any:
    """A dict in a text, as gateways pass on the error of whom they asked: in JSON, or as Python shows it."""
    inner = text[text.find("{") : text.rfind("}") + 1]
    for read in (json.loads, ast.literal_eval) if inner else ():
        with suppress(Exception):  # it is none
            return read(inner)
    return None


def _line(said: object, most: int = MOST_WORDS) -> str:
    for _ in range(DEEPEST):
        if isinstance(said, list) and said:
            said = said[0]
        elif isinstance(said, dict):
            said = next((said[name] for name in TEXTS if said.get(name)), None)
        elif isinstance(said, str) and said.lstrip().startswith("{") and isinstance(inner := _in_text(said), dict):
            said = inner
    text = " ".join(said.split()) if isinstance(said, str) and not said.lstrip().startswith("<") else ""  # no web page
    return text if len(text) <= most else f"{text[:most]} …"


def _seconds(number: str, unit: str) -> float:
    unit = unit.lower()
    return float(number) * UNITS["ms" if unit.startswith(("ms", "milli")) else unit[0]]
