"""The change feed as a search process reads it: all of its partitions, outside of every group."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from freshet.schemas.errors import DeniedError, TransientError
from freshet.schemas.topics import Topics
from freshet.search.index.facts import collection_told, group_of
from freshet.search.ports import FeedRecord, FeedRecords, FeedTopics
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.reasons import connecting
from freshet.streams.kafka.source import SourceFinder
from freshet.streams.kafka.stopping import stop_consumer, uncut
from freshet.streams.lag import Position

POLL_MS: Final = 500  # as long as a broker that has nothing new keeps a question
MOST_RECORDS: Final = 500
FETCH_BYTES: Final = 8_000_000  # at once, of all partitions of a broker; a record that is larger still comes, alone
_OPERATION: Final = "read the change feed"


class KafkaChangeFeed:
    """`ChangeFeed` over Kafka."""

    def __init__(
        self, connection: KafkaConnection, topics: Topics, *, index: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._index = index
        self._clock = clock
        self._finder = SourceFinder(connection)
        self._consumer: AIOKafkaConsumer | None = None
        self._count = 0  # of partitions, when it was last looked
        self._partitions: list[TopicPartition] = []  # that are read
        self._answered: dict[TopicPartition, tuple[int | None, float]] = {}

    async def look(self) -> FeedTopics:
        """As `ChangeFeed.look`."""
        names = self._topics.indexed, self._topics.documents
        cluster, sources = await self._finder.find(names)
        feed, documents = (sources.get(name) for name in names)
        if feed is None:
            raise DeniedError(_OPERATION, f"there is no topic {names[0]}", hint=self._connection.no_topic_hint)
        self._count = feed.partitions
        identity = None if cluster is None or feed.id is None else _digest(cluster, feed.id)
        return FeedTopics(identity, feed.partitions, None if documents is None else documents.id)

    async def committed(self, version: str) -> Mapping[int, int]:
        """As `ChangeFeed.committed`."""
        found = await uncut(self._positions(group_of(self._index, collection_told(version))))
        return {each.partition: each.committed for each in found if each.committed is not None}

    async def _positions(self, group: str) -> list[Position]:
        async with KafkaOffsets(self._connection) as offsets:
            return await offsets.positions(self._topics.documents, group)

    async def ends(self) -> Mapping[int, int]:
        """As `ChangeFeed.ends`."""
        with kafka_errors(_OPERATION):
            found = await self._started.end_offsets(self._partitions)
        return {part.partition: offset for part, offset in found.items()}

    async def start(self, back: int) -> Mapping[int, int]:
        """As `ChangeFeed.start`."""
        self._partitions = [TopicPartition(self._topics.indexed, number) for number in range(self._count)]
        consumer = AIOKafkaConsumer(
            **self._connection.options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",  # else it would go on behind what it never saw, and say nothing
            isolation_level="read_committed",
            fetch_max_bytes=FETCH_BYTES,
            fetch_max_wait_ms=POLL_MS,
        )
        self._consumer = consumer
        async with connecting(self._connection):
            await uncut(consumer.start())
        with kafka_errors(_OPERATION):
            begin = await consumer.beginning_offsets(self._partitions)
            end = await consumer.end_offsets(self._partitions)
            starts = {part: max(begin[part], end[part] - back // len(self._partitions)) for part in self._partitions}
            consumer.assign(self._partitions)
            for part, offset in starts.items():
                consumer.seek(part, offset)
        self._answered = {part: (None, self._clock()) for part in self._partitions}
        return {part.partition: offset for part, offset in starts.items()}

    async def fetch(self) -> FeedRecords:
        """As `ChangeFeed.fetch`."""
        consumer = self._started
        with kafka_errors(_OPERATION):
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=MOST_RECORDS)
            positions = {part: await consumer.position(part) for part in self._partitions}
        records = [
            FeedRecord(each.partition, each.offset, each.value) for several in found.values() for each in several
        ]
        ends = {part: consumer.last_stable_offset(part) for part in self._partitions}
        return FeedRecords(
            records,
            {part.partition: offset for part, offset in positions.items()},
            self._silent(consumer),
            sum(max(0, (ends[part] or 0) - offset) for part, offset in positions.items()),
        )

    async def stop(self) -> None:
        """As `ChangeFeed.stop`."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)
        await self._finder.close()

    def _silent(self, consumer: AIOKafkaConsumer) -> float:
        """Seconds since the leader of every partition has answered a fetch, also with nothing.

        aiokafka tells when that was by the clock of the day, which may be set; so only that it has changed counts.
        """
        now = self._clock()
        for part in self._partitions:
            at = consumer.last_poll_timestamp(part)
            if at != self._answered[part][0]:
                self._answered[part] = at, now
        return now - min(since for _, since in self._answered.values())

    @property
    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise TransientError(_OPERATION, "not connected")
        return self._consumer


def _digest(cluster: str, topic: str) -> str:
    return blake2b(f"{cluster}/{topic}".encode(), digest_size=16).hexdigest()
