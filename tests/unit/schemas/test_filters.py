"""The form of filters: what is read, what is refused, and where it says the mistake is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from freshet.schemas.filter_values import MAX_VALUE_CHARACTERS, MAX_VALUES
from freshet.schemas.filters import MAX_CONDITIONS, MAX_DEPTH, Filter, place
from tests.support.filtering import conditions, filters

LANG = {"key": "metadata.lang", "match": {"value": "en"}}


def mistakes(body: str) -> list[str]:
    """What is wrong, with its place, as the service answers it; the same for JSON and for what a program hands over."""
    with pytest.raises(ValidationError) as refused:
        Filter.model_validate_json(body)
    found = [f"{place(('filters', *each['loc']))}: {each['msg']}" for each in refused.value.errors()]
    if "JSON" not in found[0]:
        with pytest.raises(ValidationError) as refused:
            Filter.model_validate(json.loads(body))
        assert [place(("filters", *each["loc"])) for each in refused.value.errors()] == [
            each.partition(": ")[0] for each in found
        ]
    return found


def nested(depth: int) -> str:
    return '{"must":[' * depth + json.dumps(LANG) + "]}" * depth


@given(filters())
def test_a_filter_reads_back_as_it_was_written(asked: Filter):
    written = asked.model_dump_json(exclude_unset=True, by_alias=True)
    assert Filter.model_validate_json(written) == asked


@given(conditions())
def test_a_program_may_hand_over_what_json_would_say(condition: dict[str, Any]):
    body = {"must": [condition]}
    assert Filter.model_validate(body) == Filter.model_validate_json(json.dumps(body))


@pytest.mark.parametrize("body", ["{}", '{"must": []}', '{"should": [], "must_not": [], "min_should": null}'])
def test_a_filter_may_hold_nothing(body: str):
    assert Filter.model_validate_json(body).is_nothing


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('{"key": "metadata.price", "range": {"lt": "cheap"}}', "range.lt: Value error, is no time as RFC 3339 has it"),
        ('{"key": "metadata.price", "range": {"lt": true}}', "range.lt: Value error, must be a number, or a time"),
        ('{"key": "metadata.price", "range": {"lt": NaN}}', "range.lt: Value error, must be a finite number"),
        ('{"key": "metadata.price", "range": {"lt": 1e999}}', "range.lt: Value error, must be a finite number"),
        (f'{{"key": "k", "range": {{"gt": {2**53 + 1}}}}}', "range.gt: Value error, is beyond 2^53"),
        ('{"key": "k", "range": {"gt": "2026-01-01"}}', "range.gt: Value error, is no time as RFC 3339 has it"),
        ('{"key": "k", "range": {"gt": "2026-01-01T00:00:00"}}', "range.gt: Value error, is no time"),
        ('{"key": "k", "range": {"gt": "0001-01-01T00:00:00+10:00"}}', "range.gt: Value error, is no time"),
        ('{"key": "k", "range": {}}', "range: Value error, must hold at least one of lt, lte, gt and gte"),
        ('{"key": "k", "range": {"gt": 1, "lt": "2026-01-01T00:00:00Z"}}', "range: Value error, holds a number and"),
        ('{"key": "k", "range": {"gt": 1, "gte": 2}}', "range: Value error, holds both gt and gte"),
        ('{"key": "k", "match": {"value": 1.5}}', "match.value: Value error, must be a string, a whole number"),
        ('{"key": "k", "match": {"value": null}}', "match.value: Value error, must be a string, a whole number"),
        (f'{{"key": "k", "match": {{"value": {2**63}}}}}', "match.value: Value error, is a number beyond 64 bits"),
        ('{"key": "k", "match": {"any": []}}', "match.any: "),
        ('{"key": "k", "match": {"any": ["a", 1]}}', "match: Value error, holds values of several types"),
        ('{"key": "k", "match": {"any": [1, true]}}', "match: Value error, holds values of several types"),
        ('{"key": "k", "match": {}}', "match: Value error, must hold exactly one of value, any, except and text"),
        ('{"key": "k", "match": {"value": 1, "any": [1]}}', "match: Value error, must hold exactly one of"),
        ('{"key": "k", "match": {"valeu": 1}}', "match.valeu: Extra inputs are not permitted"),
        ('{"key": "k"}', ": Value error, must hold exactly one of match, range, geo_bounding_box"),
        ('{"key": "k", "match": {"value": 1}, "range": {"lt": 1}}', ": Value error, must hold exactly one of match"),
        ('{"key": "", "match": {"value": 1}}', "key: String should have at least 1 character"),
        ('{"key": 5, "match": {"value": 1}}', "key: Input should be a valid string"),
        ('{"is_empty": {"key": "k", "or": 1}}', "is_empty.or: Extra inputs are not permitted"),
        ('{"is_null": "k"}', "is_null: Input should be"),
        ('{"must": []}', ": Value error, holds no condition"),
        ('{"musst": []}', "musst: Extra inputs are not permitted"),
        ("5", ": Input should be"),
        ('{"min_should": {"conditions": [], "min_count": 1}}', "min_should.conditions: "),
        (
            '{"min_should": {"conditions": [{"is_null": {"key": "k"}}], "min_count": 2}}',
            "min_should: Value error, min_",
        ),
        ('{"key": "k", "values_count": {"lt": -1}}', "values_count.lt: Input should be greater than or equal to 0"),
        ('{"key": "k", "geo_radius": {"center": {"lon": 181, "lat": 0}, "radius": 1}}', "geo_radius.center.lon: "),
        ('{"key": "k", "geo_radius": {"center": {"lon": 0, "lat": 0}, "radius": NaN}}', "geo_radius.radius: "),
        (
            (
                '{"key": "k", "geo_bounding_box": {"top_left": {"lon": 0, "lat": 0},'
                ' "bottom_right": {"lon": 1, "lat": 1}}}'
            ),
            "geo_bounding_box: Value error, top_left lies south of bottom_right",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(condition: str, expected: str):
    [found] = mistakes(f'{{"should": [{json.dumps(LANG)}], "must": [{json.dumps(LANG)}, {condition}]}}')
    dot = "" if expected.startswith(":") else "."
    assert found.startswith(f"filters.must[1]{dot}{expected}")


def test_every_mistake_is_named_however_deep():
    group = {"must_not": [LANG, {"must": [{"key": "k", "range": {"lt": "x"}}]}]}
    found = mistakes(json.dumps({"must": [group], "should": [7]}))
    assert [each.partition(":")[0] for each in found] == [
        "filters.must[0].must_not[1].must[0].range.lt",
        "filters.should[0]",
    ]


@pytest.mark.parametrize("body", ["[]", "5", '"must"', '{"must": {"key": "k"}}', '{"must": "k"}'])
def test_what_is_no_filter_at_all_is_refused(body: str):
    assert len(mistakes(body)) == 1


def test_groups_nest_to_a_depth_and_no_deeper():
    assert not Filter.model_validate_json(nested(MAX_DEPTH)).is_nothing
    for depth in (MAX_DEPTH + 1, 60):
        assert "nested deeper than 5" in mistakes(nested(depth))[0]
    assert "recursion limit" in mistakes(nested(50_000))[0]


def test_a_program_cannot_nest_without_end_either():
    endless: dict[str, Any] = {}
    endless["must"] = [endless]
    with pytest.raises(ValidationError, match="nested deeper than 5"):
        Filter.model_validate(endless)


def test_conditions_are_counted_wherever_they_stand():
    half = [LANG] * (MAX_CONDITIONS // 2 - 1)
    body = {"must": half, "should": [{"must_not": half}], "min_should": {"conditions": [LANG], "min_count": 1}}
    assert not Filter.model_validate(body).is_nothing
    assert "more than 64 conditions" in mistakes(json.dumps(body | {"must": [*half, LANG]}))[0]


@pytest.mark.parametrize("name", ["any", "except"])
def test_values_have_a_number_and_a_length(name: str):
    def of(*values: str) -> str:
        return json.dumps({"must": [{"key": "k", "match": {name: values}}]})

    Filter.model_validate_json(of(*["v" * MAX_VALUE_CHARACTERS] * MAX_VALUES))
    assert f"match.{name}: " in mistakes(of(*["v"] * (MAX_VALUES + 1)))[0]
    assert f"match.{name}[1]: Value error, has 1001 char" in mistakes(of("v", "v" * (MAX_VALUE_CHARACTERS + 1)))[0]


def test_half_a_character_is_refused():
    for match in ({"value": "\ud800"}, {"any": ["\udfff"]}, {"text": "\ud800"}):
        with pytest.raises(ValidationError):
            Filter.model_validate({"must": [{"key": "k", "match": match}]})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "must",
                        "should",
                        "must_not",
                        "min_should",
                        "conditions",
                        "min_count",
                        "key",
                        "match",
                        "any",
                        "range",
                        "lt",
                        "is_empty",
                        "geo_radius",
                        "center",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_whatever_comes_is_read_or_refused(body: Any):
    try:
        Filter.model_validate(body)
    except ValidationError as error:
        for each in error.errors():
            place(("filters", *each["loc"]))
