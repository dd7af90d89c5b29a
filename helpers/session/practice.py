"""Practice mode: the mock API in the service's place, its door, its faults, and what a check puts in its stead."""

import os
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from .. import sdk
from ..errors import BadInput, WorkbookError
from ..mock_api import Faults, MockAPI, MockTransport
from ..mock_api.faults import SETTINGS
from ..numeric import real
from ..wire import clients, send
from ..wire.exchange import BY_THE_SDK, Exchange
from ..wire.model_calls import is_for_azure, is_model_call
from . import environment, live
from .awake import keep_awake
from .environment import IN_PROCESS, PRACTICE_KEY, PRACTICE_URL
from .state import changing, environment_so_far, guard_with, known_keys, live_now, state

MANY = 1_000  # connections that a client of the SDK may open
SEED = 5  # of the draws that everybody gets who asks for no other


def practise(seed: int = SEED) -> None:
    """Practice mode, without a word."""
    sdk.check()
    with changing:
        before = environment_so_far()
        if state.api is None:
            state.api = MockAPI(seed, _pace())
        state.api.reset(seed, Faults())
        if state.mode == "live":
            state.lent.take_back(os.environ)
        point_at_practice(state.api)
        clients.forget(before)


def point_at_practice(api: MockAPI) -> None:
    guard_with(_stay_here)
    environment.set_aside(os.environ, state.own)
    if not state.doors:
        state.practice_url = _open_doors(api)
    _answer_from(api)
    state.mode, state.url = "practice", state.practice_url
    os.environ["OPENAI_BASE_URL"] = state.url
    os.environ["OPENAI_API_KEY"] = PRACTICE_KEY
    os.environ[PRACTICE_URL] = state.url
    keep_awake()


def _open_doors(api: MockAPI) -> str:
    """Starts the server, and gives its address; where no socket can be had, calls stay inside this process.

    So they do where the system allows few open files: then the server is left to other processes.
    """
    try:
        from ..mock_api.server import Server

        server = Server(api)
        state.doors, url = [server], server.url
    except (OSError, ImportError, RuntimeError):  # no socket, no aiohttp, no threads
        url = f"http://{IN_PROCESS}/v1"
    if not state.doors or state.doors[0].most < MANY:
        inside = send.routes[urlsplit(url).netloc] = MockTransport(api)
        state.doors.append(inside)
    return url


def _answer_from(api: MockAPI) -> None:
    for door in state.doors:
        door.api = api


@asynccontextmanager
async def answered_by(api: MockAPI) -> AsyncIterator[str]:
    """For checks: inside, practice mode it is, whatever the mode outside, and `api` answers. Gives its address.

    Clients that were made in practice mode before reach `api` too. Afterwards mode, environment, clients, and the
    notebook's own mock API with its draws are what they were, whatever was done to them meanwhile.
    """
    session, environ, guards = {**vars(state), "own": dict(state.own)}, dict(os.environ), list(send.guards)
    kept = clients.kept()
    if session["mode"] != "practice":
        clients.forget(environment_so_far())
    bill = state.bills["practice"]
    state.api = api
    point_at_practice(api)
    try:
        with bill.paused():
            yield state.url
    finally:
        vars(state).update(session, doors=state.doors, practice_url=state.practice_url)
        _answer_from(state.api or api)
        environment.become(environ)
        send.guards[:] = guards
        await clients.keep_only(kept)


def _stay_here(exchange: Exchange) -> None:
    """Stops each model call that is not for the mock API in practice mode: nobody is to pay by accident.

    A client made before `connect()`, or with an address of its own, still points at another service. What counts as a
    model call stands in `wire/model_calls.py`.
    """
    url = exchange.url
    if url.netloc == _gate(state.practice_url) and url.scheme == "http":
        return
    if state.mode != "practice":
        return
    if live.checking.get() or not is_model_call(exchange, known_keys):
        return
    raise WorkbookError(
        f"Practice mode stopped a call to {url.netloc.decode()}: that is not the mock API, and may cost money.",
        _to_mend(exchange),
    )


@cache
def _gate(url: str) -> bytes:
    """The host and port of an address."""
    return urlsplit(url).netloc.encode()


