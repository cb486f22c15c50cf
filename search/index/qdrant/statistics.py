"""Snapshots of term statistics as points: some parts with the numbers, and one head that names them.

A head is written only over the one before it, and its parts are written before it. Parts have ids of their own making,
so two owners at once never mix theirs; only the one whose head is stored removes the parts of earlier snapshots.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, models

from freshet.schemas.errors import TransientError
from freshet.schemas.keys import NAMESPACE
from freshet.search.index.qdrant.conditions import follows, parts_before, passages
from freshet.search.index.qdrant.failures import demand_completed, translated
from freshet.search.index.qdrant.payloads import SPARSE, STATISTICS, STATISTICS_PART, stored_terms
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics

HEAD: Final = str(uuid.uuid5(NAMESPACE, "statistics"))
TERMS_A_PART: Final = 100_000  # a megabyte
PASSAGES_A_PAGE: Final = 200
_READ: Final = "read term statistics"
_KEEP: Final = "keep term statistics"
_LOOKS: Final = 5


async def newest_statistics(
    client: AsyncQdrantClient, collection: str, known: TermStatistics | None
) -> TermStatistics | None:
    """The newest snapshot, `known` itself where that is it; None before the first. Raises as a reader does."""
    for _ in range(_LOOKS):
        with translated(_READ):
            heads = await client.retrieve(collection, [HEAD])
        if not heads:
            return None
        head = heads[0].payload or {}
        if known is not None and known.number == head["number"]:
            return known
        with translated(_READ):
            parts = await client.retrieve(collection, head["parts"]) if head["parts"] else []
        if len(parts) == len(head["parts"]):
            return _statistics(head, [part.payload or {} for part in parts])
    raise TransientError(_READ, "they change faster than they can be read")


class QdrantStatistics:
    """`StatisticsStore` over one collection."""

    def __init__(self, client: AsyncQdrantClient, *, collection: str) -> None:
        self._client = client
        self._collection = collection

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        return await newest_statistics(self._client, self._collection, known)

    async def count_passages(self) -> int:
        with translated("count passages"):
            return (await self._client.count(self._collection, passages(), exact=True)).count

    async def stored_terms(self) -> AsyncIterator[Sequence[SparseVector]]:
        # By id, which is a digest: the first passages are a fair sample of all.
        page = None
        while True:
            with translated("list terms"):
                points, page = await self._client.scroll(
                    self._collection,
                    passages(),
                    limit=PASSAGES_A_PAGE,
                    offset=page,
                    with_payload=False,
                    with_vectors=[SPARSE],
                )
            if points:
                yield [stored_terms(point) for point in points]
            if page is None:
                return

    async def keep(self, statistics: TermStatistics) -> None:
        parts = list(_parts(statistics))
        head = {
            "kind": STATISTICS,
            "number": statistics.number,
            "passages": statistics.passages,
            "sampled": statistics.sampled,
            "parts": [part.id for part in parts],
        }
        for part in parts:
            await self._upsert(part)
        await self._upsert(models.PointStruct(id=HEAD, vector={}, payload=head), follows(statistics.number))
        with translated(_KEEP):
            stored = (await self._client.retrieve(self._collection, [HEAD]))[0].payload or {}
        ours = [part.id for part in parts]
        if stored["parts"] == ours:
            await self._delete(models.FilterSelector(filter=parts_before(statistics.number)))
        elif ours:
            await self._delete(models.PointIdsList(points=ours))

    async def _delete(self, what: models.FilterSelector | models.PointIdsList) -> None:
        with translated(_KEEP):
            result = await self._client.delete(self._collection, what, wait=True)
        demand_completed(_KEEP, result)

    async def _upsert(self, point: models.PointStruct, condition: models.Filter | None = None) -> None:
        with translated(_KEEP):
            result = await self._client.upsert(self._collection, [point], wait=True, update_filter=condition)
        demand_completed(_KEEP, result)


def _parts(statistics: TermStatistics) -> Iterator[models.PointStruct]:
    for start in range(0, len(statistics.terms), TERMS_A_PART):
        place = slice(start, start + TERMS_A_PART)
        payload = {
            "kind": STATISTICS_PART,
            "number": statistics.number,
            "terms": _packed(statistics.terms[place]),
            "counts": _packed(statistics.counts[place]),
        }
        yield models.PointStruct(id=str(uuid.uuid4()), vector={}, payload=payload)


def _statistics(head: dict[str, Any], parts: Sequence[dict[str, Any]]) -> TermStatistics:
    terms, counts = (
        np.concatenate([np.zeros(0, np.uint32), *(_unpacked(part[name]) for part in parts)])
        for name in ("terms", "counts")
    )
    order = np.argsort(terms)
    return TermStatistics(head["number"], head["passages"], head["sampled"], terms[order], counts[order])


def _packed(numbers: NDArray[np.uint32]) -> str:
    return base64.b64encode(numbers.astype("<u4").tobytes()).decode("ascii")


def _unpacked(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(base64.b64decode(text), "<u4").astype(np.uint32)
