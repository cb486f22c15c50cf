"""An index so small that it is looked through whole: answers to hold the proof against, and what the feed tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from freshet.schemas.feed import Change, Fields
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.schemas.matching import matches, values_of
from freshet.search.feed.changes import FeedChange, pack, read_change
from freshet.search.index.base import Query
from freshet.search.index.records import Vector
from freshet.search.results.entry import Content, Entry, Searched
from freshet.search.sparse import SparseVector

VERSION = "documents__abc"
FIELDS = {"lang": Kind.KEYWORD, "stock": Kind.INTEGER, "body": Kind.TEXT}


@dataclass(frozen=True)
class Piece:
    """A passage: its angle to the first axis in degrees, and the weights of its terms."""

    angle: float
    weights: tuple[tuple[int, float], ...]

    @property
    def vector(self) -> Vector:
        return np.array([np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))], np.float32)

    @property
    def terms(self) -> SparseVector:
        return SparseVector.of(dict(self.weights))


@dataclass(frozen=True)
class Document:
    """A state of one; `metadata` is as JSON has it."""

    metadata: Mapping[str, Any]
    pieces: tuple[Piece, ...]

    @property
    def fields(self) -> Fields:
        return Fields(present=True, metadata=dict(self.metadata))


GONE = Fields(present=False, metadata=None)


@dataclass(frozen=True)
class Edit:
    """What becomes of a document (None: it ends), and how much of that is told: not the state before, nor passages."""

    key: str
    state: Document | None
    tells_before: bool = True
    tells_after: bool = True
    tells_passages: bool = True
    cuts_metadata: bool = False


@dataclass(frozen=True)
class Ask:
    """A search; without lists documents are listed."""

    queries: tuple[Query, ...]
    length: int
    tenant: str | None = None
    filters: Filter | None = None
    facets: tuple[str, ...] = ()


def tenant_of(key: str) -> str | None:
    return key.partition("/")[0] if "/" in key else None


class Small:
    """Documents by key; a listing shows first what changed last."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.offset = 0
        self.changed: dict[str, int] = {}

    def edit(self, edit: Edit) -> FeedChange:
        """Do it, and say it as a worker does."""
        before = self.documents.pop(edit.key, None)
        if edit.state is not None:
            self.documents[edit.key] = edit.state
        self.changed[edit.key] = self.offset = self.offset + 1
        pieces = edit.state.pieces if edit.state else ()
        passages, error = pack([(each.vector, each.terms) for each in pieces])
        change = Change(
            index_version=VERSION,
            outcome="indexed",
            origin="documents/0@1",
            key=edit.key,
            tenant=tenant_of(edit.key),
            before=_told(before, cut=edit.cuts_metadata) if edit.tells_before else None,
            after=_told(edit.state, cut=edit.cuts_metadata) if edit.tells_after else None,
            passages=passages if edit.tells_passages else None,
            error=error,
        )
        return read_change(Change.model_validate_json(change.model_dump_json()), partition=0, offset=self.offset)

    def answer(self, ask: Ask) -> tuple[Any, Entry]:
        """What an answer shows, and the entry of it."""
        such = {key: each for key, each in self.documents.items() if self._counts(ask, key, each)}
        if ask.queries:
            lists = [sorted(_scores(query, such))[: ask.length] for query in ask.queries]
            met = {key for found in lists for _, key, _ in found}
        else:
            lists = [[(0.0, key, self.changed[key]) for key in sorted(such, key=lambda key: -self.changed[key])]]
            lists = [lists[0][: ask.length]]
            met = {key for _, key, _ in lists[0]}
        facets = {
            key: Counter(v for d in such.values() for v in set(values_of(key, d.metadata, FIELDS)))
            for key in ask.facets
        }
        entry = Entry(
            content=Content(version=VERSION, topic="documents", results=[]),
            positions={0: self.offset + 1},
            searched=tuple(
                Searched(query, -found[-1][0] if len(found) == ask.length else None)
                for query, found in zip(ask.queries, lists, strict=False)
            ),
            met=frozenset(met),
            tenant=ask.tenant,
            filters=ask.filters,
            facets=ask.facets,
            expires=1e9,
        )
        return (lists, {key: such[key] for key in met}, facets), entry

    def _counts(self, ask: Ask, key: str, document: Document) -> bool:
        passes = ask.filters is None or matches(ask.filters, document.metadata, FIELDS)
        return passes and ask.tenant in (None, tenant_of(key))


def _told(state: Document | None, *, cut: bool) -> Fields:
    if state is None:
        return GONE
    return Fields(present=True, metadata=None) if cut else state.fields


def _scores(query: Query, documents: Mapping[str, Document]) -> Iterator[tuple[float, str, int]]:
    for key, document in documents.items():
        for number, piece in enumerate(document.pieces):
            sparse = isinstance(query, SparseVector)
            score = query.dot(piece.terms) if isinstance(query, SparseVector) else float(query @ piece.vector)
            if score > 0 or not sparse:
                yield -score, key, number


ANGLES = [0.0, 10.0, 10.01, 20.0, 30.0, 30.001, 45.0, 60.0, 90.0, 120.0]
WEIGHTS = [0.5, 1.0, 1.0000001, 1.5, 2.0]
KEYS = ["a/1", "a/2", "a/3", "a/4", "b/1", "b/2"]
_terms = st.dictionaries(st.sampled_from([1, 2, 3]), st.sampled_from(WEIGHTS), max_size=2)
pieces = st.builds(lambda angle, terms: Piece(angle, tuple(sorted(terms.items()))), st.sampled_from(ANGLES), _terms)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "lang": st.sampled_from(["en", "de", 1]),
        "stock": st.sampled_from([1, True, 2, [1, 2], [2, 1]]),
        "body": st.sampled_from(["blue sky", "grey"]),
    },
)
documents = st.builds(Document, metadata, st.lists(pieces, max_size=2).map(tuple))
_mostly = st.sampled_from([True] * 9 + [False])
edits = st.builds(
    Edit,
    st.sampled_from(KEYS),
    st.none() | documents,
    tells_before=_mostly,
    tells_after=_mostly,
    tells_passages=_mostly,
    cuts_metadata=_mostly.map(lambda told: not told),
)
QUERIES: dict[str, Sequence[Query]] = {
    "dense": [Piece(0.0, ()).vector],
    "sparse": [SparseVector.of({1: 1.0, 2: 0.7})],
    "hybrid": [Piece(0.0, ()).vector, SparseVector.of({1: 1.0, 2: 0.7})],
    "listing": [],
}
_filters = st.sampled_from(
    [
        None,
        Filter.model_validate({"must": [{"key": "metadata.lang", "match": {"value": "en"}}]}),
        Filter.model_validate({"must_not": [{"key": "metadata.stock", "range": {"gte": 2}}]}),
        Filter.model_validate({"should": [{"key": "metadata.body", "match": {"text": "blue"}}]}),
        Filter.model_validate({"must": [{"is_empty": {"key": "metadata.lang"}}]}),
    ]
)
asks = st.builds(
    Ask,
    st.sampled_from([*QUERIES.values()]).map(tuple),
    st.sampled_from([1, 2, 3, 10]),
    tenant=st.sampled_from([None, "a", "a", "b"]),
    filters=_filters,
    facets=st.sampled_from([(), (), ("metadata.lang",), ("metadata.stock", "metadata.lang")]),
)
