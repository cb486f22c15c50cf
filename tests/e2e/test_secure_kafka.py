"""The whole road over TLS, with a user for each process that has the documented rights and no others."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from freshet import KafkaSecurity, Publisher
from freshet.schemas.topics import Topics
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.needs import Need, Resource, needs
from freshet.streams.kafka.needs import Process as Role
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.kafka.rights import Operation
from tests.support.road import Process, Road
from tests.support.secure_kafka import SecureKafka
from tests.support.servers import QdrantServer
from tests.support.waiting import wait_until

ROLES = {
    "worker": Role.WORKER,
    "search": Role.SEARCH,
    "shop": Role.PUBLISHER,
    "lag": Role.LAG,
    "verifier": Role.VERIFY_HEAL,
    "again": Role.REPROCESS,
    "planner": Role.REPLAY_PLAN,
    "topics": Role.TOPICS_CREATE,
    "letters": Role.LETTERS_RETRY,
}


class GuardedRoad(Road):
    """A road whose processes and commands each log in as a user of their own."""

    def __init__(self, kafka: SecureKafka, qdrant: QdrantServer, log_name: Callable[[str], str]) -> None:
        super().__init__(bootstrap=kafka.login, qdrant_url=qdrant.url, qdrant_key=qdrant.api_key, log_name=log_name)
        self.kafka = kafka

    def needs(self, user: str) -> list[Need]:
        return needs(ROLES[user], Topics(self.topic), self.environment["FRESHET_INDEX"])

    async def as_user(self, user: str, *arguments: str) -> str:
        """What a command prints that this user runs; it must work."""
        code, output = await self.command(*arguments, environment=self.kafka.environment(user))
        assert code == 0, output
        return output

    @property
    def shop(self) -> KafkaSecurity:
        """As upstream teams write it."""
        password = self.kafka.users.passwords["shop"]
        ca_file = self.kafka.authority.ca
        return KafkaSecurity("SASL_SSL", mechanism="SCRAM-SHA-512", username="shop", password=password, ca_file=ca_file)

    def publisher(self) -> Publisher:
        return Publisher(self.bootstrap, topic=self.topic, security=self.shop)

    async def produce_broken(self, key: bytes) -> None:
        """Put something into the topic that no worker takes, with the rights of whoever publishes."""
        async with KafkaProducer(KafkaConnection(self.bootstrap, security=self.shop)) as producer:
            delivery = await producer.send(self.topic, key=key, value=b"no JSON")
            await delivery.token()

    async def ended(self, process: Process) -> str:
        """What a process said before it ended by itself, as one that failed."""
        process.spawn()
        try:
            await wait_until(lambda: not process.alive, "it ends by itself", deadline=60)
        finally:
            await process.kill()
        assert process.exit_code == 1, process.log_tail()
        return process.log.read_text()


@pytest.fixture
async def road(
    guarded_kafka: SecureKafka, qdrant: QdrantServer, model_folder: object, log_name: Callable[[str], str]
) -> GuardedRoad:
    """With its topics, and for every user what the table says that it needs."""
    road = GuardedRoad(guarded_kafka, qdrant, log_name)
    await asyncio.gather(*(guarded_kafka.allow(user, road.needs(user)) for user in ROLES))
    await road.as_user("topics", "topics", "create")
    return road


async def test_each_process_does_all_its_work_with_the_documented_rights_alone(road: GuardedRoad, started):
    await started(road.worker(**road.kafka.environment("worker")))
    await started(road.search(**road.kafka.environment("search")))
    async with road.publisher() as shop:
        await shop.upsert("parcels", "Return a parcel at any post office.")
    await road.found_first("where to send a package back", "parcels")
    async with road.client() as client:
        await client.put("penguins", "Penguins huddle together to survive the antarctic winter.")
        await client.feedback("q1", "parcels", 1)
    await road.found_first("birds in the cold", "penguins")

    await road.produce_broken(b"parcels")  # it hides a document of the index, which is reinstated
    letter = await wait_until(lambda: open_letter(road, attempts=1), "the dead letter is listed")
    told = json.loads(await road.as_user("letters", "dead-letters", "retry", letter["origin"], "--json"))
    assert told["retried"] == [letter["origin"]]
    await wait_until(lambda: open_letter(road, attempts=2), "the worker has read the event again")
    await road.as_user("letters", "dead-letters", "drop", "--all")
    await wait_until(lambda: caught_up(road), "the user of `freshet lag` sees that all is done")
    assert json.loads(await road.as_user("verifier", "verify", "--heal", "--json"))["differences"] == {}
    assert json.loads(await road.as_user("again", "reprocess", "1h", "--json"))["documents"] == 2
    assert json.loads(await road.as_user("planner", "replay", "plan", "--json"))["state"] == "live"


async def open_letter(road: GuardedRoad, *, attempts: int) -> dict[str, Any] | None:
    letters = json.loads(await road.as_user("letters", "dead-letters", "list", "--json"))
    return next((letter for letter in letters if letter["attempts"] == attempts), None)


async def caught_up(road: GuardedRoad) -> bool:
    lags = json.loads(await road.as_user("lag", "lag", "--json"))
    told = any(each["committed"] for each in lags)  # else it does not see what the worker has committed
    return len(lags) == 8 and told and all(each["events"] == 0 for each in lags)


async def test_a_process_without_one_of_its_rights_ends_at_its_start_and_says_which(road: GuardedRoad):
    indexed = Need(Resource.TOPIC, f"{road.topic}.indexed", frozenset({Operation.WRITE}))
    await road.kafka.forbid("worker", indexed, Operation.WRITE)
    said = await road.ended(road.worker(**road.kafka.environment("worker")))
    assert f"the user 'worker' lacks Write on {road.topic}.indexed" in said.splitlines()[-1]

    documents = Need(Resource.TOPIC, road.topic, frozenset({Operation.WRITE}))
    await road.kafka.forbid("search", documents, Operation.WRITE)
    said = await road.ended(road.search(**road.kafka.environment("search")))
    assert f"the user 'search' lacks Write on {road.topic}" in said.splitlines()[-1]


async def test_wrong_credentials_end_a_process_at_its_start_with_one_line_and_without_them(road: GuardedRoad):
    wrong = "not-the-password"
    for process in (road.worker, road.search):
        given = road.kafka.environment("worker") | {"FRESHET_KAFKA__PASSWORD": wrong}
        said = await road.ended(process(**given))
        assert "the user 'worker' is refused" in said.splitlines()[-1]
        assert "FRESHET_KAFKA__PASSWORD" in said.splitlines()[-1]
        assert wrong not in said
        assert "Traceback" not in said
    given = road.kafka.environment("lag") | {"FRESHET_KAFKA__PASSWORD": wrong}
    code, output = await road.command("lag", environment=given)
    assert (code, len(output.splitlines())) == (1, 1)
    assert "the user 'lag' is refused" in output
