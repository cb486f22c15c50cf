"""How long a search and its stages take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from freshet.search.metrics import SearchMetrics, Stage


class Timer:
    """Of one search: `stages` in milliseconds, by the name of the stage; each is also observed in the metrics."""

    def __init__(self, clock: Callable[[], float], metrics: SearchMetrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._start = clock()
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        start = self._clock()
        yield
        self._took(stage, self._clock() - start)

    def ended(self, stage: Stage, *, began: float = 0.0) -> None:
        """A stage that began so many seconds after the search is over."""
        self._took(stage, self.seconds() - began)

    def seconds(self) -> float:
        """Since the search began."""
        return self._clock() - self._start

    def took_ms(self) -> float:
        return _milliseconds(self.seconds())

    def _took(self, stage: Stage, seconds: float) -> None:
        self._metrics.stage(stage, seconds)
        self.stages[stage] = _milliseconds(seconds)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
