"""Counting in the process."""

from __future__ import annotations

import time
from collections.abc import Callable

from freshet.search.limits.base import Limit, Taken


class MemoryLimiter:
    """A number for each name that was ever given, so names must be few, as those of keys are."""

    def __init__(self, *, clock: Callable[[], int] = lambda: time.monotonic_ns() // 1_000) -> None:
        """`clock` tells microseconds."""
        self._clock = clock
        self._full_at: dict[str, int] = {}

    async def take(self, name: str, limit: Limit) -> Taken:
        now = self._clock()
        full_at = max(self._full_at.get(name, now), now)
        wait = full_at + limit.interval - limit.burst * limit.interval - now
        if wait <= 0:
            full_at = self._full_at[name] = full_at + limit.interval
        return Taken.of(limit, wait=wait, ahead=full_at - now)

    async def close(self) -> None:
        return
