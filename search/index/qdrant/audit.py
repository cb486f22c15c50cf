"""Reading everything that a collection holds, to hold it against the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from typing import Final

from qdrant_client import models

from freshet.schemas.keys import ledger_id
from freshet.search.index.qdrant.conditions import ledger, passages_of_document
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.lookup import POINTS_A_REQUEST
from freshet.search.index.qdrant.payloads import DENSE, SPARSE, ledger_record, whole_passage
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.search.index.records import LedgerRecord, Passage

READ: Final = "list documents"


class QdrantAudit(QdrantWriter):
    """`IndexAudit` over one collection."""

    async def whole(self, ids: Collection[str]) -> dict[str, Passage]:
        found: dict[str, Passage] = {}
        ordered = sorted(set(ids))
        for start in range(0, len(ordered), POINTS_A_REQUEST):
            for point in await self._retrieve("read passages", ordered[start : start + POINTS_A_REQUEST], vectors=True):
                passage = whole_passage(point)
                found[passage.id] = passage
        return found

    async def of_document(self, key: str) -> list[Passage]:
        found: list[Passage] = []
        page: models.ExtendedPointId | None = None
        while True:
            with translated("read passages"):
                points, page = await self._client.scroll(
                    self._collection,
                    passages_of_document(key),
                    limit=POINTS_A_REQUEST,
                    offset=page,
                    with_payload=True,
                    with_vectors=[DENSE, SPARSE],
                )
            found += map(whole_passage, points)
            if page is None:
                return found

    async def records(self) -> AsyncIterator[Sequence[LedgerRecord]]:
        page: models.ExtendedPointId | None = None
        while True:
            with translated(READ):
                points, page = await self._client.scroll(
                    self._collection, ledger(), limit=POINTS_A_REQUEST, offset=page, with_payload=True
                )
            if points:
                yield [_found(point) for point in points]
            if page is None:
                return


def _found(point: models.Record) -> LedgerRecord:
    record = ledger_record(point)
    return record if point.id == ledger_id(record.key) else replace(record, stray=str(point.id))
