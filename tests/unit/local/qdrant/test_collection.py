"""One collection: indexes of every kind, forms of points, groups, and the warning about its size."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import models

from freshet.local.qdrant import collection as collections
from freshet.local.qdrant import updates
from freshet.local.qdrant.collection import Collection
from freshet.local.qdrant.errors import ApiError
from freshet.local.qdrant.groups import search_groups
from freshet.local.qdrant.queries import to_query

SETTINGS = models.CreateCollection(
    vectors={"v": models.VectorParams(size=2, distance=models.Distance.DOT)},
    sparse_vectors={"s": models.SparseVectorParams()},
)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    collection = Collection.create("c", tmp_path / "c", SETTINGS)
    yield collection
    collection.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    collection = Collection.create("c", tmp_path_factory.mktemp("shared") / "c", SETTINGS)
    yield collection
    collection.close()


def upsert(collection: Collection, vectors: dict[int, list[float]], payloads: dict[int, dict[str, Any]] | None = None):
    points = [
        models.PointStruct(id=n, vector={"v": vector}, payload=(payloads or {}).get(n, {}))
        for n, vector in vectors.items()
    ]
    updates.upsert(collection, models.PointsList(points=points))


@pytest.mark.parametrize(
    "schema",
    [
        *models.PayloadSchemaType,
        models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
        models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=True),
        models.DatetimeIndexParams(type=models.DatetimeIndexType.DATETIME, is_principal=True),
        models.TextIndexParams(
            type=models.TextIndexType.TEXT,
            tokenizer=models.TokenizerType.WORD,
            lowercase=True,
            stemmer=models.SnowballParams(type=models.Snowball.SNOWBALL, language=models.SnowballLanguage.ENGLISH),
            stopwords=models.StopwordsSet(languages=[models.Language.ENGLISH], custom=["freshet"]),
        ),
    ],
    ids=lambda schema: schema.value if isinstance(schema, models.PayloadSchemaType) else f"{schema.type.value} params",
)
def test_every_kind_of_index_is_made_described_and_kept(tmp_path: Path, schema: models.PayloadFieldSchema):
    collection = Collection.create("c", tmp_path / "c", SETTINGS)
    collection.create_index("field", schema)
    described = collection.describe()["payload_schema"]
    read = models.PayloadIndexInfo.model_validate(described["field"])
    assert (read.params or read.data_type) == schema
    collection.close()
    reopened = Collection.load(tmp_path / "c")
    assert reopened is not None
    assert reopened.describe()["payload_schema"] == described
    reopened.close()


def test_a_stemmed_text_index_finds_other_forms_of_a_word(collection: Collection):
    english = models.SnowballParams(type=models.Snowball.SNOWBALL, language=models.SnowballLanguage.ENGLISH)
    schema = models.TextIndexParams(type=models.TextIndexType.TEXT, stemmer=english)
    collection.create_index("text", schema)
    upsert(collection, {1: [1, 0], 2: [1, 0]}, {1: {"text": "flooding rivers"}, 2: {"text": "dry land"}})
    match = models.FieldCondition(key="text", match=models.MatchText(text="flooded river"))
    request = models.QueryRequest(query=[1.0, 0.0], using="v", filter=models.Filter(must=[match]))
    assert [hit.id for hit in collection.query(to_query(collection.space, request))] == [1]


def test_points_can_come_in_columns(collection: Collection):
    sparse = [models.SparseVector(indices=[n], values=[1.0]) for n in (1, 2)]
    batch = models.Batch(
        ids=[1, 2], vectors={"v": [[1.0, 0.0], [0.0, 1.0]], "s": sparse}, payloads=[{"n": 1}, {"n": 2}]
    )
    updates.upsert(collection, models.PointsBatch(batch=batch))
    found = collection.retrieve([1, 2], payload=True, vector=["v"])
    assert [(point.payload, point.vector) for point in found] == [({"n": 1}, {"v": [1, 0]}), ({"n": 2}, {"v": [0, 1]})]
    with pytest.raises(ApiError) as refused:
        updates.upsert(collection, models.PointsBatch(batch=models.Batch(ids=[3], vectors={"v": []})))
    assert refused.value.status == 400


def test_nothing_of_a_bad_batch_is_applied_whatever_is_bad(collection: Collection):
    bad: list[Any] = [
        {"v": [1.0]},
        {"nonsense": [1.0, 0.0]},
        {"v": models.SparseVector(indices=[1], values=[1.0])},
        [1.0],
    ]
    for vector in bad:
        points = [models.PointStruct(id=1, vector={"v": [1.0, 0.0]}), models.PointStruct(id=2, vector=vector)]
        with pytest.raises(ApiError) as refused:
            updates.upsert(collection, models.PointsList(points=points))
        assert refused.value.status == 400
    assert collection.count(edge.CountRequest()) == 0


def test_what_the_engine_raises_for_no_fault_of_the_request_is_a_server_error(tmp_path: Path):
    collection = Collection.create("c", tmp_path / "c", SETTINGS)
    collection._shard.close()
    with pytest.raises(ApiError) as failed:
        upsert(collection, {1: [1.0, 0.0]})
    assert failed.value.status == 500
    assert failed.value.text.startswith("Service internal error: ")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), limit=st.integers(1, 6), size=st.integers(1, 4), kinds=st.integers(1, 12))
def test_groups_equal_those_of_the_whole_list(shared: Collection, seed: int, limit: int, size: int, kinds: int):
    rnd, collection = random.Random(seed), shared
    updates.delete(collection, models.FilterSelector(filter=models.Filter()))
    numbers = range(rnd.randrange(1, 150))
    # Most points belong to one value, so that the first fetch does not hold all groups.
    values = {n: {"k": {"v": f"k{min(rnd.randrange(40), kinds)}"}} for n in numbers}
    upsert(collection, {n: [rnd.random(), 0.0] for n in numbers}, values)
    request = models.QueryGroupsRequest(query=[1.0, 0.0], using="v", group_by="k.v", limit=limit, group_size=size)
    found = {group["id"]: [hit["id"] for hit in group["hits"]] for group in search_groups(collection, request)}
    everything = models.QueryRequest(query=[1.0, 0.0], using="v", limit=200, with_payload=True)
    expected: dict[str, list[Any]] = {}
    for hit in collection.query(to_query(collection.space, everything)):
        expected.setdefault((hit.payload or {})["k"]["v"], []).append(hit.id)
    assert found == {value: ids[:size] for value, ids in list(expected.items())[:limit]}


def test_groups_take_each_value_of_a_list_and_no_other_kinds(collection: Collection):
    payloads: dict[int, dict[str, Any]] = {
        1: {"k": ["a", "b"]},
        2: {"k": 7},
        3: {"k": None},
        4: {},
        5: {"k": True},
        6: {"k": {"x": 1}},
    }
    upsert(collection, {n: [1.0 / n, 0.0] for n in payloads}, payloads)
    request = models.QueryGroupsRequest(query=[1.0, 0.0], using="v", group_by="k")
    groups = {group["id"]: [hit["id"] for hit in group["hits"]] for group in search_groups(collection, request)}
    assert list(groups.items()) == [
        ("a", [1]),
        ("b", [1]),
        (7, [2]),
    ]


def test_a_large_collection_is_told_once(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(collections, "PASSAGES", 2)
    caplog.set_level(logging.WARNING)
    ledger = [models.PointStruct(id=n, vector={}, payload={}) for n in range(100, 110)]
    updates.upsert(collection, models.PointsList(points=ledger))
    collection.flush()
    assert caplog.messages == []
    for _ in range(2):
        upsert(collection, {n: [1.0, 0.0] for n in range(3)})
        collection.flush()
    assert len(caplog.messages) == 1
    assert "holds 3 passages" in caplog.messages[0]
    assert "use a Qdrant server" in caplog.messages[0]


def test_the_unnamed_vector_needs_no_name(tmp_path: Path):
    unnamed = models.CreateCollection(vectors=models.VectorParams(size=2, distance=models.Distance.DOT))
    collection = Collection.create("c", tmp_path / "c", unnamed)
    point = models.PointStruct(id=1, vector=[0.0, 2.0])
    updates.upsert(collection, models.PointsList(points=[point]))
    [hit] = collection.query(to_query(collection.space, models.QueryRequest(query=[0.0, 1.0], with_vector=True)))
    assert (hit.id, hit.score, hit.vector) == (1, 2.0, [0.0, 2.0])
    collection.close()


def test_a_collection_can_have_sparse_vectors_only(tmp_path: Path):
    settings = models.CreateCollection(vectors={}, sparse_vectors={"s": models.SparseVectorParams()})
    collection = Collection.create("c", tmp_path / "c", settings)
    terms = models.SparseVector(indices=[3], values=[2.0])
    updates.upsert(collection, models.PointsList(points=[models.PointStruct(id=1, vector={"s": terms})]))
    [hit] = collection.query(to_query(collection.space, models.QueryRequest(query=terms, using="s")))
    assert (hit.id, hit.score) == (1, 4.0)
    collection.close()
