"""What the service is held against is right itself, and what is held against each other is told."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure
from benchmarks.plain import Words, best, fused, ranked
from benchmarks.quality import figures
from freshet.search.bm25 import Bm25

TEXTS = ["apple pear", "apple apple plum", "cherry", "pear cherry cherry apple"]


def test_words_are_weighed_as_the_formula_says():
    scores = Words(TEXTS, Bm25(average_length=2)).scores("cherry")
    idf = np.log1p((4 - 2 + 0.5) / (2 + 0.5))
    once, twice = 2.2 / (1 + 1.2 * (0.25 + 0.75 / 2)), 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 2))
    assert scores == pytest.approx([0, 0, idf * once, idf * twice])


def test_words_that_nothing_holds_find_nothing():
    assert Words(TEXTS, Bm25()).scores("zucchini") == pytest.approx([0, 0, 0, 0])


def test_a_document_has_the_score_of_its_best_passage_and_a_list_counts_passages():
    scores, owners = np.array([0.5, 0.9, 0.7, 0.8]), np.array(["a", "b", "a", "b"])
    assert best(scores, owners, length=4) == {"b": 0.9, "a": 0.7}
    assert best(scores, owners, length=2) == {"b": 0.9}
    assert best(scores, owners, length=4, above=0.7) == {"b": 0.9}


def test_equal_scores_go_by_the_document():
    assert list(best(np.array([1.0, 1.0, 1.0]), np.array(["c", "a", "b"]), length=2)) == ["a", "b"]
    assert ranked({"c": 1.0, "a": 1.0, "b": 2.0}, length=2) == ["b", "a"]


def test_lists_are_scaled_and_averaged():
    assert fused([{"a": 10.0, "b": 5.0, "c": 0.0}, {"c": 3.0}, {}]) == pytest.approx(
        {"a": 1 / 3, "b": 1 / 6, "c": 1 / 3}
    )


@given(st.lists(st.dictionaries(st.text("abcdef", min_size=1), st.floats(-5, 5), max_size=6), max_size=3))
def test_fused_scores_lie_between_nothing_and_one(lists):
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in fused(lists).values())


def means(value: float) -> dict[str, dict[str, float]]:
    return {"dense": {"ndcg@10": value, "recall@100": value, "mrr@10": value}}


def named(name: str, service: float, plain: float, *, corpus: str = "mini") -> Figure:
    found = figures(corpus, means(service), means(plain), means(0.3))
    return next(each for each in found if each.name == f"quality-{corpus}.dense_{name}")


def test_the_service_is_held_against_the_plain_search():
    assert named("ndcg10", 0.5, 0.502).baseline == 0.502
    assert named("from_plain", 0.5, 0.502).reached
    assert not named("from_plain", 0.5, 0.51).reached


def test_known_corpora_have_a_floor_and_others_none():
    assert named("ndcg10", 0.5, 0.5).reached is None
    assert named("ndcg10", 0.64, 0.64, corpus="scifact").reached
    assert not named("ndcg10", 0.63, 0.63, corpus="scifact").reached


def test_quality_without_judgements_is_a_mistake_of_use():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "quality"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "quality needs a folder with queries and judgements" in done.stderr
