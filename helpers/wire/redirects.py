"""Where a redirect may lead: a key and a question stay with the service that they were sent to."""

from typing import Any

from ..errors import WorkbookError
from .exchange import Exchange
from .model_calls import is_model_call

# all that goes along where a download is led to another address; what else a client sends may be a secret
HARMLESS = ("host", "accept", "accept-encoding", "connection", "range", "user-agent")
PORTS = {"http": 80, "https": 443}


def next_of(response: Any, exchange: Exchange, most: int, before: int, library: Any) -> Any | None:
    """The request that a redirect leads to; None where this is the answer.

    `before` is how many redirects there were. Raises WorkbookError for a model call that is led to another address, and
    the library's TooManyRedirects after `most`.
    """
    request = response.next_request
    if request is None:
        return None
    if before >= most:
        raise library.TooManyRedirects("Exceeded maximum allowed redirects.", request=response.request)
    if not stays(exchange.url, request.url) and is_model_call(exchange):
        _let_go(request, exchange)
    response.next_request = None
    return request


def stays(url: Any, other: Any) -> bool:
    """Whether another address is the same service: the same scheme, host and port, or its https in place of http."""
    if url.host != other.host:
        return False
    here, there = ((each.scheme, each.port or PORTS.get(each.scheme)) for each in (url, other))
    return here == there or (here, there) == (("http", 80), ("https", 443))


def _let_go(request: Any, exchange: Exchange) -> None:
    """A download may be led away, with nothing in it that is the learner's; raises WorkbookError for all else."""
    here, there = exchange.url.netloc.decode(), _origin(request.url)
    if exchange.method not in ("GET", "HEAD"):
        raise WorkbookError(
            f"{here} redirects this call to another address, {there}: your key and your question are not for whoever "
            "answers there, so nothing was sent.",
            f'If that is the new address of your service, give it: connect(live=True, base_url="{there}/v1").',
        )
    if not exchange.url.path.endswith("/content"):  # perhaps a page that wants one to log in to the network
        raise WorkbookError(
            f"What answers at {here} is not a model service, or has moved: it redirects to another address, {there}. "
            "Nothing was sent there.",
            f'If that is the new address of your service, give it: connect(live=True, base_url="{there}/v1"). If your '
            "network wants you to log in first, open a web page.",
        )
    for name in [name for name in request.headers if name not in HARMLESS]:
        del request.headers[name]


def _origin(url: Any) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"
