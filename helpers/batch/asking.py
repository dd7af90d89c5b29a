"""One request of a batch, by the SDK's own client, without what the SDK does anew at each call."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2
import openai
from openai import AsyncOpenAI
from openai._models import FinalRequestOptions, SecurityOptions

from ..reading import used

PATH = "/chat/completions"
RETRY_COUNT = b"x-stainless-retry-count"
KEY_ONLY: SecurityOptions = {
    "bearer_auth": True
}  # as chat.completions.create has it: no administrator's key goes along
# where a client has one of these, its requests are signed one by one
OTHER_KEYS = ("_api_key_provider", "_provider_runtime", "workload_identity", "custom_auth")


class Reply(NamedTuple):
    """What came back: the answer's text, its usage where it was told, and the headers, which tell the rate limits."""

    text: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    headers: Mapping[str, str]


class Asker:
    """Asks a question with one request, and no retries. Raises the SDK's errors.

    `client.chat.completions.create` spends most of its time on checking parameters, on putting the same headers
    together again, and on typed objects. Here the client puts them together once; each request then goes out by the
    client's own connections, with its key, its timeout (or `timeout`: seconds for all of one attempt), its proxy and
    its error classes. Where that is not possible (a key that changes, a client of another class), each request takes
    the SDK's usual way, at more than the double CPU.
    """

    def __init__(
        self, client: AsyncOpenAI, model: str, instructions: str, options: Mapping[str, Any], timeout: float | None
    ) -> None:
        once: dict[str, Any] = {"max_retries": 0}
        if timeout is not None:
            once["timeout"] = timeout
        self._client = client.with_options(**once)
        self._timeout = timeout
        self._first = [{"role": "system", "content": instructions}] if instructions else []
        self._body = {"model": model, **options}
        self._template = self._make_template()

    async def __call__(self, question: str, attempt: int = 1) -> Reply:
        body = {**self._body, "messages": [*self._first, {"role": "user", "content": question}]}
        try:
            # the SDK's timeout is for each read; this one is for all of them
            async with asyncio.timeout(self._timeout):
                response = await self._send(body, attempt)
        except TimeoutError as error:
            raise openai.APITimeoutError(request=httpx2.Request("POST", str(self._client.base_url))) from error
        return _read(response)

    async def _send(self, body: dict[str, Any], attempt: int) -> httpx2.Response:
        if self._template is None:
            return await self._client.post(PATH, cast_to=httpx2.Response, body=body, options={"security": KEY_ONLY})
        url, headers, extensions = self._template
        request = httpx2.Request(
            "POST",
            url,
            headers=[*headers, (RETRY_COUNT, b"%d" % (attempt - 1))],
            content=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
            extensions=dict(extensions),
        )
        try:
            response = await self._client._client.send(request)
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(request=request) from error
        except httpx2.RequestError as error:
            raise openai.APIConnectionError(request=request) from error
        if not response.is_success:
            raise self._client._make_status_error_from_response(response) from None
        return response

    def _make_template(self) -> tuple[httpx2.URL, list[tuple[bytes, bytes]], Mapping[str, Any]] | None:
        """What all requests have in common: their address, headers and timeouts; None where each may have its own."""
        client = self._client
        usual = type(client) is AsyncOpenAI and isinstance(client._client, httpx2.AsyncClient)
        if not usual or any(getattr(client, name, "unknown") is not None for name in OTHER_KEYS):
            return None
        try:
            request = client._build_request(
                FinalRequestOptions(method="post", url=PATH, json_data=self._body, security=KEY_ONLY)
            )
        except (AttributeError, TypeError):  # another version of the SDK
            return None
        each = (b"content-length", RETRY_COUNT)
        headers = [(name, value) for name, value in request.headers.raw if name.lower() not in each]
        return request.url, headers, request.extensions


def _read(response: httpx2.Response) -> Reply:
    try:
        content = json.loads(response.content)
        text, usage = content["choices"][0]["message"]["content"], content.get("usage")
        if not isinstance(text, str | None):
            raise TypeError(f"Its text is {type(text).__name__}.")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise openai.APIResponseValidationError(response, None, message="It is no chat completion.") from error
    return Reply(text, *used(usage), response.headers)
