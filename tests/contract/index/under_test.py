"""The adapter under test, over one fresh collection."""

from __future__ import annotations

import uuid

from qdrant_client import AsyncQdrantClient

from freshet.schemas.filters import Filter
from freshet.search.index.base import (
    IndexReader,
    IndexVersions,
    IndexWriter,
    Query,
    StatisticsStore,
    Tombstones,
    VersionInfo,
)
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.qdrant.statistics import QdrantStatistics
from freshet.search.index.qdrant.tombstones import QdrantTombstones
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.search.index.records import Hit
from tests.contract.index.making import DIMENSION
from tests.support.filtering import FIELDS


class Index:
    """The ports to a collection of its own, and to others that a test makes beside it."""

    def __init__(self, client: AsyncQdrantClient, *, in_process: bool) -> None:
        self.client = client
        self.in_process = in_process
        self.alias = f"test-{uuid.uuid4().hex[:12]}"
        self._names: list[str] = []
        self.name = self.new_name()
        self.reader: IndexReader = self.reader_of(self.name)
        self.writer: IndexWriter = self.writer_of(self.name)
        self.statistics: StatisticsStore = QdrantStatistics(client, collection=self.name)
        self.tombstones: Tombstones = QdrantTombstones(client, collection=self.name)
        self.versions: IndexVersions = self.versions_of(self.alias)

    def new_name(self) -> str:
        self._names.append(f"{self.alias}__{len(self._names)}")
        return self._names[-1]

    def reader_of(self, collection: str) -> QdrantReader:
        return QdrantReader(self.client, collection=collection)

    def writer_of(self, collection: str) -> QdrantWriter:
        return QdrantWriter(self.client, collection=collection, dimension=DIMENSION)

    def versions_of(self, alias: str) -> QdrantVersions:
        return QdrantVersions(self.client, index=alias, fields=FIELDS)

    async def nearest(
        self, query: Query, *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[Hit]:
        """The list of a single query."""
        [hits] = await self.reader.nearest([query], limit=limit, filters=filters, tenant=tenant)
        return hits

    async def make(self) -> None:
        await self.versions.create(VersionInfo(self.name, DIMENSION, {"fingerprint": "first"}))

    async def drop(self) -> None:
        for name in self._names:
            await self.client.delete_collection(name)
