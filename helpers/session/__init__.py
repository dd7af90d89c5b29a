"""Who answers the calls of this process, with which key, at what cost."""

from .account import Account, account, in_words, offered, spending
from .connect import connect, shared_client
from .going_live import check, find_access, go_live
from .practice import answered_by, faults, practise
from .state import budget_now, endpoint, live_now, mode, require_connection, spent

__all__ = [
    "Account",
    "account",
    "answered_by",
    "budget_now",
    "check",
    "connect",
    "endpoint",
    "faults",
    "find_access",
    "go_live",
    "in_words",
    "live_now",
    "mode",
    "offered",
    "practise",
    "require_connection",
    "shared_client",
    "spending",
    "spent",
]
