"""The generator: the same seed gives the same history, and every kind of event is in it."""

import json
from collections import Counter

import pytest

from freshet.schemas.decoding import BadEvent, Record, Rules, decode
from freshet.schemas.positions import Order
from tests.chaos.events import MAX_BYTES, history

KINDS = {
    "created",
    "edited",
    "one passage edited",
    "changed back",
    "described anew",
    "delivered late",
    "deleted",
    "ended by null",
    "not JSON",
    "not UTF-8",
    "without text",
    "of unknown type",
    "under another key",
    "oversized",
}


def drafts(seed=1, *, order=Order.LOG, events=3_000):
    return list(history(seed, events=events, documents=50, order=order))


def test_a_seed_gives_the_same_history_again_and_another_seed_another():
    assert drafts(1) == drafts(1)
    assert drafts(1) != drafts(2)


@pytest.mark.parametrize("order", list(Order))
def test_every_kind_of_event_is_in_it(order):
    kinds = KINDS | ({"without version"} if order is Order.VERSION else set())
    assert {draft.what for draft in drafts(order=order)} == kinds


@pytest.mark.parametrize("order", list(Order))
def test_bad_events_are_those_that_freshet_refuses(order):
    rules = Rules(order=order, max_bytes=MAX_BYTES)
    for offset, draft in enumerate(drafts(order=order)):
        try:
            decode(Record("documents", 0, offset, 0.0, draft.key, draft.value), rules)
            refused = False
        except BadEvent:
            refused = True
        assert refused == draft.bad, draft


def test_some_documents_are_hot():
    keys = Counter(draft.key for draft in drafts())
    hot = sum(count for _, count in keys.most_common(5))
    assert 0.25 < hot / 3_000 < 0.45


def test_an_edit_of_one_passage_leaves_the_others():
    texts: dict[bytes, str] = {}
    for draft in drafts():
        if draft.bad or draft.value is None:
            continue
        text = json.loads(draft.value).get("text", "")
        if draft.what == "one passage edited" and draft.key in texts:
            old, new = (set(each.split(".")) for each in (texts[draft.key], text))
            assert len(new - old) == 1
            return
        texts[draft.key] = text
    raise AssertionError("no such edit")


def test_late_events_have_older_versions_than_what_came_before_them():
    newest: dict[bytes, int] = {}
    late = []
    for draft in drafts(order=Order.VERSION):
        version = json.loads(draft.value)["version"] if draft.value and not draft.bad else -1
        if draft.what == "delivered late":
            late.append(version < newest[draft.key])
        newest[draft.key] = max(newest.get(draft.key, -1), version)
    assert late
    assert all(late)
