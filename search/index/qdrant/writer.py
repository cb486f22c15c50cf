"""What a worker writes to a collection, and under which conditions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from pydantic_core import to_json
from qdrant_client import AsyncQdrantClient, models

from freshet.schemas.errors import PermanentError
from freshet.schemas.positions import Rank
from freshet.search.index.qdrant.conditions import displaced as of_displaced
from freshet.search.index.qdrant.conditions import not_above, read_at, record_at, stored_below
from freshet.search.index.qdrant.failures import demand_completed, translated
from freshet.search.index.qdrant.lookup import POINTS_A_REQUEST, Lookup
from freshet.search.index.qdrant.payloads import SPARSE, STORED, ledger_point, passage_point, stored_passage
from freshet.search.index.records import Displaced, LedgerRecord, Passage, StoredPassage

BYTES_A_REQUEST: Final = 8 << 20  # the server's limit is 32 MiB, unless its operator has lowered it
_BYTES_A_NUMBER: Final = 24  # of a vector, in JSON, at most
DOCUMENTS_A_REMOVAL: Final = 64
IDS_A_REMOVAL: Final = 1024


class QdrantWriter(Lookup):
    """`IndexWriter` over one collection, whose vectors have `dimension` components."""

    def __init__(self, client: AsyncQdrantClient, *, collection: str, dimension: int) -> None:
        super().__init__(client, collection=collection)
        self._dimension = dimension

    async def add(self, passages: Sequence[Passage], *, at_most: Rank) -> None:
        if not passages:
            return
        # A server that refuses one point of a request may have applied others of it, so all are checked before.
        for passage in passages:
            self._check(passage)
        fence = not_above(passages[0].partition, at_most)
        await self._upsert("add passages", map(passage_point, passages), fence)

    async def commit(self, records: Sequence[LedgerRecord], *, partition: int, read: Collection[int]) -> None:
        # An offset belongs to one document of its partition, so one condition is right for all of the records.
        await self._upsert("commit documents", map(ledger_point, records), read_at(partition, read))

    async def remove(self, displaced: Sequence[Displaced]) -> None:
        for items in _removals(displaced):
            await self._delete("remove passages", of_displaced(items))

    async def forget(self, record: LedgerRecord) -> None:
        await self._delete("remove a record", record_at(record))

    async def stored(self, partition: int, *, below: int) -> AsyncIterator[Sequence[StoredPassage]]:
        condition, page = stored_below(partition, below), None
        while True:
            with translated("list passages"):
                points, page = await self._client.scroll(
                    self._collection, condition, limit=POINTS_A_REQUEST, offset=page, with_payload=STORED
                )
            if points:
                yield [stored_passage(point) for point in points]
            if page is None:
                return

    async def _delete(self, operation: str, condition: models.Filter) -> None:
        with translated(operation):
            result = await self._client.delete(self._collection, condition, wait=True)
        demand_completed(operation, result)

    async def _upsert(self, operation: str, points: Iterable[models.PointStruct], condition: models.Filter) -> None:
        for request in _requests(points, self._dimension):
            with translated(operation):
                result = await self._client.upsert(self._collection, request, wait=True, update_filter=condition)
            demand_completed(operation, result)

    def _check(self, passage: Passage) -> None:
        if passage.vector.shape != (self._dimension,):
            wrong = f"has shape {passage.vector.shape}, the collection's have ({self._dimension},)"
        elif not np.isfinite(passage.vector).all():
            wrong = "holds numbers that are not finite"
        else:
            return
        raise PermanentError("add passages", f"the vector of a passage of {passage.key!r} {wrong}")


def _requests(points: Iterable[models.PointStruct], dimension: int) -> Iterator[list[models.PointStruct]]:
    """Cut by count and by bytes: each passage carries its document's metadata, which may be large."""
    request: list[models.PointStruct] = []
    size = 0
    for point in points:
        bytes_ = len(to_json(point.payload)) + _BYTES_A_NUMBER * _numbers(point, dimension)
        if request and (len(request) == POINTS_A_REQUEST or size + bytes_ > BYTES_A_REQUEST):
            yield request
            request, size = [], 0
        request.append(point)
        size += bytes_
    if request:
        yield request


def _numbers(point: models.PointStruct, dimension: int) -> int:
    """How many numbers the vectors of a point hold; a ledger record has none."""
    if not isinstance(point.vector, dict) or not point.vector:
        return 0
    terms = point.vector.get(SPARSE)
    return dimension + (2 * len(terms.indices) if isinstance(terms, models.SparseVector) else 0)


def _removals(displaced: Iterable[Displaced]) -> Iterator[list[Displaced]]:
    """Some documents' passages at a time; those of a very long document are divided."""
    removal: list[Displaced] = []
    ids = 0
    for item in displaced:
        for start in range(0, len(item.ids), IDS_A_REMOVAL):
            part = Displaced(item.ids[start : start + IDS_A_REMOVAL], item.partition, item.at_most)
            if removal and (len(removal) == DOCUMENTS_A_REMOVAL or ids + len(part.ids) > IDS_A_REMOVAL):
                yield removal
                removal, ids = [], 0
            removal.append(part)
            ids += len(part.ids)
    if removal:
        yield removal
