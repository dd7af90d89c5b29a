"""The practice tasks, checked by what a learner's code really sent, and when; the lessons' questions; the progress."""

from .exercise import open_bug, open_exercise
from .logbook import progress
from .overview import welcome

__all__ = ["open_bug", "open_exercise", "progress", "welcome"]
