"""Live mode: the learner's own key, kept secret, on a real service, within a budget."""

from .check import client_for
from .offer import Offer
from .service import (
    Live,
    ask_for_the_list,
    check_it_is_allowed,
    checking,
    is_forbidden,
)

__all__ = [
    "Live",
    "Offer",
    "ask_for_the_list",
    "check_it_is_allowed",
    "checking",
    "client_for",
    "is_forbidden",
]
