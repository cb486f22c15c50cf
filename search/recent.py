"""What a process tells those who look at it now: counts, and how it went lately. History is Prometheus's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from prometheus_client import Counter, Gauge

from freshet.schemas.status import SpreadStatus

RATE_SECONDS: Final = 10.0
SPREAD_SECONDS: Final = 60.0
MOST_VALUES: Final = 10_000  # of a spread: the newest count, at a rate at which a minute holds more

Clock = Callable[[], float]


class Rate:
    """How many a second, over the last ten seconds, or since the start where that is shorter."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, count: int = 1) -> None:
        now = self._clock()
        self._seen.append((now, count))
        _forget(self._seen, now - RATE_SECONDS)

    def per_second(self) -> float:
        now = self._clock()
        _forget(self._seen, now - RATE_SECONDS)
        # At least a second, or the first event of a process would count as thousands.
        return sum(count for _, count in self._seen) / max(1.0, min(now - self._start, RATE_SECONDS))


class Spread:
    """The middle and the far end of what was measured in the last minute, in the unit of the values."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, float]] = deque(maxlen=MOST_VALUES)

    def add(self, value: float) -> None:
        self._seen.append((self._clock(), value))

    def status(self) -> SpreadStatus | None:
        """Nearest-rank percentiles; None when nothing was measured."""
        _forget(self._seen, self._clock() - SPREAD_SECONDS)
        values = [value for _, value in self._seen]
        if not values:
            return None
        return SpreadStatus(count=len(values), p50=quantile(values, 0.5), p99=quantile(values, 0.99))


def counted(counter: Counter, label: str) -> dict[str, int]:
    """What a counter has counted since the start, by the values of its one label."""
    samples = [sample for family in counter.collect() for sample in family.samples]
    return {sample.labels[label]: int(sample.value) for sample in samples if sample.name.endswith("_total")}


def level(gauge: Gauge) -> float:
    """What a gauge without labels stands at."""
    return next(sample.value for family in gauge.collect() for sample in family.samples)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


def _forget(seen: deque[tuple[float, Any]], before: float) -> None:
    while seen and seen[0][0] < before:
        seen.popleft()
