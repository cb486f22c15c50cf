"""What the tests ask of Kafka by themselves: the log, the group, and compaction."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from freshet.schemas.topics import TopicSpec
from freshet.streams.kafka.stopping import stop_consumer
from tests.chaos.events import Draft
from tests.chaos.fold import Logged
from tests.support.waiting import wait_until

SEGMENT_MS: Final = 500
SOON: Final = {
    "segment.ms": str(SEGMENT_MS),
    "min.cleanable.dirty.ratio": "0.0001",
    "min.compaction.lag.ms": "0",
}


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group as the broker knows it."""

    bootstrap: str
    name: str

    async def members(self) -> frozenset[str]:
        """The members, while the group is stable; nobody while it is not, or Kafka is away."""
        try:
            async with _admin(self.bootstrap) as admin:
                [answer] = await admin.describe_consumer_groups([self.name])
        except KafkaError:
            return frozenset()
        group = answer.to_object()["groups"][0]
        return frozenset(each["member_id"] for each in group["members"]) if group["state"] == "Stable" else frozenset()

    async def lag(self, *topics: str) -> int:
        """How many records of the topics the group has not committed. Raises KafkaError."""
        ends: dict[TopicPartition, int] = {}
        async with _consumer(self.bootstrap) as consumer:
            for topic in topics:
                ends |= await consumer.end_offsets(await _partitions(consumer, topic))
        done = await self._committed()
        return sum(end - done.get(place, 0) for place, end in ends.items())

    async def ends(self, topic: str) -> dict[TopicPartition, int]:
        """Where the partitions of a topic end; nothing while Kafka is away."""
        try:
            async with _consumer(self.bootstrap) as consumer:
                return dict(await consumer.end_offsets(await _partitions(consumer, topic)))
        except KafkaError:
            return {}

    async def passed(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether the group has committed everything below these offsets, as far as one knows."""
        try:
            done = await self._committed()
        except KafkaError:
            return False
        return all(done.get(place, 0) >= end for place, end in ends.items())

    async def _committed(self) -> dict[TopicPartition, int]:
        async with _admin(self.bootstrap) as admin:
            committed = await admin.list_consumer_group_offsets(self.name)
        return {place: max(found.offset, 0) for place, found in committed.items()}


class _admin:  # noqa: N801 (a function in all but the word)
    def __init__(self, bootstrap: str) -> None:
        self._client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> AIOKafkaAdminClient:
        try:
            await self._client.start()
        except BaseException:
            await self._client.close()
            raise
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


async def publish(producer: AIOKafkaProducer, topic: str, drafts: Sequence[Draft]) -> None:
    """Put drafts into the log; what Kafka does not acknowledge is sent again, and may then lie there twice."""
    while drafts:
        sent = [await producer.send(topic, key=draft.key, value=draft.value) for draft in drafts]
        results = await asyncio.gather(*sent, return_exceptions=True)
        drafts = [draft for draft, result in zip(drafts, results, strict=True) if isinstance(result, KafkaError)]


async def read_log(bootstrap: str, topic: str) -> list[Logged]:
    """The whole topic, the records of each partition in order."""
    records: list[Logged] = []
    async with _consumer(bootstrap, max_partition_fetch_bytes=4_000_000) as consumer:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        for partition, end in (await consumer.end_offsets(partitions)).items():
            while await consumer.position(partition) < end:
                for several in (await consumer.getmany(timeout_ms=500)).values():
                    records += [Logged(each.partition, each.offset, each.key, each.value) for each in several]
    return records


async def compact(bootstrap: str, spec: TopicSpec, fillers: Sequence[Draft]) -> None:
    """Have Kafka compact what lies in the topic now, and wait until it has; the topic's settings are as they were then.

    The last segment is never compacted, so new ones are begun by two rounds of `fillers`, which need a document in each
    partition.
    """
    topic = spec.name
    before = await read_log(bootstrap, topic)
    ends = {each.partition: each.offset for each in before}
    await _configure(bootstrap, topic, {**spec.configs, **SOON})
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:

        async def compacted() -> bool:
            for partition, draft in enumerate(fillers):
                await producer.send_and_wait(topic, key=draft.key, value=draft.value, partition=partition)
            await asyncio.sleep(SEGMENT_MS / 1_000)  # the age at which a segment ends
            kept = [
                (each.partition, each.key)
                for each in await read_log(bootstrap, topic)
                if each.offset <= ends[each.partition]
            ]
            return max(Counter(kept).values(), default=0) <= 1

        await wait_until(compacted, "the topic is compacted", deadline=120)
    await _configure(bootstrap, topic, spec.configs)


async def _configure(bootstrap: str, topic: str, configs: Mapping[str, str]) -> None:
    async with _admin(bootstrap) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs))])


@asynccontextmanager
async def _consumer(bootstrap: str, **options: int) -> AsyncIterator[Any]:
    """One that is closed also where it could not start, which aiokafka leaves to us."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, **options)
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop_consumer(consumer)


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    client: Any = consumer._client
    client.add_topic(topic)

    async def known() -> Any:
        """A broker that was away may answer before it knows itself again."""
        await client.force_metadata_update()
        return client.cluster.partitions_for_topic(topic)

    found = await wait_until(known, f"the broker knows {topic}")
    return [TopicPartition(topic, each) for each in sorted(found)]
