"""A collection's configuration: to the engine when it is created, to clients when it is described."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import errors
from freshet.local.qdrant.points import VectorSpace

FLUSH_SECONDS = 30.0
"""The longest time between flushes while requests come (upkeep.py)."""

_DISTANCES = {
    rest.Distance.COSINE: edge.Distance.Cosine,
    rest.Distance.EUCLID: edge.Distance.Euclid,
    rest.Distance.DOT: edge.Distance.Dot,
    rest.Distance.MANHATTAN: edge.Distance.Manhattan,
}
_HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000, "max_indexing_threads": 0}
_OPTIMIZERS = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "flush_interval_sec": int(FLUSH_SECONDS),
}


def dense_params(body: rest.CreateCollection) -> dict[str, rest.VectorParams]:
    """By name; the unnamed vector is ""."""
    if isinstance(body.vectors, rest.VectorParams):
        return {"": body.vectors}
    return body.vectors or {}


def vector_space(body: rest.CreateCollection) -> VectorSpace:
    dense = {name: params.size for name, params in dense_params(body).items()}
    return VectorSpace(dense, frozenset(body.sparse_vectors or {}))


def to_config(body: rest.CreateCollection) -> edge.EdgeConfig:
    """Vectors and their distances; tuning that the engine does without (HNSW, quantization, shards) has no effect."""
    dense = {name: _dense(name, params) for name, params in dense_params(body).items()}
    sparse = {name: _sparse(params) for name, params in (body.sparse_vectors or {}).items()}
    return edge.EdgeConfig(vectors=dense, sparse_vectors=sparse)


def _dense(name: str, params: rest.VectorParams) -> edge.EdgeVectorParams:
    if params.size < 1:
        raise errors.invalid_value(f"vectors.{name}.size", f"value {params.size} invalid, must be 1 or larger")
    if params.multivector_config is not None:
        raise errors.unsupported("multivectors")
    return edge.EdgeVectorParams(params.size, _DISTANCES[params.distance])


def _sparse(params: rest.SparseVectorParams) -> edge.EdgeSparseVectorParams:
    return edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if params.modifier is rest.Modifier.IDF else None)


def described(created: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The `config` part of a collection's description; `created` is the body that it was created with."""
    answer: dict[str, Any] = {
        "params": {
            "vectors": created.get("vectors", {}),
            "shard_number": 1,
            "replication_factor": 1,
            "write_consistency_factor": 1,
            "on_disk_payload": True,
        },
        "hnsw_config": _HNSW | created.get("hnsw_config", {}),
        "optimizer_config": _OPTIMIZERS | created.get("optimizers_config", {}),
    }
    if "sparse_vectors" in created:
        answer["params"]["sparse_vectors"] = created["sparse_vectors"]
    if metadata:
        answer["metadata"] = metadata
    return answer
