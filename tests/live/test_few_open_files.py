"""Where the system allows a process few open files, calls wait for a connection, and none fails for want of one."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from live.service import Service

pytest.importorskip("resource", reason="Windows has no limit on open files")

QUESTIONS = 300

FEW_FILES = """
import asyncio, os, resource
from collections import Counter
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from openai import AsyncOpenAI, OpenAI
from helpers import ask_model, connect, process_questions_batch, shared_client

questions = [f"What is {number}?" for number in range(300)]


async def plain():
    async with AsyncOpenAI(max_retries=0) as client:
        async def ask(question):
            message = {"role": "user", "content": question}
            await client.chat.completions.create(model="gpt-6-luna", messages=[message])
            return True
        return await asyncio.gather(*map(ask, questions))


async def helper():
    client = await shared_client()
    answers = await asyncio.gather(*[ask_model(client, "gpt-6-luna", question) for question in questions])
    return [answer.success for answer in answers]


async def batch():
    rows = await process_questions_batch(questions, max_concurrency=300, progress=False)
    return [row.success for row in rows]

"""


def answered(code: str) -> str:
    """What a learner's process of its own prints that may open 256 files, and no more."""
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES + code], env=dict(os.environ), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Too many open files" not in done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("way", ["plain", "helper", "batch"])
@pytest.mark.usefixtures("learner")
def test_in_practice_mode_three_hundred_calls_at_once_are_answered(way: str) -> None:
    assert answered(f"connect()\nprint(Counter(asyncio.run({way}())))") == str(Counter({True: QUESTIONS}))


@pytest.mark.usefixtures("learner")
def test_another_process_is_answered_there_too() -> None:
    """The server is there all the same: for a program that a cell starts."""
    ask = "from openai import OpenAI; print(len(OpenAI().models.list().data) > 3)"
    code = (
        f"import subprocess, sys\nconnect()\nprint(subprocess.check_output([sys.executable, '-c', {ask!r}], text=True))"
    )
    assert answered(code) == "True"


@pytest.mark.parametrize("way", ["helper", "batch"])
def test_in_live_mode_the_helpers_wait_for_a_connection(way: str, start: Callable[[], Service]) -> None:
    service = start()
    code = f"connect(live=True, base_url={service.url!r}, budget=float('inf'))\nprint(Counter(asyncio.run({way}())))"
    assert answered(code) == str(Counter({True: QUESTIONS}))
    assert len(service.asked()) == QUESTIONS, "and nothing was sent twice"
