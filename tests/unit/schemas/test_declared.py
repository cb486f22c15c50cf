"""Declared fields: what is a declaration, and which filters and facets suit it."""

from __future__ import annotations

from typing import Any

import pytest

from freshet.schemas.declared import InvalidFilter, check_facets, check_filter
from freshet.schemas.fields import MAX_FIELDS, Kind, parse_fields
from freshet.schemas.filters import Filter
from tests.support.filtering import FIELDS

LANG = {"key": "metadata.lang", "match": {"value": "en"}}
AT = {"lon": 1.0, "lat": 2.0}


def check(condition: dict[str, Any], fields: dict[str, Kind] = FIELDS) -> None:
    check_filter(Filter.model_validate({"must": [LANG], "must_not": [{"should": [LANG, condition]}]}), fields)


@pytest.mark.parametrize("given", ['{"price": "float", "a-b.c_d": "text"}', {"price": "float", "a-b.c_d": "text"}])
def test_fields_are_declared_as_json_or_its_text(given: Any):
    assert parse_fields(given) == {"price": Kind.FLOAT, "a-b.c_d": Kind.TEXT}


@pytest.mark.parametrize("path", ["items[].sku", "a.b.c", "tags[]", "Ünï".encode().hex()])
def test_paths_go_into_objects_and_arrays(path: str):
    assert parse_fields({path: "keyword"}) == {path: Kind.KEYWORD}


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "a b", "a[0]", "[]", "a[][]", "é", 'a"', "a\n", "a" * 201]
)
def test_what_is_no_path_is_refused(path: str):
    with pytest.raises(ValueError, match="is no path of names"):
        parse_fields({path: "keyword"})


@pytest.mark.parametrize("given", ["", "price", "[]", "5", "[" * 100_000, [], None, 5])
def test_what_is_no_object_is_refused(given: Any):
    with pytest.raises(ValueError, match="must be a JSON object"):
        parse_fields(given)


def test_every_mistake_of_a_declaration_is_told():
    with pytest.raises(
        ValueError, match=r"'a b' is no path.*'price' is of the kind 'money'.* 'n' is of the kind 'None'"
    ):
        parse_fields({"a b": "float", "price": "money", "ok": "text", "n": None})


def test_the_number_of_fields_is_limited():
    assert len(parse_fields({f"f{n}": "bool" for n in range(MAX_FIELDS)})) == MAX_FIELDS
    with pytest.raises(ValueError, match="declares 65 fields, the limit is 64"):
        parse_fields({f"f{n}": "bool" for n in range(MAX_FIELDS + 1)})


@pytest.mark.parametrize(
    "key", ["metadata.colour", "lang", "metadata.", "metadata", "title", "metadata.lang.x", "\x00" * 200]
)
@pytest.mark.parametrize("demand", [{"match": {"value": "en"}}, {"is_empty": ...}, {"is_null": ...}])
def test_only_declared_fields_are_asked_and_the_setting_is_named(key: str, demand: dict[str, Any]):
    [name] = demand
    condition = {name: {"key": key}} if demand[name] is ... else {"key": key} | demand
    with pytest.raises(InvalidFilter) as refused:
        check(condition)
    inner = "key" if name == "match" else f"{name}.key"
    assert refused.value.field == f"filters.must_not[0].should[1].{inner}"
    assert "the setting FRESHET_FIELDS declares; there are metadata.author.name, metadata.body" in refused.value.message
    assert len(refused.value.message) < 2_000


def test_where_nothing_is_declared_that_is_told():
    with pytest.raises(InvalidFilter, match="FRESHET_FIELDS declares; there are none"):
        check({"is_empty": {"key": "metadata.lang"}}, {})


@pytest.mark.parametrize(
    ("path", "demand", "message"),
    [
        (
            "lang",
            {"range": {"lt": 1}},
            "is of the kind keyword: ranges are asked of the kinds datetime, float, integer",
        ),
        ("lang", {"match": {"value": 1}}, "its values are strings"),
        ("lang", {"match": {"text": "x"}}, "words are asked of the kind text"),
        ("stock", {"match": {"any": ["1"]}}, "its values are whole numbers"),
        ("stock", {"match": {"value": True}}, "its values are whole numbers"),
        ("stock", {"range": {"lt": 1.5}}, "its bounds are whole numbers"),
        ("stock", {"range": {"lt": "2026-01-01T00:00:00Z"}}, "its bounds are numbers"),
        ("price", {"match": {"value": 1}}, "values are asked of the kinds keyword, integer, bool"),
        ("price", {"geo_radius": {"center": AT, "radius": 1.0}}, "places are asked of the kind geo"),
        ("open", {"match": {"value": 1}}, "its values are true and false"),
        ("open", {"match": {"any": [True]}}, "it is asked for one value"),
        ("published", {"range": {"lt": 1}}, "its bounds are times"),
        ("place", {"match": {"value": "x"}}, "values are asked of the kinds"),
        ("body", {"match": {"value": "x"}}, "values are asked of the kinds"),
        ("body", {"geo_bounding_box": {"top_left": AT, "bottom_right": AT}}, "places are asked of the kind geo"),
    ],
)
def test_what_does_not_suit_a_fields_kind_is_told(path: str, demand: dict[str, Any], message: str):
    with pytest.raises(InvalidFilter) as refused:
        check({"key": f"metadata.{path}"} | demand)
    assert refused.value.field == f"filters.must_not[0].should[1].{next(iter(demand))}"
    assert refused.value.message.startswith(f"metadata.{path} is of the kind {FIELDS[path]}: ")
    assert message in refused.value.message


@pytest.mark.parametrize("path", FIELDS)
def test_every_kind_can_be_asked_whether_and_how_often_it_is_there(path: str):
    key = {"key": f"metadata.{path}"}
    for condition in ({"is_empty": key}, {"is_null": key}, key | {"values_count": {"gte": 2}}):
        check(condition)


def test_bounds_of_a_whole_number_may_be_written_with_a_point():
    check({"key": "metadata.stock", "range": {"lt": 2.0}})


def test_only_fields_whose_values_are_counted_can_be_facets():
    check_facets(["metadata.lang", "metadata.stock", "metadata.open", "metadata.items[].sku"], FIELDS)
    with pytest.raises(
        InvalidFilter, match=r"facets\[1\]: metadata.price is of the kind float, and only bool, integer, k"
    ):
        check_facets(["metadata.lang", "metadata.price"], FIELDS)
    with pytest.raises(InvalidFilter, match=r"facets\[0\]: 'lang' is not a field that the setting FRESHET_FIELDS"):
        check_facets(["lang"], FIELDS)
