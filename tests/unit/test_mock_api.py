"""What the practice API says: answers, usage, latencies, wrong requests, faults and rate limits."""

import json
from typing import Any

import pytest

from helpers import BadInput
from helpers.catalog import COMPARE_MODELS, MODELS
from helpers.mock_api import Faults, MockAPI, Reply
from helpers.mock_api import limits as limits_module
from helpers.mock_api.answers import NO_ANSWER, _written, count_tokens, find_answer, split_tokens

PACE = 0.01

LESSON_QUESTIONS = """
What is Python? | What is JavaScript? | What is Go? | What is Rust? | What is Java? |
Explain async programming in one sentence | What is machine learning? | What is deep learning? |
What is neural network? | What is GPT? | What is transformer architecture? | What is AI? | What is blockchain? |
Define recursion | What is a REST API? | Explain Python decorators | What is async/await?
"""


def chat(api: MockAPI, question: str = "What is Python?", **options: Any) -> Reply:
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": question}], **options}
    return post(api, {name: value for name, value in body.items() if value is not None})


def post(api: MockAPI, body: object, path: str = "/v1/chat/completions", key: str = "Bearer any") -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.handle("POST", path, {"authorization": key}, content)


def get(api: MockAPI, path: str) -> Reply:
    return api.handle("GET", path, {"authorization": "Bearer any"}, b"")


def content(reply: Reply) -> dict[str, Any]:
    return json.loads(b"".join(piece.data for piece in reply.pieces))


def error(reply: Reply) -> tuple[int, str | None, str]:
    problem = content(reply)["error"]
    assert set(problem) == {"message", "type", "param", "code"}
    return reply.status, problem["code"], problem["message"]


def seconds(reply: Reply) -> float:
    return reply.before + sum(piece.wait for piece in reply.pieces)


# ---- answers and usage -------------------------------------------------------------------------------------------


def test_every_question_of_the_lesson_has_an_answer_in_three_depths() -> None:
    for question in LESSON_QUESTIONS.replace("\n", " ").split("|"):
        texts = [find_answer(question.strip(), depth) for depth in ("small", "medium", "large")]
        assert NO_ANSWER not in texts, question
        lengths = [count_tokens(text) for text in texts]
        assert lengths == sorted(set(lengths)), question


def test_at_least_80_questions_are_answered_and_no_text_stands_twice() -> None:
    entries = {id(entry): entry for entry in _written().values()}.values()
    assert len(entries) >= 80
    texts = [entry[depth] for entry in entries for depth in ("small", "medium", "large")]
    assert len(texts) == len(set(texts))
    assert all(text.strip() == text and len(text) > 3 for text in texts)


def test_how_a_question_is_typed_does_not_matter() -> None:
    for typed in ("  what is PYTHON ", "whats python", "What’s Python??", "What is the Python?"):
        assert find_answer(typed, "small") == find_answer("What is Python?", "small")


def test_any_other_question_is_told_that_no_model_was_called(api: MockAPI) -> None:
    reply = content(chat(api, "Who won the match yesterday?"))
    assert "no model was called" in reply["choices"][0]["message"]["content"]


def test_a_larger_model_answers_in_more_depth(api: MockAPI) -> None:
    lengths = [content(chat(api, model=model))["usage"]["completion_tokens"] for model in COMPARE_MODELS]
    assert lengths == sorted(lengths)
    assert lengths[-1] > 2 * lengths[0]


