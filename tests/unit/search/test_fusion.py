from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.positions import Rank
from freshet.search.fusion import Fusion, Place, fuse
from freshet.search.index.records import Hit, LedgerRecord
from freshet.search.retrieval import Retrieved

RANK = Rank(0, 0)


def record(key: str) -> LedgerRecord:
    return LedgerRecord(key, key, None, 0, RANK, None, 0, 0, "", "", key, {}, ("p0", "p1", "p2"))


def retrieved(*lists: dict[str, float] | list[tuple[str, str, float]]) -> Retrieved:
    """Lists of (document, passage, score), or of one passage a document."""
    hits = []
    for each in lists:
        rows = [(key, f"{key}-0", score) for key, score in each.items()] if isinstance(each, dict) else each
        made = [Hit(id_, key, f"text of {id_}", score, RANK) for key, id_, score in rows]
        hits.append(tuple(sorted(made, key=lambda hit: -hit.score)))
    return Retrieved(tuple(hits), {hit.key: record(hit.key) for found in hits for hit in found})


def order(*lists: dict[str, float], fusion: Fusion = Fusion.MINMAX) -> dict[str, float]:
    return {each.key: each.score for each in fuse(retrieved(*lists), fusion)}


def test_a_single_list_keeps_its_order_and_scores():
    assert list(order({"a": 0.9, "b": 0.2, "c": -0.4}).items()) == [("a", 0.9), ("b", 0.2), ("c", -0.4)]


def test_each_list_is_scaled_by_its_own_ends_and_counts_half():
    fused = order({"a": 0.9, "b": 0.5, "c": 0.1}, {"b": 30.0, "d": 20.0, "a": 10.0})
    assert fused == pytest.approx({"b": 0.75, "a": 0.5, "d": 0.25, "c": 0.0})
    assert list(fused) == ["b", "a", "d", "c"]


def test_reciprocal_rank_fusion_looks_at_ranks_alone():
    fused = order({"a": 0.9, "b": 0.5}, {"b": 1e6, "c": 1.0}, fusion=Fusion.RRF)
    assert fused == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61, "c": 1 / 62})


def test_a_list_with_one_document_counts_it_in_full_and_an_empty_one_counts_nothing():
    assert order({"a": 0.3}, {"a": 7.0, "b": 5.0}) == pytest.approx({"a": 1.0, "b": 0.0})
    assert order({"a": 0.3, "b": 0.1}, {}) == pytest.approx({"a": 0.5, "b": 0.0})
    assert order({}, {}) == {}


def test_the_first_so_many_are_those_of_the_whole_order():
    found = retrieved({"a": 0.9, "b": 0.5, "c": 0.1}, {"b": 30.0, "d": 20.0, "a": 10.0})
    assert fuse(found, limit=2) == fuse(found)[:2]
    assert fuse(found, limit=9) == fuse(found)


def test_equal_scores_are_ordered_by_key():
    assert list(order({"b": 1.0, "a": 1.0, "c": 1.0}, {})) == ["a", "b", "c"]


def test_the_best_passage_of_a_document_counts_and_its_place_in_each_list_is_told():
    dense = [("a", "a-0", 0.4), ("b", "b-0", 0.5), ("a", "a-1", 0.9), ("b", "b-1", 0.1)]
    sparse = [("b", "b-1", 8.0), ("c", "c-0", 2.0)]
    found = {each.key: each for each in fuse(retrieved(dense, sparse))}
    assert found["a"].places == (Place(1, 0.9), None)
    assert found["b"].places == (Place(2, 0.5), Place(1, 8.0))
    assert found["c"].places == (None, Place(2, 2.0))
    assert [match.id for match in found["a"].passages] == ["a-1", "a-0"]


def test_the_passage_that_both_lists_speak_for_is_shown():
    dense = [("a", "a-0", 0.9), ("a", "a-1", 0.8), ("b", "b-0", 0.1)]
    sparse = [("a", "a-1", 9.0), ("b", "b-0", 1.0)]
    best = fuse(retrieved(dense, sparse))[0]
    assert best.text == "text of a-1"
    assert [(match.id, match.scores) for match in best.passages] == [("a-1", (0.8, 9.0)), ("a-0", (0.9, None))]


LIST = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-1, 1), max_size=8)


@given(LIST, LIST, st.sampled_from(Fusion))
def test_every_document_of_a_list_is_there_once_with_a_score_in_0_to_1(one, other, fusion):
    fused = order(one, other, fusion=fusion)
    assert set(fused) == set(one) | set(other)
    assert all(0 <= score <= 1 for score in fused.values())
    assert list(fused.values()) == sorted(fused.values(), reverse=True)


@given(LIST, LIST, st.floats(0.5, 4), st.sampled_from(Fusion))
def test_stretching_the_scores_of_a_list_changes_no_order(one, other, factor, fusion):
    stretched = {key: score * factor for key, score in other.items()}
    before, after = order(one, other, fusion=fusion), order(one, stretched, fusion=fusion)
    assert after == pytest.approx(before, abs=1e-6)
