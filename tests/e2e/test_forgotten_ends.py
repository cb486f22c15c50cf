"""An end that is old enough is forgotten, and yet nothing brings its document back."""

from __future__ import annotations

import json
import time

import pytest

from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.tombstones import QdrantTombstones
from freshet.search.passages import Recipe
from freshet.settings import Settings, Topics
from freshet.settings_groups.kafka import Kafka
from freshet.streams.kafka.connection import KafkaConnection
from freshet.wiring.purging import purging
from tests.support.chaos_worker import JOURNAL
from tests.support.embedder import CountingEmbedder
from tests.support.waiting import wait_until

DAY = 86_400.0


def upsert(document_id: str) -> bytes:
    return json.dumps({"type": "upsert", "id": document_id, "text": "a text that is too long " * 50}).encode()


@pytest.fixture
def road(make_road, tmp_path):
    return make_road(
        module="tests.support.chaos_worker",
        FRESHET_EMBEDDING__MODEL="digest",
        FRESHET_TOPICS__PARTITIONS="1",
        **{JOURNAL: str(tmp_path / "journal")},
    )


async def look(road, qdrant, *, days: float) -> int:
    """What the owner of the partition does, at a moment so many days from now; how many ends it forgets."""
    model = CountingEmbedder().model
    version = Identity(road.environment["FRESHET_INDEX"], model, Recipe(window=model.max_tokens))
    found: list[int] = []
    client = connect(qdrant.url, api_key=qdrant.api_key)
    try:
        await purging(
            Settings(kafka=Kafka(bootstrap_servers=road.bootstrap), topics=Topics(documents=road.topic)),
            KafkaConnection(road.bootstrap),
            version.group,
            QdrantTombstones(client, collection=version.version),
            purged=found.append,
            clock=lambda: time.time() + days * DAY,
        ).look(frozenset({0}))
    finally:
        await client.close()
    return sum(found)


async def test_a_dead_letter_that_is_retried_after_that_stays_one_and_others_are_indexed(road, started, qdrant):
    assert (await road.command("topics", "create"))[0] == 0  # with room for what the first worker refuses
    worker = await started(road.worker(FRESHET_MAX_EVENT_BYTES="1000"))
    await road.produce([(b"ended", upsert("ended")), (b"ended", None), (b"later", upsert("later"))])
    await road.caught_up()
    async with road.index() as index:
        assert (await index.ledger(["ended"]))["ended"].deleted
        assert await look(road, qdrant, days=36) == 0
        assert await look(road, qdrant, days=38) == 1
        assert await index.ledger(["ended"]) == {}

    await worker.stop()
    await started(road.worker())
    code, output = await road.command("dead-letters", "retry", "--all")
    assert code == 0, output

    async def refused():
        letters = [dict(each.headers) for each in await road.records(f"{road.topic}.dead-letters")]
        return [each["origin"].decode() for each in letters if each.get("reason") == b"forgotten"]

    assert await wait_until(refused, "the letter of the document that ended is refused") == [f"{road.topic}/0@0"]
    async with road.index() as index:
        await wait_until(lambda: index.ledger(["later"]), "the other is indexed")
        assert set(await index.ledger(["ended", "later"])) == {"later"}


async def test_what_waits_to_be_read_keeps_the_ends_before_it(road, started, qdrant):
    worker = await started(road.worker())
    await road.produce([(b"ended", None)])
    await road.caught_up()
    await worker.stop()
    await road.produce([(b"new", upsert("new"))])
    assert await look(road, qdrant, days=400) == 0
