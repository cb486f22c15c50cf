import asyncio
import json
import re

import pytest

from freshet import (
    BadEvent,
    Delete,
    FreshnessToken,
    NotSearchableError,
    PermanentError,
    Publisher,
    TransientError,
    Upsert,
)
from freshet.local.processes import free_port
from freshet.schemas.feed import Watermark
from freshet.schemas.positions import Order
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.messages import Message
from tests.conftest import StartKafka
from tests.integration.kafka.reading import read_all
from tests.support.servers import KafkaServer, create_topics, is_frozen
from tests.support.waiting import wait_until
from tests.unit.streams.test_publisher import JAVA_MURMUR2


async def test_what_is_published_lies_where_its_token_says(kafka: KafkaServer):
    topic = await kafka.create_topic("documents", partitions=3)
    async with Publisher(kafka.bootstrap, topic=topic) as publisher:
        tokens = [
            await publisher.upsert("kb-17", "The text.", title="A title", metadata={"lang": "en"}),
            await publisher.publish(Delete(id="kb-17", version=2)),
            await publisher.delete("kb-18"),
            await publisher.tombstone("kb-17"),
        ]
    records = {
        FreshnessToken(topic, record.partition, record.offset): record
        for record in await read_all(kafka.bootstrap, topic, 3)
    }

    assert [records[token].key for token in tokens] == [b"kb-17", b"kb-17", b"kb-18", b"kb-17"]
    first, second, _, last = (records[token].value for token in tokens)
    assert json.loads(first) == {
        "type": "upsert",
        "id": "kb-17",
        "text": "The text.",
        "title": "A title",
        "metadata": {"lang": "en"},
    }
    assert json.loads(second) == {"type": "delete", "id": "kb-17", "version": 2}
    assert last is None


async def test_many_events_keep_their_order(kafka: KafkaServer):
    topic = await kafka.create_topic("documents", partitions=4)
    events = [Upsert(id=f"d{number % 50}", text=f"{number:05}") for number in range(3000)]
    async with Publisher(kafka.bootstrap, topic=topic) as publisher:
        tokens = await publisher.publish_many(events)
    records = await read_all(kafka.bootstrap, topic, 4)

    assert len(records) == len(set(tokens)) == 3000
    by_document: dict[bytes, list[str]] = {}
    for record in records:
        by_document.setdefault(record.key, []).append(json.loads(record.value)["text"])
    assert all(texts == sorted(texts) for texts in by_document.values())


async def test_many_tasks_may_share_a_publisher(kafka: KafkaServer):
    topic = await kafka.create_topic("documents", partitions=2)
    async with Publisher(kafka.bootstrap, topic=topic) as publisher:
        tokens = await asyncio.gather(*(publisher.upsert(f"d{number}", "x") for number in range(300)))

    assert len(set(tokens)) == 300
    assert len(await read_all(kafka.bootstrap, topic, 2)) == 300


async def test_documents_lie_in_the_partitions_in_which_java_clients_put_them(kafka: KafkaServer):
    topic = await kafka.create_topic("documents", partitions=7)
    async with Publisher(kafka.bootstrap, topic=topic) as publisher:
        tokens = await publisher.publish_many([Delete(id=key.decode()) for key in JAVA_MURMUR2])

    assert [token.partition for token in tokens] == [(value & 0x7FFFFFFF) % 7 for value in JAVA_MURMUR2.values()]


async def test_one_bad_event_among_many_stops_all_of_them(kafka: KafkaServer):
    topic = await kafka.create_topic("documents")
    async with Publisher(kafka.bootstrap, topic=topic, max_event_bytes=2000) as publisher:
        with pytest.raises(BadEvent, match="the limit is 2000"):
            await publisher.publish_many([Upsert(id="a", text="fine"), Upsert(id="b", text="x" * 3000)])
        with pytest.raises(BadEvent, match="text: "):
            await publisher.publish({"type": "upsert", "id": "a"})

    assert await read_all(kafka.bootstrap, topic, 1) == []


async def test_tenants_and_versions_are_demanded_where_they_are_on(kafka: KafkaServer):
    topic = await kafka.create_topic("documents")
    async with Publisher(kafka.bootstrap, topic=topic, tenants=True, order=Order.VERSION) as publisher:
        with pytest.raises(BadEvent, match="tenant: "):
            await publisher.upsert("a", "b", version=1)
        with pytest.raises(BadEvent, match="version: "):
            await publisher.upsert("a", "b", tenant="acme")
        await publisher.upsert("a", "b", tenant="acme", version=1)

    assert [record.key for record in await read_all(kafka.bootstrap, topic, 1)] == [b"acme/a"]


async def test_a_topic_that_is_missing_is_not_made_by_accident(restartable_kafka: StartKafka):
    broker = await restartable_kafka(extra={"auto.create.topics.enable": "true"})
    async with Publisher(broker.bootstrap, topic="documents") as publisher:
        for _ in range(2):
            with pytest.raises(TransientError, match=r"no topic documents.*freshet topics create"):
                await publisher.upsert("a", "b")
        await create_topics(broker.bootstrap, {"documents": 1})
        assert await publisher.upsert("a", "b") == FreshnessToken("documents", 0, 0)


