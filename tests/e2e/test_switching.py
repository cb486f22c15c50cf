"""The alias goes back and forth between versions of two models, and one is dropped, while searches go on."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from freshet import Publisher
from freshet.schemas.http import SearchAnswer
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.settings import load_settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.source import find_source
from freshet.streams.kafka.topics import create_topics
from freshet.wiring.parts import identity, load_model
from tests.support.tiny_model import write_tiny_model
from tests.support.waiting import wait_until

DOCUMENTS = 20
ASKERS = 4


class Side:
    """A version of the index: its own model, over a topic of its own, so that each document tells whose it is."""

    def __init__(self, road, name, model, topic):
        self.road, self.name = road, name
        self.environment = {
            "FRESHET_TOPICS__DOCUMENTS": topic,
            "FRESHET_EMBEDDING__MODEL": str(model),
            "FRESHET_EMBEDDING__NAME": name,
        }
        given = load_settings(
            index=road.environment["FRESHET_INDEX"],
            embedding={"model": str(model), "name": name},
            topics={"documents": topic},
        )
        self.topic, self.specs = topic, given.topic_specs
        self.identity = identity(given, load_model(given).model)
        self.version = self.identity.version

    async def make(self, versions):
        """Make the version, so that a worker follows it whatever is live."""
        connection = KafkaConnection(self.road.bootstrap)
        await create_topics(connection, self.specs)
        source = await wait_until(lambda: find_source(connection, self.topic), "the topic is there")
        await versions.create(self.identity.info(topic=source.topic, partitions=source.partitions))

    async def publish(self):
        async with Publisher(self.road.bootstrap, topic=self.topic) as publisher:
            records = [{"id": f"{self.name}-{number}", "text": f"text {number}"} for number in range(DOCUMENTS)]
            await publisher.publish_many([{"type": "upsert", **record} for record in records])

    async def caught_up(self, client):
        reader = QdrantReader(client, collection=self.version)

        async def done():
            return await reader.count() == DOCUMENTS

        await wait_until(done, f"{self.name} has caught up")


class Asking:
    """Searches that go on until the block ends; none may fail."""

    def __init__(self, client):
        self.client = client
        self.answers: list[SearchAnswer] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, number):
        while True:
            # The text of a document, so that its vector is the query's where both are of one model.
            text = f"text {(number + len(self.answers)) % DOCUMENTS}"
            self.answers.append(await self.client.search(text, mode="dense", limit=3, explain=True))

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(self.ask(number)) for number in range(ASKERS)]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        ended = await asyncio.gather(*self.tasks, return_exceptions=True)
        assert [each for each in ended if not isinstance(each, asyncio.CancelledError)] == []

    async def answered_by(self, version):
        """Wait until each asker has had an answer of this version, after all others."""
        begin = len(self.answers)

        def last():
            assert not any(task.done() for task in self.tasks), "a search has failed"
            return len(self.answers) > begin + 2 * ASKERS and self.answers[-1].index.version == version

        await wait_until(last, f"searches are answered by {version}")


@asynccontextmanager
async def qdrant_of(road):
    client = connect(road.environment["FRESHET_QDRANT__URL"], api_key=road.environment.get("FRESHET_QDRANT__API_KEY"))
    try:
        yield client
    finally:
        await client.close()


async def test_no_search_fails_or_mixes_versions_while_the_alias_switches_and_a_version_is_dropped(
    make_road, started, tmp_path
):
    road = make_road()
    one = Side(road, "one", write_tiny_model(tmp_path / "one", seed=1), road.topic)
    two = Side(road, "two", write_tiny_model(tmp_path / "two", seed=2), f"{road.topic}-two")
    others = [{"model": str(tmp_path / "two"), "name": "two"}]
    search = road.search(**one.environment, FRESHET_SEARCH__OTHER_MODELS=json.dumps(others))
    async with qdrant_of(road) as qdrant, road.client() as client:
        versions = QdrantVersions(qdrant, index=road.environment["FRESHET_INDEX"])
        await asyncio.gather(*(each.make(versions) for each in (one, two)))
        await versions.make_live(one.version)
        workers = [road.worker(**each.environment) for each in (one, two)]
        await asyncio.gather(*map(started, [search, *workers]), *(each.publish() for each in (one, two)))
        await asyncio.gather(*(each.caught_up(qdrant) for each in (one, two)))

        async with Asking(client) as asking:
            await asking.answered_by(one.version)
            for side in (two, one, two, one):
                await versions.make_live(side.version)
                await asking.answered_by(side.version)
            await workers[0].stop()
            await versions.make_live(two.version)
            await versions.drop(one.version)
            await asking.answered_by(two.version)
            await wait_until(lambda: followed(search, two), "the lag is that of the version that is live")

    assert {answer.index.version for answer in asking.answers} == {one.version, two.version}
    for answer in asking.answers:
        side = one if answer.index.version == one.version else two
        assert {result.id.partition("-")[0] for result in answer.results} == {side.name}
        assert answer.results[0].explanation.dense.score == pytest.approx(1, abs=0.01)


async def followed(search, side):
    """Whether a search process tells of this version, and of nothing but the group that keeps it true."""
    _, page = await search.probe("/status")
    gauges = await search.metric("freshet_consumer_lag_events")
    told = {tuple(labels.split(",")[::2]) for labels in gauges}
    topics = (side.topic, f"{side.topic}.again")
    return side.version in page and told == {(side.identity.group, topic) for topic in topics}
