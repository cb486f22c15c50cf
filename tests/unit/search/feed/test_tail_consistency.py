"""At every moment: what a mark says of a version was seen by whoever heard all changes below its positions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_feed import MemoryLog
from tests.unit.search.feed.followed import Followed

Event = tuple[str, int, int]  # of a version and a partition, its number
Step = tuple[Literal["work", "event", "replace", "turn", "ask", "stall", "cut off", "garble"], int]
WHAT = st.sampled_from(
    ["work", "event", "event", "turn", "turn", "turn", "replace", "ask", "stall", "cut off", "garble"]
)
STEPS = st.lists(st.tuples(WHAT, st.integers(0, 7)), min_size=20, max_size=60)


class Worker:
    """Indexes the events 0, 1, 2, … of a partition: announces each, then the watermark, then commits.

    A replaced one goes on with what it had in hand. `told` is where the change of each event first lay in the feed.
    """

    def __init__(self, log: MemoryLog, told: dict[Event, int], version: str, partition: int) -> None:
        self.log, self.told, self.version, self.partition, self.stage = log, told, version, partition, 0
        self.at = self.committed

    @property
    def committed(self) -> int:
        return self.log.commits.get(self.version, {}).get(self.partition, 0)

    def step(self) -> None:
        where: dict[str, Any] = {"version": self.version, "partition": self.partition}
        if self.stage == 0:
            self.told.setdefault((self.version, self.partition, self.at), len(self.log.records[self.partition]))
            self.log.change(f"{self.partition}/{self.at}", **where)
        elif self.stage == 1:
            self.log.watermark(self.at + 1, **where)
        else:
            self.log.commit(max(self.committed, self.at + 1), **where)
            self.at += 1
        self.stage = (self.stage + 1) % 3


def check(it: Followed, versions: set[str], told: dict[Event, int]) -> None:
    heard = {(change.partition, change.offset) for change in it.sink.changes}
    for version in versions:
        mark = it.tail.mark(version)
        for (of, partition, event), offset in told.items():
            if of == version and event < mark.watermarks.get(partition, 0) and it.tail.sure:
                assert offset < mark.positions[partition], "a watermark covers a change that still lies ahead"
                missed = offset >= it.sink.begun[-1][partition] and (partition, offset) not in heard
                assert not missed, "the sink was not told of it"


@given(steps=STEPS, most=st.integers(1, 3))
async def test_no_watermark_says_more_than_positions_and_sink_whatever_the_batches_and_the_order(
    steps: Sequence[Step], most: int
) -> None:
    it, told, asked = Followed(most=most, pause=0), dict[Event, int](), set[str]()
    workers = [Worker(it.log, told, version, partition) for version in ("v1", "v2") for partition in (0, 1)]
    async with it.running():
        for what, number in steps:
            match what:
                case "work":
                    workers[number % len(workers)].step()
                case "event":  # all of it before anybody else gets a turn
                    for _ in range(3):
                        workers[number % len(workers)].step()
                case "stall":
                    it.feed.most = 0 if it.feed.most else most
                case "replace":
                    old = workers[number % len(workers)]
                    workers.append(Worker(it.log, told, old.version, old.partition))
                case "turn":
                    await asyncio.sleep(0)
                case "ask":
                    asked.add(("v1", "v2")[number % 2])
                case "cut off":
                    await it.feed.stop()
                case "garble":
                    it.log.put(number % 2, b"{")
            check(it, asked, told)
        it.feed.most = most
        for _ in range(500):
            await asyncio.sleep(0)
            check(it, asked, told)
    ends = {partition: len(records) for partition, records in it.log.records.items()}
    assert it.tail.mark("v1").positions == ends
    cut_off = any(what == "cut off" for what, _ in steps)  # then some records may have been passed over
    for version in () if cut_off else asked:
        committed = it.log.commits.get(version, {})
        assert all(it.watermarks(version)[partition] >= offset for partition, offset in committed.items())
