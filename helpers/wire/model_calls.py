"""Which requests are model calls: those alone are counted, guarded, and kept from other addresses.

A learner's code may send anything else with the same libraries (a table to download, a Jupyter server on this
computer), and that is nobody's business here. Any one of these makes a request a model call:

- an SDK's marks: its `x-stainless-…` headers, its user agent, `openai-organization`, `openai-project`;
- the host of a model service, such as api.openai.com or a resource of Azure OpenAI;
- a key: one that is known here, or any that begins with `sk-`, in a header or in the address;
- the path of what is asked (`/chat/completions`, `/v1/responses`, `/v1/files`, …), where something is posted, or where
  a key of any kind goes along.
"""

import re
from collections.abc import Callable, Iterable

from .exchange import BY_THE_SDK, Exchange

MARKS = ("x-stainless-", "openai-organization", "openai-project")  # how names of an SDK's headers begin
USER_AGENT = re.compile(r"\w+/(Python|JS) \d")  # "AsyncOpenAI/Python 3.54.0"
HOSTS = re.compile(
    r"(.+\.)?(api\.openai\.com|openai\.azure\.(com|us|cn)|(cognitiveservices|services\.ai|models\.ai)\.azure\.com"
    r"|api\.anthropic\.com|openrouter\.ai|generativelanguage\.googleapis\.com|api\.(groq|deepseek)\.com|api\.x\.ai"
    r"|api\.mistral\.ai|api\.together\.(ai|xyz)|bedrock-runtime\.[\w-]+\.amazonaws\.com)"
)
# nothing else is called so, wherever it stands
NAMED = re.compile(r"/((chat/)?completions|embeddings|api/(chat|generate|embed)|[^/]+:\w*generateContent)/?$", re.I)
# other things may be called so, too: only behind a version, or behind Azure's /openai
BEHIND_A_VERSION = re.compile(
    r"/(v\d\w*|openai)/(.+/)?(models|responses|messages|moderations|images|audio|videos|files|uploads|batches|realtime"
    r"|fine_tuning|conversations|assistants|threads|vector_stores|containers|evals|rerank)(/|$)",
    re.I,
)
KEY_HEADERS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
OPENAIS = re.compile(r"(Bearer\s+)?sk-\w", re.I)


def is_model_call(exchange: Exchange, known_keys: Callable[[], Iterable[str]] = tuple) -> bool:
    """Whether it is one; to be asked while it runs. `known_keys` is called where nothing else has decided it.

    >>> import httpx2
    >>> call, table = Exchange(), Exchange()
    >>> call.begin(httpx2.Request("POST", "https://gateway.example/v1/chat/completions"))
    >>> table.begin(httpx2.Request("GET", "https://data.example/v1/files/questions.csv"))
    >>> is_model_call(call), is_model_call(table)
    (True, False)
    """
    if exchange.is_model_call is None:
        exchange.is_model_call = _looks_like_one(exchange)
    return exchange.is_model_call or carries(exchange, known_keys())


def is_for_azure(exchange: Exchange) -> bool:
    """Whether an Azure client sends it, or somebody who asks Azure's own address."""
    by, _, _ = exchange.request_headers.get("user-agent", "").partition("/")
    host = exchange.url.host
    return "Azure" in by or "/openai/deployments/" in exchange.url.path or host.endswith((".azure.com", ".azure.us"))


def _looks_like_one(exchange: Exchange) -> bool:
    headers = exchange.request_headers
    if BY_THE_SDK in headers:  # as in most
        return True
    if any(name.startswith(MARKS) for name in headers) or USER_AGENT.match(headers.get("user-agent", "")):
        return True
    url, posted = exchange.url, exchange.method not in ("GET", "HEAD", "OPTIONS")
    keys = [headers[name] for name in KEY_HEADERS if name in headers]
    if HOSTS.fullmatch(url.host) or any(map(OPENAIS.match, keys)):
        return True
    named = NAMED.search(url.path) or BEHIND_A_VERSION.search(url.path)
    return bool(named and (posted or keys))


def carries(exchange: Exchange, keys: Iterable[str]) -> bool:
    """Whether one of the keys goes along; to be asked while it runs."""
    texts = (str(exchange.url), *exchange.request_headers.values())
    return any(key in text for key in keys for text in texts)
