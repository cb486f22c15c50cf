"""What a batch tells others: dead letters first, then changes, then the watermark."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import BadEvent, Reason, Record
from freshet.schemas.errors import DeniedError, PermanentError
from freshet.schemas.events import Event, Upsert
from freshet.schemas.positions import FreshnessToken, Order
from freshet.schemas.topics import Topics
from freshet.search.passages import Piece
from freshet.streams.announcing import KEPT_BYTES, Announcer
from freshet.streams.batch import Batch, DeadLetter
from freshet.streams.messages import Message
from freshet.streams.plan import collapse, plan_document


class Sink:
    """Keeps what it is given; refuses values beyond a size, or everything."""

    def __init__(self, *, limit: int = 10**9, denied: bool = False) -> None:
        self.sent: list[Message] = []
        self._limit = limit
        self._denied = denied

    async def send_all(self, records: Iterable[Message]) -> Sequence[FreshnessToken]:
        records = list(records)
        if self._denied:
            raise DeniedError("write", "not authorised")
        if any(len(record.value or b"") > self._limit for record in records):
            raise PermanentError("write", "too large")
        self.sent += records
        return []


def announcer(sink: Sink, built_to: Mapping[int, int] | None = None) -> Announcer:
    topics = Topics("documents")
    return Announcer(sink=sink, topics=topics, version="docs__1", clock=lambda: 0.0, built_to=built_to)


def dead(value: bytes | None, error: BadEvent) -> Batch:
    record = Record("documents", 2, 7, 1.0, b"k", value)
    return Batch((record,), {2: 8}, {2: 0}, 0, dead=[DeadLetter(record, error)])


def planned(text: str, before: str | None, *, start: int, again: Again | None = None) -> Batch:
    def event(offset: int, text: str) -> Event:
        return Event("a", None, "a", 2, offset, 1.0, Upsert(id="a", text=text), again=again)

    def plan(offset: int, text: str, record=None):
        newest = collapse([event(offset, text)], record, Order.LOG)
        return plan_document(newest, record, Order.LOG, lambda _, text: [Piece(text, text, 1)])

    read = None if before is None else plan(5, before).record
    return Batch((), {2: 8}, {2: start}, 0, plans={"a": plan(7, text, read)})


def kinds(sink: Sink) -> list[str]:
    return [json.loads(message.value or b"")["kind"] for message in sink.sent]


async def test_a_dead_letter_of_nothing_at_all_is_still_a_record_that_kafkas_client_takes() -> None:
    """An event without a key and without a value, as it comes back from a retry."""
    sink, record = Sink(), Record("documents", 2, 7, 1.0, None, None)
    letter = DeadLetter(record, BadEvent(Reason.KEY_MISMATCH, "the record has no key"))
    await announcer(sink).announce(Batch((record,), {}, {}, 0, dead=[letter]))
    assert (sink.sent[0].key, sink.sent[0].value) == (b"", None)


async def test_a_dead_letter_keeps_key_bytes_origin_and_reason() -> None:
    sink = Sink()
    await announcer(sink).announce(dead(b"\xffbytes", BadEvent(Reason.NOT_UTF8, "not UTF-8", field="text")))
    letter = sink.sent[0]
    assert (letter.topic, letter.key, letter.value) == ("documents.dead-letters", b"k", b"\xffbytes")
    assert dict(letter.headers) == {
        "origin": b"documents/2@7",
        "reason": b"not_utf8",
        "message": b"text: not UTF-8",
        "field": b"text",
        "attempts": b"1",
        "time": b"1970-01-01T00:00:00.000+00:00",
        "timestamp": b"1000",
    }


async def test_a_dead_letter_that_the_broker_finds_too_large_is_cut_and_says_so() -> None:
    sink = Sink(limit=KEPT_BYTES)
    await announcer(sink).announce(dead(b"x" * 300_000, BadEvent(Reason.TOO_LARGE, "too large")))
    letter = sink.sent[0]
    assert letter.value == b"x" * KEPT_BYTES
    assert dict(letter.headers)["cut"] == b"300000"


async def test_a_key_that_the_broker_finds_too_large_is_cut_as_well() -> None:
    record = Record("documents", 2, 7, 1.0, b"k" * 200_000, b"{}")
    error = BadEvent(Reason.TOO_LARGE, "too large", field="key")

    class Narrow(Sink):
        async def send_all(self, records: Iterable[Message]) -> Sequence[FreshnessToken]:
            records = list(records)
            if any(len(each.key or b"") > KEPT_BYTES for each in records):
                raise PermanentError("write", "too large")
            return await super().send_all(records)

    sink = Narrow()
    await announcer(sink).announce(Batch((record,), {2: 8}, {2: 0}, 0, dead=[DeadLetter(record, error)]))
    assert (sink.sent[0].key, dict(sink.sent[0].headers)["cut-key"]) == (b"k" * KEPT_BYTES, b"200000")


async def test_without_the_right_to_write_nothing_is_cut() -> None:
    with pytest.raises(DeniedError):
        await announcer(Sink(denied=True)).announce(dead(b"x", BadEvent(Reason.NOT_JSON, "bad")))


async def test_a_change_is_told_before_the_watermark_in_the_partition_of_its_document() -> None:
    sink = Sink()
    await announcer(sink).announce(planned("new", "old", start=0))
    assert kinds(sink) == ["change", "watermark"]
    assert {message.partition for message in sink.sent} == {2}
    change, mark = (json.loads(message.value or b"") for message in sink.sent)
    assert (change["key"], change["origin"], change["outcome"]) == ("a", "documents/2@7", "indexed")
    assert (mark["partition"], mark["offset"]) == (2, 8)


async def test_an_unchanged_document_is_passed_over_only_where_its_record_was_announced_before() -> None:
    sink = Sink()
    await announcer(sink).announce(planned("same", "same", start=6))
    assert kinds(sink) == ["watermark"]
    sink = Sink()
    await announcer(sink).announce(planned("same", "same", start=5))
    assert kinds(sink) == ["change", "watermark"]


@pytest.mark.parametrize(
    ("built_to", "again", "told"),
    [
        ({2: 8}, None, ["watermark"]),
        ({2: 7}, None, ["change", "watermark"]),
        ({1: 100}, None, ["change", "watermark"]),
        ({2: 100}, Again(Why.RETRIED, 1), ["change", "watermark"]),
    ],
    ids=["before the build", "since the build began", "another partition", "again"],
)
async def test_of_what_a_build_reads_again_only_the_watermark_is_told(built_to, again, told) -> None:
    sink = Sink()
    await announcer(sink, built_to).announce(planned("new", "old", start=0, again=again))
    assert kinds(sink) == told
