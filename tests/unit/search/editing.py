"""A reader over documents that are edited, step by step, while it is being read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from freshet.schemas.filters import Filter
from freshet.schemas.matching import matches
from freshet.schemas.positions import Rank
from freshet.search.index.base import Query
from freshet.search.index.records import Hit, LedgerRecord, Passage, StoredPassage, Vector
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics
from tests.support.ledger_reading import LedgerReading


def toward(degrees: float) -> Vector:
    """A unit vector; the smaller the angle, the nearer to QUERY."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


QUERY = toward(0)
WORDS = SparseVector.of({1: 1.0})
QUERIES: dict[str, list[Query]] = {"dense": [QUERY], "sparse": [WORDS], "hybrid": [QUERY, WORDS]}


def words(degrees: float) -> SparseVector:
    """A smaller angle is nearer by words, too."""
    return SparseVector.of({1: 180.0 - degrees, 2: 1.0})


@dataclass(frozen=True)
class State:
    """What a document says: a title, and its passages by their angles to the query; None: deleted."""

    title: str
    angles: tuple[float, ...] | None


def score(query: Query, passage: Passage) -> float:
    return query.dot(passage.terms) if isinstance(query, SparseVector) else float(query @ passage.vector)


class EditedIndex(LedgerReading):
    """Passages and records with the three steps in which a worker changes a document.

    `before_read` is called before each read; it is where a test lets edits go on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, Passage] = {}
        self.before_read: Callable[[], None] = lambda: None
        self.reads: list[str] = []
        self._offset = 0

    def edit(self, key: str, state: State) -> Iterator[str]:
        """Add, commit, remove: one step for each `next`."""
        self._offset += 1
        rank, tenant = Rank(0, self._offset), key.partition("/")[0] if "/" in key else None
        new = {f"{key} {state.title} {angle}": angle for angle in state.angles or ()}
        for id_, angle in new.items():
            vectors = toward(angle), words(angle)
            self.stored.setdefault(id_, Passage(id_, key, tenant, f"{angle}", state.title, {}, 0, rank, *vectors))
        yield "added"
        before = self.records.get(key)
        self.records[key] = LedgerRecord(
            key, key, tenant, 0, rank, None, 0, 0, "", "", state.title, {}, tuple(new), 0, deleted=state.angles is None
        )
        yield "committed"
        for id_ in set(before.passages if before else ()) - set(new):
            self.stored.pop(id_, None)
        yield "removed"

    def put(self, key: str, state: State) -> None:
        for _ in self.edit(key, state):
            pass

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        self._read("nearest")
        items = [
            item
            for item in self.stored.values()
            if tenant in (None, item.tenant) and (filters is None or matches(filters, item.metadata, self.fields))
        ]
        lists = (
            [Hit(each.id, each.key, each.text, score(query, each), each.rank) for each in items] for query in queries
        )
        return [sorted(hits, key=lambda hit: -hit.score)[:limit] for hits in lists]

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        return known

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        self._read("ledger")
        return {key: self.records[key] for key in keys if key in self.records}

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        self._read("passages")
        found = [self.stored[id_] for id_ in ids if id_ in self.stored]
        return {
            item.id: StoredPassage(
                item.id, item.key, item.text, 0, item.rank, *((item.vector, item.terms) if vectors else ())
            )
            for item in found
        }

    def _read(self, what: str) -> None:
        self.before_read()
        self.reads.append(what)
