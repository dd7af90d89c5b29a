"""Live mode: from the learner's key, by a free request, to a service that answers within a budget."""

import os
from collections.abc import Callable

from .. import sdk
from ..errors import WorkbookError
from ..wire import clients, failures, send
from ..wire.exchange import Exchange
from ..wire.model_calls import is_model_call
from . import environment, live
from .awake import keep_awake
from .budget import Budget, checked_budget
from .environment import Lent
from .live.access import TYPED, Access, find, origin_of
from .live.check import Listed
from .state import budget_now, changing, environment_so_far, guard_with, known_keys, live_now, own_environment, state


def find_access(
    base_url: str | None = None, key_from: str | None = None, budget: float | None = None, *, typed: str = ""
) -> Access:
    """The address and the key for live mode; `typed` is a key that was typed just now. Raises WorkbookError."""
    sdk.check()
    live.check_it_is_allowed()
    if budget is not None:
        checked_budget(budget)
    return find(base_url, key_from, own_environment(), state.typed, just_typed=typed)


def check(access: Access) -> Callable[[], Listed | None]:
    """The free request: what it gives sends it, from any thread, and raises WorkbookError where it fails.

    The client for it is made here and now, since for that moment the environment is the one that live mode will have.
    """
    with changing:
        before, environ = dict(os.environ), own_environment()
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
    with changing:
        before, environ = environment_so_far(), own_environment()
        state.lent = Lent(access.settings, environ)
        environment.put(environ, access.settings)
        environment.become(environ)
        state.own = {}
        if access.origin == TYPED:  # for when it goes live again; in memory only
            state.typed[origin_of(access.url)] = access.key
        guard_with(_keep_key_and_budget)
        if _in_place_of not in failures.advisers:
            failures.advisers.append(_in_place_of)
        most = budget_now() if amount is None else checked_budget(amount)
        bill = state.bills["live"]
        bill.looks_ahead = True
        now = live.Live(access, listed, Budget(most, bill), bill, print)
        if state.live is not None:
            now.comes_after(state.live)
        state.mode, state.url, state.live = "live", access.url, now
        clients.forget(before)
        keep_awake()
    return now.banner()


def _keep_key_and_budget(exchange: Exchange) -> None:
    """Stops what would take the key elsewhere, or cost more than is allowed."""
    if live.checking.get() or state.live is None:
        return
    if state.is_played:
        _stay_in_the_block(exchange)
        return
    state.live.keep_the_key(exchange)
    if is_model_call(exchange, known_keys):
        state.live.before(exchange)


def _stay_in_the_block(exchange: Exchange) -> None:
    """While the mock API plays the service, no other is asked: nothing is to be charged."""
    url = exchange.url
    is_played = url.host in send.routes or (state.practice_url and str(url).startswith(state.practice_url))
    if is_played or not is_model_call(exchange, known_keys):
        return
    raise WorkbookError(
        f"Within faults() the mock API answers, and nothing is charged: a call to {url.netloc.decode()} was not sent.",
        "Send it before the block, or after it.",
    )


def _in_place_of(model: str) -> str | None:
    now = live_now()
    return now.in_place_of(model) if now else None
