"""Finding and forgetting tombstones, and how far up a partition's were forgotten: one point a partition, the floor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from qdrant_client import AsyncQdrantClient, models

from freshet.schemas.keys import floor_id
from freshet.search.index.qdrant.conditions import floor_below, still_ended, tombstones
from freshet.search.index.qdrant.failures import demand_completed, translated
from freshet.search.index.qdrant.payloads import FLOOR, ledger_record
from freshet.search.index.records import LedgerRecord

TOMBSTONES_A_PAGE: Final = 64
_PURGE: Final = "purge tombstones"


class QdrantTombstones:
    """`Tombstones` over one collection."""

    def __init__(self, client: AsyncQdrantClient, *, collection: str) -> None:
        self._client = client
        self._collection = collection

    async def ended(self, partition: int, *, before: float) -> AsyncIterator[Sequence[LedgerRecord]]:
        condition, page = tombstones(partition, before), None
        while True:
            with translated("list tombstones"):
                points, page = await self._client.scroll(
                    self._collection, condition, limit=TOMBSTONES_A_PAGE, offset=page, with_payload=True
                )
            if points:
                yield [ledger_record(point) for point in points]
            if page is None:
                return

    async def purge(self, ended: Sequence[LedgerRecord]) -> None:
        if not ended:
            return
        await self._raise_floor(ended[0].partition, max(each.offset for each in ended))
        for start in range(0, len(ended), TOMBSTONES_A_PAGE):
            with translated(_PURGE):
                condition = still_ended(ended[start : start + TOMBSTONES_A_PAGE])
                result = await self._client.delete(self._collection, condition, wait=True)
            demand_completed(_PURGE, result)

    async def floor(self, partition: int) -> int:
        with translated("read the floor of tombstones"):
            points = await self._client.retrieve(self._collection, [floor_id(partition)])
        return int((points[0].payload or {})["offset"]) if points else -1

    async def _raise_floor(self, partition: int, offset: int) -> None:
        payload = {"kind": FLOOR, "partition": partition, "offset": offset}
        point = models.PointStruct(id=floor_id(partition), vector={}, payload=payload)
        with translated(_PURGE):
            result = await self._client.upsert(
                self._collection, [point], wait=True, update_filter=floor_below(partition, offset)
            )
        demand_completed(_PURGE, result)
