"""Reading where groups and partitions stand, without being a member of any group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from freshet.schemas.errors import TransientError
from freshet.streams.kafka.admin import partitions_of
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.coordinator import once_there
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.reasons import connecting
from freshet.streams.kafka.stopping import stop_consumer
from freshet.streams.lag import Position

COMMITTED: Final = "read committed offsets"
FIRST_FETCH_BYTES: Final = 16 * 1024  # Kafka sends one whole batch even when it is larger
READ_SECONDS: Final = 10.0
_UNTOLD_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.1


class KafkaOffsets:
    """`async with KafkaOffsets(connection) as offsets`. Raises TransientError where Kafka cannot be reached."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._admin: AIOKafkaAdminClient
        self._consumer: AIOKafkaConsumer

    async def __aenter__(self) -> Self:
        options = self._connection.options()
        self._admin = AIOKafkaAdminClient(**options)
        self._consumer = AIOKafkaConsumer(
            **options,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",  # as the worker reads: what it never gets is not waiting for it
            max_partition_fetch_bytes=FIRST_FETCH_BYTES,
        )
        try:
            async with connecting(self._connection):
                await self._admin.start()
                await self._consumer.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def groups(self) -> list[str]:
        """Every consumer group that Kafka knows, in order."""
        with kafka_errors("list consumer groups"):
            return sorted(name for name, *_ in await self._admin.list_consumer_groups())

    async def topics(self, group: str) -> list[str]:
        """The topics in which a group has committed offsets, in order."""
        found = await once_there(COMMITTED, partial(self._admin.list_consumer_group_offsets, group))
        return sorted({part.topic for part, entry in found.items() if entry.offset >= 0})

    async def positions(self, topic: str, group: str) -> list[Position]:
        """Where a group stands in each partition. Raises PermanentError where there is no such topic."""
        partitions = await partitions_of(self._connection, self._admin, topic)
        committed = await self._committed(group, partitions)
        with kafka_errors("read the ends of partitions"):
            begin = await self._consumer.beginning_offsets(partitions)
            end = await self._consumer.end_offsets(partitions)
        return [Position(part.partition, begin[part], end[part], committed.get(part)) for part in partitions]

    async def times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, float]:
        """By partition, the time (seconds since the epoch) of the first record at the offset or after it.

        Partitions without such a record are left out.
        """
        if not offsets:
            return {}
        starts = {TopicPartition(topic, partition): offset for partition, offset in offsets.items()}
        self._consumer.assign(list(starts))
        try:
            with kafka_errors("read the oldest events"):
                for part, offset in starts.items():
                    self._consumer.seek(part, offset)
                return await self._first_times(set(starts))
        finally:
            self._consumer.unsubscribe()

    async def _first_times(self, waiting: set[TopicPartition]) -> dict[int, float]:
        found: dict[int, float] = {}
        deadline = time.monotonic() + READ_SECONDS
        ends = await self._consumer.end_offsets(list(waiting))
        while waiting and time.monotonic() < deadline:
            batches = await self._consumer.getmany(*waiting, timeout_ms=200, max_records=1)
            found |= {part.partition: records[0].timestamp / 1000 for part, records in batches.items() if records}
            waiting -= {part for part, records in batches.items() if records}
            waiting -= {part for part in waiting if await self._consumer.position(part) >= ends[part]}
        if waiting:
            raise TransientError("read the oldest events", f"no answer within {READ_SECONDS:g} s")
        return found

    async def _committed(self, group: str, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        began = time.monotonic()
        while True:
            ask = partial(self._admin.list_consumer_group_offsets, group, partitions=partitions)
            found = await once_there(COMMITTED, ask)
            if len(found) == len(partitions):
                return {part: entry.offset for part, entry in found.items() if entry.offset >= 0}
            # An error of the whole answer, which aiokafka does not look at: no coordinator yet, or no right to ask.
            if time.monotonic() - began > _UNTOLD_SECONDS:
                hint = "may this user describe the group?"
                raise TransientError(COMMITTED, f"no answer for group {group}", hint=hint)
            await asyncio.sleep(_POLL_SECONDS)

    async def _close(self) -> None:
        await stop_consumer(self._consumer)
        await self._admin.close()
