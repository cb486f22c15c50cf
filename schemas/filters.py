"""The filter language: which documents count, as JSON that maps one to one on Qdrant's filters.

Here is its form; schemas/declared.py has what suits which field, and schemas/matching.py what a filter means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from freshet.schemas.filter_values import EXACT, MAX_VALUE_CHARACTERS, Bound, Key, Value, Values, checked_text

B = TypeVar("B")
MAX_DEPTH: Final = 5
MAX_CONDITIONS: Final = 64
_LISTS: Final = ("must", "should", "must_not")


def _one_of(part: BaseModel, names: str) -> None:
    if len(part.model_fields_set) != 1:
        raise ValueError(f"must hold exactly one of {names}")


def _bounds(**given: B | None) -> dict[str, B]:
    return {name: bound for name, bound in given.items() if bound is not None}


def _demand_bounds(bounds: Mapping[str, Any]) -> None:
    """At most one on each side: of two, Qdrant's index looks at one only."""
    if not bounds:
        raise ValueError("must hold at least one of lt, lte, gt and gte")
    for one, other in (("lt", "lte"), ("gt", "gte")):
        if one in bounds and other in bounds:
            raise ValueError(f"holds both {one} and {other}")


def _undefaulted(schema: dict[str, Any]) -> None:
    """What is not given is not there: the defaults of the fields stand for that, and are no values of theirs."""
    for described in schema.get("properties", {}).values():
        described.pop("default", None)


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
        json_schema_extra=_undefaulted,
    )


class Match(_Part):
    """Equal to `value`, to one of `any`, to something besides `except`; or holding all words of `text`."""

    value: Value = Field(default="", description="a value of the field is equal to it")
    any: Values = Field(default=(), description="a value of the field is one of them")
    except_: Values = Field(default=(), alias="except", description="a value of the field is none of them")
    text: str = Field(default="", max_length=MAX_VALUE_CHARACTERS, description="the text holds all of these words")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        _one_of(self, "value, any, except and text")
        checked_text(self.text)
        if len({type(each) for each in self.values}) > 1:
            raise ValueError("holds values of several types")
        return self

    @property
    def values(self) -> tuple[str | int | bool, ...]:
        """What is compared, whichever way; nothing for `text`."""
        return (self.value,) if "value" in self.model_fields_set else self.any or self.except_


class Range(_Part):
    """Between bounds: numbers, or times."""

    lt: Bound | None = Field(None, description="below it")
    lte: Bound | None = Field(None, description="at it or below")
    gt: Bound | None = Field(None, description="above it")
    gte: Bound | None = Field(None, description="at it or above")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        _demand_bounds(self.bounds)
        if len({isinstance(bound, datetime) for bound in self.bounds.values()}) > 1:
            raise ValueError("holds a number and a time")
        return self

    @property
    def bounds(self) -> dict[str, float | datetime]:
        return _bounds(lt=self.lt, lte=self.lte, gt=self.gt, gte=self.gte)


class ValuesCount(_Part):
    """How many values the field has: of an array its length, 0 where it is absent or null."""

    lt: int | None = Field(None, ge=0, lt=EXACT, description="fewer")
    lte: int | None = Field(None, ge=0, lt=EXACT, description="as many or fewer")
    gt: int | None = Field(None, ge=0, lt=EXACT, description="more")
    gte: int | None = Field(None, ge=0, lt=EXACT, description="as many or more")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        _demand_bounds(self.bounds)
        return self

    @property
    def bounds(self) -> dict[str, int]:
        return _bounds(lt=self.lt, lte=self.lte, gt=self.gt, gte=self.gte)


class GeoPoint(_Part):
    """A place on earth, in degrees."""

    lon: float = Field(ge=-180, le=180, description="longitude in degrees")
    lat: float = Field(ge=-90, le=90, description="latitude in degrees")


class GeoBox(_Part):
    """Within a rectangle; one whose west is east of its east crosses the date line."""

    top_left: GeoPoint = Field(description="the corner in the north-west")
    bottom_right: GeoPoint = Field(description="the corner in the south-east")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.top_left.lat < self.bottom_right.lat:
            raise ValueError("top_left lies south of bottom_right")
        return self


