"""Reading a topic from outside every group."""

import uuid

import pytest

from freshet.schemas.errors import TransientError
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.kafka.reader import KafkaReader
from freshet.streams.messages import Message
from tests.support.servers import KafkaServer, create_topics

RECORDS = 1_200


async def fill(bootstrap: str, topic: str) -> None:
    async with KafkaProducer(KafkaConnection(bootstrap)) as producer:
        await producer.send_all(Message(topic, b"k", b"%d" % number, number % 3) for number in range(RECORDS))


async def test_each_partition_is_read_in_its_order_from_the_first_to_the_last_offset_that_was_asked_for(
    kafka: KafkaServer,
):
    topic = await kafka.create_topic("read", partitions=4)
    await fill(kafka.bootstrap, topic)
    async with KafkaReader(KafkaConnection(kafka.bootstrap), topic) as reader:
        spans = await reader.spans()
        assert spans == {0: range(400), 1: range(400), 2: range(400), 3: range(0)}
        for wanted in (spans, {0: range(7, 9), 2: range(350, 400), 3: range(0)}, {}):
            found = [each async for several in reader.read(wanted) for each in several]
            for partition, span in wanted.items():
                assert [each.offset for each in found if each.partition == partition] == list(span)
            assert all(each.value == b"%d" % (each.offset * 3 + each.partition) for each in found)
            assert len(found) == sum(len(span) for span in wanted.values())


async def test_a_broker_that_falls_silent_is_told_and_not_waited_for_without_end(restartable_kafka):
    broker = await restartable_kafka()
    topic = f"read-{uuid.uuid4().hex[:8]}"
    await create_topics(broker.bootstrap, {topic: 3})
    await fill(broker.bootstrap, topic)
    async with KafkaReader(KafkaConnection(broker.bootstrap, timeout=2.0), topic) as reader:
        spans = await reader.spans()
        broker.process.pause()
        try:
            with pytest.raises(TransientError, match=f"^read {topic}: no answer"):
                [each async for each in reader.read(spans)]
        finally:
            broker.process.resume()
