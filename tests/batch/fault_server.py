"""A service that fails, in a process of its own: what goes wrong stands in the address that is asked.

    python -m batch.fault_server    # prints its address, and ends when its stdin is closed

…/faults=first&seed=7/v1    faults as `service.drawn` draws them: on first tries only, on every try, or none
…/rate=100&burst=20/v1      refuses what is faster, and tells the `x-ratelimit-*` headers (told=no: does not);
                            retry_after=exact, seconds or none
…/whose=mine/v1             another name, another service, with a log of its own
…/v1/log                    for each question what became of its requests
"""

import asyncio
import json
import math
import sys
import time
from collections import defaultdict
from urllib.parse import parse_qsl

from aiohttp import web

from .service import ANSWERED, CUT_OFF, drawn, reply

LATENCY = 0.05


class Service:
    """What answers at one address."""

    def __init__(
        self,
        faults: str = "none",
        seed: str = "11",
        rate: str = "inf",
        burst: str = "1",
        told: str = "yes",
        retry_after: str = "exact",
        whose: str = "",
    ) -> None:
        self._faults, self._seed, self._told, self._retry_after = faults, seed, told == "yes", retry_after
        self._rate, self._burst = float(rate), float(burst)
        self._level, self._read_at = self._burst, time.monotonic()
        self.log: defaultdict[str, list[str]] = defaultdict(list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        question = (await request.json())["messages"][-1]["content"]
        became = self.log[question]
        nth = len(became)
        became.append(CUT_OFF)
        kind, headers = self._outcome(question, nth + 1)
        if kind == "hanging":
            became[nth] = kind
            await asyncio.Event().wait()
        await asyncio.sleep(LATENCY)
        became[nth] = kind
        if kind == "dropped" and request.transport:
            request.transport.close()
            return web.Response()
        status, usual, body = reply(kind, question)
        return web.Response(status=status, headers=usual | headers, body=body)

    def _outcome(self, question: str, nth: int) -> tuple[str, dict[str, str]]:
        if self._faults == "every" or (self._faults == "first" and nth == 1):
            return drawn(question, nth, self._seed), {}
        return self._admitted() if self._rate < math.inf else (ANSWERED, {})

    def _admitted(self) -> tuple[str, dict[str, str]]:
        """A bucket that is filled all the time: whether another one is in it, and what is told of it."""
        now = time.monotonic()
        self._level = min(self._burst, self._level + (now - self._read_at) * self._rate)
        self._read_at, admitted = now, self._level >= 1
        wait = (1 - self._level) / self._rate
        self._level -= admitted
        headers = {}
        if self._told:
            headers["x-ratelimit-limit-requests"] = f"{self._burst:g}"
            headers["x-ratelimit-remaining-requests"] = f"{math.floor(self._level)}"
            full_in = (self._burst - self._level) / self._rate
            headers["x-ratelimit-reset-requests"] = f"{math.ceil(full_in * 1000)}ms"
        if not admitted and self._retry_after == "exact":
            headers["retry-after-ms"] = f"{math.ceil(wait * 1000)}"
        if not admitted and self._retry_after != "none":
            headers["retry-after"] = f"{math.ceil(wait)}"
        return (ANSWERED if admitted else "429"), headers


async def serve() -> None:
    services: dict[str, Service] = {}

    def asked(request: web.Request) -> Service:
        way = request.match_info["way"]
        if way not in services:
            services[way] = Service(**dict(parse_qsl(way)))
        return services[way]

    async def answer(request: web.Request) -> web.StreamResponse:
        return await asked(request).answer(request)

    async def log(request: web.Request) -> web.Response:
        return web.Response(text=json.dumps(asked(request).log))

    app = web.Application()
    app.router.add_post("/{way}/v1/chat/completions", answer)
    app.router.add_get("/{way}/v1/log", log)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
