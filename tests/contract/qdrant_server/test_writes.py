"""Writes: repeats, refusals, batches, payload, deletes."""

import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.contract.qdrant_server.points import below, ids, passage, payloads, record


async def test_an_acknowledged_write_is_seen_by_the_next_read(qdrant_client: AsyncQdrantClient, collection: str):
    for number in range(30):
        answer = await qdrant_client.upsert(collection, [passage(number, key=f"k{number}")])
        assert answer.status == models.UpdateStatus.COMPLETED
        by_key = models.Filter(must=[models.FieldCondition(key="key", match=models.MatchValue(value=f"k{number}"))])
        answered = await qdrant_client.query_points(
            collection, query=[1.0, 0.0, 0.0, 0.0], using="dense", query_filter=by_key
        )
        assert [point.id for point in answered.points] == [number]


async def test_a_repeated_upsert_changes_nothing(qdrant_client: AsyncQdrantClient, collection: str):
    points = [passage(n, [1.0, n, 0.0, 0.0], position=n) for n in range(5)]
    await qdrant_client.upsert(collection, points)
    once = await qdrant_client.retrieve(collection, list(range(5)), with_vectors=True)
    await qdrant_client.upsert(collection, points)
    assert await qdrant_client.retrieve(collection, list(range(5)), with_vectors=True) == once
    assert (await qdrant_client.count(collection)).count == 5


async def test_an_upsert_replaces_payload_and_vectors_whole(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(1, a=1, b=2)])
    await qdrant_client.upsert(collection, [record(1, b=3)])
    [point] = await qdrant_client.retrieve(collection, [1], with_vectors=True)
    assert (point.payload, point.vector) == ({"b": 3}, {})


async def test_a_wrong_dimension_refuses_the_whole_batch(qdrant_client: AsyncQdrantClient, collection: str):
    points = [passage(n) for n in range(10)]
    points[7] = passage(7, [1.0, 2.0, 3.0])
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.upsert(collection, points)
    assert refused.value.status_code == 400
    assert "Vector dimension error: expected dim: 4, got 3" in str(refused.value)
    assert await ids(qdrant_client, collection) == set()


async def test_an_unknown_vector_name_is_refused(qdrant_client: AsyncQdrantClient, collection: str):
    point = models.PointStruct(id=1, vector={"nonsense": [1.0, 0.0, 0.0, 0.0]})
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.upsert(collection, [point])
    assert refused.value.status_code == 400
    assert "Not existing vector name error: nonsense" in str(refused.value)


async def test_a_good_upsert_of_the_same_ids_heals_a_refused_one(qdrant_client: AsyncQdrantClient, collection: str):
    bad = models.PointStruct(id=1, vector={"nonsense": [1.0, 0.0, 0.0, 0.0]}, payload={"bad": True})
    with pytest.raises(UnexpectedResponse):
        await qdrant_client.upsert(collection, [passage(0, bad=True), bad])
    await qdrant_client.upsert(collection, [passage(0, good=True), passage(1, good=True)])
    assert await payloads(qdrant_client, collection, [0, 1]) == {0: {"good": True}, 1: {"good": True}}
    answered = await qdrant_client.query_points(collection, query=[1.0, 0.0, 0.0, 0.0], using="dense")
    assert {point.id for point in answered.points} == {0, 1}


@pytest.mark.parametrize(
    ("indices", "values"), [([1, 1], [0.5, 0.5]), ([1, 2], [0.5])], ids=["repeated indices", "unequal lengths"]
)
async def test_a_malformed_sparse_vector_is_refused(
    qdrant_client: AsyncQdrantClient, collection: str, indices: list[int], values: list[float]
):
    vector = models.SparseVector(indices=indices, values=values)
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.upsert(collection, [models.PointStruct(id=1, vector={"sparse": vector})])
    assert refused.value.status_code == 422


async def test_an_empty_upsert_is_refused(qdrant_client: AsyncQdrantClient, collection: str):
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.upsert(collection, [])
    assert refused.value.status_code == 400


