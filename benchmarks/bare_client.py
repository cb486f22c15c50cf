"""The official client, writing in a bare loop the same points that the worker has written."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from qdrant_client import AsyncQdrantClient, models

from freshet.local.stack import LocalStack
from freshet.search.index.base import VersionInfo
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.versions import QdrantVersions

T = TypeVar("T")
POINTS: Final = 256  # a request
COPY: Final = "copy"
Points = dict[Any, models.PointStruct]


class Copy:
    """A collection that holds what the live one held when it was last looked at."""

    def __init__(self, client: AsyncQdrantClient, live: str) -> None:
        self._client = client
        self._live = live
        self._points: Points = {}

    async def fill(self) -> None:
        """Copy everything."""
        self._points = await self._read()
        await self._upsert(list(self._points.values()))

    async def write_what_changed(self) -> float:
        """Seconds to write what the live collection has by now: its new and changed points, then its removals."""
        fresh = await self._read()
        changed = [point for id_, point in fresh.items() if _differs(self._points.get(id_), point)]
        gone = [id_ for id_ in self._points if id_ not in fresh]
        began = time.perf_counter()
        await self._upsert(changed)
        for ids in _requests(gone):
            await self._client.delete(COPY, models.PointIdsList(points=ids), wait=True)
        seconds = time.perf_counter() - began
        self._points = fresh
        return seconds

    async def _upsert(self, points: Sequence[models.PointStruct]) -> None:
        for each in _requests(points):
            await self._client.upsert(COPY, each, wait=True)

    async def _read(self) -> Points:
        found: Points = {}
        page: Any = None
        while True:
            records, page = await self._client.scroll(
                self._live, limit=POINTS, offset=page, with_payload=True, with_vectors=True
            )
            found |= {each.id: _point(each) for each in records}
            if page is None:
                return found


@asynccontextmanager
async def open_copy(stack: LocalStack) -> AsyncIterator[Copy]:
    """A copy of what the stack's index holds now."""
    client = connect(stack.qdrant.url, api_key=stack.qdrant.api_key)
    try:
        versions = QdrantVersions(client, index="documents")
        live = await versions.describe(await versions.live() or "")
        if live is None:
            raise RuntimeError("the worker has made no index")
        await versions.create(VersionInfo(COPY, live.dimension, live.metadata))
        copy = Copy(client, live.name)
        await copy.fill()
        yield copy
    finally:
        await client.close()


def _requests(items: Sequence[T]) -> Iterator[list[T]]:
    return (list(items[start : start + POINTS]) for start in range(0, len(items), POINTS))


def _point(record: models.Record) -> models.PointStruct:
    vector: Any = record.vector or {}
    return models.PointStruct(id=record.id, vector=vector, payload=record.payload)


def _differs(old: models.PointStruct | None, new: models.PointStruct) -> bool:
    return old is None or old.payload != new.payload
