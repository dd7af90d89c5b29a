"""One request of a batch, by the SDK's own client, without what the SDK does anew at each call."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2
import openai
from openai import AsyncOpenAI
from pydantic import BaseModel

from ..errors import NoAnswer
from ..wire.bodies import RequestSummary, Usage, read_completion
from ..wire.endings import error_of, why_no_answer
from ..wire.exchange import RETRY_COUNT, Exchange
from ..wire.send import EXCHANGE
from .schema import Schema

PATH = "/chat/completions"
RETRIED = RETRY_COUNT.encode()  # the header's name, as requests take it
KEY_ONLY: Any = {"bearer_auth": True}  # as chat.completions.create has it: no administrator's key goes along
# where a client has one of these, its requests are signed one by one
OTHER_KEYS = ("_api_key_provider", "_provider_runtime", "workload_identity", "custom_auth")


class Reply(NamedTuple):
    """What came back: the answer's text, its usage where it was told, and the headers, which tell the rate limits.

    `failed` says why there is no answer in it.
    """

    text: str
    usage: Usage
    headers: Mapping[str, str]
    finish_reason: str | None = None
    failed: NoAnswer | None = None
    parsed: BaseModel | None = None  # where there is a schema


class Shortcut(NamedTuple):
    """What all requests have in common, and what of the SDK sends them: see `_shortcut`."""

    url: httpx2.URL
    headers: list[tuple[bytes, bytes]]
    extensions: Mapping[str, Any]
    http: httpx2.AsyncClient
    status_error: Any


class Sender:
    """Asks a question with one request, and no retries. Raises the SDK's errors.

    `client.chat.completions.create` spends most of its time on checking parameters, on putting the same headers
    together again, and on typed objects. Here the client puts them together once; each request then goes out by the
    client's own connections, with its key, its timeout (or `timeout`: seconds for all of one attempt), its proxy and
    its error classes. Where that is not possible (a key that changes, a client of another class, another version of the
    SDK), each request takes the SDK's usual way, at more than the double CPU.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        model: str,
        instructions: str,
        options: Mapping[str, Any],
        timeout: float | None,
        schema: Schema | None = None,
    ) -> None:
        once: dict[str, Any] = {"max_retries": 0}
        if timeout is not None:
            once["timeout"] = timeout
        self._client = client.with_options(**once)
        self._timeout = timeout
        self._schema = schema
        self._first = [{"role": "system", "content": instructions}] if instructions else []
        self._body = {"model": model, **options}
        self._shortcut = _shortcut(self._client, self._body)

    async def __call__(self, question: str, attempt: int = 1, messages: list[dict[str, Any]] | None = None) -> Reply:
        own = [{"role": "user", "content": question}] if messages is None else messages
        body = {**self._body, "messages": [*self._first, *own]}
        try:
            # the SDK's timeout is for each read; this one is for all of them
            async with asyncio.timeout(self._timeout):
                if self._shortcut is not None:
                    return await self._send(self._shortcut, question, body, attempt)
                response = await self._client.post(
                    PATH, cast_to=httpx2.Response, body=body, options={"security": KEY_ONLY}
                )
        except TimeoutError as error:
            raise openai.APITimeoutError(request=httpx2.Request("POST", str(self._client.base_url))) from error
        return self._reply(response, Exchange())

    async def _send(self, shortcut: Shortcut, question: str, body: dict[str, Any], attempt: int) -> Reply:
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        # what it asks is known here, and need not be read out of it again
        exchange = Exchange(RequestSummary(body["model"], question, size=len(content)))
        request = httpx2.Request(
            "POST",
            shortcut.url,
            headers=[*shortcut.headers, (RETRIED, b"%d" % (attempt - 1))],
            content=content,
            extensions={**shortcut.extensions, EXCHANGE: exchange},
        )
        try:
            response = await shortcut.http.send(request)
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(request=request) from error
        except httpx2.RequestError as error:
            raise openai.APIConnectionError(request=request) from error
        if not response.is_success:
            raise shortcut.status_error(response) from None
        return self._reply(response, exchange)

    def _reply(self, response: httpx2.Response, exchange: Exchange) -> Reply:
        content = exchange.read(response.content)
        said = read_completion(content)
        if "choices" not in content and not said.error:
            raise openai.APIResponseValidationError(response, None, message="It is no chat completion.")
        if error := error_of(said, response):
            raise error
        failed, parsed = why_no_answer(said), None
        if failed is None and self._schema is not None:
            try:
                parsed = self._schema.read(said.text, said.finish_reason)
            except NoAnswer as why:
                failed = why
        return Reply(said.text, exchange.response.usage, response.headers, said.finish_reason, failed, parsed)


def _shortcut(client: AsyncOpenAI, body: dict[str, Any]) -> Shortcut | None:
    """The address, headers and timeouts of all requests; None where each may have its own, or is sent differently.

    The one place where the batch uses names of the SDK that are not public: where one of them is missing or takes other
    arguments, it does without.
    """
    try:
        from openai._models import FinalRequestOptions

        http, status_error = client._client, client._make_status_error_from_response
        usual = type(client) is AsyncOpenAI and isinstance(http, httpx2.AsyncClient)
        if not usual or any(getattr(client, name, "unknown") is not None for name in OTHER_KEYS):
            return None
        options: Any = {"method": "post", "url": PATH, "json_data": body, "security": KEY_ONLY}
        request = client._build_request(FinalRequestOptions(**options))
        each = (b"content-length", RETRIED)
        headers = [(name, value) for name, value in request.headers.raw if name.lower() not in each]
        # tried here, and not at the first refusal, where it would be too late to do without
        if not isinstance(status_error(httpx2.Response(429, request=request)), openai.RateLimitError):
            return None
        return Shortcut(request.url, headers, request.extensions, http, status_error)
    except (ImportError, AttributeError, TypeError, ValueError):  # another version of the SDK
        return None
