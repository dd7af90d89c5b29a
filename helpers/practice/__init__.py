"""The practice tasks: checked by what a learner's code really sent, and when; see `open_exercise`."""

from .exercise import open_bug, open_exercise
from .logbook import progress

__all__ = ["open_bug", "open_exercise", "progress"]
