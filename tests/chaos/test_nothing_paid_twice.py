"""Text that did not change is not embedded again, whatever happens to the worker: the model keeps a journal."""

import json

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError
from redis.asyncio import Redis

from freshet.schemas.positions import Order
from tests.chaos.events import WORDS, Draft
from tests.chaos.kafka import publish
from tests.chaos.stage import PARTITIONS, set_up
from tests.support.chaos_worker import journal
from tests.support.http_proxy import FINE, Mishap
from tests.support.waiting import wait_until

DOCUMENTS = 30
PASSAGES = 3


def passage(document, number, edition=0):
    words = " ".join(WORDS[(document + number + step) % len(WORDS)] for step in range(14))
    return f"Edition {edition} of passage {document}-{number} {words}."


def event(document, *, edited=None, lang="en"):
    """A document of three passages, one of which may be edited."""
    texts = [passage(document, number, edition=int(number == edited)) for number in range(PASSAGES)]
    body = {"type": "upsert", "id": f"d{document}", "title": f"T{document}", "text": " ".join(texts)}
    return Draft(f"d{document}".encode(), json.dumps({**body, "metadata": {"lang": lang}}).encode(), "")


@pytest.fixture
async def stage(own_servers, tmp_path, log_name):
    # No memory of vectors in the process, which a kill would take away anyway.
    async with set_up(own_servers, tmp_path, Order.LOG, log_name, FRESHET_EMBEDDING__CACHE_BYTES="0") as stage:
        yield stage


async def say(stage, drafts):
    async with AIOKafkaProducer(bootstrap_servers=stage.kafka.bootstrap) as producer:
        await publish(producer, stage.road.topic, drafts)


async def done(stage):
    async def caught_up():
        return await stage.group().lag(stage.road.topic) == 0

    await wait_until(caught_up, "the worker has caught up", deadline=60)


async def deliver_again(stage):
    """Put the group back to the beginning of the log, as if nothing had been committed, once its dead are gone."""
    places = {TopicPartition(stage.road.topic, each): 0 for each in range(PARTITIONS)}

    async def put_back():
        async with AIOKafkaConsumer(bootstrap_servers=stage.kafka.bootstrap, group_id=stage.group().name) as consumer:
            consumer.assign(list(places))
            try:
                await consumer.commit(places)
            except CommitFailedError:
                return False
        return True

    await wait_until(put_back, "the group is put back")


async def test_text_that_did_not_change_is_never_embedded_again(stage):
    worker = stage.workers[0]
    await worker.start()
    paid = await killed_between_embedding_and_writing(stage, worker)
    await stage.redis.process.kill()  # from here on nothing but the index knows the vectors
    await say(stage, [event(n) for n in range(DOCUMENTS)])
    await say(stage, [event(n, lang="de") for n in range(DOCUMENTS)])
    await done(stage)
    assert journal(stage.journal) == paid, "a repeat, or a change of metadata, was embedded"

    await worker.kill()
    await deliver_again(stage)
    await worker.start()
    await done(stage)
    assert journal(stage.journal) == paid, "what was delivered again after a kill was embedded again"

    await say(stage, [event(7, edited=1, lang="de")])
    await done(stage)
    assert journal(stage.journal)[len(paid) :] == [f"T7. {passage(7, 1, edition=1)} "], "one passage was edited"


async def killed_between_embedding_and_writing(stage, worker):
    """The vectors are in Redis, none is in the index yet, and nothing is committed; returns what was paid for."""
    stage.qdrant_proxy.weather = lambda request, _body: refuse_points(request)
    await say(stage, [event(n) for n in range(DOCUMENTS)])
    await wait_until(lambda: len(journal(stage.journal)) == DOCUMENTS * PASSAGES, "all is embedded")
    await wait_until(lambda: kept(stage), "Redis has every vector")
    await worker.kill()
    stage.qdrant_proxy.calm()
    await worker.start()
    await done(stage)
    paid = journal(stage.journal)
    assert len(paid) == len(set(paid)) == DOCUMENTS * PASSAGES
    async with stage.road.index() as index:
        assert len(await index.ledger([f"d{n}" for n in range(DOCUMENTS)])) == DOCUMENTS
    return paid


def refuse_points(request):
    return Mishap(passed_on=False, status=503) if request.method == "PUT" else FINE


async def kept(stage):
    async with Redis.from_url(stage.redis.url) as redis:
        return await redis.dbsize() == DOCUMENTS * PASSAGES
