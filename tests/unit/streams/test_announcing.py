"""What a batch tells others: dead letters first, then changes, then the watermark."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest

from freshet.schemas.decoding import BadEvent, Reason, Record
from freshet.schemas.errors import DeniedError, PermanentError, TransientError
from freshet.schemas.positions import FreshnessToken
from freshet.streams.announcing import KEPT_BYTES
from freshet.streams.batch import Batch, DeadLetter
from freshet.streams.messages import Message
from tests.support.announcing import announcer_to
from tests.support.memory_index import MemoryIndex
from tests.support.working import Worker


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


def dead(value: bytes | None, error: BadEvent) -> Batch:
    record = Record("documents", 2, 7, 1.0, b"k", value)
    return Batch((record,), {2: 8}, {2: 0}, 0, dead=[DeadLetter(record, error)])


async def test_a_dead_letter_of_nothing_at_all_is_still_a_record_that_kafkas_client_takes() -> None:
    """An event without a key and without a value, as it comes back from a retry."""
    sink, record = Sink(), Record("documents", 2, 7, 1.0, None, None)
    letter = DeadLetter(record, BadEvent(Reason.KEY_MISMATCH, "the record has no key"))
    await announcer_to(sink).announce(Batch((record,), {}, {}, 0, dead=[letter]))
    assert (sink.sent[0].key, sink.sent[0].value) == (b"", None)


async def test_a_dead_letter_keeps_key_bytes_origin_and_reason() -> None:
    sink = Sink()
    await announcer_to(sink).announce(dead(b"\xffbytes", BadEvent(Reason.NOT_UTF8, "not UTF-8", field="text")))
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
    await announcer_to(sink).announce(dead(b"x" * 300_000, BadEvent(Reason.TOO_LARGE, "too large")))
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
    await announcer_to(sink).announce(Batch((record,), {2: 8}, {2: 0}, 0, dead=[DeadLetter(record, error)]))
    assert (sink.sent[0].key, dict(sink.sent[0].headers)["cut-key"]) == (b"k" * KEPT_BYTES, b"200000")


async def test_without_the_right_to_write_nothing_is_cut() -> None:
    with pytest.raises(DeniedError):
        await announcer_to(Sink(denied=True)).announce(dead(b"x", BadEvent(Reason.NOT_JSON, "bad")))


@pytest.mark.parametrize("live", [True, False])
async def test_a_change_is_told_before_the_watermark_in_the_partition_of_its_document(live) -> None:
    worker, sink = Worker(), Sink()
    worker.publish("a", "old", "new")
    await announcer_to(sink, worker.index, live=live).announce(await worker.written(0, 2))
    change, mark = (json.loads(message.value or b"") for message in sink.sent)
    assert {message.partition for message in sink.sent} == {0}
    assert (change["kind"], change["key"], change["origin"]) == ("change", "a", "documents/0@1")
    assert mark["kind"] == "watermark"
    assert (mark["topic"], mark["partition"], mark["offset"], mark["live"]) == ("documents", 0, 2, live)


async def test_where_the_index_cannot_be_read_nothing_is_produced_yet() -> None:
    """It is all said once the index answers, and no letter twice."""
    worker, sink = Worker(), Sink()
    worker.publish("a", "one two three four")
    await worker.written(0, 1)
    batch = await worker.written(0, 1)  # redelivered
    record = Record("documents", 0, 1, 1.0, b"b", b"{")
    batch.dead = [DeadLetter(record, BadEvent(Reason.NOT_JSON, "bad"))]

    async def away(_step: str) -> None:
        raise TransientError("read", "away")

    with pytest.raises(TransientError):
        await announcer_to(sink, MemoryIndex(worker.points, away)).announce(batch)
    assert sink.sent == []
