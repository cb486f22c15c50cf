"""One collection: an Edge shard, and its configuration in a JSON file beside it.

Calls are synchronous and hold the interpreter, so the requests of a process are answered one after the other: each is
atomic to all others, and what was acknowledged is seen by the next read.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import config, errors, payload_indexes
from freshet.local.qdrant.bodies import PAYLOAD_SCHEMA
from freshet.local.qdrant.files import read_json, remove, sync_folder, write_json

log = logging.getLogger(__name__)

PASSAGES = 100_000
"""Points with vectors that are still searched well without an index; beyond it a Qdrant server is the better home."""

_FILE = "collection.json"
_SHARD = "shard"
_LOG = "wal"
_BLOCK = 512


class Collection:
    def __init__(self, name: str, folder: Path, shard: edge.EdgeShard, state: dict[str, Any]) -> None:
        self.name = name
        self.space = config.vector_space(rest.CreateCollection.model_validate(state["created"]))
        self._folder = folder
        self._shard = shard
        self._state = state
        self._operations = 0
        self._dirty = False
        self._warned = False

    @classmethod
    def create(cls, name: str, folder: Path, body: rest.CreateCollection) -> Collection:
        """The JSON file is written last: a folder without it is unfinished."""
        created = body.model_dump(mode="json", exclude_none=True, exclude={"metadata"})
        settings = config.to_config(body)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / _SHARD).mkdir(parents=True)
        with errors.engine_call():
            shard = edge.EdgeShard.create(str(folder / _SHARD), settings)
        state = {"name": name, "created": created, "metadata": body.metadata or {}, "payload_schema": {}}
        write_json(folder / _FILE, state)
        sync_folder(folder.parent)
        return cls(name, folder, shard, state)

    @classmethod
    def load(cls, folder: Path) -> Collection | None:
        """None for what a crash left of a creation or a deletion."""
        if not (folder / _FILE).exists():
            return None
        state = read_json(folder / _FILE)
        return cls(state["name"], folder, edge.EdgeShard.load(str(folder / _SHARD)), state)

    def drop(self) -> None:
        remove(self._folder / _FILE)
        self._shard.close()
        shutil.rmtree(self._folder)

    # Writes

    def update(self, operation: edge.UpdateOperation) -> None:
        self._dirty = True
        with errors.engine_call():
            self._shard.update(operation)
        self._operations += 1

    def demand(self, ids: list[Any]) -> None:
        """Raises `ApiError` 404 where one of the points is missing, before anything is applied to the others."""
        found = {point.id for point in self.retrieve(ids, payload=False, vector=False)}
        for point_id in ids:
            if (point_id if isinstance(point_id, int) else UUID(str(point_id))) not in found:
                raise errors.missing_point(point_id)

    @property
    def operation_id(self) -> int:
        return self._operations

    def merge_metadata(self, changes: dict[str, Any]) -> None:
        """At the top level only: a nested object is replaced whole; null removes its key."""
        merged = {key: value for key, value in (self._state["metadata"] | changes).items() if value is not None}
        self._state["metadata"] = merged
        self._save()

    def create_index(self, field: str, schema: rest.PayloadFieldSchema) -> None:
        self.update(edge.UpdateOperation.create_field_index(field, payload_indexes.to_schema(schema)))
        self._state["payload_schema"][field] = PAYLOAD_SCHEMA.dump_python(schema, mode="json", exclude_none=True)
        self._save()

    def delete_index(self, field: str) -> None:
        self._state["payload_schema"].pop(field, None)
        self._save()
        self.update(edge.UpdateOperation.delete_field_index(field))

    def _save(self) -> None:
        write_json(self._folder / _FILE, self._state)

    # Reads

    def retrieve(self, ids: list[Any], payload: Any, vector: bool | list[str]) -> list[edge.Record]:
        with errors.engine_call():
            return self._shard.retrieve(ids, payload, vector)

    def scroll(self, request: edge.ScrollRequest) -> tuple[list[edge.Record], Any]:
        with errors.engine_call():
            return self._shard.scroll(request)

    def count(self, request: edge.CountRequest) -> int:
        with errors.engine_call():
            return self._shard.count(request)

    def facet(self, request: edge.FacetRequest) -> edge.FacetResponse:
        with errors.engine_call():
            return self._shard.facet(request)

    def query(self, request: edge.QueryRequest) -> list[edge.ScoredPoint]:
        with errors.engine_call():
            return self._shard.query(request)

    def query_batch(self, requests: list[edge.QueryRequest]) -> list[list[edge.ScoredPoint]]:
        with errors.engine_call():
            return self._shard.query_batch(edge.QueryBatchRequest(requests))

    def describe(self) -> dict[str, Any]:
        with errors.engine_call():
            info = self._shard.info()
        indexed = {field: found.points for field, found in info.payload_schema.items()}
        schemas = {f: PAYLOAD_SCHEMA.validate_python(body) for f, body in self._state["payload_schema"].items()}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "points_count": info.points_count,
            "indexed_vectors_count": info.indexed_vectors_count,
            "segments_count": info.segments_count,
            "config": config.described(self._state["created"], self._state["metadata"]),
            "payload_schema": {f: payload_indexes.described(s, indexed.get(f, 0)) for f, s in schemas.items()},
        }

    def size(self) -> int:
        """Bytes on disk; holes in its files take none."""
        total = 0
        for path in self._folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # merging segments removes files
                total += path.lstat().st_blocks * _BLOCK
        return total

    # Upkeep

    def flush(self) -> None:
        """Make what was written safe from a power failure, and shorten the log that a start would replay."""
        if self._dirty:
            self._shard.flush()
            self._dirty = False
            self._warn_of_size()

    @property
    def unflushed_log(self) -> Path | None:
        """The folder of the engine's log while something is in it that was not flushed."""
        return self._folder / _SHARD / _LOG if self._dirty else None

    def close(self) -> None:
        self.flush()
        self._shard.close()

    def _warn_of_size(self) -> None:
        if self._warned or not self.space.dense or self._shard.info().points_count <= PASSAGES:
            return
        has_vector: list[Any] = [edge.HasVectorCondition(next(iter(self.space.dense)))]
        passages = self._shard.count(edge.CountRequest(filter=edge.Filter(must=has_vector)))
        if passages > PASSAGES:
            self._warned = True
            log.warning(
                "collection %s holds %d passages, more than the local engine searches fast: use a Qdrant server",
                self.name,
                passages,
            )
