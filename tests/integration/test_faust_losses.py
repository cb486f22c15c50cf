"""Why documents do not come through Faust's own consumer: what it loses, seen on the version that is pinned.

When one of these tests fails, a release of Faust has mended the loss: see docs/decisions/faust.md.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import faust
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.integration.kafka.reading import commit
from tests.support.servers import KafkaServer
from tests.support.waiting import wait_until

EVENTS = 12
BATCH = 4
Work = Callable[[faust.StreamT[bytes]], Awaitable[None]]


class World:
    """A topic with one partition and `EVENTS` events, and a group of Faust's that reads it."""

    def __init__(self, kafka: KafkaServer, topic: str, folder: Path) -> None:
        self.folder = folder
        self.bootstrap = kafka.bootstrap
        self.group = f"losing-{uuid.uuid4().hex[:12]}"
        self.part = TopicPartition(topic, 0)

    async def committed(self) -> int | None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(self.group)
            return offsets[self.part].offset if self.part in offsets else None
        finally:
            await admin.close()

    @asynccontextmanager
    async def consuming(self, work: Work) -> AsyncIterator[None]:
        """A Faust app with one agent over the topic; its own settings but for a quicker commit."""
        app = faust.App(
            self.group,
            broker=f"kafka://{self.bootstrap}",
            store="memory://",
            datadir=self.folder,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,  # an event that was not acknowledged would keep it from stopping
            broker_commit_interval=0.1,
        )
        events = app.topic(
            self.part.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        app.agent(events, name="losing")(work)
        await app.start()
        try:
            yield
        finally:
            await app.stop()


@pytest.fixture
async def world(kafka: KafkaServer, tmp_path: Path) -> World:
    topic = await kafka.create_topic("losses")
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    for number in range(EVENTS):
        await producer.send(topic, str(number).encode(), partition=0)
    await producer.stop()
    return World(kafka, topic, tmp_path)


async def test_faust_commits_past_an_event_that_was_never_acknowledged(world):
    left_out, seen = 5, []
    await commit(world.bootstrap, world.group, {world.part: left_out})

    async def all_but_one(stream):
        async for event in stream.noack().events():
            seen.append(event.message.offset)
            if event.message.offset != left_out:
                event.ack()

    async with world.consuming(all_but_one):
        await wait_until(lambda: seen == [*range(left_out, EVENTS)], "Faust delivers what is there")
        await wait_until(lambda: reached(world, EVENTS), "Faust commits past the event")

    seen.clear()
    async with world.consuming(all_but_one):  # as after a crash: the event does not come again
        await publish_one(world)
        await wait_until(lambda: EVENTS in seen, "Faust delivers the next event")
    assert left_out not in seen


async def test_faust_drops_a_batch_that_raised_and_commits_past_it(world):
    batches: list[list[int]] = []

    async def fail_once(stream):
        async for events in stream.noack_take(BATCH, within=0.1):
            batches.append([event.message.offset for event in events])
            if len(batches) == 1:
                raise RuntimeError("the index is away")
            for event in events:
                event.ack()

    async with world.consuming(fail_once):
        await wait_until(lambda: batches and batches[-1][-1] == EVENTS - 1, "Faust delivers the other batches")
        await wait_until(lambda: reached(world, EVENTS), "Faust commits past the failed batch")

    failed, *later = batches
    assert failed[0] == 0
    assert not set(failed) & {offset for batch in later for offset in batch}


async def reached(world: World, offset: int) -> bool:
    return await world.committed() == offset


async def publish_one(world: World) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=world.bootstrap)
    await producer.start()
    await producer.send_and_wait(world.part.topic, b"one more", partition=0)
    await producer.stop()
