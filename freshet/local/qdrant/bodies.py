"""Request bodies, parsed by the official client's own models.

They forbid unknown fields, so a typo is refused here that a server would ignore.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client.http import models as rest

from freshet.local.qdrant import errors

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_POINTS: TypeAdapter[rest.PointsBatch | rest.PointsList] = TypeAdapter(rest.PointInsertOperations)
_SELECTOR: TypeAdapter[rest.PointIdsList | rest.FilterSelector] = TypeAdapter(rest.PointsSelector)
PAYLOAD_SCHEMA: TypeAdapter[rest.PayloadFieldSchema] = TypeAdapter(rest.PayloadFieldSchema)
_SHOWN = 3


def parse(model: type[M], body: bytes) -> M:
    """Raises `ApiError` 400 for broken JSON, missing or unknown fields and wrong types."""
    return parse_with(model.model_validate_json, body)


def parse_with(validate: Callable[[bytes], T], body: bytes) -> T:
    try:
        return validate(body)
    except ValidationError as error:
        raise errors.wrong_format(_described(error)) from error


def parse_points(body: bytes) -> rest.PointsBatch | rest.PointsList:
    return parse_with(_POINTS.validate_json, body)


def parse_selector(body: bytes) -> rest.PointIdsList | rest.FilterSelector:
    return parse_with(_SELECTOR.validate_json, body)


def _described(error: ValidationError) -> str:
    """The first problems with their places, without the (possibly huge) input."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['msg']}" for p in problems[:_SHOWN]]
    return "; ".join(shown)


def at_least_one(field: str, value: int | None) -> None:
    """The server's validation of limits: 422 for zero."""
    if value is not None and value < 1:
        raise errors.invalid_value(field, f"value {value} invalid, must be 1 or larger")
