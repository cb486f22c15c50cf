"""Faults of workers, done: each returns when it is over, so that the next one finds a group that works."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from tests.chaos.pace import Pace
from tests.chaos.schedule import OVERTAKING, Fault, Step
from tests.chaos.stage import DEADLINE, SESSION_SECONDS, WORKERS, Stage
from tests.chaos.writes import Write, write_of
from tests.support.holding import Hold
from tests.support.road import Process
from tests.support.waiting import wait_until

logger = logging.getLogger(__name__)
HOLD_SECONDS: Final = 4.0  # in which another write may follow the first, if need be once the worker gave that up
HELD: Final = ((Write.COMMIT, Write.REMOVE), (Write.ADD, Write.COMMIT))  # of zombies, by turns


class WorkerFaults:
    """Does steps one after the other, and counts them in `done`.

    `rebalances` counts members that left or joined by themselves, `late` by their kind the writes of zombies that
    arrived after others had gone on, and `late_zombies` those zombies. `died` are workers that ended though nobody told
    them to.
    """

    def __init__(self, stage: Stage, pace: Pace) -> None:
        self.done: Counter[Fault] = Counter()
        self.rebalances = 0
        self.late: Counter[str] = Counter()
        self.late_zombies = 0
        self.died: list[str] = []
        self._stage = stage
        self._pace = pace
        self._group = stage.group()
        self._running: list[Process] = []
        self._ways: dict[Fault, Callable[[random.Random], Awaitable[None]]] = {
            Fault.KILL: self._kill,
            Fault.LEAVE: self._leave,
            Fault.JOIN: self._join,
            Fault.ZOMBIE: self._make_zombie,
        }

    async def do(self, step: Step) -> None:
        logger.info("%s, after %s events", step.fault.value, step.at)
        await self._ways[step.fault](step.chance)
        self.done[step.fault] += 1

    async def start_workers(self, number: int) -> None:
        """Return when the first of them works: it makes the topics."""
        self._running = list(self._stage.workers[:number])
        for process in self._running[1:]:
            process.spawn()
        await self._running[0].start()

    async def end_workers(self) -> None:
        """The last of them die as they may."""
        self._bury_the_dead()
        await asyncio.gather(*(process.kill() for process in self._running))
        self._running = []

    async def _kill(self, rng: random.Random) -> None:
        worker = await self._working(rng)
        await asyncio.sleep(rng.uniform(0, 0.3))  # somewhere in its batches
        await worker.kill()
        if rng.random() < 0.5:
            await asyncio.sleep(rng.uniform(0, 1.5 * SESSION_SECONDS))  # others may have its partitions meanwhile
        worker.spawn()

    async def _leave(self, rng: random.Random) -> None:
        if len(self._running) == 1:
            await self._one_more()
        worker = await self._working(rng)
        self._running.remove(worker)
        await worker.stop()
        self.rebalances += 1

    async def _join(self, rng: random.Random) -> None:
        if len(self._running) == WORKERS:
            await self._leave(rng)
        await self._one_more()

    async def _one_more(self) -> None:
        worker = next(each for each in self._stage.workers if each not in self._running)
        self._running.append(worker)
        worker.spawn()
        await self._all_joined()
        self.rebalances += 1

    async def _make_zombie(self, rng: random.Random) -> None:
        """Stop a worker while it writes until others have gone on; then let it, and its late writes, go on."""
        if len(self._running) == 1:
            await self._one_more()
        await self._all_joined()
        worker = await self._working(rng)
        hold = await self._hold_writes_of(worker)
        worker.pause()
        try:
            await self._overtake()
        finally:
            hold.let_go()
            worker.resume()
        await self._until(lambda: hold.arrived == len(hold.kept), "the writes that were held have arrived")
        self.late.update(hold.kept)
        self.late_zombies += 1
        await self._all_joined()

    async def _hold_writes_of(self, worker: Process) -> Hold:
        """Keep one or two of the worker's next writes from Qdrant."""
        proxy, kinds = self._stage.qdrant_proxy, HELD[self.done[Fault.ZOMBIE] % len(HELD)]
        hold = proxy.hold = Hold(self._stage.door_of(worker), kinds, write_of)
        self._pace.wanted = math.inf
        await self._until(lambda: hold.kept, "a worker writes")
        self._pace.wanted = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS):
                await wait_until(lambda: hold.full)
        return hold

    async def _overtake(self) -> None:
        """Wait until the others have indexed all that a stopped worker was at, and events that come after it."""
        await self._pace.overtake(OVERTAKING)
        await asyncio.sleep(SESSION_SECONDS)
        ends = await self._until(partial(self._group.ends, self._stage.road.topic), "Kafka knows the ends of the log")
        await self._until(partial(self._group.passed, ends), "others have done what the stopped worker was at")

    async def _working(self, rng: random.Random) -> Process:
        """One of the workers that are members of the group and have fetched something."""

        async def busy() -> Process | None:
            order = rng.sample(self._running, len(self._running))
            for worker in order:
                if sum((await worker.metric("freshet_batch_events_count")).values()) > 0:
                    return worker
            self._bury_the_dead()
            return None

        self._pace.wanted = math.inf  # who has just begun works on nothing, as long as the next faults allow no event
        try:
            found: Process = await self._until(busy, "a worker works")
        finally:
            self._pace.wanted = 0
        return found

    async def _all_joined(self) -> frozenset[str]:
        """Wait until every running worker is a member, and nobody else."""

        async def complete() -> frozenset[str]:
            self._bury_the_dead()
            members = await self._group.members()
            return members if len(members) == len(self._running) else frozenset()

        found: frozenset[str] = await self._until(complete, "all workers are members of the group")
        return found

    def _bury_the_dead(self) -> None:
        """A worker that ended by itself is started again, as a supervisor would, and is a finding."""
        for worker in self._running:
            if not worker.alive:
                self.died.append(f"{worker.log}: {worker.log_tail()}")
                worker.spawn()

    async def _until(self, condition: Callable[[], object], what: str) -> Any:
        return await wait_until(condition, what, deadline=DEADLINE)
