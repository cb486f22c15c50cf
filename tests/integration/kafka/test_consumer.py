"""The consumer of the documents topic on a real broker."""

import uuid

import pytest
from aiokafka import AIOKafkaProducer

from freshet.schemas.topics import Topics
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.consumer import DocumentsConsumer
from tests.support.servers import create_topics
from tests.support.waiting import wait_until


async def ignore(_partitions):
    return


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_what_producers_compress_is_read(kafka, compression):
    topic = await kafka.create_topic("compressed")
    await create_topics(kafka.bootstrap, {Topics(topic).again: 1})
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type=compression) as producer:
        await producer.send_and_wait(topic, b"x" * 10_000, b"k")
    consumer = DocumentsConsumer(
        connection=KafkaConnection(kafka.bootstrap),
        topics=Topics(topic),
        group=f"group-{uuid.uuid4().hex}",
        max_events=10,
        session_seconds=10,
        on_assigned=ignore,
        on_revoked=ignore,
    )
    await consumer.start()
    try:
        [record] = await wait_until(consumer.fetch, "the record is fetched")
        assert (record.key, record.value) == (b"k", b"x" * 10_000)
    finally:
        await consumer.stop()
