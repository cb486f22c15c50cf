"""Refusals, worded as the server words them (status codes and texts seen on Qdrant 1.19)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

BODY_LIMIT = 32 * 1024 * 1024
"""Bytes of a request body, the server's default `max_request_size_mb`."""

_REFUSED = (
    "Not existing vector name error",
    "Vector dimension error",
    "Wrong usage of",
    "Validation failed",
    "No appropriate index",
    "No range index",
)
_BAD_INPUT = (ValueError, TypeError, OverflowError)
"""What the engine's Python layer raises on values that it cannot take; the engine itself raises a bare `Exception`."""


class ApiError(Exception):
    """An answer that is not a result: HTTP status and the text under `status.error`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


def missing_collection(name: str) -> ApiError:
    return ApiError(404, f"Not found: Collection `{name}` doesn't exist!")


def collection_exists(name: str) -> ApiError:
    return ApiError(409, f"Wrong input: Collection `{name}` already exists!")


def missing_point(point_id: object) -> ApiError:
    return ApiError(404, f"Not found: No point with id {point_id} found")


def unknown_vector(name: str) -> ApiError:
    return ApiError(400, f"Wrong input: Not existing vector name error: {name}")


def wrong_dimension(expected: int, got: int, vector: str | None = None) -> ApiError:
    of_vector = f" for vector '{vector}'" if vector is not None else ""
    return ApiError(400, f"Wrong input: Vector dimension error: expected dim: {expected}, got {got}{of_vector}")


def wrong_format(reason: str) -> ApiError:
    return ApiError(400, f"Format error in JSON body: {reason}")


def invalid_value(field: str, reason: str) -> ApiError:
    return ApiError(422, f"Validation error in JSON body: [{field}: {reason}]")


def invalid_path(field: str, reason: str) -> ApiError:
    return ApiError(422, f"Validation error in path parameters: [{field}: {reason}]")


def too_large(size: int) -> ApiError:
    return ApiError(400, f"JSON payload ({size} bytes) is larger than allowed (limit: {BODY_LIMIT} bytes).")


def unsupported(what: str) -> ApiError:
    return ApiError(400, f"Wrong input: the local engine has no {what}; use a Qdrant server")


def engine_error(error: Exception) -> ApiError:
    """The engine raises bare exceptions with a text; what is not the request's fault is a 500, which clients repeat."""
    if isinstance(error, _BAD_INPUT):
        return wrong_format(str(error).splitlines()[0])
    text = str(error)
    if text.startswith("No point with id"):
        return ApiError(404, f"Not found: {text} found")
    if text.startswith(_REFUSED):
        return ApiError(400, f"Wrong input: {text}")
    return ApiError(500, f"Service internal error: {text}")


@contextmanager
def engine_call() -> Iterator[None]:
    """Around a call of the shard: whatever it raises becomes an `ApiError`."""
    try:
        yield
    except Exception as error:
        raise engine_error(error) from error


@contextmanager
def engine_input() -> Iterator[None]:
    """Around the building of engine objects: a value that they refuse (a bad id, a bad path) is the request's fault."""
    try:
        yield
    except _BAD_INPUT as error:
        raise engine_error(error) from error