def test_usage_adds_up_and_fits_the_texts(api: MockAPI) -> None:
    reply = content(chat(api))
    usage = reply["usage"]
    assert usage["prompt_tokens"] == 11  # four of the question, seven of a message and its frame
    assert usage["completion_tokens"] == count_tokens(reply["choices"][0]["message"]["content"])
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_an_answer_longer_than_allowed_is_cut_and_says_so(api: MockAPI) -> None:
    reply = content(chat(api, max_completion_tokens=5))
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 5
    assert content(chat(api))["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("text", ["What is Python?", "  two  spaces\n\nand lines ", "naïve Übung 東京 🙂", ""])
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(split_tokens(text)) == text


def test_a_stream_says_the_same_as_the_whole_answer(api: MockAPI) -> None:
    reply = chat(api, stream=True, stream_options={"include_usage": True})
    lines = b"".join(piece.data for piece in reply.pieces).decode().strip().split("\n\n")
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    spoken = "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"])
    whole = content(chat(api))
    assert spoken == whole["choices"][0]["message"]["content"]
    assert events[-1]["usage"] == whole["usage"]
    assert [event["usage"] for event in events[:-1]] == [None] * (len(events) - 1)
    assert len(reply.pieces) > 10, "it comes piece by piece"


# ---- repeats and latency -----------------------------------------------------------------------------------------


def a_run(api: MockAPI) -> list[Any]:
    run = []
    for question in ["What is Python?", "What is Go?", "What is Python?"]:
        reply = chat(api, question)
        run.append((reply.ending, reply.status, round(seconds(reply), 9)))
    return run


def test_runs_repeat_exactly_after_a_reset() -> None:
    shaky = Faults(rate_limited=0.2, server_error=0.2, dropped=0.2, hanging=0.1)
    api = MockAPI(seed=7, pace=PACE)
    api.reset(faults=shaky)
    first = [a_run(api) for _ in range(10)]
    api.reset()
    assert [a_run(api) for _ in range(10)] == first
    api.reset(seed=8)
    assert [a_run(api) for _ in range(10)] != first
    other = MockAPI(seed=7, pace=PACE)
    other.reset(faults=shaky)
    assert [a_run(other) for _ in range(10)] == first


def test_the_same_request_takes_another_time_when_it_is_repeated(api: MockAPI) -> None:
    assert len({seconds(chat(api)) for _ in range(5)}) == 5


def test_pace_scales_latencies_and_waiting_times_alike() -> None:
    slow, fast = MockAPI(pace=1), MockAPI(pace=0.1)
    assert seconds(chat(slow)) == pytest.approx(10 * seconds(chat(fast)))
    for api in (slow, fast):
        api.reset(faults=Faults(rate_limited=1, retry_after=2))
    told = [float(dict(chat(api).headers or {})["retry-after"]) for api in (slow, fast)]
    assert told == [2, 0.2]


def test_a_long_answer_takes_longer() -> None:
    api = MockAPI(pace=1)
    short = [seconds(chat(api, model="gpt-6.1-sol", max_completion_tokens=1)) for _ in range(9)]
    long = [seconds(chat(api, model="gpt-6.1-sol")) for _ in range(9)]
    assert sorted(long)[4] > 1.5 * sorted(short)[4]


def test_latencies_are_life_like() -> None:
    """At pace 1 each model answers within a few seconds; the first to speak is not the first to finish."""
    api = MockAPI(pace=1)
    for model in MODELS:
        assert 0.3 < seconds(chat(api, model=model)) < 6, model
    first, whole = {}, {}
    for model in ("gpt-6-luna", "gpt-6.1-terra"):
        replies = [chat(api, "What is an event loop?", model=model, stream=True) for _ in range(9)]
        first[model] = sorted(reply.before for reply in replies)[4]
        whole[model] = sorted(map(seconds, replies))[4]
    assert first["gpt-6.1-terra"] < first["gpt-6-luna"]
    assert whole["gpt-6.1-terra"] > whole["gpt-6-luna"]


# ---- the models, and wrong requests ------------------------------------------------------------------------------


def test_the_list_of_models_tells_which_shut_down(api: MockAPI) -> None:
    models = {model["id"]: model for model in content(get(api, "/v1/models"))["data"]}
    assert set(models) == set(MODELS)
    assert models["gpt-4o-mini"]["shutdown_date"] == "2027-01-14"
    assert "shutdown_date" not in models["gpt-6-luna"]
    assert content(get(api, "/v1/models/gpt-4o")) == models["gpt-4o"]


