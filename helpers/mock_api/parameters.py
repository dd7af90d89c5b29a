"""What becomes of each parameter that the SDK can send: an endpoint honours it, refuses it, or says why nothing shows.

Nothing is ignored in silence: a name that stands in none of an endpoint's lists is refused, as the service does.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..catalog import Model
from .requests import Refused, number_between, one_of, only_known, true_or_false, whole_number, wrong_type

MOST_STOPS = 4
MOST_TOP_LOGPROBS = 20
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
VERBOSITIES = ("low", "medium", "high")

# ---- what a value has to be ----------------------------------------------------------------------------------------

Check = Callable[[dict[str, Any], str], object]  # raises Refused for a value that the service would not take


def _text(asked: dict[str, Any], name: str) -> None:
    if not isinstance(asked[name], str):
        raise wrong_type(name, "a string", asked[name])


def _map(asked: dict[str, Any], name: str) -> None:
    if not isinstance(asked[name], dict):
        raise wrong_type(name, "an object", asked[name])


def _choice(*values: str) -> Check:
    return lambda asked, name: one_of(asked[name], values, name)


def _between(least: float, most: float) -> Check:
    return lambda asked, name: number_between(asked, name, least, most)


def _whole(asked: dict[str, Any], name: str) -> None:
    whole_number(asked, name, least=-(2**63))


class Silent(NamedTuple):
    """A parameter that is checked, and whose effect cannot be seen here."""

    check: Check
    why: str


WRITTEN = "the answers are written: no draw is made that it could change"
FOR_OPENAI = "it is for OpenAI's records, and changes no answer there either"
NO_CACHE = "no prompt is cached here: `cached_tokens` is 0"
ONE_TIER = "it is said again in the answer, but all are answered at the pace and the price of the default"

COMMON: dict[str, Silent] = {
    "temperature": Silent(_between(0, 2), WRITTEN),
    "top_p": Silent(_between(0, 1), WRITTEN),
    "user": Silent(_text, FOR_OPENAI),
    "safety_identifier": Silent(_text, FOR_OPENAI),
    "metadata": Silent(_map, FOR_OPENAI),
    "prompt_cache_key": Silent(_text, NO_CACHE),
    "prompt_cache_options": Silent(_map, NO_CACHE),
    "prompt_cache_retention": Silent(_choice("in_memory", "24h"), NO_CACHE),
    "service_tier": Silent(_choice(*TIERS), ONE_TIER),
}


class Parameters(NamedTuple):
    """Those of an endpoint. What it does `without` is refused, but for the value that asks for nothing."""

    honoured: frozenset[str]
    silent: Mapping[str, Silent]
    without: Mapping[str, Any]

    def check(self, asked: dict[str, Any]) -> None:
        """Raises Refused for what the endpoint does not take."""
        sent = {name: value for name, value in asked.items() if value is not None}
        only_known(sent, self.honoured | self.silent.keys() | self.without.keys())
        for name, value in sent.items():
            if name in self.silent:
                self.silent[name].check(asked, name)
            elif name in self.without and value != self.without[name]:
                raise unsupported(name, "by the practice API")


CHAT = Parameters(
    frozenset(
        (
            "messages",
            "model",
            "max_completion_tokens",
            "max_tokens",
            "n",
            "reasoning_effort",
            "stream",
            "stream_options",
            "stop",
            "response_format",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "logprobs",
            "top_logprobs",
        )
    ),
    {
        **COMMON,
        "frequency_penalty": Silent(_between(-2, 2), WRITTEN),
        "presence_penalty": Silent(_between(-2, 2), WRITTEN),
        "seed": Silent(_whole, "the same question has the same answer each time, with any seed"),
        "store": Silent(lambda asked, name: true_or_false(asked, name), FOR_OPENAI),
        "verbosity": Silent(_choice(*VERBOSITIES), "each written answer has one length"),
    },
    {
        "audio": None,
        "function_call": None,
        "functions": None,
        "logit_bias": {},
        "modalities": ["text"],
        "moderation": None,
        "prediction": None,
        "web_search_options": None,
    },
)
RESPONSES = Parameters(
    frozenset(
        (
            "input",
            "model",
            "instructions",
            "max_output_tokens",
            "previous_response_id",
            "reasoning",
            "stream",
            "background",
            "store",
            "include",
            "top_logprobs",
            "truncation",
            "text",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
        )
    ),
    {
        **COMMON,
        "max_tool_calls": Silent(_whole, "it is for the service's own tools, which are refused here"),
        "stream_options": Silent(_map, "nothing is added here that could be left out"),
    },
    {
        "access_programs": None,
        "background_options": None,
        "context_management": None,
        "conversation": None,
        "image": None,
        "moderation": None,
        "prompt": None,
    },
)
EMBEDDING_PARAMETERS = Parameters(
    frozenset(("input", "model", "dimensions", "encoding_format")),
    {"user": COMMON["user"]},
    {},
)

# ---- what a model that reasons does not take -----------------------------------------------------------------------

# while it reasons: it draws as it will, and may be thinking when a stop would come
DRAWING = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "stop")
# what is the same as if it had not been sent
DEFAULTS = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0, "logprobs": False}


def check_for_model(asked: dict[str, Any], model: Model, effort: str) -> None:
    """Refuses what this model does not take, or does not while it thinks so hard."""
    if not model.efforts:
        return
    if asked.get("max_tokens") is not None:
        raise unsupported("max_tokens", "with this model", " Use 'max_completion_tokens' instead.")
    if effort == "none":
        return
    for name in DRAWING:
        value = asked.get(name)
        if value is None or value == DEFAULTS.get(name):
            continue
        if name == "temperature":
            raise Refused(
                400,
                f"Unsupported value: '{name}' does not support {value} with this model. "
                "Only the default (1) value is supported.",
                "unsupported_value",
                name,
            )
        raise unsupported(name, "with this model")


def unsupported(name: str, where: str, advice: str = "") -> Refused:
    return Refused(
        400, f"Unsupported parameter: '{name}' is not supported {where}.{advice}", "unsupported_parameter", name
    )


# ---- what is honoured, at both endpoints ---------------------------------------------------------------------------


def read_stop(asked: dict[str, Any]) -> tuple[str, ...]:
    """The texts before which an answer is cut off."""
    stop = asked.get("stop")
    if stop is None:
        return ()
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(each, str) for each in stops):
        raise wrong_type("stop", "a string or array of strings", stop)
    if not 1 <= len(stops) <= MOST_STOPS or "" in stops:
        raise Refused(
            400, f"Invalid 'stop': give 1 to {MOST_STOPS} texts, none of them empty.", "invalid_value", "stop"
        )
    return tuple(stops)


def read_top_logprobs(asked: dict[str, Any]) -> int:
    """How many of the likeliest tokens are to be told in each place."""
    return whole_number(asked, "top_logprobs", least=0, most=MOST_TOP_LOGPROBS) or 0


def tier_of(asked: dict[str, Any]) -> str:
    """The `service_tier` that an answer tells."""
    tier = asked.get("service_tier") or "auto"
    return "default" if tier == "auto" else str(tier)
