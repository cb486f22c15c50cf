import time
import uuid

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from freshet.schemas.errors import PermanentError, TransientError
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.lag import PartitionLag, lag
from tests.conftest import StartKafka
from tests.integration.kafka.reading import commit
from tests.support.servers import KafkaServer


@pytest.fixture
def group() -> str:
    return f"freshet.test.{uuid.uuid4().hex[:8]}"


async def produce(bootstrap: str, topic: str, ages: list[float], partition: int = 0) -> None:
    """Records that are so many seconds old."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for age in ages:
            moment = int((time.time() - age) * 1000)
            await producer.send_and_wait(topic, b"x", key=b"k", partition=partition, timestamp_ms=moment)


async def measure(bootstrap: str, topic: str, group: str) -> list[PartitionLag]:
    async with KafkaOffsets(KafkaConnection(bootstrap)) as offsets:
        return await lag(offsets, topic=topic, group=group)


async def test_a_group_that_never_committed_is_behind_by_the_whole_log(kafka: KafkaServer, group: str):
    topic = await kafka.create_topic("documents", partitions=2)
    await produce(kafka.bootstrap, topic, [3600, 60, 5])
    first, second = await measure(kafka.bootstrap, topic, group)

    assert (first.events, first.committed, first.end) == (3, None, 3)
    assert first.seconds == pytest.approx(3600, abs=60)
    assert (second.events, second.seconds) == (0, 0)


async def test_lag_is_measured_from_what_was_committed_while_nobody_runs(kafka: KafkaServer, group: str):
    topic = await kafka.create_topic("documents", partitions=2)
    await produce(kafka.bootstrap, topic, [3600, 600, 5])
    await produce(kafka.bootstrap, topic, [3600, 600], partition=1)
    await commit(kafka.bootstrap, group, {TopicPartition(topic, 0): 1, TopicPartition(topic, 1): 2})
    first, second = await measure(kafka.bootstrap, topic, group)

    assert (first.events, first.committed) == (2, 1)
    assert first.seconds == pytest.approx(600, abs=60)
    assert (second.events, second.committed, second.seconds) == (0, 2, 0)


async def test_records_that_are_gone_are_no_lag(kafka: KafkaServer, group: str):
    topic = await kafka.create_topic("documents")
    await produce(kafka.bootstrap, topic, [3600, 600, 300, 5])
    await commit(kafka.bootstrap, group, {TopicPartition(topic, 0): 1})
    await delete_before(kafka.bootstrap, topic, 2)
    (found,) = await measure(kafka.bootstrap, topic, group)

    assert found.events == 2
    assert found.seconds == pytest.approx(300, abs=60)

    await delete_before(kafka.bootstrap, topic, 4)
    (found,) = await measure(kafka.bootstrap, topic, group)
    assert (found.events, found.seconds) == (0, 0)


async def test_large_records_and_many_of_them_are_measured_too(kafka: KafkaServer, group: str):
    topic = await kafka.create_topic("documents")
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=2_000_000) as producer:
        for _ in range(5):
            await producer.send_and_wait(topic, b"x" * 900_000, key=b"k")
    await commit(kafka.bootstrap, group, {TopicPartition(topic, 0): 3})
    (found,) = await measure(kafka.bootstrap, topic, group)

    assert found.events == 2
    assert 0 < found.seconds < 300


async def test_one_connection_measures_again_and_again(kafka: KafkaServer, group: str):
    topic = await kafka.create_topic("documents")
    async with KafkaOffsets(KafkaConnection(kafka.bootstrap)) as offsets:
        for count in range(3):
            (found,) = await lag(offsets, topic=topic, group=group)
            assert found.events == count
            await produce(kafka.bootstrap, topic, [10])
        await commit(kafka.bootstrap, group, {TopicPartition(topic, 0): 3})
        (found,) = await lag(offsets, topic=topic, group=group)
        assert (found.events, found.seconds) == (0, 0)
        assert group in await offsets.groups()


async def test_what_no_transaction_committed_is_no_lag(kafka: KafkaServer, group: str):
    topic = await kafka.create_topic("documents")
    await produce(kafka.bootstrap, topic, [60])
    await commit(kafka.bootstrap, group, {TopicPartition(topic, 0): 1})
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic) as producer:
        for _ in range(2):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"x", key=b"k")
            (found,) = await measure(kafka.bootstrap, topic, group)
            assert (found.events, found.seconds) == (0, 0)  # it may be given up yet
            await producer.abort_transaction()
            (found,) = await measure(kafka.bootstrap, topic, group)
            assert (found.events, found.seconds) == (0, 0)
        assert found.end > 1  # what was given up has offsets all the same, which nobody can commit

        async with producer.transaction():
            await producer.send_and_wait(topic, b"x", key=b"k", timestamp_ms=int((time.time() - 600) * 1000))
    (found,) = await measure(kafka.bootstrap, topic, group)
    assert found.events > 0
    assert found.seconds == pytest.approx(600, abs=60)


async def test_a_fresh_cluster_that_never_had_a_group_is_measured(restartable_kafka: StartKafka, group: str):
    broker = await restartable_kafka()
    topic = await KafkaServer(broker.bootstrap).create_topic("documents")
    await produce(broker.bootstrap, topic, [60])
    (found,) = await measure(broker.bootstrap, topic, group)

    assert found.events == 1


async def test_a_topic_that_does_not_exist_is_named(kafka: KafkaServer, group: str):
    with pytest.raises(PermanentError, match="no topic nowhere"):
        await measure(kafka.bootstrap, "nowhere", group)


async def test_a_broker_that_goes_away_is_transient(restartable_kafka: StartKafka, group: str):
    broker = await restartable_kafka()
    topic = await KafkaServer(broker.bootstrap).create_topic("documents")
    async with KafkaOffsets(KafkaConnection(broker.bootstrap, timeout=2)) as offsets:
        await lag(offsets, topic=topic, group=group)
        await broker.process.kill()
        with pytest.raises(TransientError):
            await lag(offsets, topic=topic, group=group)


async def delete_before(bootstrap: str, topic: str, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})
    await admin.close()
