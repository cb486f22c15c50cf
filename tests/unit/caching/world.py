"""Workers, searches and a store that they share, all run by the real code, and driven one call at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from freshet.schemas.feed import Change, Fields, Watermark
from freshet.schemas.positions import FreshnessToken, Order
from freshet.schemas.topics import Topics
from freshet.search.index.facts import BUILT_TO, INCARNATION, built_to, incarnation
from freshet.search.passages import Recipe
from freshet.streams.announcing import Announcer
from freshet.streams.batch import Batch
from freshet.streams.indexer import Indexer
from freshet.streams.messages import Message
from freshet.streams.retry import Retry, Weather
from tests.support.memory_index import MemoryIndex
from tests.unit.caching.collection import TEXT, IndexVersion, NearEmbedder
from tests.unit.caching.feed import Feed
from tests.unit.caching.gates import Gates, kill
from tests.unit.caching.log import PARTITIONS, Log

RECIPE: Final = Recipe(window=4)  # one or two words a passage
TOPICS: Final = Topics("documents")


@dataclass(eq=False)
class Worker:
    """An owner of all partitions of one version, or somebody who once was."""

    collection: IndexVersion
    task: asyncio.Task[Any] | None = None


class Upstream:
    """Everything on the side of the log: events, versions, workers, announcements."""

    announce_first = False  # as no worker does
    tells_less = 0.1  # of all changes

    def __init__(self, seed: int, order: Order, gates: Gates) -> None:
        self.random = random.Random(seed)
        self.order = order
        self.tenants = self.random.random() < 0.4
        self.gates = gates
        self.log = Log(self.random, order, tenants=self.tenants, documents=self.random.randint(3, 8))
        self.embedder = NearEmbedder()
        self.feed = Feed()
        self.moments = count(1)
        self.collections: dict[str, IndexVersion] = {}
        self.past: list[IndexVersion] = []
        self.owners: dict[str, Worker] = {}
        self.sleepers: list[Worker] = []
        self.now = 0
        self.seconds = 0.0

    def make(self, name: str, *, first: bool) -> IndexVersion:
        """A version, beside the live one unless it is the first, or anew under the same name."""
        made_as = {INCARNATION: f"{name}-{next(self.moments)}"}
        ends = {str(number): len(events) for number, events in enumerate(self.log.partitions)}
        facts: dict[str, Any] = {"topic": TOPICS.documents, **made_as, **({} if first else {BUILT_TO: ends})}
        made = self.collections[name] = IndexVersion(name, facts, self.moments)
        return made

    def drop(self, name: str) -> None:
        self.past.append(self.collections.pop(name))
        for each in [worker for worker in [*self.sleepers, self.owners.get(name)] if worker is not None]:
            if each.collection.name == name:
                self._end(each)

    def _end(self, worker: Worker) -> None:
        if worker.task is not None:
            worker.task.cancel()
        if worker in self.sleepers:
            self.sleepers.remove(worker)
        if self.owners.get(worker.collection.name) is worker:
            del self.owners[worker.collection.name]

    async def own(self, name: str) -> None:
        """Another worker takes the version over; who had it sleeps, and may go on at any time, or dies."""
        before = self.owners.pop(name, None)
        if before is not None:
            if self.random.random() < 0.7:
                self.sleepers.append(before)
            elif before.task is not None:
                await kill(before.task)
        worker = self.owners[name] = Worker(self.collections[name])
        worker.task = await self.gates.start(self._work(worker))

    async def _work(self, worker: Worker) -> None:
        """Batches from the committed offsets on, two of them in flight where there are."""
        collection, gate = worker.collection, self.gates.of(worker)
        indexer, announcer = self._indexer(worker), self.announcer(worker)
        at = {number: collection.committed.get(number, 0) for number in range(PARTITIONS)}
        taken: dict[int, int] = {}
        while self.owners.get(collection.name) is worker:
            batches = []
            for _ in range(self.random.randint(1, 2)):
                batch = self._batch(at, taken)
                if batch is not None:
                    await indexer.plan(batch, lambda: True)
                    batches.append(batch)
            await gate("planned" if batches else "idle")
            for batch in batches:
                await indexer.embed(batch, lambda: True)
                if self.announce_first:
                    await announcer.announce(batch)
                await indexer.write(batch, lambda: True)
                await gate("announce")
                if not self.announce_first:
                    await announcer.announce(batch)
                await gate("commit")
                if self.owners.get(collection.name) is worker:
                    collection.committed |= batch.ends

    def _batch(self, at: dict[int, int], taken: dict[int, int]) -> Batch | None:
        ends = {}
        for number, events in enumerate(self.log.partitions):
            if at[number] < len(events) and self.random.random() < 0.8:
                ends[number] = min(at[number] + self.random.randint(1, 3), len(events))
        if not ends:
            return None
        batch = Batch((), ends, dict(taken), 0)
        for number, end in ends.items():
            for event in self.log.partitions[number][at[number] : end]:
                batch.events.setdefault(event.key, []).append(event)
        at |= ends
        taken |= ends
        return batch

    def _indexer(self, worker: Worker) -> Indexer:
        return Indexer(
            index=MemoryIndex(worker.collection.points, self.gates.of(worker)),
            embedder=self.embedder,
            order=self.order,
            recipe=RECIPE,
            text=TEXT,
            retry=Retry(weather=Weather(), longest_wait=1),
            clock=lambda: float(self.now),
            ledger_bytes=self.random.choice((0, 1 << 20)),
            batch_tokens=3,
        )

    def announcer(self, worker: Worker) -> Announcer:
        collection = worker.collection
        return Announcer(
            sink=FeedSink(self, worker),
            index=MemoryIndex(collection.points, self.gates.of(worker)),
            live=lambda: False,
            topics=TOPICS,
            version=collection.name,
            incarnation=incarnation(collection.facts),
            clock=lambda: float(self.now),
            built_to=built_to(collection.facts),
        )

    async def step_worker(self, worker: Worker) -> None:
        """Let it do one call; what ended leaves."""
        waiting = self.gates.at(worker)
        if waiting:
            await self.gates.let_go(self.random.choice(waiting))
        if worker.task is not None and worker.task.done():
            worker.task.result()
            self._end(worker)


@dataclass
class FeedSink:
    """Puts records into the feed one by one, so that whoever sends them may die in between."""

    world: Upstream
    worker: Worker

    async def send_all(self, records: Iterable[Message]) -> Sequence[FreshnessToken]:
        tokens = []
        for record in records:
            await self.world.gates.of(self.worker)("send")
            assert record.partition is not None
            assert record.value is not None
            lane = self.world.feed.partitions[record.partition]
            lane.append(self._value(record.value))
            tokens.append(FreshnessToken(TOPICS.indexed, record.partition, len(lane) - 1))
        return tokens

    def _value(self, value: bytes) -> bytes:
        """The record; of some changes less than all is told, as where a document is too large."""
        if b'"watermark"' in value:
            mark = Watermark.model_validate_json(value)
            self.worker.collection.announced(mark.partition, mark.offset)
            return value
        change, dice = Change.model_validate_json(value), self.world.random.random()
        if dice < self.world.tells_less:
            change = change.model_copy(update={"passages": None, "error": 0.0})
        if dice < 0.3 * self.world.tells_less:
            change = change.model_copy(update={"before": _less(change.before), "after": _less(change.after)})
        return change.model_dump_json().encode()


def _less(fields: Fields | None) -> Fields | None:
    return None if fields is None else Fields(present=fields.present, metadata=None)