MEGABYTE = "word " * 200_000
ASK = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({**ASK, "model": "gpt-99"}, 404, "model_not_found", "gpt-99"),
        ({"messages": ASK["messages"]}, 400, None, "model parameter"),
        ({**ASK, "model": 5}, 400, "invalid_type", "'model'"),
        ({"model": "gpt-6-luna"}, 400, "missing_required_parameter", "'messages'"),
        ({**ASK, "messages": "Hi"}, 400, "invalid_type", "but got a string"),
        ({**ASK, "messages": []}, 400, "empty_array", "empty array"),
        ({**ASK, "messages": ["Hi"]}, 400, "invalid_type", "messages[0]"),
        ({**ASK, "messages": [{"role": "boss", "content": "Hi"}]}, 400, "invalid_value", "boss"),
        ({**ASK, "messages": [{"role": "user", "content": None}]}, 400, "invalid_type", "but got null"),
        ({**ASK, "max_completion_tokens": 0}, 400, "integer_below_min_value", "max_completion_tokens"),
        ({**ASK, "model": "gpt-4o", "max_tokens": "many"}, 400, "invalid_type", "max_tokens"),
        ({**ASK, "n": 10**9}, 400, "integer_above_max_value", "'n'"),
        ({**ASK, "temperature": 3}, 400, "invalid_value", "temperature"),
        ({**ASK, "stream_options": {"include_usage": True}}, 400, None, "stream_options"),
        ({**ASK, "messages": [{"role": "user", "content": MEGABYTE}]}, 400, "context_length_exceeded", "128000"),
        (b"{not json", 400, None, "JSON"),
        (b"[]", 400, None, "JSON"),
        (b"[" * 100_000, 400, None, "JSON"),
    ],
)  # fmt: skip
def test_a_wrong_request_gets_what_the_service_would_say(
    api: MockAPI, body: object, status: int, code: str | None, says: str
) -> None:
    got_status, got_code, message = error(post(api, body))
    assert (got_status, got_code) == (status, code)
    assert says in message


def test_addresses_and_keys(api: MockAPI) -> None:
    assert error(get(api, "/v1/models/gpt-99"))[:2] == (404, "model_not_found")
    assert error(post(api, ASK, path="/v1/images"))[0] == 404
    assert error(get(api, "/v1/chat/completions"))[0] == 405
    assert error(post(api, ASK, key=""))[0] == 401
    assert error(post(api, ASK, key="Bearer "))[0] == 401


def test_a_lone_surrogate_in_a_request_is_answered(api: MockAPI) -> None:
    assert chat(api, "half a character: \ud800").status == 200


# ---- faults and limits -------------------------------------------------------------------------------------------


def outcome(reply: Reply) -> str:
    return str(reply.status) if reply.ending == "complete" else reply.ending


def test_faults_strike_the_share_that_was_asked_for(api: MockAPI) -> None:
    api.reset(faults=Faults(rate_limited=0.1, server_error=0.1, dropped=0.1, hanging=0.1))
    outcomes = [outcome(chat(api, f"question {number}")) for number in range(2_000)]
    for kind in ("429", "500", "dropped", "hanging"):
        assert 150 < outcomes.count(kind) < 250, kind


def test_a_retry_can_succeed(api: MockAPI) -> None:
    api.reset(faults=Faults(server_error={"What is Go?": 2}))
    assert [outcome(chat(api, "What is Go?")) for _ in range(3)] == ["500", "500", "200"]
    assert outcome(chat(api, "What is Rust?")) == "200"


def test_chosen_questions_fail_every_time(api: MockAPI) -> None:
    api.reset(faults=Faults(dropped="what is go", hanging=["What is Rust?"]))
    assert [outcome(chat(api, "What is Go?")) for _ in range(3)] == ["dropped"] * 3
    assert outcome(chat(api, "What is Rust?")) == "hanging"


