"""A search of documents whose states are chosen: what an exact index would answer, by the code that answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry

from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.schemas.matching import matches
from freshet.search.asking import SearchRules
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedder
from freshet.search.index.base import Query, VersionInfo
from freshet.search.index.records import Hit, LedgerRecord, Passage, StoredPassage, Vector
from freshet.search.live import LiveVersion
from freshet.search.metrics import SearchMetrics
from freshet.search.service import SearchService
from freshet.search.snapshots import Snapshots
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics
from tests.support.ledger_reading import LedgerReading
from tests.support.ties import Ties

BY_KEYS: Final = Ties()


@dataclass(frozen=True, slots=True)
class State:
    """A document as a search may find it: its record, and those of its passages that were there to be found."""

    record: LedgerRecord
    found: tuple[str, ...]

    @property
    def identity(self) -> tuple[object, ...]:
        return self.record.key, self.record.rank, self.record.searchable_at, self.found


class ExactSearch:
    """Answers requests about an index that is made for each of them."""

    def __init__(self, *, embedder: Embedder, text: Bm25, rules: SearchRules) -> None:
        self._frozen = _Frozen(rules.fields)
        self._snapshots = _Fixed()
        info = VersionInfo("exact", 0, {"topic": "documents"})
        live: Any = _Only(LiveVersion(info, self._frozen, embedder, text, self._snapshots))
        metrics = SearchMetrics(CollectorRegistry())
        self._service = SearchService(index=live, embedder=embedder, metrics=metrics, rules=rules)

    async def ask(
        self,
        request: SearchRequest,
        states: Sequence[State],
        passages: Mapping[str, Passage],
        statistics: TermStatistics | None,
        *,
        ties: Ties = BY_KEYS,
    ) -> SearchAnswer:
        """The answer where the documents are in these states."""
        self._frozen.show(states, passages)
        self._snapshots.statistics, self._frozen.ties = statistics, ties
        return await self._service.search(request)


def score(vector: Vector, terms: SparseVector, query: Query) -> float:
    return query.dot(terms) if isinstance(query, SparseVector) else float(query @ vector)


def nearest(
    passages: Iterable[Passage],
    query: Query,
    fields: Mapping[str, Kind],
    *,
    limit: int,
    filters: Filter | None,
    tenant: str | None,
    ties: Ties = BY_KEYS,
) -> list[Hit]:
    """The nearest, best first."""
    sparse = isinstance(query, SparseVector)

    def order(hit: Hit) -> tuple[float, tuple[int, str], str]:
        return -hit.score, ties.place(hit, sparse=sparse), hit.id

    hits = [
        Hit(each.id, each.key, each.text, score(each.vector, each.terms, query), each.rank)
        for each in passages
        if tenant in (None, each.tenant) and (filters is None or matches(filters, each.metadata, fields))
    ]
    shown = [hit for hit in hits if hit.score > 0 or not sparse]
    return sorted(shown, key=order)[:limit]


def stored(passage: Passage, *, vectors: bool) -> StoredPassage:
    found = (passage.vector, passage.terms) if vectors else (None, None)
    return StoredPassage(passage.id, passage.key, passage.text, passage.partition, passage.rank, *found)


class _Frozen(LedgerReading):
    """An index that nobody writes to."""

    def __init__(self, fields: Mapping[str, Kind]) -> None:
        super().__init__(fields)
        self.ties = BY_KEYS
        self._passages: dict[str, Passage] = {}

    def show(self, states: Sequence[State], ever: Mapping[str, Passage]) -> None:
        self.records = {each.record.key: each.record for each in states}
        self._passages = {id_: ever[id_] for each in states for id_ in each.found}

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        there, ties = self._passages.values(), self.ties
        return [
            nearest(there, each, self.fields, limit=limit, filters=filters, tenant=tenant, ties=ties)
            for each in queries
        ]

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        return {key: self.records[key] for key in keys if key in self.records}

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        return {id_: stored(self._passages[id_], vectors=vectors) for id_ in ids if id_ in self._passages}

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        return known


class _Fixed(Snapshots):
    """One snapshot of term statistics."""

    def __init__(self) -> None:
        self.statistics: TermStatistics | None = None

    async def current(self) -> TermStatistics | None:
        return self.statistics


class _Only:
    """The only version that there is."""

    def __init__(self, live: LiveVersion) -> None:
        self.last = self.seen = live

    async def current(self, *, within: float = 0.0) -> LiveVersion:  # noqa: ARG002
        return self.last

    async def use(self, work: Any, *, within: float = 0.0) -> Any:  # noqa: ARG002
        return await work(self.last)
