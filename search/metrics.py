"""What searches count and time, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from freshet.schemas.status import SearchStatus
from freshet.schemas.words import Word
from freshet.search.load import Shed
from freshet.search.recent import Rate, Spread, counted, level

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_SCORES: Final = (0, 0.25, 0.5, 0.75, 1)  # thumbs are 0 and 1, so each has a bucket of its own


class Outcome(Word):
    """How a search ended."""

    ANSWERED = "answered", "with results, or with none"
    REFUSED = "refused", "by us: the request was wrong"
    SHED = "shed", "by us: there was too much to do to answer it in time"
    CANCELLED = "cancelled", "by who asked: the connection was closed before there was an answer"
    FAILED = "failed", "a part was away, refused, or took too long"


class Stage(Word):
    """A step of a search that takes time."""

    CACHE = "cache", "looking for a kept answer and proving it, or waiting for one that was being computed already"
    QUEUE = "queue", "waiting for its turn"
    RESOLVE = "resolve", "finding the live version of the index"
    EMBED = "embed", "turning the query into a vector"
    RETRIEVE = "retrieve", "finding the passages, and the states of their documents"
    FUSE = "fuse", "making one order of documents from the lists of passages"
    RERANK = "rerank", "reading query and passages together, for the best order of the first documents"
    FACETS = "facets", "counting documents by the values of fields"


class Refusal(Word):
    """Why a request was turned away at the door."""

    NO_KEY = "no_key", "no key was shown, or none that the service knows"
    MISSING_SCOPE = "missing_scope", "the key is not for this route"
    TOO_MANY = "too_many", "the key asks more often than it may"


class Degraded(Word):
    """What an answer had to do without."""

    RERANK_OFF = "rerank_off", "the reranker of the settings could not be had when the service started"
    RERANK_LATE = "rerank_late", "reranking would not have been done, or was not done, within its budget"
    RERANK_FAILED = "rerank_failed", "the reranker was away, had too much to do, or refused"
    CHANGES_UNKNOWN = "changes_unknown", "the change feed is not followed now, so no cache was used"
    NOT_FRESH = "not_fresh", "it could not wait for all events of `fresh_after`; `pending` names those it may not show"


class Recorded(Word):
    """What became of the record of an answer."""

    WRITTEN = "written", "it is in `search.queries`"
    DROPPED = "dropped", "Kafka was away, or took records more slowly than searches were answered"


class SearchMetrics:
    """The counters and histograms of one process, in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._searches = Counter("search_requests_total", "Searches by how they ended", ["outcome"], registry=registry)
        told = "Where a search spends its time; stages may overlap"
        stages = Histogram("freshet_search_stage_seconds", told, ["stage"], buckets=_SECONDS, registry=registry)
        # Looking labels up costs as much as a small request: they are bound once.
        self._requests: Mapping[Outcome, Counter] = {outcome: self._searches.labels(outcome) for outcome in Outcome}
        self._stages: Mapping[Stage, Histogram] = {stage: stages.labels(stage) for stage in Stage}
        self._in_flight = Gauge("freshet_search_in_flight", "Searches that are being worked on", registry=registry)
        told = "Searches that were sent away because there was too much to do, by the reason"
        self._shed = Counter("freshet_search_shed_total", told, ["reason"], registry=registry)
        self._sheds: Mapping[Shed, Counter] = {reason: self._shed.labels(reason) for reason in Shed}
        told = "Answers that had to do without something, by what that was"
        degraded = Counter("freshet_search_degraded_total", told, ["reason"], registry=registry)
        self._degraded: Mapping[Degraded, Counter] = {reason: degraded.labels(reason) for reason in Degraded}
        self._latency = Histogram(
            "search_latency_seconds",
            "Time to answer or fail a search; refused, shed and cancelled ones are not in it",
            buckets=_SECONDS,
            registry=registry,
        )
        told = "Requests turned away before anything was done for them"
        refusals = Counter("freshet_http_refusals_total", told, ["reason"], registry=registry)
        self._refusals: Mapping[Refusal, Counter] = {reason: refusals.labels(reason) for reason in Refusal}
        told = "Records of answers for the topic `search.queries`, by what became of them"
        records = Counter("freshet_query_records_total", told, ["outcome"], registry=registry)
        self._records: Mapping[Recorded, Counter] = {outcome: records.labels(outcome) for outcome in Recorded}
        # Without labels: a judgement knows its search by the id alone, and tenants are many; the topics tell the rest.
        self._quality = Histogram(
            "search_quality_score",
            "What people thought of results, 0 for useless to 1 for just what was looked for",
            buckets=_SCORES,
            registry=registry,
        )
        self._rate, self._spread = Rate(), Spread()

    def searched(self, outcome: Outcome, seconds: float) -> None:
        """Count a search; what was refused, shed or cancelled would make the latencies look better than they are."""
        self._requests[outcome].inc()
        self._rate.add()
        if outcome in (Outcome.ANSWERED, Outcome.FAILED):
            self._latency.observe(seconds)
            self._spread.add(seconds)

    def turned_away(self, reason: Refusal) -> None:
        """Count a request that did not come as far as its handler."""
        self._refusals[reason].inc()

    def entered(self, waited: float) -> None:
        """A search is worked on, after it has waited so long for its turn."""
        self._in_flight.inc()
        self.stage(Stage.QUEUE, waited)

    def left(self) -> None:
        """A search is no longer worked on."""
        self._in_flight.dec()

    def shed(self, reason: Shed) -> None:
        """A search was sent away."""
        self._sheds[reason].inc()

    def degraded(self, reason: Degraded) -> None:
        """An answer had to do without something."""
        self._degraded[reason].inc()

    def recorded(self, outcome: Recorded, count: int) -> None:
        """So many records of answers were written, or dropped."""
        self._records[outcome].inc(count)

    def judged(self, score: float) -> None:
        """Somebody has said what a result was worth."""
        self._quality.observe(score)

    def stage(self, stage: Stage, seconds: float) -> None:
        """Time one stage of a search."""
        self._stages[stage].observe(seconds)

    def status(self, *, following: bool | None = None, answers: Mapping[str, int] | None = None) -> SearchStatus:
        """The same at a glance, and how it was lately.

        `following` is whether the change feed is followed, `answers` are counted by where they came from.
        """
        return SearchStatus(
            searches=counted(self._searches, "outcome"),
            searches_per_second=self._rate.per_second(),
            latency=self._spread.status(),
            in_flight=int(level(self._in_flight)),
            shed=counted(self._shed, "reason"),
            following=following,
            answers=dict(answers or {}),
        )
