"""A search service on a few documents in memory, with every part of it open to be broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from aiohttp import ClientResponse, ClientSession
from prometheus_client import CollectorRegistry
from yarl import URL

from freshet.schemas.decoding import Record, Rules
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.filters import Filter
from freshet.schemas.keys import digest, document_key, passage_id
from freshet.schemas.positions import FreshnessToken, Place, Rank
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.search.asking import SearchRules
from freshet.search.bm25 import Bm25
from freshet.search.computing import NO_RERANKING, Ranking
from freshet.search.documents.composing import Composer
from freshet.search.documents.explaining import Explainer
from freshet.search.documents.facts import LogFacts, Looked
from freshet.search.embedding.base import Embedded, Model, Purpose
from freshet.search.feed.base import Following
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.freshness import Freshness
from freshet.search.http.app import create_app
from freshet.search.http.connections import Limits
from freshet.search.http.options import HttpOptions
from freshet.search.http.serving import serve
from freshet.search.index.base import Query, VersionInfo
from freshet.search.index.records import Hit, LedgerRecord, StoredPassage, Vector
from freshet.search.limits.memory import MemoryLimiter
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.load import Admission
from freshet.search.metrics import SearchMetrics
from freshet.search.recording import Recording
from freshet.search.reranking import Reranking
from freshet.search.results.base import Answers
from freshet.search.results.popular import Popular
from freshet.search.service import SearchService
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics
from freshet.search.watching import IndexWatch
from tests.support.ledger_reading import LedgerReading

DIMENSION = 256
VERSION = "documents__abc"


class WordEmbedder:
    """Texts are near when they share words."""

    def __init__(self) -> None:
        self.model = Model("test", "words", DIMENSION, 512)
        self.failure: Exception | None = None
        self.asked: list[tuple[str, Purpose]] = []

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        if self.failure is not None:
            raise self.failure
        self.asked += [(text, purpose) for text in texts]
        return Embedded(np.stack([vector_of(text) for text in texts]), len(texts))

    def token_ends(self, text: str) -> Sequence[int]:
        return range(1, len(text) + 1)

    async def close(self) -> None:
        return


def vector_of(text: str) -> Vector:
    vector = np.full(DIMENSION, 1e-3, np.float32)
    for word in text.lower().split():
        vector[int(digest(word), 16) % DIMENSION] += 1
    return vector / np.float32(np.linalg.norm(vector))


def score_of(passage: StoredPassage, query: Query) -> float:
    assert passage.vector is not None
    assert passage.terms is not None
    return query.dot(passage.terms) if isinstance(query, SparseVector) else float(query @ passage.vector)


class MemoryReader(LedgerReading):
    """Passages and ledger records in dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, StoredPassage] = {}
        self.failure: Exception | None = None
        self.snapshot: TermStatistics | None = None

    def put(
        self,
        document_id: str,
        *texts: str,
        title: str = "",
        tenant: str | None = None,
        event_time: float = 0.0,
        searchable_at: float = 0.0,
        deleted: bool = False,
        **metadata: Any,
    ) -> None:
        key, rank = document_key(document_id, tenant), Rank(0, len(self.records))
        ids = tuple(passage_id(key, text, number, "") for number, text in enumerate(texts))
        for id_, text in zip(ids, texts, strict=True):
            self.stored[id_] = StoredPassage(id_, key, text, 0, rank, vector_of(text), Bm25().passage(text, metadata))
        times = event_time, searchable_at
        self.records[key] = LedgerRecord(
            key, document_id, tenant, 0, rank, None, *times, "", "", title, metadata, ids, len(texts), deleted
        )

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        if self.failure is not None:
            raise self.failure
        return [self._list(query, filters, tenant)[:limit] for query in queries]

    def _list(self, query: Query, filters: Filter | None, tenant: str | None) -> list[Hit]:
        hits = [
            Hit(each.id, each.key, each.text, score_of(each, query), each.rank)
            for each in self.stored.values()
            if self.passes(each.key, filters, tenant)
        ]
        shown = [hit for hit in hits if hit.score > 0 or not isinstance(query, SparseVector)]
        return sorted(shown, key=lambda hit: -hit.score)

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        return known if known is not None else self.snapshot

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        return {key: self.records[key] for key in keys if key in self.records}

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        found = [self.stored[id_] for id_ in ids if id_ in self.stored]
        return {each.id: each if vectors else replace(each, vector=None, terms=None) for each in found}

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        if self.failure is not None:
            raise self.failure
        return await super().newest(tenant=tenant)


class Versions:
    """Which version is live; `described` counts how often one was looked up."""

    def __init__(self, name: str | None = VERSION) -> None:
        self.name = name
        self.described: list[str] = []

    async def live(self) -> str | None:
        return self.name

    async def describe(self, version: str) -> VersionInfo | None:
        self.described.append(version)
        facts = {"topic": "documents", "model": "words", "languages": ["en"], "average_length": 100}
        return VersionInfo(version, DIMENSION, facts)

    async def create(self, info: VersionInfo) -> None:
        raise NotImplementedError

    async def record(self, version: str, facts: Mapping[str, object]) -> None:
        raise NotImplementedError

    async def names(self) -> list[str]:
        raise NotImplementedError

    async def drop(self, version: str) -> None:
        raise NotImplementedError

    async def make_live(self, version: str) -> None:
        self.name = version


