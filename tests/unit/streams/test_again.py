"""An event that is to be processed again is the same event, at the same place, wherever its copy lies."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import BadEvent, Record
from freshet.schemas.positions import Rank
from freshet.streams.again import unwrap, wrap
from freshet.streams.messages import Message

TOPIC, AGAIN = "documents", "documents.again"
bytes_ = st.binary(max_size=30)
records = st.builds(
    Record,
    topic=st.just(TOPIC),
    partition=st.integers(0, 1_000),
    offset=st.integers(0, 2**53 - 1),
    timestamp=st.integers(0, 10**12).map(lambda ms: ms / 1_000),
    key=st.none() | bytes_.filter(bool),
    value=st.none() | bytes_,
)
sayings = st.builds(
    Again,
    why=st.sampled_from(Why),
    attempts=st.integers(1, 1_000),
    version=st.none() | st.integers(0, 10**17),
    until=st.integers(0, 10**17),
    displaces=st.none() | st.builds(Rank, st.integers(0, 10**17), st.integers(-5, 2**53)),
).filter(lambda again: again.why is not Why.REMOVED or again.displaces is not None)


def arrived(message: Message, offset: int = 3) -> Record:
    """The message as a consumer gets it."""
    partition = message.partition
    assert partition is not None
    return Record(message.topic, partition, offset, 99.0, message.key, message.value, tuple(message.headers))


@given(records, sayings)
def test_what_comes_out_is_what_was_put_in(record: Record, again: Again) -> None:
    assert unwrap(arrived(wrap(record, again, AGAIN)), TOPIC) == replace(record, again=again)


@given(records, records, sayings)
def test_no_such_record_hides_another(one: Record, other: Record, again: Again) -> None:
    place = (one.partition, one.offset) == (other.partition, other.offset)
    same_key = wrap(one, again, AGAIN).key == wrap(other, again, AGAIN).key
    assert same_key == (place and (one.key or b"") == (other.key or b""))


def test_a_null_is_no_null_there_lest_compaction_forget_it() -> None:
    assert wrap(Record(TOPIC, 0, 1, 0.0, b"k", None), Again(Why.REINSTATED), AGAIN).value == b""


HEADERS = ("origin", "reason", "attempts", "timestamp", "version", "until", "displaces", "null")
GOOD = arrived(wrap(Record(TOPIC, 2, 7, 1.0, b"k", b"{}"), Again(Why.RETRIED), AGAIN))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"origin": None}, "origin"),
        ({"origin": b"nonsense"}, "origin"),
        ({"origin": b"elsewhere/2@7"}, "origin"),
        ({"origin": b"documents/1@7"}, "origin"),
        ({"origin": b"documents/2@8"}, "key"),
        ({"reason": b"because"}, "reason"),
        ({"reason": None}, "reason"),
        ({"attempts": b"many"}, "attempts"),
        ({"version": b"-1"}, "version"),
        ({"until": b"soon"}, "until"),
        ({"displaces": b"17"}, "displaces"),
        ({"reason": b"removed"}, "displaces"),
        ({"timestamp": b"9" * 19}, "timestamp"),
    ],
)
def test_a_record_that_we_did_not_write_is_refused_with_the_header_at_fault(
    change: dict[str, bytes | None], field: str
) -> None:
    headers = {**dict(GOOD.headers), **change}
    bad = replace(GOOD, headers=tuple((name, value) for name, value in headers.items() if value is not None))
    with pytest.raises(BadEvent) as caught:
        unwrap(bad, TOPIC)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["origin", "reason", "attempts", "timestamp"])
def test_a_header_that_others_wrote_as_null_is_refused_like_any_that_says_nothing(name: str) -> None:
    headers: tuple[Any, ...] = tuple((each, None if each == name else value) for each, value in GOOD.headers)
    with pytest.raises(BadEvent) as caught:
        unwrap(replace(GOOD, headers=headers), TOPIC)
    assert caught.value.field == name


def test_a_place_beyond_all_logs_is_refused_lest_nothing_ever_be_newer() -> None:
    beyond = wrap(Record(TOPIC, 2, 2**53, 1.0, b"k", b"{}"), Again(Why.RETRIED), AGAIN)
    with pytest.raises(BadEvent, match="no log is as long"):
        unwrap(arrived(beyond), TOPIC)


def test_who_ends_such_a_record_with_a_null_ends_no_document() -> None:
    with pytest.raises(BadEvent, match="a null ends the record"):
        unwrap(replace(GOOD, value=None), TOPIC)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(HEADERS), st.none() | bytes_)), st.none() | bytes_, st.none() | bytes_)
def test_whatever_such_a_record_is_it_is_taken_or_refused(
    headers: list[tuple[str, Any]], key: bytes | None, value: bytes | None
) -> None:
    said = dict(GOOD.headers) | dict(headers)
    for each in (tuple(headers), tuple(said.items())):
        with suppress(BadEvent):
            assert unwrap(replace(GOOD, headers=each, key=key, value=value), TOPIC).topic == TOPIC


def test_a_record_without_a_key_is_refused() -> None:
    with pytest.raises(BadEvent):
        unwrap(replace(GOOD, key=None), TOPIC)
