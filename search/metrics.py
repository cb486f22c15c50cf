"""What searches count and time, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from freshet.schemas.status import SearchStatus
from freshet.schemas.words import Word
from freshet.search.recent import Rate, Spread, counted

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Outcome(Word):
    """How a search ended."""

    ANSWERED = "answered", "with results, or with none"
    REFUSED = "refused", "by us: the request was wrong"
    CANCELLED = "cancelled", "by who asked: the connection was closed before there was an answer"
    FAILED = "failed", "a part was away, refused, or took too long"


class Stage(Word):
    """A step of a search that takes time."""

    RESOLVE = "resolve", "finding the live version of the index"
    EMBED = "embed", "turning the query into a vector"
    RETRIEVE = "retrieve", "finding the passages, and the states of their documents"
    FUSE = "fuse", "making one order of documents from the lists of passages"


class Refusal(Word):
    """Why a request was turned away at the door."""

    NO_KEY = "no_key", "no key was shown, or none that the service knows"
    MISSING_SCOPE = "missing_scope", "the key is not for this route"
    TOO_MANY = "too_many", "the key asks more often than it may"


class SearchMetrics:
    """The counters and histograms of one process, in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._searches = Counter("search_requests_total", "Searches by how they ended", ["outcome"], registry=registry)
        told = "Where a search spends its time; stages may overlap"
        stages = Histogram("freshet_search_stage_seconds", told, ["stage"], buckets=_SECONDS, registry=registry)
        # Looking labels up costs as much as a small request: they are bound once.
        self._requests: Mapping[Outcome, Counter] = {outcome: self._searches.labels(outcome) for outcome in Outcome}
        self._stages: Mapping[Stage, Histogram] = {stage: stages.labels(stage) for stage in Stage}
        self._latency = Histogram(
            "search_latency_seconds",
            "Time to answer or fail a search; refused and cancelled ones are not in it",
            buckets=_SECONDS,
            registry=registry,
        )
        told = "Requests turned away before anything was done for them"
        refusals = Counter("freshet_http_refusals_total", told, ["reason"], registry=registry)
        self._refusals: Mapping[Refusal, Counter] = {reason: refusals.labels(reason) for reason in Refusal}
        self._rate, self._spread = Rate(), Spread()

    def searched(self, outcome: Outcome, seconds: float) -> None:
        """Count a search; what was refused or cancelled would make the latencies look better than they are."""
        self._requests[outcome].inc()
        self._rate.add()
        if outcome in (Outcome.ANSWERED, Outcome.FAILED):
            self._latency.observe(seconds)
            self._spread.add(seconds)

    def turned_away(self, reason: Refusal) -> None:
        """Count a request that did not come as far as its handler."""
        self._refusals[reason].inc()

    def stage(self, stage: Stage, seconds: float) -> None:
        """Time one stage of a search."""
        self._stages[stage].observe(seconds)

    def status(self) -> SearchStatus:
        """The same at a glance, and how it was lately."""
        return SearchStatus(
            searches=counted(self._searches, "outcome"),
            searches_per_second=self._rate.per_second(),
            latency=self._spread.status(),
        )
