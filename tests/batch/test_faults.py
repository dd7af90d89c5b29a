"""500 questions to a service that fails: each that can be answered is, and none is asked once too often."""

import asyncio
import time
from collections import Counter

import pytest
from openai import AsyncOpenAI

from helpers import process_questions_batch
from helpers.batch import Answers

from .conftest import FaultServer
from .service import ANSWERED, SHARES, answer_to, drawn

QUESTIONS = [f"Question number {number}?" for number in range(500)]
SECONDS = 3  # that an attempt may take; so many that no busy machine makes it a fault of its own
BAD = {question for question in QUESTIONS if drawn(question, 1) == "400"}


async def ask_all(url: str, timeout: float | None = None) -> Answers:
    async with AsyncOpenAI(api_key="any", base_url=url) as client:
        return await process_questions_batch(QUESTIONS, client=client, max_concurrency=100, timeout=timeout)


@pytest.mark.parametrize("faults", ["first", "every"])
def test_all_that_can_be_answered_are_and_none_is_asked_too_often(fault_server: FaultServer, faults: str) -> None:
    url = fault_server.url(faults=faults)
    began = time.perf_counter()
    answers = asyncio.run(ask_all(url, timeout=SECONDS))
    log = fault_server.log(url)
    became = Counter(each for outcomes in log.values() for each in outcomes)
    print(f"\nfaults on {faults} tries: {time.perf_counter() - began:.2f} s, {answers.summary}, {became}")
    assert all(became[kind] for kind in SHARES) and BAD, "all kinds of faults came about"
    assert [answer.question for answer in answers] == QUESTIONS
    for answer in answers:
        *before, last = log[answer.question]
        assert answer.attempts == len(before) + 1
        if answer.question in BAD:
            assert (before, last) == ([], "400")
            assert answer.error_type == "BadRequestError"
        else:
            assert last == ANSWERED and ANSWERED not in before
            assert answer.success and answer.answer == answer_to(answer.question)
    assert set(log) == set(QUESTIONS)
    assert answers.summary.requests == became.total()


@pytest.mark.slow
@pytest.mark.parametrize("told", ["yes", "no"])
def test_a_rate_that_nobody_told_of_costs_no_answer(fault_server: FaultServer, told: str) -> None:
    ways = ("exact", "seconds", "none")
    urls = [fault_server.url(rate=100, burst=20, told=told, retry_after=way) for way in ways]

    async def main() -> list[Answers]:
        return await asyncio.gather(*map(ask_all, urls))

    for way, url, answers in zip(ways, urls, asyncio.run(main()), strict=True):
        log = fault_server.log(url)
        refused = sum(outcomes.count("429") for outcomes in log.values())
        print(f"\nheaders: {told}, retry-after: {way}: {answers.summary.seconds:.2f} s, {refused} refused")
        assert [(answer.question, answer.answer) for answer in answers] == [(q, answer_to(q)) for q in QUESTIONS]
        assert all(outcomes.count(ANSWERED) == 1 for outcomes in log.values())
        assert answers.summary.refused == refused
