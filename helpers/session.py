"""`connect()`: which API the calls of this process go to, practice or live."""

import asyncio
import os
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakSet

import httpx2
from openai import AsyncOpenAI

from . import clients, environment, live, wire
from .environment import IN_PROCESS, PRACTICE_KEY, PRACTICE_URL, Lent
from .errors import BadInput, WorkbookError
from .live.access import TYPED, Access, NoKey, find, origin_of
from .live.check import Listed
from .mock_api import Faults, MockAPI, MockTransport
from .mock_api.faults import SETTINGS
from .totals import Spent, Totals

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
        # the learner's own settings, kept while practice mode, or live mode, has others in their place; never shown
        self.own: environment.Own = {}
        self.bills = {"practice": Totals(), "live": Totals()}
        self.lent = Lent()
        self.typed: dict[str, str] = {}  # keys that were typed, by whom they are for; never shown
        self.live: live.Live | None = None
        self.is_played = False  # live mode's service, by the mock API: see `faults`


_session = _Session()
_changing = threading.Lock()
_kept_awake: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def connect(
    *,
    live: bool = False,
    base_url: str | None = None,
    key_from: str | None = None,
    budget: float | None = None,
    seed: int = SEED,
) -> None:
    """Chooses who answers this notebook's calls, and says so.

    In practice mode (the default) it is a mock API on this computer: no key, no cost, no network. From then on
    `OpenAI()` and `AsyncOpenAI()`, in any cell, reach it. Every `connect()` starts the mock API's draws anew, so the
    same calls go the same way again; another `seed` gives other latencies and faults.

    `connect(live=True)` sends calls to the real service. The key comes from the environment variable OPENAI_API_KEY,
    from a file `.env`, or from a password box; one free request checks it.

    - `budget`: USD that this session may spend in live mode, 0.25 at first. When it is reached, nothing more is sent.
    - `base_url`: any other service that is compatible, such as "http://localhost:11434/v1" (Ollama).
    - `key_from`: the name of the environment variable, or of the entry in `.env`, that holds the key for it. Without
      it a service on this computer gets none. OPENAI_API_KEY goes only where it belongs.

    Raises WorkbookError, in words, where there is no key, where the check fails, or where WORKBOOK_MODE=practice
    forbids live mode; the mode then stays what it was. Raises BadInput for what cannot be an address or a budget.

    >>> connect()
    Practice mode: a mock API on this computer answers. No key, no cost, no network needed.
    """
    if not live:
        if base_url is not None or key_from is not None or budget is not None:
            raise BadInput("An address, a key and a budget are for live mode.", "Say connect(live=True, …).")
        practise(seed)
        print("Practice mode: a mock API on this computer answers. No key, no cost, no network needed.")
        return
    try:
        access = find_access(base_url, key_from, budget)
    except NoKey as missing:
        access = find_access(base_url, key_from, budget, typed=missing.ask())
    print(go_live(access, check(access)(), budget))


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
    if _session.mode is None:
        raise WorkbookError("Only the mock API fails on request.", "Run connect() first: it starts practice mode.")
    api = _session.api = _session.api or MockAPI(SEED, _pace())
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
    parts = urlsplit(_session.url)
    host = parts.hostname or ""
    before, _session.is_played = dict(wire.routes), True
    wire.routes[host] = MockTransport(api, parts.path)
    print("Only the mock API fails on request: it answers this block, and nothing is charged.")
    try:
        yield
    finally:
        _session.is_played = False
        wire.routes.clear()
        wire.routes.update(before)


async def shared_client() -> AsyncOpenAI:
    """The `AsyncOpenAI` of this event loop: made at the first call, shared by all, closed with the loop.

    >>> client = await shared_client()
    >>> client is await shared_client()
    True
    """
    require_connection()
    # a real answer may take minutes, and one that is given up is sent, and paid, again
    return await clients.of_this_loop(timeout=SECONDS if _session.mode == "practice" else None)


def budget() -> float:
    """USD that this session may spend in live mode."""
    return _session.live.budget if _session.live else live.BUDGET


def live_now() -> "live.Live | None":
    """What is known of the service; None in practice mode, and while the mock API plays it."""
    return _session.live if _session.mode == "live" and not _session.is_played else None


def require_connection() -> None:
    """Raises WorkbookError where `connect()` has not been called: nobody is to go live by accident."""
    if _session.mode is None:
        raise WorkbookError("This notebook is not connected yet.", "Run the cell with connect() first.")


def mode() -> Literal["practice", "live"] | None:
    """Which mode `connect()` has chosen; None before it."""
    return _session.mode


def endpoint(client: AsyncOpenAI) -> str:
    """Who answers a client: a host and path, or "practice", the same tomorrow, when it has another port."""
    url = str(client.base_url)
    if _session.is_played or (_session.mode == "practice" and url.rstrip("/") in (_session.url, _session.practice_url)):
        return "practice"
    parts = urlsplit(url)
    return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"


def spent() -> Spent:
    """What has been asked for in this mode, by any code in this process."""
    return _session.bills[_session.mode or "practice"].spent


