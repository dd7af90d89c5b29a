"""`connect()`: which API the calls of this process go to, practice or live, and the client that helpers share."""

import asyncio
import os
import threading
import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient, not_given

from . import wire
from .errors import BadInput, WorkbookError
from .mock_api import Faults, MockAPI, MockTransport
from .mock_api.faults import SETTINGS
from .totals import Spent, Totals

PRACTICE_KEY = "practice-key"
PRACTICE_URL = "WORKBOOK_PRACTICE_URL"  # tells a child process which OPENAI_BASE_URL is not the learner's own
IN_PROCESS = "practice.invalid"  # a host that cannot exist; wire.py leads it to the mock API in this process
LIVE_URL = "https://api.openai.com/v1"
SEED = 5  # of the draws that everybody gets who asks for no other
TICK = 0.1  # seconds
SECONDS = 60.0  # the shared client's patience with one attempt, in practice mode


class _Session:
    """What `connect` has set up in this process."""

    def __init__(self) -> None:
        self.mode: Literal["practice", "live"] | None = None
        self.api: MockAPI | None = None
        self.url = ""  # where calls go
        self.practice_url = ""
        self.door: Any = None  # what serves the mock API at practice_url: it answers from its attribute `api`
        # the learner's own settings (None: not set), kept while practice mode has its own in their place; never shown
        self.own: dict[str, str | None] = {}


_session = _Session()
_changing = threading.Lock()
_kept_awake: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_totals = Totals()


def connect(*, live: bool = False, seed: int = SEED) -> None:
    """Chooses who answers this notebook's calls, and says so.

    In practice mode (the default) it is a mock API on this computer: no key, no cost, no network. From then on
    `OpenAI()` and `AsyncOpenAI()`, in any cell, reach it. Every `connect()` starts the mock API's draws anew, so the
    same calls go the same way again; another `seed` gives other latencies and faults.

    `connect(live=True)` sends calls to the real service, with the key in the environment variable OPENAI_API_KEY.
    Raises WorkbookError where there is no key, or where WORKBOOK_MODE=practice forbids live mode.

    >>> connect()
    Practice mode: a mock API on this computer answers. No key, no cost, no network needed.
    """
    with _changing:
        if live:
            _go_live()
        else:
            _practise(seed)
    if live:
        print(f"Live mode: calls go to {_shown(_session.url)} with your own key, and cost money. connect() ends it.")
        return
    print("Practice mode: a mock API on this computer answers. No key, no cost, no network needed.")


