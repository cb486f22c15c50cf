"""From a search request to its answer.

request → normalise → resolve the live version, embed the query → retrieve → page → answer
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from freshet.schemas.errors import FreshetError
from freshet.schemas.http import IndexState, PassageScore, SearchAnswer, SearchRequest, SearchResult
from freshet.search.embedding.base import Embedder
from freshet.search.health import Check
from freshet.search.highlights import highlights
from freshet.search.index.records import Vector
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics, Stage
from freshet.search.query import normalise
from freshet.search.retrieval import PASSAGES, Candidate, retrieve
from freshet.search.terms import asked_terms

MAX_QUERY_CHARACTERS: Final = 8_000


class InvalidSearch(FreshetError):  # noqa: N818 (what it is, as the answer calls it)
    """A search that cannot be answered as it was asked: the field at fault, and a sentence for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message


class SearchService:
    """Answers searches. Safe to call from several tasks at once."""

    def __init__(
        self,
        *,
        index: LiveIndex,
        embedder: Embedder,
        metrics: SearchMetrics,
        tenants: bool = False,
        clock: Callable[[], float] = time.perf_counter,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._metrics = metrics
        self._tenants = tenants
        self._clock = clock
        self._new_id = new_id
        self._model_answered = False

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Answer a request. Raises InvalidSearch, and what the index and the model raise (schemas/errors.py)."""
        timer = _Timer(self._clock, self._metrics)
        query = self._check(request)
        live, vector = await asyncio.gather(self._resolve(timer), self._embed_query(query, timer))
        with timer.stage(Stage.RETRIEVE):
            end = request.offset + request.limit
            found = await retrieve(live.reader, vector, limit=end, tenant=request.tenant)
        asked = asked_terms(query)
        return SearchAnswer(
            query_id=self._new_id(),
            results=[_result(each, asked, explain=request.explain) for each in found[request.offset :]],
            took_ms=timer.took_ms(),
            stages=timer.stages,
            degraded=[],
            index=IndexState(version=live.name),
        )

    def checks(self) -> Mapping[str, Check]:
        """What must work before searches are sent here: a live version that can be reached, and the model."""
        return {"index": self._index.current, "embedder": self._try_model}

    def _check(self, request: SearchRequest) -> str:
        """The normalised query of a request that can be answered."""
        if self._tenants and request.tenant is None:
            raise InvalidSearch("tenant", "tenants are on, so every search names its tenant")
        if not self._tenants and request.tenant is not None:
            raise InvalidSearch("tenant", "tenants are off, so a search names none")
        if request.offset >= PASSAGES:
            message = f"must be below {PASSAGES}: a search looks at that many passages, so no page lies beyond"
            raise InvalidSearch("offset", message)
        if len(request.query) > MAX_QUERY_CHARACTERS:
            raise InvalidSearch("query", f"has {len(request.query)} characters, the limit is {MAX_QUERY_CHARACTERS}")
        query = normalise(request.query)
        if not query:
            raise InvalidSearch("query", "is empty: ask with at least one visible character")
        return query

    async def _resolve(self, timer: _Timer) -> LiveVersion:
        with timer.stage(Stage.RESOLVE):
            return await self._index.current()

    async def _embed_query(self, query: str, timer: _Timer) -> Vector:
        with timer.stage(Stage.EMBED):
            return await self._embed(query)

    async def _embed(self, query: str) -> Vector:
        embedded = await self._embedder.embed([query], purpose="query")
        self._model_answered = True
        vector: Vector = embedded.vectors[0]
        return vector

    async def _try_model(self) -> None:
        # Once: a remote model is paid for, so probes must not ask it again and again.
        if not self._model_answered:
            await self._embed("ready")


class _Timer:
    """How long a search and its stages take."""

    def __init__(self, clock: Callable[[], float], metrics: SearchMetrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._start = clock()
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        start = self._clock()
        yield
        seconds = self._clock() - start
        self._metrics.stage(stage, seconds)
        self.stages[stage] = _milliseconds(seconds)

    def took_ms(self) -> float:
        return _milliseconds(self._clock() - self._start)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _result(candidate: Candidate, asked: frozenset[str], *, explain: bool) -> SearchResult:
    record = candidate.record
    return SearchResult(
        id=record.id,
        score=candidate.score,
        title=record.title,
        text=candidate.text,
        highlights=highlights(asked, candidate.text),
        metadata=dict(record.metadata),
        passages=_scores(candidate, record.passages) if explain else None,
    )


def _scores(candidate: Candidate, listed: Sequence[str]) -> list[PassageScore]:
    return [PassageScore(id=hit.id, position=listed.index(hit.id), score=hit.score) for hit in candidate.passages]
