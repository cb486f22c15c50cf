from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from freshet.search.feed.metrics import FeedMetrics
from freshet.search.feed.tail import Tail
from tests.support.memory_feed import ListSink, MemoryFeed, MemoryLog


class Followed:
    """A tail over a feed in memory; `now` is its clock, in seconds. Its pauses last `pause` seconds."""

    def __init__(self, log: MemoryLog | None = None, *, most: int = 100, pause: float = 0.001) -> None:
        self.log = log or MemoryLog()
        self.feed = MemoryFeed(self.log, most=most, pause=pause)
        self.sink = ListSink()
        self.now = 1_000.0
        self.registry = CollectorRegistry()
        metrics = FeedMetrics(self.registry)
        self.tail = Tail(
            self.feed,
            topic="documents",
            sink=self.sink,
            metrics=metrics,
            clock=lambda: self.now,
            sleep=lambda _: asyncio.sleep(pause),
        )

    def watermarks(self, version: str = "v1") -> dict[int, int]:
        return dict(self.tail.mark(version).watermarks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Followed]:
        task = asyncio.create_task(self.tail.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task})
