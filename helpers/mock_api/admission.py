"""What every request that asks a model goes through: whom it asks, whether it is paid, and which fault it meets."""

from ..errors import OPENAI_SAYS
from .exchange import Exchange
from .faults import Fault
from .requests import Refused


def enter(exchange: Exchange, model: str, question: str) -> Fault | None:
    """Notes who is asked what. Gives the fault that is to strike; raises Refused where there is no credit."""
    api = exchange.api
    exchange.model, exchange.question = model, question
    api.asked.add(question)
    if code := api.faults.out_of_credit:
        raise Refused(429, OPENAI_SAYS[code], code, kind="insufficient_quota")
    return api.faults.strike(api.topic(question), exchange.nth, exchange.random("fault"))


def pass_limits(exchange: Exchange, tokens: int, fault: Fault | None, param: str) -> None:
    """Raises Refused where the limits or the fault say so; `param` is where the endpoint has its question."""
    exchange.admit(tokens)
    if fault == "rate_limited":
        if exchange.limit_headers:
            exchange.limit_headers["x-ratelimit-remaining-requests"] = "0"
        raise Refused(
            429,
            f"Rate limit reached for {exchange.model}. Please try again later.",
            "rate_limit_exceeded",
            kind="requests",
            retry_after=exchange.api.faults.retry_after,
        )
    if fault == "server_error":
        raise Refused(
            500,
            "The server had an error while processing your request. Sorry about that!",
            kind="server_error",
        )
    if fault == "refused":
        raise Refused(400, "Invalid prompt: it was flagged, and will not be answered.", "invalid_prompt", param)
