"""How good rankings are, by trec_eval, which publications measure with, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

NDCG: Final = "ndcg@10"
RECALL: Final = "recall@100"
MRR: Final = "mrr@10"
MEASURES: Final = (NDCG, RECALL, MRR)

Grades = Mapping[str, Mapping[str, int]]
Scores = dict[str, dict[str, float]]
_FIRST: Final = 10


def measure(grades: Grades, rankings: Mapping[str, Sequence[str]]) -> Scores:
    """By query each measure, of documents in the order in which they were found; what found nothing has 0."""
    whole = _evaluate(grades, rankings, {"ndcg_cut.10", "recall.100"})
    # trec_eval's reciprocal rank looks at all that it is given.
    first = _evaluate(grades, {query: found[:_FIRST] for query, found in rankings.items()}, {"recip_rank"})
    return {
        query: {
            NDCG: each["ndcg_cut_10"],
            RECALL: each["recall_100"],
            MRR: first[query]["recip_rank"],
        }
        for query, each in whole.items()
    }


def mean(scores: Scores) -> dict[str, float]:
    """Each measure, over all queries."""
    return {name: sum(each[name] for each in scores.values()) / len(scores) for name in MEASURES}


def _evaluate(grades: Grades, rankings: Mapping[str, Sequence[str]], measures: set[str]) -> dict[str, Any]:
    import pytrec_eval

    # trec_eval orders by scores, and equal ones in its own way: ranks make it take the order that is given.
    ranked = {query: {id_: -float(rank) for rank, id_ in enumerate(found)} for query, found in rankings.items()}
    judged = {query: dict(grades[query]) for query in rankings}
    found: dict[str, Any] = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(ranked)
    return found
