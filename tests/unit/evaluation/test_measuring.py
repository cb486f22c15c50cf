"""The figures are those of publications: computed here by hand, from their definitions."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.evaluation.measuring import mean, measure

GRADES = {"q": {"a": 3, "b": 1, "c": 0}}
IDEAL = 3 + 1 / log2(3)


def scores(*found: str) -> dict[str, float]:
    return measure(GRADES, {"q": list(found)})["q"]


def filler(count: int) -> list[str]:
    return [f"x{number}" for number in range(count)]


def test_the_ideal_order_has_all_of_everything():
    assert scores("a", "b") == pytest.approx({"ndcg@10": 1, "recall@100": 1, "mrr@10": 1})


def test_a_gain_is_the_grade_over_the_logarithm_of_the_rank():
    expected = (1 / log2(2) + 3 / log2(4)) / IDEAL
    assert scores("b", "c", "a") == pytest.approx({"ndcg@10": expected, "recall@100": 1, "mrr@10": 1})


def test_what_comes_after_the_tenth_place_is_found_but_earns_nothing():
    assert scores(*filler(10), "a") == pytest.approx({"ndcg@10": 0, "recall@100": 0.5, "mrr@10": 0})


def test_the_tenth_place_still_counts():
    expected = 3 / log2(11) / IDEAL
    assert scores(*filler(9), "a") == pytest.approx({"ndcg@10": expected, "recall@100": 0.5, "mrr@10": 0.1})


def test_what_comes_after_the_hundredth_place_is_not_found():
    assert scores(*filler(100), "a")["recall@100"] == 0


def test_the_given_order_counts_where_names_would_say_otherwise():
    assert scores("z", "y", "a")["mrr@10"] == pytest.approx(1 / 3)
    assert scores("a", "z", "y")["mrr@10"] == 1


def test_a_query_that_finds_nothing_counts_as_nothing_and_is_not_left_out():
    found = measure(GRADES | {"r": {"a": 1}}, {"q": ["a", "b"], "r": []})
    assert found["r"] == {"ndcg@10": 0, "recall@100": 0, "mrr@10": 0}
    assert mean(found) == pytest.approx({"ndcg@10": 0.5, "recall@100": 0.5, "mrr@10": 0.5})


def by_hand(grades: dict[str, int], found: list[str]) -> dict[str, float]:
    """From the definitions, without a thought for speed."""
    gains = [max(grades.get(each, 0), 0) for each in found]
    ideal = sorted((each for each in grades.values() if each > 0), reverse=True)
    relevant = {each for each, grade in grades.items() if grade > 0}
    best = discounted(ideal[:10])
    first = next((rank for rank, each in enumerate(found[:10], 1) if each in relevant), None)
    return {
        "ndcg@10": discounted(gains[:10]) / best if best else 0.0,
        "recall@100": len(relevant & set(found[:100])) / len(relevant) if relevant else 0.0,
        "mrr@10": 1 / first if first else 0.0,
    }


def discounted(gains: list[int]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


@given(
    st.dictionaries(st.sampled_from("abcdefghijklmnopqrst"), st.integers(0, 4), min_size=1),
    st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), unique=True),
)
def test_every_ranking_has_what_the_definitions_say(grades, found):
    assert measure({"q": grades}, {"q": found})["q"] == pytest.approx(by_hand(grades, found), abs=1e-6)
