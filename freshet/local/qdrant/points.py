"""Points and their vectors, checked whole before anything is applied.

An upsert that the engine raises on stays half applied, and its log applies more of it at the next start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import errors


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """The vectors of a collection: dimension by name for dense ones, names of sparse ones. The unnamed vector is ""."""

    dense: dict[str, int]
    sparse: frozenset[str]

    def dense_vector(self, name: str, values: Any, *, shown: str | None = None) -> list[float]:
        """Raises `ApiError` 400 for an unknown name or another length; `shown` names the vector in that text."""
        expected = self.dense.get(name)
        if expected is None:
            raise errors.unknown_vector(name)
        if values and isinstance(values[0], list):
            raise errors.unsupported("multivectors")
        if len(values) != expected:
            raise errors.wrong_dimension(expected, len(values), shown)
        return values  # type: ignore[no-any-return]

    def sparse_vector(self, name: str, vector: rest.SparseVector) -> edge.SparseVector:
        """Raises `ApiError` 400 for an unknown name, 422 for repeated indices or unequal lengths."""
        if name not in self.sparse:
            raise errors.unknown_vector(name)
        if len(vector.indices) != len(vector.values):
            raise errors.invalid_value("values", "must be the same length as indices")
        if len(set(vector.indices)) != len(vector.indices):
            raise errors.invalid_value("indices", "must be unique")
        return edge.SparseVector(vector.indices, vector.values)

    def vectors(self, body: Any) -> Any:
        """The vectors of one point: a list for the unnamed one, else by name."""
        if isinstance(body, list):
            return self.dense_vector("", body, shown="")
        if not isinstance(body, dict):
            raise errors.unsupported("inference in points")
        return {name: self._named(name, vector) for name, vector in body.items()}

    def _named(self, name: str, vector: Any) -> Any:
        if isinstance(vector, list):
            return self.dense_vector(name, vector, shown=name)
        if isinstance(vector, rest.SparseVector):
            return self.sparse_vector(name, vector)
        raise errors.unsupported("inference in points")


def to_points(space: VectorSpace, body: rest.PointsList | rest.PointsBatch) -> list[edge.Point]:
    points = body.points if isinstance(body, rest.PointsList) else _rows(body.batch)
    if not points:
        raise errors.ApiError(400, "Wrong input: Empty update request")
    with errors.engine_input():
        return [edge.Point(point.id, space.vectors(point.vector), point.payload) for point in points]


def to_point_vectors(space: VectorSpace, body: rest.UpdateVectors) -> list[edge.PointVectors]:
    with errors.engine_input():
        return [edge.PointVectors(point.id, space.vectors(point.vector)) for point in body.points]


def _rows(batch: rest.Batch) -> list[rest.PointStruct]:
    """The column form of an upsert as points."""
    vectors: Any = batch.vectors
    payloads: list[Any] = list(batch.payloads or []) or [None] * len(batch.ids)
    columns = list(vectors.values()) if isinstance(vectors, dict) else [vectors]
    if any(len(column) != len(batch.ids) for column in [payloads, *columns]):
        raise errors.wrong_format("number of ids, vectors and payloads must be equal")
    rows = (
        [dict(zip(vectors, row, strict=True)) for row in zip(*columns, strict=True)]
        if isinstance(vectors, dict)
        else vectors
    )
    parts = zip(batch.ids, rows, payloads, strict=True)
    return [rest.PointStruct.model_construct(id=i, vector=vector, payload=payload) for i, vector, payload in parts]
