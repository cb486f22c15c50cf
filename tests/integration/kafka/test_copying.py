"""`freshet topics copy`: the documents in a topic of another name, with another number of partitions."""

import asyncio
import json
import signal
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer

from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.reader import KafkaReader
from tests.integration.kafka.command import Freshet
from tests.support.servers import KafkaServer
from tests.support.waiting import wait_until

PARTITIONS = 5
Written = tuple[bytes, bytes | None]


def upsert(key: str, text: str) -> Written:
    return key.encode(), json.dumps({"type": "upsert", "id": key, "text": text}).encode()


async def put(bootstrap: str, topic: str, records: Sequence[Written]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for key, value in records:
            await producer.send_and_wait(topic, value, key)


async def read(bootstrap: str, topic: str) -> dict[int, list[Written]]:
    """By partition, in order."""
    found: dict[int, list[Written]] = {}
    async with KafkaReader(KafkaConnection(bootstrap), topic) as reader:
        async for records in reader.read(await reader.spans()):
            for each in records:
                found.setdefault(each.partition, []).append((each.key or b"", each.value))
    return found


async def last_of_each(bootstrap: str, topic: str) -> dict[bytes, bytes | None]:
    return {key: value for records in (await read(bootstrap, topic)).values() for key, value in records}


@pytest.fixture
async def target(freshet: Freshet, kafka: KafkaServer, tmp_path) -> Freshet:
    """An empty documents topic with more partitions."""
    names = {"FRESHET_TOPICS__DOCUMENTS": f"{freshet.topic}-2", "FRESHET_TOPICS__PARTITIONS": str(PARTITIONS)}
    made = Freshet(kafka, tmp_path, **names)
    made.topic = names["FRESHET_TOPICS__DOCUMENTS"]
    assert (await made("topics", "create")).code == 0
    return made


async def test_the_newest_good_event_of_each_document_is_there_in_the_partition_of_its_key(freshet, target):
    many = [upsert(f"kb-{number}", "old") for number in range(40)] + [
        upsert(f"kb-{number}", "new") for number in range(40)
    ]
    odd = [upsert("bad", "good"), (b"bad", b"{"), upsert("ended", "x"), (b"ended", None)]
    await put(freshet.bootstrap, freshet.topic, [*many, *odd])
    done = await freshet("topics", "copy", target.topic, "--json")
    assert (done.code, json.loads(done.out)) == (0, {"documents": 42, "since": 0}), done.err
    by_partition = await read(freshet.bootstrap, target.topic)
    assert len(by_partition) == PARTITIONS
    copied = [each for records in by_partition.values() for each in records]
    wanted = [upsert(f"kb-{number}", "new") for number in range(40)] + [upsert("bad", "good"), (b"ended", None)]
    assert sorted(copied, key=lambda each: each[0]) == sorted(wanted)
    await put(freshet.bootstrap, target.topic, [upsert("kb-1", "newest")])
    again = await read(freshet.bootstrap, target.topic)
    (home,) = (number for number, records in again.items() if upsert("kb-1", "newest") in records)
    assert upsert("kb-1", "new") in again[home]


async def test_what_is_published_meanwhile_follows_in_its_order_until_it_is_told_to_stop(freshet, target):
    await put(freshet.bootstrap, freshet.topic, [upsert("kb-1", "first"), upsert("kb-2", "first")])
    process = await freshet.start("topics", "copy", target.topic, "--follow")
    try:
        for text in ("second", "third"):
            await put(freshet.bootstrap, freshet.topic, [upsert("kb-1", text), (b"kb-2", None)])

            async def there(text: str = text) -> bool:
                wanted = {b"kb-1": upsert("kb-1", text)[1], b"kb-2": None}
                return await last_of_each(freshet.bootstrap, target.topic) == wanted

            await wait_until(there, "the copy has followed")
        process.send_signal(signal.SIGINT)
        _, complaints = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in complaints


async def test_a_topic_that_others_write_to_is_not_overwritten_unless_a_copy_is_to_go_on(freshet, target):
    await put(freshet.bootstrap, freshet.topic, [upsert("kb-1", "here")])
    await put(freshet.bootstrap, target.topic, [upsert("kb-0", "there")])
    refused = await freshet("topics", "copy", target.topic)
    assert refused.code == 1
    assert "holds records already" in refused.err
    assert await last_of_each(freshet.bootstrap, target.topic) == {b"kb-0": upsert("kb-0", "there")[1]}
    done = await freshet("topics", "copy", target.topic, "--resume")
    assert (done.code, done.out) == (0, f"copied 1 document to {target.topic}\n"), done.err
    assert len(await last_of_each(freshet.bootstrap, target.topic)) == 2


async def test_a_topic_that_is_not_there_and_one_of_its_own_are_refused_with_what_to_do(freshet):
    missing = await freshet("topics", "copy", f"{freshet.topic}-3")
    assert (missing.code, len(missing.err.splitlines())) == (1, 1)
    assert f"FRESHET_TOPICS__DOCUMENTS={freshet.topic}-3" in missing.err
    own = await freshet("topics", "copy", f"{freshet.topic}.again")
    assert own.code == 1
    assert "name another one" in own.err
