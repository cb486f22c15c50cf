"""An admin client for the length of a block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors


@asynccontextmanager
async def admin_client(connection: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client. Raises TransientError where Kafka cannot be reached."""
    client = AIOKafkaAdminClient(**connection.options())
    try:
        with kafka_errors(f"connect to Kafka at {connection.bootstrap_servers}"):
            await client.start()
        yield client
    finally:
        await client.close()
