"""Which feed a search process follows, and of which version it says something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from freshet.search.feed.keeper import Keeper
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.feed.tail import Tail
from freshet.search.index.base import VersionInfo
from freshet.search.live import LiveIndex, LiveVersion
from tests.support.memory_feed import ListSink, MemoryFeed, MemoryLog
from tests.support.waiting import wait_until
from tests.unit.search.http.world import MemoryReader, Versions, WordEmbedder


async def soon(_: float) -> None:
    await asyncio.sleep(0.001)


class TopicVersions(Versions):
    """Versions of which each has a topic of its own, where it says so; `ids` are those that were recorded with them."""

    def __init__(self) -> None:
        super().__init__(None)
        self.topics: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    async def describe(self, version: str) -> VersionInfo | None:
        info = await super().describe(version)
        assert info is not None
        facts = {**info.metadata, "topic": self.topics.get(version, "documents")}
        if version in self.ids:
            facts["topic_id"] = self.ids[version]
        return replace(info, metadata=facts)


class Kept:
    """A keeper over the feeds of two topics in memory."""

    def __init__(self) -> None:
        self.logs = {topic: MemoryLog(topic) for topic in ("documents", "others")}
        self.versions = TopicVersions()
        self.opened: list[str] = []
        self.registry = CollectorRegistry()
        self.metrics = FeedMetrics(self.registry)
        reader, embedder = MemoryReader(), WordEmbedder()
        self.live = LiveIndex(versions=self.versions, open_version=lambda info: LiveVersion.of(info, reader, embedder))
        self.keeper = Keeper(live=self.live, topic="documents", open_tail=self.open, metrics=self.metrics, sleep=soon)

    def open(self, topic: str) -> Tail:
        self.opened.append(topic)
        return Tail(MemoryFeed(self.logs[topic]), topic=topic, sink=ListSink(), metrics=self.metrics, sleep=soon)

    def watermarks(self, version: str) -> dict[int, int]:
        return dict(self.keeper.mark(version).watermarks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Kept]:
        task = asyncio.create_task(self.keeper.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_before_a_version_is_live_the_feed_of_the_settings_is_followed(kept):
    async with kept.running():
        await kept.keeper.tried(seconds=30)
        await wait_until(lambda: kept.keeper.sure)
        assert kept.registry.get_sample_value("freshet_feed_following") == 1
        assert kept.keeper.identity == "feed-1"
        kept.versions.name = "v1"
        kept.logs["documents"].commit(4)
        await wait_until(lambda: kept.watermarks("v1") == {0: 4})
        assert kept.opened == ["documents"]
    assert not await kept.keeper.reached("v1", {0: 5}, seconds=30)
    assert kept.registry.get_sample_value("freshet_feed_following") == 0


async def test_a_version_of_another_topic_has_another_feed_and_nothing_is_sure_before_that_is_followed(kept):
    kept.versions.topics["v2"] = "others"
    kept.versions.name = "v1"
    async with kept.running():
        kept.logs["documents"].watermark(9)
        await wait_until(lambda: kept.watermarks("v1") == {0: 9})
        waiting = asyncio.create_task(kept.keeper.reached("v1", {0: 10}, seconds=60))
        await asyncio.sleep(0)
        kept.versions.name = "v2"
        await kept.live.current()  # a search finds it before the keeper does
        assert not kept.keeper.sure
        assert kept.watermarks("v2") == {}
        kept.logs["others"].watermark(3, version="v2")
        await wait_until(lambda: kept.keeper.sure)
        await wait_until(lambda: kept.watermarks("v2") == {0: 3})
        assert not await waiting
    assert kept.opened == ["documents", "others"]


async def test_of_a_topic_that_was_made_anew_nothing_is_said_of_the_version_that_was_made_from_the_old_one(kept):
    kept.versions.name, kept.versions.ids["v1"] = "v1", "documents-0"
    async with kept.running():
        kept.logs["documents"].watermark(9)
        await wait_until(lambda: kept.keeper.identity)
        await wait_until(lambda: kept.live.last)
        assert not kept.keeper.sure
        assert kept.watermarks("v1") == {}
        assert not await kept.keeper.reached("v1", {0: 1}, seconds=0)


async def test_while_the_index_is_away_the_feed_is_followed_all_the_same(kept):
    async with kept.running():
        await wait_until(lambda: kept.keeper.sure)  # no version is live, so that looking for it fails
        kept.logs["documents"].away = True
        await kept.keeper.tried(seconds=0)
