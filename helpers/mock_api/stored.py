"""The responses that the practice API keeps, so that they can be asked for again, and gone on from."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from .generation import Generation
from .tools import Turn

MOST = 5_000  # responses that are kept
QUEUED_SECONDS = 0.1  # that one which is made in the background waits before it is begun


@dataclass(frozen=True)
class Stored:
    """A response as it is in the end. One in the background is ready at `ready`, in the API's own seconds."""

    response: dict[str, Any]
    turns: tuple[Turn, ...]  # of the conversation so far, its answer being the last
    said: Generation
    began: float = 0.0
    ready: float = 0.0
    is_cancelled: bool = False

    def at(self, now: float) -> dict[str, Any]:
        """What there is of it at a moment."""
        if self.is_cancelled:
            status = "cancelled"
        elif now >= self.ready:
            return self.response
        else:
            status = "queued" if now < self.began + QUEUED_SECONDS else "in_progress"
        return unfinished(self.response, status)


def unfinished(response: dict[str, Any], status: str) -> dict[str, Any]:
    """A response of which nothing has come yet."""
    nothing: dict[str, Any] = {"output": [], "usage": None, "completed_at": None, "incomplete_details": None}
    return {**response, **nothing, "status": status}


class Store:
    """Finds the responses by their ids; the oldest make room."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Stored] = OrderedDict()

    def keep(self, stored: Stored) -> None:
        self._kept[stored.response["id"]] = stored
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def find(self, name: str) -> Stored | None:
        return self._kept.get(name)

    def delete(self, name: str) -> None:
        del self._kept[name]
