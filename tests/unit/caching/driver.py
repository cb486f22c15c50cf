"""A run: everything that may happen, in an order that a seed decides, and every answer judged when it is given."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from freshet.schemas.http import SearchAnswer
from freshet.schemas.positions import Order
from freshet.search.asking import SearchRules
from tests.unit.caching.collection import FIELDS, IndexVersion
from tests.unit.caching.gates import Gates, kill
from tests.unit.caching.oracle import Oracle, View
from tests.unit.caching.searches import Asked, SearchProcess, outcome, questions
from tests.unit.caching.world import Upstream

STEPS: Final = 260
LENGTHS: Final = (2, 3, 4, 100)  # of lists: with the first ones they are mostly full


@dataclass
class Counts:
    """What was answered and judged."""

    answers: int = 0
    cached: int = 0
    failed: int = 0
    unsettled: int = 0  # answers computed while everything moved, which no cache may keep
    kinds: Counter[str] = field(default_factory=Counter)


class Driver:
    """One world, from its seed."""

    def __init__(self, seed: int, order: Order, counts: Counts) -> None:
        self.random = random.Random(f"driver {seed}")
        self.counts = counts
        self.gates = Gates()
        self.world = Upstream(seed, order, self.gates)
        self.length = self.random.choice(LENGTHS)
        self.rules = SearchRules(self.world.tenants, FIELDS, self.length)
        self.oracle = Oracle(self.world.log, self.rules, self.world.embedder)
        self.questions = questions(self.random, self.random.randint(3, 8), tenants=self.world.tenants)
        self.lives: list[IndexVersion] = [self.world.make("v1", first=True)]
        self.processes: list[SearchProcess] = []

    async def run(self) -> None:
        try:
            await self._begin()
            for _ in range(STEPS):
                self.world.now += 1
                await self._step()
                await self.judge()
            await self.quiet()
        finally:
            await self.end()

    async def _begin(self) -> None:
        for _ in range(self.random.randint(2, 8)):
            self.world.log.publish()
        await self.world.own("v1")
        self.processes = [self.process(str(number)) for number in range(3)]

    def process(self, name: str) -> SearchProcess:
        return SearchProcess(name, self.world, lambda: self.lives[-1].name, rules=self.rules)

    async def _step(self) -> None:
        dice, choose = self.random.random(), self.random.choice
        owners, sleepers = list(self.world.owners.values()), self.world.sleepers
        if dice < 0.05:
            self.world.log.publish()
        elif dice < 0.4 and owners:
            await self.world.step_worker(choose(owners))
        elif dice < 0.45 and sleepers:
            await self.world.step_worker(choose(sleepers))
        elif dice < 0.47:
            await self.world.own(choose(list(self.world.collections)))
        elif dice < 0.48:
            self.lives[-1].count_terms()
        elif dice < 0.6:
            await self.ask(choose(self.processes))
        else:
            await self._move()

    async def _move(self) -> None:
        """Let one search make its next call."""
        waiting = [each for each in self.gates.waiting if isinstance(each.who, SearchProcess)]
        if waiting:
            await self.gates.let_go(self.random.choice(waiting))

    async def ask(self, process: SearchProcess) -> None:
        request = self.random.choice(self.questions)
        marks = {
            partition: max(offset for _, offset in told) for partition, told in self.lives[-1].marks.items() if told
        }
        lives, known = len(self.lives) - 1, process.known()
        task = await self.gates.start(process.service.search(request))
        process.asked.append(Asked(request, task, marks, lives, known))

    async def judge(self) -> None:
        for process in self.processes:
            for asked in [each for each in process.asked if each.task.done()]:
                process.asked.remove(asked)
                answer = outcome(asked)
                if answer is None:
                    self.counts.failed += 1
                else:
                    await self._judge(asked, answer)

    async def _judge(self, asked: Asked, answer: SearchAnswer) -> None:
        lives = [each for each in self.lives[asked.lives :] if each.name == answer.index.version]
        views = [
            View(asked.request, each, None if number == 0 else each.snapshots[number - 1], asked.marks)
            for each in lives
            for number in range(asked.snapshots.get(each.name, 0), len(each.snapshots) + 1)
        ]
        wrong = await self.oracle.wrong(answer, views)
        self.counts.answers += 1
        cached = getattr(answer, "cached", False)
        self.counts.cached += cached
        self.counts.unsettled += wrong is not None and not cached
        assert wrong is None or not cached, f"{asked.request!r}: {wrong}"

    async def quiet(self) -> None:
        """Everybody does what is left to do."""
        for worker in [*self.world.sleepers, *self.world.owners.values()]:
            while worker.task is not None and not worker.task.done() and not self._idle(worker):
                await self.world.step_worker(worker)
        while any(isinstance(each.who, SearchProcess) for each in self.gates.waiting):
            await self._move()
            await self.judge()

    def _idle(self, worker: Any) -> bool:
        waiting = self.gates.at(worker)
        ends = {number: len(events) for number, events in enumerate(self.world.log.partitions)}
        done = worker.collection.committed == {number: end for number, end in ends.items() if end}
        return bool(waiting) and waiting[0].step == "idle" and done

    async def end(self) -> None:
        workers = [*self.world.owners.values(), *self.world.sleepers]
        asked = [each.task for process in self.processes for each in process.asked]
        await kill(*asked, *(each.task for each in workers if each.task is not None))
