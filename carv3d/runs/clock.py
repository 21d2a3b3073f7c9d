"""Seconds by station."""

from __future__ import annotations

import time


class Clock:
    """Seconds by station: start, compile, train, loop (what lies between steps), checkpoint, evaluation, video, ..."""

    def __init__(self, seconds: dict[str, float] | None = None):
        self.seconds = dict(seconds or {})
        self._mark = time.perf_counter()

    def lap(self, station: str) -> float:
        """Add the time since the last lap to ``station``; returns that station's total."""
        now = time.perf_counter()
        self.seconds[station] = self.seconds.get(station, 0.0) + now - self._mark
        self._mark = now
        return self.seconds[station]
