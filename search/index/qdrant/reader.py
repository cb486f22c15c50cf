"""What a search reads of a collection."""

from __future__ import annotations

from freshet.search.index.qdrant.conditions import of_tenant
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.lookup import Lookup
from freshet.search.index.qdrant.payloads import DENSE, HIT, hit
from freshet.search.index.records import Hit, Vector


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
