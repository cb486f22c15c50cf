"""Prometheus metrics of what keeps the cache of answers filled: sharing them, and warming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from freshet.schemas.words import Word


class Shared(Word):
    """What became of an answer that other processes could use."""

    WRITTEN = "written", "it is in Redis"
    TOO_LARGE = "too_large", "it is larger than what is shared"
    CROWDED = "crowded", "there was no room among those that wait to be written"
    FAILED = "failed", "Redis was away, or slower than it may be"


class Warmed(Word):
    """What became of a popular query that was asked in advance."""

    DONE = "done", "its answer is in the cache"
    REFUSED = "refused", "no such request can be answered"
    FAILED = "failed", "it could not be answered then"


class UpkeepMetrics:
    """One verb for each thing that happens; at most one object per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        told = "Answers for other processes, by what became of them"
        shared = Counter("freshet_result_cache_shared_total", told, ["outcome"], registry=registry)
        self._shared: Final[Mapping[Shared, Counter]] = {outcome: shared.labels(outcome) for outcome in Shared}
        told = "Popular queries that the process asked by itself, by what became of them"
        warmed = Counter("freshet_result_cache_warmed_total", told, ["outcome"], registry=registry)
        self._warmed: Final[Mapping[Warmed, Counter]] = {outcome: warmed.labels(outcome) for outcome in Warmed}

    def shared(self, outcome: Shared, count: int) -> None:
        """So many answers were put for others, or were not."""
        self._shared[outcome].inc(count)

    def warmed(self, outcome: Warmed) -> None:
        """A query was asked in advance."""
        self._warmed[outcome].inc()
