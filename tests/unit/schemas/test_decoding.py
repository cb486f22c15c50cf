"""Every way in which an event can be bad is told apart, with the field at fault."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.schemas.decoding import BadEvent, Reason, Record, Rules, decode, decode_body
from freshet.schemas.events import Upsert
from freshet.schemas.keys import canonical_json
from freshet.schemas.positions import Order

GOOD = {"type": "upsert", "id": "a", "text": "x"}
TENANTS = Rules(tenants=True)
VERSIONED = Rules(order=Order.VERSION)


def record(value: bytes | None, key: bytes | None = b"a") -> Record:
    return Record("documents", 0, 7, 5.0, key, value)


def with_fields(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


BAD = {
    "not UTF-8": (b'{"type": "\xff"}', Reason.NOT_UTF8, ""),
    "cut off": (b'{"type": "upsert", ', Reason.NOT_JSON, ""),
    "empty": (b"", Reason.NOT_JSON, ""),
    "a lone surrogate": (b'{"type":"upsert","id":"a","text":"\\ud800"}', Reason.NOT_JSON, ""),
    "endless nesting": (b"[" * 100_000, Reason.NOT_JSON, ""),
    "registry format": (b"\x00\x00\x00\x00\x07\x02a", Reason.REGISTRY_FORMAT, ""),
    "not an object": (b"[1]", Reason.WRONG_TYPE, ""),
    "no type": (b'{"id":"a","text":"x"}', Reason.MISSING_FIELD, "type"),
    "unknown type": (with_fields(type="patch"), Reason.UNKNOWN_TYPE, "type"),
    "no id": (b'{"type":"delete"}', Reason.MISSING_FIELD, "id"),
    "no text": (b'{"type":"upsert","id":"a"}', Reason.MISSING_FIELD, "text"),
    "a number for a text": (with_fields(text=3), Reason.WRONG_TYPE, "text"),
    "a text for a version": (with_fields(version="3"), Reason.WRONG_TYPE, "version"),
    "a version below zero": (with_fields(version=-1), Reason.INVALID_VALUE, "version"),
    "a version beyond 64 bits": (with_fields(version=2**63), Reason.INVALID_VALUE, "version"),
    "metadata that are no object": (with_fields(metadata=[1]), Reason.WRONG_TYPE, "metadata"),
    "a number that no JSON has": (
        b'{"type":"upsert","id":"a","text":"x","metadata":{"n":NaN}}',
        Reason.INVALID_VALUE,
        "metadata",
    ),
    "a number beyond 64 bits": (with_fields(metadata={"n": 10**30}), Reason.INVALID_VALUE, "metadata"),
    "a time without a zone": (with_fields(occurred_at="2026-11-20T12:00:00"), Reason.INVALID_VALUE, "occurred_at"),
    "an empty id": (with_fields(id=""), Reason.INVALID_VALUE, "id"),
    "a line break in an id": (with_fields(id="a\n"), Reason.INVALID_VALUE, "id"),
    "another id than the key": (with_fields(id="b"), Reason.KEY_MISMATCH, "id"),
    "a tenant where there are none": (with_fields(tenant="t"), Reason.INVALID_VALUE, "tenant"),
    "too large": (with_fields(text="x" * 1_000_000), Reason.TOO_LARGE, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_event_is_refused_with_its_reason_and_field(name: str) -> None:
    value, reason, field = BAD[name]
    with pytest.raises(BadEvent) as caught:
        decode(record(value), Rules())
    assert (caught.value.reason, caught.value.field) == (reason, field)


@pytest.mark.parametrize("name", [name for name, (_, _, field) in BAD.items() if field])
def test_the_message_names_the_field(name: str) -> None:
    value, _, field = BAD[name]
    with pytest.raises(BadEvent, match=f"^{field}: "):
        decode(record(value), Rules())


@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_a_key_that_cannot_name_a_document_is_refused(key: bytes | None) -> None:
    with pytest.raises(BadEvent) as caught:
        decode(record(with_fields(), key), Rules())
    assert caught.value.field == "key"


def test_an_event_carries_the_state_of_its_document() -> None:
    event = decode(record(with_fields(title="T", metadata={"n": 1.5}, version=3, more="ignored")), Rules())
    assert event.body == Upsert(id="a", text="x", title="T", metadata={"n": 1.5}, version=3)
    assert (event.key, event.partition, event.offset, event.time) == ("a", 0, 7, 5.0)


def test_the_time_of_an_event_is_when_it_happened_where_it_says_so() -> None:
    event = decode(record(with_fields(occurred_at="1970-01-01T01:00:10+01:00")), Rules())
    assert event.time == 10.0


def test_a_null_value_ends_the_document_of_its_key() -> None:
    event = decode(record(None), Rules())
    assert (event.key, event.body) == ("a", None)


def test_with_tenants_the_key_and_the_event_name_the_same_tenant() -> None:
    event = decode(record(with_fields(tenant="t-1", id="x/y"), b"t-1/x/y"), TENANTS)
    assert (event.tenant, event.id, event.key) == ("t-1", "x/y", "t-1/x/y")
    assert decode(record(None, b"t-1/a"), TENANTS).tenant == "t-1"


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (with_fields(), b"t/a", Reason.MISSING_FIELD),
        (with_fields(tenant="u"), b"t/a", Reason.KEY_MISMATCH),
        (with_fields(tenant="T"), b"T/a", Reason.KEY_MISMATCH),
        (None, b"a", Reason.KEY_MISMATCH),
    ],
)
def test_with_tenants_none_is_taken_for_another(value: bytes | None, key: bytes, reason: Reason) -> None:
    with pytest.raises(BadEvent) as caught:
        decode(record(value, key), TENANTS)
    assert caught.value.reason is reason


@pytest.mark.parametrize("kind", ["upsert", "delete"])
def test_in_version_order_every_event_must_carry_a_version(kind: str) -> None:
    with pytest.raises(BadEvent) as caught:
        decode(record(with_fields(type=kind)), VERSIONED)
    assert (caught.value.reason, caught.value.field) == (Reason.NO_VERSION, "version")


def test_in_version_order_a_null_needs_none() -> None:
    assert decode(record(None), VERSIONED).body is None


numbers = st.sampled_from(["1e400", "-1e400", "NaN", "Infinity", "-0", str(10**400), "9" * 5_000, str(2**63), "1.0"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
trees = st.recursive(leaves, lambda some: st.lists(some) | st.dictionaries(st.text(), some), max_leaves=10)
fields = st.sampled_from(["type", "id", "text", "title", "metadata", "version", "occurred_at", "tenant", "more"])
texts = st.sampled_from(["upsert", "delete", "a", "t", "2026-11-20T12:00:00Z", "\ud800", "\x00", "x" * 3_000])
members = st.tuples(fields, trees.map(json.dumps) | numbers | texts.map(json.dumps))
objects = st.lists(members.map(lambda each: f'"{each[0]}":{each[1]}')).map(
    lambda several: "{" + ",".join(several) + "}"
)
nearly = st.lists(members).map(
    lambda more: json.dumps(GOOD)[:-1] + "".join(f',"{name}":{value}' for name, value in more) + "}"
)
keys = st.binary(max_size=20) | st.sampled_from([b"a", b"t/a", b"/", b"k" * 600])
rules = st.builds(
    Rules, tenants=st.booleans(), order=st.sampled_from(Order), max_bytes=st.sampled_from([50, 1_000_000])
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good event in which some bytes are others."""
    value = bytearray(json.dumps({**GOOD, "metadata": {"n": [1.5, {"a": "\u00df"}]}}).encode())
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(value)))
        value[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return bytes(value)


values = st.none() | st.binary(max_size=200) | (st.text() | objects | nearly).map(str.encode) | damaged()


@settings(deadline=None)
@given(values, st.none() | keys, rules)
def test_whatever_the_bytes_are_they_are_an_event_or_are_refused_with_a_reason(
    value: bytes | None, key: bytes | None, rules: Rules
) -> None:
    with suppress(BadEvent):
        event = decode(record(value, key), rules)
        assert event.key.encode() == key
        assert isinstance(event.time, float)


@settings(deadline=None)
@given(numbers | trees.map(json.dumps))
def test_metadata_are_refused_or_can_be_kept_as_they_are(value: str) -> None:
    with suppress(BadEvent):
        upsert = decode(record(f'{json.dumps(GOOD)[:-1]},"metadata":{{"n":{value}}}}}'.encode()), Rules()).upsert
        assert upsert is not None
        assert json.loads(canonical_json(upsert.metadata)) == {"n": json.loads(value)}


@pytest.mark.parametrize(
    ("named", "tenant"), [({}, "acme"), ({"tenant": None}, "acme"), ({"tenant": "globex"}, "globex")]
)
def test_an_event_that_names_no_tenant_is_of_the_one_that_whoever_sends_it_acts_for(named, tenant):
    for fields in ({"type": "upsert", "id": "a", "text": "t"}, {"type": "delete", "id": "a"}):
        body = decode_body(json.dumps({**fields, **named}).encode(), Rules(tenants=True), tenant="acme")
        assert body.tenant == tenant


def test_where_tenants_are_off_nobodys_events_get_one():
    with pytest.raises(BadEvent, match="tenants are off"):
        decode_body(b'{"type": "delete", "id": "a"}', Rules(), tenant="acme")
