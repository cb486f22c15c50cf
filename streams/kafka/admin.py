"""An admin client for the length of a block, and what several ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from freshet.schemas.errors import PermanentError
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.reasons import connecting


@asynccontextmanager
async def admin_client(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client. Raises TransientError where Kafka cannot be reached, DeniedError where it refuses us."""
    client = AIOKafkaAdminClient(**connection.options())
    try:
        async with connecting(connection):
            await client.start()
        yield client
    finally:
        await client.close()


async def count_partitions(connection: KafkaConnection, topic: str) -> int:
    """How many partitions a topic has. Raises as `admin_client` and `partitions_of` do."""
    async with admin_client(connection) as admin:
        return len(await partitions_of(connection, admin, topic))


async def partitions_of(connection: KafkaConnection, admin: AIOKafkaAdminClient, topic: str) -> list[TopicPartition]:
    """The partitions of a topic, in order. Raises PermanentError where there is no such topic."""
    with kafka_errors("describe topics"):
        topics = await admin.describe_topics()  # all: naming a missing one may create it
    for each in topics:
        if each["topic"] == topic and not each["error_code"]:
            numbers = sorted(part["partition"] for part in each["partitions"])
            return [TopicPartition(topic, number) for number in numbers]
    raise PermanentError("describe topics", f"there is no topic {topic}", hint=connection.no_topic_hint)
