"""The worker around a consumer of the tests: what a rebalance may do between fetching and committing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from freshet.schemas.decoding import Record, Rules
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics
from freshet.search.bm25 import Bm25
from freshet.search.passages import Recipe
from freshet.streams.batch import Batch
from freshet.streams.indexer import Indexer
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.pace import Orders, Pace, Throttle, Unhurried
from freshet.streams.reinstating import Reinstater
from freshet.streams.retry import Retry, Weather
from freshet.streams.worker import Worker
from tests.support.announcing import announcer_to
from tests.support.embedder import CountingEmbedder
from tests.support.memory_index import MemoryIndex, Points
from tests.support.memory_log import MemoryLog
from tests.support.waiting import wait_until
from tests.unit.streams.test_announcing import Sink

Listener = Callable[[frozenset[int]], Awaitable[None]]
PARTITIONS = frozenset({0})


class Log:
    """A consumer over one partition: `rebalance` takes the partition away and gives it back from what is committed."""

    def __init__(self, on_assigned: Listener, on_revoked: Listener) -> None:
        self._assigned = on_assigned
        self._revoked = on_revoked
        self.records: list[Record] = []
        self.position = self.committed_offset = 0
        self.commits: list[Mapping[int, int]] = []
        self.asked = asyncio.Event()
        self._more = asyncio.Event()

    def append(self, key: str, text: str) -> None:
        value = f'{{"type": "upsert", "id": "{key}", "text": "{text}"}}'.encode()
        self.records.append(Record("documents", 0, len(self.records), 1.0, key.encode(), value))
        self._more.set()

    async def rebalance(self) -> None:
        await self._revoked(PARTITIONS)
        self.position = self.committed_offset
        self._more.set()
        await self._assigned(PARTITIONS)

    async def start(self) -> None:
        await self._assigned(PARTITIONS)

    async def stop(self) -> None:
        return

    async def fetch(self) -> tuple[Record, ...]:
        self.asked.set()
        while self.position == len(self.records):
            self._more.clear()
            await self._more.wait()
        found = tuple(self.records[self.position :])
        self.position = len(self.records)
        return found

    async def committed(self, _partition: int) -> int:
        return self.committed_offset

    async def commit(self, ends: Mapping[int, int], _again_ends: Mapping[int, int]) -> bool:
        self.commits.append(ends)
        self.committed_offset = ends[0]
        return True


class Stages:
    """Runs each batch through all stages, as the agents do."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.held: list[Batch] = []

    async def hold(self, batch: Batch) -> None:
        """Instead of `put`: the batch waits."""
        self.held.append(batch)

    async def put(self, batch: Batch) -> None:
        task = asyncio.create_task(self._all(batch))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _all(self, batch: Batch) -> None:
        worker = self.worker
        assert worker is not None
        for stage in ("decode", "plan", "embed", "write", "announce"):
            if not await worker.run(stage, getattr(worker, stage), batch):
                return


class World:
    def __init__(
        self,
        gate: Callable[[str], Awaitable[None]] | None = None,
        *,
        drain_seconds: float = 5,
        clock: Callable[[], float] = lambda: 1.0,
        pace: Pace | None = None,
    ) -> None:
        self.points = Points()
        topics = Topics()
        index = MemoryIndex(self.points, gate) if gate else MemoryIndex(self.points)
        retry = Retry(weather=Weather(), longest_wait=0.01)
        self.stages = Stages()
        self._log: Log | None = None
        self.keeping = 0
        self.purging: frozenset[int] = frozenset()

        def consumer(**listeners: Any) -> Log:
            self._log = Log(**listeners)
            return self._log

        async def sweep(_partition: int, _below: int) -> int:
            return 0

        async def keep_statistics() -> None:
            self.keeping += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.keeping -= 1

        async def purge(partitions: frozenset[int]) -> None:
            self.purging = partitions
            try:
                await asyncio.Event().wait()
            finally:
                self.purging = frozenset()

        self.worker = self.stages.worker = Worker(
            consumer=consumer,  # type: ignore[arg-type]
            indexer=Indexer(
                index=index,
                embedder=CountingEmbedder(),
                order=Order.LOG,
                recipe=Recipe(window=8),
                text=Bm25(),
                retry=retry,
                clock=lambda: 1.0,
                ledger_bytes=1 << 20,
                batch_tokens=1_000,
            ),
            announcer=announcer_to(Sink(), index, topics=topics),
            metrics=WorkerMetrics(CollectorRegistry()),
            rules=Rules(),
            topics=topics,
            reinstater=Reinstater(index=index, log=MemoryLog([]), topics=topics, order=Order.LOG),
            retry=retry,
            clock=clock,
            sweep=sweep,
            keep_statistics=keep_statistics,
            keep_checking=keep_statistics,
            purge=purge,
            batch_bytes=1_000_000,
            drain_seconds=drain_seconds,
            pace=pace or Unhurried(),
        )

    @property
    def log(self) -> Log:
        assert self._log is not None
        return self._log

    async def until_committed(self, offset: int) -> None:
        await wait_until(lambda: self.log.committed_offset == offset, f"offset {offset} is committed", deadline=5)

    def indexed(self) -> set[str]:
        return set(self.points.ledger)


