"""Reads: by id, by scrolling, counts and facets."""

import uuid

import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.contract.qdrant_server.points import below, equals, passage, record


async def test_points_read_back_with_payload_and_vectors(qdrant_client: AsyncQdrantClient, collection: str):
    sparse = models.SparseVector(indices=[7, 3], values=[0.5, 0.25])
    point_id = str(uuid.uuid4())
    point = models.PointStruct(
        id=point_id, vector={"dense": [0.0, 0.0, 1.0, 0.0], "sparse": sparse}, payload={"text": "žluť 🌊", "n": None}
    )
    await qdrant_client.upsert(collection, [point])
    [found] = await qdrant_client.retrieve(collection, [point_id], with_vectors=True)
    assert found.id == point_id
    assert found.payload == {"text": "žluť 🌊", "n": None}
    sorted_sparse = models.SparseVector(indices=[3, 7], values=[0.25, 0.5])
    assert found.vector == {"dense": [0.0, 0.0, 1.0, 0.0], "sparse": sorted_sparse}


async def test_dense_vectors_read_back_normalised_under_cosine(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(1, [3.0, 4.0, 0.0, 0.0])])
    [found] = await qdrant_client.retrieve(collection, [1], with_vectors=["dense"])
    assert isinstance(found.vector, dict)
    assert found.vector["dense"] == pytest.approx([0.6, 0.8, 0.0, 0.0])


async def test_missing_ids_are_left_out(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1), record(2)])
    found = await qdrant_client.retrieve(collection, [1, 99, 2, str(uuid.uuid4())])
    assert {point.id for point in found} == {1, 2}
    assert await qdrant_client.retrieve(collection, [99]) == []


async def test_payload_can_be_included_and_excluded_by_field(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1, text="long", key="k", meta={"lang": "en", "x": 1})])
    [included] = await qdrant_client.retrieve(collection, [1], with_payload=["key", "meta.lang"])
    assert included.payload == {"key": "k", "meta": {"lang": "en"}}
    selector = models.PayloadSelectorExclude(exclude=["text", "meta.x"])
    [excluded] = await qdrant_client.retrieve(collection, [1], with_payload=selector)
    assert excluded.payload == {"key": "k", "meta": {"lang": "en"}}
    [none] = await qdrant_client.retrieve(collection, [1], with_payload=False)
    assert none.payload is None


async def test_scrolling_meets_every_point_exactly_once(qdrant_client: AsyncQdrantClient, collection: str):
    written = [str(uuid.uuid4()) if n % 2 else n for n in range(105)]
    await qdrant_client.upsert(collection, [models.PointStruct(id=i, vector={}, payload={}) for i in written])
    met: list[models.ExtendedPointId] = []
    offset: models.ExtendedPointId | None = None
    while True:
        points, offset = await qdrant_client.scroll(collection, limit=10, offset=offset)
        met += [point.id for point in points]
        if offset is None:
            break
    assert sorted(map(str, met)) == sorted(map(str, written))


async def test_scrolling_obeys_a_filter(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(n, position=n) for n in range(20)])
    points, following = await qdrant_client.scroll(collection, models.Filter(must=[below("position", 5)]), limit=100)
    assert ({point.id for point in points}, following) == ({0, 1, 2, 3, 4}, None)


async def test_scrolling_in_the_order_of_a_field_needs_an_index(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(n, position=(n * 7) % 10, rank=n) for n in range(10)])
    order = models.OrderBy(key="position", direction=models.Direction.DESC)
    points, _ = await qdrant_client.scroll(collection, limit=3, order_by=order)
    assert [point.payload["position"] for point in points if point.payload] == [9, 8, 7]
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.scroll(collection, order_by="rank")
    assert refused.value.status_code == 400
    assert "No range index for `order_by` key: `rank`" in str(refused.value)


async def test_counts_are_exact(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(n, position=n, tenant=f"t{n % 3}") for n in range(500)])
    await qdrant_client.delete(collection, [0, 3, 499])
    assert (await qdrant_client.count(collection, exact=True)).count == 497
    tenant = models.Filter(must=[equals("tenant", "t0")])
    assert (await qdrant_client.count(collection, tenant, exact=True)).count == 165


async def test_counting_deleted_points_by_a_flag(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1, deleted=True), record(2, deleted=False), record(3)])
    living = models.Filter(must_not=[equals("deleted", True)])
    assert (await qdrant_client.count(collection, living)).count == 2


async def test_facets_count_by_value_and_need_an_index(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(n, key=f"k{n % 2}", other="x") for n in range(5)])
    answer = await qdrant_client.facet(collection, "key", exact=True)
    assert {hit.value: hit.count for hit in answer.hits} == {"k0": 3, "k1": 2}
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.facet(collection, "other")
    assert refused.value.status_code == 400
    assert "No appropriate index for faceting: `other`" in str(refused.value)
