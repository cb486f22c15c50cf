"""A change feed in memory: its topics, what lies in it, what workers have committed, and what can go wrong there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from freshet.schemas.errors import DeniedError, TransientError
from freshet.schemas.feed import Change, Watermark
from freshet.search.feed.changes import FeedChange
from freshet.search.ports import FeedRecord, FeedRecords, FeedTopics

AWAY = TransientError("read the change feed", "no broker answers")


@dataclass
class MemoryLog:
    """What is the same for all who read: one documents topic, its feed, and the groups of the versions' workers."""

    topic: str = "documents"
    topics: FeedTopics | None = field(default_factory=lambda: FeedTopics("feed-1", 2, "documents-1"))
    records: dict[int, list[bytes | None]] = field(default_factory=lambda: {0: [], 1: []})
    commits: dict[str, dict[int, int]] = field(default_factory=dict)
    away: bool = False

    def change(self, key: str, *, version: str = "v1", partition: int = 0) -> None:
        change = Change(index_version=version, outcome="indexed", origin=f"{self.topic}/{partition}@0", key=key)
        self.put(partition, change.model_dump_json().encode())

    def watermark(self, offset: int, *, version: str = "v1", partition: int = 0, topic: str | None = None) -> None:
        mark = Watermark(index_version=version, topic=topic or self.topic, partition=partition, offset=offset)
        self.put(partition, mark.model_dump_json().encode())

    def commit(self, offset: int, *, version: str = "v1", partition: int = 0) -> None:
        self.commits.setdefault(version, {})[partition] = offset

    def put(self, partition: int, value: bytes | None) -> None:
        self.records[partition].append(value)

    def made_anew(self, *, identity: str = "feed-2", partitions: int = 2) -> None:
        """The feed is deleted and created again."""
        assert self.topics is not None
        self.topics = replace(self.topics, identity=identity, partitions=partitions)
        self.records = {partition: [] for partition in range(partitions)}


class MemoryFeed:
    """`ChangeFeed` over such a log. At most `most` records come at once; `unreadable` is where one cannot be read."""

    def __init__(self, log: MemoryLog, *, most: int = 100, pause: float = 0.001) -> None:
        self.log = log
        self.most = most
        self.pause = pause
        self.unreadable: tuple[int, int] | None = None
        self.silent = 0.0
        self.asked: list[str] = []  # what was asked, in order
        self.positions: dict[int, int] | None = None

    async def look(self) -> FeedTopics:
        self._ask("look")
        if self.log.topics is None:
            raise DeniedError("read the change feed", "there is no such topic")
        return self.log.topics

    async def committed(self, version: str) -> Mapping[int, int]:
        self._ask(f"committed {version}")
        await asyncio.sleep(0)
        return dict(self.log.commits.get(version, {}))

    async def ends(self) -> Mapping[int, int]:
        self._ask("ends")
        await asyncio.sleep(0)
        return {partition: len(records) for partition, records in self.log.records.items()}

    async def start(self, back: int) -> Mapping[int, int]:
        self._ask("start")
        records = self.log.records
        self.positions = {each: max(0, len(records[each]) - back // len(records)) for each in records}
        return dict(self.positions)

    async def fetch(self) -> FeedRecords:
        await asyncio.sleep(self.pause)
        if self.positions is None:
            raise AWAY
        found: list[FeedRecord] = []
        for partition, at in self.positions.items():
            lying = [] if self.log.away else self.log.records.get(partition, [])
            if at > len(lying) and not self.log.away:
                raise TransientError("read the change feed", "the offset is out of range")
            end = min(len(lying), at + self.most)
            if self.unreadable is not None and partition == self.unreadable[0] and at <= self.unreadable[1] < end:
                raise TransientError("read the change feed", "a record has a header whose name is not UTF-8")
            found += [FeedRecord(partition, offset, lying[offset]) for offset in range(at, end)]
            self.positions[partition] = max(at, end)
        behind = sum(
            len(self.log.records[each]) - at for each, at in self.positions.items() if each in self.log.records
        )
        return FeedRecords(found, dict(self.positions), self.silent, max(0, behind))

    async def stop(self) -> None:
        self.positions = None

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.log.away:
            raise AWAY


class ListSink:
    """`ChangeSink` that remembers where it began last, and what it has heard since."""

    def __init__(self) -> None:
        self.begun: list[dict[int, int]] = []
        self.changes: list[FeedChange] = []

    def begin(self, positions: Mapping[int, int]) -> None:
        self.begun.append(dict(positions))
        self.changes.clear()

    def add(self, change: FeedChange) -> None:
        self.changes.append(change)

    @property
    def keys(self) -> list[str]:
        return [change.key for change in self.changes]
