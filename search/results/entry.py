"""An answer as it is kept: what it says, and what it takes to prove that it is still true."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from freshet.schemas.filters import Filter
from freshet.schemas.http import FacetCount, QueryExplanation, SearchResult
from freshet.schemas.queries import AskedFilter
from freshet.search.index.base import Query
from freshet.search.sparse import SparseVector

_MAGIC: Final = b"FRR\x01"  # the last byte is the format
_HEAD: Final = struct.Struct("<4sII")  # magic, bytes of the header, bytes of the content; arrays follow
_OBJECTS: Final = 8  # bytes of Python's objects for one of JSON: 4 of texts to 12 of nested metadata (tracemalloc)
_KEY_BYTES: Final = 120  # of a key in a set, with its slot
_ENTRY_BYTES: Final = 2_000  # of an entry beside these


class Content(BaseModel):
    """What an answer says of the index; the rest of it is of the request."""

    model_config = ConfigDict(frozen=True)

    version: str
    topic: str
    query: QueryExplanation | None = None
    results: list[SearchResult]
    facets: dict[str, list[FacetCount]] = Field(default_factory=dict)
    reranked: bool = False
    degraded: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """A list of passages: the query, and the score below which nothing is in it.

    `last` is None where the list was not full: whatever is found at all belongs in it.
    """

    query: Query
    last: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An answer that is true at `positions` of the feed, by partition.

    What was asked for as far as a change can matter to it: `tenant`, `filters`, `facets`, and the lists in `searched`,
    none of them where documents are only listed. `met` are the keys of all documents that were come across. `expires`,
    and `told`, when other processes were told of it last, are in seconds since the epoch.
    """

    content: Content
    positions: Mapping[int, int]
    searched: tuple[Searched, ...]
    met: frozenset[str]
    tenant: str | None
    filters: Filter | None
    facets: tuple[str, ...]
    expires: float
    told: float = 0.0

    @property
    def version(self) -> str:
        return self.content.version

    def moved(self, positions: Mapping[int, int]) -> Self:
        """The same, known to be true at these positions, too."""
        if positions == self.positions:  # nothing has happened since it was asked for last
            return self
        merged = {each: max(offset, positions.get(each, 0)) for each, offset in self.positions.items()}
        return replace(self, positions=merged)

    def size(self) -> int:
        """The memory that it takes, about."""
        text = len(self.content.model_dump_json()) + (
            0 if self.filters is None else len(self.filters.model_dump_json())
        )
        keys = sum(_KEY_BYTES + len(key) for key in self.met)
        return _ENTRY_BYTES + _OBJECTS * text + keys + sum(map(_array_bytes, self.searched))

    def to_bytes(self) -> bytes:
        """For other processes: a header and the content as JSON, then the arrays as they lie in memory."""
        header = _Header(
            positions=dict(self.positions),
            searched=[_Described.of(each) for each in self.searched],
            met=sorted(self.met),
            tenant=self.tenant,
            filters=self.filters,
            facets=self.facets,
            expires=self.expires,
            told=self.told,
        )
        parts = [header.model_dump_json().encode(), self.content.model_dump_json().encode()]
        arrays = [array for each in self.searched for array in _arrays(each.query)]
        return b"".join([_HEAD.pack(_MAGIC, *map(len, parts)), *parts, *arrays])

    @classmethod
    def from_bytes(cls, value: bytes) -> Self | None:
        """What `to_bytes` made; None for anything else, whatever it is."""
        try:
            return cls._read(value)
        except (ValueError, struct.error, RecursionError):
            return None

    @classmethod
    def _read(cls, value: bytes) -> Self:
        """Raises ValueError or struct.error."""
        magic, header_bytes, content_bytes = _HEAD.unpack_from(value)
        if magic != _MAGIC:
            raise ValueError("no answer of this format")
        content_at = _HEAD.size + header_bytes
        arrays_at = content_at + content_bytes
        header = _Header.model_validate_json(value[_HEAD.size : content_at])
        content = Content.model_validate_json(value[content_at:arrays_at])
        searched = []
        for each in header.searched:
            searched.append(each.read(value, arrays_at))
            arrays_at += each.length
        if arrays_at != len(value):
            raise ValueError("more than an answer")
        facts = header.tenant, header.filters, header.facets, header.expires, header.told
        return cls(content, header.positions, tuple(searched), frozenset(header.met), *facts)


class _Described(BaseModel):
    """A list in the header: which kind of query, of how many numbers."""

    sparse: bool
    numbers: int = Field(ge=0)
    last: float | None

    @classmethod
    def of(cls, searched: Searched) -> Self:
        query = searched.query
        sparse = isinstance(query, SparseVector)
        numbers = query.indices.size if isinstance(query, SparseVector) else query.size
        return cls(sparse=sparse, numbers=numbers, last=searched.last)

    @property
    def length(self) -> int:
        return self.numbers * (8 if self.sparse else 4)

    def read(self, value: bytes, at: int) -> Searched:
        if not self.sparse:
            return Searched(np.frombuffer(value, "<f4", self.numbers, at), self.last)
        indices = np.frombuffer(value, "<u4", self.numbers, at)
        return Searched(
            SparseVector(indices, np.frombuffer(value, "<f4", self.numbers, at + indices.nbytes)), self.last
        )


class _Header(BaseModel):
    positions: dict[int, int]
    searched: list[_Described]
    met: list[str]
    tenant: str | None
    filters: AskedFilter
    facets: tuple[str, ...]
    expires: float
    told: float


def _arrays(query: Query) -> Sequence[bytes]:
    if isinstance(query, SparseVector):
        return query.indices.astype("<u4").tobytes(), query.values.astype("<f4").tobytes()
    return (query.astype("<f4").tobytes(),)


def _array_bytes(searched: Searched) -> int:
    query = searched.query
    return query.indices.nbytes + query.values.nbytes if isinstance(query, SparseVector) else query.nbytes
