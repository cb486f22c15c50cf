"""The consumer of the documents topic on a real broker."""

import uuid

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

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


class Latin(str):
    """A header's name as clients that check nothing send it: not UTF-8."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return str.encode(self, "latin-1")


async def test_a_header_name_that_cannot_be_read_holds_back_no_other_partition(kafka):
    topic = await kafka.create_topic("unreadable", partitions=2)
    await create_topics(kafka.bootstrap, {Topics(topic).again: 2})
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1_000_000)
        batch.append(key=b"k", value=b"x", timestamp=1, headers=[(Latin("größe"), b"")])
        await (await producer.send_batch(batch, topic, partition=0))
        await producer.send_and_wait(topic, b"other", b"k", partition=1)
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
        [record] = await wait_until(consumer.fetch, "what can be read is read")
        assert record.value == b"other"
    finally:
        await consumer.stop()
