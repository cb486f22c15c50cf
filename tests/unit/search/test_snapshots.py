from __future__ import annotations

import asyncio

import numpy as np
import pytest

from freshet.schemas.errors import TransientError
from freshet.search.snapshots import Snapshots
from freshet.search.statistics import TermStatistics
from tests.unit.search.http.world import MemoryReader


def snapshot(number: int) -> TermStatistics:
    return TermStatistics(number, 1, 1, np.zeros(0, np.uint32), np.zeros(0, np.uint32))


class CountingReader(MemoryReader):
    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:  # noqa: ARG002
        self.looks += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return self.snapshot


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def reader() -> CountingReader:
    return CountingReader()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def snapshots(reader: CountingReader, clock: Clock) -> Snapshots:
    return Snapshots(reader, seconds=5, clock=clock)


async def test_before_the_first_snapshot_there_is_none(snapshots: Snapshots):
    assert await snapshots.current() is None


async def test_a_newer_snapshot_is_taken_up_when_it_is_time_to_look_and_not_before(snapshots, reader, clock):
    reader.snapshot = first = snapshot(1)
    assert await snapshots.current() is first
    reader.snapshot = second = snapshot(2)
    clock.now = 4.9
    assert (await snapshots.current(), reader.looks) == (first, 1)
    clock.now = 5.0
    assert (await snapshots.current(), reader.looks) == (second, 2)


async def test_one_search_looks_while_the_others_go_on_with_what_is_known(snapshots, reader, clock):
    reader.snapshot = first = snapshot(1)
    await snapshots.current()
    clock.now = 5.0
    reader.gate.clear()
    looking = asyncio.create_task(snapshots.current())
    await asyncio.sleep(0)
    assert [await snapshots.current() for _ in range(3)] == [first] * 3
    reader.snapshot = second = snapshot(2)
    reader.gate.set()
    assert await looking is second
    assert reader.looks == 2


async def test_a_look_that_fails_is_told_only_where_nothing_is_known(snapshots, reader, clock):
    reader.failure = TransientError("read", "away")
    with pytest.raises(TransientError):
        await snapshots.current()
    reader.failure, reader.snapshot = None, snapshot(1)
    known = await snapshots.current()
    assert known is reader.snapshot
    reader.failure, clock.now = TransientError("read", "away"), 9.0
    assert await snapshots.current() is known
