"""A batch that was broken off goes on where it stopped: by the server's own log, nothing is paid for twice."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from openai import AsyncOpenAI

from helpers import Answer, process_questions_batch
from helpers.batch.store import Store
from helpers.errors import BadInput, WorkbookError
from helpers.mock_api import Faults, MockAPI
from helpers.mock_api.server import Server

QUESTIONS = [f"Question number {number}?" for number in range(300)]
IN_FLIGHT = 10
BATCH = f"""
import asyncio, sys
from openai import AsyncOpenAI
from helpers import process_questions_batch

async def main():
    async with AsyncOpenAI(api_key="canary-of-the-batch", base_url=sys.argv[1]) as client:
        questions = [f"Question number {{number}}?" for number in range({len(QUESTIONS)})]
        answers = await process_questions_batch(
            questions, client=client, max_concurrency={IN_FLIGHT}, save_to="answers.db"
        )
    assert [answer.question for answer in answers] == questions and all(answer.success for answer in answers)
    print("complete")

asyncio.run(main())
"""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> MockAPI:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    api = MockAPI(pace=0.05)
    # each answer says whose it is
    api.answer = lambda model, question: f"{model.name}: {question}"  # type: ignore[method-assign]
    return api


@pytest.fixture
def url(api: MockAPI) -> Any:
    server = Server(api)
    yield server.url
    server.stop()


def saved(folder: Path) -> set[str]:
    if not (folder / "answers.db").exists():
        return set()
    with closing(Store(folder / "answers.db", {"model": "gpt-6-luna"})) as store:
        answers = list(store.answers())
    assert all(answer.answer == f"gpt-6-luna: {answer.question}" for answer in answers)
    assert len(answers) == len({answer.question for answer in answers})
    return {answer.question for answer in answers}


def test_after_kill_9_it_goes_on_where_it_stopped(api: MockAPI, url: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ["PYTHONPATH"]]),
    }
    command, rng, killed = [sys.executable, "-c", BATCH, url], Random(7), 0
    while killed < 10:
        before, asked = saved(tmp_path), Counter(each.question for each in api.served)
        assert len(QUESTIONS) - len(before) >= 20
        until = len(api.served) + rng.randrange(12, 32)
        child = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        while len(api.served) < until:
            assert child.poll() is None, "the batch ended before it was killed"
        child.kill()
        child.wait()
        killed += 1
        again = Counter(each.question for each in api.served) - asked
        assert not before & set(again), "what was saved was sent again"
        assert len(saved(tmp_path)) >= len(before)
    before, asked = saved(tmp_path), Counter(each.question for each in api.served)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "complete\n", done.stderr
    assert saved(tmp_path) == set(QUESTIONS)
    times = Counter(each.question for each in api.served)
    assert not before & set(times - asked)
    # each kill may cost what was in flight, and no more
    assert sum(times.values()) - len(QUESTIONS) <= killed * IN_FLIGHT
    assert b"canary" not in (tmp_path / "answers.db").read_bytes()


def run(url: str, **settings: Any) -> list[Answer]:
    async def main() -> list[Answer]:
        async with AsyncOpenAI(api_key="any", base_url=url, max_retries=0) as client:
            return await process_questions_batch(QUESTIONS[:20], client=client, **settings)

    return asyncio.run(main())


def test_the_second_time_nothing_is_sent(api: MockAPI, url: str, tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    first, told = run(url, save_to=file), list[Answer]()
    sent = len(api.served)
    assert run(url, save_to=file, on_progress=told.append) == first
    assert len(api.served) == sent == 20
    assert told == first
    run(url, save_to=file, model="gpt-6.1-sol")
    assert len(api.served) == 40, "another model is another job"


def test_failures_are_asked_again(api: MockAPI, url: str, tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    api.reset(faults=Faults(server_error=QUESTIONS[:5]))
    assert sum(answer.success for answer in run(url, save_to=file)) == 15
    api.reset(faults=Faults())
    before = len(api.served)
    assert all(answer.success for answer in run(url, save_to=file))
    assert [each.question for each in api.served][before:] == QUESTIONS[:5]


def test_a_batch_that_is_cancelled_keeps_what_was_done_and_leaves_nothing(
    api: MockAPI, url: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with AsyncOpenAI(api_key="any", base_url=url) as client:
            told: list[Answer] = []
            batch = asyncio.ensure_future(
                process_questions_batch(
                    QUESTIONS,
                    client=client,
                    max_concurrency=5,
                    save_to=tmp_path / "answers.db",
                    on_progress=told.append,
                )
            )
            async with asyncio.timeout(60):
                while len(told) < 12:
                    await asyncio.sleep(0.001)
            batch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await batch
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert {answer.question for answer in told} <= saved(tmp_path)

    asyncio.run(main())


def test_a_file_that_cannot_be_used_stops_the_batch_before_anything_is_sent(
    api: MockAPI, url: str, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader")
    with pytest.raises(BadInput):
        run(url, save_to=letter)
    assert letter.read_text() == "Dear reader"
    file = tmp_path / "answers.db"
    with Store(file, {"model": "any"}), pytest.raises(WorkbookError):
        run(url, save_to=file)
    assert not api.served


def test_a_disk_that_is_full_stops_the_batch(
    api: MockAPI, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: Store, answer: Answer) -> None:
        raise WorkbookError("The disk is full.", "Make room, then run the same call again.")

    monkeypatch.setattr(Store, "save", full)
    with pytest.raises(WorkbookError, match="The disk is full"):
        run(url, save_to=tmp_path / "answers.db")
    assert len(api.served) < 20
