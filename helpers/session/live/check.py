"""Whether live mode will work: a free request, and what came of it in words."""

import json
import math
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

import httpx2
import openai
from openai import OpenAI

from ...errors import WorkbookError
from ...wire.headers import read_limit
from ...wire.refusals import as_said, read_refusal, service_words
from ...wire.retries import retry_after
from ...words import counted
from .access import NO_KEY, OPENAI, Access
from .secrecy import hidden
from .unlisted import NO_LIST, without_a_list

SECONDS = 10.0  # of patience with the free request
SOON, LATEST = 120.0, 1e9  # seconds: until when one waits for it; beyond what calendars have
TLS = (
    "A proxy or a virus scanner may be opening what is encrypted: ask those who run your network for its certificate, "
    "and install it in the system (or set SSL_CERT_FILE to its file)."
)

PASSWORD = "The proxy of your network wants a password (407).", "Ask those who run your network."

Listed = Mapping[str, date | None]  # models, and the day on which each shuts down, where that is told


def client_for(access: Access) -> OpenAI:
    """The client that the free request is sent with; it reads proxies and certificates from the environment."""
    try:
        return OpenAI(base_url=access.url, api_key=access.key, max_retries=0, timeout=SECONDS)
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        socks = isinstance(error, ImportError)
        # what the error says is not repeated: it may hold the proxy's password
        raise WorkbookError(
            "The proxy that is set in the environment cannot be used "
            f"({'it is a SOCKS proxy' if socks else 'its address is none, or of another kind'}).",
            "Set HTTPS_PROXY to an http:// proxy, or remove ALL_PROXY, before you start JupyterLab.",
        ) from None


def list_models(client: OpenAI, access: Access) -> Listed | None:
    """What the service offers: free, and proof that address and key are right. None: it does not let this key see.

    A service may have no list: see `Unlisted`. Raises WorkbookError, in words, where live mode would not work.
    """
    try:
        return _read(_content(client))
    except ValueError as error:
        raise WorkbookError(
            f"What answers at {access.shown} is not a model service (a web page, perhaps).",
            "Check the address: it usually ends in /v1. Or the network wants you to log in first: open a web page.",
        ) from error
    except openai.APIStatusError as error:
        if error.status_code in (401, 403) and "insufficient permissions" in service_words(error).lower():
            return None  # a key with restrictions: it may ask, but not look
        if error.status_code in NO_LIST:
            return without_a_list(client, access, error)
        raise WorkbookError(*_refusal(error, access)) from error
    except openai.APIConnectionError as error:
        raise WorkbookError(*_no_connection(error, access)) from error


def _content(client: OpenAI) -> bytes:
    """The answer; the time limit is for all of it. (The client's own is for each piece.)"""
    began, content = time.monotonic(), b""
    with client.models.with_streaming_response.list() as response:
        try:
            for piece in response.iter_bytes():
                content += piece
                if time.monotonic() - began > SECONDS:
                    raise httpx2.ReadTimeout("It is still not all there.")
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(request=response.http_request) from error
        except httpx2.TransportError as error:
            raise openai.APIConnectionError(request=response.http_request) from error
    return content


def _read(body: bytes) -> Listed:
    """Raises ValueError for what is no list of models."""
    entries = content = json.loads(body)
    if isinstance(content, dict):
        entries = (content["data"] or []) if "data" in content else content.get("models")
    if not isinstance(entries, list):
        raise ValueError("It is no list.")
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    if entries is content and not named:  # a list, but of something else
        raise ValueError("It is no list of models.")
    return {entry["id"]: _day(entry.get("shutdown_date")) for entry in named}


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _refusal(error: openai.APIStatusError, access: Access) -> tuple[str, str]:
    status, said, when = error.status_code, as_said(error), _when(error.response)
    if no_credit := read_refusal(error).no_credit:
        return no_credit
    if status == 401 and access.key == NO_KEY:
        return (
            f"{access.shown} wants a key (401).",
            'Write it into .env under a name of its own, and give that name: key_from="MY_SERVICE_KEY". '
            "(In the key panel, type it there.)",
        )
    if status == 401:
        where = " (platform.openai.com/api-keys)" if access.url == OPENAI else ""
        return (
            f"{access.shown} did not accept {access.origin} (401): it is mistyped, cut short, expired or for another "
            f"service.{f' It says{said}' if service_words(error) else ''}",
            f"Copy it again{where}, or make a new one.",
        )
    if status == 403:
        return f"{access.shown} does not allow this (403){said}", "Ask whoever runs the account or the network."
    if status == 407:
        return PASSWORD
    if status == 400 and access.url.startswith("http://") and "HTTPS" in error.response.text:
        return f"{access.shown} wants its https address (400).", "Write https:// in place of http://."
    if status == 429:
        return f"{access.shown} takes no more requests now (429){said}", when or (
            "Wait a minute, then connect again. (Where it is a limit for a day: tomorrow.)"
        )
    if status >= 500:
        return f"{access.shown} has a problem of its own ({status}){said}", (
            f"It is not your code. {when or 'Try again in a while.'}"
        )
    return f"{access.shown} refused the request ({status}){said}", "Check the address and the key."


