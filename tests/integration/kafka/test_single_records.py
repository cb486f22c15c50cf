"""Reading single records of a real topic by their places."""

import pytest
from aiokafka import AIOKafkaProducer

from freshet.local.processes import free_port
from freshet.schemas.errors import TransientError
from freshet.schemas.positions import Place
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.reading import KafkaLog
from tests.integration.kafka.unreadable import send_unreadable
from tests.support.waiting import wait_until

COMPACTED_AT_ONCE = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.001",
    "segment.ms": "100",
    "delete.retention.ms": "100",
}


async def write(kafka, topic, *records, partition=0, timestamp_ms=None):
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for key, value in records:
            await producer.send_and_wait(topic, value, key, partition, timestamp_ms)


async def test_records_are_read_where_they_lie(kafka):
    topic = await kafka.create_topic("log", partitions=2)
    await write(kafka, topic, *((b"k%d" % n, b"v%d" % n) for n in range(300)))
    await write(kafka, topic, (b"other", None), partition=1, timestamp_ms=1_500)
    log = KafkaLog(KafkaConnection(kafka.bootstrap), topic)
    try:
        places = [Place(0, 299), Place(0, 3), Place(1, 0), Place(0, 4), Place(0, 300), Place(1, 7)]
        found = await log.read(places)
        assert set(found) == {Place(0, 299), Place(0, 3), Place(1, 0), Place(0, 4)}
        assert [found[Place(0, n)].value for n in (3, 4, 299)] == [b"v3", b"v4", b"v299"]
        other = found[Place(1, 0)]
        assert (other.key, other.value, other.timestamp) == (b"other", None, 1.5)
    finally:
        await log.stop()


async def test_what_compaction_removed_is_not_there(kafka):
    topic = await kafka.create_topic("log", settings=COMPACTED_AT_ONCE)
    log = KafkaLog(KafkaConnection(kafka.bootstrap), topic)
    await write(kafka, topic, (b"a", b"1"), (b"a", b"2"))

    async def compacted():
        await write(kafka, topic, (b"b", b"x"))  # only what is not in the newest segment is compacted
        return Place(0, 0) not in await log.read([Place(0, 0), Place(0, 1)])

    try:
        await wait_until(compacted, "the first record is compacted away", deadline=60)
        assert set(await log.read([Place(0, 0), Place(0, 1)])) == {Place(0, 1)}
    finally:
        await log.stop()


async def test_one_is_read_though_the_next_one_cannot_be(kafka):
    topic = await kafka.create_topic("log")
    await write(kafka, topic, (b"a", b"1"))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await send_unreadable(producer, topic)
    log = KafkaLog(KafkaConnection(kafka.bootstrap), topic)
    try:
        assert set(await log.read([Place(0, 0)])) == {Place(0, 0)}
        with pytest.raises(TransientError, match="not UTF-8"):
            await log.read([Place(0, 1)])
    finally:
        await log.stop()


async def test_a_broker_that_is_away_is_weather():
    log = KafkaLog(KafkaConnection(f"127.0.0.1:{free_port()}"), "log")
    with pytest.raises(TransientError):
        await log.read([Place(0, 0)])
