"""The consumer of the documents topic on a real broker."""

import uuid

import pytest
from aiokafka import AIOKafkaProducer

from freshet.schemas.errors import TransientError
from freshet.schemas.topics import Topics
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.consumer import DocumentsConsumer
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.lag import lag
from tests.integration.kafka.unreadable import send_unreadable
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


async def test_a_header_name_that_cannot_be_read_holds_back_only_what_lies_behind_it(kafka):
    topic = await kafka.create_topic("unreadable", partitions=2)
    await create_topics(kafka.bootstrap, {Topics(topic).again: 2})
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for number in range(3):
            await producer.send_and_wait(topic, b"before %d" % number, b"k", partition=0)
        await send_unreadable(producer, topic)
        await producer.send_and_wait(topic, b"behind", b"k", partition=0)
        await producer.send_and_wait(topic, b"other", b"k", partition=1)
    group = f"group-{uuid.uuid4().hex}"
    consumer = DocumentsConsumer(
        connection=KafkaConnection(kafka.bootstrap),
        topics=Topics(topic),
        group=group,
        max_events=10,
        session_seconds=10,
        on_assigned=ignore,
        on_revoked=ignore,
    )
    await consumer.start()
    try:
        found: dict[int, list[bytes | None]] = {0: [], 1: []}

        async def all_is_read():
            for record in await consumer.fetch():
                found[record.partition].append(record.value)
            return sum(map(len, found.values())) >= 4

        await wait_until(all_is_read, "what can be read is read")
        assert not await consumer.fetch()
        assert found == {0: [b"before 0", b"before 1", b"before 2"], 1: [b"other"]}
        await consumer.commit({0: 2}, {})
        async with KafkaOffsets(KafkaConnection(kafka.bootstrap)) as offsets:
            lags = await lag(offsets, topic=topic, group=group)
            assert [each.events for each in lags] == [3, 1]
            await consumer.commit({0: 3}, {})
            with pytest.raises(TransientError, match="a header whose name is not UTF-8"):
                await lag(offsets, topic=topic, group=group)
    finally:
        await consumer.stop()
