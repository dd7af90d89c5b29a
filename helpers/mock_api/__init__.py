"""The practice API: OpenAI's chat completions, responses, embeddings and models, imitated on this computer.

`MockAPI` decides what each request gets: answer, usage, latency, faults, rate limits. Two doors lead to it and do
nothing but carry that out: `server.Server`, an HTTP server on the loopback interface, and `transport.MockTransport`,
which serves an `OpenAI` or `AsyncOpenAI` client inside this process, without a socket.
"""

from .api import MockAPI
from .exchange import Reply
from .faults import Faults
from .transport import MockTransport

__all__ = ["Faults", "MockAPI", "MockTransport", "Reply"]
