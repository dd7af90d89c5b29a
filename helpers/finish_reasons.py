"""Was the answer cut, filtered, or left off? The services' words for why a text ends (`finish_reason`), and ours."""

# in small letters, as OpenAI and the services that speak its API write them
LIMITS = ("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded")
FILTERS = ("content_filter", "safety", "sensitive", "recitation", "prohibited_content", "blocklist", "spii", "refusal")
CALLS = ("tool_calls", "function_call", "tool_use")
BROKEN = ("error", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled", "canceled")


def is_cut(finish_reason: str | None) -> bool:
    """Whether a text that ends so ends before its end. (With one of BROKEN it is no answer at all.)

    >>> is_cut("length"), is_cut("STOP"), is_cut(None)
    (True, False, False)
    """
    return (finish_reason or "").lower() in (*LIMITS, *FILTERS, *CALLS)


def how_cut(finish_reason: str) -> str:
    """
    >>> how_cut("length"), how_cut("tool_calls")
    ('cut at the token limit', 'left off for a function to be called')
    """
    if finish_reason.lower() in LIMITS:
        return "cut at the token limit"
    return "cut by the service's filter" if finish_reason.lower() in FILTERS else "left off for a function to be called"
