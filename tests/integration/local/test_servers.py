from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from qdrant_client import AsyncQdrantClient, models
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from freshet.local.artifacts import Artifacts
from freshet.local.folders import cache_folder
from freshet.local.kafka import LocalKafka
from freshet.local.processes import LocalPartError
from freshet.search.index.qdrant.client import connect
from tests.support.servers import create_topics


async def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read_all(bootstrap: str, topic: str) -> list[bytes]:
    partition = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while len(values) < end:
            batches = await consumer.getmany(timeout_ms=1000)
            values += [record.value for records in batches.values() for record in records]
        return values


pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")

LOOPBACK_IN_HEX = "0100007F"
LISTENING = "0A"


def listening_addresses(port: int) -> list[str]:
    """The addresses, as proc(5) writes them, on which somebody accepts connections to `port`."""
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()]
    places = [row[1].split(":") for row in rows if row[3] == LISTENING]
    return [address for address, place in places if int(place, 16) == port]


async def test_kafka_keeps_what_it_acknowledged_over_a_restart_and_a_crash(restartable_kafka):
    broker = await restartable_kafka()
    await create_topics(broker.bootstrap, {"documents": 2})
    await produce(broker.bootstrap, "documents", b"before the restart")
    await broker.stop()
    await broker.start()
    await produce(broker.bootstrap, "documents", b"before the crash")
    await broker.process.kill()
    await broker.start()
    assert await read_all(broker.bootstrap, "documents") == [b"before the restart", b"before the crash"]


async def test_what_java_prepares_is_kept_beside_the_jars_and_does_no_harm_where_it_is_damaged(tmp_path: Path):
    there = Artifacts(cache_folder()).kafka_jars()
    jars = [tmp_path / jar.name for jar in there]
    for own, jar in zip(jars, there, strict=True):
        own.symlink_to(jar)
    for turn, damage in enumerate(("", "", "nothing of the kind")):
        for prepared in files_of_java(tmp_path):
            prepared.write_text(damage)
        async with LocalKafka(jars=jars, folder=tmp_path / f"{turn}", log=tmp_path / f"{turn}.log") as broker:
            await create_topics(broker.bootstrap, {"documents": 1})
        assert [each.parent for each in files_of_java(tmp_path)] == [tmp_path]


def files_of_java(folder: Path) -> list[Path]:
    return list(folder.rglob("*.aot*"))


async def test_kafka_goes_on_after_a_pause(restartable_kafka):
    broker = await restartable_kafka()
    await create_topics(broker.bootstrap, {"documents": 1})
    broker.process.pause()
    broker.process.resume()
    await produce(broker.bootstrap, "documents", b"after the pause")
    assert await read_all(broker.bootstrap, "documents") == [b"after the pause"]


async def test_kafka_takes_extra_settings_and_says_so_when_it_cannot_use_them(restartable_kafka):
    with pytest.raises(LocalPartError, match=r"(?s)Kafka .*num\.partitions"):
        await restartable_kafka(extra={"num.partitions": "many"})


async def test_kafka_and_qdrant_listen_on_the_loopback_address_only(kafka, restartable_qdrant):
    engine = await restartable_qdrant()
    for port in (int(kafka.bootstrap.rpartition(":")[2]), engine.port):
        addresses = listening_addresses(port)
        assert addresses
        assert all(address.endswith(LOOPBACK_IN_HEX) for address in addresses)


async def test_tests_share_one_broker_and_have_topics_of_their_own(kafka):
    first, second = [await kafka.create_topic("documents", partitions=3) for _ in range(2)]
    assert first != second
    await produce(kafka.bootstrap, first, b"one")
    assert await read_all(kafka.bootstrap, first) == [b"one"]
    assert await read_all(kafka.bootstrap, second) == []


async def test_qdrant_keeps_its_points_over_a_restart_and_a_crash(restartable_qdrant):
    engine = await restartable_qdrant()
    client = connect(engine.url, api_key=engine.api_key)
    await client.create_collection(
        "things", vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE)
    )
    await client.upsert("things", [models.PointStruct(id=1, vector=[1.0, 0.0])], wait=True)
    await engine.stop()
    await engine.start()
    await client.upsert("things", [models.PointStruct(id=2, vector=[0.0, 1.0])], wait=True)
    await engine.process.kill()
    await engine.start()
    assert (await client.count("things")).count == 2
    await client.close()


async def test_qdrant_wants_its_key(qdrant):
    client = AsyncQdrantClient(url=qdrant.url, api_key="a wrong key", check_compatibility=False)
    with pytest.raises(Exception, match="401"):
        await client.get_collections()
    await client.close()


async def test_redis_is_shared(redis_url):
    async with Redis.from_url(redis_url) as redis:
        assert await redis.ping()


async def test_redis_can_be_killed_and_come_back_at_the_same_address(restartable_redis):
    server = await restartable_redis(persistent=True)
    async with Redis.from_url(server.url) as redis:
        await redis.set("key", "value")
        await server.process.kill()
        with pytest.raises(RedisConnectionError):
            await redis.ping()
        await server.start()
        assert await redis.get("key") == b"value"


def test_the_model_is_there_with_the_facts_about_its_vectors(model_folder):
    names = {file.name for file in model_folder.iterdir()}
    assert {"model.onnx", "tokenizer.json", "freshet-model.json"} <= names
