"""What keeps the answers of a search process, with its parts."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from typing import Final

from freshet.search.computing import Ranking
from freshet.search.feed.base import ChangeSink, Following, NoSink, Several
from freshet.search.feed.ring import Ring
from freshet.search.results.base import Answers, SharedResults
from freshet.search.results.cache import ResultCache, Way
from freshet.search.results.lifetimes import Lifetimes
from freshet.search.results.memory import HotResults
from freshet.search.results.metrics import ResultMetrics
from freshet.search.results.uncached import Uncached
from freshet.settings import Settings

_OF_THE_RERANKER: Final = {"provider", "revision", "base_url", "api"}


@dataclass(frozen=True, slots=True)
class RecentChanges:
    """What is remembered of the change feed for the sake of answers; `sink` is to hear of it."""

    ring: Ring
    lifetimes: Lifetimes
    sink: ChangeSink

    @classmethod
    def of(cls, settings: Settings) -> RecentChanges:
        given = settings.cache
        ring = Ring(max_bytes=given.ring_bytes)
        lifetimes = Lifetimes(least=given.min_ttl_seconds, most=given.max_ttl_seconds)
        return cls(ring, lifetimes, Several((ring, lifetimes)) if given.enabled else NoSink())


def open_results(
    settings: Settings,
    recent: RecentChanges,
    *,
    following: Following,
    ranking: Ranking,
    metrics: ResultMetrics,
    stack: AsyncExitStack,
    shared: SharedResults | None = None,
) -> Answers:
    """Where searches get their answers from, until the stack is closed; each is computed where that is set so."""
    if not settings.cache.enabled:
        return Uncached(following)
    results = ResultCache(
        following=following,
        ring=recent.ring,
        memory=HotResults(max_bytes=settings.cache.results_bytes),
        shared=shared,
        way=Way(settings.fields, _shape(settings, ranking)),
        lifetimes=recent.lifetimes,
        metrics=metrics,
    )
    stack.push_async_callback(results.close)
    return results


def _shape(settings: Settings, ranking: Ranking) -> str:
    """A digest of all of a process that shapes an answer, beside the index and the request."""
    parts = {
        "freshet": version("freshet"),
        "fields": settings.fields,
        "tenants": settings.tenants,
        "list_length": settings.search.list_length,
        "fusion": ranking.fusion,
        "reranker": [ranking.reranking.model, settings.rerank.model_dump(mode="json", include=_OF_THE_RERANKER)],
    }
    return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()
