"""Faults, done: each returns when it is over, so that the next one of its kind finds a system that runs."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from freshet.local.engine import LocalQdrant
from freshet.local.kafka import LocalKafka
from tests.chaos.schedule import OF_SERVERS, Fault, Step
from tests.chaos.stage import SESSION_SECONDS, WORKERS, Stage
from tests.chaos.weather import bad_weather, trouble
from tests.support.http_proxy import FINE
from tests.support.proxy import FINE as CALM
from tests.support.road import Process
from tests.support.servers import LocalRedis
from tests.support.waiting import wait_until

logger = logging.getLogger(__name__)
Server = LocalKafka | LocalQdrant | LocalRedis
DEADLINE: Final = 90.0
OUTAGE_SECONDS: Final = 2.0  # at most
WEATHER_REQUESTS: Final = 10  # in trouble before the next fault may begin
WEATHER_SECONDS: Final = 3.0  # at most, where nobody asks


class Faults:
    """Does the steps of a schedule, those of workers one after the other and so those of servers, and counts them.

    `done` counts faults, `rebalances` members that left or joined by themselves, `died` are workers that ended though
    nobody told them to.
    """

    def __init__(self, stage: Stage) -> None:
        self.done: Counter[Fault] = Counter()
        self.rebalances = 0
        self.died: list[str] = []
        self._stage = stage
        self._group = stage.group()
        self._running: list[Process] = []
        self._bad_weather_left = 0
        self._ways: dict[Fault, Callable[[random.Random], Awaitable[None]]] = {
            Fault.KILL: self._kill,
            Fault.LEAVE: self._leave,
            Fault.JOIN: self._join,
            Fault.ZOMBIE: self._make_zombie,
            Fault.KAFKA: partial(self._take_away, stage.kafka, pauses=False),
            Fault.QDRANT: partial(self._take_away, stage.qdrant, pauses=True),
            Fault.REDIS: partial(self._take_away, stage.redis, pauses=True),
            Fault.QDRANT_WEATHER: self._worsen_qdrant,
            Fault.REDIS_WEATHER: self._worsen_redis,
        }

    async def do(self, step: Step) -> None:
        """Do one step. Bad weather lasts until the next step of servers is over."""
        logger.info("%s, after %s events", step.fault.value, step.at)
        await self._ways[step.fault](step.chance)
        self.done[step.fault] += 1
        if step.fault in OF_SERVERS:
            self._bad_weather_left -= 1
            if self._bad_weather_left <= 0:
                self.calm()

    async def start_workers(self, number: int) -> None:
        await asyncio.gather(*(process.start() for process in self._stage.workers[:number]))
        self._running = list(self._stage.workers[:number])

    async def end_workers(self) -> None:
        """The last of them die as they may."""
        self._bury_the_dead()
        await asyncio.gather(*(process.kill() for process in self._running))
        self._running = []

    def calm(self) -> None:
        self._stage.qdrant_proxy.weather = lambda _request, _body: FINE
        self._stage.redis_proxy.trouble = lambda: CALM

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
        """Stop a worker until the group has given its partitions to others; then let it go on where it was."""
        if len(self._running) == 1:
            await self._one_more()
        worker = await self._working(rng)
        members = await self._all_joined()
        worker.pause()
        try:
            await self._until(partial(self._lost_one_of, members), "the stopped worker has lost its partitions")
            await asyncio.sleep(rng.uniform(0, 0.5))
        finally:
            worker.resume()
        await self._all_joined()

    async def _lost_one_of(self, members: frozenset[str]) -> bool:
        left = await self._group.members()
        return bool(left) and left < members

    async def _take_away(self, server: Server, rng: random.Random, *, pauses: bool) -> None:
        """A server is killed, told to stop, or hangs; and comes back."""
        process = server.process
        seconds = rng.uniform(0.2, OUTAGE_SECONDS)
        way = rng.choice(("kill", "stop", "pause") if pauses else ("kill", "stop"))
        if way == "pause":
            process.pause()
            await asyncio.sleep(seconds + 1)  # longer than clients wait for an answer, sometimes
            process.resume()
            return
        await (process.kill() if way == "kill" else process.stop())
        await asyncio.sleep(seconds)
        await process.start()

    async def _worsen_qdrant(self, rng: random.Random) -> None:
        proxy = self._stage.qdrant_proxy
        proxy.weather = bad_weather(rng)
        await self._suffer(lambda: proxy.troubled)

    async def _worsen_redis(self, rng: random.Random) -> None:
        proxy = self._stage.redis_proxy
        proxy.trouble = partial(trouble, rng)
        await self._suffer(lambda: proxy.troubled)

    async def _suffer(self, troubled: Callable[[], int]) -> None:
        self._bad_weather_left = 2
        enough = troubled() + WEATHER_REQUESTS
        end = asyncio.get_running_loop().time() + WEATHER_SECONDS
        while troubled() < enough and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 (bad weather lasts)
            await asyncio.sleep(0.05)

    async def _working(self, rng: random.Random) -> Process:
        """One of the workers that are members of the group and have fetched something."""

        async def busy() -> Process | None:
            order = rng.sample(self._running, len(self._running))
            for worker in order:
                if sum((await worker.metric("freshet_batch_events_count")).values()) > 0:
                    return worker
            self._bury_the_dead()
            return None

        found: Process = await self._until(busy, "a worker works")
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
