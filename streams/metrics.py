"""What the worker counts and measures, with a verb for each thing that happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram

from freshet.schemas.decoding import Reason
from freshet.streams.plan import Outcome

_FRESHNESS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86400)
_STAGE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
STAGES = ("decode", "plan", "embed", "write", "announce")


class WorkerMetrics:
    """Metrics of one worker, in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        events = Counter("freshet_events", "Events by what became of them", ["outcome"], registry=registry)
        stages = Histogram(
            "freshet_stage_seconds", "Time of a batch in a stage", ["stage"], buckets=_STAGE, registry=registry
        )
        dead = Counter("freshet_dead_letters", "Records seen in the dead-letter topic", ["reason"], registry=registry)
        self._events = {outcome: events.labels(outcome) for outcome in Outcome}
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        self._dead = {reason.value: dead.labels(reason) for reason in Reason}
        self._batch = Histogram("freshet_batch_events", "Events fetched together", buckets=_EVENTS, registry=registry)
        self._freshness = Histogram(
            "freshet_freshness_seconds",
            "From event time to searchable, of what was written",
            buckets=_FRESHNESS,
            registry=registry,
        )

    def fetched(self, events: int) -> None:
        self._batch.observe(events)

    def became(self, outcome: Outcome, events: int = 1) -> None:
        self._events[outcome].inc(events)

    def searchable(self, seconds: float) -> None:
        self._freshness.observe(max(seconds, 0))

    def dead_letter(self, reason: str) -> None:
        """Count a record seen in the dead-letter topic; a reason that this version does not know counts as refused."""
        self._dead.get(reason, self._dead[Reason.REFUSED]).inc()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside as one batch's stay in a stage."""
        began = perf_counter()
        try:
            yield
        finally:
            self._stages[name].observe(perf_counter() - began)
