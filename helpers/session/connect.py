"""`connect()`: which API the calls of this process go to, practice or live."""

from openai import AsyncOpenAI

from ..errors import BadInput
from ..wire import clients
from .going_live import check, find_access, go_live
from .live.access import NoKey
from .pandas_tables import align_texts_left
from .practice import SEED, practise
from .state import require_connection, state

SECONDS = 60.0  # the shared client's patience with one attempt, in practice mode


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
    from a file `.env`, or from a password box; a free request checks it (up to three, where the service has no list
    of models).

    - `budget`: USD that this session may spend in live mode, 0.25 at first. When it is reached, nothing more is sent.
      Seen is what goes out by httpx2 or httpx, as from every client of the OpenAI SDK; not seen is what goes out in
      another way: by aiohttp (as LiteLLM's `aiohttp_openai/`), requests, urllib3, a WebSocket, or from another process.
    - `base_url`: any other service that is compatible, such as "http://localhost:11434/v1" (Ollama).
    - `key_from`: the name of the environment variable, or of the entry in `.env`, that holds the key for it. Without
      it a service on this computer gets none. OPENAI_API_KEY goes only where it belongs.

    Raises WorkbookError, in words, where there is no key, where the check fails, or where WORKBOOK_MODE=practice
    forbids live mode; the mode then stays what it was. Raises BadInput for what cannot be an address or a budget, and
    WrongSDK where another version of the SDK was installed: with that, nothing could be guarded.

    >>> connect()
    Practice mode: a mock API on this computer answers. No key, no cost, no network needed.
    """
    align_texts_left()
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


async def shared_client() -> AsyncOpenAI:
    """The `AsyncOpenAI` of this event loop: made at the first call, shared by all, closed with the loop.

    >>> client = await shared_client()
    >>> client is await shared_client()
    True
    """
    require_connection()
    # a real answer may take minutes, and one that is given up is sent, and paid, again
    return await clients.of_this_loop(timeout=SECONDS if state.mode == "practice" else None)
