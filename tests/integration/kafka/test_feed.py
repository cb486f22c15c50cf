"""The change feed as it is read from a real broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import DeniedError, TransientError
from freshet.schemas.feed import Change, Watermark
from freshet.schemas.topics import Topics
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.feed.tail import Tail
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.feed import KafkaChangeFeed
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.messages import Message
from tests.integration.kafka.reading import commit
from tests.support.memory_feed import ListSink
from tests.support.servers import create_topics
from tests.support.waiting import wait_until

INDEX = "documents"
VERSION = f"{INDEX}__0123456789abcdef"
GROUP = f"freshet.{INDEX}.0123456789abcdef"


class Place:
    """A documents topic of two partitions and its feed, on a broker."""

    def __init__(self, bootstrap: str) -> None:
        self.topics = Topics(f"documents-{uuid.uuid4().hex[:8]}")
        self.bootstrap = bootstrap
        self.connection = KafkaConnection(bootstrap, timeout=5.0)
        self.feed = KafkaChangeFeed(self.connection, self.topics, index=INDEX)
        self.sink = ListSink()
        metrics = FeedMetrics(CollectorRegistry())
        self.tail = Tail(self.feed, topic=self.topics.documents, sink=self.sink, metrics=metrics)

    async def create(self) -> Place:
        await create_topics(self.bootstrap, {self.topics.documents: 2, self.topics.indexed: 2})
        return self

    async def tell(self, *keys: str, mark: int | None = None, at: int = 0) -> None:
        """Changes of documents, and a watermark."""
        origin = f"{self.topics.documents}/{at}@0"
        values: list[Change | Watermark] = [
            Change(index_version=VERSION, outcome="indexed", origin=origin, key=key) for key in keys
        ]
        if mark is not None:
            values.append(Watermark(index_version=VERSION, topic=self.topics.documents, partition=at, offset=mark))
        async with KafkaProducer(self.connection) as producer:
            await producer.send_all(
                Message(self.topics.indexed, b"k", each.model_dump_json().encode(), at) for each in values
            )

    async def delete(self, topic: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.delete_topics([topic])
        await admin.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.tail.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_what_was_told_before_and_after_the_start_is_seen_with_what_was_committed(kafka):
    place = await Place(kafka.bootstrap).create()
    await place.tell("kb-1", "kb-2")
    await commit(kafka.bootstrap, GROUP, {TopicPartition(place.topics.documents, 1): 9})
    place.tail.mark(VERSION)
    async with place.running():
        await wait_until(lambda: place.tail.sure)
        assert place.sink.keys == ["kb-1", "kb-2"]
        assert place.tail.mark(VERSION).watermarks == {1: 9}
        assert place.tail.mark(VERSION).positions == {0: 2, 1: 0}
        await place.tell("kb-3", mark=4)
        assert await place.tail.reached(VERSION, {0: 4, 1: 9}, seconds=30)
        assert place.sink.keys == ["kb-1", "kb-2", "kb-3"]
    assert place.sink.begun == [{0: 0, 1: 0}]


async def test_only_so_much_is_read_back(kafka):
    place = await Place(kafka.bootstrap).create()
    await place.tell(*(f"kb-{number}" for number in range(20)))
    assert await place.feed.look()
    try:
        assert await place.feed.start(10) == {0: 15, 1: 0}
        assert await place.feed.ends() == {0: 20, 1: 0}
        fetched = await place.feed.fetch()
        assert [record.offset for record in fetched.records] == list(range(15, 20))
        assert fetched.positions == {0: 20, 1: 0}
    finally:
        await place.feed.stop()
    with pytest.raises(TransientError):
        await place.feed.fetch()


async def test_a_topic_that_is_made_anew_is_another_feed(kafka):
    place = await Place(kafka.bootstrap).create()
    await place.tell("kb-1", mark=7)
    async with place.running():
        await wait_until(lambda: place.tail.sure)
        first = place.tail.identity
        assert first is not None
        await place.delete(place.topics.indexed)
        await wait_until(lambda: not place.tail.sure)
        await create_topics(kafka.bootstrap, {place.topics.indexed: 2})
        await wait_until(lambda: place.tail.sure)
        assert place.tail.identity not in (None, first)
        await place.tell("kb-2", mark=8)
        assert await place.tail.reached(VERSION, {0: 8}, seconds=30)
        assert place.sink.keys == ["kb-2"]


async def test_a_feed_that_is_not_there_is_told_as_such(kafka):
    place = Place(kafka.bootstrap)
    with pytest.raises(DeniedError, match=f"there is no topic {place.topics.indexed}"):
        await place.feed.look()


async def test_an_end_that_lies_before_what_was_read_is_an_error(kafka):
    """So it is when a topic was made anew; nobody goes on at another place as if nothing had happened."""
    place = await Place(kafka.bootstrap).create()
    await place.tell("kb-1", "kb-2")
    await place.feed.look()
    try:
        await place.feed.start(10)
        await wait_until(partial(has_read, place.feed, 2))
        await place.delete(place.topics.indexed)
        await wait_until(partial(is_gone, place.feed))
        await create_topics(kafka.bootstrap, {place.topics.indexed: 2})
        with pytest.raises(TransientError, match="OffsetOutOfRange"):
            await wait_until(partial(has_read, place.feed, 3))
    finally:
        await place.feed.stop()


async def has_read(feed: KafkaChangeFeed, offset: int) -> bool:
    return (await feed.fetch()).positions[0] >= offset


async def is_gone(feed: KafkaChangeFeed) -> bool:
    with suppress(DeniedError):
        return not await feed.look()
    return True


async def test_without_a_broker_it_is_not_sure_and_when_that_is_back_it_has_missed_nothing(
    restartable_kafka,
):
    broker = await restartable_kafka()
    place = await Place(broker.bootstrap).create()
    async with place.running():
        await wait_until(lambda: place.tail.sure)
        await broker.process.kill()
        await wait_until(lambda: not place.tail.sure)
        await broker.start()
        await wait_until(lambda: place.tail.sure, deadline=60)
        await place.tell("kb-1", mark=3)
        assert await place.tail.reached(VERSION, {0: 3}, seconds=30)
        assert place.sink.keys == ["kb-1"]
