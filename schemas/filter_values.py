"""The values that stand in filters: strictly typed, within limits, and exact in what Qdrant compares."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from freshet.schemas.fields import MAX_PATH_CHARACTERS

MAX_VALUES: Final = 256
MAX_VALUE_CHARACTERS: Final = 1_000
EXACT: Final = 2**53
_INT64: Final = 2**63
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _time(value: str) -> datetime:
    try:
        if _TIME.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("is no time as RFC 3339 has it, such as 2026-11-20T12:00:00Z")


def _bound(value: Any) -> float | datetime:
    """A number or a time; never a boolean, which Python takes for a number."""
    if isinstance(value, str):
        return _time(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number, or a time such as 2026-11-20T12:00:00Z")  # noqa: TRY004 (as Pydantic asks)
    if isinstance(value, int) and abs(value) > EXACT:
        raise ValueError("is beyond 2^53, up to which ranges are exact")
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _written(bound: float | datetime) -> float | str:
    return bound.isoformat() if isinstance(bound, datetime) else bound


def _value(value: Any) -> str | int | bool:
    if isinstance(value, str):
        return checked_text(value)
    if not isinstance(value, int):  # booleans are integers, too
        raise ValueError("must be a string, a whole number, true or false")  # noqa: TRY004
    if not -_INT64 <= value < _INT64:
        raise ValueError("is a number beyond 64 bits")
    return value


def checked_text(value: str) -> str:
    """Raises ValueError for a text that is too long, or that UTF-8 cannot hold."""
    if len(value) > MAX_VALUE_CHARACTERS:
        raise ValueError(f"has {len(value)} characters, the limit is {MAX_VALUE_CHARACTERS}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character") from None
    return value


_BOUND_SCHEMA: Final = {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}
_VALUE_SCHEMA: Final = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}
Bound = Annotated[
    float | datetime, PlainValidator(_bound), PlainSerializer(_written, when_used="json"), WithJsonSchema(_BOUND_SCHEMA)
]
Value = Annotated[str | int | bool, PlainValidator(_value), WithJsonSchema(_VALUE_SCHEMA)]
Values = Annotated[tuple[Value, ...], Field(strict=False, min_length=1, max_length=MAX_VALUES)]
Key = Annotated[str, Field(min_length=1, max_length=MAX_PATH_CHARACTERS, description="`metadata.` and a declared path")]