def test_a_refused_question_is_refused_for_good(api: MockAPI) -> None:
    api.reset(faults=Faults(refused="what is go"))
    for _ in range(3):
        reply = chat(api, "What is Go?")
        status, code, message = error(reply)
        assert (status, code) == (400, "invalid_prompt") and "flagged" in message
        assert not [name for name in reply.headers or {} if "retry-after" in name]
    assert chat(api, "What is Go?", stream=True).status == 400
    assert chat(api, "What is Rust?").status == 200


def test_a_share_of_all_questions_can_be_refused(api: MockAPI) -> None:
    api.reset(faults=Faults(refused=0.2, dropped=0.1))
    outcomes = [outcome(chat(api, f"question {number}")) for number in range(1_000)]
    assert 150 < outcomes.count("400") < 250
    assert 60 < outcomes.count("dropped") < 140
    with pytest.raises(BadInput, match="add up to"):
        Faults(refused=0.6, server_error=0.6)


def test_a_refusal_may_end_after_some_requests(api: MockAPI) -> None:
    api.reset(faults=Faults(refused={"What is Go?": 1}))
    assert [outcome(chat(api, "What is Go?")) for _ in range(2)] == ["400", "200"]


def test_a_closed_api_refuses_everything_at_once() -> None:
    api = MockAPI(pace=PACE)
    api.reset(faults=Faults(hanging=1, no_quota=True))
    api.close()
    for reply in (chat(api), chat(api, stream=True), get(api, "/v1/models"), get(api, "/v1/nonsense")):
        assert error(reply) == (400, "closed", "This API is closed.")
        assert reply.ending == "complete" and seconds(reply) < 1
    assert [line.outcome for line in api.served] == ["400"] * 4
    api.close()
    assert api.closed


def test_keys_and_quota(api: MockAPI) -> None:
    api.reset(faults=Faults(expired_key=True))
    assert error(chat(api))[:2] == (401, "invalid_api_key")
    api.reset(faults=Faults(no_quota=True))
    assert error(chat(api))[:2] == (429, "credit_balance_exhausted")
    assert content(chat(api))["error"]["type"] == "insufficient_quota"


@pytest.mark.parametrize("code", ["organization_usage_limit_exceeded", "project_spend_limit_exceeded"])
def test_no_quota_takes_the_code(api: MockAPI, code: str) -> None:
    api.reset(faults=Faults(no_quota=code))
    assert error(chat(api))[:2] == (429, code)
    api.reset(faults=Faults(no_quota=False))
    assert outcome(chat(api)) == "200"


@pytest.mark.parametrize("wrong", ["quota", "", 1, None, ["insufficient_quota"]])
def test_no_quota_takes_no_other(wrong: Any) -> None:
    with pytest.raises(BadInput, match=r"is no code for that.*credit_balance_exhausted"):
        Faults(no_quota=wrong)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/chat/completions", "so does the base URL have to end"),
        ("/openai/deployments/gpt-6-luna/chat/completions", "address of Azure"),
        ("/v1/images", "has /v1/chat/completions, /v1/responses, /v1/embeddings and /v1/models only"),
    ],
)
def test_an_address_that_is_none_says_what_there_is(api: MockAPI, path: str, hint: str) -> None:
    status, code, message = error(post(api, {"model": "gpt-6-luna"}, path))
    assert (status, code) == (404, "unknown_url")
    assert f"Invalid URL (POST {path})" in message and hint in message


def test_a_retry_after_can_be_left_out(api: MockAPI) -> None:
    api.reset(faults=Faults(rate_limited=1, retry_after=None))
    assert not [name for name in chat(api).headers or {} if "retry-after" in name]


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("pace", [1.0, 0.1])
def test_over_the_limit_it_says_how_long_to_wait_and_means_it(pace: float) -> None:
    """120 a minute, two at once: the third has to wait half a second of the API's own time."""
    time = FakeTime()
    api = MockAPI(pace=pace)
    api.clock = limits_module.Clock(pace, time)
    api.reset(faults=Faults(requests_per_minute=120, burst=2))
    assert [chat(api).status for _ in range(3)] == [200, 200, 429]
    refused = chat(api)
    headers = dict(refused.headers or {})
    assert error(refused)[1] == "rate_limit_exceeded"
    assert headers["retry-after-ms"] == f"{500 * pace:.0f}"
    assert float(headers["retry-after"]) == pytest.approx(1 * pace), "in whole seconds of the API's own time"
    time.now += 0.49 * pace
    assert chat(api).status == 429
    time.now += 0.02 * pace
    assert chat(api).status == 200


