"""Reading single records of a topic by their places, without being a member of any group."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from freshet.schemas.decoding import Record
from freshet.schemas.positions import Place
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.consumer import record_of
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.stopping import stop_consumer

READ: Final = "read back events"
FETCH_BYTES: Final = 64 * 1024  # Kafka sends one whole batch even when it is larger
POLL_MS: Final = 200
AT_ONCE: Final = 100


class KafkaLog:
    """`Log` over one topic. Connects when it is first needed; `stop` disconnects."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._consumer: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()

    async def read(self, places: Collection[Place]) -> dict[Place, Record]:
        """As `Log.read`."""
        by_partition: dict[int, list[int]] = defaultdict(list)
        for place in places:
            by_partition[place.partition].append(place.offset)
        found: dict[Place, Record] = {}
        async with self._reading:
            try:
                with kafka_errors(READ):
                    async with asyncio.timeout(self._connection.timeout):
                        for partition, offsets in by_partition.items():
                            found |= await self._read(partition, sorted(offsets))
            except BaseException:
                await self.stop()
                raise
        return found

    async def stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _read(self, partition: int, offsets: Sequence[int]) -> dict[Place, Record]:
        """Records of one partition: each fetch brings some that follow, which are taken along."""
        consumer, at = await self._started(), TopicPartition(self._topic, partition)
        consumer.assign([at])
        end = (await consumer.end_offsets([at]))[at]
        found: dict[Place, Record] = {}
        seen = -1
        for offset in offsets:
            if offset <= seen or offset >= end:
                continue
            consumer.seek(at, offset)
            for each in await self._fetch(consumer, at, end):
                found[Place(partition, each.offset)] = each
                seen = each.offset
        return {place: each for place, each in found.items() if place.offset in set(offsets)}

    async def _fetch(self, consumer: AIOKafkaConsumer, at: TopicPartition, end: int) -> list[Record]:
        """What lies next; empty where nothing does."""
        while await consumer.position(at) < end:
            try:
                batches = await consumer.getmany(at, timeout_ms=POLL_MS, max_records=AT_ONCE)
            except UnicodeDecodeError:  # of a header's name, perhaps of a record that only follows
                batches = await consumer.getmany(at, timeout_ms=POLL_MS, max_records=1)
            if found := batches.get(at):
                return [record_of(each) for each in found]
        return []

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **self._connection.options(),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",  # what begins later than it is asked for has lost the rest
                isolation_level="read_committed",
                max_partition_fetch_bytes=FETCH_BYTES,
            )
            self._consumer = consumer
            await consumer.start()
        return self._consumer
