"""Filters as the client has them, and the payload indexes that declared fields need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from qdrant_client import models

from freshet.schemas.fields import PREFIX, Kind
from freshet.schemas.filters import Condition, FieldCondition, Filter, GeoPoint, Group, IsEmpty, IsNull, Match, Range

PAYLOAD_INDEXES: Final[dict[Kind, models.PayloadFieldSchema]] = {
    Kind.KEYWORD: models.PayloadSchemaType.KEYWORD,
    Kind.INTEGER: models.PayloadSchemaType.INTEGER,
    Kind.FLOAT: models.PayloadSchemaType.FLOAT,
    Kind.BOOL: models.PayloadSchemaType.BOOL,
    Kind.DATETIME: models.PayloadSchemaType.DATETIME,
    Kind.GEO: models.PayloadSchemaType.GEO,
    Kind.TEXT: models.TextIndexParams(
        type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, lowercase=True
    ),
}


def declared_indexes(fields: Mapping[str, Kind]) -> dict[str, models.PayloadFieldSchema]:
    """The payload indexes of declared fields, by what they are called in a payload."""
    return {f"{PREFIX}{path}": PAYLOAD_INDEXES[kind] for path, kind in fields.items()}


def data_type(schema: models.PayloadFieldSchema) -> models.PayloadSchemaType:
    """What a collection says of such an index."""
    return schema if isinstance(schema, models.PayloadSchemaType) else models.PayloadSchemaType(schema.type.value)


def to_qdrant(filters: Filter | Group) -> models.Filter:
    """The same filter, of the points that carry a document's metadata: its passages and its ledger record."""
    at_least = filters.min_should
    return models.Filter(
        must=_conditions(filters.must),
        should=_conditions(filters.should),
        must_not=_conditions(filters.must_not),
        min_should=None
        if at_least is None
        else models.MinShould(
            conditions=[_condition(each) for each in at_least.conditions], min_count=at_least.min_count
        ),
    )


def _conditions(conditions: Iterable[Condition]) -> list[models.Condition] | None:
    return [_condition(each) for each in conditions] or None


def _condition(condition: Condition) -> models.Condition:
    match condition:
        case Group():
            return to_qdrant(condition)
        case IsEmpty():
            return models.IsEmptyCondition(is_empty=models.PayloadField(key=condition.is_empty.key))
        case IsNull():
            return models.IsNullCondition(is_null=models.PayloadField(key=condition.is_null.key))
        case FieldCondition():
            return _field(condition)


def _field(condition: FieldCondition) -> models.FieldCondition:
    box, circle, count = condition.geo_bounding_box, condition.geo_radius, condition.values_count
    return models.FieldCondition(
        key=condition.key,
        match=None if condition.match is None else _match(condition.match),
        range=None if condition.range is None else _range(condition.range),
        geo_bounding_box=None
        if box is None
        else models.GeoBoundingBox(top_left=_point(box.top_left), bottom_right=_point(box.bottom_right)),
        geo_radius=None if circle is None else models.GeoRadius(center=_point(circle.center), radius=circle.radius),
        values_count=None if count is None else models.ValuesCount(**count.bounds),
    )


def _match(match: Match) -> models.Match:
    if match.any:
        return models.MatchAny(any=list(match.any))
    if match.except_:
        return models.MatchExcept(**{"except": list(match.except_)})
    if match.values:
        return models.MatchValue(value=match.value)
    return models.MatchText(text=match.text)


def _range(bounds: Range) -> models.Range | models.DatetimeRange:
    given = bounds.bounds
    if any(isinstance(bound, datetime) for bound in given.values()):
        return models.DatetimeRange(**given)
    return models.Range(**given)


def _point(point: GeoPoint) -> models.GeoPoint:
    return models.GeoPoint(lon=point.lon, lat=point.lat)
