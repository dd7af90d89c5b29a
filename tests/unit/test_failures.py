"""What a service's refusal means in words: its own first, then what to do. Bodies as services send them."""

import json
from typing import Any, NamedTuple

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from helpers.errors import out_of_credit
from helpers.wire.failures import explain, is_final
from helpers.wire.refusals import common_cause
from helpers.wire.retries import is_rate_limit, pause_before_retry

NO_MODEL = "no such model"
NO_ADDRESS = "There is nothing at this address"


class Case(NamedTuple):
    """A status and a body; what has to be said of it beside the service's words, and what would be untrue."""

    status: int
    body: Any
    words: str
    says: str
    untrue: str = NO_MODEL
    headers: dict[str, str] | None = None


def failed(status: int, body: Any, headers: dict[str, str] | None = None, **asked: Any) -> openai.APIStatusError:
    """As the SDK raises it."""
    request = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions", json={"model": "gpt-x", **asked})
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    response = httpx2.Response(status, headers=headers, content=content, request=request)
    return AsyncOpenAI(api_key="any", base_url="http://127.0.0.1/v1")._make_status_error_from_response(response)


def error(
    message: str, code: Any = None, type: str | None = "invalid_request_error", param: str | None = None
) -> dict[str, Any]:
    """OpenAI's shape."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


# ---- out of credit -----------------------------------------------------------------------------------------------

WHO_HAS_TO_DO_WHAT = {
    "credit_balance_exhausted": "Add credit on the billing page",
    "organization_spend_limit_exceeded": "Ask an owner of the organization to raise that limit",
    "project_spend_limit_exceeded": "Ask an owner of the project to raise that limit",
    "organization_usage_limit_exceeded": "wait for next month",
    "insufficient_quota": "Check the plan and billing page",
}
OTHERS = {
    "DeepSeek": (402, error("Insufficient Balance", "invalid_request_error", "unknown_error")),
    "OpenRouter": (402, {"error": {"message": "Insufficient credits.", "code": 402}}),
    "a text": (402, {"detail": "Insufficient Balance"}),
    "nothing": (402, ""),
    "Moonshot": (429, error("Your account is suspended", None, "exceeded_current_quota_error")),
    "not active": (429, error("Your account is not active.", "billing_not_active", "billing_not_active")),
    "in capital letters": (403, error("Access denied.", "Arrearage", "Arrearage")),
    "in a detail": (429, {"detail": {"error": {"message": "No more.", "code": "credit_balance_exhausted"}}}),
    "in a detail that is a text": (429, {"detail": json.dumps(error("No more.", "credit_balance_exhausted"))}),
    "passed on in JSON": (429, error(f"The upstream said: {json.dumps(error('No', 'insufficient_quota'))}", "429")),
    "passed on as Python shows it": (429, error(f"OpenAIException - {error('No', 'insufficient_quota')}", "429")),
    **{
        f"in words only, {number}": each
        for number, each in enumerate(
            [
                (429, "You exceeded your current quota, please check your plan and billing details."),
                (429, {"message": "You exceeded your current quota, please check your plan and billing details."}),
                (
                    429,
                    error("RateLimitError: You exceeded your current quota, please check your plan and billing", "429"),
                ),
                (400, error("Your credit balance is too low to access the Anthropic API.")),
                (403, {"code": "permission denied", "error": "Your new team doesn't have any credits yet."}),
                (403, {"code": "x", "error": "Your team has used all available credits."}),
                (403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}),
            ]
        )
    },
}


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("kind", ["insufficient_quota", "requests", None])
@pytest.mark.parametrize("code", WHO_HAS_TO_DO_WHAT)
def test_out_of_credit_by_the_code(code: str, kind: str | None, flat: bool) -> None:
    body = error("It is used up.", code, kind)
    refused = failed(429, body["error"] if flat else body, {"retry-after": "1"})
    said = str(explain(refused))
    assert said.startswith("The service says: It is used up. Your ")
    assert WHO_HAS_TO_DO_WHAT[code] in said and code in said and "Wait a moment" not in said
    assert pause_before_retry(refused, 1) is None
    assert is_final(refused) and not is_rate_limit(refused)


def test_each_has_sentences_of_its_own() -> None:
    assert len({out_of_credit(code, "insufficient_quota") for code in WHO_HAS_TO_DO_WHAT}) == len(WHO_HAS_TO_DO_WHAT)
    assert out_of_credit("insufficient_quota", "project_spend_limit_exceeded") == out_of_credit(
        "project_spend_limit_exceeded"
    )
    assert out_of_credit(None, None) is out_of_credit() is out_of_credit("rate_limit_exceeded", "tokens") is None


@pytest.mark.parametrize("code", [None, "", "429", 429, "rate_limit_exceeded"])
def test_out_of_credit_by_the_type_alone(code: Any) -> None:
    refused = failed(429, error("You exceeded your current quota.", code, "insufficient_quota"))
    assert "no credit left (insufficient_quota)" in str(explain(refused))
    assert pause_before_retry(refused, 1) is None and is_final(refused) and not is_rate_limit(refused)


@pytest.mark.parametrize("service", OTHERS)
def test_out_of_credit_at_other_providers(service: str) -> None:
    refused = failed(*OTHERS[service])
    assert "billing page" in str(explain(refused))
    assert pause_before_retry(refused, 1) is None and is_final(refused)


NO_LACK_OF_CREDIT = {
    "the words of a rate": error(
        "You exceeded your current quota, please check your plan and billing details. "
        f"{'See the rate limits. ' * 20} Please retry in 34.07s.",
        429,
        None,
    ),
    "Google's words": [
        error(
            "You exceeded your current quota, please check your plan and billing. Quota exceeded for "
            "metric: requests_per_minute",
            429,
            None,
        )
    ],
    "how to get more": error(
        "Rate limit reached. You can increase it: your account balance is insufficient for the next tier.",
        "rate_limit_exceeded",
        "requests",
    ),
    "the question": error("Too many requests, like: I ran out of credits", None, None),
}


@pytest.mark.parametrize("name", NO_LACK_OF_CREDIT)
def test_words_of_credit_where_it_is_a_rate(name: str) -> None:
    messages = [{"role": "user", "content": "I ran out of credits"}]
    refused = failed(429, NO_LACK_OF_CREDIT[name], messages=messages)
    assert "Wait a moment" in str(explain(refused)) and not is_final(refused)


@pytest.mark.parametrize("status", [400, 422])
def test_a_question_on_credit_that_is_refused(status: int) -> None:
    refused = failed(status, error("Invalid prompt: 'Your credit balance is too low', says my bank."))
    assert "Correct the request" in str(explain(refused)) and not is_final(refused)


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "slow_down", None])
def test_too_fast_is_not_out_of_credit(code: str | None) -> None:
    refused = failed(429, error("Too many; insufficient_quota would be another error.", code, "requests"))
    assert "Wait a moment" in str(explain(refused)) and "credit" not in str(explain(refused))
    assert pause_before_retry(refused, 1) and is_rate_limit(refused) and not is_final(refused)


# ---- the service's words come first ------------------------------------------------------------------------------

VERIFY = "Your organization must be verified to use the model `gpt-x`. Please go to the settings."
ONLY_RESPONSES = "This model is only supported in v1/responses and not in v1/chat/completions."
WORDS_FIRST = {
    "verify, 404": Case(404, error(VERIFY, "model_not_found"), VERIFY, "Ask its owner to verify it"),
    "verify, 404, no code": Case(404, error(VERIFY, None, param="model"), VERIFY, "Ask its owner to verify it"),
    "verify, 403": Case(403, error(VERIFY), VERIFY, "Ask its owner to verify it"),
    "verify to stream": Case(
        400,
        error("Your organization must be verified to stream this model.", "unsupported_value", param="stream"),
        "must be verified to stream this model",
        "Ask its owner to verify it",
    ),
    "responses only": Case(404, error(ONLY_RESPONSES, param="model"), ONLY_RESPONSES, "Use another model, or another"),
    "responses only, no param": Case(404, error(ONLY_RESPONSES), ONLY_RESPONSES, "another call", NO_ADDRESS),
    "no chat model": Case(
        404,
        error("This is not a chat model and thus not supported in the v1/chat/completions endpoint.", param="model"),
        "not a chat model",
        "Use another model",
    ),
    "no access": Case(
        403,
        error("Project `proj_x` does not have access to model `gpt-x`", "model_not_found"),
        "does not have access to model",
        "Your key is not allowed to do this (403). Ask whoever owns the account",
    ),
    "region": Case(
        403,
        error(
            "Country, region, or territory not supported", "unsupported_country_region_territory", "request_forbidden"
        ),
        "Country, region, or territory not supported.",
        "does not answer from where you are (403)",
        "Your key",
    ),
    "no /v1": Case(404, error("Invalid URL (POST /chat/completions)"), "Invalid URL", f"{NO_ADDRESS} (404). Check"),
    "an address, and models": Case(
        404, error("Unknown request URL: POST /x. See /v1/models.", "unknown_url"), "Unknown request", NO_ADDRESS
    ),
    "FastAPI": Case(404, {"detail": "Not Found"}, "Not Found.", NO_ADDRESS),
    "llama.cpp": Case(404, error("File Not Found", 404, "not_found_error"), "File Not Found.", NO_ADDRESS),
    "a web page": Case(404, "<html>No model here</html>", "", NO_ADDRESS),
    "nothing": Case(404, "", "", NO_ADDRESS),
    "too fast": Case(429, error("Slow down.", "slow_down"), "Slow down.", "Wait a moment"),
    "for the day": Case(
        429,
        error("Rate limit reached on requests per day (RPD): Limit 200, Used 200, Requested 1.", "rate_limit_exceeded"),
        "requests per day",
        "Ask again in 3 h 20 min",
        "Wait a moment",
        {"retry-after": "12000"},
    ),
    "for the day, in words only": Case(
        429,
        error("Rate limit reached on requests per day (RPD). Please try again in 7h12m0s.", "rate_limit_exceeded"),
        "requests per day",
        "Ask again in 7 h 12 min",
        "Wait a moment",
    ),
    "unsupported": Case(
        400,
        error("Unsupported parameter: 'temperature' is not supported with this model.", "unsupported_parameter"),
        "Unsupported parameter: 'temperature'",
        "Correct the request",
    ),
    "another organization": Case(
        401, error("The header does not fit the key.", "mismatched_organization"), "does not fit", "(401)", "mistyped"
    ),
    "no access, LiteLLM": Case(
        401,
        error("This key can only access models=['a'].", "401", "key_model_access_denied", "model"),
        "can only access models=['a']",
        "Your key is not allowed to do this (401).",
        "mistyped",
    ),
    "a wrong key, Gemini": Case(400, [error("API key not valid.", 400, None)], "API key not valid.", "key (400)"),
    "a key that leaked": Case(403, error("Your API key was reported as leaked.", 403, None), "leaked.", "key (403)"),
    "a filter": Case(
        403,
        {"error": {"code": 403, "message": "It was flagged.", "metadata": {"flagged_input": "Q"}}},
        "It was flagged.",
        "filter kept the question back (403). Put the question in other words.",
        "Your key",
    ),
    "it has moved": Case(
        307,
        "",
        "",
        "redirects to https://new.example/v1/chat (307)",
        "Correct",
        {"location": "https://me:pw@new.example/v1/chat"},
    ),
    "it has moved, on its own": Case(302, "", "", "to http://127.0.0.1/v2 (302)", "Correct", {"location": "/v2"}),
    "it has moved, nobody knows where": Case(301, "<html></html>", "", "to another address (301)", "Correct"),
    "too large for the way": Case(413, "<html>nginx</html>", "", "larger than what the service takes", "in a minute"),
    "too large for a model": Case(
        413,
        error("Request body too large. Max size: 8000 tokens.", "tokens_limit_reached"),
        "8000",
        "larger than",
        "a minute",
    ),
    "a conflict": Case(409, error("Conflict."), "Conflict.", "Ask again in a moment.", "Correct"),
    "down for hours": Case(
        503, error("Maintenance."), "Maintenance.", "ask again in 2 h", "a moment", {"retry-after": "7200"}
    ),
    "a wrong key": Case(401, error("Incorrect API key provided.", "invalid_api_key"), "Incorrect API", "mistyped"),
    "busy": Case(
        503, error("The model is overloaded.", None, "server_error"), "overloaded", "problem of its own (503)"
    ),
    "too long": Case(
        400, error("Too many tokens.", "context_length_exceeded", param="messages"), "Too many tokens.", "Shorten it"
    ),
    "too long, vLLM": Case(
        400,
        error("This model's maximum context length is 4096 tokens. You requested 5000.", 400, "BadRequestError"),
        "maximum context length is 4096",
        "The question is too long for this model.",
    ),
}


@pytest.mark.parametrize("case", WORDS_FIRST.values(), ids=WORDS_FIRST)
def test_the_services_words_come_first(case: Case) -> None:
    said = str(explain(failed(case.status, case.body, case.headers)))
    assert case.words in said and case.says in said and case.untrue not in said
    assert said.index(case.words) <= said.index(case.says)
    assert said.count(case.words) == 1 or not case.words


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/embeddings"])
def test_a_call_that_the_service_does_not_know(path: str) -> None:
    refused = failed(404, error(f"Invalid URL (POST {path})"))
    refused.request.url = httpx2.URL(f"http://127.0.0.1{path}")
    said = str(explain(refused))
    assert f"Invalid URL (POST {path})" in said and "Use client.chat.completions.create" in said


@pytest.mark.parametrize("case", ["for the day", "for the day, in words only"])
def test_whoever_has_to_wait_for_hours_is_not_asked_again(case: str) -> None:
    refused = failed(429, WORDS_FIRST[case].body, WORDS_FIRST[case].headers)
    assert pause_before_retry(refused, 1) is None and is_final(refused)


WAITS = {
    "Try again in 5 hours.": "5 h",
    "Please retry after 86400 seconds.": "24 h",
    "Please wait 30 minutes before the next call.": "30 min",
    "Retry in about 3 hrs and 5 mins": "3 h 5 min",
    "Try again in 1d2h": "26 h",
}


@pytest.mark.parametrize("words", WAITS)
def test_a_long_wait_that_only_the_words_tell(words: str) -> None:
    refused = failed(429, error(words, "rate_limit_exceeded"), {"retry-after": "soon"})
    assert f"Ask again in {WAITS[words]}" in str(explain(refused))
    assert pause_before_retry(refused, 1) is None and is_final(refused)


@pytest.mark.parametrize(
    "words", ["Try again in 20ms", "Retry in 34.07s.", "Retry 3 times.", "Wait for days!", "in 5 hours"]
)
def test_a_short_wait_is_none_of_hours(words: str) -> None:
    refused = failed(429, error(words, "rate_limit_exceeded"))
    assert pause_before_retry(refused, 1) and not is_final(refused)


@pytest.mark.parametrize("told", ["-5", "0", "soon", "2h", "nan", "inf", "1e400", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_wait_that_is_none(told: str) -> None:
    refused = failed(429, error("Too fast.", "rate_limit_exceeded"), {"retry-after": told})
    assert 0 < (pause_before_retry(refused, 1) or 0) < 1 and not is_final(refused)


def test_a_wait_until_a_day() -> None:
    refused = failed(429, error("Too fast."), {"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"})
    assert pause_before_retry(refused, 1) is None and is_final(refused)


FINAL = ["no access", "no access, LiteLLM", "a wrong key, Gemini", "a key that leaked", "it has moved"]


@pytest.mark.parametrize("case", WORDS_FIRST)
def test_what_no_other_question_can_escape(case: str) -> None:
    refused = failed(WORDS_FIRST[case].status, WORDS_FIRST[case].body, WORDS_FIRST[case].headers)
    its_own = case in ("a filter", "too large for the way", "too large for a model", "too long", "too long, vLLM")
    assert is_final(refused) or case not in FINAL
    assert (common_cause(refused) is None) == its_own


@pytest.mark.parametrize(
    "words", ["model" + ":" * 4_900, "model " + "/" * 4_900, "{" + "-" * 4_900 + "1}", "try again in " + "1s" * 2_400]
)
@pytest.mark.parametrize("status", [400, 404, 429])
def test_odd_words_keep_nobody_waiting(status: int, words: str) -> None:
    """With a pattern that tries all ways, each of them would take for ever."""
    assert "The service " in str(explain(failed(status, error(words)))) or status == 429


def test_what_is_said_a_thousand_levels_deep() -> None:
    body: Any = "No."
    for _ in range(900):
        body = {"error": body}
    assert "refused the request (400)" in str(explain(failed(400, body)))


UNKNOWN_MODELS = {
    "OpenAI": (404, error("The model `gpt-x` does not exist or you do not have access to it.", "model_not_found")),
    "by the code alone": (400, error("No.", "model_not_found")),
    "Ollama": (404, error("model 'gpt-x' not found", None, "not_found_error")),
    "Ollama, older": (404, error('model "gpt-x" not found, try pulling it first', None, "api_error")),
    "Ollama's own": (404, {"error": "model 'gpt-x' not found"}),
    "vLLM": (404, error("The model `gpt-x` does not exist.", 404, "NotFoundError", "model")),
    "vLLM, flat": (
        404,
        {**error("The model `gpt-x` does not exist.", 404, "NotFoundError")["error"], "object": "error"},
    ),
    "LiteLLM": (
        400,
        error("/chat/completions: Invalid model name passed in model=gpt-x. Call `/v1/models`.", "400", "None", "None"),
    ),
    "LiteLLM, nested": (
        400,
        {"error": {"message": {"error": "Invalid model name passed in model=gpt-x"}, "type": "None", "code": "400"}},
    ),
    "LiteLLM, in Python": (400, error("400: {'error': 'Invalid model name passed in model=gpt-x'}", "400", "None")),
    "llama.cpp": (400, {"error": {"code": 400, "message": "model not found", "type": "invalid_request_error"}}),
    "transformers serve": (
        400,
        {"detail": "gpt-x is not a local folder and is not a valid model identifier listed on the hub"},
    ),
    "LM Studio": (404, error('Failed to load model "gpt-x". Error: Model does not exist.', param="model")),
    "LM Studio, by its code": (400, error("Failed.", "model_not_found", param="model")),
    "Mistral": (400, {"object": "error", "message": "Invalid model: gpt-x", "type": "invalid_model", "code": "1500"}),
    "DeepSeek": (400, error("Model Not Exist", "invalid_request_error")),
    "OpenRouter": (400, {"error": {"message": "gpt-x is not a valid model ID", "code": 400}}),
    "Gemini": (404, [{"error": {"code": 404, "message": "models/gpt-x is not found for API version v1main"}}]),
    "Azure": (404, error("The API deployment for this resource does not exist.", "DeploymentNotFound")),
    "Anthropic": (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: gpt-x"}}),
    "xAI": (400, {"code": "invalid-argument", "error": "Model not found: gpt-x"}),
    "FastAPI": (404, {"detail": {"message": "Unknown model: gpt-x"}}),
    "Groq": (
        400,
        error("The model `gpt-x` has been decommissioned and is no longer supported.", "model_decommissioned"),
    ),
    "Groq, without a code": (400, error("The model `gpt-x` has been decommissioned.")),
    "retired": (404, error("gpt-x is no longer available.")),
    "passed on in JSON": (404, {"detail": json.dumps(error("No such thing.", "model_not_found"))}),
    "a list": (422, {"detail": [{"loc": ["body", "model"], "msg": "unknown model 'gpt-x'"}]}),
}


@pytest.mark.parametrize("service", UNKNOWN_MODELS)
def test_an_unknown_model_however_it_is_told(service: str) -> None:
    refused = failed(*UNKNOWN_MODELS[service])
    said = str(explain(refused))
    assert NO_MODEL in said and f"({refused.status_code})" in said and "Check the spelling" in said
    assert said.startswith("The service says: ") and is_final(refused)


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'temperature' is not supported with this model.",
        "Unsupported value: 'temperature' does not support 0.5 with gpt-x.",
        "The model gpt-x does not support images.",
        "Invalid model parameters.",
        "The file of the model card could not be read.",
        "model is required",
        "",
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_another_refusal_that_speaks_of_a_model(message: str, status: int) -> None:
    said = str(explain(failed(status, error(message))))
    assert NO_MODEL not in said and message in said and "Correct the request" in said


# ---- what is too large is not tried again ------------------------------------------------------------------------

TOO_LARGE = (
    "Request too large for gpt-x in organization org-1 on tokens per min (TPM): Limit 30000, Requested 52000. "
    "The input or output tokens must be reduced in order to run successfully."
)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, error(TOO_LARGE, "rate_limit_exceeded", "tokens")),
        (429, error(TOO_LARGE)),
        (429, error("On tokens per minute: limit: 6,000, requested: 8,000.", "rate_limit_exceeded", "tokens")),
        (413, error("Request too large for model `gpt-x`.", "rate_limit_exceeded", "tokens")),
        (429, error("No.", "request_too_large")),
        (429, error("The input or output tokens must be reduced in order to run successfully.", "rate_limit_exceeded")),
        (429, error("It has 45,000 tokens and 30,000 may be used a minute: your request must be reduced.")),
        (429, error("More than your limit. Please reduce your message size and try again.", "rate_limit_exceeded")),
        (413, error("Payload too large")),
    ],
)
def test_what_is_too_large_is_not_asked_again(status: int, body: Any) -> None:
    refused = failed(status, body, {"retry-after": "1"})
    said = str(explain(refused))
    assert body["error"]["message"] in said and "Shorten the question" in said and "Wait a moment" not in said
    assert pause_before_retry(refused, 1) is None
    assert not is_rate_limit(refused) and not is_final(refused)


@pytest.mark.parametrize(
    "words",
    [
        "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 5200. Try again in 8.4s.",
        "Your rate of requests must be reduced.",
        "Please reduce the number of requests.",
    ],
)
def test_what_is_not_too_large_is_asked_again(words: str) -> None:
    refused = failed(429, error(words, "rate_limit_exceeded", "tokens"))
    assert is_rate_limit(refused) and pause_before_retry(refused, 1) is not None
    assert "Wait a moment" in str(explain(refused))


def test_a_stream_that_ends_for_want_of_credit() -> None:
    body = error("It is used up.", "credit_balance_exhausted")["error"]
    broken = openai.APIError("no", httpx2.Request("POST", "http://127.0.0.1/v1"), body=body)
    assert "It is used up. Your account has no credit left" in str(explain(broken))
