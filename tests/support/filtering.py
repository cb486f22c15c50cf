"""Declared fields of every kind, and strategies for documents and for filters that suit them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter

FIELDS = {
    "lang": Kind.KEYWORD,
    "author.name": Kind.KEYWORD,
    "items[].sku": Kind.KEYWORD,
    "items[].tags[]": Kind.KEYWORD,
    "stock": Kind.INTEGER,
    "price": Kind.FLOAT,
    "open": Kind.BOOL,
    "published": Kind.DATETIME,
    "place": Kind.GEO,
    "body": Kind.TEXT,
}
_words = st.sampled_from(["en", "de", "EN", "", "x y", "a_b", "東京"])
_integers = st.sampled_from([-(2**63), -3, 0, 1, 2, 2**53, 2**53 + 1, 2**63 - 1])
_floats = st.sampled_from([-2.5, 0.0, 0.1, 1.0, 2.5, 1e300])
_times = st.sampled_from(
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        "2026-01-01T00:00:00.000001Z",
        "2026-06-01T12:30:00-05:00",
        "1969-12-31T23:59:59Z",
    ]
)
_sloppy_times = st.sampled_from(["2026-01-01", "2026-01-01 00:00:00", "2026-01-01T00:00:00", "never", "2026-13-01"])
_places = st.builds(
    lambda lon, lat: {"lon": lon, "lat": lat},
    st.sampled_from([-179.5, -10.0, 0, 9.75, 179.5]),
    st.sampled_from([-60.0, 0.5, 0, 50.25]),
)
_broken_places = st.sampled_from([{"lon": 200.0, "lat": 0.0}, {"lon": 1.0}, {"lon": "1", "lat": 2.0}])
_texts = st.lists(st.sampled_from(["Blue", "blue", "sky", "SKY", "a1", "naïve", "x_y", "東京"]), max_size=4).map(
    " ".join
)
_anything = st.one_of(
    st.none(), st.booleans(), _words, _integers, _floats, _times, _sloppy_times, _places, _broken_places, _texts
)
_well_typed = {
    Kind.KEYWORD: _words,
    Kind.INTEGER: _integers,
    Kind.FLOAT: _floats,
    Kind.BOOL: st.booleans(),
    Kind.DATETIME: _times,
    Kind.GEO: _places,
    Kind.TEXT: _texts,
}


def _field(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, max_size=3)


def documents(*, tidy: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Metadata; of a tidy document each field holds what it is declared to hold, or is absent, and text is no array."""

    def values(kind: Kind) -> st.SearchStrategy[Any]:
        if not tidy:
            return _field(_well_typed[kind] | _anything)
        return _texts if kind is Kind.TEXT else _field(_well_typed[kind])

    name = st.fixed_dictionaries({}, optional={"name": values(Kind.KEYWORD)})
    item = st.fixed_dictionaries({}, optional={"sku": values(Kind.KEYWORD), "tags": values(Kind.KEYWORD)})
    plain = {path: values(kind) for path, kind in FIELDS.items() if "." not in path}
    nested = {"author": name, "items": st.lists(item, max_size=3)}
    if not tidy:
        nested = {
            "author": _field(name) | _anything,
            "items": item | st.lists(item | _anything, max_size=3) | _anything,
        }
    return st.fixed_dictionaries({}, optional=plain | nested)


def _between(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    upper, lower = (st.none() | st.tuples(st.sampled_from(names), values) for names in (["lt", "lte"], ["gt", "gte"]))
    return st.tuples(upper, lower).filter(any).map(lambda sides: dict(side for side in sides if side))


def _matches(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(values, min_size=1, max_size=3)
    return st.one_of(
        values.map(lambda value: {"match": {"value": value}}),
        some.map(lambda any_: {"match": {"any": any_}}),
        some.map(lambda others: {"match": {"except": others}}),
    )


_boxes = st.sampled_from([(-20.0, 60.0, 20.0, -5.0), (170.0, 70.0, -170.0, -70.0), (0.0, 60.0, 15.0, 0.0)]).map(
    lambda sides: {
        "top_left": {"lon": sides[0], "lat": sides[1]},
        "bottom_right": {"lon": sides[2], "lat": sides[3]},
    }
)
_circles = st.builds(
    lambda center, radius: {"center": center, "radius": radius}, _places, st.sampled_from([1.0, 500_000.0, 9_000_000.0])
)
_DEMANDS = {
    Kind.KEYWORD: _matches(_words),
    Kind.INTEGER: _matches(_integers)
    | _between(st.sampled_from([-3, 0, 1, 2.0, 2**53])).map(lambda bounds: {"range": bounds}),
    Kind.FLOAT: _between(_floats | st.sampled_from([1, 2])).map(lambda bounds: {"range": bounds}),
    Kind.BOOL: st.booleans().map(lambda value: {"match": {"value": value}}),
    Kind.DATETIME: _between(_times).map(lambda bounds: {"range": bounds}),
    Kind.GEO: _boxes.map(lambda box: {"geo_bounding_box": box}) | _circles.map(lambda circle: {"geo_radius": circle}),
    Kind.TEXT: (_texts | st.just("!")).map(lambda text: {"match": {"text": text}}),
}
_counts = _between(st.integers(0, 3)).map(lambda bounds: {"values_count": bounds})


def field_documents(path: str) -> st.SearchStrategy[dict[str, Any]]:
    """Metadata that has little but one field without a dot in its path, and mostly what it is declared to hold."""
    well_typed = _well_typed[FIELDS[path]]
    return _field(well_typed | well_typed | _anything).map(lambda value: {path: value})


def conditions() -> st.SearchStrategy[dict[str, Any]]:
    """What may be asked of the declared fields, as JSON has it."""

    return st.sampled_from(sorted(FIELDS)).flatmap(field_conditions)


def field_conditions(path: str) -> st.SearchStrategy[dict[str, Any]]:
    """What may be asked of one field."""
    key = {"key": f"metadata.{path}"}
    demands = _DEMANDS[FIELDS[path]].map(lambda demand: key | demand)
    counts = _counts.map(lambda demand: key | demand)
    return st.one_of(demands, demands, demands, counts, st.just({"is_empty": key}), st.just({"is_null": key}))


def filters() -> st.SearchStrategy[Filter]:
    """Filters with some conditions and groups, at least one, and never more than a filter may hold."""

    def groups(parts: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[dict[str, Any]]:
        some = st.lists(parts, min_size=1, max_size=most)
        at_least = st.builds(lambda c, n: {"conditions": c, "min_count": min(n, len(c))}, some, st.integers(1, 3))
        lists = {"must": some, "should": some, "must_not": some, "min_should": at_least}
        return st.fixed_dictionaries({}, optional=lists).filter(bool)

    deep, wide = conditions() | groups(conditions(), 3), conditions() | groups(conditions(), 1)
    return (groups(deep, 1) | groups(wide, 3)).map(Filter.model_validate)
