"""Filters over payload indexes of every kind, counts by value under a filter, and an order that pages continue."""

from __future__ import annotations

from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, models

from freshet.search.index.qdrant.filters import declared_indexes
from tests.contract.qdrant_server.points import equals, is_empty, record
from tests.support.filtering import FIELDS

MOMENT = 1_700_000_000.123457


@pytest.fixture
async def filled(qdrant_client: AsyncQdrantClient, collection: str) -> str:
    """The collection with a payload index for a field of every kind."""
    for name, schema in declared_indexes(FIELDS).items():
        await qdrant_client.create_payload_index(collection, name, schema)
    return collection


async def fill(client: AsyncQdrantClient, collection: str, path: str, *values: Any) -> None:
    """Points 0, 1, … with these values at a path of their metadata; ... leaves it out."""
    payloads = [{} if value is ... else {path: value} for value in values]
    await client.upsert(collection, [record(n, metadata=payload) for n, payload in enumerate(payloads)])


async def found(client: AsyncQdrantClient, collection: str, *conditions: models.Condition) -> set[Any]:
    points, _ = await client.scroll(collection, models.Filter(must=list(conditions)), limit=100)
    return {point.id for point in points}


def field(path: str, **demand: Any) -> models.FieldCondition:
    return models.FieldCondition(key=f"metadata.{path}", **demand)


async def test_one_value_of_an_array_is_enough(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "lang", "en", ["de", "en"], "de", [], None, ..., 5)
    assert await found(qdrant_client, filled, equals("metadata.lang", "en")) == {0, 1}
    assert await found(qdrant_client, filled, field("lang", match=models.MatchAny(any=["de"]))) == {1, 2}


async def test_except_wants_another_value_of_the_indexed_kind(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "lang", "en", ["de", "en"], "de", [], None, ..., 5)
    others = models.MatchExcept(**{"except": ["en"]})
    assert await found(qdrant_client, filled, field("lang", match=others)) == {1, 2}


async def test_empty_is_absent_null_or_no_items_and_null_says_so(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "lang", ..., None, [], [None], ["a", None], "", {})
    null = models.IsNullCondition(is_null=models.PayloadField(key="metadata.lang"))
    assert await found(qdrant_client, filled, is_empty("metadata.lang")) == {0, 1, 2}
    assert await found(qdrant_client, filled, null) == {1, 3, 4}


async def test_values_are_counted_and_what_is_absent_has_none(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "lang", ..., None, [], "a", ["a"], ["a", None])
    assert await found(qdrant_client, filled, field("lang", values_count=models.ValuesCount(lt=1))) == {0, 1, 2}
    assert await found(qdrant_client, filled, field("lang", values_count=models.ValuesCount(gte=2))) == {5}


async def test_values_are_counted_in_each_item_of_an_array_by_itself(qdrant_client: AsyncQdrantClient, filled: str):
    none, one, two = {"sku": None}, {"sku": "a"}, {"sku": ["a", "b"]}
    await fill(qdrant_client, filled, "items", ..., [], [{}], [one], [one, one], [two], [one, two], [none, two])

    async def having(**bounds: int) -> set[Any]:
        return await found(
            qdrant_client, filled, field("items[].sku", values_count=models.ValuesCount.model_validate(bounds))
        )

    assert await having(lt=1) == {0, 1, 2, 7}
    assert await having(gte=1, lt=2) == {3, 4, 6}
    assert await having(gte=2) == {5, 6, 7}


async def test_true_is_not_one(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "open", True, 1, False, [False, True])
    assert await found(qdrant_client, filled, equals("metadata.open", True)) == {0, 3}


async def test_whole_numbers_are_compared_as_such(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "stock", 2**53, 2**53 + 1, 2.5, "3", 3)
    assert await found(qdrant_client, filled, field("stock", range=models.Range(gt=2.0**53))) == {1}
    assert await found(qdrant_client, filled, field("stock", range=models.Range(lte=3))) == {4}
    assert await found(qdrant_client, filled, equals("metadata.stock", 2**53 + 1)) == {1}


