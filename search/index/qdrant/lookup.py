"""Reading points by id: what searches and workers both need."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from qdrant_client import AsyncQdrantClient, models

from freshet.schemas.keys import ledger_id
from freshet.search.index.qdrant.conditions import point_ids
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.payloads import DENSE, SPARSE, STORED, ledger_record, stored_passage
from freshet.search.index.records import LedgerRecord, StoredPassage

POINTS_A_REQUEST: Final = 256


class Lookup:
    """Points of one collection by id."""

    def __init__(self, client: AsyncQdrantClient, *, collection: str) -> None:
        self._client = client
        self._collection = collection

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        records = {}
        for ids in _pages({ledger_id(key) for key in keys}):
            for point in await self._retrieve("read the ledger", ids):
                record = ledger_record(point)
                records[record.key] = record
        return records

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        passages = {}
        for page in _pages(set(ids)):
            for point in await self._retrieve("read passages", page, payload=STORED, vectors=vectors):
                passage = stored_passage(point)
                passages[passage.id] = passage
        return passages

    async def _retrieve(
        self, operation: str, ids: list[str], *, payload: list[str] | None = None, vectors: bool = False
    ) -> list[models.Record]:
        with translated(operation):
            return await self._client.retrieve(
                self._collection,
                point_ids(ids),
                with_payload=payload or True,
                with_vectors=[DENSE, SPARSE] if vectors else False,
            )


def _pages(ids: set[str]) -> Iterator[list[str]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), POINTS_A_REQUEST):
        yield ordered[start : start + POINTS_A_REQUEST]
