"""What reads answer with: engine records as plain values, ready for JSON."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest


def payload_selector(body: rest.WithPayloadInterface | None, *, default: bool) -> Any:
    if body is None:
        return default
    if isinstance(body, rest.PayloadSelectorInclude):
        return edge.PayloadSelector.Include(body.include)
    if isinstance(body, rest.PayloadSelectorExclude):
        return edge.PayloadSelector.Exclude(body.exclude)
    return body


def vector_selector(body: rest.WithVector | None) -> bool | list[str]:
    return body if body is not None else False


def record(point: edge.Record) -> dict[str, Any]:
    return _with_parts({"id": point.id}, point)


def hit(point: edge.ScoredPoint) -> dict[str, Any]:
    return _with_parts({"id": point.id, "version": point.version, "score": point.score}, point)


def _with_parts(answer: dict[str, Any], point: edge.Record | edge.ScoredPoint) -> dict[str, Any]:
    payload, vector, order_value = point.payload, point.vector, point.order_value
    if payload is not None:
        answer["payload"] = payload
    if vector is not None:
        answer["vector"] = _vector(vector)
    if order_value is not None:
        answer["order_value"] = order_value
    return answer


def _vector(vector: Any) -> Any:
    if isinstance(vector, dict):
        return {name: _vector(one) for name, one in vector.items()}
    if isinstance(vector, edge.SparseVector):
        return {"indices": vector.indices, "values": vector.values}
    return vector