async def test_words_are_found_in_any_case_and_order_spread_over_values_and_only_whole(
    qdrant_client: AsyncQdrantClient, filled: str
):
    await fill(qdrant_client, filled, "body", "Blue, SKY!", "sky_blue", "bluesky", ["blue", "sky"], "skies are blue")
    assert await found(qdrant_client, filled, field("body", match=models.MatchText(text="sky blue"))) == {0, 1, 3}
    assert await found(qdrant_client, filled, field("body", match=models.MatchText(text="!"))) == set()


async def test_times_are_compared_as_moments(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "published", "2026-01-01T00:30:00+01:00", "2026-01-01T00:00:00Z", "2026-01-02", 5)
    since = models.DatetimeRange.model_validate({"gte": "2026-01-01T00:00:00Z"})
    assert await found(qdrant_client, filled, field("published", range=since)) == {1, 2}


async def test_places_lie_within_the_sides_of_a_box_and_boxes_cross_the_date_line(
    qdrant_client: AsyncQdrantClient, filled: str
):
    places = [(179.0, 0.0), (-179.0, 0.0), (0.0, 0.0), (170.0, 5.0)]
    await fill(qdrant_client, filled, "place", *({"lon": lon, "lat": lat} for lon, lat in places))
    corners = {"top_left": {"lon": 170.0, "lat": 10.0}, "bottom_right": {"lon": -170.0, "lat": -10.0}}
    box = models.GeoBoundingBox.model_validate(corners)
    assert await found(qdrant_client, filled, field("place", geo_bounding_box=box)) == {0, 1}


async def test_a_path_goes_into_arrays_where_it_has_brackets(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "items", [{"sku": "a"}, {"sku": ["b"]}], {"sku": "a"}, [{"sku": "c"}])
    assert await found(qdrant_client, filled, equals("metadata.items[].sku", "a")) == {0}
    assert await found(qdrant_client, filled, equals("metadata.items[].sku", "b")) == {0}


async def test_an_index_made_again_of_another_kind_replaces_it(qdrant_client: AsyncQdrantClient, filled: str):
    await fill(qdrant_client, filled, "lang", "4", 4)
    await qdrant_client.create_payload_index(filled, "metadata.lang", models.PayloadSchemaType.INTEGER)
    schema = (await qdrant_client.get_collection(filled)).payload_schema
    assert schema["metadata.lang"].data_type == models.PayloadSchemaType.INTEGER
    answer = await qdrant_client.facet(filled, "metadata.lang", exact=True)
    assert [(hit.value, hit.count) for hit in answer.hits] == [(4, 1)]


async def test_facets_obey_a_filter_and_a_limit_and_keep_types(qdrant_client: AsyncQdrantClient, filled: str):
    points = [record(n, metadata={"lang": f"l{n % 4}", "open": n < 6, "stock": n}) for n in range(10)]
    await qdrant_client.upsert(filled, points)
    small = models.Filter(must=[field("stock", range=models.Range(lt=9))])
    answer = await qdrant_client.facet(filled, "metadata.lang", small, limit=1, exact=True)
    assert [(hit.value, hit.count) for hit in answer.hits] == [("l0", 3)]
    answer = await qdrant_client.facet(filled, "metadata.open", small, exact=True)
    assert [(hit.value is True, hit.count) for hit in answer.hits] == [(True, 6), (False, 3)]


async def test_points_of_one_moment_are_scrolled_in_the_order_of_their_ids_from_one_on(
    qdrant_client: AsyncQdrantClient, filled: str
):
    await qdrant_client.create_payload_index(filled, "at", models.PayloadSchemaType.FLOAT)
    await qdrant_client.upsert(filled, [record(n, at=MOMENT + (n % 2) * 1e-6) for n in (5, 3, 8, 1, 2, 7)])
    now = models.FieldCondition(key="at", range=models.Range(gte=MOMENT + 1e-6, lte=MOMENT + 1e-6))
    points, _ = await qdrant_client.scroll(filled, models.Filter(must=[now]), limit=2, offset=3)
    assert [point.id for point in points] == [3, 5]
    points, _ = await qdrant_client.scroll(filled, models.Filter(must=[now]), limit=9, offset=4)
    assert [point.id for point in points] == [5, 7]
