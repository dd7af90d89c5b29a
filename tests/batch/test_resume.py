"""A batch that was broken off goes on where it stopped: by the server's own log, nothing is paid for twice."""

import os
import signal
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from subprocess import PIPE, Popen
from typing import Any
from urllib.parse import urlsplit

import pytest

from helpers import Answer
from helpers.batch.settings import Settings
from helpers.batch.store import Store
from helpers.errors import BadInput, WorkbookError

from .conftest import FaultServer
from .forking import FORKING
from .service import ANSWERED, CUT_OFF, SHARES, Service, answer_to, drawn, run

QUESTIONS = [f"Question number {number}?" for number in range(300)]
BAD = {question for question in QUESTIONS if drawn(question, 1) == "400"}
KILLS, IN_FLIGHT = 10, 10
BATCHES = f"""
import asyncio, os, sys
from openai import AsyncOpenAI
from helpers import process_questions_batch

async def batch():
    async with AsyncOpenAI(api_key="canary-of-the-batch", base_url=sys.argv[1]) as client:
        questions = [f"Question number {{number}}?" for number in range({len(QUESTIONS)})]
        answers = await process_questions_batch(
            questions, client=client, max_concurrency={IN_FLIGHT}, timeout=1, save_to=sys.argv[2]
        )
    assert [answer.question for answer in answers] == questions
    print(sum(answer.success for answer in answers), flush=True)
{FORKING}"""


def saved(file: Path, url: str) -> set[str]:
    """The questions whose answers are in the file, each once and with its own answer."""
    if not file.exists():
        return set()
    where = urlsplit(url)
    with closing(Store(file, Settings("gpt-6-luna").job(f"{where.netloc}{where.path}"))) as store:
        answers = list(store.answers())
    assert all(answer.answer == answer_to(answer.question) for answer in answers)
    assert len(answers) == len({answer.question for answer in answers})
    return {answer.question for answer in answers}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="batches are forked")
def test_after_kill_9_it_goes_on_where_it_stopped(fault_server: FaultServer, tmp_path: Path) -> None:
    url, file, rng = fault_server.url(faults="every"), tmp_path / "answers.db", Random(7)

    def sent() -> Counter[str]:
        return Counter({question: len(became) for question, became in fault_server.log(url).items()})

    command, pipes = [sys.executable, "-c", BATCHES, url, str(file)], {"stdin": PIPE, "stdout": PIPE}
    folder = Path(__file__).parents[2]
    with Popen(command, cwd=folder, text=True, bufsize=1, **pipes) as batches:  # type: ignore[call-overload]
        for lap in range(KILLS + 1):
            before, asked = saved(file, url), sent()
            batches.stdin.write("go\n")
            child = int(batches.stdout.readline().split()[1])
            if lap < KILLS:
                assert len(QUESTIONS) - len(before) >= 20
                until = asked.total() + rng.randrange(12, 32)
                while sent().total() < until:
                    os.kill(child, 0)  # it has not ended yet
                    time.sleep(0.005)
                os.kill(child, signal.SIGKILL)
            else:
                assert int(batches.stdout.readline()) == len(QUESTIONS) - len(BAD)
            assert batches.stdout.readline() == f"ended {signal.SIGKILL if lap < KILLS else 0}\n"
            assert not before & set(sent() - asked), "what was saved was sent again"
            assert before <= saved(file, url)
        batches.stdin.close()
    assert saved(file, url) == set(QUESTIONS) - BAD
    log = fault_server.log(url)
    assert all(ANSWERED in became for question, became in log.items() if question not in BAD)
    # each kill may cost what was in flight, and no more; what failed had to be sent again
    for_nothing = sum(
        became.count(ANSWERED) + became.count(CUT_OFF) - 1 for question, became in log.items() if question not in BAD
    )
    assert for_nothing <= KILLS * IN_FLIGHT
    assert set(SHARES) <= {each for became in log.values() for each in became}, "all kinds of faults came about"
    assert b"canary" not in file.read_bytes()


def test_the_second_time_nothing_is_sent(tmp_path: Path) -> None:
    service, told, file = Service(), list[Answer](), tmp_path / "answers.db"
    first = run(service, QUESTIONS[:20], save_to=file)
    again = run(service, QUESTIONS[:20], save_to=file, on_progress=told.append)
    assert again == first == told
    assert len(service.asked) == 20
    summary = again.summary
    assert (summary.saved, summary.requests, summary.tokens, summary.cost) == (20, 0, 0, 0.0)
    assert "Saved before, so not sent again: 20 questions" in str(summary)


@pytest.mark.parametrize("other", [{"model": "gpt-6.1-sol"}, {"instructions": "Be brief."}, {"options": {"seed": 1}}])
def test_another_job_is_asked_anew(other: dict[str, Any], tmp_path: Path) -> None:
    service, file = Service(), tmp_path / "answers.db"
    for settings in ({}, other, {}, other):
        assert run(service, QUESTIONS[:20], save_to=file, **settings).summary.succeeded == 20
    assert len(service.asked) == 40


def test_failures_are_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    answers = run(
        Service(lambda question, nth: "400" if question in QUESTIONS[:5] else ANSWERED), QUESTIONS[:20], save_to=file
    )
    assert answers.summary.succeeded == 15
    service = Service()
    assert run(service, QUESTIONS[:20], save_to=file).summary.succeeded == 20
    assert service.asked == QUESTIONS[:5]


def test_a_file_that_cannot_be_used_stops_the_batch_before_anything_is_sent(tmp_path: Path) -> None:
    service, letter, file = Service(), tmp_path / "letter.txt", tmp_path / "answers.db"
    letter.write_text("Dear reader")
    with pytest.raises(BadInput):
        run(service, QUESTIONS, save_to=letter)
    assert letter.read_text() == "Dear reader"
    with Store(file, {"model": "any"}), pytest.raises(WorkbookError):
        run(service, QUESTIONS, save_to=file)
    assert not service.asked