def test_rate_limit_headers_tell_the_truth() -> None:
    time = FakeTime()
    api = MockAPI(pace=1)
    api.clock = limits_module.Clock(1, time)
    api.reset(faults=Faults(requests_per_minute=60, burst=10, tokens_per_minute=6_000))
    for _ in range(4):
        headers = dict(chat(api).headers or {})
    assert headers["x-ratelimit-limit-requests"] == "10"
    assert headers["x-ratelimit-remaining-requests"] == "6"
    assert headers["x-ratelimit-reset-requests"] == "4s", "four requests come back at one a second"
    assert headers["x-ratelimit-limit-tokens"] == "6000"
    used = 4 * content(chat(MockAPI()))["usage"]["total_tokens"]
    assert headers["x-ratelimit-remaining-tokens"] == str(6_000 - used)
    api.reset(faults=Faults(rate_limit_headers=False))
    assert not [name for name in chat(api).headers or {} if name.startswith("x-ratelimit")]


def test_each_model_has_limits_of_its_own(api: MockAPI) -> None:
    api.reset(faults=Faults(requests_per_minute=1))
    statuses = [chat(api, model=model).status for model in ("gpt-6-luna", "gpt-6-luna", "gpt-6.1-sol")]
    assert statuses == [200, 429, 200]


def test_tokens_a_minute_are_a_limit_too() -> None:
    api = MockAPI(pace=1)
    api.reset(faults=Faults(tokens_per_minute=100))
    replies = [chat(api) for _ in range(4)]
    assert [reply.status for reply in replies][-1] == 429
    assert "tokens per min" in error(replies[-1])[2]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rate_limited": 1.5}, "not a share"),
        ({"rate_limited": -0.1}, "not a share"),
        ({"rate_limited": True}, "not a share"),
        ({"rate_limited": 0.6, "dropped": 0.6}, "add up to 1.2"),
        ({"server_error": {"What is Go?": "twice"}}, "cannot be read"),
        ({"server_error": [1, 2]}, "cannot be read"),
        ({"server_error": None}, "cannot be read"),
        ({"requests_per_minute": 0}, "not a limit"),
        ({"tokens_per_minute": "many"}, "not a limit"),
        ({"burst": 0.5}, "lets no request through"),
        ({"retry_after": -1}, "no waiting time"),
        ({"retry_after": "soon"}, "no waiting time"),
        ({"retry_after": True}, "no waiting time"),
        ({"retry_after": float("inf")}, "no waiting time"),
        ({"retry_after": 10**400}, "no waiting time"),
        ({"rate_limited": float("nan")}, "not a share"),
        ({"server_error": {"What is Go?": True}}, "cannot be read"),
        ({"requests_per_minute": 10**400}, "not a limit"),
        ({"requests_per_minute": float("inf")}, "not a limit"),
        ({"tokens_per_minute": 5e-324}, "not a limit"),
        ({"burst": float("nan")}, "not a limit"),
    ],
)
def test_faults_that_make_no_sense_are_refused_in_words(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Faults(**settings)


def test_the_log_says_what_was_served(api: MockAPI) -> None:
    api.reset(faults=Faults(dropped={"What is Go?": 1}))
    chat(api, "What is Go?")
    chat(api, "What is Go?")
    assert [(line.question, line.nth, line.outcome) for line in api.served] == [
        ("What is Go?", 1, "dropped"),
        ("What is Go?", 2, "200"),
    ]
