"""A search service with its cache, over documents in memory that are edited and announced by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from freshet.schemas.feed import Change, Fields
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.search.asking import SearchRules
from freshet.search.computing import NO_RERANKING, Ranking
from freshet.search.feed.base import Several
from freshet.search.feed.changes import pack, read_change
from freshet.search.feed.ring import Ring
from freshet.search.index.base import Query, VersionInfo
from freshet.search.index.facts import told_as
from freshet.search.index.records import Hit
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.load import Admission
from freshet.search.metrics import SearchMetrics
from freshet.search.recording import Recording
from freshet.search.reranking import Reranking
from freshet.search.results.cache import ResultCache, Way
from freshet.search.results.lifetimes import Lifetimes
from freshet.search.results.memory import HotResults
from freshet.search.results.metrics import ResultMetrics
from freshet.search.service import SearchService
from tests.support.following import HandFollowing
from tests.unit.search.http.world import VERSION, ListLog, MemoryReader, Versions, WordEmbedder

GONE = Fields(present=False, metadata=None)
FIRST = "1"  # of the incarnations of the version
TOLD = told_as(VERSION, FIRST)  # what the change feed calls that


class GatedReader(MemoryReader):
    """Stops before each search of passages where `gate` is cleared, and counts the searches."""

    def __init__(self, fields: Mapping[str, Kind]) -> None:
        super().__init__()
        self.fields = fields
        self.gate = asyncio.Event()
        self.gate.set()
        self.searched = 0

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        self.searched += 1
        await self.gate.wait()
        return await super().nearest(queries, limit=limit, filters=filters, tenant=tenant)


class NamedVersions(Versions):
    """Versions with more facts: an incarnation, and perhaps `built_to`."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: dict[str, Any] = {"incarnation": FIRST}

    async def describe(self, version: str) -> VersionInfo | None:
        info = await super().describe(version)
        assert info is not None
        return VersionInfo(info.name, info.dimension, {**info.metadata, **self.facts})


class DictResults:
    """`SharedResults` in a dictionary."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.ttls: list[float] = []

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def put(self, key: str, value: bytes, *, ttl: float) -> None:
        self.values[key] = value
        self.ttls.append(ttl)

    async def close(self) -> None:
        return


@dataclass
class Kept:
    """One process. Several share an index by `reader` and `versions`, and entries by `shared`."""

    fields: Mapping[str, Kind] = field(default_factory=dict)
    shared: DictResults | None = None
    reader: GatedReader | None = None
    versions: NamedVersions = field(default_factory=NamedVersions)
    reranking: Reranking = NO_RERANKING
    shape: str = "shape"
    list_length: int = 2
    max_bytes: int = 1 << 20
    now: float = 1_000.0
    places: int = 64

    def __post_init__(self) -> None:
        self.index = self.reader or GatedReader(self.fields)
        self.registry, self.embedder, self.quality = CollectorRegistry(), WordEmbedder(), ListLog()
        self.ring = Ring(max_bytes=1 << 20)
        self.lifetimes = Lifetimes(least=60, most=3_600, clock=lambda: self.now, chance=lambda: 0.0)
        self.following = HandFollowing(Several((self.ring, self.lifetimes)))
        self.memory = HotResults(max_bytes=self.max_bytes)
        metrics = SearchMetrics(self.registry)
        self.admission = Admission(places=self.places, seconds=5, observer=metrics)
        self.live = LiveIndex(
            versions=self.versions,
            open_version=lambda info: LiveVersion.of(info, self.index, self.embedder),
            clock=lambda: self.now,
        )
        self.cache = ResultCache(
            following=self.following,
            ring=self.ring,
            memory=self.memory,
            shared=self.shared,
            way=Way(self.fields, self.shape),
            lifetimes=self.lifetimes,
            metrics=ResultMetrics(self.registry),
            clock=lambda: self.now,
        )
        self.service = SearchService(
            index=self.live,
            embedder=self.embedder,
            metrics=metrics,
            rules=SearchRules(fields=self.fields, list_length=self.list_length),
            ranking=Ranking(reranking=self.reranking),
            recording=Recording(self.quality),
            following=self.following,
            results=self.cache,
            admission=self.admission,
        )

    def edit(self, key: str, *texts: str, tell: bool = True, **metadata: Any) -> Callable[[], None]:
        """Write a document; without a text it ends. Announces it, or returns what does."""
        before = self.index.records.get(key)
        for id_ in before.passages if before else ():
            self.index.stored.pop(id_, None)
        self.index.put(key, *texts, deleted=not texts, searchable_at=float(len(self.index.records)), **metadata)
        stored = [self.index.stored[id_] for id_ in self.index.records[key].passages]
        passages, error = pack([(each.vector, each.terms) for each in stored])  # type: ignore[misc]
        change = Change(
            index_version=VERSION,
            incarnation=FIRST,
            outcome="indexed",
            origin="documents/0@1",
            key=key,
            before=GONE if before is None or before.deleted else _fields(before.metadata),
            after=_fields(metadata) if texts else GONE,
            passages=passages,
            error=error,
        )

        def announce() -> None:
            self.following.tell(read_change(change, partition=0, offset=self.following.position))

        if tell:
            announce()
        return announce

    async def search(
        self, query: str = "cat", *, at_least: Mapping[int, int] | None = None, **given: Any
    ) -> SearchAnswer:
        return await self.service.search(SearchRequest(query=query, **given), at_least=at_least)

    def outcomes(self) -> dict[str, int]:
        return self._samples("freshet_result_cache_requests_total", "outcome")

    def reasons(self) -> dict[str, int]:
        return self._samples("freshet_result_cache_invalidations_total", "reason")

    def _samples(self, name: str, label: str) -> dict[str, int]:
        samples = [each for family in self.registry.collect() for each in family.samples if each.name == name]
        return {each.labels[label]: int(each.value) for each in samples if each.value}


def _fields(metadata: Mapping[str, Any]) -> Fields:
    return Fields(present=True, metadata=dict(metadata))


def shown(answer: SearchAnswer) -> list[str]:
    return [result.id for result in answer.results]
