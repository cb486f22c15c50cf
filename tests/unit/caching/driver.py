"""A run: everything that may happen, in an order that a seed decides, and every answer judged when it is given."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.schemas.positions import Order
from freshet.search.asking import SearchRules
from freshet.streams.sweep import sweep
from tests.support.memory_index import MemoryIndex
from tests.unit.caching.collection import FIELDS, IndexVersion
from tests.unit.caching.gates import Gates, Waiting, kill
from tests.unit.caching.log import PARTITIONS
from tests.unit.caching.oracle import Oracle, View
from tests.unit.caching.searches import Asked, Following, Parts, SearchProcess, outcome, questions
from tests.unit.caching.world import Upstream, Worker

STEPS: Final = 400
LENGTHS: Final = (2, 3, 4, 100)  # of lists: with the first ones they are mostly full
RINGS: Final = (12_000, 1 << 20, 1 << 20)  # bytes; the first forgets all the time
BACKS: Final = (0, 0, 3, 1_000)  # records that a tail begins before the ends
SWITCHED: Final = 6  # moments after which everybody has seen that another version is live
RENEWED: Final = 60  # moments that it takes at least to make a version anew and put it live
COMPUTED: Final = 0.1  # of the answers that were not kept are judged, too
SILENCE: Final = 6.0  # seconds, after which a tail that has heard nothing is not sure


@dataclass
class Counts:
    """What was answered, and how."""

    answers: int = 0
    cached: int = 0
    failed: int = 0
    unsettled: int = 0  # answers computed while everything moved, which no cache may keep
    quiet: int = 0  # cached answers that were compared when nothing moved any more


class Driver:
    """One world, from its seed."""

    def __init__(self, seed: int, order: Order, counts: Counts, *, reuse: bool = True) -> None:
        self.random = random.Random(f"driver {seed}")
        self.counts = counts
        self.gates = Gates()
        self.world = Upstream(seed, order, self.gates)
        rules = SearchRules(self.world.tenants, FIELDS, self.random.choice(LENGTHS))
        choose = self.random.choice
        self.parts = Parts({}, rules, choose(RINGS), choose((12_000, 1 << 20)), choose(BACKS))
        self.oracle = Oracle(self.world.log, rules, self.world.embedder)
        self.questions = questions(self.random, self.random.randint(2, 6), tenants=self.world.tenants)
        self.lives: list[IndexVersion] = []
        self.ended: list[int] = []  # when each of them was live no more
        self.processes: list[SearchProcess] = []
        self.dump: dict[str, bytes] = {}
        self.reuse = reuse
        self._numbers = count(2)
        self._deeds: dict[Callable[[], Awaitable[None]], float] = {
            self._publish: 5,
            self._work: 12,
            self._sleepers_work: 3,
            self._own: 1,
            self._count_terms: 0.5,
            self._ask: 45,
            self._follow: 14,
            self._search: 55,
            self._restart: 0.4,
            self._lose_kafka: 0.7,
            self._find_kafka: 2,
            self._be_silent: 0.2,
            self._touch_store: 2,
            self._build: 0.6,
            self._promote: 0.7,
        }

    async def run(self) -> None:
        try:
            await self.begin()
            for _ in range(STEPS):
                await self.step()
            await self.quiet()
        finally:
            await self.end()

    async def begin(self) -> None:
        for _ in range(self.random.randint(2, 8)):
            self.world.log.publish()
        self.lives = [self.world.make("v1", first=True)]
        await self.world.own("v1")
        self.processes = [SearchProcess(self.world, self._live, self.parts) for _ in range(3)]
        for each in self.processes:
            await each.start()
        while not all(each.tail.sure for each in self.processes):
            await self._follow()

    async def step(self) -> None:
        [deed] = self.random.choices(list(self._deeds), list(self._deeds.values()))
        await self.do(deed)

    async def do(self, deed: Callable[[], Awaitable[None]]) -> None:
        self.world.now += 1
        await deed()
        await self._judge_all()

    def _live(self) -> str:
        return self.lives[-1].name

    async def _publish(self) -> None:
        self.world.log.publish()

    async def _work(self) -> None:
        for _ in range(self.random.randint(1, 6)):
            if owners := list(self.world.owners.values()):
                await self.world.step_worker(self.random.choice(owners))

    async def _sleepers_work(self) -> None:
        if self.world.sleepers:
            await self.world.step_worker(self.random.choice(self.world.sleepers))

    async def _own(self) -> None:
        """Another worker takes over; also where nobody had it."""
        await self.world.own(self.random.choice(list(self.world.collections)))

    async def _count_terms(self) -> None:
        self.lives[-1].count_terms()

    async def _follow(self) -> None:
        """Let a tail make its next call; time passes seldom."""
        for _ in range(self.random.randint(1, 4)):
            waiting = [each for each in self.gates.waiting if isinstance(each.who, Following)]
            awake = [each for each in waiting if each.step != "sleep"]
            await self._let_go(awake if awake and self.random.random() < 0.9 else waiting)

    async def _search(self) -> None:
        """Let searches, and what is told to the store, make their next calls: those that wait for long, or any."""
        for _ in range(self.random.randint(1, 8)):
            waiting = [each for each in self.gates.waiting if isinstance(each.who, SearchProcess)]
            await self._let_go(waiting[:1] if self.random.random() < 0.6 else waiting)

    async def _let_go(self, waiting: list[Waiting]) -> None:
        if waiting:
            await self.gates.let_go(self.random.choice(waiting))

    async def _ask(self) -> None:
        await self.ask(self.random.choice(self.processes))

    async def ask(self, process: SearchProcess) -> None:
        request = self.random.choice(self.questions[: self.random.randint(1, len(self.questions))])
        at_least = process.tail.mark(self.lives[-1].told).watermarks if self.random.random() < 0.2 else {}
        lives, known = self._lives(), process.known()
        task = await self.gates.start(process.service.search(request, at_least=at_least))
        process.asked.append(Asked(request, task, at_least, self._live(), lives, known))

    def _lives(self) -> int:
        """Since which version those count that are live, or were a moment ago."""
        return sum(moment < self.world.now - SWITCHED for moment in self.ended)

    async def _restart(self) -> None:
        """A search process is killed and started again: it has only what others share."""
        number = self.random.randrange(len(self.processes))
        await self.processes[number].kill()
        self.processes[number] = SearchProcess(self.world, self._live, self.parts)
        await self.processes[number].start()

    async def _lose_kafka(self) -> None:
        self.random.choice(self.processes).feed.away = True

    async def _find_kafka(self) -> None:
        for process in self.processes:
            process.feed.away = False

    async def _be_silent(self) -> None:
        self.world.seconds += SILENCE

    async def _touch_store(self) -> None:
        """What is shared is lost, in part or all, or comes back as it was."""
        store, dice = self.parts.store, self.random.random()
        if dice < 0.2:
            store.clear()
        elif dice < 0.4 and store:
            del store[self.random.choice(list(store))]
        elif dice < 0.7:
            self.dump = dict(store)
        else:
            store.clear()
            store.update(self.dump)

    async def _build(self) -> None:
        """A version beside the live one, from nothing; what was there is dropped, and its name may come back."""
        [*others] = [name for name in self.world.collections if name != self._live()]
        for name in others:
            self.world.drop(name)
        name = others[0] if others and self.reuse else f"v{next(self._numbers)}"
        self.world.make(name, first=False).made = self.world.now
        await self.world.own(name)

    async def _promote(self) -> None:
        """Searches go over to the other version, whether it has caught up or not."""
        others = [each for name, each in self.world.collections.items() if name != self._live()]
        if others and self.world.now - others[0].made >= RENEWED:
            self.lives.append(others[0])
            self.ended.append(self.world.now)

    async def _judge_all(self) -> None:
        for process in self.processes:
            for asked in [each for each in process.asked if each.task.done()]:
                process.asked.remove(asked)
                answer = outcome(asked)
                if answer is None:
                    self.counts.failed += 1
                else:
                    await self._judge(asked, answer)

    async def _judge(self, asked: Asked, answer: SearchAnswer, *, settled: bool = False) -> None:
        self.counts.answers += 1
        self.counts.cached += answer.cached
        if not (answer.cached or settled) and self.random.random() > COMPUTED:
            return
        marks = answer.index.watermarks
        late = {each: offset for each, offset in asked.at_least.items() if marks.get(each, 0) < offset}
        same = answer.index.version == asked.of
        assert not late or not same, f"{asked.request!r} is answered at {marks}, not at {dict(asked.at_least)}"
        lives = [each for each in self.lives[asked.lives :] if each.name == answer.index.version]
        views = [
            View(asked.request, each, None if number == 0 else each.snapshots[number - 1], marks)
            for each in lives
            for number in range(asked.snapshots.get(each.name, 0), len(each.snapshots) + 1)
        ]
        wrong = await self.oracle.wrong(answer, views, settled=settled)
        self.counts.unsettled += wrong is not None and not answer.cached
        assert wrong is None or not (answer.cached or settled), f"{asked.request!r}: {wrong}"

    async def quiet(self) -> None:
        """Everybody does what is left to do; then each process is asked everything."""
        for process in self.processes:
            process.feed.away = False
        await self._until(lambda: all(each.tail.sure for each in self.processes))
        # What was announced while a tail began is told by what comes next.
        before = [len(events) for events in self.world.log.partitions]
        while any(len(events) == count for events, count in zip(self.world.log.partitions, before, strict=True)):
            self.world.log.publish()
        live = self.lives[-1]
        if live.name not in self.world.owners:
            await self.world.own(live.name)
        await self._finish_work(live)
        await self._until(lambda: all(self._is_told(each, live) for each in self.processes))
        for process in self.processes:
            for request in self.questions:
                await self._compare(process, request, live)

    async def _until(self, come_true: Callable[[], bool]) -> None:
        """Let tails and searches do what they have to do."""
        for _ in range(2_000):
            if come_true():
                return
            self.world.now += 1
            await self._follow()
            await self._search()
            await self._judge_all()
        raise AssertionError("the tails never came to the end of the feed")

    async def _finish_work(self, live: IndexVersion) -> None:
        for worker in [*self.world.sleepers, *self.world.owners.values()]:
            while worker.task is not None and not worker.task.done() and not self._idle(worker, live):
                await self.world.step_worker(worker)
        for partition, below in live.committed.items():  # what crashes left behind would crowd the lists
            await sweep(MemoryIndex(live.points), partition, below=below)

    def _idle(self, worker: Worker, live: IndexVersion) -> bool:
        waiting = self.gates.at(worker)
        ends = {number: len(events) for number, events in enumerate(self.world.log.partitions) if events}
        done = worker.collection.committed == ends
        return bool(waiting) and waiting[0].step == "idle" and (done or worker.collection is not live)

    def _is_told(self, process: SearchProcess, live: IndexVersion) -> bool:
        mark = process.tail.mark(live.told)
        ends = {number: len(events) for number, events in enumerate(self.world.log.partitions) if events}
        lanes = self.world.feed.partitions
        passed = all(mark.positions.get(each, 0) >= len(lanes[each]) for each in range(PARTITIONS))
        return passed and mark.watermarks == ends and process.tail.sure and not process.asked

    async def _compare(self, process: SearchProcess, request: SearchRequest, live: IndexVersion) -> None:
        """What a process says now, twice: the second time it may have kept it."""
        for _ in range(2):
            known = process.known()
            task = await self.gates.start(process.service.search(request))
            asked = Asked(request, task, {}, live.name, self._lives(), known)
            while not task.done():
                self.world.now += 1
                await self._let_go(self.gates.at(process))
            answer = task.result()
            self.counts.quiet += answer.cached
            assert answer.index.version == live.name
            await self._judge(asked, answer, settled=True)

    async def end(self) -> None:
        for process in self.processes:
            await process.kill()
        workers = [*self.world.owners.values(), *self.world.sleepers]
        await kill(*(each.task for each in workers if each.task is not None))
