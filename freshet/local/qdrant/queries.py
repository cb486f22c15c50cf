"""Searches: the client's query requests as the engine's."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import errors
from freshet.local.qdrant.bodies import at_least_one
from freshet.local.qdrant.filters import to_filter
from freshet.local.qdrant.points import VectorSpace
from freshet.local.qdrant.records import payload_selector, vector_selector

LIMIT = 10
"""Hits where a request names no limit, the server's default."""

_RRF_K = 2


def to_query(space: VectorSpace, body: rest.QueryRequest) -> edge.QueryRequest:
    """Raises `ApiError` for an unknown vector name, another dimension, a limit of zero, a kind of query not offered."""
    at_least_one("limit", body.limit)
    with errors.engine_input():
        return _query(space, body)


def _query(space: VectorSpace, body: rest.QueryRequest) -> edge.QueryRequest:
    return edge.QueryRequest(
        limit=body.limit or LIMIT,
        offset=body.offset or 0,
        query=_scoring(space, body),
        prefetches=_prefetches(space, body.prefetch),
        with_vector=vector_selector(body.with_vector),
        with_payload=payload_selector(body.with_payload, default=False),
        filter=to_filter(body.filter),
        score_threshold=body.score_threshold,
        params=_params(body.params),
    )


def to_order(body: rest.OrderByInterface) -> edge.OrderBy:
    if isinstance(body, str):
        return edge.OrderBy(body)
    direction = edge.Direction.Desc if body.direction is rest.Direction.DESC else edge.Direction.Asc
    start: Any = body.start_from
    return edge.OrderBy(body.key, direction, start.isoformat() if hasattr(start, "isoformat") else start)


def _prefetches(space: VectorSpace, body: list[rest.Prefetch] | rest.Prefetch | None) -> list[edge.Prefetch]:
    if body is None:
        return []
    return [_prefetch(space, one) for one in (body if isinstance(body, list) else [body])]


def _prefetch(space: VectorSpace, body: rest.Prefetch) -> edge.Prefetch:
    at_least_one("prefetch.limit", body.limit)
    return edge.Prefetch(
        limit=body.limit or LIMIT,
        query=_scoring(space, body),
        prefetches=_prefetches(space, body.prefetch),
        params=_params(body.params),
        filter=to_filter(body.filter),
        score_threshold=body.score_threshold,
    )


def _scoring(space: VectorSpace, body: rest.QueryRequest | rest.Prefetch) -> Any:
    query: Any = body.query
    if query is None:
        return None
    if isinstance(query, rest.NearestQuery) and query.mmr is None:
        query = query.nearest
    if isinstance(query, list | rest.SparseVector):
        return _nearest(space, query, body.using or "")
    if isinstance(query, rest.OrderByQuery):
        return to_order(query.order_by)
    if isinstance(query, rest.RrfQuery):
        return edge.Fusion.Rrf(query.rrf.k or _RRF_K, query.rrf.weights)
    if isinstance(query, rest.FusionQuery):
        return edge.Fusion.Rrf(_RRF_K) if query.fusion is rest.Fusion.RRF else edge.Fusion.Dbsf()
    raise errors.unsupported(f"queries of the kind {type(query).__name__}")


def _nearest(space: VectorSpace, query: Any, using: str) -> edge.Query:
    if isinstance(query, rest.SparseVector):
        return edge.Query.Nearest(space.sparse_vector(using, query), using)
    return edge.Query.Nearest(space.dense_vector(using, query), using)


def _params(body: rest.SearchParams | None) -> edge.SearchParams | None:
    if body is None:
        return None
    corpus = to_filter(body.idf.corpus) if isinstance(body.idf, rest.IdfCorpusParams) else None
    return edge.SearchParams(
        hnsw_ef=body.hnsw_ef,
        exact=bool(body.exact),
        indexed_only=bool(body.indexed_only),
        idf=edge.IdfParams(corpus) if corpus else None,
    )