@contextmanager
def faults(*nameless: object, **settings: Any) -> Iterator[None]:
    """Makes the mock API fail, within a `with` block; its draws start anew at the block's beginning and end.

    What fails is a share of all requests (0.1: one in ten), a question, a list of questions, or a dict that says how
    many requests of a question fail before one gets through:

    - `rate_limited`: 429, to be asked again after `retry_after` seconds (None: it does not say);
    - `server_error`: 500;
    - `dropped`: the connection breaks off;
    - `hanging`: no answer ever comes. A hang is not scaled by WORKBOOK_PACE;
    - `refused`: 400, as for a prompt that was flagged: to ask again is of no use.

    Limits, for each model: `requests_per_minute` (with `burst`: how many may come at once) and `tokens_per_minute`;
    `rate_limit_headers=False` leaves the x-ratelimit-* headers out.
    `expired_key=True` refuses every key (401); `no_quota=True` answers each call with `insufficient_quota`.

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
    api = _session.api
    if _session.mode != "practice" or api is None:
        raise WorkbookError("Only the mock API fails on request.", "Run connect() first: it starts practice mode.")
    before = api.faults
    api.reset(faults=Faults(**settings))
    try:
        yield
        for question in api.faults.unasked(api.asked) if api.asked else ():
            warnings.warn(f"faults(): nobody asked {question!r}, so it did not fail. Check its spelling.", stacklevel=3)
    finally:
        api.reset(faults=before)


def require_connection() -> None:
    """Raises WorkbookError where `connect()` has not been called: nobody is to go live by accident."""
    if _session.mode is None:
        raise WorkbookError("This notebook is not connected yet.", "Run the cell with connect() first.")


def mode() -> Literal["practice", "live"] | None:
    """Which mode `connect()` has chosen; None before it."""
    return _session.mode


def endpoint(client: AsyncOpenAI) -> str:
    """Who answers a client: "practice", or a host and path. The same tomorrow, when practice has another port."""
    url = str(client.base_url)
    if _session.mode == "practice" and url.rstrip("/") in (_session.url, _session.practice_url):
        return "practice"
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return f"{parts.hostname}{f':{parts.port}' if parts.port and not local else ''}{parts.path.rstrip('/')}"


def spent() -> Spent:
    """What has been asked for since the mode was chosen, by any code in this process."""
    return _totals.spent


# ---- practice and live -------------------------------------------------------------------------------------------


def _practise(seed: int) -> None:
    if _session.api is None:
        _session.api = MockAPI(seed, _pace())
    _session.api.reset(seed, Faults())
    _point_at_practice(_session.api)
    _forget_clients()


def _point_at_practice(api: MockAPI) -> None:
    wire.install()
    if _stay_here not in wire.guards:
        wire.guards.append(_stay_here)
    _set_aside(os.environ)
    if _session.door is None:
        _session.practice_url = _open_door(api)
    _session.door.api = api
    _count_anew("practice")
    _session.mode, _session.url = "practice", _session.practice_url
    os.environ["OPENAI_BASE_URL"] = _session.url
    os.environ["OPENAI_API_KEY"] = PRACTICE_KEY
    os.environ[PRACTICE_URL] = _session.url
    _keep_awake()


def _count_anew(mode: str) -> None:
    if _totals not in wire.observers:
        wire.observers.append(_totals)
    if _session.mode != mode:
        _totals.reset()


def _open_door(api: MockAPI) -> str:
    """Starts the server, or, where no socket can be had, leads calls to the mock API inside this process."""
    try:
        from .mock_api.server import Server

        _session.door = Server(api)
        return _session.door.url
    except (OSError, ImportError, RuntimeError):  # no socket, no aiohttp, no threads
        _session.door = wire.routes[IN_PROCESS] = MockTransport(api)
        return f"http://{IN_PROCESS}/v1"


@asynccontextmanager
async def answered_by(api: MockAPI) -> AsyncIterator[str]:
    """For checks: inside, practice mode it is, whatever the mode outside, and `api` answers. Gives its address.

    Clients that were made in practice mode before reach `api` too. Afterwards mode, environment, clients, and the
    notebook's own mock API with its draws are what they were, whatever was done to them meanwhile.
    """
    session, environ, guards = {**vars(_session), "own": dict(_session.own)}, dict(os.environ), list(wire.guards)
    clients, keepers = dict(_clients), list(_keepers)
    if session["mode"] != "practice":
        _forget_clients()
    counted = _totals.spent
    _session.api = api
    _point_at_practice(api)
    try:
        with _totals.paused():
            yield _session.url
    finally:
        _totals.spent = counted
        vars(_session).update(session, door=_session.door, practice_url=_session.practice_url)
        _session.door.api = _session.api or api
        for name in os.environ.keys() | environ.keys():
            if name not in environ:
                del os.environ[name]
            elif os.environ.get(name) != environ[name]:
                os.environ[name] = environ[name]
        wire.guards[:] = guards
        for keeper in [keeper for client, keeper in _keepers.items() if client not in keepers]:
            await keeper.aclose()
        _forget_clients()
        _clients.update(clients)


def _shown(url: str) -> str:
    """An address without the password or the token that may be in it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _stay_here(request: httpx2.Request) -> None:
    """Stops what the SDK would send off this computer in practice mode: nobody is to pay by accident.

    A client made before `connect()`, or with an address of its own, still points at the real service.
    """
    host = request.url.host
    if "x-stainless-lang" not in request.headers or host in ("127.0.0.1", "localhost", "::1", IN_PROCESS):
        return
    raise WorkbookError(
        f"Practice mode stopped a call to {host}: its client was made before connect(), or with its own address.",
        "Make the client again now, or go live on purpose with connect(live=True).",
    )


