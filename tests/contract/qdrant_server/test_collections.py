"""Collections, their metadata, indexes and aliases."""

import uuid
from collections.abc import Awaitable, Callable

import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from freshet.search.index.qdrant.sizes import disk_sizes
from tests.contract.qdrant_server.points import ids, passage, record

DENSE = {"dense": models.VectorParams(size=4, distance=models.Distance.COSINE)}


def point_alias(alias: str, collection: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=collection, alias_name=alias))


def fresh(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def second(qdrant_client: AsyncQdrantClient):
    name = fresh("second")
    await qdrant_client.create_collection(name, vectors_config=DENSE)
    yield name
    await qdrant_client.delete_collection(name)


async def test_a_collection_tells_its_vectors_metadata_and_indexes(qdrant_client: AsyncQdrantClient, collection: str):
    info = await qdrant_client.get_collection(collection)
    vectors = info.config.params.vectors
    assert isinstance(vectors, dict)
    assert (vectors["dense"].size, vectors["dense"].distance) == (4, models.Distance.COSINE)
    assert list(info.config.params.sparse_vectors or {}) == ["sparse"]
    assert info.config.metadata == {"fingerprint": "f1"}
    types = {field: schema.data_type.value for field, schema in info.payload_schema.items()}
    assert types == {"position": "integer", "partition": "integer", "key": "keyword", "tenant": "keyword"}
    tenant = info.payload_schema["tenant"].params
    assert isinstance(tenant, models.KeywordIndexParams)
    assert tenant.is_tenant is True


async def test_metadata_merges_at_the_top_level_only(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.update_collection(collection, metadata={"nested": {"a": 1, "b": 2}, "number": 1})
    await qdrant_client.update_collection(collection, metadata={"nested": {"a": 9}, "number": None})
    info = await qdrant_client.get_collection(collection)
    assert info.config.metadata == {"fingerprint": "f1", "nested": {"a": 9}}


async def test_creating_a_collection_twice_is_a_conflict(qdrant_client: AsyncQdrantClient, collection: str):
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.create_collection(collection, vectors_config=DENSE)
    assert refused.value.status_code == 409
    assert f"Collection `{collection}` already exists!" in str(refused.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda client, name: client.get_collection(name),
        lambda client, name: client.upsert(name, [record(1)]),
        lambda client, name: client.retrieve(name, [1]),
        lambda client, name: client.query_points(name, query=[1.0, 0.0, 0.0, 0.0], using="dense"),
        lambda client, name: client.count(name),
        lambda client, name: client.update_collection(name, metadata={}),
    ],
    ids=["get", "upsert", "retrieve", "query", "count", "update"],
)
async def test_a_missing_collection_is_a_404(
    qdrant_client: AsyncQdrantClient, call: Callable[[AsyncQdrantClient, str], Awaitable[object]]
):
    with pytest.raises(UnexpectedResponse) as refused:
        await call(qdrant_client, "missing")
    assert refused.value.status_code == 404
    assert b"Not found: Collection `missing` doesn't exist!" in refused.value.content


async def test_a_missing_collection_can_be_asked_for_and_deleted(qdrant_client: AsyncQdrantClient):
    assert not await qdrant_client.collection_exists("missing")
    assert await qdrant_client.delete_collection("missing") is False


async def test_collections_are_listed(qdrant_client: AsyncQdrantClient, collection: str, second: str):
    listed = {found.name for found in (await qdrant_client.get_collections()).collections}
    assert {collection, second} <= listed
    assert await qdrant_client.collection_exists(collection)


async def test_what_a_collection_takes_of_the_disk_is_told(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(number) for number in range(3)], wait=True)
    assert (await disk_sizes(qdrant_client))[collection] > 0


async def test_a_deleted_collection_is_gone_with_its_aliases(qdrant_client: AsyncQdrantClient):
    name, alias = fresh("short"), fresh("alias")
    await qdrant_client.create_collection(name, vectors_config=DENSE)
    await qdrant_client.update_collection_aliases([point_alias(alias, name)])
    assert await qdrant_client.delete_collection(name) is True
    assert alias not in {found.alias_name for found in (await qdrant_client.get_aliases()).aliases}
    await qdrant_client.create_collection(name, vectors_config=DENSE)
    assert await ids(qdrant_client, name) == set()
    await qdrant_client.delete_collection(name)


async def test_reads_and_writes_go_through_an_alias(qdrant_client: AsyncQdrantClient, collection: str):
    alias = fresh("alias")
    await qdrant_client.update_collection_aliases([point_alias(alias, collection)])
    await qdrant_client.upsert(alias, [passage(1)])
    assert await ids(qdrant_client, collection) == {1}
    assert [point.id for point in await qdrant_client.retrieve(alias, [1])] == [1]
    info = await qdrant_client.get_collection(alias)
    assert info.config.metadata == {"fingerprint": "f1"}


async def test_creating_an_alias_again_moves_it(qdrant_client: AsyncQdrantClient, collection: str, second: str):
    alias = fresh("alias")
    await qdrant_client.update_collection_aliases([point_alias(alias, collection)])
    await qdrant_client.update_collection_aliases([point_alias(alias, second)])
    listed = {found.alias_name: found.collection_name for found in (await qdrant_client.get_aliases()).aliases}
    assert listed[alias] == second
    of_second = await qdrant_client.get_collection_aliases(second)
    assert [found.alias_name for found in of_second.aliases] == [alias]


async def test_alias_actions_before_an_error_stay_done(qdrant_client: AsyncQdrantClient, collection: str):
    first, other = fresh("alias"), fresh("alias")
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.update_collection_aliases([point_alias(first, collection), point_alias(other, "nothing")])
    assert refused.value.status_code == 404
    listed = {found.alias_name for found in (await qdrant_client.get_aliases()).aliases}
    assert (first in listed, other in listed) == (True, False)


async def test_an_alias_cannot_take_a_collections_name(qdrant_client: AsyncQdrantClient, collection: str, second: str):
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.update_collection_aliases([point_alias(second, collection)])
    assert refused.value.status_code == 409


async def test_an_alias_can_be_deleted_even_when_there_is_none(qdrant_client: AsyncQdrantClient, collection: str):
    alias = fresh("alias")
    delete = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
    await qdrant_client.update_collection_aliases([point_alias(alias, collection)])
    assert await qdrant_client.update_collection_aliases([delete]) is True
    assert await qdrant_client.update_collection_aliases([delete]) is True
    assert not await qdrant_client.collection_exists(alias)


async def test_an_index_can_be_made_again_and_dropped(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1, key="k")])
    await qdrant_client.create_payload_index(collection, "key", models.PayloadSchemaType.KEYWORD)
    assert (await qdrant_client.facet(collection, "key", exact=True)).hits[0].count == 1
    await qdrant_client.delete_payload_index(collection, "key")
    assert "key" not in (await qdrant_client.get_collection(collection)).payload_schema
