"""From a question to what one version of the index says to it: retrieve → fuse → rerank → page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from freshet.schemas.matching import matches
from freshet.search.answering import Telling, facet_counts
from freshet.search.asking import Asked, SearchRules
from freshet.search.browsing import newest
from freshet.search.early import QueryVector
from freshet.search.fusion import Candidate, Fusion, fuse
from freshet.search.index.base import Query
from freshet.search.index.records import LedgerRecord, ValueCount, Vector
from freshet.search.live import LiveVersion
from freshet.search.metrics import Stage
from freshet.search.rerank.base import RerankOff
from freshet.search.reranking import DEPTH, Reranked, Reranking
from freshet.search.results.base import Computed
from freshet.search.results.entry import Content, Searched
from freshet.search.retrieval import retrieve
from freshet.search.statistics import TermStatistics
from freshet.search.terms import asked_terms
from freshet.search.timing import Timer

NO_RERANKING = Reranking(RerankOff("there is none", wanted=False), seconds=0)


@dataclass(frozen=True, slots=True)
class Ranking:
    """How documents are put in order: how lists are fused, and what reranks the best."""

    fusion: Fusion = Fusion.MINMAX
    reranking: Reranking = NO_RERANKING


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Documents in the order of the lists, and what `Computed` tells of how they were found."""

    candidates: Sequence[Candidate]
    searched: tuple[Searched, ...]
    met: frozenset[str]
    settled: bool


class Computing:
    """Answers questions from an index version, each time anew. Safe to call from several tasks at once."""

    def __init__(self, *, rules: SearchRules, ranking: Ranking) -> None:
        self._rules = rules
        self._ranking = ranking

    async def compute(self, asked: Asked, vector: QueryVector, timer: Timer, live: LiveVersion) -> Computed:
        """What the version says. Raises what the index and the model raise."""
        statistics = await live.snapshots.current()
        queries = _queries(asked, live, await vector.by(live.embedder), statistics)
        found, facets = await asyncio.gather(self._find(asked, live, queries, timer), self._facets(asked, live, timer))
        ranked = await self._rerank(asked, found.candidates, timer)
        stems = asked_terms(asked.query.text, live.text.languages)
        telling = Telling(asked, live, stems, statistics, ranked.scores)
        content = Content(
            version=live.name,
            topic=live.topic,
            query=telling.query(self._ranking.reranking.model),
            results=telling.results(ranked.candidates[asked.request.offset : asked.end]),
            facets=facet_counts(facets),
            reranked=bool(ranked.scores),
            degraded=[] if ranked.degraded is None else [ranked.degraded.value],
        )
        number = None if statistics is None else statistics.number
        return Computed(content, number, found.searched, found.met, found.settled)

    async def _find(self, asked: Asked, live: LiveVersion, queries: list[Query], timer: Timer) -> _Found:
        request = asked.request

        def passes(record: LedgerRecord) -> bool:
            return request.filters is None or matches(request.filters, record.metadata, self._rules.fields)

        with timer.stage(Stage.RETRIEVE):
            if not queries:
                listing = await newest(
                    live.reader, request.filters, limit=asked.end, tenant=request.tenant, passes=passes
                )
                return _Found(listing.candidates, (), listing.met, listing.settled)
            retrieved = await retrieve(
                live.reader,
                queries,
                length=self._rules.list_length,
                filters=request.filters,
                tenant=request.tenant,
                passes=passes,
            )
        with timer.stage(Stage.FUSE):
            fused = fuse(retrieved, self._ranking.fusion, limit=max(asked.end, DEPTH * request.limit))
        searched = tuple(map(Searched, queries, retrieved.last))
        return _Found(fused, searched, retrieved.met, retrieved.settled)

    async def _facets(self, asked: Asked, live: LiveVersion, timer: Timer) -> Mapping[str, Sequence[ValueCount]]:
        request = asked.request
        if not request.facets:
            return {}
        with timer.stage(Stage.FACETS):
            return await live.reader.facets(
                request.facets, limit=request.facet_limit, filters=request.filters, tenant=request.tenant
            )

    async def _rerank(self, asked: Asked, found: Sequence[Candidate], timer: Timer) -> Reranked:
        if not asked.request.rerank or asked.query.is_empty or not found:
            return Reranked(found)
        reranking = self._ranking.reranking
        with nullcontext() if reranking.model is None else timer.stage(Stage.RERANK):
            return await reranking.order(asked.query.text, found, limit=asked.request.limit)


def _queries(asked: Asked, live: LiveVersion, vector: Vector | None, statistics: TermStatistics | None) -> list[Query]:
    """A vector for each list."""
    queries: list[Query] = [] if vector is None else [vector]
    if "sparse" in asked.lists:
        queries.append(live.text.query(asked.query.text, statistics))
    return queries