async def test_what_is_fetched_while_a_rebalance_passes_is_not_dropped() -> None:
    """The fetch that waited through a rebalance returns records of the new assignment; they do not come again."""
    world = World()
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await world.log.asked.wait()
    await world.log.rebalance()
    world.log.append("a", "one")
    await world.until_committed(1)
    assert world.indexed() == {"a"}
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_a_batch_that_sleeps_through_a_rebalance_is_delivered_again_and_written() -> None:
    """The old batch is stuck before its write; the same event comes again and must not count as written."""
    stuck, free = asyncio.Event(), asyncio.Event()

    async def gate(step: str) -> None:
        if step == "add" and not stuck.is_set():
            stuck.set()
            await free.wait()

    world = World(gate, drain_seconds=0.01)
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await stuck.wait()
    await world.log.rebalance()
    await world.until_committed(1)
    assert world.indexed() == {"a"}
    free.set()
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_a_failure_that_nobody_foresaw_ends_the_worker_and_commits_nothing() -> None:
    async def gate(step: str) -> None:
        if step == "commit":
            raise RuntimeError("a bug")

    world = World(gate)
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await asyncio.wait([consuming], timeout=5)
    assert isinstance(consuming.exception(), RuntimeError)
    assert world.log.commits == []


async def test_its_status_tells_where_each_batch_is() -> None:
    stuck, free = asyncio.Event(), asyncio.Event()

    async def gate(step: str) -> None:
        if step == "add":
            stuck.set()
            await free.wait()

    world = World(gate)
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await stuck.wait()
    status = world.worker.status("g")
    assert [(each.stage, each.waiting, each.busy, each.events) for each in status.stages] == [
        ("decode", 0, False, 1),
        ("plan", 0, False, 1),
        ("embed", 0, False, 1),
        ("write", 0, True, 0),
        ("announce", 0, False, 0),
    ]
    assert (status.group, status.events["indexed"], status.freshness) == ("g", 0, None)
    free.set()
    await world.until_committed(1)
    status = world.worker.status("g")
    assert [(each.waiting, each.busy, each.events) for each in status.stages] == [(0, False, 1)] * 5
    assert status.events["indexed"] == 1
    assert status.freshness is not None
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_a_batch_that_waits_before_a_stage_is_counted_there() -> None:
    world = World(drain_seconds=0.01)
    stages = world.stages
    stages.put = stages.hold  # type: ignore[method-assign]
    consuming = asyncio.create_task(world.worker.consume(stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await wait_until(lambda: stages.held, "the batch is fetched")
    assert [each.waiting for each in world.worker.status("g").stages] == [1, 0, 0, 0, 0]
    await world.worker.run("decode", world.worker.decode, stages.held[0])
    assert [each.waiting for each in world.worker.status("g").stages] == [0, 1, 0, 0, 0]
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_a_batch_knows_up_to_where_all_is_announced_until_a_rebalance() -> None:
    world = World(drain_seconds=0.01)
    stages = world.stages
    stages.put = stages.hold  # type: ignore[method-assign]
    consuming = asyncio.create_task(world.worker.consume(stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await wait_until(lambda: len(stages.held) == 1, "the batch is fetched")
    world.log.append("b", "one")
    await wait_until(lambda: len(stages.held) == 2, "the next one is fetched")
    await world.log.rebalance()  # others may have written meanwhile
    await wait_until(lambda: len(stages.held) == 3, "it is delivered again")
    first, second, again = (each.announced for each in stages.held)
    assert (first, second, again) == ({}, {0: 1}, {})
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_whoever_has_partition_0_keeps_the_term_statistics_and_holds_the_index_against_the_log() -> None:
    world = World()
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await world.log.asked.wait()
    await wait_until(lambda: world.keeping == 2, "the owner does both")
    await world.log.rebalance()
    await wait_until(lambda: world.keeping == 2, "and again after a rebalance, once")
    await world.log._revoked(PARTITIONS)
    assert world.keeping == 0
    await world.log._assigned(frozenset({1, 2}))
    await asyncio.sleep(0)
    assert world.keeping == 0
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_what_an_assignment_began_that_was_lost_without_a_word_goes_on_once_only() -> None:
    world = World()
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await world.log.asked.wait()
    await wait_until(lambda: world.keeping == 2, "the owner does both")
    await world.log._assigned(PARTITIONS)
    await asyncio.sleep(0)
    await wait_until(lambda: world.keeping == 2, "the chores of before have ended")
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_a_rebalance_waits_for_nothing_that_does_not_end() -> None:
    """A chore that cannot be ended and a batch that is stuck have one deadline between them."""
    stuck, begun, free = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def gate(step: str) -> None:
        if step == "add":
            stuck.set()
            await free.wait()

    async def stubborn() -> None:
        begun.set()
        while not free.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await free.wait()

    world = World(gate, drain_seconds=0.05)
    world.worker._keep_statistics = stubborn
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await begun.wait()
    world.log.append("a", "one")
    await stuck.wait()
    async with asyncio.timeout(5):
        await world.log._revoked(PARTITIONS)
    assert not world.worker.joined
    free.set()
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_ends_of_documents_are_forgotten_by_whoever_has_their_partitions() -> None:
    world = World()
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await world.log.asked.wait()
    await wait_until(lambda: world.purging == PARTITIONS, "the owner purges")
    await world.log._revoked(PARTITIONS)
    assert world.purging == frozenset()
    await world.log._assigned(frozenset({1, 2}))
    await wait_until(lambda: world.purging == {1, 2}, "and again what it has then")
    consuming.cancel()
    await asyncio.wait([consuming])
    assert world.purging == frozenset()


async def test_a_record_tells_how_long_its_event_was_in_each_stage() -> None:
    """From the end of the one before: with what its batch waited for a stage, so that all of them add up."""
    moments = itertools.count(100)
    world = World(clock=lambda: float(next(moments)))
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await world.until_committed(1)
    work = world.points.ledger["a"].work
    assert work is not None
    assert (work.fetched_at, work.decode, work.plan, work.embed) == (100, 1, 1, 1)
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_what_was_held_back_through_a_rebalance_comes_again_and_is_written_once() -> None:
    orders = Orders(rest="paused")
    throttle = Throttle()
    throttle.obey(lambda: orders)
    world = World(pace=throttle)
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await wait_until(lambda: world.worker.held == "paused", "the batch is held")
    await world.log.rebalance()
    assert (world.indexed(), world.log.commits) == (set(), [])
    orders = Orders()
    await world.until_committed(1)
    assert (world.indexed(), world.worker.held) == ({"a"}, None)
    assert world.log.commits == [{0: 1}]
    consuming.cancel()
    await asyncio.wait([consuming])


async def test_a_worker_that_is_held_ends_at_once_when_it_is_told_to() -> None:
    world = World(pace=Throttle())
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.append("a", "one")
    await wait_until(lambda: world.worker.held is not None, "the batch is held")
    consuming.cancel()
    await asyncio.wait([consuming], timeout=5)
    assert consuming.done()


async def test_a_limit_makes_batches_of_a_seconds_worth() -> None:
    throttle = Throttle()
    throttle.obey(lambda: Orders(rate=2.0))
    world = World(pace=throttle)
    consuming = asyncio.create_task(world.worker.consume(world.stages))
    await wait_until(lambda: world.worker.joined, "the worker has joined")
    world.log.records = [Record("documents", 0, each, 1.0, b"k", b"{") for each in range(2)]
    world.log.append("a", "one")
    await world.until_committed(3)
    assert world.log.commits == [{0: 2}, {0: 3}]
    consuming.cancel()
    await asyncio.wait([consuming])
