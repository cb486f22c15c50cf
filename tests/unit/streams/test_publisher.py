import json
from datetime import UTC, datetime

import pytest
from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import BadEvent, Reason, Record, Rules, decode
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.positions import Order
from freshet.streams.publisher import prepare, prepare_tombstone

PLAIN = Rules()
UPSERT = {"type": "upsert", "id": "a", "text": ""}
TENANTS = Rules(tenants=True)
# Of the Java client's own tests (org.apache.kafka.common.utils.UtilsTest).
JAVA_MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), JAVA_MURMUR2.items())
def test_keys_are_hashed_as_by_java_clients(key, expected):
    assert murmur2(key) == expected % 2**32
    assert DefaultPartitioner()(key, list(range(7)), []) == (expected & 0x7FFFFFFF) % 7


def test_an_event_becomes_its_key_and_json_without_what_was_not_given():
    prepared = prepare(Upsert(id="kb-17", text="The text.", metadata={"lang": "en", "seen": None}), PLAIN)

    assert prepared.key == b"kb-17"
    assert json.loads(prepared.value or b"") == {
        "type": "upsert",
        "id": "kb-17",
        "text": "The text.",
        "title": "",
        "metadata": {"lang": "en", "seen": None},
    }


def test_a_mapping_is_published_as_it_stands_unknown_fields_too():
    event = {"type": "upsert", "id": "a", "text": "Grüße", "from_the_future": {"x": 1}}

    assert json.loads(prepare(event, PLAIN).value or b"") == event


def test_with_tenants_the_key_names_the_tenant():
    assert prepare(Delete(id="a", tenant="acme"), TENANTS).key == b"acme/a"
    assert prepare_tombstone("a", "acme", TENANTS) == (b"acme/a", None)


@pytest.mark.parametrize(
    ("event", "rules", "reason", "field"),
    [
        ({"type": "upsert", "id": "a"}, PLAIN, Reason.MISSING_FIELD, "text"),
        (UPSERT | {"text": 1}, PLAIN, Reason.WRONG_TYPE, "text"),
        ({"type": "replace", "id": "a"}, PLAIN, Reason.UNKNOWN_TYPE, "type"),
        ({"type": "delete", "id": ""}, PLAIN, Reason.INVALID_VALUE, "id"),
        ({"type": "delete", "id": "a", "tenant": "acme"}, PLAIN, Reason.INVALID_VALUE, "tenant"),
        ({"type": "delete", "id": "a"}, TENANTS, Reason.MISSING_FIELD, "tenant"),
        (Delete(id="a"), Rules(order=Order.VERSION), Reason.NO_VERSION, "version"),
        (Upsert(id="a", text="x" * 100), Rules(max_bytes=100), Reason.TOO_LARGE, ""),
        (Upsert(id="a", text="\ud800"), PLAIN, Reason.NOT_UTF8, ""),
        (UPSERT | {"text": "\ud800"}, PLAIN, Reason.NOT_UTF8, ""),
        (UPSERT | {"metadata": {"when": datetime.now(UTC)}}, PLAIN, Reason.NOT_JSON, ""),
        (UPSERT | {"metadata": {"x": float("nan")}}, PLAIN, Reason.INVALID_VALUE, "metadata"),
    ],
)
def test_what_the_worker_would_refuse_is_refused_before_it_is_sent(event, rules, reason, field):
    with pytest.raises(BadEvent) as raised:
        prepare(event, rules)

    assert (raised.value.reason, raised.value.field) == (reason, field)


@pytest.mark.parametrize(("document_id", "tenant"), [("", None), ("a\nb", None), ("x" * 600, None), ("a", "acme")])
def test_a_tombstone_that_the_worker_would_refuse_is_refused(document_id, tenant):
    with pytest.raises(BadEvent):
        prepare_tombstone(document_id, tenant, PLAIN)


@given(id=st.text(st.characters(blacklist_categories=["C"]), min_size=1, max_size=50), text=st.text(), title=st.text())
def test_whatever_is_published_the_worker_reads_back(id, text, title):  # noqa: A002
    try:
        prepared = prepare({"type": "upsert", "id": id, "text": text, "title": title}, PLAIN)
    except BadEvent as error:
        assert error.reason in (Reason.NOT_UTF8, Reason.INVALID_VALUE)  # noqa: PT017
        return
    event = decode(Record("documents", 0, 0, 0.0, prepared.key, prepared.value), PLAIN)

    assert event.upsert is not None
    assert (event.id, event.upsert.text, event.upsert.title) == (id, text, title)
