"""From a search request to its answer.

request → normalise → resolve the live version, embed the query → retrieve → fuse → page → answer
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from freshet.schemas.errors import FreshetError
from freshet.schemas.http import IndexState, ListName, Mode, QueryExplanation, SearchAnswer, SearchRequest
from freshet.search.answering import explained, result
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedder
from freshet.search.fusion import Candidate, Fusion, fuse
from freshet.search.health import Check
from freshet.search.index.records import Vector
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics, Stage
from freshet.search.query import normalise
from freshet.search.retrieval import retrieve
from freshet.search.statistics import TermStatistics
from freshet.search.terms import asked_terms
from freshet.search.timing import Timer

MAX_QUERY_CHARACTERS: Final = 8_000
LISTS: Final[Mapping[Mode, tuple[ListName, ...]]] = {
    "hybrid": ("dense", "sparse"),
    "dense": ("dense",),
    "sparse": ("sparse",),
}


class InvalidSearch(FreshetError):  # noqa: N818 (what it is, as the answer calls it)
    """A search that cannot be answered as it was asked: the field at fault, and a sentence for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Ranking:
    """How documents are found: the weights of terms, how many passages a list holds, and how lists are fused."""

    text: Bm25 = field(default_factory=Bm25)
    list_length: int = 100
    fusion: Fusion = Fusion.MINMAX


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that can be answered, with its normalised query."""

    request: SearchRequest
    query: str

    @property
    def lists(self) -> tuple[ListName, ...]:
        return LISTS[self.request.mode]


class SearchService:
    """Answers searches. Safe to call from several tasks at once."""

    def __init__(
        self,
        *,
        index: LiveIndex,
        embedder: Embedder,
        metrics: SearchMetrics,
        ranking: Ranking = Ranking(),
        tenants: bool = False,
        clock: Callable[[], float] = time.perf_counter,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._metrics = metrics
        self._ranking = ranking
        self._tenants = tenants
        self._clock = clock
        self._new_id = new_id
        self._model_answered = False

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """Answer a request. Raises InvalidSearch, and what the index and the model raise (schemas/errors.py)."""
        timer = Timer(self._clock, self._metrics)
        asked = self._check(request)
        (live, statistics), vector = await asyncio.gather(self._resolve(timer), self._vector(asked, timer))
        vectors = {"dense": vector, "sparse": self._ranking.text.query(asked.query, statistics)}
        with timer.stage(Stage.RETRIEVE):
            queries = [each for name in asked.lists if (each := vectors[name]) is not None]
            length = self._ranking.list_length
            retrieved = await retrieve(live.reader, queries, length=length, tenant=request.tenant)
        with timer.stage(Stage.FUSE):
            found = fuse(retrieved, self._ranking.fusion)
        page = found[request.offset : request.offset + request.limit]
        return self._answer(asked, live, statistics, page, timer)

    def checks(self) -> Mapping[str, Check]:
        """What must work before searches are sent here: a live version that can be reached, and the model."""
        return {"index": self._index.current, "embedder": self._try_model}

    def _answer(
        self,
        asked: _Asked,
        live: LiveVersion,
        statistics: TermStatistics | None,
        page: list[Candidate],
        timer: Timer,
    ) -> SearchAnswer:
        languages, explain = self._ranking.text.languages, asked.request.explain
        stems = asked_terms(asked.query, languages)
        results = [
            result(
                each,
                asked=stems,
                languages=languages,
                explanation=explained(each, asked.lists, live.topic) if explain else None,
            )
            for each in page
        ]
        number = None if statistics is None else statistics.number
        about = QueryExplanation(text=asked.query, terms=sorted(stems), statistics=number) if explain else None
        return SearchAnswer(
            query_id=self._new_id(),
            query=about,
            results=results,
            took_ms=timer.took_ms(),
            stages=timer.stages,
            degraded=[],
            index=IndexState(version=live.name),
        )

    def _check(self, request: SearchRequest) -> _Asked:
        if self._tenants and request.tenant is None:
            raise InvalidSearch("tenant", "tenants are on, so every search names its tenant")
        if not self._tenants and request.tenant is not None:
            raise InvalidSearch("tenant", "tenants are off, so a search names none")
        length = self._ranking.list_length
        if request.offset >= length:
            told = f"must be below {length}, the length of a list, which FRESHET_SEARCH__LIST_LENGTH sets"
            raise InvalidSearch("offset", told)
        if len(request.query) > MAX_QUERY_CHARACTERS:
            raise InvalidSearch("query", f"has {len(request.query)} characters, the limit is {MAX_QUERY_CHARACTERS}")
        query = normalise(request.query)
        if not query:
            raise InvalidSearch("query", "is empty: ask with at least one visible character")
        return _Asked(request, query)

    async def _resolve(self, timer: Timer) -> tuple[LiveVersion, TermStatistics | None]:
        with timer.stage(Stage.RESOLVE):
            live = await self._index.current()
            return live, await live.snapshots.current()

    async def _vector(self, asked: _Asked, timer: Timer) -> Vector | None:
        if "dense" not in asked.lists:
            return None
        with timer.stage(Stage.EMBED):
            return await self._embed(asked.query)

    async def _embed(self, query: str) -> Vector:
        embedded = await self._embedder.embed([query], purpose="query")
        self._model_answered = True
        vector: Vector = embedded.vectors[0]
        return vector

    async def _try_model(self) -> None:
        # Once: a remote model is paid for, so probes must not ask it again and again.
        if not self._model_answered:
            await self._embed("ready")
