"""Search without an index: numpy looks at every passage. What the service finds is to be held against this.

It shares with the service how documents are cut, embedded and turned into weights of words, and nothing after that: no
Qdrant, no sampled statistics, no ledger, no code of the service's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from freshet.search.bm25 import Bm25
from freshet.search.statistics import TermStatistics

Scores = NDArray[np.float64]
List = Mapping[str, float]  # a document's best score, best first


class Words:
    """BM25 of every passage, with the exact number of passages that hold a term."""

    def __init__(self, texts: Sequence[str], text: Bm25) -> None:
        vectors = [text.passage(each, {}) for each in texts]
        terms = np.concatenate([each.indices for each in vectors])
        rows = np.repeat(np.arange(len(vectors)), [len(each.indices) for each in vectors])
        order = np.argsort(terms, kind="stable")
        self._rows, self._weights = rows[order], np.concatenate([each.values for each in vectors])[order]
        known, self._starts, counts = np.unique(terms[order], return_index=True, return_counts=True)
        self._counts = counts
        self._statistics = TermStatistics(1, len(texts), len(texts), known, counts.astype(np.uint32))
        self._text = text

    def scores(self, query: str) -> Scores:
        asked = self._text.query(query, self._statistics)
        scores = np.zeros(self._statistics.passages)
        for term, weight in zip(asked.indices, asked.values, strict=True):
            place = int(np.searchsorted(self._statistics.terms, term))
            if place < len(self._statistics.terms) and self._statistics.terms[place] == term:
                found = slice(self._starts[place], self._starts[place] + self._counts[place])
                scores[self._rows[found]] += weight * self._weights[found]
        return scores


def best(scores: Scores, owners: NDArray[np.str_], *, length: int, above: float = -np.inf) -> dict[str, float]:
    """The documents of the first `length` passages by score, equal ones by document; only those above a score."""
    found: dict[str, float] = {}
    for row in np.lexsort((owners, -scores))[:length]:
        if scores[row] > above:
            found.setdefault(str(owners[row]), float(scores[row]))
    return found


def fused(lists: Sequence[List]) -> dict[str, float]:
    """Each list scaled to 0…1 by its least and greatest, and averaged."""
    total: dict[str, float] = {}
    for each in lists:
        values = list(each.values())
        spread = max(values) - min(values) if values else 0.0
        for document, score in each.items():
            scaled = (score - min(values)) / spread if spread else 1.0
            total[document] = total.get(document, 0.0) + scaled / len(lists)
    return total


def ranked(scores: List, *, length: int) -> list[str]:
    return sorted(scores, key=lambda document: (-scores[document], document))[:length]
