"""What is counted of answers that are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from freshet.schemas.words import Word
from freshet.search.recent import counted
from freshet.search.results.proving import Reason


class Outcome(Word):
    """What became of looking for an answer that was kept."""

    HOT = "hot", "it was in the process, and proven"
    SHARED = "shared", "it came from the cache that processes share, and was proven"
    MISS = "miss", "there was none that could be proven, so it was computed"
    JOINED = "joined", "it was being computed for somebody else, and was waited for"
    OFF = "off", "nothing could be proven, so nothing was looked for: see docs/caching.md"


class ResultMetrics:
    """The counters of one process, in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        told = "Searches by where their answer came from"
        self._asked = Counter("freshet_result_cache_requests_total", told, ["outcome"], registry=registry)
        self._requests: Mapping[Outcome, Counter] = {outcome: self._asked.labels(outcome) for outcome in Outcome}
        told = "Answers that were found, and not given again, by the reason"
        voided = Counter("freshet_result_cache_invalidations_total", told, ["reason"], registry=registry)
        self._voided: Mapping[Reason, Counter] = {reason: voided.labels(reason) for reason in Reason}
        told = "Memory of what the result cache holds in the process, about"
        held = Gauge("freshet_result_cache_bytes", told, ["what"], registry=registry)
        self._answers, self._changes = held.labels("answers"), held.labels("changes")

    def watch(self, *, answers: Callable[[], float], changes: Callable[[], float]) -> None:
        """Tell what is taken by answers, and by the changes that they are proven from: bytes, when they are asked."""
        self._answers.set_function(answers)
        self._changes.set_function(changes)

    def asked(self, outcome: Outcome) -> None:
        """A search has its answer, or goes to compute it."""
        self._requests[outcome].inc()

    def counts(self) -> dict[str, int]:
        """Searches by where their answer came from, since the start."""
        return counted(self._asked, "outcome")

    def voided(self, reason: Reason) -> None:
        """An answer is not given again."""
        self._voided[reason].inc()
