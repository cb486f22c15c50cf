"""Writes: the client's update operations as the engine's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import errors
from freshet.local.qdrant.collection import Collection
from freshet.local.qdrant.filters import to_filter
from freshet.local.qdrant.points import to_point_vectors, to_points

Update = edge.UpdateOperation
_MODES = {
    rest.UpdateMode.UPSERT: edge.UpdateMode.Upsert,
    rest.UpdateMode.INSERT_ONLY: edge.UpdateMode.InsertOnly,
    rest.UpdateMode.UPDATE_ONLY: edge.UpdateMode.UpdateOnly,
}


def upsert(collection: Collection, body: rest.PointsList | rest.PointsBatch) -> None:
    """`update_filter` guards points that exist; absent ones are inserted whatever it says, as on a server."""
    points = to_points(collection.space, body)
    mode = _MODES[body.update_mode] if body.update_mode else None
    collection.update(Update.upsert_points(points, condition=to_filter(body.update_filter), update_mode=mode))


def delete(collection: Collection, body: rest.PointIdsList | rest.FilterSelector) -> None:
    _by_selector(collection, body, Update.delete_points, Update.delete_points_by_filter)


def clear_payload(collection: Collection, body: rest.PointIdsList | rest.FilterSelector) -> None:
    _by_selector(collection, body, Update.clear_payload, Update.clear_payload_by_filter)


def set_payload(collection: Collection, body: rest.SetPayload) -> None:
    _by_fields(collection, body, Update.set_payload, Update.set_payload_by_filter, body.payload, body.key)


def overwrite_payload(collection: Collection, body: rest.SetPayload) -> None:
    _by_fields(collection, body, Update.overwrite_payload, Update.overwrite_payload_by_filter, body.payload, body.key)


def delete_payload(collection: Collection, body: rest.DeletePayload) -> None:
    _by_fields(collection, body, Update.delete_payload, Update.delete_payload_by_filter, body.keys)


def update_vectors(collection: Collection, body: rest.UpdateVectors) -> None:
    points = to_point_vectors(collection.space, body)
    collection.demand([point.id for point in points])
    collection.update(Update.update_vectors(points, condition=to_filter(body.update_filter)))


def delete_vectors(collection: Collection, body: rest.DeleteVectors) -> None:
    for name in body.vector:
        if name not in collection.space.dense and name not in collection.space.sparse:
            raise errors.unknown_vector(name)
    _by_fields(collection, body, Update.delete_vectors, Update.delete_vectors_by_filter, body.vector)


def batch(collection: Collection, body: rest.UpdateOperations) -> int:
    """Runs the operations in order and returns how many there were. The first error ends it; what went before stays."""
    for operation in body.operations:
        name, run = _OPERATIONS[type(operation)]
        run(collection, getattr(operation, name))
    return len(body.operations)


def _by_selector(
    collection: Collection,
    body: rest.PointIdsList | rest.FilterSelector,
    by_ids: Callable[[Any], edge.UpdateOperation],
    by_filter: Callable[[Any], edge.UpdateOperation],
) -> None:
    with errors.engine_input():
        operation = by_ids(body.points) if isinstance(body, rest.PointIdsList) else by_filter(to_filter(body.filter))
    collection.update(operation)


def _by_fields(
    collection: Collection,
    body: rest.SetPayload | rest.DeletePayload | rest.DeleteVectors,
    by_ids: Callable[..., edge.UpdateOperation],
    by_filter: Callable[..., edge.UpdateOperation],
    *arguments: Any,
) -> None:
    if body.points is None and body.filter is None:
        raise errors.ApiError(400, "Bad request: No filter or points were specified")
    with errors.engine_input():
        selected = body.points if body.points is not None else to_filter(body.filter)
        operation = (by_ids if body.points is not None else by_filter)(selected, *arguments)
    if body.points is not None:
        collection.demand(body.points)
    collection.update(operation)


_OPERATIONS: dict[type, tuple[str, Callable[[Collection, Any], None]]] = {
    rest.UpsertOperation: ("upsert", upsert),
    rest.DeleteOperation: ("delete", delete),
    rest.SetPayloadOperation: ("set_payload", set_payload),
    rest.OverwritePayloadOperation: ("overwrite_payload", overwrite_payload),
    rest.DeletePayloadOperation: ("delete_payload", delete_payload),
    rest.ClearPayloadOperation: ("clear_payload", clear_payload),
    rest.UpdateVectorsOperation: ("update_vectors", update_vectors),
    rest.DeleteVectorsOperation: ("delete_vectors", delete_vectors),
}