def _to_mend(exchange: Exchange) -> str:
    host, origin = exchange.url.host, f"{exchange.url.scheme}://{exchange.url.netloc.decode()}"
    where = "" if host == "api.openai.com" else f', base_url="{origin}/v1"'
    if is_for_azure(exchange):
        where = f', base_url="{origin}/openai/v1", key_from="AZURE_OPENAI_API_KEY"'
        return (
            "A client for Azure always asks its azure_endpoint: in practice mode use AsyncOpenAI() or OpenAI() in its "
            f"place, or go live on purpose with connect(live=True{where})."
        )
    again = "Make the client again now, with no address of its own"
    if BY_THE_SDK not in exchange.request_headers:  # written by hand, perhaps
        again = "Send it to the address in OPENAI_BASE_URL, as a client that is made now does"
    return f"{again}; or go live on purpose with connect(live=True{where})."


@contextmanager
def faults(*nameless: object, **settings: Any) -> Iterator[None]:
    """Makes the mock API fail, within a `with` block; its draws start anew at the block's beginning and end.

    What fails is a share of all requests (0.1: one in ten), a question, a list of questions, or a dict that says how
    many requests of a question fail before one gets through:

    - `rate_limited`: 429, to be asked again after `retry_after` seconds (None: it does not say);
    - `server_error`: 500;
    - `dropped`: the connection breaks off;
    - `hanging`: no answer ever comes. A hang is not scaled by WORKBOOK_PACE;
    - `refused`: 400, as for a prompt that was flagged: to ask again is of no use;
    - `declined`: an answer that has a `refusal` in the place of its text;
    - `cut_off`: an answer that ends in its middle, as at the limit on its tokens;
    - `messy_json`: JSON that was only asked for in words comes in a fence, behind a sentence, or with "five" for 5.

    Limits, for each model: `requests_per_minute` (with `burst`: how many may come at once) and `tokens_per_minute`;
    `rate_limit_headers=False` leaves the x-ratelimit-* headers out.
    `expired_key=True` refuses every key (401); `no_quota=True` answers each call with a 429 of the code
    `credit_balance_exhausted`, and `no_quota="project_spend_limit_exceeded"`, say, with another code of that kind.

    In live mode the mock API answers the block, too, in the place of the service, and nothing is charged.

    >>> connect()  # doctest: +ELLIPSIS
    Practice mode: ...
    >>> with faults(server_error={"What is Go?": 1}), watch() as trace:
    ...     text = await ask_ai("What is Go?")  # the first request gets a 500, the next one its answer
    >>> trace.requests
    2
    """
    if nameless:
        raise BadInput("faults() wants to know what fails.", f"Name it: faults(server_error={nameless[0]!r}), say.")
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise BadInput(f"faults() does not know {unknown[0]!r}.", f"It knows: {', '.join(SETTINGS)}.")
    if state.mode is None:
        raise WorkbookError("Only the mock API fails on request.", "Run connect() first: it starts practice mode.")
    api = state.api = state.api or MockAPI(SEED, _pace())
    before = api.faults
    api.reset(faults=Faults(**settings))
    try:
        with _in_place_of_the_service(api) if live_now() else nullcontext():
            yield
        for question in api.faults.unasked(api.asked) if api.asked else ():
            warnings.warn(f"faults(): nobody asked {question!r}, so it did not fail. Check its spelling.", stacklevel=3)
    finally:
        api.reset(faults=before)


@contextmanager
def _in_place_of_the_service(api: MockAPI) -> Iterator[None]:
    """In live mode: inside, the mock API answers whoever asks the service."""
    parts = urlsplit(state.url)
    host = parts.hostname or ""
    before, state.is_played = dict(send.routes), True
    send.routes[host] = MockTransport(api, parts.path)
    print("Only the mock API fails on request: it answers this block, and nothing is charged.")
    try:
        yield
    finally:
        state.is_played = False
        send.routes.clear()
        send.routes.update(before)


def _pace() -> float:
    text = os.environ.get("WORKBOOK_PACE", "1")
    try:
        pace = real(float(text), 0.001, 1_000)
    except ValueError:
        pace = None
    if pace is None:
        raise BadInput(
            f"The environment variable WORKBOOK_PACE is {text!r}.",
            "Set it to a number from 0.001 to 1000 (1 is lifelike, 0.1 ten times as fast), or remove it.",
        )
    return pace
