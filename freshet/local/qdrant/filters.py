"""Filters: from the client's models to the engine's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import errors


def to_filter(body: rest.Filter | None) -> edge.Filter | None:
    """Raises `ApiError` 400 for a path or an id that the engine cannot read."""
    if body is None:
        return None
    with errors.engine_input():
        return _filter(body)


def _filter(body: rest.Filter) -> edge.Filter:
    at_least = body.min_should
    return edge.Filter(
        must=_conditions(body.must),
        should=_conditions(body.should),
        must_not=_conditions(body.must_not),
        min_should=edge.MinShould(_conditions(at_least.conditions) or [], at_least.min_count) if at_least else None,
    )


def _conditions(body: list[rest.Condition] | rest.Condition | None) -> list[Any] | None:
    if body is None:
        return None
    return [_condition(one) for one in (body if isinstance(body, list) else [body])]


def _condition(body: rest.Condition) -> Any:
    return _CONDITIONS[type(body)](body)


def _field(body: rest.FieldCondition) -> edge.FieldCondition:
    return edge.FieldCondition(
        body.key,
        match=_MATCHES[type(body.match)](body.match) if body.match else None,
        range=_range(body.range),
        geo_bounding_box=_box(body.geo_bounding_box),
        geo_radius=edge.GeoRadius(_point(body.geo_radius.center), body.geo_radius.radius) if body.geo_radius else None,
        geo_polygon=_polygon(body.geo_polygon),
        values_count=edge.ValuesCount(**body.values_count.model_dump()) if body.values_count else None,
        is_empty=body.is_empty,
        is_null=body.is_null,
    )


def _scalar(value: str | int | bool) -> Any:
    """Python's booleans are integers, and the engine takes them for 0 and 1; numpy's are not."""
    return np.bool_(value) if isinstance(value, bool) else value


def _range(body: rest.Range | rest.DatetimeRange | None) -> edge.RangeFloat | edge.RangeDateTime | None:
    if isinstance(body, rest.Range):
        return edge.RangeFloat(gte=body.gte, gt=body.gt, lte=body.lte, lt=body.lt)
    if isinstance(body, rest.DatetimeRange):
        return edge.RangeDateTime(gte=_time(body.gte), gt=_time(body.gt), lte=_time(body.lte), lt=_time(body.lt))
    return None


def _time(value: date | None) -> str | None:
    return value.isoformat() if value is not None else None


def _point(body: rest.GeoPoint) -> edge.GeoPoint:
    return edge.GeoPoint(body.lon, body.lat)


def _box(body: rest.GeoBoundingBox | None) -> edge.GeoBoundingBox | None:
    return edge.GeoBoundingBox(_point(body.top_left), _point(body.bottom_right)) if body else None


def _polygon(body: rest.GeoPolygon | None) -> edge.GeoPolygon | None:
    if body is None:
        return None
    interiors = [[_point(p) for p in ring.points] for ring in body.interiors or []]
    return edge.GeoPolygon([_point(p) for p in body.exterior.points], interiors)


_MATCHES: dict[type, Callable[[Any], Any]] = {
    rest.MatchValue: lambda m: edge.MatchValue(_scalar(m.value)),
    rest.MatchText: lambda m: edge.MatchText(m.text),
    rest.MatchTextAny: lambda m: edge.MatchTextAny(m.text_any),
    rest.MatchPhrase: lambda m: edge.MatchPhrase(m.phrase),
    rest.MatchPrefix: lambda m: edge.MatchPrefix(m.prefix),
    rest.MatchSubstring: lambda m: edge.MatchSubstring(m.substring),
    rest.MatchAny: lambda m: edge.MatchAny(m.any),
    rest.MatchExcept: lambda m: edge.MatchExcept(m.except_),
}

_CONDITIONS: dict[type, Callable[[Any], Any]] = {
    rest.FieldCondition: _field,
    rest.IsEmptyCondition: lambda c: edge.IsEmptyCondition(c.is_empty.key),
    rest.IsNullCondition: lambda c: edge.IsNullCondition(c.is_null.key),
    rest.HasIdCondition: lambda c: edge.HasIdCondition(set(c.has_id)),
    rest.HasVectorCondition: lambda c: edge.HasVectorCondition(c.has_vector),
    rest.SliceCondition: lambda c: edge.SliceCondition(c.slice.total, c.slice.index),  # type: ignore[attr-defined]  # not in its stubs
    rest.NestedCondition: lambda c: edge.NestedCondition(c.nested.key, _filter(c.nested.filter)),
    rest.Filter: _filter,
}