class FactsOfLog:
    """What the log is said to know, by document key: at first an event each of the documents that examples name."""

    def __init__(self) -> None:
        self.facts = {key: waiting(key) for key in ("kb-17", "a/b")}
        self.asked: list[str] = []

    async def look(self, key: str, *, held: Place | None, version: str) -> LogFacts:  # noqa: ARG002
        self.asked.append(key)
        return self.facts.get(key, LogFacts(looked={"documents": Looked(10, 10)}, has_letters=True))


def waiting(key: str, offset: int = 9, done: int = 9) -> LogFacts:
    """The log has an event of a document; workers have done all below `done`."""
    record = Record(
        "documents", 0, offset, 1.0, key.encode(), b'{"type": "upsert", "id": "%s", "text": "t"}' % key.encode()
    )
    return LogFacts(newest=record, next={0: done}, has_letters=True)


class ListPublisher:
    """A log in a list, of one partition."""

    def __init__(self) -> None:
        self.log: list[Upsert | Delete] = []
        self.failure: Exception | None = None

    async def publish(self, event: Upsert | Delete) -> FreshnessToken:
        return (await self.publish_many([event]))[0]

    async def publish_many(self, events: Sequence[Upsert | Delete]) -> list[FreshnessToken]:
        if self.failure is not None:
            raise self.failure
        start = len(self.log)
        self.log += events
        return [FreshnessToken("documents", 0, start + number) for number in range(len(events))]


class ListLog:
    """What was answered and what was said of it, in lists."""

    def __init__(self) -> None:
        self.answers: list[QueryRecord] = []
        self.judgements: list[FeedbackRecord] = []
        self.failure: Exception | None = None

    def put(self, record: QueryRecord) -> None:
        self.answers.append(record)

    async def judge(self, record: FeedbackRecord) -> None:
        if self.failure is not None:
            raise self.failure
        self.judgements.append(record)


@dataclass
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any = None

    @classmethod
    async def of(cls, response: ClientResponse) -> Answer:
        body = await response.read()
        parsed = await response.json() if "json" in response.content_type else None
        return cls(response.status, response.headers, body, parsed)


@dataclass
class World:
    """The parts, and a client that speaks to them over HTTP."""

    reader: MemoryReader = field(default_factory=MemoryReader)
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    versions: Versions = field(default_factory=Versions)
    publisher: ListPublisher = field(default_factory=ListPublisher)
    log: FactsOfLog = field(default_factory=FactsOfLog)
    quality: ListLog = field(default_factory=ListLog)
    with_text: bool = True
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    tenants: bool = False
    now: int = 0  # in microseconds, for what counts requests
    places: int = 64
    reranking: Reranking = NO_RERANKING
    results: Answers | None = None
    following: Following | None = None
    popular: Popular = field(default_factory=Popular)
    port: int = 0
    session: ClientSession | None = None

    def __post_init__(self) -> None:
        self.metrics, self.feed_metrics = SearchMetrics(self.registry), FeedMetrics(self.registry)
        self.admission = Admission(places=self.places, seconds=5, observer=self.metrics)
        self.index = LiveIndex(
            versions=self.versions, open_version=lambda info: LiveVersion.of(info, self.reader, self.embedder)
        )
        self.watch = IndexWatch(name="documents", index=self.index)
        self.service = SearchService(
            index=self.index,
            embedder=self.embedder,
            metrics=self.metrics,
            rules=SearchRules(tenants=self.tenants, fields=self.reader.fields),
            ranking=Ranking(reranking=self.reranking),
            recording=Recording(self.quality, with_text=self.with_text),
            results=self.results,
            admission=self.admission,
            following=self.following,
            popular=self.popular,
        )

    async def ask(self, method: str, path: str, **given: Any) -> Answer:
        assert self.session is not None
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self.session.request(method, url, **given) as response:
            return await Answer.of(response)

    async def search(self, query: str, **options: Any) -> Answer:
        return await self.ask("POST", "/search", json={"query": query, **options})

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    @asynccontextmanager
    async def serving(
        self, *, publishes: bool = True, limits: Limits | None = None, **options: Any
    ) -> AsyncIterator[World]:
        options.setdefault("rules", Rules(tenants=self.tenants))
        app = create_app(
            service=self.service,
            freshness=Freshness(index=self.index, following=self.following, metrics=self.feed_metrics),
            watch=self.watch,
            publisher=self.publisher if publishes else None,
            explainer=Explainer(
                versions=self.versions,
                open_reader=lambda _: self.reader,
                open_log=lambda _: self.log,
                composer=Composer(rules=options["rules"], price={"words": 20.0}.get),
                following=self.following,
            ),
            feedback=self.quality if publishes else None,
            checks=self.service.checks(),
            metrics=self.metrics,
            options=HttpOptions(**options),
            limiter=MemoryLimiter(clock=lambda: self.now),
        )
        serving = serve(app, host="127.0.0.1", port=0, limits=limits or Limits())
        async with serving as self.port, ClientSession() as self.session:
            yield self
