"""What the worker counts and measures, with a verb for each thing that happens."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from freshet.schemas.decoding import Reason
from freshet.schemas.status import StageStatus, WorkerStatus
from freshet.search.recent import Rate, Spread, counted
from freshet.streams.comparing import Kind
from freshet.streams.plan import Outcome

_FRESHNESS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86400)
_STAGE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
STAGES: Final = ("decode", "plan", "embed", "write", "announce")


class WorkerMetrics:
    """Metrics of one worker, in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._done = Counter("freshet_events", "Events by what became of them", ["outcome"], registry=registry)
        stages = Histogram(
            "freshet_stage_seconds", "Time of a batch in a stage", ["stage"], buckets=_STAGE, registry=registry
        )
        self._letters = Counter(
            "freshet_dead_letters", "Dead letters seen in their topic", ["reason"], registry=registry
        )
        self._events = {outcome: self._done.labels(outcome) for outcome in Outcome}
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        self._dead = {reason.value: self._letters.labels(reason) for reason in Reason}
        self._purged = Counter(
            "freshet_tombstones_purged", "Ends of documents that were forgotten, being old enough", registry=registry
        )
        self._drift = Gauge(
            "freshet_index_drift_documents",
            "Documents that differed from the log when it was verified last, by how",
            ["kind"],
            registry=registry,
        )
        self._batch = Histogram("freshet_batch_events", "Events fetched together", buckets=_EVENTS, registry=registry)
        self._freshness = Histogram(
            "freshet_freshness_seconds",
            "From event time to searchable, of what was written",
            buckets=_FRESHNESS,
            registry=registry,
        )
        self._passed, self._rates = Tally[str](), {stage: Rate() for stage in STAGES}
        self._spread = Spread()

    def fetched(self, events: int) -> None:
        self._batch.observe(events)

    def became(self, outcome: Outcome, events: int = 1) -> None:
        self._events[outcome].inc(events)

    def searchable(self, seconds: float) -> None:
        self._freshness.observe(max(seconds, 0))
        self._spread.add(max(seconds, 0))

    def purged(self, tombstones: int) -> None:
        self._purged.inc(tombstones)

    def drifted(self, kinds: Mapping[Kind, int]) -> None:
        """What a verification found."""
        for kind in Kind:
            self._drift.labels(kind).set(kinds.get(kind, 0))

    def dead_letter(self, reason: str) -> None:
        """Count a record seen in the dead-letter topic; a reason that this version does not know counts as refused."""
        self._dead.get(reason, self._dead[Reason.REFUSED]).inc()

    @contextmanager
    def stage(self, name: str, events: int) -> Iterator[None]:
        """Time what happens inside as a batch's stay in a stage; unless it raises, the events have passed it."""
        began = perf_counter()
        try:
            yield
            self._passed[name] += events
            self._rates[name].add(events)
        finally:
            self._stages[name].observe(perf_counter() - began)

    def passed(self) -> int:
        """How many events have passed stages, each counted in every one of them."""
        return self._passed.total()

    def status(self, group: str, *, waiting: Mapping[str, int], busy: Container[str]) -> WorkerStatus:
        """The same at a glance, and how it was lately; `waiting` and `busy` are the batches before and in stages."""
        return WorkerStatus(
            group=group,
            stages=[
                StageStatus(
                    stage=stage,
                    waiting=waiting.get(stage, 0),
                    busy=stage in busy,
                    events=self._passed[stage],
                    events_per_second=self._rates[stage].per_second(),
                )
                for stage in STAGES
            ],
            events=counted(self._done, "outcome"),
            dead_letters={reason: count for reason, count in counted(self._letters, "reason").items() if count},
            freshness=self._spread.status(),
        )
