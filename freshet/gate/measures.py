"""How alike two orders of documents are, and how good one is by what people thought of its documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log2
from typing import Final

DEPTH: Final = 10  # the first page, which is what people see


def overlap(one: Sequence[str], other: Sequence[str]) -> float | None:
    """The share of the first documents that two orders have in common, 0 to 1; None where neither found anything."""
    first, second = set(one[:DEPTH]), set(other[:DEPTH])
    longer = max(len(first), len(second))
    return len(first & second) / longer if longer else None


def ndcg(found: Iterable[str], judgements: Mapping[str, float]) -> float | None:
    """nDCG@10 of the documents that were judged, in the order found; None where no judgement is above 0.

    Those that nobody judged are left out of the order (condensed lists; Sakai 2007): only what the live version shows
    can have been judged, so to count the others as useless would refuse whatever finds something new.
    """
    best = _gain(sorted(judgements.values(), reverse=True))
    if best <= 0:
        return None
    return _gain([judgements[id_] for id_ in found if id_ in judgements]) / best


def _gain(scores: Sequence[float]) -> float:
    return sum(score / log2(rank + 1) for rank, score in enumerate(scores[:DEPTH], 1))
