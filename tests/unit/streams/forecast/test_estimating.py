"""Sums that are estimated from a sample, and the ranges that are told with them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.streams.forecast.estimating import Estimate, Part, Span, disk, scale, together

amounts = st.lists(st.integers(1, 1_000), min_size=1, max_size=50)


@given(amounts=amounts, ratio=st.integers(0, 9), share=st.floats(0.1, 1))
def test_what_is_proportional_is_known_exactly_from_any_part(amounts, ratio, share):
    some = amounts[: max(round(share * len(amounts)), 2)]
    found = scale(Part([(x, ratio * x) for x in some], sum(amounts)), documents=len(amounts))
    assert found.value == pytest.approx(ratio * sum(amounts))
    if len(some) > 1:
        assert found.error == pytest.approx(0, abs=1e-6)


@given(pairs=st.lists(st.tuples(st.integers(1, 99), st.integers(0, 99)), min_size=1, max_size=20))
def test_where_all_were_looked_at_nothing_is_uncertain(pairs):
    found = scale(Part(pairs, sum(x for x, _ in pairs)), documents=len(pairs))
    assert found.value == pytest.approx(sum(y for _, y in pairs))
    assert found.error == 0


def test_nothing_is_estimated_from_nothing():
    assert scale(Part([], 0), documents=0) == (0, 0)
    assert scale(Part([(0, 0)], 0), documents=1) == (0, 0)


def test_a_part_that_the_sample_has_nothing_of_is_taken_for_as_costly_as_the_others():
    found = scale(Part([(10, 5)] * 4, 100), Part([(0, 0)] * 4, 40), documents=10)
    assert tuple(found) == pytest.approx((50 + 20, 20))


def test_one_of_many_documents_tells_little():
    found = scale(Part([(10, 5)], 100), documents=10)
    assert (found.value, found.low) == (50, 0)


def test_the_truth_is_within_the_range_in_nineteen_of_twenty_samples():
    """Of documents of two parts, of which the second is there for some only and varies much."""
    dice = random.Random(4)
    documents = []
    for _ in range(3_000):
        first = dice.randint(100, 3_000)
        later = dice.choice([0, 0, 0, dice.randint(100, 2_000)])
        documents.append(((first, first / 4 + dice.randint(0, 60)), (later, later * dice.random() / 4)))
    truth = sum(first[1] + later[1] for first, later in documents)
    totals = [sum(each[part][0] for each in documents) for part in (0, 1)]
    within = 0
    for _ in range(300):
        some = dice.sample(documents, 200)
        parts = [Part([each[part] for each in some], totals[part]) for part in (0, 1)]
        found = scale(*parts, documents=len(documents))
        within += found.low <= truth <= found.high
    assert within >= 0.93 * 300


def test_a_range_does_not_begin_below_nothing():
    assert Estimate(10, 20).low == 0


def test_stages_take_together_as_long_as_the_slowest_at_best_and_as_all_at_worst():
    assert together([Span(1, 2, 3), Span(4, 5, 6)]) == (4, 7, 9)
    assert together([]) == (0, 0, 0)


def test_the_room_on_disk_is_that_of_vectors_at_least():
    low, likely, high = disk(passages=1_000, documents=500, dimension=384, terms=60_000, payload=1_000_000)
    assert 1_500 * 384 * 4 < low < likely < high
