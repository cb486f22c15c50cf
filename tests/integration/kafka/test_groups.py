"""Consumer groups from outside: who is there, and their end."""

import uuid
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaConsumer

from freshet.schemas.errors import TransientError
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.groups import KafkaGroups
from freshet.streams.kafka.offsets import KafkaOffsets
from tests.support.servers import KafkaServer


async def test_a_group_is_deleted_with_its_offsets_once_nobody_is_a_member(kafka: KafkaServer):
    topic, name = await kafka.create_topic("groups", partitions=1), f"group-{uuid.uuid4().hex}"
    connection = KafkaConnection(kafka.bootstrap)
    async with KafkaGroups(connection) as groups, KafkaOffsets(connection) as offsets:
        await groups.delete(name)  # it is not there
        assert await groups.members(name) == []
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=kafka.bootstrap, group_id=name, client_id="me", enable_auto_commit=False
        ) as consumer:
            await consumer.getmany(timeout_ms=100)
            await consumer.commit(dict.fromkeys(consumer.assignment(), 0))
            (member,) = await groups.members(name)
            assert member.client.startswith("me")
            assert member.host == "127.0.0.1"
            with pytest.raises(TransientError, match=r"delete a group: .*NonEmptyGroup"):
                await groups.delete(name)
        (before,) = await offsets.positions(topic, name)
        assert before.committed == 0
        for _ in range(2):
            await groups.delete(name)
        (after,) = await offsets.positions(topic, name)
        assert after.committed is None


async def test_groups_are_described_one_after_the_other(kafka: KafkaServer):
    """Where several are asked for at once, aiokafka cannot read the answer."""
    topic, names = await kafka.create_topic("several", partitions=1), [f"group-{uuid.uuid4().hex}" for _ in range(2)]
    async with AsyncExitStack() as stack:
        groups = await stack.enter_async_context(KafkaGroups(KafkaConnection(kafka.bootstrap)))
        for name in names:
            consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, group_id=name, client_id="me")
            await stack.enter_async_context(consumer)
        found = [await groups.describe(name) for name in (*names, "nobody")]
    assert [(each.name, each.state, len(each.members)) for each in found] == [
        (names[0], "Stable", 1),
        (names[1], "Stable", 1),
        ("nobody", "Dead", 0),
    ]