def _when(response: httpx2.Response) -> str:
    """When to try again; "" where the service does not tell."""
    seconds = retry_after(response)
    if seconds is None:  # of the limits that are used up the last one that comes back
        limits = filter(None, (read_limit(response.headers, unit) for unit in ("requests", "tokens")))
        seconds = max((limit.reset or 0.0 for limit in limits if limit.remaining < 1), default=0.0)
    if not seconds:
        return ""
    if seconds <= SOON:
        return f"Wait {counted(math.ceil(seconds), 'second')}, then connect again."
    now, seconds = datetime.now(), min(seconds, LATEST)
    then = now + timedelta(seconds=seconds)
    day = "" if then.date() == now.date() else f" on {then:%Y-%m-%d}"
    return f"Connect again in about {_about(seconds)}, after {then:%H:%M}{day}."


def _about(seconds: float) -> str:
    """A long time, rounded up.

    >>> _about(130), _about(7_100), _about(200_000)
    ('3 minutes', '2 hours', '3 days')
    """
    for unit, size, most in (("minute", 60, 100), ("hour", 3_600, 47)):
        if (number := math.ceil(seconds / size)) <= most:
            return counted(number, unit)
    return counted(math.ceil(seconds / 86_400), "day")


def _no_connection(error: BaseException, access: Access) -> tuple[str, str]:
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    texts = " ".join(map(str, causes))
    host, proxied = urlsplit(access.url).hostname, _proxy(access)
    way = " through the proxy that is set in the environment" if proxied else ""
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return f"The certificate that {host} shows{way} is not one that this computer trusts.", TLS
    if "WRONG_VERSION_NUMBER" in texts or (isinstance(causes[-1], ssl.SSLError)):
        return (
            f"No encrypted connection to {host} could be made{way}.",
            "If the service is on your own computer or network, its address may begin with http:// in place of https://.",
        )
    if "gaierror" in names:
        if proxied:
            return "The proxy that is set in the environment cannot be found.", "Check HTTPS_PROXY and HTTP_PROXY."
        if access.url == OPENAI:
            return f"{host} cannot be found: there seems to be no network.", "Connect to it, then try again."
        return f"{host} cannot be found.", "Check how the address is spelt, and whether there is a network."
    if "ProxyError" in names:
        if "407" in str(error.__cause__):
            return PASSWORD
        return f"The proxy of your network did not let the request through ({hidden(str(error.__cause__))}).", (
            "Ask those who run your network."
        )
    if proxied:
        return f"{host} cannot be reached{way}.", "Check HTTPS_PROXY and HTTP_PROXY, or ask those who run your network."
    if isinstance(error, openai.APITimeoutError):
        return f"{host} did not answer within {SECONDS:g} seconds.", "Check the network, and try again."
    if access.is_here:
        return f"Nobody answers at {access.shown}.", "Start the service on your computer, or check the port."
    return f"{host} cannot be reached.", "Check your network, and the address."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _proxy(access: Access) -> bool:
    """Whether the environment leads requests to this address through a proxy."""
    from urllib.request import getproxies, proxy_bypass

    if access.is_here:  # see session.environment.no_proxy_here
        return False
    parts = urlsplit(access.url)
    proxies = getproxies()
    return bool(proxies.get(parts.scheme) or proxies.get("all")) and not proxy_bypass(parts.hostname or "")
