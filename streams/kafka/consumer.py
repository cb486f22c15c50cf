"""The consumer of `documents` and `documents.again`: batches of what is there, commits that only follow what is done.

Why not Faust's own consumer: it delivers event by event and commits past what was not acknowledged
(docs/decisions/faust.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from freshet.schemas.decoding import Record
from freshet.schemas.errors import MisfitError, OutsideError, TransientError
from freshet.schemas.topics import Topics
from freshet.streams.enduring import Enduring
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.naming import WATCH_SECONDS, Member, is_replaced, member_of, replaced
from freshet.streams.kafka.stopping import stop_consumer

# aiokafka leaves the group when nobody asks for records for this long. A worker that waits for Qdrant or is paused asks
# for none, and leaving would not help anybody; so the heartbeat alone says that it lives.
NEVER_MS: Final = 10 * 365 * 24 * 3_600_000
HEARTBEATS: Final = 10  # in a session; what is left of a killed worker bars its successor for a session
REBALANCE_MS: Final = 60_000
FETCH_BYTES: Final = 8_000_000  # a record that is larger still comes, alone
POLL_MS: Final = 1_000
APART_MS: Final = 200
PAUSE_AFTER_ERROR: Final = 1.0
# The second of a header whose name is not UTF-8, which some clients send: aiokafka cannot read past it.
UNREADABLE: Final = (KafkaError, UnicodeDecodeError)
logger = logging.getLogger(__name__)


class DocumentsConsumer(ConsumerRebalanceListener):
    """Fetches from both topics in a consumer group, and commits when told to.

    They have as many partitions, and the group's assignor gives each member the same ones of both; so a partition is
    named by its number alone.

    `on_assigned` and `on_revoked` are awaited during a rebalance; what is fetched before a revocation belongs to the
    assignment that ends there. One with a `name` keeps its partitions over a restart that ends within the session, and
    does not leave the group when it stops; `on_replaced` hears of another one that took its name, after which it is
    good for nothing but to be stopped.
    """

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        topics: Topics,
        group: str,
        max_events: int,
        session_seconds: float,
        on_assigned: Callable[[frozenset[int]], Awaitable[None]],
        on_revoked: Callable[[frozenset[int]], Awaitable[None]],
        name: str | None = None,
        on_replaced: Callable[[MisfitError], None] = lambda _: None,
    ) -> None:
        self._topics = topics
        self._max_events = max_events
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._group = group
        self._name = name
        self._on_replaced = on_replaced
        self._member = Member("", -1)
        self._watching: asyncio.Task[None] | None = None
        self._new_consumer = partial(_consumer, connection, group, round(session_seconds * 1_000), name)
        self._consumer: AIOKafkaConsumer | None = None
        self._returned: dict[TopicPartition, int] = {}
        self._revocations = 0
        self._complaints: set[str] = set()
        self.failing = False  # whether the last fetch failed, for one partition at least

    async def start(self) -> None:
        """Connect and join the group. Raises TransientError or PermanentError; it may be called again then."""
        consumer = self._new_consumer()
        consumer.subscribe([self._topics.documents, self._topics.again], listener=self)
        self._consumer = consumer
        try:
            with kafka_errors("join the consumer group"):
                await consumer.start()
        except BaseException:
            await self.stop()
            raise
        if self._name is not None:
            self._watching = asyncio.create_task(self._watch(consumer, self._name))

    async def stop(self) -> None:
        """Leave the group, unless it has a name in it; nothing is committed that was not. Idempotent."""
        if self._watching is not None:
            self._watching.cancel()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def fetch(self) -> tuple[Record, ...]:
        """Whatever is there, in the order of the offsets of each partition, waiting a while when there is nothing.

        Errors of Kafka are waited out.
        """
        consumer = self._started()
        try:
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._max_events)
            self.failing = False
        except UNREADABLE as error:
            self.failing = True
            self._complain(error)
            found = await self._fetch_apart(consumer)
        for partition, several in found.items():
            self._returned[partition] = several[-1].offset + 1
        return tuple(record_of(each) for several in found.values() for each in several)

    async def _fetch_apart(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[Any]]:
        """Fetch from each partition alone, so that one that cannot be read holds back no other.

        What the failed fetch had taken from the others' buffers is gone with its error, so they go back to where they
        were left.
        """
        found: dict[TopicPartition, list[Any]] = {}
        for partition in consumer.assignment():
            try:
                await self._go_back(consumer, partition)
                found |= await consumer.getmany(partition, timeout_ms=APART_MS, max_records=self._max_events)
            except UNREADABLE as error:
                self._complain(error)
                found[partition] = await self._before_it(consumer, partition)
        if not any(found.values()):
            await asyncio.sleep(PAUSE_AFTER_ERROR)
        return {partition: several for partition, several in found.items() if several}

    async def _before_it(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Any]:
        """The records before the one that cannot be read, for a fetch that meets it gives none of them."""
        found: list[Any] = []
        revocations = self._revocations
        with suppress(*UNREADABLE):
            await self._go_back(consumer, partition)
            while len(found) < self._max_events:
                one = (await consumer.getmany(partition, timeout_ms=APART_MS, max_records=1)).get(partition)
                if one and self._revocations != revocations:
                    consumer.seek(partition, one[0].offset)  # with which the new assignment begins
                if not one or self._revocations != revocations:
                    break
                found += one
        return found if self._revocations == revocations else []

    async def _go_back(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        left = self._returned.get(partition)
        if left is None:
            left = await consumer.committed(partition)
        if left is None:
            await consumer.seek_to_beginning(partition)
        else:
            consumer.seek(partition, left)

    def _complain(self, error: Exception) -> None:
        """Once for each complaint, until the next rebalance."""
        text = f"{type(error).__name__}: {error}"
        if text not in self._complaints:
            self._complaints.add(text)
            logger.warning("cannot fetch from %s, and goes on trying: %s", self._topics.documents, text)

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("the consumer was not started")
        return self._consumer

    async def committed(self, partition: int) -> int:
        """The committed offset of a partition of `documents`, 0 before the first. Raises TransientError."""
        operation = "read committed offsets"
        if self._consumer is None:  # it is being made anew
            raise TransientError(operation, "not connected")
        with kafka_errors(operation):
            return await self._consumer.committed(TopicPartition(self._topics.documents, partition)) or 0

    async def commit(self, ends: Mapping[int, int], again_ends: Mapping[int, int]) -> bool:
        """Commit offsets of both topics; False where the group has moved on and they are somebody else's to commit.

        Raises TransientError.
        """
        offsets = {
            TopicPartition(topic, partition): offset
            for topic, each in ((self._topics.documents, ends), (self._topics.again, again_ends))
            for partition, offset in each.items()
        }
        try:
            with kafka_errors("commit offsets"):
                await self._started().commit(offsets)
        except OutsideError as error:
            if isinstance(error.__cause__, CommitFailedError | IllegalStateError):
                return False
            raise
        return True

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self._revocations += 1
        self._returned.clear()
        self._complaints.clear()
        consumer = self._consumer
        if consumer is not None and self._name is not None and await self._ask(consumer, self._member, self._name):
            self._on_replaced(replaced(self._name))
            raise asyncio.CancelledError  # which alone keeps aiokafka from joining again
        await self._on_revoked(self._numbers(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        if self._consumer is not None:
            self._member = member_of(self._consumer)
        await self._on_assigned(self._numbers(assigned))

    async def _watch(self, consumer: AIOKafkaConsumer, name: str) -> None:
        """Notice what no heartbeat tells: that another one took the name while this one was joining again."""
        enduring = Enduring(f"tell whether another worker has the name {name!r}", logger)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with enduring():
                member = member_of(consumer)
                if await self._ask(consumer, member, name) and member == member_of(consumer):
                    self._on_replaced(replaced(name))
                    return

    async def _ask(self, consumer: AIOKafkaConsumer, member: Member, name: str) -> bool:
        return await is_replaced(consumer, member, group=self._group, name=name)

    def _numbers(self, partitions: Any) -> frozenset[int]:
        return frozenset(each.partition for each in partitions if each.topic == self._topics.documents)


def _consumer(connection: KafkaConnection, group: str, session_ms: int, name: str | None) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection.options(),
        group_id=group,
        group_instance_id=name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=FETCH_BYTES,
        max_poll_interval_ms=NEVER_MS,
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // HEARTBEATS,
        rebalance_timeout_ms=REBALANCE_MS,
        # By ranges: the same partitions of both topics go to the same member.
        partition_assignment_strategy=(RangePartitionAssignor,),
    )


def record_of(found: ConsumerRecord[Any, Any]) -> Record:
    """What aiokafka found, as ours."""
    headers = tuple(found.headers)
    return Record(found.topic, found.partition, found.offset, found.timestamp / 1_000, found.key, found.value, headers)
