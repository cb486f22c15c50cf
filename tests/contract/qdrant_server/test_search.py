"""Searches: what can be hit, filters, batches, fusion, groups."""

import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.contract.qdrant_server.points import equals, passage, record

NORTH = [1.0, 0.0, 0.0, 0.0]
EAST = [0.0, 1.0, 0.0, 0.0]


def with_terms(number: int, terms: dict[int, float], **payload: object) -> models.PointStruct:
    sparse = models.SparseVector(indices=list(terms), values=list(terms.values()))
    return models.PointStruct(id=number, vector={"sparse": sparse}, payload=payload)


async def test_points_without_vectors_are_never_hit(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(n, key="k") for n in range(20)] + [passage(50), passage(51, EAST)])
    answered = await qdrant_client.query_points(collection, query=NORTH, using="dense", limit=100)
    assert {point.id for point in answered.points} == {50, 51}
    sparse = models.SparseVector(indices=[1], values=[1.0])
    assert (await qdrant_client.query_points(collection, query=sparse, using="sparse", limit=100)).points == []


async def test_has_vector_tells_the_kinds_of_point_apart(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1), passage(2)])
    has_dense = models.Filter(must=[models.HasVectorCondition(has_vector="dense")])
    points, _ = await qdrant_client.scroll(collection, has_dense)
    assert [point.id for point in points] == [2]


async def test_hits_come_best_first_with_cosine_scores(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(1, EAST), passage(2, [0.6, 0.8, 0.0, 0.0]), passage(3, NORTH)])
    answered = await qdrant_client.query_points(collection, query=NORTH, using="dense", score_threshold=0.5)
    assert [point.id for point in answered.points] == [3, 2]
    assert [point.score for point in answered.points] == pytest.approx([1.0, 0.6])


async def test_limit_and_offset_cut_the_list(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(n, [1.0, n / 10, 0.0, 0.0]) for n in range(10)])
    answered = await qdrant_client.query_points(collection, query=NORTH, using="dense", limit=3, offset=2)
    assert [point.id for point in answered.points] == [2, 3, 4]


async def test_a_tenant_never_sees_another_ones_passages(qdrant_client: AsyncQdrantClient, collection: str):
    points = [passage(n, [1.0, n / 50, 0.0, 0.0], tenant=f"t{n % 5}") for n in range(50)]
    await qdrant_client.upsert(collection, points)
    of_tenant = models.Filter(must=[equals("tenant", "t3")])
    answered = await qdrant_client.query_points(
        collection, query=NORTH, using="dense", query_filter=of_tenant, limit=100, with_payload=True
    )
    assert [point.id for point in answered.points] == [n for n in range(50) if n % 5 == 3]


async def test_sparse_scores_are_the_inner_product(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [with_terms(1, {10: 0.5, 20: 2.0}), with_terms(2, {20: 1.0, 30: 9.0})])
    query = models.SparseVector(indices=[20, 10], values=[1.0, 4.0])
    answered = await qdrant_client.query_points(collection, query=query, using="sparse")
    assert [(point.id, point.score) for point in answered.points] == [(1, 4.0), (2, 1.0)]


async def test_a_batch_answers_each_query_in_order(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [passage(1, NORTH), passage(2, EAST), with_terms(3, {5: 1.0}, key="k")])
    terms = models.SparseVector(indices=[5], values=[1.0])
    answers = await qdrant_client.query_batch_points(
        collection,
        [
            models.QueryRequest(query=EAST, using="dense", limit=1),
            models.QueryRequest(query=terms, using="sparse", limit=5, with_payload=True),
            models.QueryRequest(query=NORTH, using="dense", limit=1),
        ],
    )
    assert [[point.id for point in answer.points] for answer in answers] == [[2], [3], [1]]
    assert [answer.points[0].payload for answer in answers] == [None, {"key": "k"}, None]


async def test_a_wrong_query_is_refused(qdrant_client: AsyncQdrantClient, collection: str):
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.query_points(collection, query=[1.0, 2.0], using="dense")
    assert refused.value.status_code == 400
    assert "Vector dimension error: expected dim: 4, got 2" in str(refused.value)
    with pytest.raises(UnexpectedResponse) as refused:
        await qdrant_client.query_points(collection, query=NORTH, using="nonsense")
    assert refused.value.status_code == 400
    assert "Not existing vector name error: nonsense" in str(refused.value)


async def test_prefetched_lists_are_fused_by_rank(qdrant_client: AsyncQdrantClient, collection: str):
    both = models.PointStruct(
        id=1, vector={"dense": [0.9, 0.1, 0.0, 0.0], "sparse": models.SparseVector(indices=[5], values=[0.5])}
    )
    await qdrant_client.upsert(collection, [both, passage(2, NORTH), with_terms(3, {5: 1.0})])
    prefetch = [
        models.Prefetch(query=NORTH, using="dense", limit=10),
        models.Prefetch(query=models.SparseVector(indices=[5], values=[1.0]), using="sparse", limit=10),
    ]
    answered = await qdrant_client.query_points(
        collection, prefetch=prefetch, query=models.RrfQuery(rrf=models.Rrf(k=60)), limit=10
    )
    assert answered.points[0].id == 1
    assert {point.id for point in answered.points} == {1, 2, 3}


async def test_groups_hold_the_best_hits_of_each_value(qdrant_client: AsyncQdrantClient, collection: str):
    points = [passage(n, [1.0, n / 40, 0.0, 0.0], key=f"k{n // 10}", n=n) for n in range(40)]
    await qdrant_client.upsert(collection, points)
    answer = await qdrant_client.query_points_groups(
        collection, group_by="key", query=NORTH, using="dense", limit=3, group_size=2, with_payload=["n"]
    )
    found = [(group.id, [hit.payload for hit in group.hits]) for group in answer.groups]
    assert found == [(f"k{g}", [{"n": g * 10}, {"n": g * 10 + 1}]) for g in range(3)]
