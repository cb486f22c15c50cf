"""What a real server's refusals become; the client's local mode raises other errors and has no part in this."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, models

from freshet.schemas.errors import PermanentError, TransientError
from freshet.search.index.base import VersionInfo
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.conditions import INDEXES
from tests.contract.index.making import DIMENSION, LONG_AGO, displaced, passage, record, unit
from tests.contract.index.under_test import Index

CALLS: dict[str, Callable[[Index], Awaitable[object]]] = {
    "nearest": lambda index: index.nearest(unit(1), limit=3),
    "ledger": lambda index: index.reader.ledger(["a"]),
    "passages": lambda index: index.reader.passages([passage().id]),
    "newest": lambda index: index.reader.newest(),
    "count": lambda index: index.reader.count(),
    "facets": lambda index: index.reader.facets(["tenant"], limit=1),
    "browse": lambda index: index.reader.browse(limit=1),
    "add": lambda index: index.writer.add([passage()], at_most=LONG_AGO),
    "commit": lambda index: index.writer.commit([record()], partition=0, read=[]),
    "remove": lambda index: index.writer.remove([displaced(passage(), at_most=LONG_AGO)]),
    "stored": lambda index: anext(aiter(index.writer.stored(0, below=9))),
    "describe": lambda index: index.versions.describe("docs"),
    "create": lambda index: index.versions.create(VersionInfo("docs", DIMENSION, {})),
    "live": lambda index: index.versions.live(),
    "make_live": lambda index: index.versions.make_live("docs"),
    "names": lambda index: index.versions.names(),
    "drop": lambda index: index.versions.drop("docs"),
}
READS = ["nearest", "ledger", "passages", "newest", "count", "facets", "browse"]
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@pytest.fixture
async def clients() -> AsyncIterator[Callable[..., AsyncQdrantClient]]:
    async with AsyncExitStack() as stack:

        def make(url: str, **options: Any) -> AsyncQdrantClient:
            client = connect(url, **options)
            stack.push_async_callback(client.close)
            return client

        yield make


@every_call
async def test_a_wrong_key_is_permanent_and_named_but_never_shown(qdrant, clients, call):
    secret = f"secret-{uuid.uuid4()}"
    index = Index(clients(qdrant.url, api_key=secret), in_process=False)
    with pytest.raises(PermanentError, match="FRESHET_QDRANT__API_KEY") as caught:
        await call(index)
    assert secret not in f"{caught.value} {caught.value!r} {caught.value.__cause__} {caught.value.__cause__!r}"


@every_call
async def test_a_server_that_is_away_is_transient(clients, call, unused_tcp_port):
    index = Index(clients(f"http://127.0.0.1:{unused_tcp_port}"), in_process=False)
    with pytest.raises(TransientError, match="FRESHET_QDRANT__URL") as caught:
        await call(index)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("name", [*READS, "add", "commit", "stored"])
async def test_a_missing_collection_is_permanent_with_a_hint(qdrant, clients, name):
    index = Index(clients(qdrant.url, api_key=qdrant.api_key), in_process=False)
    with pytest.raises(PermanentError, match=r"doesn't exist.*the collection is made by"):
        await CALLS[name](index)


async def test_an_alias_never_points_at_a_missing_version(qdrant, clients):
    index = Index(clients(qdrant.url, api_key=qdrant.api_key), in_process=False)
    with pytest.raises(PermanentError):
        await index.versions.make_live(index.name)
    assert await index.versions.live() is None


async def test_a_query_of_another_dimension_is_permanent(qdrant, clients):
    index = Index(clients(qdrant.url, api_key=qdrant.api_key), in_process=False)
    await index.make()
    with pytest.raises(PermanentError, match="dim"):
        await index.nearest(unit(1)[:2], limit=3)
    await index.drop()


async def test_a_collection_of_somebody_else_is_no_version(qdrant, clients):
    index = Index(clients(qdrant.url, api_key=qdrant.api_key), in_process=False)
    params = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    await index.client.create_collection(index.name, vectors_config={"theirs": params})
    with pytest.raises(PermanentError, match="no collection of Freshet's"):
        await index.versions.describe(index.name)
    await index.drop()


async def test_a_version_whose_maker_died_gets_its_payload_indexes_later(qdrant, clients):
    index = Index(clients(qdrant.url, api_key=qdrant.api_key), in_process=False)
    params = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    await index.client.create_collection(index.name, vectors_config={"dense": params})
    await index.client.create_payload_index(index.name, "kind", models.PayloadSchemaType.KEYWORD)
    await index.make()
    present = (await index.client.get_collection(index.name)).payload_schema
    assert INDEXES.keys() <= present.keys()
    assert present["tenant"].params is not None
    assert present["tenant"].params.is_tenant is True  # type: ignore[union-attr]
    await index.drop()
