"""What `connect()` has set up in this process: which mode, who answers, and what was used."""

import os
import threading
from typing import Any, Literal
from urllib.parse import urlsplit

from openai import AsyncOpenAI

from ..errors import WorkbookError
from ..mock_api import MockAPI
from ..wire import send
from ..wire.exchange import Exchange
from ..wire.model_calls import is_model_call
from ..wire.totals import Spent, Totals
from . import environment
from .budget import BUDGET
from .environment import PRACTICE_KEY, Lent
from .live import Live
from .live.access import NO_KEY

Mode = Literal["practice", "live"]


class State:
    """See `state`."""

    def __init__(self) -> None:
        self.mode: Mode | None = None
        self.api: MockAPI | None = None
        self.url = ""  # where calls go
        self.practice_url = ""
        self.doors: list[Any] = []  # what serves the mock API at practice_url: each answers from its attribute `api`
        # the learner's own settings, kept while practice mode, or live mode, has others in their place; never shown
        self.own: environment.Own = {}
        self.bills = {"practice": Totals(), "live": Totals()}
        self.lent = Lent()
        self.typed: dict[str, str] = {}  # keys that were typed, by whom they are for; never shown
        self.live: Live | None = None
        self.is_played = False  # live mode's service, by the mock API: see `faults`


state = State()
changing = threading.Lock()
_of_a_mode: set[Any] = set()  # guards, of which one is in force


def mode() -> Mode | None:
    """Which mode `connect()` has chosen; None before it."""
    return state.mode


def live_now() -> Live | None:
    """What is known of the service; None in practice mode, and while the mock API plays it."""
    return state.live if state.mode == "live" and not state.is_played else None


def require_connection() -> None:
    """Raises WorkbookError where `connect()` has not been called: nobody is to go live by accident."""
    if state.mode is None:
        raise WorkbookError("This notebook is not connected yet.", "Run the cell with connect() first.")


def spent() -> Spent:
    """What has been asked for in this mode, by any code in this process."""
    return state.bills[state.mode or "practice"].spent


def budget_now() -> float:
    """USD that this session may spend in live mode."""
    return state.live.budget.most if state.live else BUDGET


def endpoint(client: AsyncOpenAI) -> str:
    """Who answers a client: a host and path, or "practice", the same tomorrow, when it has another port."""
    url = str(client.base_url)
    if state.is_played or (state.mode == "practice" and url.rstrip("/") in (state.url, state.practice_url)):
        return "practice"
    parts = urlsplit(url)
    return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"


# ---- what both modes need ----------------------------------------------------------------------------------------


def guard_with(guard: Any) -> None:
    """Counts what is sent, and puts `guard`, of this mode, in the place of the other mode's."""
    send.install()
    for observe in (_count, _read_limits):
        if observe not in send.observers:
            send.observers.append(observe)
    _of_a_mode.add(guard)
    send.guards[:] = [*(each for each in send.guards if each not in _of_a_mode), guard]


def known_keys() -> list[str]:
    """The learner's own, wherever they are kept now: who sends one of them asks a service."""
    typed, own = list(state.typed.values()), own_environment()
    named = [value for name, value in own.items() if name.startswith(("OPENAI_", "AZURE_OPENAI_")) and "KEY" in name]
    live = [state.live.access.key] if state.live else []
    return [key for key in (*typed, *named, *live) if key not in ("", PRACTICE_KEY, NO_KEY)]


def _count(exchange: Exchange, client: object) -> None:
    if not is_model_call(exchange, known_keys):
        return
    state.bills["live" if live_now() else "practice"](exchange, client)


def _read_limits(exchange: Exchange, client: object) -> None:
    if now := live_now():
        now.limits(exchange, client)


def own_environment() -> dict[str, str]:
    """The environment as the learner has set it, without what a mode has put in its place."""
    environ = dict(os.environ)
    if state.mode == "live":
        state.lent.take_back(environ)
    else:
        own = dict(state.own)
        environment.set_aside(environ, own)
        environment.put(environ, own)
    return environ


def environment_so_far() -> set[str | None]:
    """The values in it: those that a mode has put there, and the learner's own."""
    return {*os.environ.values(), *own_environment().values()}
