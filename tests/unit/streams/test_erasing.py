"""What is left of a document in Kafka, until when, and what to do: by what a topic's settings say."""

from __future__ import annotations

import pytest

from freshet.schemas.decoding import Record
from freshet.schemas.erasure import RemainFacts
from freshet.schemas.positions import Rank
from freshet.schemas.topics import TopicState
from freshet.streams.erasing import remains, unlisted
from tests.contract.index import making
from tests.unit.streams.test_both_topics import TOPICS

HOUR = 3_600_000
DAY = 24 * HOUR
UPSERT, DELETE = b'{"type": "upsert", "id": "a", "text": "secret"}', b'{"type": "delete", "id": "a"}'


def record(
    offset: int, value: bytes | None, topic: str = TOPICS.documents, *, partition: int = 0, key: bytes = b"a"
) -> Record:
    return Record(topic, partition, offset, 0.0, key, value)


def told(*records: Record, **configs: int) -> list[RemainFacts]:
    topic = records[0].topic
    named = {name.replace("_", "."): str(value) for name, value in configs.items()}
    return remains({topic: records}, {topic: TopicState(topic, 1, named)}, TOPICS, server="kafka:9092")


def test_nothing_is_left_where_nothing_was_found() -> None:
    assert remains({}, {}, TOPICS, server="kafka:9092") == []
    found = {topic: list[Record]() for topic in (TOPICS.documents, TOPICS.again)}
    assert remains(found, {}, TOPICS, server="kafka:9092") == []


def test_older_events_go_with_compaction_and_a_null_some_time_after_it() -> None:
    older, end = told(
        record(0, UPSERT), record(1, UPSERT), record(2, None), min_compaction_lag_ms=DAY, delete_retention_ms=7 * DAY
    )
    assert (older.what, older.where) == ("older events, with its text", ["documents/0@0", "documents/0@1"])
    assert "not before 1970-01-02 00:00 UTC" in older.until
    assert older.todo == (
        "kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics --entity-name documents"
        " --add-config max.compaction.lag.ms=86400000"
    )
    assert (end.where, end.until, end.todo) == (["documents/0@2"], "7 days after the log was compacted", "")


def test_a_limit_on_compaction_is_the_time_by_which_they_are_gone() -> None:
    older, _ = told(record(0, UPSERT), record(1, None), max_compaction_lag_ms=2 * DAY)
    assert "soon after 1970-01-03 00:00 UTC" in older.until
    assert older.todo == ""
    unlimited, _ = told(record(0, UPSERT), record(1, None), max_compaction_lag_ms=2**63 - 1)
    assert "max.compaction.lag.ms" in unlimited.todo


def test_an_end_as_json_stays_as_the_last_of_its_key_until_there_is_a_null() -> None:
    [end] = told(record(0, DELETE))
    assert end.what == "its end: key, id and version"
    assert end.until.startswith("never")
    assert "publish a null" in end.todo


@pytest.mark.parametrize("value", [UPSERT, b"{", b"[1]"])
def test_what_is_not_deleted_or_cannot_be_read_may_hold_its_text(value: bytes) -> None:
    [newest] = told(record(0, value))
    assert "with its text" in newest.what
    assert newest.todo == "delete it first"


def test_partitions_are_compacted_each_by_itself() -> None:
    found = told(record(9, UPSERT), record(0, UPSERT, partition=1), record(1, None, partition=1))
    assert [each.where for each in found] == [["documents/0@9"], ["documents/1@0"], ["documents/1@1"]]
    assert found[0].todo == "delete it first"


def test_what_was_processed_again_stays_until_there_is_a_null_under_its_own_key() -> None:
    def again(offset: int, origin: int, value: bytes | None) -> Record:
        return record(offset, value, TOPICS.again, key=b"a\ndocuments/0@%d" % origin)

    [left] = told(again(0, 4, UPSERT), again(1, 7, UPSERT), again(2, 4, None))
    assert left.where == ["documents.again/0@1"]
    assert r"a\ndocuments/0@7" in left.todo
    assert told(again(0, 4, UPSERT), again(1, 4, None)) == []


@pytest.mark.parametrize("topic", [TOPICS.dead_letters, TOPICS.indexed])
def test_what_is_kept_for_a_time_goes_after_that(topic: str) -> None:
    [left] = told(record(0, UPSERT, topic), retention_ms=30 * DAY, segment_ms=7 * DAY)
    assert left.until.startswith("after 1970-01-31 00:00 UTC")
    assert "up to segment.ms (7 days) later" in left.until
    [left] = told(record(0, UPSERT, topic), retention_ms=-1)
    assert left.until.startswith("never")
    assert topic in left.todo


def test_of_passages_that_nothing_lists_those_before_the_record_are_swept_and_others_never() -> None:
    known = making.record("doc", offset=5, passages=("listed",))
    ranks = {"listed": 5, "before": 4, "as new": 5}
    stored = [making.passage(id=point, rank=Rank(0, offset)) for point, offset in ranks.items()]
    swept, others = unlisted("docs__1", known, stored)
    assert (swept.where, others.where) == (["before"], ["as new"])
    assert swept.until.startswith("when a worker gets their partition")
    assert others.until == "never by themselves"
    (forgotten,) = unlisted("docs__1", None, stored[:1])
    assert forgotten.until == "never by themselves"
