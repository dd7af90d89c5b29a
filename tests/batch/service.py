"""A service that answers in memory, fails where it is told to, and knows what it was asked; and what it says."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import httpx2
from openai import AsyncOpenAI

from helpers import process_questions_batch
from helpers.batch import Answers
from helpers.catalog import cost

PATIENCE = 30  # seconds; a batch that takes longer hangs
ANSWERED, CUT_OFF = "answered", "cut off"
# of a hundred requests; the others are answered
SHARES = {"429": 5, "429, half a second": 5, "500": 5, "dropped": 2, "hanging": 1}
CODES = {
    "401": "invalid_api_key",
    "404": "model_not_found",
    "429, no credit": "credit_balance_exhausted",
    "400, flagged": "invalid_prompt",
}
# what is told with them
PAUSES = {"half a second": {"retry-after-ms": "500"}, "ten minutes": {"retry-after": "600"}}


def answer_to(question: str) -> str:
    """Says whose it is."""
    return f"The answer to {question}"


def tokens_of(question: str) -> tuple[int, int]:
    """In the question, and in its answer."""
    return len(question), 3


def cost_of(question: str) -> float:
    return cost("gpt-6-luna", *tokens_of(question)) or 0.0


def drawn(question: str, nth: int, seed: str = "11") -> str:
    """What the `nth` request with this question gets, from 1; some questions are never answered."""
    if Random(f"{seed} {question}").random() < 0.01:
        return "400"
    chance = 100 * Random(f"{seed} {question} {nth}").random()
    for kind, share in SHARES.items():
        if chance < share:
            return kind
        chance -= share
    return ANSWERED


def reply(kind: str, question: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what the service says."""
    status, _, pause = kind.partition(", ")
    headers = {"content-type": "application/json", **PAUSES.get(pause, {})}
    if status.isdigit():
        error = {"message": "It did not work.", "type": "error", "param": None, "code": CODES.get(kind)}
        return int(status), headers, json.dumps({"error": error}).encode()
    prompt, written = tokens_of(question)
    content = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer_to(question)}}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
    }
    return 200, headers, json.dumps(content).encode()


class Service(httpx2.AsyncBaseTransport):
    """`outcome` says what the nth request with a question gets.

    >>> service = Service(lambda question, nth: "500" if nth == 1 else ANSWERED)
    """

    def __init__(self, outcome: Callable[[str, int], str] = lambda question, nth: ANSWERED) -> None:
        self.outcome = outcome
        self.log: list[tuple[str, str]] = []  # a question, and "sent" or what became of it
        self.in_flight: Counter[str] = Counter()
        self.most = 0  # at once
        self.most_of_one = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        question = json.loads(await request.aread())["messages"][-1]["content"]
        self.log.append((question, "sent"))
        self.in_flight[question] += 1
        self.most = max(self.most, self.in_flight.total())
        self.most_of_one = max(self.most_of_one, self.in_flight[question])
        kind = self.outcome(question, self.log.count((question, "sent")))
        became = CUT_OFF
        try:
            await self.wait(question)
            if kind == "hanging":
                await asyncio.Event().wait()
            became = kind
            if kind == "dropped":
                raise httpx2.RemoteProtocolError("Server disconnected.", request=request)
            status, headers, content = reply(kind, question)
            return httpx2.Response(status, headers=headers, content=content)
        finally:
            self.in_flight[question] -= 1
            self.log.append((question, became))

    async def wait(self, question: str) -> None:
        """A few milliseconds, so that they come back in another order."""
        await asyncio.sleep(Random(question).random() * 0.005)

    @property
    def asked(self) -> list[str]:
        return self.what("sent")

    @property
    def answered(self) -> list[str]:
        return self.what(ANSWERED)

    def what(self, happened: str, since: int = 0) -> list[str]:
        return [question for question, what in self.log[since:] if what == happened]

    def client(self, kind: type[AsyncOpenAI] = AsyncOpenAI, api_key: Any = "any") -> AsyncOpenAI:
        http_client = httpx2.AsyncClient(transport=self, trust_env=False)
        return kind(api_key=api_key, base_url="http://127.0.0.1/v1", http_client=http_client)


async def ask(service: Service, questions: Any, **settings: Any) -> Answers:
    """A batch; when it has ended, no matter how, nothing of it is left."""
    before = asyncio.all_tasks()
    async with asyncio.timeout(PATIENCE), service.client() as client:
        try:
            return await process_questions_batch(questions, client=client, **settings)
        finally:
            assert not service.in_flight.total() and asyncio.all_tasks() <= before


def run(service: Service, questions: Any, **settings: Any) -> Answers:
    return asyncio.run(ask(service, questions, **settings))
