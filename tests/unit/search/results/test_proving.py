"""What the proof lets pass is true: held against answers that are computed anew over small indexes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from freshet.schemas.filters import Filter
from freshet.search.feed.ring import Ring
from freshet.search.results.proving import RULES, Reason, touched
from freshet.search.sparse import SparseVector
from tests.unit.search.results.brute import FIELDS, QUERIES, VERSION, Ask, Document, Edit, Piece, Small, asks, edits

Case = tuple[list[Edit], Ask, list[Edit]]
cases = st.tuples(st.lists(edits, max_size=8), asks, st.lists(edits, min_size=1, max_size=4))


def run(case: Case, rules=RULES) -> tuple[Reason | None, bool]:
    """What the proof says of an answer after some edits, and whether it is the same still."""
    before, ask, after = case
    index, ring = Small(), Ring(max_bytes=1 << 20)
    ring.begin({0: 0})
    for edit in before:
        ring.add(index.edit(edit))
    shown, entry = index.answer(ask)
    for edit in after:
        ring.add(index.edit(edit))
    changes = ring.since(VERSION, entry.positions)
    assert changes is not None
    return touched(entry, changes, FIELDS, rules), index.answer(ask)[0] == shown


@settings(max_examples=600)
@given(case=cases)
def test_an_answer_that_no_change_touches_is_the_same_when_it_is_computed_anew(case: Case):
    reason, same = run(case)
    assert reason is not None or same


@pytest.mark.parametrize("reason", RULES)
def test_leaving_out_a_rule_is_noticed(reason: Reason):
    left = {each: rule for each, rule in RULES.items() if each is not reason}
    given = settings(max_examples=20_000, derandomize=True, database=None, phases=[Phase.generate])
    find(cases, lambda case: run(case, left) == (None, False), settings=given)


def verdict(ask: Ask, *edits: Edit, start: tuple[Edit, ...] = ()) -> Reason | None:
    return run(([*start], ask, [*edits]))[0]


def near(key: str, angle: float, **metadata: object) -> Edit:
    return Edit(key, Document(metadata, (Piece(angle, ()),)))


def wordy(key: str, weight: float) -> Edit:
    return Edit(key, Document({}, (Piece(90.0, ((1, weight),)),)))


DENSE = Ask(tuple(QUERIES["dense"]), length=1)
SPARSE = Ask(tuple(QUERIES["sparse"]), length=1)
LISTING = Ask((), length=2)
EN = Filter.model_validate({"must": [{"key": "metadata.lang", "match": {"value": "en"}}]})
BLUE = Filter.model_validate({"must": [{"key": "metadata.body", "match": {"text": "blue"}}]})


def test_a_passage_that_is_farther_than_the_last_of_a_full_list_leaves_the_answer_alone():
    assert verdict(DENSE, near("a/2", 30.0), start=(near("a/1", 10.0),)) is None
    assert verdict(SPARSE, wordy("a/2", 0.5), start=(wordy("a/1", 1.0),)) is None


@pytest.mark.parametrize("angle", [0.0, 10.0, 10.01])
def test_one_that_is_nearer_or_as_near_within_the_rounding_of_the_feed_does_not(angle: float):
    assert verdict(DENSE, near("a/2", angle), start=(near("a/1", 10.0),)) is Reason.DENSE


@pytest.mark.parametrize("weight", [2.0, 1.0, 1.0 - 1e-6])
def test_so_with_words(weight: float):
    assert verdict(SPARSE, wordy("a/2", weight), start=(wordy("a/1", 1.0),)) is Reason.SPARSE


def test_whatever_is_found_may_enter_a_list_that_is_not_full():
    assert verdict(DENSE, near("a/2", 120.0)) is Reason.DENSE
    assert verdict(SPARSE, wordy("a/2", 1e-6)) is Reason.SPARSE
    assert verdict(SPARSE, near("a/2", 0.0)) is None  # shares no word
    assert verdict(DENSE, Edit("a/2", Document({}, ()))) is None  # has nothing to be found by


def test_a_document_of_the_answer_may_not_change_in_any_way():
    assert verdict(DENSE, near("a/1", 10.0), start=(near("a/1", 10.0),)) is Reason.CANDIDATE
    assert verdict(LISTING, Edit("a/1", None), start=(near("a/1", 10.0),)) is Reason.CANDIDATE


def test_documents_of_other_tenants_do_not_count():
    ask = Ask(DENSE.queries, length=1, tenant="a", facets=("metadata.lang",))
    assert verdict(ask, near("b/1", 0.0), start=(near("a/1", 10.0),)) is None
    assert verdict(Ask((), length=2, tenant="a"), near("b/1", 0.0)) is None


def test_what_surely_fails_the_filter_cannot_enter_and_what_may_pass_can():
    ask = Ask(DENSE.queries, length=1, filters=EN)
    assert verdict(ask, near("a/2", 0.0, lang="de")) is None
    assert verdict(ask, near("a/2", 0.0, lang="en")) is Reason.DENSE
    unsure = Ask(DENSE.queries, length=1, filters=BLUE)
    assert verdict(unsure, near("a/2", 0.0, body="grey")) is Reason.DENSE
    assert verdict(unsure, Edit("a/2", None)) is None  # what is not there passes no filter


def test_a_change_whose_passages_are_not_told_counts_as_near_where_its_filter_lets_it():
    untold = Edit("a/2", Document({"lang": "de"}, (Piece(90.0, ()),)), tells_passages=False)
    start = (near("a/1", 10.0, lang="en"),)
    assert verdict(DENSE, untold, start=start) is Reason.UNTOLD
    assert verdict(Ask(DENSE.queries, length=1, filters=EN), untold, start=start) is None


def test_a_listing_ends_with_whatever_may_be_listed():
    assert verdict(LISTING, near("a/9", 0.0)) is Reason.LISTING
    assert verdict(Ask((), length=2, filters=EN), near("a/9", 0.0, lang="de")) is None
    assert verdict(LISTING, Edit("a/9", None)) is None


def test_facets_stay_where_nothing_is_counted_otherwise():
    ask = Ask(DENSE.queries, length=1, filters=EN, facets=("metadata.stock",))
    start = (near("a/1", 0.0, lang="en"), near("a/2", 30.0, lang="en", stock=1))
    assert verdict(ask, near("a/2", 40.0, lang="en", stock=1), start=start) is None
    assert verdict(ask, near("a/2", 40.0, lang="en", stock=1, body="new"), start=start) is None
    assert verdict(ask, near("a/3", 40.0, lang="de", stock=1), start=start) is None
    for other in (near("a/2", 30.0, lang="en", stock=2), near("a/2", 30.0, lang="de", stock=1), Edit("a/2", None)):
        assert verdict(ask, other, start=start) is Reason.FACETS
    assert verdict(ask, near("a/3", 40.0, lang="en", stock=1), start=start) is Reason.FACETS


def test_one_and_true_are_not_counted_alike_though_they_are_equal_to_python():
    ask = Ask(DENSE.queries, length=1, facets=("metadata.stock",))
    start = (near("a/1", 0.0), near("a/2", 30.0, stock=1))
    assert verdict(ask, near("a/2", 30.0, stock=True), start=start) is Reason.FACETS


def test_facets_end_where_the_state_before_is_not_known():
    ask = Ask(DENSE.queries, length=1, facets=("metadata.stock",))
    start = (near("a/1", 0.0), near("a/2", 30.0))
    same = Edit("a/2", Document({}, (Piece(30.0, ()),)), tells_before=False)
    assert verdict(ask, same, start=start) is Reason.FACETS


def test_an_end_of_a_document_that_was_not_in_the_answer_leaves_it_alone():
    assert verdict(DENSE, Edit("a/2", None), start=(near("a/1", 0.0), near("a/2", 30.0))) is None


def test_the_proof_lets_many_answers_pass():
    """Else the property above says nothing."""
    verdicts: Counter[bool] = Counter()
    rng = np.random.default_rng(1)
    for _ in range(200):
        start = tuple(near(f"a/{number}", float(rng.uniform(0, 90))) for number in range(20))
        verdicts[
            verdict(Ask(DENSE.queries, length=3), near("a/99", float(rng.uniform(0, 90))), start=start) is None
        ] += 1
    assert verdicts[True] > 150


def test_half_precision_never_hides_a_passage_that_is_as_near_as_the_last():
    """Vectors that the feed rounds away from the query by more than single precision sees."""
    rng = np.random.default_rng(2)
    for _ in range(300):
        vector = rng.normal(size=2).astype(np.float32)
        angle = float(np.degrees(np.arctan2(vector[1], vector[0])))
        query = np.array([1.0, 0.0], np.float32)
        assert verdict(Ask((query,), length=1), near("a/2", angle), start=(near("a/1", angle),)) is Reason.DENSE


def test_an_answer_whose_query_has_no_terms_stays():
    assert verdict(Ask((SparseVector.of({}),), length=1), wordy("a/1", 1.0)) is None


def test_metadata_that_is_too_large_to_be_told_may_pass_any_filter():
    cut = Edit("a/2", Document({"lang": "de"}, (Piece(0.0, ()),)), cuts_metadata=True)
    assert verdict(Ask(DENSE.queries, length=1, filters=EN), cut) is Reason.DENSE
