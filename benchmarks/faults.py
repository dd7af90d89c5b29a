"""How does `process_questions_batch` fare when the service fails, against a semaphore around the SDK's own retries?

    .venv/bin/python benchmarks/faults.py     # about a minute and a half

500 questions, 100 in flight, against the service of `tests/batch/fault_server.py` (50 ms) in a process of its own:
- 10 % of the requests get a 429, 5 % a 500, 2 % are dropped, 1 % hang (`timeout=1`): on first tries only, or on all;
- a cap of 100 requests a second that the caller knows nothing of (20 at once): with `x-ratelimit-*` headers or without.
A few questions are refused each time (400): they cannot be answered by anyone.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]
from helpers.batch import process_questions_batch  # noqa: E402

QUESTIONS = [f"Question number {number}?" for number in range(500)]
LIMIT, MODEL = 100, "gpt-6-luna"
IDEAL = (len(QUESTIONS) - 20) / 100  # seconds, under the cap
CASES = {
    "faults on first tries": {"faults": "first"},
    "faults on all tries": {"faults": "every"},
    "cap, with headers": {"rate": 100, "burst": 20, "told": "yes"},
    "cap, no headers": {"rate": 100, "burst": 20, "told": "no"},
    "cap, no headers, retry-after in whole seconds": {"rate": 100, "burst": 20, "told": "no", "retry_after": "seconds"},
}


async def workbook(client: AsyncOpenAI) -> int:
    answers = await process_questions_batch(
        QUESTIONS, model=MODEL, client=client, max_concurrency=LIMIT, timeout=1, progress=False
    )
    return answers.summary.succeeded


async def by_hand(client: AsyncOpenAI) -> int:
    slots, patient = asyncio.Semaphore(LIMIT), client.with_options(timeout=1, max_retries=5)

    async def ask(question: str) -> bool:
        async with slots:
            try:
                await patient.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
            except openai.OpenAIError:
                return False
        return True

    return sum(await asyncio.gather(*map(ask, QUESTIONS)))


WAYS: dict[str, Callable[[AsyncOpenAI], Awaitable[int]]] = {
    "this workbook's batch": workbook,
    "`AsyncOpenAI(max_retries=5)` on aiohttp, semaphore": by_hand,
}


async def main(address: str) -> None:
    print("| | through | answers of 500 | seconds | of the ideal |")
    print("| --- | --- | --: | --: | --: |")
    for case, settings in CASES.items():
        for name, ask in WAYS.items():
            url = f"{address}/{urlencode({**settings, 'whose': ask.__name__})}/v1"
            async with AsyncOpenAI(api_key="no-key", base_url=url, http_client=DefaultAioHttpClient()) as client:
                began = time.perf_counter()
                answered = await ask(client)
                seconds = time.perf_counter() - began
            share = f"{seconds / IDEAL:.2f}" if "rate" in settings else "–"
            print(f"| {case} | {name} | {answered} | {seconds:.1f} | {share} |", flush=True)


if __name__ == "__main__":
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = "127.0.0.1"
    command = [sys.executable, "-m", "batch.fault_server"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT / "tests", env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        asyncio.run(main(process.stdout.readline().strip()))
        process.stdin.close()
