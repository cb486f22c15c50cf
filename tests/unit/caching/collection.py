"""Index versions in memory, which remember every state that they were ever in, and what a search reads of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedded, Model, Purpose
from freshet.search.index.base import Query
from freshet.search.index.facts import incarnation, told_as
from freshet.search.index.records import Hit, LedgerRecord, Passage, StoredPassage, Vector
from freshet.search.statistics import TermStatistics
from tests.support.embedder import word_ends
from tests.support.exact_search import nearest, stored
from tests.support.ledger_reading import LedgerReading
from tests.support.memory_index import Gate, Points, open_gate

FIELDS: Final[Mapping[str, Kind]] = {"kind": Kind.KEYWORD, "n": Kind.INTEGER, "words": Kind.TEXT}
DIMENSION: Final = 6
NEAR: Final = 3e-4  # so far apart are texts of the same words: about as much as half precision rounds off


class NearEmbedder:
    """Vectors of words, added up; texts of the same words are nearly, but not quite, equal."""

    def __init__(self) -> None:
        self.model = Model("test", "near", DIMENSION, 32)
        self._known: dict[str, Vector] = {}

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:  # noqa: ARG002
        vectors = np.array([self.vector(text) for text in texts], np.float32).reshape(len(texts), DIMENSION)
        return Embedded(vectors, sum(len(text.split()) for text in texts))

    def vector(self, text: str) -> Vector:
        if text not in self._known:
            total = NEAR * _direction(f"all of {text}") + sum(map(_direction, text.replace(".", "").split()))
            self._known[text] = np.asarray(total / np.linalg.norm(total), np.float32)
        return self._known[text]

    def token_ends(self, text: str) -> Sequence[int]:
        return word_ends(text)

    async def close(self) -> None:
        return


def _direction(word: str) -> np.ndarray[Any, Any]:
    seed = int.from_bytes(word.encode()[-7:], "little")
    raw = np.random.default_rng(seed).normal(size=DIMENSION)
    return np.asarray(raw / np.linalg.norm(raw))


class _Remembering(dict[str, Any]):
    """Tells what is put into it."""

    def __init__(self, told: Any) -> None:
        super().__init__()
        self._told = told

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._told(key, value)


@dataclass
class IndexVersion:
    """One physical collection: its points, every record and passage that it ever held, and its watermarks.

    `states` are by document the records that it held, with the moment when each came; `marks` are by partition the
    watermarks that were announced, with theirs. Moments only tell what was before what.
    """

    name: str
    facts: Mapping[str, Any]
    moments: Iterator[int]
    points: Points = field(default_factory=Points)
    states: dict[str, list[tuple[int, LedgerRecord]]] = field(default_factory=dict)
    ever: dict[str, Passage] = field(default_factory=dict)
    marks: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    snapshots: list[TermStatistics] = field(default_factory=list)
    committed: dict[int, int] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.points.ledger = _Remembering(self._committed)
        self.points.passages = _Remembering(self.ever.__setitem__)

    @property
    def told(self) -> str:
        """What the change feed calls it."""
        return told_as(self.name, incarnation(self.facts))

    def _committed(self, key: str, record: LedgerRecord) -> None:
        self.states.setdefault(key, []).append((next(self.moments), record))

    def announced(self, partition: int, offset: int) -> None:
        self.marks.setdefault(partition, []).append((next(self.moments), offset))

    def reached(self, partition: int, offset: int) -> int | None:
        """The moment at which the watermark was first told."""
        return next((moment for moment, told in self.marks.get(partition, ()) if told >= offset), None)

    def count_terms(self) -> None:
        """A new snapshot of term statistics."""
        terms, counts = np.unique(
            np.concatenate([np.zeros(0, np.uint32), *(each.terms.indices for each in self.points.passages.values())]),
            return_counts=True,
        )
        passages = len(self.points.passages)
        number = len(self.snapshots) + 1
        made = TermStatistics(number, passages, passages, terms.astype(np.uint32), counts.astype(np.uint32))
        self.snapshots.append(made)

    @property
    def statistics(self) -> TermStatistics | None:
        return self.snapshots[-1] if self.snapshots else None


class Reader(LedgerReading):
    """What a search reads of a collection, whose name it knows; each call takes its time to get there, and back."""

    def __init__(self, find: Any, gate: Gate = open_gate) -> None:
        super().__init__(FIELDS)
        self._find = find
        self._gate = gate

    @property
    def _collection(self) -> IndexVersion:
        found: IndexVersion = self._find()
        self.records = found.points.ledger
        return found

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        await self._gate("nearest")
        passages = list(self._collection.points.passages.values())
        found = [nearest(passages, each, FIELDS, limit=limit, filters=filters, tenant=tenant) for each in queries]
        await self._gate("nearest is answered")
        return found

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        await self._gate("ledger")
        there = self._collection.points.ledger
        found = {key: there[key] for key in keys if key in there}
        await self._gate("ledger is answered")
        return found

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        await self._gate("passages")
        there = self._collection.points.passages
        found = {id_: stored(there[id_], vectors=vectors) for id_ in ids if id_ in there}
        await self._gate("passages is answered")
        return found

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        await self._gate("statistics")
        newest = self._collection.statistics
        return known if known is not None and newest is not None and known.number == newest.number else newest

    async def facets(self, *args: Any, **options: Any) -> Any:
        await self._gate("facets")
        self._collection  # noqa: B018 (it finds the records)
        found = await super().facets(*args, **options)
        await self._gate("facets is answered")
        return found

    async def browse(self, *args: Any, **options: Any) -> Any:
        await self._gate("browse")
        self._collection  # noqa: B018
        found = await super().browse(*args, **options)
        await self._gate("browse is answered")
        return found


TEXT: Final = Bm25(average_length=4)
