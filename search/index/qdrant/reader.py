"""What a search reads of a collection."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from qdrant_client import models

from freshet.schemas.filters import Filter
from freshet.search.index.base import Query
from freshet.search.index.qdrant.browsing import NEWEST_FIRST, browse
from freshet.search.index.qdrant.conditions import documents, ledger, passages_of
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.lookup import Lookup
from freshet.search.index.qdrant.payloads import DENSE, HIT, SPARSE, hit, ledger_record, sparse_vector
from freshet.search.index.qdrant.statistics import newest_statistics
from freshet.search.index.records import Hit, LedgerRecord, Place, ValueCount
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics


class QdrantReader(Lookup):
    """`IndexReader` over one collection; a read-only key is enough."""

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        condition = passages_of(filters, tenant)
        requests = [
            models.QueryRequest(
                query=sparse_vector(query) if isinstance(query, SparseVector) else query.tolist(),
                using=SPARSE if isinstance(query, SparseVector) else DENSE,
                filter=condition,
                limit=limit,
                with_payload=HIT,
            )
            for query in queries
            if not _is_empty(query)
        ]
        if not requests:
            return [[] for _ in queries]
        with translated("search"):
            answers = iter(await self._client.query_batch_points(self._collection, requests))
        return [[] if _is_empty(query) else [hit(point) for point in next(answers).points] for query in queries]

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        with translated("read the newest ledger record"):
            points, _ = await self._client.scroll(self._collection, ledger(tenant), limit=1, order_by=NEWEST_FIRST)
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

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        return await newest_statistics(self._client, self._collection, known)

    async def _facet(self, key: str, condition: models.Filter, limit: int) -> list[ValueCount]:
        with translated("count values"):
            answer = await self._client.facet(self._collection, key, condition, limit=limit, exact=True)
        counts = [ValueCount(found.value, found.count) for found in answer.hits]
        return sorted(counts, key=lambda each: (-each.count, each.value))


def _is_empty(query: Query) -> bool:
    """Whether a query holds no terms, and so finds nothing: Qdrant need not be asked."""
    return isinstance(query, SparseVector) and not query
