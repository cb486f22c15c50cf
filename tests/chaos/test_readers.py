"""The judge of answers finds each kind of wrong answer, and lets right ones pass."""

import json

import pytest

from freshet.schemas.positions import Order
from tests.chaos.fold import Logged, fold
from tests.chaos.readers import Answer, Shown, wrongs


def upsert(n, *, doc="d"):
    body = {"type": "upsert", "id": doc, "title": f"T{n}", "text": f"First {n}. Second {n}.", "version": n}
    return json.dumps({**body, "metadata": {"kind": "river", "n": n}}).encode()


LOG = [
    Logged(0, 0, b"d", upsert(1)),
    Logged(0, 1, b"d", upsert(2)),
    Logged(0, 2, b"e", upsert(3, doc="e")),
    Logged(0, 3, b"e", None),
]
FOLD = fold(LOG, Order.LOG, max_bytes=1_000)


def shown(n, *, doc="d", title=None, text=None):
    return Shown(doc, title or f"T{n}", text or f"Second {n}.", {"kind": "river", "n": n})


def found(*results, mark=0, **more):
    return {each.what for each in wrongs(Answer("?", {0: mark}, results, **more), FOLD)}


@pytest.mark.parametrize(("n", "mark"), [(1, 0), (2, 0), (1, 1), (2, 2)])
def test_a_state_that_is_new_enough_passes(n, mark):
    assert found(shown(n), mark=mark) == set()


def test_a_state_older_than_the_watermark_is_stale():
    assert found(shown(1), mark=2) == {"stale"}


def test_a_document_that_had_ended_below_the_watermark_is_resurrected():
    assert found(shown(3, doc="e"), mark=4) == {"resurrected"}
    assert found(shown(3, doc="e"), mark=3) == set()


@pytest.mark.parametrize("change", [{"title": "T2"}, {"text": "Second 2."}, {"doc": "never"}])
def test_parts_of_two_states_are_mixed(change):
    assert found(shown(1, **change)) == {"mixed"}


def test_a_document_twice_in_an_answer_is_mixed():
    assert found(shown(1), shown(2)) == {"mixed"}


def test_what_a_filter_leaves_out_must_not_be_shown():
    assert found(shown(1), kind="desert") == {"unasked"}
    assert found(shown(1), document="e") == {"unasked"}


def test_the_only_document_that_could_answer_must_be_found_where_it_was_there_all_the_time():
    assert found(document="d", mark=2) == {"missing"}
    assert found(document="d", mark=0) == set()  # perhaps it was not yet there
    assert found(document="e", mark=3) == set()  # perhaps it had ended