# ---- practice and live -------------------------------------------------------------------------------------------


def practise(seed: int = SEED) -> None:
    """Practice mode, without a word."""
    with _changing:
        before = _environment_so_far()
        if _session.api is None:
            _session.api = MockAPI(seed, _pace())
        _session.api.reset(seed, Faults())
        if _session.mode == "live":
            _session.lent.take_back(os.environ)
        _point_at_practice(_session.api)
        clients.forget(before)


def _point_at_practice(api: MockAPI) -> None:
    _watch_the_wire(_stay_here)
    environment.set_aside(os.environ, _session.own)
    if _session.door is None:
        _session.practice_url = _open_door(api)
    _session.door.api = api
    _session.mode, _session.url = "practice", _session.practice_url
    os.environ["OPENAI_BASE_URL"] = _session.url
    os.environ["OPENAI_API_KEY"] = PRACTICE_KEY
    os.environ[PRACTICE_URL] = _session.url
    _keep_awake()


def _watch_the_wire(guard: Any) -> None:
    """Counts what is sent, and puts `guard`, of this mode, in the place of the other mode's."""
    wire.install()
    for observe in (_count, _read_limits):
        if observe not in wire.observers:
            wire.observers.append(observe)
    for each in (_stay_here, _keep_to_the_budget):
        if each in wire.guards:
            wire.guards.remove(each)
    wire.guards.append(guard)


def _count(request: httpx2.Request, client: object) -> wire.Observer | None:
    return _session.bills["live" if live_now() else "practice"](request, client)


def _read_limits(request: httpx2.Request, client: object) -> wire.Observer | None:
    now = live_now()
    return now.limits(request, client) if now else None


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
    kept = clients.kept()
    if session["mode"] != "practice":
        clients.forget(_environment_so_far())
    bill = _session.bills["practice"]
    counted = bill.spent
    _session.api = api
    _point_at_practice(api)
    try:
        with bill.paused():
            yield _session.url
    finally:
        bill.spent = counted
        vars(_session).update(session, door=_session.door, practice_url=_session.practice_url)
        _session.door.api = _session.api or api
        environment.become(environ)
        wire.guards[:] = guards
        await clients.keep_only(kept)


def _stay_here(request: httpx2.Request) -> None:
    """Stops what the SDK would send off this computer in practice mode: nobody is to pay by accident.

    A client made before `connect()`, or with an address of its own, still points at the real service.
    """
    host = request.url.host
    if live.checking.get():
        return
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


# ---- live mode ---------------------------------------------------------------------------------------------------


def find_access(
    base_url: str | None = None, key_from: str | None = None, budget: float | None = None, *, typed: str = ""
) -> Access:
    """The address and the key for live mode; `typed` is a key that was typed just now. Raises WorkbookError."""
    live.check_it_is_allowed()
    if budget is not None:
        live.checked_budget(budget)
    return find(base_url, key_from, _own_environment(), _session.typed, just_typed=typed)


def check(access: Access) -> Callable[[], Listed | None]:
    """The free request: what it gives sends it, from any thread, and raises WorkbookError where it fails.

    The client for it is made here and now, since for that moment the environment is the one that live mode will have.
    """
    with _changing:
        before, environ = dict(os.environ), _own_environment()
        environment.put(environ, access.settings)
        environment.become(environ)
        try:
            client = live.client_for(access)  # reads proxies from the environment
        finally:
            environment.become(before)
    return lambda: live.ask_for_the_list(client, access)


def go_live(access: Access, listed: Listed | None, amount: float | None = None) -> str:
    """Live mode, whose key was checked; gives what has to be said. `amount`: the budget, USD; None: as it was."""
    live.check_it_is_allowed()
    with _changing:
        before, environ = _environment_so_far(), _own_environment()
        _session.lent = Lent(access.settings, environ)
        environment.put(environ, access.settings)
        environment.become(environ)
        _session.own = {}
        if access.origin == TYPED:  # for when it goes live again; in memory only
            _session.typed[origin_of(access.url)] = access.key
        _watch_the_wire(_keep_to_the_budget)
        most = budget() if amount is None else live.checked_budget(amount)
        bill = _session.bills["live"]
        bill.looks_ahead = True
        now = live.Live(access, listed, most, bill, print)
        if _session.live is not None and _session.live.access == access:
            now.knows_already(_session.live)
        _session.mode, _session.url, _session.live = "live", access.url, now
        clients.forget(before)
        _keep_awake()
    return now.banner()


def _environment_so_far() -> set[str | None]:
    """The values in it: those that a mode has put there, and the learner's own."""
    return {*os.environ.values(), *_own_environment().values()}


def _own_environment() -> dict[str, str]:
    """The environment as the learner has set it, without what a mode has put in its place."""
    environ = dict(os.environ)
    if _session.mode == "live":
        _session.lent.take_back(environ)
    else:
        own = dict(_session.own)
        environment.set_aside(environ, own)
        environment.put(environ, own)
    return environ


def _keep_to_the_budget(request: httpx2.Request) -> None:
    if now := live_now():
        now.before(request)


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
