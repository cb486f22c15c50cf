"""What a search reads of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qdrant_client import models

from freshet.search.index.base import Query
from freshet.search.index.qdrant.conditions import alive, ledger, of_tenant
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.lookup import Lookup
from freshet.search.index.qdrant.payloads import DENSE, HIT, SPARSE, hit, ledger_record, sparse_vector
from freshet.search.index.qdrant.statistics import newest_statistics
from freshet.search.index.records import Hit, LedgerRecord
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics

_NEWEST_FIRST: Final = models.OrderBy(key="searchable_at", direction=models.Direction.DESC)


class QdrantReader(Lookup):
    """`IndexReader` over one collection; a read-only key is enough."""

    async def nearest(self, queries: Sequence[Query], *, limit: int, tenant: str | None = None) -> list[list[Hit]]:
        condition = None if tenant is None else of_tenant(tenant)
        requests = [
            models.QueryRequest(
                query=sparse_vector(query) if isinstance(query, SparseVector) else query.tolist(),
                using=SPARSE if isinstance(query, SparseVector) else DENSE,
                filter=condition,
                limit=limit,
                with_payload=HIT,
            )
            for query in queries
        ]
        with translated("search"):
            answers = await self._client.query_batch_points(self._collection, requests)
        return [[hit(point) for point in answer.points] for answer in answers]

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        with translated("read the newest ledger record"):
            points, _ = await self._client.scroll(self._collection, ledger(tenant), limit=1, order_by=_NEWEST_FIRST)
        return ledger_record(points[0]) if points else None

    async def documents(self, *, tenant: str | None = None) -> int:
        with translated("count documents"):
            return (await self._client.count(self._collection, alive(tenant), exact=True)).count

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        return await newest_statistics(self._client, self._collection, known)
