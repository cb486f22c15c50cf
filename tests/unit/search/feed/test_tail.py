"""What a search process knows of the change feed, and when it is sure of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest

from freshet.schemas.errors import TransientError
from freshet.search.feed.tail import BACK, SILENT_SECONDS
from freshet.search.ports import FeedRecords
from tests.support.memory_feed import MemoryLog
from tests.support.waiting import wait_until
from tests.unit.search.feed.followed import Followed


async def test_changes_and_watermarks_are_seen_as_they_come():
    async with Followed().running() as it:
        await wait_until(lambda: it.tail.sure)
        assert it.tail.identity == "feed-1"
        it.log.change("kb-1")
        it.log.change("kb-2", partition=1)
        it.log.watermark(7)
        await wait_until(lambda: it.watermarks() == {0: 7})
        assert sorted(it.sink.keys) == ["kb-1", "kb-2"]
        assert it.tail.mark("v1").positions == {0: 2, 1: 1}


async def test_it_begins_some_way_before_the_end_and_is_not_sure_before_it_has_passed_that():
    log = MemoryLog()
    for number in range(BACK):
        log.change(f"kb-{number}")
    it = Followed(log, most=10)
    async with it.running():
        await wait_until(lambda: it.sink.keys)
        assert not it.tail.sure
        await wait_until(lambda: it.tail.sure)
    assert it.sink.begun == [{0: BACK // 2, 1: 0}]
    assert it.sink.keys == [f"kb-{number}" for number in range(BACK // 2, BACK)]


async def test_what_was_committed_is_read_before_the_ends_and_counts_once_those_were_passed():
    """The worker commits after it has announced: ends that are read after the commits are behind its changes."""
    log = MemoryLog()
    log.commit(12)
    log.change("kb-1")
    it = Followed(log)
    assert it.watermarks() == {}
    async with it.running():
        await wait_until(lambda: it.watermarks() == {0: 12})
        assert it.sink.keys == ["kb-1"]
    assert it.feed.asked.index("committed v1") < it.feed.asked.index("ends")


async def test_what_was_told_before_the_first_record_and_committed_after_the_start_is_learnt_a_little_later(
    monkeypatch,
):
    """Else who waits for it would wait for the next event."""
    it = Followed()
    begin = it.feed.start

    async def start(back: int) -> Mapping[int, int]:
        it.log.commit(7)  # after the commits were read
        return await begin(back)

    monkeypatch.setattr(it.feed, "start", start)
    assert it.watermarks() == {}
    async with it.running():
        await wait_until(lambda: it.watermarks() == {0: 7})
    assert it.feed.asked.count("committed v1") == 2


async def test_a_version_that_is_asked_for_later_has_no_commits_before_the_feed_was_passed_up_to_then():
    it = Followed()
    async with it.running():
        await wait_until(lambda: it.tail.sure)
        it.log.commit(5, version="v2")
        it.feed.most = 0  # it does not come on
        for number in range(3):
            it.log.change(f"kb-{number}", version="v2")
        assert it.watermarks("v2") == {}
        await wait_until(lambda: "committed v2" in it.feed.asked[:-5])
        assert it.watermarks("v2") == {}
        it.feed.most = 10
        await wait_until(lambda: it.watermarks("v2") == {0: 5})
        assert it.sink.keys == ["kb-0", "kb-1", "kb-2"]
    assert it.feed.asked.count("committed v2") == 1  # for the group of a version is asked once


async def test_each_version_has_watermarks_of_its_own_and_one_that_was_replaced_lowers_none():
    async with Followed().running() as it:
        it.log.watermark(9)
        it.log.watermark(4)  # of a worker that does not know yet that its partitions are somebody else's
        it.log.watermark(3, version="v2", partition=1)
        it.log.watermark(99, topic="others")
        await wait_until(lambda: it.tail.mark("v1").positions == {0: 3, 1: 1})
        assert it.watermarks("v1") == {0: 9}
        assert it.watermarks("v2") == {1: 3}


async def test_a_partition_that_has_told_nothing_for_seconds_makes_it_unsure_until_it_is_heard_again():
    async with Followed().running() as it:
        await wait_until(lambda: it.tail.sure)
        it.feed.silent = SILENT_SECONDS
        await wait_until(lambda: not it.tail.sure)
        it.feed.silent = 0.0
        await wait_until(lambda: it.tail.sure)
        assert len(it.sink.begun) == 1  # nothing can have been missed
        it.now += SILENT_SECONDS  # as when the whole process was asleep
        assert not it.tail.sure


async def test_without_kafka_it_is_not_sure_goes_on_trying_and_complains_once(caplog: pytest.LogCaptureFixture):
    it = Followed()
    it.log.away = True
    async with it.running():
        await wait_until(lambda: it.feed.asked.count("look") > 5)
        assert it.tail.tried.is_set()
        assert not it.tail.sure
        it.log.away = False
        await wait_until(lambda: it.tail.sure)
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert told == [
        "the change feed of documents cannot be followed: read the change feed: no broker answers",
        "the change feed of documents is followed again",
    ]


async def test_a_feed_that_is_made_anew_is_followed_from_its_start_and_watermarks_are_learnt_anew():
    async with Followed().running() as it:
        it.log.watermark(9)
        await wait_until(lambda: it.watermarks() == {0: 9})
        it.log.made_anew()
        it.log.commit(2)
        await wait_until(lambda: it.tail.identity == "feed-2")
        await wait_until(lambda: it.tail.sure)
        assert it.watermarks() == {0: 2}
        assert it.sink.begun[-1] == {0: 0, 1: 0}


async def test_more_partitions_are_followed_too():
    async with Followed().running() as it:
        await wait_until(lambda: it.tail.sure)
        assert it.log.topics is not None
        it.log.records[2] = []
        it.log.topics = replace(it.log.topics, partitions=3)
        it.log.change("kb-1", partition=2)
        await wait_until(lambda: it.sink.keys == ["kb-1"])
        assert it.sink.begun[-1] == {0: 0, 1: 0, 2: 0}


async def test_of_a_partition_that_is_not_followed_yet_no_commit_counts():
    it = Followed()
    it.log.commit(3)
    it.log.commit(8, partition=2)
    async with it.running():
        await wait_until(lambda: it.watermarks() == {0: 3})


async def test_a_feed_that_is_gone_is_waited_for():
    async with Followed().running() as it:
        await wait_until(lambda: it.tail.sure)
        topics, it.log.topics = it.log.topics, None
        await wait_until(lambda: not it.tail.sure)
        it.log.topics = topics
        await wait_until(lambda: it.tail.sure)


@pytest.mark.parametrize("value", [b"", None, b"{}", b"\xff", b'{"kind": "change"}', b'{"kind": "news"}', b"[]"])
async def test_a_record_that_is_none_may_have_told_of_any_change_so_the_sink_begins_anew(value):
    async with Followed().running() as it:
        it.log.change("kb-1")
        it.log.watermark(5)
        await wait_until(lambda: it.watermarks() == {0: 5})
        it.log.put(0, value)
        it.log.change("kb-2")
        await wait_until(lambda: it.sink.keys == ["kb-2"])
        assert it.sink.begun == [{0: 0, 1: 0}, {0: 3, 1: 0}]
        assert it.tail.sure
        assert it.watermarks() == {0: 5}


async def test_passages_that_do_not_fit_together_may_be_any():
    passage = b'{"vector": "AAA=", "terms": "AAAA", "weights": ""}'
    change = b'{"kind": "change", "index_version": "v1", "outcome": "indexed", "origin": "documents/0@0", "key": "k", '
    async with Followed().running() as it:
        await wait_until(lambda: it.tail.sure)
        it.log.put(1, change + b'"passages": [%s]}' % passage)
        await wait_until(lambda: len(it.sink.begun) == 2)
        assert it.sink.begun[-1] == {0: 0, 1: 1}


async def test_what_cannot_be_read_at_all_is_passed_by_beginning_at_the_end():
    it = Followed()
    async with it.running():
        await wait_until(lambda: it.tail.sure)
        for number in range(3):
            it.log.change(f"kb-{number}")
        it.feed.unreadable = (0, 1)
        await wait_until(lambda: it.sink.begun[-1] == {0: 3, 1: 0})
        await wait_until(lambda: it.tail.sure)
        it.log.change("kb-3")
        await wait_until(lambda: it.sink.keys == ["kb-3"])


async def test_an_offset_that_is_out_of_range_makes_it_start_anew():
    async with Followed().running() as it:
        it.log.change("kb-1")
        await wait_until(lambda: it.sink.keys)
        it.log.records[0].clear()  # its log was cut
        await wait_until(lambda: it.sink.begun[-1] == {0: 0, 1: 0} and len(it.sink.begun) > 1)
        await wait_until(lambda: it.tail.sure)


async def test_who_waits_is_told_as_soon_as_a_watermark_is_high_enough():
    async with Followed().running() as it:
        await wait_until(lambda: it.tail.sure)
        assert not await it.tail.reached("v1", {0: 3}, seconds=0)
        waiting = [asyncio.create_task(it.tail.reached("v1", {0: 3, 1: 1}, seconds=60)) for _ in range(3)]
        it.log.watermark(3)
        await wait_until(lambda: it.watermarks() == {0: 3})
        assert not any(each.done() for each in waiting)
        it.log.watermark(1, partition=1)
        assert await asyncio.gather(*waiting) == [True, True, True]
        assert await it.tail.reached("v1", {0: 3}, seconds=0)
        assert await it.tail.reached("v1", {}, seconds=0)
        assert not await it.tail.reached("v2", {0: 3}, seconds=0.01)


async def test_who_waits_is_let_go_when_nobody_follows_any_more():
    it = Followed()
    async with it.running():
        await wait_until(lambda: it.tail.sure)
        waiting = asyncio.create_task(it.tail.reached("v1", {0: 3}, seconds=60))
        await asyncio.sleep(0)
    assert not await waiting


async def test_the_lag_is_shown_and_not_after_it_was_lost():
    async with Followed().running() as it:
        await wait_until(lambda: it.registry.get_sample_value("freshet_feed_lag_records") == 0)
        it.log.topics = None
        await wait_until(lambda: it.registry.get_sample_value("freshet_feed_lag_records") != 0)


async def test_a_feed_that_can_be_begun_but_not_read_is_not_followed_and_is_told_once(monkeypatch, caplog):
    """As where a process may describe the topic, and not read it."""
    it = Followed()
    tries, sure = 0, []

    async def fetch() -> FeedRecords:
        nonlocal tries
        tries += 1
        sure.append(it.tail.sure)
        raise TransientError("read the change feed", "Read on documents.indexed is missing")

    monkeypatch.setattr(it.feed, "fetch", fetch)
    async with it.running():
        await wait_until(lambda: tries >= 5)
    assert not any(sure)
    assert [record.levelname for record in caplog.records if "cannot be followed" in record.message] == ["WARNING"]


async def test_silence_is_told_once_and_its_end():
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("freshet.search.feed.tail")
    logger.addHandler(handler)
    try:
        async with Followed().running() as it:
            await wait_until(lambda: it.tail.sure)
            it.feed.silent = SILENT_SECONDS
            await wait_until(lambda: any("nothing is heard" in each for each in records))
            it.feed.silent = 0.0
            await wait_until(lambda: any("is followed again" in each for each in records))
    finally:
        logger.removeHandler(handler)
    assert len(records) == 2