async def test_a_batch_runs_in_order_and_stops_at_the_first_error(qdrant_client: AsyncQdrantClient, collection: str):
    operations: list[models.UpdateOperation] = [
        models.UpsertOperation(upsert=models.PointsList(points=[passage(1), passage(2)])),
        models.DeleteOperation(delete=models.PointIdsList(points=[1])),
        models.UpsertOperation(upsert=models.PointsList(points=[passage(3, [1.0])])),
        models.UpsertOperation(upsert=models.PointsList(points=[passage(4)])),
    ]
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.batch_update_points(collection, operations)
    assert refused.value.status_code == 400
    assert await ids(qdrant_client, collection) == {2}


async def test_a_batch_mixes_conditional_upserts_and_deletes(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(n, position=n) for n in range(3)])
    fence = models.Filter(must=[below("position", 1)])
    answers = await qdrant_client.batch_update_points(
        collection,
        [
            models.UpsertOperation(
                upsert=models.PointsList(points=[passage(n, position=9) for n in (0, 1)], update_filter=fence)
            ),
            models.DeleteOperation(delete=models.FilterSelector(filter=models.Filter(must=[below("position", 3)]))),
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"seen": True}, points=[0])),
            models.OverwritePayloadOperation(overwrite_payload=models.SetPayload(payload={"x": 1, "y": 2}, points=[0])),
            models.DeletePayloadOperation(delete_payload=models.DeletePayload(keys=["y"], points=[0])),
        ],
    )
    assert [answer.status for answer in answers] == [models.UpdateStatus.COMPLETED] * 5
    assert await ids(qdrant_client, collection) == {0}
    assert await payloads(qdrant_client, collection, [0]) == {0: {"x": 1}}


async def test_payload_can_be_set_by_ids_and_by_filter(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(n, position=n) for n in range(3)])
    await qdrant_client.set_payload(collection, {"a": 1}, points=[0])
    await qdrant_client.set_payload(collection, {"b": 2}, points=models.Filter(must=[below("position", 2)]))
    assert await payloads(qdrant_client, collection, [0, 1, 2]) == {
        0: {"position": 0, "a": 1, "b": 2},
        1: {"position": 1, "b": 2},
        2: {"position": 2},
    }


async def test_setting_payload_of_a_missing_point_is_a_404(qdrant_client: AsyncQdrantClient, collection: str):
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.set_payload(collection, {"a": 1}, points=[99])
    assert refused.value.status_code == 404
    assert "No point with id 99 found" in str(refused.value)


async def test_vectors_of_a_point_can_be_replaced_alone(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(1, key="k")])
    changed = models.PointVectors(id=1, vector={"dense": [0.0, 1.0, 0.0, 0.0]})
    await qdrant_client.update_vectors(collection, [changed])
    [point] = await qdrant_client.retrieve(collection, [1], with_vectors=True)
    assert (point.payload, point.vector) == ({"key": "k"}, {"dense": [0.0, 1.0, 0.0, 0.0]})


async def test_deleting_missing_points_is_no_error(qdrant_client: AsyncQdrantClient, collection: str):
    answer = await qdrant_client.delete(collection, [1, 2, 3])
    assert answer.status == models.UpdateStatus.COMPLETED


async def test_large_integers_survive_exactly(qdrant_client: AsyncQdrantClient, collection: str):
    position = 2**60 + 1
    await qdrant_client.upsert(collection, [record(1, position=position)])
    assert await payloads(qdrant_client, collection, [1]) == {1: {"position": position}}
    exact = models.Filter(must=[models.FieldCondition(key="position", match=models.MatchAny(any=[position]))])
    assert (await qdrant_client.count(collection, exact)).count == 1
    other = models.Filter(must=[models.FieldCondition(key="position", match=models.MatchAny(any=[position - 1]))])
    assert (await qdrant_client.count(collection, other)).count == 0
