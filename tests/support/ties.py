"""Which of passages with equal scores come first in a list: nobody promises an order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Self

from freshet.schemas.http import SearchAnswer, SearchResult
from freshet.schemas.keys import digest
from freshet.search.index.records import Hit


@dataclass(frozen=True, slots=True)
class Ties:
    """An order: by the keys of documents, or one that a `salt` decides.

    Before that the passages that an answer shows come first, then those of documents that it does not show: a list that
    ends among equals may hold some that stand for documents of another page. Documents come last in a list where they
    are left out of it: an answer that is not explained does not say in which list it found them.
    """

    salt: str = ""
    shown: frozenset[str] = frozenset()
    passages: frozenset[tuple[bool, str]] = frozenset()  # of lists of words, or not: ids
    texts: frozenset[tuple[str, str]] = frozenset()  # keys and texts of documents that are not explained
    left_out: frozenset[tuple[bool, str]] = frozenset()  # of lists of words, or not: keys

    def as_shown(self, answer: SearchAnswer, keys: Mapping[str, str]) -> Iterator[Self]:
        """This order among what comes next, in all the ways that there are; `keys` are those of documents, by id."""
        results = answer.results
        shown = replace(
            self,
            shown=frozenset(keys[each.id] for each in results),
            passages=frozenset(found for each in results for found in _explained(each)),
            texts=frozenset((keys[each.id], each.text) for each in results if each.explanation is None),
        )
        unexplained = [key for key, _ in shown.texts]
        for number in range(len(unexplained) + 1):
            for some in combinations(unexplained, number):
                for sparse in (True, False) if some else (True,):
                    yield replace(shown, left_out=frozenset((sparse, key) for key in some))

    def place(self, hit: Hit, *, sparse: bool) -> tuple[int, str]:
        """What equal passages of a list are put in order by."""
        first = (sparse, hit.id) in self.passages or (hit.key, hit.text) in self.texts
        group = 0 if first else 1 + (hit.key in self.shown)
        if (sparse, hit.key) in self.left_out:
            group = 3
        return group, digest(self.salt, hit.id) if self.salt else hit.key


def _explained(result: SearchResult) -> list[tuple[bool, str]]:
    """The passages that spoke for it, each with the kind of list that they were in."""
    told = [] if result.explanation is None else result.explanation.passages
    both = [((False, each.id, each.dense), (True, each.id, each.sparse)) for each in told]
    return [(sparse, id_) for each in both for sparse, id_, score in each if score is not None]
