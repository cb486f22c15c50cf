"""From lists of passages to one order of documents.

In each list passages are grouped to documents first (the best passage counts), and then the lists are fused. Min-max
scaling with equal weights did best of what was compared on eight corpora (docs/quality.md); reciprocal rank fusion
(Cormack, Clarke and Büttcher 2009) looks at the ranks alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.schemas.words import Word
from freshet.search.index.records import Hit, LedgerRecord
from freshet.search.retrieval import Retrieved

RRF_K: Final = 60


class Fusion(Word):
    """How the scores of several lists become one."""

    MINMAX = "minmax", "each list's scores scaled to 0…1 by its least and its greatest, and averaged"
    RRF = "rrf", "reciprocal rank fusion: the sum of 1 / (60 + rank)"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands in one list: its rank, from 1, and the score of its best passage there."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document in one of its states: all of its parts belong to `record`.

    `places` tells by list (as they were asked for) where it stands there, None where it does not. `passages` are those
    of its passages that a list holds, best first, with their scores in each.
    """

    record: LedgerRecord
    score: float
    places: tuple[Place | None, ...]
    passages: tuple[Match, ...]

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def text(self) -> str:
        """The passage that counts: the best one."""
        return self.passages[0].text


@dataclass(frozen=True, slots=True)
class Match:
    """A passage that spoke for its document, with its score by list, None where a list does not hold it."""

    id: str
    text: str
    scores: tuple[float | None, ...]


def fuse(retrieved: Retrieved, fusion: Fusion = Fusion.MINMAX, *, limit: int | None = None) -> list[Candidate]:
    """The documents of all lists, or the first `limit` of them, best first; equal scores by document key.

    A single list keeps its own scores. Of several, one that has nothing to say weighs nothing, and the scores lie
    in 0…1.
    """
    tables = [_Table.of(hits) for hits in retrieved.lists]
    if len(tables) == 1:
        fused = dict(tables[0].best)
    else:
        scaled = [_SCALES[fusion](table) for table in tables]
        keys = {key for table in tables for key in table.best}
        fused = {key: sum(scores.get(key, 0.0) for scores in scaled) for key in keys}
    order = sorted(fused, key=lambda key: (-fused[key], key))[:limit]
    return [_candidate(retrieved.states[key], fused[key], tables) for key in order]


@dataclass(frozen=True, slots=True)
class _Table:
    """One list by documents: the score of each one's best passage, in the order of the list, and all of its hits."""

    best: Mapping[str, float]
    ranks: Mapping[str, int]
    hits: Mapping[str, Sequence[Hit]]
    last: float

    @classmethod
    def of(cls, hits: Sequence[Hit]) -> _Table:
        groups: dict[str, list[Hit]] = {}
        for hit in hits:
            groups.setdefault(hit.key, []).append(hit)
        best = {key: group[0].score for key, group in groups.items()}
        ranks = {key: rank for rank, key in enumerate(best, 1)}
        return cls(best, ranks, groups, hits[-1].score if hits else 0.0)

    def place(self, key: str) -> Place | None:
        return Place(self.ranks[key], self.best[key]) if key in self.best else None

    def weight(self, hit: Hit) -> float:
        """A passage's score, scaled to 0…1 by those of the list's worst and best passages."""
        return _scaled(hit.score, self.last, next(iter(self.best.values())))


def _scaled(score: float, least: float, most: float) -> float:
    return 1.0 if most == least else (score - least) / (most - least)


def _minmax(table: _Table) -> dict[str, float]:
    """By the documents of the list, not by its passages."""
    scores = [*table.best.values()]
    return {key: _scaled(score, scores[-1], scores[0]) / 2 for key, score in table.best.items()}


def _rrf(table: _Table) -> dict[str, float]:
    return {key: 1 / (RRF_K + rank) for key, rank in table.ranks.items()}


_SCALES: Final[Mapping[Fusion, Callable[[_Table], dict[str, float]]]] = {Fusion.MINMAX: _minmax, Fusion.RRF: _rrf}


def _candidate(record: LedgerRecord, score: float, tables: Sequence[_Table]) -> Candidate:
    hits = [{hit.id: hit for hit in table.hits.get(record.key, ())} for table in tables]
    texts = {id_: hit.text for found in hits for id_, hit in found.items()}

    def weight(id_: str) -> float:
        return sum(table.weight(found[id_]) for table, found in zip(tables, hits, strict=True) if id_ in found)

    matches = [
        Match(id_, texts[id_], tuple(found[id_].score if id_ in found else None for found in hits))
        for id_ in sorted(texts, key=lambda id_: (-weight(id_), id_))
    ]
    return Candidate(record, score, tuple(table.place(record.key) for table in tables), tuple(matches))
