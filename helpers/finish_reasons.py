"""Was the answer cut, filtered, or left off? The services' words for why a text ends (`finish_reason`), and ours."""

import re

# as OpenAI and the services that speak its API write them: see `plain`
LIMITS = (
    *("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"),
    *("max_length", "max_len", "token_limit", "error_limit", "limit"),
)
FILTERS = (
    *("content_filter", "safety", "sensitive", "recitation", "prohibited_content", "blocklist", "spii", "refusal"),
    *("content_filtered", "content_policy", "content_policy_violation", "guardrail_intervened", "error_toxic"),
    *("image_safety", "image_prohibited_content", "image_recitation", "language", "moderation", "blocked"),
)
CALLS = (
    *("tool_calls", "function_call", "tool_use", "tool_call", "function_calls"),
    *("malformed_function_call", "unexpected_tool_call", "too_many_tool_calls"),
)
BROKEN = (
    *("error", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled", "canceled"),
    *("incomplete", "interrupted", "timeout", "time_limit", "user_cancel", "not_finished", "other_error"),
)
PREFIX = re.compile(r"(finish|stop)?_?reason_")


def plain(finish_reason: str | None) -> str:
    """In small letters, without what stands before it with some.

    >>> plain("FINISH_REASON_MAX_TOKENS"), plain(None)
    ('max_tokens', '')
    """
    name = re.sub(r"\W+", "_", (finish_reason or "").strip().lower())
    return PREFIX.sub("", name, count=1) if PREFIX.match(name) else name


def is_cut(finish_reason: str | None) -> bool:
    """Whether a text that ends so ends before its end. (With one of BROKEN it is no answer at all.)

    >>> is_cut("length"), is_cut("STOP"), is_cut(None)
    (True, False, False)
    """
    return finish_reason not in (None, "stop") and plain(finish_reason) in (*LIMITS, *FILTERS, *CALLS)


def how_cut(finish_reason: str) -> str:
    """
    >>> how_cut("length"), how_cut("tool_calls")
    ('cut at the token limit', 'left off for a function to be called')
    """
    name = plain(finish_reason)
    if name in LIMITS:
        return "cut at the token limit"
    return "cut by the service's filter" if name in FILTERS else "left off for a function to be called"
