"""What following the change feed counts and shows, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from freshet.schemas.words import Word

UNKNOWN: Final = float("nan")


class Waited(Word):
    """How a request ended that named freshness tokens."""

    MET = "met", "the answer shows the events of all its tokens"
    LATE = "late", "it could not wait long enough for all of them, and the answer says so"


class FeedMetrics:
    """The gauges and counters of one process, in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        told = "Whether this process follows the change feed now: 1, or 0 when answers come from no cache"
        self._following = Gauge("freshet_feed_following", told, registry=registry)
        told = "Records of the change feed that this process has not seen yet; NaN while that is not known"
        self._behind = Gauge("freshet_feed_lag_records", told, registry=registry)
        self._behind.set(UNKNOWN)
        told = "Answers to requests with freshness tokens, by whether they show all of the events"
        waited = Counter("freshet_fresh_after_total", told, ["outcome"], registry=registry)
        self._waited: Mapping[Waited, Counter] = {outcome: waited.labels(outcome) for outcome in Waited}

    def follow(self, sure: Callable[[], bool]) -> None:
        """Show from now on what `sure` says whenever it is asked."""
        self._following.set_function(lambda: float(sure()))

    def behind(self, records: int) -> None:
        """So many records lie ahead."""
        self._behind.set(records)

    def lost(self) -> None:
        """Nobody knows how many records lie ahead."""
        self._behind.set(UNKNOWN)

    def waited(self, outcome: Waited) -> None:
        """A request with tokens was answered."""
        self._waited[outcome].inc()
