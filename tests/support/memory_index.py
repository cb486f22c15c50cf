"""An index in memory that stops at a gate before every call: for driving the real code through chosen interleavings.

It has the guarantees of the port and no more: each point is written by itself, a refused record is left without a word.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from freshet.schemas.positions import Rank
from freshet.search.index.records import Displaced, LedgerRecord, Passage, StoredPassage

Gate = Callable[[str], Awaitable[None]]


async def open_gate(_step: str) -> None:
    return


@dataclass
class Points:
    """What is stored; shared by the views of several workers."""

    passages: dict[str, Passage] = field(default_factory=dict)
    ledger: dict[str, LedgerRecord] = field(default_factory=dict)
    floors: dict[int, int] = field(default_factory=dict)


class MemoryIndex:
    """One worker's view of the points, through its own gate. `rules` can be left out to see that a check can fail."""

    def __init__(self, points: Points, gate: Gate = open_gate, *, without: frozenset[str] = frozenset()) -> None:
        self.points = points
        self._gate = gate
        self._without = without

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        await self._gate("ledger")
        return {key: self.points.ledger[key] for key in keys if key in self.points.ledger}

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        await self._gate("passages")
        found = (self.points.passages[point] for point in ids if point in self.points.passages)
        return {each.id: _stored(each, vectors=vectors) for each in found}

    async def add(self, passages: Sequence[Passage], *, at_most: Rank) -> None:
        await self._gate("add")
        for passage in passages:
            there = self.points.passages.get(passage.id)
            if there is None or there.rank <= at_most or "add_fence" in self._without:
                self.points.passages[passage.id] = passage

    async def commit(self, records: Sequence[LedgerRecord], *, partition: int, read: Collection[int]) -> None:
        await self._gate("commit")
        for record in records:
            there = self.points.ledger.get(record.key)
            expected = there is not None and (there.offset in read or "cas" in self._without)
            if there is None or (there.partition == partition and expected):
                self.points.ledger[record.key] = record

    async def remove(self, displaced: Sequence[Displaced]) -> None:
        await self._gate("remove")
        for each in displaced:
            for point in each.ids:
                there = self.points.passages.get(point)
                if there is not None and (there.rank <= each.at_most or "delete_fence" in self._without):
                    del self.points.passages[point]

    async def forget(self, record: LedgerRecord) -> None:
        await self._gate("forget")
        stored = self.points.ledger.get(record.key)
        if stored is not None and (stored.rank == record.rank or "forget_fence" in self._without):
            del self.points.ledger[record.key]

    async def ended(self, partition: int, *, before: float) -> AsyncIterator[Sequence[LedgerRecord]]:
        await self._gate("ended")
        here = [each for each in self.points.ledger.values() if each.partition == partition]
        yield [each for each in here if each.deleted and each.searchable_at < before]

    async def purge(self, ended: Sequence[LedgerRecord]) -> None:
        await self._gate("purge")
        for each in ended:
            floor = self.points.floors.get(each.partition, -1)
            self.points.floors[each.partition] = max(floor, each.offset)
            if self.points.ledger.get(each.key) == each or "purge_fence" in self._without:
                self.points.ledger.pop(each.key, None)

    async def floor(self, partition: int) -> int:
        await self._gate("floor")
        return self.points.floors.get(partition, -1)

    async def stored(self, partition: int, *, below: int) -> AsyncIterator[Sequence[StoredPassage]]:
        await self._gate("stored")
        page = [each for each in self.points.passages.values() if each.partition == partition]
        yield [_stored(each) for each in page if each.rank.offset < below or "sweep_below" in self._without]

    async def whole(self, ids: Collection[str]) -> dict[str, Passage]:
        return {point: self.points.passages[point] for point in ids if point in self.points.passages}

    async def of_document(self, key: str) -> list[Passage]:
        return [each for each in self.points.passages.values() if each.key == key]

    async def records(self) -> AsyncIterator[Sequence[LedgerRecord]]:
        yield list(self.points.ledger.values())


def _stored(passage: Passage, *, vectors: bool = False) -> StoredPassage:
    vector, terms = (passage.vector, passage.terms) if vectors else (None, None)
    return StoredPassage(passage.id, passage.key, passage.text, passage.partition, passage.rank, vector, terms)
