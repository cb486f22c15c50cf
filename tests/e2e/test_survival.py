"""What is killed, stopped or away costs time and nothing else."""

import asyncio

import pytest

from tests.support.road import Road
from tests.support.scale import count, outage_seconds
from tests.support.waiting import wait_until

pytestmark = pytest.mark.soak

DOCUMENTS = 300


def documents(version):
    return [
        {"type": "upsert", "id": f"d{n}", "text": f"Version {version} of document {n}.", "metadata": {"v": version}}
        for n in range(DOCUMENTS)
    ]


async def expect_all(road, version):
    """Every document is in the index as its last event says, with its passages, and nothing else is."""
    async with road.index() as index:
        ledger = await index.ledger([f"d{n}" for n in range(DOCUMENTS)])
        assert len(ledger) == DOCUMENTS
        assert {record.metadata["v"] for record in ledger.values()} == {version}
        passages = await index.passages([point for record in ledger.values() for point in record.passages])
        assert {each.text for each in passages.values()} == {document["text"] for document in documents(version)}


async def test_killing_the_worker_during_a_batch_loses_nothing(road, started):
    worker = await started(road.worker())
    last = count(40)
    for version in range(last + 1):
        async with road.publisher() as publisher:
            await publisher.publish_many(documents(version))
        await wait_until(lambda: busy(worker), "the worker is in a batch")
        await worker.kill()
        await worker.start()
    await road.caught_up()
    await expect_all(road, last)


async def busy(worker):
    """Whether this process has fetched something since it started."""
    return sum((await worker.metric("freshet_batch_events_count")).values()) > 0


async def test_sigterm_ends_the_worker_within_ten_seconds_with_nothing_half_done(road, started):
    worker = await started(road.worker())
    async with road.publisher() as publisher:
        await publisher.publish_many(documents(1))
    await wait_until(lambda: busy(worker), "the worker is in a batch")
    await worker.stop(grace=10)  # SIGKILL after that, which its exit code would tell
    assert worker.exit_code == 0
    await worker.start()
    await road.caught_up()
    await expect_all(road, 1)


@pytest.fixture
async def own_road(restartable_kafka, restartable_qdrant, model_folder, log_name):
    kafka, qdrant = await restartable_kafka(), await restartable_qdrant()
    road = Road(
        bootstrap=kafka.bootstrap,
        qdrant_url=qdrant.url,
        qdrant_key=qdrant.api_key,
        log_name=log_name,
        settings={"FRESHET_WORKER__RETRY_SECONDS": "2"},
    )
    return road, kafka, qdrant


async def test_servers_that_come_up_late_are_waited_for(own_road, started):
    road, kafka, qdrant = own_road
    await kafka.stop()
    await qdrant.stop()
    search, worker = road.search(), road.worker()
    await started(search)
    worker.spawn()
    await asyncio.sleep(outage_seconds())  # the outage itself, not a wait for something
    assert worker.alive
    assert (await search.probe("/readyz"))[0] == 503
    await asyncio.gather(kafka.start(), qdrant.start())
    await wait_until(lambda: ready(worker), "the worker is ready", deadline=60)
    async with road.publisher() as publisher:
        await publisher.upsert("d", "The lighthouse warns ships at night.")
    await road.found_first("beacon for sailors", "d")
    await worker.stop()


async def ready(process):
    return (await process.probe("/readyz"))[0] == 200


@pytest.mark.parametrize("away", ["kafka", "qdrant"])
async def test_a_server_that_goes_away_costs_nothing_but_time(own_road, started, away):
    road, kafka, qdrant = own_road
    worker = await started(road.worker())
    async with road.publisher() as publisher:
        await publisher.publish_many(documents(1))
        await road.all_indexed(worker, DOCUMENTS)
        await publisher.publish_many(documents(2))
    server = kafka if away == "kafka" else qdrant
    await server.process.kill()
    await asyncio.sleep(outage_seconds())
    assert worker.alive
    await server.start()
    await road.caught_up()
    await expect_all(road, 2)
    await wait_until(lambda: ready(worker), "the worker is ready again")
