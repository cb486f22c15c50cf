"""A worker that must not work on what it finds ends with one line, and leaves everything as it is."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from freshet.schemas.topics import Source, TopicSpec
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.settings import load_settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.source import find_source
from freshet.streams.kafka.topics import create_topics, describe_topics
from freshet.wiring.parts import identity, load_model
from freshet.wiring.starting import prepare_index
from tests.integration.kafka.reading import commit
from tests.support.road import Road
from tests.support.tiny_model import write_tiny_model
from tests.support.waiting import wait_until

PARTITIONS = 2
INDEXED = 3


@dataclass
class Place:
    """An index over a topic whose first partition it follows up to some offset; no worker runs."""

    road: Road
    identity: Identity
    specs: tuple[TopicSpec, ...]

    @property
    def connection(self):
        return KafkaConnection(self.road.bootstrap)

    @property
    def index(self):
        return self.road.environment["FRESHET_INDEX"]

    async def refusal(self, **environment):
        """What a worker says that must end by itself, with exit code 1 and everything as it was."""
        before = await self.everything()
        said = await self.last_words(self.road.worker(**environment))
        assert await self.everything() == before
        return said

    async def last_words(self, worker):
        """What a worker says that must end by itself, with exit code 1."""
        if not worker.alive:
            worker.spawn()
        try:
            await wait_until(lambda: not worker.alive, "the worker has ended", deadline=60)
        finally:
            await worker.kill()
        said = [line for line in worker.log_tail().splitlines() if line.startswith("freshet: ")]
        assert (worker.exit_code, len(said)) == (1, 1), worker.log_tail()
        assert "Traceback" not in worker.log_tail()
        return said[0]

    async def source(self):
        """The topic as it is now, once it is there."""
        look = partial(find_source, self.connection, self.road.topic)
        return cast("Source", await wait_until(look, "the topic is there"))

    async def everything(self):
        return {"kafka": await self.kafka(), "qdrant": await self.qdrant()}

    async def kafka(self):
        """Every topic with its settings, ends and id, and what the group has committed."""
        async with admin(self.road.bootstrap) as client:
            names = [name for name in await client.list_topics() if name.startswith(self.road.topic)]
        states = await describe_topics(self.connection, names)
        async with KafkaOffsets(self.connection) as offsets:
            positions = {name: await offsets.positions(name, self.identity.group) for name in sorted(states)}
            groups = [name for name in await offsets.groups() if self.index in name]
        return states, positions, groups, [await find_source(self.connection, name) for name in sorted(states)]

    async def qdrant(self):
        async with qdrant(self.road) as client:
            names = [each.name for each in (await client.get_collections()).collections if self.index in each.name]
            aliases = [each for each in (await client.get_aliases()).aliases if self.index in each.collection_name]
            described = [(await client.get_collection(name)).config.metadata for name in sorted(names)]
            return sorted(names), aliases, described, [(await client.count(name)).count for name in sorted(names)]


@asynccontextmanager
async def admin(bootstrap):
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def qdrant(road):
    client = connect(road.environment["FRESHET_QDRANT__URL"], api_key=road.environment.get("FRESHET_QDRANT__API_KEY"))
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def place_of(make_road, tiny_model):
    """`await place_of(bootstrap)` makes one over that broker, or over the one that tests share."""

    async def make(bootstrap=None):
        where = {"FRESHET_KAFKA__BOOTSTRAP_SERVERS": bootstrap} if bootstrap else {}
        road = make_road(FRESHET_EMBEDDING__MODEL=str(tiny_model), FRESHET_TOPICS__PARTITIONS=str(PARTITIONS), **where)
        road.bootstrap = bootstrap or road.bootstrap
        return await prepared(road, tiny_model)

    return make


@pytest.fixture
async def place(place_of):
    return await place_of()


async def prepared(road, model):
    given = load_settings(
        index=road.environment["FRESHET_INDEX"],
        embedding={"model": str(model)},
        topics={"documents": road.topic, "partitions": PARTITIONS},
    )
    found = Place(road, identity(given, load_model(given).model), given.topic_specs)
    await create_topics(found.connection, given.topic_specs)
    async with qdrant(road) as client:
        versions = QdrantVersions(client, index=given.index)
        await prepare_index(versions, found.identity, await found.source())
    async with AIOKafkaProducer(bootstrap_servers=road.bootstrap) as producer:
        for _ in range(INDEXED):
            await producer.send_and_wait(road.topic, b"x", key=b"k", partition=0)
    await commit(road.bootstrap, found.identity.group, {TopicPartition(road.topic, 0): INDEXED})
    return found


async def delete_topic(place):
    async with admin(place.road.bootstrap) as client:
        await client.delete_topics([place.road.topic])
    await wait_until(lambda: gone(place), "the topic is gone")


async def gone(place):
    return await find_source(place.connection, place.road.topic) is None


async def create_topic_again(place):
    await create_topics(place.connection, place.specs)
    await place.source()


async def test_an_index_of_another_model_or_another_topic_which_is_not_even_created(place):
    other = f"{place.road.topic}-other"
    model, topic = await asyncio.gather(
        place.refusal(FRESHET_EMBEDDING__WINDOW="16"), place.refusal(FRESHET_TOPICS__DOCUMENTS=other)
    )
    assert model.endswith("build a version for them beside it with: freshet replay run")
    assert "with a window of 16 tokens" in model
    assert f"set FRESHET_TOPICS__DOCUMENTS={place.road.topic} again" in topic


async def test_a_topic_that_is_gone_is_not_made_anew_in_silence(place):
    await delete_topic(place)
    said = await place.refusal()
    assert f"follows the topic {place.road.topic}, which is gone" in said
    assert f"FRESHET_TOPICS__DOCUMENTS={place.road.topic}-2 freshet topics create" in said


async def test_a_topic_of_the_same_name_is_not_taken_for_the_one_that_was_followed(place):
    await delete_topic(place)
    await create_topic_again(place)
    said = await place.refusal()
    assert "was deleted and created again" in said
    assert f"FRESHET_GENERATION=2 FRESHET_TOPICS__DOCUMENTS={place.road.topic}-2 freshet replay run" in said


async def test_more_partitions(place):
    async with admin(place.road.bootstrap) as client:
        await client.create_partitions({place.road.topic: NewPartitions(PARTITIONS + 1)})
    await wait_until(lambda: has_partitions(place, PARTITIONS + 1), "the topic has grown")
    said = await place.refusal()
    assert f"with {PARTITIONS} partitions, but it has {PARTITIONS + 1}" in said
    assert f"FRESHET_TOPICS__DOCUMENTS={place.road.topic}-2 freshet replay run" in said


async def has_partitions(place, count):
    return (await place.source()).partitions == count


async def test_more_was_indexed_than_the_topic_has(place):
    await commit(place.road.bootstrap, place.identity.group, {TopicPartition(place.road.topic, 0): INDEXED + 1})
    said = await place.refusal()
    assert f"{place.road.topic}/0 up to offset {INDEXED + 1}, but that ends at {INDEXED}" in said


async def test_an_index_that_is_gone_is_not_made_anew_without_what_was_in_it(place):
    await lose_index(place)
    said = await place.refusal()
    assert f"its consumer group has read {place.road.topic}/0 up to offset {INDEXED}" in said
    assert "FRESHET_GENERATION=2 freshet worker" in said
    assert said.endswith(f"kafka-consumer-groups.sh --delete --group {place.identity.group}")


async def test_nor_without_what_was_put_back(place):
    again = TopicPartition(f"{place.road.topic}.again", 1)
    await lose_index(place)
    async with AIOKafkaProducer(bootstrap_servers=place.road.bootstrap) as producer:
        await producer.send_and_wait(again.topic, b"x", key=b"k", partition=again.partition)
    await commit(place.road.bootstrap, place.identity.group, {TopicPartition(place.road.topic, 0): 0, again: 1})
    assert f"has read {again.topic}/1 up to offset 1" in await place.refusal()


async def test_two_workers_make_an_index_of_another_name_together(place, started):
    await lose_index(place)
    another = f"{place.index}-2"
    await asyncio.gather(*(started(place.road.worker(FRESHET_INDEX=another)) for _ in range(2)))
    assert [name.partition("__")[0] for name in (await place.qdrant())[0]] == [another]


async def lose_index(place):
    async with qdrant(place.road) as client:
        await client.delete_collection(place.identity.version)


async def test_compaction_that_is_too_eager(place):
    configs = {**place.specs[0].configs, "min.compaction.lag.ms": "1000"}
    async with admin(place.road.bootstrap) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, place.road.topic, configs)])
    said = await place.refusal()
    assert f"{place.road.topic}: min.compaction.lag.ms is 1000, should be at least 86400000" in said
    assert "kafka-configs.sh --alter" in said


async def test_topics_that_are_missing_where_none_may_be_created(place):
    async with admin(place.road.bootstrap) as client:
        await client.delete_topics([f"{place.road.topic}.again"])
    said = await place.refusal(FRESHET_TOPICS__CREATE="false")
    assert f"{place.road.topic}.again: the topic is missing, should be there" in said
    assert "freshet topics create" in said


async def test_a_worker_whose_topic_is_created_again_while_it_runs_ends(place, started):
    worker = await started(place.road.worker())
    await delete_topic(place)
    await create_topic_again(place)
    assert "was deleted and created again" in await place.last_words(worker)


async def test_a_worker_whose_topic_lost_its_end_while_it_runs_ends(place_of, restartable_kafka, started):
    broker = await restartable_kafka()
    place = await place_of(broker.bootstrap)
    worker = await started(place.road.worker())
    await broker.process.kill()
    lose_log(broker, f"{place.road.topic}-0")
    await broker.start()
    assert f"{place.road.topic}/0 up to offset {INDEXED}, but that ends at 0" in await place.last_words(worker)


def lose_log(broker, partition):
    """As where a broker without the newest records becomes the leader: the topic stays the same and is shorter."""
    folder = broker._folder / "data" / partition
    for file in [*folder.glob("*.log"), *folder.glob("*index"), *folder.glob("leader-epoch-checkpoint")]:
        file.unlink()


async def test_of_two_workers_with_one_name_the_older_ends(place, started):
    name = {"FRESHET_WORKER__INSTANCE_ID": "worker-0"}
    older = await started(place.road.worker(**name))
    newer = await started(place.road.worker(**name))
    said = await place.last_words(older)
    assert "another worker has joined the group as 'worker-0'" in said
    assert (await newer.probe("/readyz"))[0] == 200