async def test_a_record_that_the_broker_refuses_does_not_spoil_those_after_it(kafka: KafkaServer):
    topic = await kafka.create_topic("documents", settings={"max.message.bytes": "2000"})
    async with Publisher(kafka.bootstrap, topic=topic) as publisher:
        with pytest.raises(PermanentError, match=r"max\.message\.bytes"):
            await publisher.upsert("large", "x" * 5000)
        await publisher.upsert("small", "x")

    assert [record.key for record in await read_all(kafka.bootstrap, topic, 1)] == [b"small"]


async def test_a_broker_that_goes_and_comes_back_loses_and_repeats_nothing(restartable_kafka: StartKafka):
    broker = await restartable_kafka()
    await create_topics(broker.bootstrap, {"documents": 1})
    async with Publisher(broker.bootstrap, timeout=60) as publisher:
        await publisher.upsert("before", "x")
        await broker.process.kill()
        waiting = [asyncio.create_task(publisher.upsert(f"during-{number}", "x")) for number in range(20)]
        await broker.start()
        await asyncio.gather(*waiting)
        await publisher.upsert("after", "x")

    keys = [record.key.decode() for record in await read_all(broker.bootstrap, "documents", 1)]
    assert keys == ["before", *(f"during-{number}" for number in range(20)), "after"]


async def test_a_request_that_was_repeated_is_written_once(
    restartable_kafka: StartKafka, caplog: pytest.LogCaptureFixture
):
    broker = await restartable_kafka()
    await create_topics(broker.bootstrap, {"documents": 1})
    async with KafkaProducer(KafkaConnection(broker.bootstrap, timeout=1), timeout=60) as producer:
        before = await producer.send("documents", key=b"before", value=b"x")
        await before.token()
        broker.process.pause()
        await wait_until(lambda: is_frozen(broker.process.pid), "nothing of it runs")
        during = await producer.send("documents", key=b"during", value=b"x")
        await wait_until(lambda: "Got error produce response" in caplog.text, "the request failed, and is repeated")
        broker.process.resume()
        after = await producer.send("documents", key=b"after", value=b"x")

        assert [(await delivery.token()).offset for delivery in (during, after)] == [1, 2]
    records = await read_all(broker.bootstrap, "documents", 1)
    assert [record.key for record in records] == [b"before", b"during", b"after"]


async def test_a_record_may_be_as_large_as_its_topic_takes(kafka: KafkaServer):
    topic = await kafka.create_topic("dead-letters", settings={"max.message.bytes": "6000000"})
    async with KafkaProducer(KafkaConnection(kafka.bootstrap)) as producer:
        tokens = await producer.send_all([Message(topic, b"k", b"x" * 5_000_000)])

    assert tokens == [FreshnessToken(topic, 0, 0)]


async def test_without_a_broker_the_wait_has_an_end(restartable_kafka: StartKafka):
    broker = await restartable_kafka()
    await create_topics(broker.bootstrap, {"documents": 1})
    async with Publisher(broker.bootstrap, timeout=1) as publisher:
        await publisher.upsert("a", "x")
        await broker.process.kill()
        with pytest.raises(TransientError, match="not acknowledged after 1 s"):
            await publisher.upsert("a", "y")


async def test_a_publisher_that_cannot_connect_says_so():
    with pytest.raises(TransientError, match="no broker answers"):
        await Publisher(f"127.0.0.1:{free_port()}").start()


async def test_records_carry_headers_and_go_to_the_partition_that_is_named(kafka: KafkaServer):
    topic = await kafka.create_topic("documents", partitions=3)
    async with KafkaProducer(KafkaConnection(kafka.bootstrap)) as producer:
        delivery = await producer.send(topic, key=None, value=b"v", headers=[("origin", b"x/0@1")], partition=2)
        assert await delivery.token() == FreshnessToken(topic, 2, 0)
        assert await producer.partitions(topic) == 3
        with pytest.raises(TransientError, match="no partition 3"):
            await producer.send(topic, key=None, value=b"v", partition=3)

    (record,) = await read_all(kafka.bootstrap, topic, 3)
    assert (record.partition, record.headers) == (2, (("origin", b"x/0@1"),))


async def test_an_event_is_searchable_once_the_live_version_has_come_past_it(kafka: KafkaServer):
    topic = await kafka.create_topic("documents", partitions=2)
    await create_topics(kafka.bootstrap, {f"{topic}.indexed": 2})
    connection = KafkaConnection(kafka.bootstrap)
    async with Publisher(kafka.bootstrap, topic=topic) as publisher, KafkaProducer(connection) as feed:

        async def told(token: FreshnessToken, *, past: int, live: bool) -> None:
            mark = Watermark(
                index_version="v", topic=topic, partition=token.partition, offset=token.offset + past, live=live
            )
            message = Message(f"{topic}.indexed", None, mark.model_dump_json().encode(), token.partition)
            await feed.send_all([message])

        token = await publisher.upsert("a", "The text.")
        waiting = asyncio.create_task(publisher.wait_searchable(token))
        await told(token, past=1, live=False)  # a version that is being built
        await told(token, past=0, live=True)
        with pytest.raises(NotSearchableError, match=f"^{re.escape(str(token))} was not searchable within 0.5 s"):
            await publisher.wait_searchable(str(token), timeout=0.5)
        assert not waiting.done()
        await told(token, past=1, live=True)
        assert await waiting > 0
        assert await publisher.wait_searchable(token, str(token)) > 0
        with pytest.raises(ValueError, match="is of another topic"):
            await publisher.wait_searchable("others/0@1")
