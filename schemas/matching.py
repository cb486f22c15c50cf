"""What a filter means: whether a document's metadata passes it. Qdrant with its payload indexes gives the same answer.

A field's values are what lies at its path, an array counting as its items; a condition holds where one of the values of
the declared kind fulfils it. Words may be spread over the values; of items that a path goes into each counts by itself.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from freshet.schemas.fields import PREFIX, Kind
from freshet.schemas.filters import Condition, FieldCondition, Filter, GeoBox, GeoRadius, Group, IsEmpty, IsNull, Match

_INT64: Final = 2**63
_EARTH_METRES: Final = 6_371_008.8
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?"
)


def matches(filters: Filter | Group, metadata: Mapping[str, Any], fields: Mapping[str, Kind]) -> bool:
    """Whether a document with this metadata passes a filter that suits the fields (schemas/declared.py)."""
    return all(
        (
            all(_holds(each, metadata, fields) for each in filters.must),
            not filters.should or any(_holds(each, metadata, fields) for each in filters.should),
            not any(_holds(each, metadata, fields) for each in filters.must_not),
            filters.min_should is None
            or sum(_holds(each, metadata, fields) for each in filters.min_should.conditions)
            >= filters.min_should.min_count,
        )
    )


def _holds(condition: Condition, metadata: Mapping[str, Any], fields: Mapping[str, Kind]) -> bool:
    match condition:
        case Group():
            return matches(condition, metadata, fields)
        case IsEmpty():
            return all(found is None or found == [] for found in _found(condition.is_empty.key, metadata))
        case IsNull():
            return any(_has_null(found) for found in _found(condition.is_null.key, metadata))
        case FieldCondition():
            return _field_holds(condition, metadata, fields)


def _field_holds(condition: FieldCondition, metadata: Mapping[str, Any], fields: Mapping[str, Kind]) -> bool:
    if condition.values_count is not None:
        counts = [_count(found) for found in _found(condition.key, metadata)] or [0]
        return any(_within(count, condition.values_count.bounds) for count in counts)
    values = values_of(condition.key, metadata, fields)
    if condition.match is not None:
        return _matched(condition.match, values)
    if condition.range is not None:
        bounds = condition.range.bounds
        return any(_within(value, bounds) for value in values)
    if condition.geo_bounding_box is not None:
        box = condition.geo_bounding_box
        return any(_in_box(place, box) for place in values)
    circle = condition.geo_radius
    return circle is not None and any(_in_circle(place, circle) for place in values)


def values_of(key: str, metadata: Mapping[str, Any], fields: Mapping[str, Kind]) -> list[Any]:
    """The values that a document has in a declared field, those of another kind left out.

    Times are in UTC, places (longitude, latitude).
    """
    read = _READ[fields[key.removeprefix(PREFIX)]]
    items = (item for found in _found(key, metadata) for item in (found if isinstance(found, list) else [found]))
    return [value for item in items if (value := read(item)) is not None]


def _found(key: str, metadata: Mapping[str, Any]) -> Iterator[Any]:
    """What lies at a path; `[]` goes into the items of an array, and nothing else does."""
    found: list[Any] = [metadata]
    for step in key.removeprefix(PREFIX).split("."):
        name = step.removesuffix("[]")
        found = [each[name] for each in found if isinstance(each, Mapping) and name in each]
        if name != step:
            found = [item for each in found if isinstance(each, list) for item in each]
    yield from found


def _has_null(found: Any) -> bool:
    return found is None or (isinstance(found, list) and None in found)


def _count(found: Any) -> int:
    if isinstance(found, list):
        return len(found)
    return 0 if found is None else 1


def _within(value: Any, bounds: Mapping[str, Any]) -> bool:
    return all(_COMPARE[name](value, bound) for name, bound in bounds.items())


def _matched(match: Match, values: Sequence[Any]) -> bool:
    if match.except_:
        return any(value not in match.except_ for value in values)
    if match.values:
        return any(value in match.values for value in values)
    asked = set(words(match.text))
    return bool(asked) and asked <= {word for value in values for word in words(value)}


def words(text: str) -> list[str]:
    """The words of a text as Qdrant's index by words cuts them: letters and digits, in lower case.

    Qdrant also takes some 1,400 combining vowel signs and circled letters for letters, which Python has no name for: in
    scripts that write vowels so (Devanagari, Thai and others) a condition on words may hold here and not there.
    """
    return "".join(c if c.isalnum() else " " for c in text).lower().split()


def _in_box(place: tuple[float, float], box: GeoBox) -> bool:
    """Strictly between the sides; a box whose west is east of its east crosses the date line."""
    lon, lat = place
    west, east = box.top_left.lon, box.bottom_right.lon
    between = west < lon < east if west <= east else lon > west or lon < east
    return between and box.bottom_right.lat < lat < box.top_left.lat


def _in_circle(place: tuple[float, float], circle: GeoRadius) -> bool:
    """By the great circle."""
    lon, lat = place
    here, there = math.radians(lat), math.radians(circle.center.lat)
    north, east = there - here, math.radians(circle.center.lon - lon)
    chord = math.sin(north / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(east / 2) ** 2
    return 2 * _EARTH_METRES * math.asin(min(1.0, math.sqrt(chord))) <= circle.radius


def _integer(value: Any) -> int | None:
    """A float without a fraction is one, too, within 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_INT64 <= value < _INT64:
        return None
    return int(value) if value == int(value) else None


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    """A time as RFC 3339 has it; without a zone it is in UTC, and without a time of day it is midnight."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        read = datetime.fromisoformat(value.upper())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _place(value: Any) -> tuple[float, float] | None:
    """What has a longitude and a latitude that exist."""
    if not isinstance(value, Mapping):
        return None
    lon, lat = _float(value.get("lon")), _float(value.get("lat"))
    if lon is None or lat is None or not (-180 <= lon <= 180 and -90 <= lat <= 90):
        return None
    return lon, lat


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_READ: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.KEYWORD: _string,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.BOOL: _bool,
    Kind.DATETIME: _moment,
    Kind.GEO: _place,
    Kind.TEXT: _string,
}
