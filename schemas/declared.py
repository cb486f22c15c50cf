"""Whether a filter, and a list of facets, suit the declared fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from freshet.schemas.errors import FreshetError
from freshet.schemas.fields import COUNTED, Kind, kind_of, undeclared
from freshet.schemas.filters import Condition, FieldCondition, Filter, Group, IsEmpty, IsNull, Match

_TYPES: Final[dict[Kind, type]] = {Kind.KEYWORD: str, Kind.INTEGER: int, Kind.BOOL: bool}
_WORDS: Final = {str: "strings", int: "whole numbers", bool: "true and false"}
_RANGES: Final = {Kind.INTEGER, Kind.FLOAT, Kind.DATETIME}


class InvalidFilter(FreshetError):  # noqa: N818 (what it is, as the answer calls it)
    """A filter, or a list of facets, that does not suit the declared fields: the place, and a sentence for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def check_filter(filters: Filter, fields: Mapping[str, Kind], *, at: str = "filters") -> None:
    """Raise InvalidFilter at the first field that is not declared, or whose kind does not suit what is asked of it."""
    for place, condition in _leaves(filters, at):
        key, inner = _key(condition)
        kind = kind_of(key, fields)
        if kind is None:
            raise InvalidFilter(f"{place}{inner}", undeclared(key, fields))
        if isinstance(condition, FieldCondition):
            for message in _unsuited(condition, kind):
                raise InvalidFilter(f"{place}.{condition.operator}", f"{key} is of the kind {kind}: {message}")


def check_facets(keys: Sequence[str], fields: Mapping[str, Kind], *, at: str = "facets") -> None:
    """Raise InvalidFilter at the first key that is not declared, or whose values are not counted."""
    for number, key in enumerate(keys):
        kind = kind_of(key, fields)
        if kind is None:
            raise InvalidFilter(f"{at}[{number}]", undeclared(key, fields))
        if kind not in COUNTED:
            message = f"{key} is of the kind {kind}, and only {', '.join(sorted(COUNTED))} are counted"
            raise InvalidFilter(f"{at}[{number}]", message)


def _leaves(group: Filter | Group, at: str) -> Iterator[tuple[str, FieldCondition | IsEmpty | IsNull]]:
    lists: list[tuple[str, Sequence[Condition]]] = [
        ("must", group.must),
        ("should", group.should),
        ("must_not", group.must_not),
        ("min_should.conditions", group.min_should.conditions if group.min_should else ()),
    ]
    for name, conditions in lists:
        for number, condition in enumerate(conditions):
            place = f"{at}.{name}[{number}]"
            if isinstance(condition, Group):
                yield from _leaves(condition, place)
            else:
                yield place, condition


def _key(condition: FieldCondition | IsEmpty | IsNull) -> tuple[str, str]:
    """The field, and where the condition names it."""
    match condition:
        case IsEmpty():
            return condition.is_empty.key, ".is_empty.key"
        case IsNull():
            return condition.is_null.key, ".is_null.key"
        case _:
            return condition.key, ".key"


def _unsuited(condition: FieldCondition, kind: Kind) -> Iterator[str]:
    """What is asked of a field that its kind has no answer to."""
    if condition.match is not None:
        yield from _unmatched(condition.match, kind)
    elif condition.range is not None:
        yield from _unranged(list(condition.range.bounds.values()), kind)
    elif condition.values_count is None and kind is not Kind.GEO:
        yield "places are asked of the kind geo"


def _unmatched(match: Match, kind: Kind) -> Iterator[str]:
    if not match.values:
        if kind is not Kind.TEXT:
            yield "words are asked of the kind text"
    elif kind not in _TYPES:
        yield f"values are asked of the kinds {', '.join(_TYPES)}"
    elif type(match.values[0]) is not _TYPES[kind]:
        yield f"its values are {_WORDS[_TYPES[kind]]}"
    elif kind is Kind.BOOL and "value" not in match.model_fields_set:
        yield "it is asked for one value"


def _unranged(bounds: Sequence[float | datetime], kind: Kind) -> Iterator[str]:
    if kind not in _RANGES:
        yield f"ranges are asked of the kinds {', '.join(sorted(_RANGES))}"
    elif isinstance(bounds[0], datetime) is not (kind is Kind.DATETIME):
        yield f"its bounds are {'times' if kind is Kind.DATETIME else 'numbers'}"
    elif kind is Kind.INTEGER and not all(isinstance(b, int) or float(b).is_integer() for b in bounds):  # type: ignore[arg-type]
        yield "its bounds are whole numbers"
