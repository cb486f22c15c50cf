"""Filters mean here what they mean to the official client's own Python engine, an independent reading of them."""

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import models
from qdrant_client.local.payload_filters import check_filter

from freshet.local.qdrant.errors import ApiError
from freshet.local.qdrant.filters import to_filter

KEYS = ["a", "b", "c.d", "list[].x"]
words = st.sampled_from(["red", "green", "blue"])
numbers = st.integers(-3, 3)
keys = st.sampled_from(KEYS)


def some(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(parts, min_size=1, max_size=3)


def matches() -> st.SearchStrategy[models.Match]:
    return st.one_of(
        st.builds(lambda value: models.MatchValue(value=value), numbers | words | st.booleans()),
        st.builds(
            lambda values: models.MatchAny(any=values), st.lists(numbers, min_size=1) | st.lists(words, min_size=1)
        ),
        st.builds(lambda values: models.MatchExcept(**{"except": values}), some(words)),
    )


def ranges() -> st.SearchStrategy[models.Range]:
    bound = st.none() | numbers.map(float)
    return st.builds(lambda low, high: models.Range(gte=low, lt=high), bound, bound)


def conditions() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda key, match: models.FieldCondition(key=key, match=match), keys, matches()),
        st.builds(lambda key, bounds: models.FieldCondition(key=key, range=bounds), keys, ranges()),
        st.builds(lambda key: models.IsEmptyCondition(is_empty=models.PayloadField(key=key)), keys),
        st.builds(lambda key: models.IsNullCondition(is_null=models.PayloadField(key=key)), keys),
        st.builds(lambda ids: models.HasIdCondition(has_id=ids), st.lists(st.integers(0, 9))),
    )


def filters(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[models.Filter]:
    some = st.none() | st.lists(parts, min_size=1, max_size=3)
    return st.builds(
        lambda must, should, must_not: models.Filter(must=must, should=should, must_not=must_not), some, some, some
    )


leaves = st.none() | numbers | words | st.booleans() | st.lists(words | numbers, max_size=2)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "a": leaves,
        "b": leaves,
        "c": st.none() | st.fixed_dictionaries({"d": leaves}),
        "list": st.lists(st.fixed_dictionaries({"x": numbers | words}), max_size=2),
    },
)


@pytest.fixture(scope="module")
def shard() -> Iterator[edge.EdgeShard]:
    with tempfile.TemporaryDirectory() as folder:
        shard = edge.EdgeShard.create(
            folder, edge.EdgeConfig(vectors={"v": edge.EdgeVectorParams(2, edge.Distance.Dot)})
        )
        yield shard
        shard.close()


def selected(shard: edge.EdgeShard, condition: models.Filter) -> set[Any]:
    points, _ = shard.scroll(edge.ScrollRequest(limit=100, filter=to_filter(condition), with_payload=False))
    return {point.id for point in points}


def fill(shard: edge.EdgeShard, stored: list[dict[str, Any]]) -> None:
    shard.update(edge.UpdateOperation.delete_points(list(range(10))))
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(n, {}, payload) for n, payload in enumerate(stored)]))


@settings(max_examples=150, deadline=None)
@given(stored=st.lists(payloads, min_size=3, max_size=10), condition=filters(conditions() | filters(conditions())))
def test_a_filter_selects_what_the_official_client_would(
    shard: edge.EdgeShard, stored: list[dict[str, Any]], condition: models.Filter
):
    fill(shard, stored)
    expected = {n for n, payload in enumerate(stored) if check_filter(condition, payload, n, {})}
    assert selected(shard, condition) == expected


def test_booleans_and_integers_are_different_values(shard: edge.EdgeShard):
    fill(shard, [{"a": True}, {"a": 1}, {"a": False}, {"a": 0}])
    for value, expected in ((True, {0}), (1, {1}), (False, {2}), (0, {3})):
        match = models.MatchValue(value=value)
        assert selected(shard, models.Filter(must=[models.FieldCondition(key="a", match=match)])) == expected


def test_dates_are_compared_as_times(shard: edge.EdgeShard):
    fill(shard, [{"at": "2026-01-01T00:00:00Z"}, {"at": "2026-06-01T12:00:00+02:00"}, {"at": "never"}])
    bounds = models.DatetimeRange.model_validate({"gte": "2026-06-01T10:00:00Z"})
    assert selected(shard, models.Filter(must=[models.FieldCondition(key="at", range=bounds)])) == {1}


def test_conditions_on_one_element_of_a_list_are_nested(shard: edge.EdgeShard):
    fill(shard, [{"list": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}, {"list": [{"x": 1, "y": 2}]}])
    both = models.Filter(
        must=[
            models.FieldCondition(key="x", match=models.MatchValue(value=1)),
            models.FieldCondition(key="y", match=models.MatchValue(value=2)),
        ]
    )
    nested = models.NestedCondition(nested=models.Nested(key="list", filter=both))
    assert selected(shard, models.Filter(must=[nested])) == {1}


def test_geography_selects_by_radius_box_and_polygon(shard: edge.EdgeShard):
    fill(shard, [{"at": {"lon": 14.42, "lat": 50.09}}, {"at": {"lon": 16.61, "lat": 49.2}}])
    prague = models.GeoPoint(lon=14.4, lat=50.1)
    corner = {"top_left": {"lon": 14.0, "lat": 51.0}, "bottom_right": {"lon": 15.0, "lat": 50.0}}
    ring = [(14.0, 50.0), (15.0, 50.0), (15.0, 51.0), (14.0, 51.0), (14.0, 50.0)]
    exterior = models.GeoLineString(points=[models.GeoPoint(lon=lon, lat=lat) for lon, lat in ring])
    for condition in (
        models.FieldCondition(key="at", geo_radius=models.GeoRadius(center=prague, radius=20_000)),
        models.FieldCondition(key="at", geo_bounding_box=models.GeoBoundingBox.model_validate(corner)),
        models.FieldCondition(key="at", geo_polygon=models.GeoPolygon(exterior=exterior)),
    ):
        assert selected(shard, models.Filter(must=[condition])) == {0}


def test_some_of_several_conditions_can_be_demanded(shard: edge.EdgeShard):
    fill(shard, [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1, "c": {"d": 1}}])
    ones = [models.FieldCondition(key=key, match=models.MatchValue(value=1)) for key in ("a", "b", "c.d")]
    two = models.Filter(min_should=models.MinShould(conditions=ones, min_count=2))
    assert selected(shard, two) == {0, 2}
    count = models.FieldCondition(key="a", values_count=models.ValuesCount(gte=1))
    assert selected(shard, models.Filter(must=[count])) == {0, 1, 2}


def test_a_broken_path_is_the_requests_fault():
    condition = models.FieldCondition(key="a[", match=models.MatchValue(value=1))
    with pytest.raises(ApiError) as refused:
        to_filter(models.Filter(must=[condition]))
    assert refused.value.status == 400