def _keep_awake() -> None:
    """Wakes a notebook's event loop ten times a second: only an awake loop notices that ■ was pressed."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a script
        return
    if loop in _kept_awake:
        return
    _kept_awake.add(loop)

    def wake() -> None:
        with suppress(RuntimeError):  # the loop was closed
            while True:
                if loop.is_running():
                    loop.call_soon_threadsafe(int)
                time.sleep(TICK)

    with suppress(RuntimeError):  # no threads here, as in a browser
        threading.Thread(target=wake, name="keep-awake", daemon=True).start()


def _go_live() -> None:
    if os.environ.get("WORKBOOK_MODE", "").strip().lower() == "practice":
        raise WorkbookError(
            "Live mode is switched off here (WORKBOOK_MODE=practice).", "connect() gives you practice mode."
        )
    if _session.mode != "live":
        _set_aside(os.environ)
        _give_back(os.environ)
    if not os.environ.get("OPENAI_API_KEY"):
        if _session.mode == "practice":
            _practise(_session.api.seed if _session.api else SEED)
        raise WorkbookError(
            "Live mode needs your own API key, and the environment variable OPENAI_API_KEY is not set.",
            "Set it before you start JupyterLab, or stay in practice mode with connect().",
        )
    if _stay_here in wire.guards:
        wire.guards.remove(_stay_here)
    _count_anew("live")
    _session.mode = "live"
    _session.url = os.environ.get("OPENAI_BASE_URL") or LIVE_URL
    _forget_clients()
    _keep_awake()


def _set_aside(environ: MutableMapping[str, str]) -> None:
    """Keeps the learner's own settings, and takes them out of the way of practice mode."""
    ours = (PRACTICE_KEY, environ.pop(PRACTICE_URL, ""))  # of this process, or of the one that started it
    for name in [name for name in environ if name.startswith(("OPENAI_", "AZURE_OPENAI_")) and name != "OPENAI_LOG"]:
        value = environ.pop(name)
        if value not in ours:
            _session.own[name] = value
    if "NO_PROXY" not in _session.own:
        # keep proxies off the loopback interface. A SOCKS proxy makes OpenAI() fail even for hosts that are not to
        # be proxied; "*" alone prevents it
        socks = any(environ[name].lower().startswith("socks") for name in environ if name.lower().endswith("_proxy"))
        kept = environ.get("no_proxy") or environ.get("NO_PROXY")
        for name in ("NO_PROXY", "no_proxy"):
            _session.own[name] = environ.get(name)
        for name in ("NO_PROXY", "no_proxy"):
            environ[name] = "*" if socks else ",".join(filter(None, [kept, "127.0.0.1", "localhost", IN_PROCESS]))


def _give_back(environ: MutableMapping[str, str]) -> None:
    for name, value in _session.own.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    _session.own = {}


def _pace() -> float:
    text = os.environ.get("WORKBOOK_PACE", "1")
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    if not 0.001 <= pace <= 1_000:
        raise BadInput(
            f"The environment variable WORKBOOK_PACE is {text!r}.",
            "Set it to a number from 0.001 to 1000 (1 is lifelike, 0.1 ten times as fast), or remove it.",
        )
    return pace


# ---- the client that helpers share -------------------------------------------------------------------------------

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = WeakKeyDictionary()
# what closes each client that is open; a generator that nobody keeps would close its client at once
_keepers: dict[AsyncOpenAI, AsyncGenerator] = {}


async def shared_client() -> AsyncOpenAI:
    """The `AsyncOpenAI` of this event loop: made at the first call, shared by all, closed with the loop.

    >>> client = await shared_client()
    >>> client is await shared_client()
    True
    """
    require_connection()
    loop = asyncio.get_running_loop()
    if loop not in _clients or _clients[loop].is_closed():
        keeper = _keep_client()
        client = await anext(keeper)
        _clients[loop], _keepers[client] = client, keeper
    return _clients[loop]


async def _keep_client() -> AsyncGenerator[AsyncOpenAI, None]:
    # an event loop ends its async generators before it closes, and so this client
    async with AsyncOpenAI(http_client=_http_client(), timeout=_patience()) as client:
        try:
            yield client
        finally:
            del _keepers[client]
            loop = asyncio.get_running_loop()
            if _clients.get(loop) is client:
                del _clients[loop]


def _http_client() -> httpx2.AsyncClient:
    try:
        return DefaultAioHttpClient()  # half the CPU of the default
    except RuntimeError:  # aiohttp is not installed, as in a browser
        return DefaultAsyncHttpxClient()


def _patience() -> Any:
    # a real answer may take minutes, and one that is given up is sent, and paid, again
    return SECONDS if _session.mode == "practice" else not_given


def _forget_clients() -> None:
    """Makes helpers build their clients anew: another API answers, with another key.

    The old ones may have calls in flight, so they stay open as long as their loop.
    """
    _clients.clear()
    # the module-level client (openai.chat.completions…) has read the environment too
    getattr(openai, "_reset_client", lambda: None)()
