"""The generator: the same seed gives the same history, and every kind of event is in it."""

import json
from collections import Counter

import pytest

from freshet.schemas.decoding import BadEvent, Record, Rules, decode
from freshet.schemas.positions import Order
from tests.chaos.events import MAX_BYTES, Upstream, documents
from tests.chaos.fold import Logged, fold

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
    "with a number for text",
    "of unknown type",
    "under another key",
    "oversized",
    "refused by the model",
    "refused at first",
}


def drafts(seed=1, *, order=Order.LOG, events=4_000, tenants=False):
    upstream = Upstream(seed, documents(50, tenants=tenants), order)
    return [upstream.next() for _ in range(events)]


def test_a_seed_gives_the_same_history_again_and_another_seed_another():
    assert drafts(1) == drafts(1)
    assert drafts(1) != drafts(2)


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("tenants", [False, True])
def test_every_kind_of_event_is_in_it(order, tenants):
    kinds = KINDS | ({"without version"} if order is Order.VERSION else set())
    kinds |= {"without tenant"} if tenants else {"with a tenant"}
    assert {draft.what for draft in drafts(order=order, tenants=tenants)} == kinds


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("tenants", [False, True])
def test_bad_events_are_those_that_freshet_refuses_and_for_the_reasons_that_the_fold_gives(order, tenants):
    rules = Rules(order=order, max_bytes=MAX_BYTES, tenants=tenants)
    for offset, draft in enumerate(drafts(order=order, tenants=tenants)):
        result = fold([Logged(0, offset, draft.key, draft.value)], order, max_bytes=MAX_BYTES, tenants=tenants)
        reasons = [reason for _, reason in result.bad]
        assert bool(reasons) == draft.bad, draft
        if draft.what != "refused by the model":
            assert reasons == refusals(Record("documents", 0, offset, 0.0, draft.key, draft.value), rules), draft


def refusals(record, rules):
    try:
        decode(record, rules)
    except BadEvent as error:
        return [error.reason]
    return []


def test_what_the_model_refuses_is_of_documents_of_their_own_so_that_no_batch_hides_it():
    refused = [draft for draft in drafts() if draft.what.startswith("refused")]
    assert len({draft.key for draft in refused}) == len(refused) > 50
    assert not {draft.key for draft in refused} & {each.key.encode() for each in documents(50, tenants=False)}


def test_some_documents_are_hot():
    keys = Counter(draft.key for draft in drafts())
    hot = sum(count for _, count in keys.most_common(5))
    assert 0.25 < hot / 4_000 < 0.45


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


def test_what_was_touched_last_is_changed_back_first():
    upstream = Upstream(1, documents(50, tenants=False), Order.LOG)
    said: dict[bytes, list[str]] = {}
    for draft in [upstream.next() for _ in range(1_000)]:
        if not draft.bad and draft.value is not None and draft.what != "delivered late":
            said.setdefault(draft.key, []).append(json.loads(draft.value).get("text"))
    back = [upstream.next_back() for _ in range(40)]
    assert {draft.what for draft in back} == {"changed back"}
    assert len({draft.key for draft in back}) == 40
    assert all(json.loads(draft.value or b"{}")["text"] in said[draft.key][:-1] for draft in back)


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
