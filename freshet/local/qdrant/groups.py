"""Grouped searches, which the engine lacks: hits are fetched with a growing limit until the groups are full."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import records
from freshet.local.qdrant.bodies import at_least_one
from freshet.local.qdrant.collection import Collection
from freshet.local.qdrant.queries import LIMIT, to_query

GROUP_SIZE = 3
"""Hits of a group where a request names no size, the server's default."""

_FIRST_FETCH = 4
"""Hits fetched for each place in a group before the first look."""


def search_groups(collection: Collection, body: rest.QueryGroupsRequest) -> list[dict[str, Any]]:
    """The best `limit` groups, ordered by their best hit, of up to `group_size` hits each."""
    at_least_one("limit", body.limit)
    at_least_one("group_size", body.group_size)
    count, size = body.limit or LIMIT, body.group_size or GROUP_SIZE
    fetch = count * size * _FIRST_FETCH
    while True:
        hits = collection.query(_ungrouped(collection, body, fetch))
        groups = _grouped(hits, body.group_by, count, size)
        full = len(groups) == count and all(len(members) == size for members in groups.values())
        if full or len(hits) < fetch:
            return _described(collection, body, groups)
        fetch *= 4


def _ungrouped(collection: Collection, body: rest.QueryGroupsRequest, limit: int) -> edge.QueryRequest:
    shared = {"prefetch", "query", "using", "filter", "params", "score_threshold"}
    request = rest.QueryRequest.model_construct(**{name: getattr(body, name) for name in shared}, limit=limit)
    request.with_payload = [body.group_by]
    return to_query(collection.space, request)


def _grouped(hits: list[edge.ScoredPoint], path: str, count: int, size: int) -> dict[str | int, list[edge.ScoredPoint]]:
    groups: dict[str | int, list[edge.ScoredPoint]] = {}
    for hit in hits:
        for key in _keys(hit.payload or {}, path):
            if key not in groups and len(groups) == count:
                continue
            members = groups.setdefault(key, [])
            if len(members) < size:
                members.append(hit)
    return groups


def _keys(payload: Any, path: str) -> list[str | int]:
    """The values under a dotted path; a list puts its point into several groups, other kinds into none."""
    for part in path.split("."):
        payload = payload.get(part) if isinstance(payload, dict) else None
    values = payload if isinstance(payload, list) else [payload]
    return list(dict.fromkeys(v for v in values if isinstance(v, str | int) and not isinstance(v, bool)))


def _described(
    collection: Collection, body: rest.QueryGroupsRequest, groups: dict[str | int, list[edge.ScoredPoint]]
) -> list[dict[str, Any]]:
    """Payloads and vectors are read for the chosen hits only."""
    ids = list({hit.id for members in groups.values() for hit in members})
    payload = records.payload_selector(body.with_payload, default=False)
    found = collection.retrieve(ids, payload, records.vector_selector(body.with_vector))
    parts = {point.id: records.record(point) for point in found}
    return [
        {"id": key, "hits": [{"version": h.version, "score": h.score, **parts[h.id]} for h in members]}
        for key, members in groups.items()
    ]
