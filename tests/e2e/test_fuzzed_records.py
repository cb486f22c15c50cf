"""Whatever lies in the topics: the worker goes on, each record has its end, and no neighbour is harmed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import pytest
from aiokafka import AIOKafkaProducer

from freshet.schemas.positions import FreshnessToken, Order
from freshet.search.index.identity import is_group_of
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.search.index.records import LedgerRecord
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from tests.support.chaos_worker import JOURNAL
from tests.support.fuzzed import Fuzzed, fuzzed
from tests.support.road import Process, Road
from tests.support.scale import count
from tests.support.waiting import wait_until

FUZZED: Final = count(10_000) // 2  # in each order
NEIGHBOURS: Final = FUZZED // 10  # documents, each changed ten times
BROKEN_EVERY: Final = 10  # a neighbour also has a record that is broken
PARTITIONS: Final = 4
SEEDS: Final = {Order.LOG: 1, Order.VERSION: 2}
Lying = Sequence[tuple[Fuzzed, FreshnessToken]]
pytestmark = pytest.mark.soak


@pytest.mark.parametrize("order", list(Order))
async def test_no_record_stops_the_worker_is_lost_or_harms_a_neighbour(make_road, started, tmp_path, order):
    settings = {
        JOURNAL: str(tmp_path / "journal"),
        "FRESHET_ORDER": order.value,
        "FRESHET_EMBEDDING__MODEL": "digest",
        "FRESHET_TOPICS__PARTITIONS": str(PARTITIONS),
    }
    road = make_road(module="tests.support.chaos_worker", **settings)
    worker = await started(road.worker())
    lying = await publish(road, SEEDS[order])
    outcomes = await all_done(road, worker)
    dead = await dead_letters(road)
    async with road.index() as index:
        await judge_neighbours(index)
        ends = await judge_fuzz(index, lying, dead)
    assert (await worker.probe("/readyz"))[0] == 200
    kinds = Counter(each.kind for each, _ in lying)
    print(json.dumps({"order": order, "kinds": kinds, "ends": ends, "outcomes": outcomes}))  # noqa: T201


async def publish(road: Road, seed: int) -> Lying:
    """Fuzz and neighbours in turn, so that they come in the same batches; the fuzz with where it lies."""
    sent = []
    async with AIOKafkaProducer(bootstrap_servers=road.bootstrap, max_request_size=3_000_000, linger_ms=5) as producer:
        for number, each in enumerate(fuzzed(FUZZED, seed=seed, topic=road.topic, partitions=PARTITIONS)):
            topic = f"{road.topic}.again" if each.again else road.topic
            headers = list(each.headers)
            future = await producer.send(topic, each.value, each.key, partition=each.partition, headers=headers)
            sent.append((each, future))
            key, event = neighbour(number % NEIGHBOURS, number // NEIGHBOURS)
            await producer.send(road.topic, event, key)
            if number % BROKEN_EVERY == 0:
                broken = Fuzzed("broken", key, event[:-1])
                sent.append((broken, await producer.send(road.topic, broken.value, key)))
        places = [(each, await future) for each, future in sent]
    return [(each, FreshnessToken(place.topic, place.partition, place.offset)) for each, place in places]


def neighbour(number: int, state: int) -> tuple[bytes, bytes]:
    name = f"neighbour-{number}"
    event = {"type": "upsert", "id": name, "text": text_of(number, state), "version": state}
    return name.encode(), json.dumps(event).encode()


def text_of(number: int, state: int) -> str:
    return f"neighbour {number} in its state {state}"


async def all_done(road: Road, worker: Process) -> Mapping[str, float]:
    """Wait until both topics are committed to their ends; events by outcome, which are all that lie there."""

    async def committed() -> int:
        total = 0
        async with KafkaOffsets(KafkaConnection(road.bootstrap)) as offsets:
            index = road.environment["FRESHET_INDEX"]
            [group] = [each for each in await offsets.groups() if is_group_of(index, each)]
            for topic in (road.topic, f"{road.topic}.again"):
                for position in await offsets.positions(topic, group):
                    assert position.committed is None or position.committed == position.end
                    assert position.committed is not None or position.end == 0
                    total += position.end
        return total

    async def counted() -> Mapping[str, float]:
        if not worker.alive:
            pytest.fail(f"the worker has ended: {worker.log_tail()}")
        total, outcomes = await committed(), await worker.metric("freshet_events_total")
        assert sum(outcomes.values()) == total
        return {name: number for name, number in outcomes.items() if number}

    found: Mapping[str, float] = await wait_until(
        counted, "every record is done and counted", deadline=60 + FUZZED / 20
    )
    return found


async def dead_letters(road: Road) -> Mapping[str, str]:
    """The reasons of dead letters by origin."""
    letters = [dict(letter.headers) for letter in await road.records(f"{road.topic}.dead-letters")]
    return {headers["origin"].decode(): headers["reason"].decode() for headers in letters}


async def judge_neighbours(index: QdrantWriter) -> None:
    names = [f"neighbour-{number}" for number in range(NEIGHBOURS)]
    ledger = await index.ledger(names)
    for number, name in enumerate(names):
        assert await shown(index, ledger[name]) == text_of(number, 9)


async def judge_fuzz(index: QdrantWriter, lying: Lying, dead: Mapping[str, str]) -> Mapping[str, int]:
    """What became of the records of the documents topic; each is a dead letter, or its document is what it says."""
    ledger = await index.ledger({key for each, _ in lying if (key := text(each.key))})
    ends = Counter[str]()
    for each, token in lying:
        if each.again:
            continue
        record = ledger.get(text(each.key) or "")
        if (reason := dead.get(str(token))) is not None:
            ends[reason] += 1
        else:
            assert record is not None, f"{each} is lost"
            assert record.offset >= token.offset, f"{each} is lost"
            ends["indexed"] += 1
            if record.offset == token.offset:
                await judge_indexed(index, each, record)
    return ends


async def judge_indexed(index: QdrantWriter, each: Fuzzed, record: LedgerRecord) -> None:
    """By another reader of JSON than the worker's."""
    said = json.loads(each.value) if each.value is not None else {"type": "delete"}
    assert record.deleted == (said["type"] == "delete")
    if not record.deleted:
        assert await shown(index, record) == said["text"]
        assert dict(record.metadata) == said.get("metadata", {})


async def shown(index: QdrantWriter, record: LedgerRecord) -> str:
    stored = await index.passages(record.passages)
    return "".join(stored[point].text for point in record.passages)


def text(key: bytes | None) -> str | None:
    try:
        return None if key is None else key.decode()
    except UnicodeDecodeError:
        return None
