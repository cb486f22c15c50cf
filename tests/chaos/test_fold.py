"""The fold: the newest event of each document, by the order of the topic; and which states a reader may see."""

import json

from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.positions import Order
from tests.chaos.events import stray
from tests.chaos.fold import POISON, UNKNOWN, Logged, fold


def log(*values, key=b"d"):
    return [Logged(0, offset, key, value) for offset, value in enumerate(values)]


def upsert(version, text="x"):
    body = {"type": "upsert", "id": "d", "title": "t", "text": text, "metadata": {}, "version": version}
    return json.dumps(body).encode()


def delete(version):
    return json.dumps({"type": "delete", "id": "d", "version": version}).encode()


def last(values, order):
    state = fold(log(*values), order, max_bytes=1_000).documents["d"].last
    return None if state.ended else state.text


def test_the_later_offset_wins_in_log_order_and_the_higher_version_in_version_order():
    values = [upsert(2, "two"), upsert(1, "one")]
    assert last(values, Order.LOG) == "one"
    assert last(values, Order.VERSION) == "two"


def test_of_equal_versions_the_later_wins():
    assert last([upsert(1, "a"), upsert(1, "b")], Order.VERSION) == "b"


def test_a_null_ends_what_is_there_and_takes_its_version():
    assert last([upsert(5), None], Order.VERSION) is None
    assert last([upsert(5), None, upsert(4)], Order.VERSION) is None
    assert last([upsert(5), None, upsert(5, "again")], Order.VERSION) == "again"
    assert last([None, upsert(0, "born")], Order.VERSION) == "born"


def test_a_delete_of_an_older_version_ends_nothing():
    assert last([upsert(5, "five"), delete(4)], Order.VERSION) == "five"
    assert last([upsert(5, "five"), delete(4)], Order.LOG) is None


def test_bad_records_are_nobodys_state_and_have_their_reasons():
    bad = {
        b"{": "not_json",
        b"\xff": "not_utf8",
        upsert(1, "x" * 1_000): "too_large",
        json.dumps({"type": "upsert", "id": "d"}).encode(): "missing_field",
        json.dumps({"type": "upsert", "id": "d", "text": 7}).encode(): "wrong_type",
        json.dumps({"type": "patch", "id": "d", "text": ""}).encode(): "unknown_type",
        json.dumps({"type": "upsert", "id": "e", "text": ""}).encode(): "key_mismatch",
        json.dumps({"type": "upsert", "id": "d", "tenant": "t", "text": ""}).encode(): "invalid_value",
        upsert(1, f"this is {POISON}"): "refused",
    }
    result = fold(log(upsert(1, "good"), *bad), Order.LOG, max_bytes=1_000)
    assert [(each.value, reason) for each, reason in result.bad] == list(bad.items())
    assert result.documents["d"].last.text == "good"
    versioned = fold(log(json.dumps({"type": "delete", "id": "d"}).encode()), Order.VERSION, max_bytes=1_000)
    assert [reason for _, reason in versioned.bad] == ["no_version"]


def test_an_event_that_lies_astray_says_so_and_its_document_stays_as_it_was():
    home, away = (stray(0, astray=astray, tenants=False) for astray in (False, True))
    records = [Logged(1, 0, home.key, home.value), Logged(2, 0, away.key, away.value)]
    result = fold(records, Order.LOG, max_bytes=1_000)
    assert result.bad == [(records[1], "partition_moved")]
    assert result.strays == {b"stray0"}
    assert [state.offset for state in result.documents["stray0"].states] == [0]


def test_a_document_is_its_tenants():
    event = {"type": "delete", "id": "d", "tenant": "t"}
    values = [json.dumps(each).encode() for each in (event, {**event, "tenant": None}, {**event, "tenant": "u"})]
    result = fold(log(*values, key=b"t/d"), Order.LOG, max_bytes=1_000, tenants=True)
    assert list(result.documents) == ["t/d"]
    assert [reason for _, reason in result.bad] == ["missing_field", "key_mismatch"]


def test_what_the_model_refuses_at_first_is_a_state():
    result = fold(log(upsert(1, f"a {UNKNOWN}"), upsert(2)), Order.LOG, max_bytes=1_000)
    assert [each.offset for each in result.retried] == [0]
    assert [state.text for state in result.documents["d"].states] == [f"a {UNKNOWN}", "x"]


def test_who_knows_everything_below_an_offset_may_show_the_state_there_and_newer_ones():
    history = fold(log(upsert(1, "a"), upsert(2, "b"), None, upsert(3, "c")), Order.LOG, max_bytes=1_000).documents["d"]
    assert [state.text for state in history.since(0)] == ["a", "b", "", "c"]
    assert [state.text for state in history.since(1)] == ["a", "b", "", "c"]
    assert [state.text for state in history.since(2)] == ["b", "", "c"]
    assert [state.text for state in history.since(99)] == ["c"]
    assert not history.known_below(0)
    assert history.known_below(1)


@given(st.permutations(range(6)))
def test_in_version_order_events_may_come_in_any_order(versions):
    assert last([upsert(version, str(version)) for version in versions], Order.VERSION) == "5"
