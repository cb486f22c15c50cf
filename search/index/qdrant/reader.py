"""What a search reads of a collection."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from qdrant_client import models

from freshet.schemas.filters import Filter
from freshet.search.index.qdrant.browsing import NEWEST_FIRST, browse
from freshet.search.index.qdrant.conditions import documents, ledger, passages_of
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.lookup import Lookup
from freshet.search.index.qdrant.payloads import DENSE, HIT, hit, ledger_record
from freshet.search.index.records import Hit, LedgerRecord, Place, ValueCount, Vector


class QdrantReader(Lookup):
    """`IndexReader` over one collection; a read-only key is enough."""

    async def nearest(
        self, vector: Vector, *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[Hit]:
        with translated("search"):
            answer = await self._client.query_points(
                self._collection,
                query=vector.tolist(),
                using=DENSE,
                query_filter=passages_of(filters, tenant),
                limit=limit,
                with_payload=HIT,
            )
        return [hit(point) for point in answer.points]

    async def newest(self) -> LedgerRecord | None:
        with translated("read the newest ledger record"):
            points, _ = await self._client.scroll(self._collection, ledger(), limit=1, order_by=NEWEST_FIRST)
        return ledger_record(points[0]) if points else None

    async def count(self, filters: Filter | None = None, *, tenant: str | None = None) -> int:
        with translated("count documents"):
            return (await self._client.count(self._collection, documents(filters, tenant), exact=True)).count

    async def facets(
        self, keys: Collection[str], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> dict[str, list[ValueCount]]:
        condition = documents(filters, tenant)
        counts = await asyncio.gather(*(self._facet(key, condition, limit) for key in keys))
        return dict(zip(keys, counts, strict=True))

    async def browse(
        self, filters: Filter | None = None, *, limit: int, tenant: str | None = None, after: Place | None = None
    ) -> list[LedgerRecord]:
        with translated("list documents"):
            return await browse(self._client, self._collection, filters, tenant, limit=limit, after=after)

    async def _facet(self, key: str, condition: models.Filter, limit: int) -> list[ValueCount]:
        with translated("count values"):
            answer = await self._client.facet(self._collection, key, condition, limit=limit, exact=True)
        counts = [ValueCount(found.value, found.count) for found in answer.hits]
        return sorted(counts, key=lambda each: (-each.count, each.value))
