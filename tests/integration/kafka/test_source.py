"""The documents topic as a real broker tells it."""

import uuid

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.source import find_source
from tests.integration.kafka.reading import commit
from tests.support.servers import create_topics
from tests.support.waiting import wait_until


async def delete(bootstrap, topic):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_topics([topic])
    await admin.close()


async def test_a_topic_that_was_created_again_has_another_id(kafka):
    connection, topic = KafkaConnection(kafka.bootstrap), await kafka.create_topic("documents", partitions=3)
    first = await find_source(connection, topic)
    assert first is not None
    assert (first.topic, first.partitions) == (topic, 3)
    assert uuid.UUID(first.id).int
    assert await find_source(connection, topic) == first

    await delete(kafka.bootstrap, topic)
    await wait_until(lambda: gone(connection, topic), "the topic is gone")
    await create_topics(kafka.bootstrap, {topic: 3})
    second = await wait_until(lambda: find_source(connection, topic), "the topic is there again")
    assert second.partitions == 3
    assert second.id != first.id


async def gone(connection, topic):
    return await find_source(connection, topic) is None


async def test_with_a_topic_kafka_forgets_how_far_it_was_read(kafka):
    """So one that was created again is read from its start, though nobody noticed."""
    connection, topic = KafkaConnection(kafka.bootstrap), await kafka.create_topic("documents.again")
    group = f"freshet.test.{uuid.uuid4().hex[:8]}"
    await commit(kafka.bootstrap, group, {TopicPartition(topic, 0): 7})
    await delete(kafka.bootstrap, topic)
    await wait_until(lambda: gone(connection, topic), "the topic is gone")
    await create_topics(kafka.bootstrap, {topic: 1})
    await wait_until(lambda: find_source(connection, topic), "the topic is there again")
    async with KafkaOffsets(connection) as offsets:
        [found] = await offsets.positions(topic, group)
    assert found.committed is None


async def test_looking_for_a_topic_does_not_create_it(kafka):
    connection, topic = KafkaConnection(kafka.bootstrap), f"nowhere-{uuid.uuid4().hex[:8]}"
    for _ in range(2):
        assert await find_source(connection, topic) is None
