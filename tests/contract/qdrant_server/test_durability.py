"""What outlives the process: of the local engine only, because a test cannot kill somebody's server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient, models

from tests.contract.qdrant_server.conftest import SERVER
from tests.contract.qdrant_server.engine import Engine, connect
from tests.contract.qdrant_server.points import equals, ids, passage, payloads, record
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(SERVER is not None, reason="the server is not ours to kill")
DENSE = {"dense": models.VectorParams(size=4, distance=models.Distance.COSINE)}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(tmp_path / "data")
    await engine.start()
    yield engine
    if engine.process.returncode is None:
        await engine.kill()


async def reopened(engine: Engine, client: AsyncQdrantClient) -> AsyncQdrantClient:
    await client.close()
    await engine.start()
    return connect(engine.url)


async def make_index(client: AsyncQdrantClient) -> None:
    await client.create_collection("a", vectors_config=DENSE, metadata={"fingerprint": "f1"})
    await client.create_payload_index("a", "key", models.PayloadSchemaType.KEYWORD)
    alias = models.CreateAlias(collection_name="a", alias_name="live")
    await client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])


async def test_a_kill_amid_writes_loses_nothing_that_was_acknowledged(engine: Engine):
    client = connect(engine.url)
    await make_index(client)
    acknowledged: set[int] = set()

    async def write(start: int) -> None:
        for number in range(start, start + 100_000, 8):
            points = [passage(n, key=f"k{n}") for n in range(number, number + 8)]
            await client.upsert("a", points)
            acknowledged.update(range(number, number + 8))

    writers = [asyncio.create_task(write(start)) for start in (0, 100_000, 200_000)]
    await wait_until(lambda: len(acknowledged) >= 2000, "2000 points are acknowledged")
    await engine.kill()
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    client = await reopened(engine, client)
    found, offset = set(), None
    while True:
        points, offset = await client.scroll("live", limit=1000, offset=offset)
        found |= {point.id for point in points}
        if offset is None:
            break
    assert acknowledged <= found
    assert (await client.count("a", models.Filter(must=[equals("key", "k8")]))).count == 1
    await client.close()


async def test_all_is_there_again_after_a_clean_end(engine: Engine):
    client = connect(engine.url)
    await make_index(client)
    await client.update_collection("a", metadata={"more": 1})
    await client.upsert("a", [passage(1, key="k"), record(2)])
    assert await engine.stop() == 0
    client = await reopened(engine, client)
    info = await client.get_collection("live")
    assert info.config.metadata == {"fingerprint": "f1", "more": 1}
    assert info.payload_schema["key"].points == 1
    assert await ids(client, "live") == {1, 2}
    assert (await client.facet("a", "key", exact=True)).hits[0].count == 1
    await client.close()


async def test_deletions_and_refusals_outlive_a_kill(engine: Engine):
    client = connect(engine.url)
    await make_index(client)
    await client.upsert("a", [passage(n, key="old") for n in range(10)])
    await client.delete("a", [0, 1, 2])
    with pytest.raises(Exception, match="Vector dimension error"):
        await client.upsert("a", [passage(3, [1.0], key="new"), *(passage(n, key="new") for n in range(4, 10))])
    with pytest.raises(Exception, match="No point with id 1 found"):
        await client.set_payload("a", {"key": "new"}, points=[1, 4])
    await client.create_collection("b", vectors_config=DENSE)
    await client.delete_collection("b")
    await engine.kill()
    client = await reopened(engine, client)
    assert await payloads(client, "a", list(range(10))) == {n: {"key": "old"} for n in range(3, 10)}
    assert not await client.collection_exists("b")
    await client.close()
