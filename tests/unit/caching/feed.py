"""The change feed in memory: records as bytes, and readers of it that can lose it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from freshet.schemas.errors import TransientError
from freshet.search.ports import FeedRecord, FeedRecords, FeedTopics
from tests.support.memory_index import Gate
from tests.unit.caching.log import PARTITIONS


@dataclass(eq=False)
class Feed:
    """By partition its records. `identity` changes where it is made anew."""

    partitions: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    identity: str = "feed-1"


class FeedReader:
    """One process's view of it, as `ChangeFeed`. While it is `away` nothing can be read, and silence grows."""

    def __init__(
        self, find: Callable[[], Feed], gate: Gate, committed: Callable[[str], Mapping[int, int]], back: int
    ) -> None:
        self.away = False
        self._find = find
        self._gate = gate
        self._committed = committed
        self._back = back
        self._positions: dict[int, int] = {}

    async def look(self) -> FeedTopics:
        await self._call("look")
        return FeedTopics(self._find().identity, PARTITIONS)

    async def committed(self, version: str) -> Mapping[int, int]:
        await self._call("committed")
        return dict(self._committed(version))

    async def ends(self) -> Mapping[int, int]:
        await self._call("ends")
        return {number: len(records) for number, records in enumerate(self._find().partitions)}

    async def start(self, back: int) -> Mapping[int, int]:
        """A little before the ends, for the runs are short."""
        await self._call("start")
        back = min(back, self._back)
        self._positions = {n: max(0, len(records) - back) for n, records in enumerate(self._find().partitions)}
        return dict(self._positions)

    async def fetch(self) -> FeedRecords:
        """A few records of one partition or of all."""
        await self._call("fetch")
        records = []
        for number, lane in enumerate(self._find().partitions):
            at = self._positions[number]
            records += [FeedRecord(number, offset, lane[offset]) for offset in range(at, min(at + 2, len(lane)))]
        for each in records:
            self._positions[each.partition] = each.offset + 1
        behind = sum(len(lane) - self._positions[number] for number, lane in enumerate(self._find().partitions))
        return FeedRecords(records, dict(self._positions), 0.0, behind)

    async def stop(self) -> None:
        self._positions = {}

    async def _call(self, step: str) -> None:
        await self._gate(step)
        if self.away:
            raise TransientError("read the change feed", "Kafka is away")
