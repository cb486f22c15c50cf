"""From figures to a verdict: what is refused, and what is not held against a candidate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.gate.measures import DEPTH, ndcg, overlap
from freshet.gate.questions import Question
from freshet.gate.verdict import (
    MIN_JUDGED,
    Answer,
    Asked,
    Limits,
    agrees,
    caught_up,
    fast,
    judged_well,
    refused,
    true_to_the_log,
)

LIMITS = Limits()
IDS = st.lists(st.sampled_from("abcdefghijklmnopqrst"), unique=True)


def asked(live, candidate, *, seconds=(0.01, 0.01), **judgements):
    answers = (Answer(tuple(found), took) for found, took in zip((live, candidate), seconds, strict=True))
    return Asked(Question("q", judgements=judgements), *answers)


def test_the_overlap_is_that_of_the_first_page():
    assert overlap("abcdefghijX", "jihgfedcbaY") == 1
    assert overlap("abcd", "abxy") == 0.5
    assert overlap("ab", "abcd") == 0.5, "who finds less does not agree"
    assert overlap("", "abc") == 0
    assert overlap("", "") is None


@given(IDS, IDS)
def test_the_overlap_is_a_share_and_the_same_from_both_sides(one, other):
    assert overlap(one, other) == overlap(other, one)
    share: float = overlap(one, other) or 0.0
    assert 0 <= share <= 1
    assert overlap(one, one) == (1 if one else None)


@given(st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(0, 3), min_size=1), IDS)
def test_the_ndcg_is_that_of_trec_eval_where_all_are_judged(grades, found):
    pytrec_eval = pytest.importorskip("pytrec_eval")
    ranked = [id_ for id_ in found if id_ in grades]
    ours = ndcg(found, grades)
    if ours is None:
        assert not any(grades.values())
        return
    run = {"q": {id_: -float(rank) for rank, id_ in enumerate(ranked)} or {"unknown": 0.0}}
    scores = pytrec_eval.RelevanceEvaluator({"q": grades}, {f"ndcg_cut.{DEPTH}"}).evaluate(run)
    assert ours == pytest.approx(scores["q"][f"ndcg_cut_{DEPTH}"])


def test_what_nobody_judged_costs_nothing():
    """Only what the live version shows can have been judged, so finding something new is no loss."""
    assert ndcg(["new", "good", "newer", "bad"], {"good": 1.0, "bad": 0.2}) == 1
    assert ndcg(["bad", "good"], {"good": 1.0, "bad": 0.2}) == pytest.approx(0.737, abs=1e-3)
    assert ndcg(["new"], {"good": 1.0}) == 0


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        (caught_up(0, 0.0, built=True, limits=LIMITS), True),
        (caught_up(3, 5.0, built=True, limits=LIMITS), True),
        (caught_up(3, 5.1, built=True, limits=LIMITS), False),
        (caught_up(0, 0.0, built=False, limits=LIMITS), False),
        (true_to_the_log(0, documents=9, vectors=9), True),
        (true_to_the_log(1, documents=9, vectors=9), False),
        (agrees([asked("ab", "ab"), asked("ab", "xy")], LIMITS), True),
        (agrees([asked("ab", "ax"), asked("ab", "xy")], LIMITS), False),
        (agrees([asked("", "")], LIMITS), False),
        (agrees([], LIMITS), None),
        (judged_well([asked("ab", "ab", a=1.0)] * MIN_JUDGED, LIMITS), True),
        (judged_well([asked("ab", "ba", a=1.0, b=0.1)] * MIN_JUDGED, LIMITS), False),
        (judged_well([asked("ba", "ab", a=1.0, b=0.1)] * MIN_JUDGED, LIMITS), True),
        (judged_well([asked("ab", "ba", a=1.0)] * (MIN_JUDGED - 1), LIMITS), None),
        (judged_well([asked("ab", "ba")] * MIN_JUDGED, LIMITS), None),
        (fast([asked("a", "a", seconds=(0.1, 0.15))], LIMITS), True),
        (fast([asked("a", "a", seconds=(0.1, 0.16))], LIMITS), False),
        (fast([asked("a", "a", seconds=(0.001, 0.01))], LIMITS), True),
        (fast([], LIMITS), None),
    ],
)
def test_each_check_has_its_limit(check, passed):
    assert check.passed is passed
    assert refused([check]) is (passed is False)
    assert check.figure
    assert check.limit


def test_a_loss_of_just_what_is_allowed_passes():
    limits = Limits(ndcg_loss=0.3, overlap=0.1)
    pair = [asked("a", "a", a=1.0)] * 7 + [asked("a", "b", a=1.0)] * 3
    assert judged_well(pair, limits).passed
    assert agrees([asked("abcdefghij", "axxxxxxxxx")], limits).passed


def test_one_refusal_is_enough():
    good, bad = true_to_the_log(0, documents=1, vectors=1), true_to_the_log(1, documents=1, vectors=1)
    assert refused([good, bad, good])
    assert not refused([good, agrees([], LIMITS)])
