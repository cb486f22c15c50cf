"""What an index version holds: passages that searches find, and a ledger record per document that says which count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freshet.schemas.positions import Rank
from freshet.search.sparse import SparseVector

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Work:
    """What it took to make a document's state searchable.

    `fetched_at` is when its event came out of Kafka, in seconds since the epoch; `decode`, `plan` and `embed` are
    seconds, each from the end of the stage before, so what its batch waited for a stage is in them. What is left until
    `searchable_at` is the writing. Of the state's passages `embedded` were given to the model, which took `tokens` for
    them, `cached` had their vectors in the embedding cache, `taken_over` got those of points of the state before; the
    rest are the very points of that state.
    """

    fetched_at: float
    decode: float
    plan: float
    embed: float
    embedded: int = 0
    cached: int = 0
    taken_over: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """The commit record of a document's state; a tombstone when `deleted`.

    Times are seconds since the epoch. `passages` lists the ids of the passage points that belong to the state, in the
    order of the text: a passage that it does not list is not visible, whether it exists or not. Up to the offset
    `refused` there may be dead letters of the document; -1 where there is none above the record's own. `again` where
    its event had come again. `work` is None of records that were written before it was recorded. `stray` is the id of
    the point where an audit found it, if that is not its document's: nobody of ours puts one there.
    """

    key: str
    id: str
    tenant: str | None
    partition: int
    rank: Rank
    version: int | None
    event_time: float
    searchable_at: float
    content_digest: str
    metadata_digest: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    passages: tuple[str, ...] = ()
    tokens: int = 0
    deleted: bool = False
    refused: int = -1
    again: bool = False
    work: Work | None = None
    stray: str | None = None

    @property
    def offset(self) -> int:
        return self.rank.offset


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document and its vectors: a point that is added and removed, never changed."""

    id: str
    key: str
    tenant: str | None
    text: str
    title: str
    metadata: Mapping[str, Any]
    partition: int
    rank: Rank
    vector: Vector
    terms: SparseVector


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found. `score` is the inner product with the query's vector, of dense ones the cosine."""

    id: str
    key: str
    text: str
    score: float
    rank: Rank


@dataclass(frozen=True, slots=True)
class ValueCount:
    """How many documents have a value in a field."""

    value: str | int | bool
    count: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing of documents, newest first, goes on: behind the one that it ended with."""

    searchable_at: float
    key: str

    @classmethod
    def of(cls, record: LedgerRecord) -> Place:
        return cls(record.searchable_at, record.key)


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage read by its id, for a reader that looks again and for a sweep. `vector` has unit length.

    Both vectors are there where they were asked for.
    """

    id: str
    key: str
    text: str
    partition: int
    rank: Rank
    vector: Vector | None = None
    terms: SparseVector | None = None


@dataclass(frozen=True, slots=True)
class Displaced:
    """Passages that a commit made invisible: deleted only where they stand at or below the commit's own rank."""

    ids: tuple[str, ...]
    partition: int
    at_most: Rank