class GeoRadius(_Part):
    """Within so many metres of a place."""

    center: GeoPoint = Field(description="the middle")
    radius: float = Field(gt=0, le=20_100_000, description="in metres")


class FieldCondition(_Part):
    """One demand on one field."""

    key: Key
    match: Match | None = Field(None, description="values or words")
    range: Range | None = Field(None, description="numbers or times")
    geo_bounding_box: GeoBox | None = Field(None, description="a rectangle")
    geo_radius: GeoRadius | None = Field(None, description="a circle")
    values_count: ValuesCount | None = Field(None, description="how many values it has")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if sum(getattr(self, name) is not None for name in OPERATORS) != 1:
            raise ValueError(f"must hold exactly one of {', '.join(OPERATORS)}")
        return self

    @property
    def operator(self) -> str:
        """The name of the part that is given."""
        return next(name for name in OPERATORS if getattr(self, name) is not None)


OPERATORS: Final = ("match", "range", "geo_bounding_box", "geo_radius", "values_count")


class FieldName(_Part):
    """A field by its name."""

    key: Key


class IsEmpty(_Part):
    """The field is absent, null or an empty array."""

    is_empty: FieldName


class IsNull(_Part):
    """The field is null, or an array that holds null."""

    is_null: FieldName


_TAGS: Final = ("key", "is_empty", "is_null", "group")


def _tag(given: Any) -> str:
    """Which kind of condition it is meant to be."""
    names = given if isinstance(given, Mapping) else dir(given)
    return next((tag for tag in _TAGS if tag in names), "group")


class _Lists(_Part):
    must: Conditions = Field(default=(), description="all of them hold")
    should: Conditions = Field(default=(), description="at least one of them holds")
    must_not: Conditions = Field(default=(), description="none of them holds")
    min_should: MinShould | None = Field(None, description="so many of them hold")

    @property
    def is_nothing(self) -> bool:
        """Whether there is no condition."""
        return not (self.must or self.should or self.must_not or self.min_should)


class Group(_Lists):
    """A filter within a filter."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.is_nothing:
            raise ValueError("holds no condition")
        return self


Condition = Annotated[
    Annotated[FieldCondition, Tag("key")]
    | Annotated[IsEmpty, Tag("is_empty")]
    | Annotated[IsNull, Tag("is_null")]
    | Annotated[Group, Tag("group")],
    Discriminator(_tag),
]
Conditions = Annotated[tuple[Condition, ...], Field(strict=False)]


class MinShould(_Part):
    """At least `min_count` of the conditions hold."""

    conditions: Annotated[Conditions, Field(min_length=1)] = Field(description="of these")
    min_count: int = Field(ge=1, description="at least so many")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.min_count > len(self.conditions):
            raise ValueError(f"min_count is above the number of conditions, {len(self.conditions)}")
        return self


class Filter(_Lists):
    """Which documents count: those that `must`, `should`, `must_not` and `min_should` all let through."""

    @model_validator(mode="before")
    @classmethod
    def _limited(cls, given: Any) -> Any:
        """Before anything recurses into it."""
        stack, conditions = [(given, 1)], 0
        while stack:
            group, depth = stack.pop()
            if depth > MAX_DEPTH:
                raise ValueError(f"groups are nested deeper than {MAX_DEPTH} levels")
            inner = list(_children(group))
            conditions += len(inner)
            if conditions > MAX_CONDITIONS:
                raise ValueError(f"holds more than {MAX_CONDITIONS} conditions")
            stack += [(each, depth + 1) for each in inner if isinstance(each, Mapping) and _tag(each) == "group"]
        return given


def _children(group: Any) -> Iterator[Any]:
    """The conditions of a group that is not yet known to be one."""
    if not isinstance(group, Mapping):
        return
    for name in _LISTS:
        if isinstance(group.get(name), Sequence) and not isinstance(group[name], str):
            yield from group[name]
    at_least = group.get("min_should")
    if isinstance(at_least, Mapping) and isinstance(at_least.get("conditions"), list | tuple):
        yield from at_least["conditions"]


def place(location: Sequence[int | str]) -> str:
    """Where in a body something is, such as `filters.must[1].range.lt`, of the location that Pydantic tells."""
    text, tagged = "", False
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not (tagged and part in _TAGS):
            text += f".{part}" if text else part
        tagged = isinstance(part, int)
    return text
