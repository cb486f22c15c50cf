"""A worker without Kafka: the real plan, embed and write over an index in memory, batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from freshet.schemas.again import Again, Why
from freshet.schemas.events import Delete, Event, Upsert
from freshet.schemas.positions import Order
from freshet.search.bm25 import Bm25
from freshet.search.passages import Recipe
from freshet.streams.batch import Batch
from freshet.streams.indexer import Indexer
from freshet.streams.retry import Retry, Weather
from tests.support.embedder import CountingEmbedder
from tests.support.memory_index import Gate, MemoryIndex, Points, open_gate

_CLOCKS = count(1)


class Worker:
    """One worker of partition 0; those that share a `log` and `points` are its predecessors, twins and successors."""

    def __init__(self, other: Worker | None = None, *, gate: Gate = open_gate, poison: str | None = None) -> None:
        self.log: list[Event] = other.log if other else []
        self.points: Points = other.points if other else Points()
        self.index = MemoryIndex(self.points, gate)
        moment = next(_CLOCKS) / 1_000  # no two write at the same microsecond
        self._indexer = Indexer(
            index=self.index,
            embedder=CountingEmbedder(poison=poison),
            order=Order.LOG,
            recipe=Recipe(window=4),  # one or two words a passage
            text=Bm25(),
            retry=Retry(weather=Weather(), longest_wait=1),
            clock=lambda: moment,
            ledger_bytes=0,
            batch_tokens=1_000,
        )

    def publish(self, key: str, *texts: str | None, metadata: Mapping[str, Any] | None = None) -> None:
        """Events of a document; None ends it."""
        for text in texts:
            body = Delete(id=key) if text is None else Upsert(id=key, text=text, metadata=dict(metadata or {}))
            self.log.append(Event(key, None, key, 0, len(self.log), 1.0, body))

    def batch(self, at: int, end: int, *, announced: int = 0, again: tuple[int, ...] = ()) -> Batch:
        """The events from `at` to `end`; those at the offsets `again` come again in it."""
        batch = Batch((), {0: end}, {0: announced}, 0)
        came_again = [replace(self.log[offset], again=Again(Why.RETRIED)) for offset in again]
        for event in (*self.log[at:end], *came_again):
            batch.events.setdefault(event.key, []).append(event)
        return batch

    async def plan(self, batch: Batch) -> Batch:
        await self._indexer.plan(batch, lambda: True)
        await self._indexer.embed(batch, lambda: True)
        return batch

    async def write(self, batch: Batch) -> Batch:
        await self._indexer.write(batch, lambda: True)
        return batch

    async def written(self, at: int, end: int, *, announced: int = 0, again: tuple[int, ...] = ()) -> Batch:
        """A batch that is written, and yet to be announced."""
        return await self.write(await self.plan(self.batch(at, end, announced=announced, again=again)))
