"""What a search reads of a collection."""

from __future__ import annotations

from typing import Final

from qdrant_client import models

from freshet.search.index.qdrant.conditions import alive, ledger, of_tenant
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.lookup import Lookup
from freshet.search.index.qdrant.payloads import DENSE, HIT, hit, ledger_record
from freshet.search.index.records import Hit, LedgerRecord, Vector

_NEWEST_FIRST: Final = models.OrderBy(key="searchable_at", direction=models.Direction.DESC)


class QdrantReader(Lookup):
    """`IndexReader` over one collection; a read-only key is enough."""

    async def nearest(self, vector: Vector, *, limit: int, tenant: str | None = None) -> list[Hit]:
        with translated("search"):
            answer = await self._client.query_points(
                self._collection,
                query=vector.tolist(),
                using=DENSE,
                query_filter=None if tenant is None else of_tenant(tenant),
                limit=limit,
                with_payload=HIT,
            )
        return [hit(point) for point in answer.points]

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        with translated("read the newest ledger record"):
            points, _ = await self._client.scroll(self._collection, ledger(tenant), limit=1, order_by=_NEWEST_FIRST)
        return ledger_record(points[0]) if points else None

    async def documents(self, *, tenant: str | None = None) -> int:
        with translated("count documents"):
            return (await self._client.count(self._collection, alive(tenant), exact=True)).count
