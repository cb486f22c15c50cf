"""BM25 as inner products of sparse vectors (Robertson and Zaragoza 2009, with Lucene's form of the IDF).

A passage's vector holds the part that depends on the passage alone; the query's holds the IDF of its terms. So the
statistics can be renewed without writing any passage again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from freshet.schemas.keys import digest
from freshet.search.languages import language_of
from freshet.search.sparse import SparseVector, term_id
from freshet.search.statistics import TermStatistics
from freshet.search.terms import asked_terms, content_stems

K1: Final = 1.2
B: Final = 0.75


@dataclass(frozen=True, slots=True)
class Bm25:
    """How texts become weights of terms; part of a version's fingerprint.

    `languages` by their ISO codes: the first is that of documents which name none. `average_length` is that of
    passages, in terms that are no stop words: a constant, for the true one changes with every write.
    """

    languages: tuple[str, ...] = ("en",)
    average_length: int = 100

    @property
    def fingerprint(self) -> str:
        return digest("bm25/1", ",".join(self.languages), str(self.average_length))

    def passage(self, text: str, metadata: Mapping[str, Any]) -> SparseVector:
        """The weights of a passage of a document that has this metadata."""
        stems = content_stems(text, language_of(metadata, self.languages))
        norm = K1 * (1 - B + B * len(stems) / self.average_length)
        weights: dict[int, float] = defaultdict(float)
        for stem, count in Counter(stems).items():
            weights[term_id(stem)] += count * (K1 + 1) / (count + norm)
        return SparseVector.of(weights)

    def query(self, text: str, statistics: TermStatistics | None) -> SparseVector:
        """The weights of a query; without statistics all of its terms weigh the same."""
        ids = sorted({term_id(stem) for stem in asked_terms(text, self.languages)})
        if statistics is None:
            return SparseVector.of(dict.fromkeys(ids, 1.0))
        return SparseVector.of(dict(zip(ids, statistics.idf(ids), strict=True)))
