"""Rate limits as the service enforces them: a bucket that holds a minute's worth and is refilled all the time."""

import time
from collections.abc import Callable


class Clock:
    """Seconds in the practice API's own time, which runs 1 / pace times as fast as ours.

    At pace 0.1 everything takes a tenth of the time, so a minute's worth of requests comes back in six seconds.
    """

    def __init__(self, pace: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self._monotonic = monotonic

    def now(self) -> float:
        return self._monotonic() / self.pace


class Bucket:
    """Holds at most `size` units and is refilled by `per_minute` units a minute (a token bucket)."""

    def __init__(self, per_minute: float, size: float, clock: Clock) -> None:
        self.per_minute = per_minute
        self.size = size
        self._clock = clock
        self._level = size
        self._read_at = clock.now()

    @property
    def level(self) -> float:
        """Units that could be taken now."""
        now = self._clock.now()
        self._level = min(self.size, self._level + (now - self._read_at) * self.per_minute / 60)
        self._read_at = now
        return self._level

    def take(self, units: float) -> None:
        self._level = self.level - units

    def seconds_until(self, units: float) -> float:
        """How long until `units` could be taken, in the API's own seconds."""
        return max(0.0, units - self.level) * 60 / self.per_minute
