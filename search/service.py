"""From a search request to its answer.

request → check → resolve the live version, embed the query → retrieve → fuse → rerank → page → answer
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from freshet.schemas.fields import Kind
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.schemas.matching import matches
from freshet.search.answering import Telling, facet_counts
from freshet.search.asking import Asked, SearchRules
from freshet.search.browsing import newest
from freshet.search.early import QueryVector
from freshet.search.embedding.base import Embedder
from freshet.search.feed.base import Following
from freshet.search.freshness import index_state
from freshet.search.fusion import Candidate, Fusion, fuse
from freshet.search.health import Check
from freshet.search.index.base import Query
from freshet.search.index.records import LedgerRecord, ValueCount, Vector
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import Degraded, SearchMetrics, Stage
from freshet.search.recording import Recording
from freshet.search.rerank.base import RerankOff
from freshet.search.reranking import DEPTH, Reranked, Reranking
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


@dataclass(frozen=True, slots=True)
class Offer:
    """What searches can ask for that not every service has: declared fields by their paths, and a reranker."""

    fields: Mapping[str, Kind]
    reranking: bool


class SearchService:
    """Answers searches. Safe to call from several tasks at once.

    `embedder` is the model that a version is supposed to have while none was live yet. Without `following` answers
    say no watermarks.
    """

    def __init__(
        self,
        *,
        index: LiveIndex,
        embedder: Embedder,
        metrics: SearchMetrics,
        rules: SearchRules,
        ranking: Ranking = Ranking(),
        recording: Recording | None = None,
        following: Following | None = None,
        clock: Callable[[], float] = time.perf_counter,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._metrics = metrics
        self._rules = rules
        self._ranking = ranking
        self._recording = recording
        self._following = following
        self._clock = clock
        self._new_id = new_id
        self._tried: set[str] = set()

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Answer a request. Raises InvalidSearch, and what the index and the model raise (schemas/errors.py)."""
        timer = Timer(self._clock, self._metrics)
        asked = self._rules.check(request)
        with QueryVector(asked, timer).begun(self._likely) as vector:
            answer = await self._index.use(partial(self._answer, asked, vector, timer))
        if self._recording is not None:
            self._recording.answered(asked, answer)
        return answer

    async def _answer(self, asked: Asked, vector: QueryVector, timer: Timer, live: LiveVersion) -> SearchAnswer:
        """The answer of one version. Its watermarks are noted before it is read, so that it is true at them."""
        state = index_state(self._following, live.info)
        statistics = await live.snapshots.current()
        timer.ended(Stage.RESOLVE)
        queries = _queries(asked, live, await vector.by(live.embedder), statistics)
        found, facets = await asyncio.gather(self._find(asked, live, queries, timer), self._facets(asked, live, timer))
        ranked = await self._rerank(asked, found, timer)
        stems = asked_terms(asked.query.text, live.text.languages)
        telling = Telling(asked, live, stems, statistics, ranked.scores)
        return SearchAnswer(
            query_id=self._new_id(),
            query=telling.query(self._ranking.reranking.model),
            results=telling.results(ranked.candidates[asked.request.offset : asked.end]),
            facets=facet_counts(facets),
            reranked=bool(ranked.scores),
            took_ms=timer.took_ms(),
            stages=timer.stages,
            degraded=[reason.value for reason in self._degraded(ranked)],
            index=state,
        )

    @property
    def offer(self) -> Offer:
        """What can be asked for here."""
        return Offer(self._rules.fields, reranking=self._ranking.reranking.model is not None)

    def checks(self) -> Mapping[str, Check]:
        """What must work before searches are sent here: a live version that can be reached, and the model."""
        return {"index": self._index.current, "embedder": self._try_model}

    async def _find(self, asked: Asked, live: LiveVersion, queries: list[Query], timer: Timer) -> Sequence[Candidate]:
        request = asked.request

        def passes(record: LedgerRecord) -> bool:
            return request.filters is None or matches(request.filters, record.metadata, self._rules.fields)

        with timer.stage(Stage.RETRIEVE):
            if not queries:
                return await newest(live.reader, request.filters, limit=asked.end, tenant=request.tenant, passes=passes)
            retrieved = await retrieve(
                live.reader,
                queries,
                length=self._rules.list_length,
                filters=request.filters,
                tenant=request.tenant,
                passes=passes,
            )
        with timer.stage(Stage.FUSE):
            return fuse(retrieved, self._ranking.fusion, limit=max(asked.end, DEPTH * request.limit))

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

    def _degraded(self, ranked: Reranked) -> list[Degraded]:
        """What the answer has to do without; it is counted."""
        found = [] if ranked.degraded is None else [ranked.degraded]
        if self._following is not None and not self._following.sure:
            found.append(Degraded.CHANGES_UNKNOWN)
        for reason in found:
            self._metrics.degraded(reason)
        return found

    @property
    def _likely(self) -> Embedder:
        """The model of the version that was live last; another one is live once in a long while."""
        return self._embedder if self._index.last is None else self._index.last.embedder

    async def _try_model(self) -> None:
        # Once each: a remote model is paid for, so probes must not ask it again and again.
        embedder = self._likely
        if embedder.model.fingerprint not in self._tried:
            await embedder.embed(["ready"], purpose="query")
            self._tried.add(embedder.model.fingerprint)


def _queries(asked: Asked, live: LiveVersion, vector: Vector | None, statistics: TermStatistics | None) -> list[Query]:
    """A vector for each list."""
    queries: list[Query] = [] if vector is None else [vector]
    if "sparse" in asked.lists:
        queries.append(live.text.query(asked.query.text, statistics))
    return queries
