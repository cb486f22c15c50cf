"""What filters mean, by examples; tests/unit/search/test_filter_meaning.py asks the engine."""

from __future__ import annotations

from typing import Any

import pytest

from freshet.schemas.filters import Filter
from freshet.schemas.matching import matches, values_of, words
from tests.support.filtering import FIELDS

NEAR_BERLIN = {"geo_radius": {"center": {"lon": 13.4, "lat": 52.52}, "radius": 10_000.0}}
PACIFIC = {"geo_bounding_box": {"top_left": {"lon": 170.0, "lat": 10.0}, "bottom_right": {"lon": -170.0, "lat": -10.0}}}


def holds(path: str, demand: dict[str, Any], metadata: dict[str, Any]) -> bool:
    return matches(Filter.model_validate({"must": [{"key": f"metadata.{path}"} | demand]}), metadata, FIELDS)


@pytest.mark.parametrize(
    ("path", "demand", "passing", "failing"),
    [
        ("lang", {"match": {"value": "en"}}, ["en", ["de", "en"]], ["EN", "de", [], None, ["x", ["en"]], {"en": 1}]),
        ("lang", {"match": {"any": ["en", "de"]}}, ["en", ["fr", "de"]], ["fr", 5]),
        ("lang", {"match": {"except": ["en"]}}, ["de", ["en", "de"]], ["en", [], None, 5]),
        ("stock", {"match": {"value": 1}}, [1, 1.0, [0, 1]], [True, "1", 1.5]),
        ("stock", {"range": {"gt": 2**53 - 1}}, [2**53, 2**53 + 1, 2**63 - 1], [2**53 - 1, 1e300]),
        ("price", {"range": {"gte": 1, "lt": 2.5}}, [1, 1.0, 2.25, [9, 2]], [2.5, 0.99, "1", True, [0, 3]]),
        ("open", {"match": {"value": True}}, [True, [False, True]], [False, 1, "true"]),
        (
            "published",
            {"range": {"gte": "2026-01-01T00:00:00Z"}},
            ["2026-01-01T01:00:00+01:00", "2026-01-01"],
            ["x", 5],
        ),
        (
            "published",
            {"range": {"lt": "2026-01-01T00:00:00Z"}},
            ["2026-01-01T00:30:00+01:00"],
            ["2026-01-01T00:00:00"],
        ),
        ("body", {"match": {"text": "sky blue"}}, ["The BLUE, sky!", ["sky", "blue"]], ["blue", "skyblue"]),
        ("body", {"match": {"text": "!"}}, [], ["!", "", "a"]),
        ("place", NEAR_BERLIN, [{"lon": 13.38, "lat": 52.5}], [{"lon": 14.4, "lat": 50.1}, {"lon": 13.4}, "13.4,52.5"]),
        ("place", PACIFIC, [{"lon": 179.0, "lat": 0}, {"lon": -179, "lat": 0}], [{"lon": 0, "lat": 0}]),
        ("lang", {"values_count": {"gte": 2}}, [["a", "b"], [1, None]], ["a", ["a"], None, []]),
        ("lang", {"values_count": {"lt": 1}}, [None, []], ["", ["a"], {}]),
    ],
)
def test_a_condition_holds_where_a_value_fulfils_it(path: str, demand: Any, passing: list[Any], failing: list[Any]):
    assert [value for value in passing if not holds(path, demand, {path: value})] == []
    assert [value for value in failing if holds(path, demand, {path: value})] == []


def test_empty_is_what_is_absent_null_or_no_items_and_null_is_what_says_so():
    key = {"key": "metadata.lang"}
    empty, null = (Filter.model_validate({"must": [{name: key}]}) for name in ("is_empty", "is_null"))
    metadata: dict[str, dict[str, Any]] = {
        "absent": {},
        "null": {"lang": None},
        "no items": {"lang": []},
        "null item": {"lang": [None, "a"]},
    }
    assert {name for name, each in metadata.items() if matches(empty, each, FIELDS)} == {
        "absent",
        "null",
        "no items",
    }
    assert {name for name, each in metadata.items() if matches(null, each, FIELDS)} == {
        "null",
        "null item",
    }


def test_paths_go_into_objects_and_with_brackets_into_arrays():
    metadata = {"author": {"name": "A"}, "items": [{"sku": "s1"}, {"sku": ["s2", "s3"]}, {}, 5]}
    assert values_of("metadata.author.name", metadata, FIELDS) == ["A"]
    assert values_of("metadata.items[].sku", metadata, FIELDS) == ["s1", "s2", "s3"]
    assert values_of("metadata.author.name", {"author": [{"name": "A"}]}, FIELDS) == []
    assert values_of("metadata.author.name", {"author.name": "A"}, FIELDS) == []


def test_of_items_that_a_path_goes_into_each_counts_by_itself():
    def passing(**bounds: int) -> list[int]:
        skus: list[list[Any]] = [[], [None], ["a"], ["a", "b"], [["a", "b"]], [["a", "b"], "c"]]
        documents = [{"items": [{"sku": each} for each in several]} for several in skus]
        return [n for n, each in enumerate(documents) if holds("items[].sku", {"values_count": bounds}, each)]

    assert passing(lt=1) == [0, 1]
    assert passing(gte=1, lt=2) == [2, 3, 5]
    assert passing(gte=2) == [4, 5]


def test_groups_combine_as_their_names_say():
    en = {"key": "metadata.lang", "match": {"value": "en"}}
    open_ = {"key": "metadata.open", "match": {"value": True}}
    both, one, none = {"lang": "en", "open": True}, {"lang": "en", "open": False}, {"lang": "de"}
    for asked, passing in (
        ({"must": [en, open_]}, [both]),
        ({"should": [en, open_]}, [both, one]),
        ({"must_not": [en, open_]}, [none]),
        ({"min_should": {"conditions": [en, open_], "min_count": 2}}, [both]),
        ({"must": [en], "must_not": [open_]}, [one]),
        ({"must": [{"should": [open_, {"must_not": [en]}]}]}, [both, none]),
        ({}, [both, one, none]),
    ):
        assert [each for each in (both, one, none) if matches(Filter.model_validate(asked), each, FIELDS)] == passing


def test_words_are_letters_and_digits_in_lower_case():
    assert words("Don't PANIC: 42 naïve_things, 東京!") == ["don", "t", "panic", "42", "naïve", "things", "東京"]
