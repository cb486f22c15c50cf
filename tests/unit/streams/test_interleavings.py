"""The write protocol under fire: the real plan and write code, paused, killed and repeated at every step.

Two documents share one partition. Owners are replaced at any step; old ones sleep and wake up, or die. After each step
a reader looks: what a record lists must exist, and no state older than the watermark may show. When all is quiet, the
index equals the fold of the log and holds no orphans.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.events import Delete, Event, Upsert
from freshet.schemas.keys import canonical_json
from freshet.schemas.positions import Order, Rank
from freshet.search.bm25 import Bm25
from freshet.search.index.records import Displaced, LedgerRecord
from freshet.search.passages import Recipe
from freshet.streams import plan, writing
from freshet.streams import sweep as sweeping
from freshet.streams.batch import Batch
from freshet.streams.indexer import Indexer
from freshet.streams.plan import DocumentPlan
from freshet.streams.purging import purge
from freshet.streams.retry import Retry, Weather
from freshet.streams.sweep import sweep
from tests.support.embedder import CountingEmbedder, vector_of
from tests.support.memory_index import MemoryIndex, Points
from tests.support.scale import count

RULES = (
    "cas",  # the commit demands the position that the plan read
    "replan",  # a record below the event is planned again
    "move",  # an event that changes nothing but stands for others moves the position
    "tombstone",  # the first delete of an unknown document leaves one
    "own_commit",  # displaced passages are removed only where the record is one's own
    "delete_fence",  # and only up to its rank
    "sweep_below",  # the sweep stays below the committed offset, or takes only what is older than its record
    "sweep_fence",  # and removes only at the rank that it saw
    "purge_age",  # a tombstone is forgotten only once everybody who slept when it was written has ended
    "purge_fence",  # and only as it was read
)
SEEDS = 3_000
RUNS = count(3_000)
STEPS = 120
LATE = 8  # events, which are the clock here: none has a version that is further behind the others'
RECIPE = Recipe(window=4)  # one or two words a passage


def undo_replan(patch: pytest.MonkeyPatch) -> None:
    compare = writing._compare
    patch.setattr(writing, "_compare", lambda plans, found: replace(compare(plans, found), again=()))


def undo_own_commit(patch: pytest.MonkeyPatch) -> None:
    compare = writing._compare

    def all_own(plans: Sequence[DocumentPlan], found: Mapping[str, LedgerRecord]) -> writing.Written:
        return replace(compare(plans, found), own=tuple(plan.key for plan in plans))

    patch.setattr(writing, "_compare", all_own)


def undo_move(patch: pytest.MonkeyPatch) -> None:
    unchanged = plan._unchanged
    patch.setattr(plan, "_unchanged", lambda *args: replace(unchanged(*args), record=None))


def undo_tombstone(patch: pytest.MonkeyPatch) -> None:
    tombstone = plan._tombstone

    def none_of_the_unknown(newest: plan.Newest, record: LedgerRecord | None, digests: Any) -> DocumentPlan:
        made = tombstone(newest, record, digests)
        return made if record is not None else replace(made, record=None)

    patch.setattr(plan, "_tombstone", none_of_the_unknown)


def undo_sweep_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sweeping, "Displaced", lambda ids, partition, _rank: Displaced(ids, partition, Rank(0, 10**9)))


def undo_sweep_older(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sweeping, "is_older", lambda _passage, _record: True)


UNDONE = {
    "replan": undo_replan,
    "move": undo_move,
    "tombstone": undo_tombstone,
    "own_commit": undo_own_commit,
    "sweep_fence": undo_sweep_fence,
    "sweep_below": undo_sweep_older,  # beside which this rule alone is not needed
}


class Actor:
    """A coroutine that is let through its gates one at a time."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self._go = asyncio.Event()
        self.at = "start"
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Coroutine[Any, Any, None]) -> Actor:
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(lambda _: self._arrived.set())
        return self

    async def gate(self, step: str) -> None:
        self.at = step
        self._arrived.set()
        await self._go.wait()
        self._go.clear()

    async def step(self) -> bool:
        """Let it run to its next gate; False when it has ended."""
        assert self._task is not None
        await self._arrived.wait()
        if self._task.done():
            self._task.result()
            return False
        self._arrived.clear()
        self._go.set()
        await self._arrived.wait()
        return not self._task.done()

    async def kill(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])


class World:
    refused: tuple[str, ...] = ("announce", "idle", "planned")  # where Kafka stops whoever is no owner any more

    def __init__(self, seed: int, without: frozenset[str], order: Order) -> None:
        self.order = order
        self.seed, self.random = seed, random.Random(seed)
        self.without = without
        self.log: list[Event] = []
        self.points = Points()
        self.embedder = CountingEmbedder()
        self.committed = self.watermark = 0

    def emit(self) -> None:
        dice, choose, key, offset = self.random.random(), self.random.choice, self.random.choice("xy"), len(self.log)
        body: Upsert | Delete | None
        last = [each for each in self.log if each.key == key and each.upsert is not None]
        if dice < 0.12:
            body = choose([None, Delete(id=key, version=0)])
        elif dice < 0.35 and last:
            body = last[-1].upsert
            body = body.model_copy(update={"metadata": {"m": choose("mn")}}) if body else None
        elif dice < 0.5 and last:
            body = choose(last).upsert  # an old content comes back
        else:
            words = " ".join(choose(["aa bb", "cc dd", "ee ff"]) for _ in range(self.random.randint(0, 3)))
            body = Upsert(id=key, text=words, metadata={"m": choose("mn")})
        if body is not None and self.order is Order.VERSION:
            body = body.model_copy(update={"version": max(0, offset + self.random.randint(-6, 2))})
        self.log.append(Event(key, None, key, 0, offset, 1.0, body))

    def indexer(self, actor: Actor) -> Indexer:
        return Indexer(
            index=MemoryIndex(self.points, actor.gate, without=self.without),
            embedder=self.embedder,
            order=self.order,
            recipe=RECIPE,
            text=Bm25(),
            retry=Retry(weather=Weather(), longest_wait=1),
            clock=self.now,
            ledger_bytes=self.seed % 2 << 20,
            batch_tokens=3,
        )

    def now(self) -> float:
        return float(len(self.log))

    def batch(self, at: int, end: int) -> Batch:
        batch = Batch((), {0: end}, {0: 0}, 0)
        for event in self.log[at:end]:
            batch.events.setdefault(event.key, []).append(event)
        return batch

    def spawn_worker(self) -> Actor:
        actor = Actor()
        return actor.start(self._worker(actor))

    async def _worker(self, actor: Actor) -> None:
        """One owner of the partition: batches from the committed offset on, two of them in flight where there are."""
        indexer, at = self.indexer(actor), self.committed
        while True:
            batches = []
            for _ in range(self.random.randint(1, 2)):
                if at < len(self.log):
                    end = min(at + self.random.randint(1, 4), len(self.log))
                    batch = self.batch(at, end)
                    await indexer.plan(batch, lambda: True)
                    batches.append(batch)
                    at = end
            await actor.gate("planned" if batches else "idle")
            for batch in batches:
                await indexer.embed(batch, lambda: True)
                await indexer.write(batch, lambda: True)
                await actor.gate("announce")
                self.watermark = max(self.watermark, batch.ends[0])
                await actor.gate("commit offset")
                self.committed = max(self.committed, batch.ends[0])

    def spawn_sweep(self) -> Actor:
        actor = Actor()

        async def sleep(_: float) -> None:
            await actor.gate("pause")

        async def work() -> None:
            index = MemoryIndex(self.points, actor.gate, without=self.without)
            await sweep(index, 0, below=self.committed, sleep=sleep)

        return actor.start(work())

    def spawn_purge(self) -> Actor:
        actor = Actor()

        async def sleep(_: float) -> None:
            await actor.gate("pause")

        async def work() -> None:
            index = MemoryIndex(self.points, actor.gate, without=self.without)
            before = len(self.log) + 1 if self.order is Order.LOG else self.committed - LATE
            await purge(index, 0, before=before, sleep=sleep)

        return actor.start(work())

    def check(self) -> None:
        """What a reader sees now."""
        for key in "xy":
            record = self.points.ledger.get(key)
            for point in record.passages if record else ():
                assert point in self.points.passages, f"{key}: a listed passage is missing"
            states = fold([each for each in self.log if each.key == key], self.order)
            allowed = [state for offset, state in states if offset >= self.watermark]
            allowed.append(next((state for offset, state in reversed(states) if offset < self.watermark), None))
            assert self.shown(record) in allowed, f"{key}: a state older than the watermark is shown"

    def shown(self, record: LedgerRecord | None) -> tuple[str, str] | None:
        if record is None or record.deleted:
            return None
        assert set(record.passages) <= set(self.points.passages), f"{record.key}: a listed passage is missing"
        return "".join(self.points.passages[point].text for point in record.passages), canonical_json(record.metadata)

    def check_at_the_end(self) -> None:
        for key in {each.key for each in self.log}:
            *_, (_, expected) = fold([each for each in self.log if each.key == key], self.order)
            assert self.shown(self.points.ledger.get(key)) == expected, f"{key}: the index differs from the fold"
        listed = {point for record in self.points.ledger.values() for point in record.passages}
        assert set(self.points.passages) == listed, "orphans are left"
        for passage in self.points.passages.values():
            assert (passage.vector == vector_of(passage.text)).all(), "a passage has another one's vector"


def fold(events: Sequence[Event], order: Order) -> list[tuple[int, tuple[str, str] | None]]:
    """One document's state after each of its events, with the event's offset."""
    states = []
    version, state = -1, None
    for event in events:
        found = event.version if order is Order.VERSION and event.body is not None else version
        if found is None or found >= version:
            version, state = found or 0, shape(event)
        states.append((event.offset, state))
    return states


def shape(event: Event) -> tuple[str, str] | None:
    body = event.upsert
    return None if body is None else (body.text, canonical_json(body.metadata))


async def advance(actors: list[Actor], actor: Actor, steps: int, stop: tuple[str, ...] = ()) -> None:
    """A few steps of a sleeper; it leaves where Kafka would refuse it."""
    for _ in range(steps):
        if actor.at in stop or not await actor.step():
            await actor.kill()
            actors.remove(actor)
            return


async def run(
    seed: int, without: frozenset[str] = frozenset(), order: Order = Order.LOG, make: type[World] = World
) -> None:
    world = make(seed, without, order)
    dice = world.random
    owner, zombies, sweeps = world.spawn_worker(), list[Actor](), list[Actor]()
    try:
        for _ in range(STEPS):
            x = dice.random()
            if x < 0.2:
                world.emit()
            elif x < 0.72:
                await owner.step()
            elif x < 0.8:
                if dice.random() < 0.75:
                    zombies.append(owner)
                else:
                    await owner.kill()
                owner = world.spawn_worker()
            elif x < 0.93 and zombies:
                await advance(zombies, dice.choice(zombies), dice.randint(1, 3), world.refused)
            elif x < 0.945:
                sweeps.append(world.spawn_sweep())
            elif x < 0.96:
                if not zombies or "purge_age" in without:
                    sweeps.append(world.spawn_purge())
            elif sweeps:
                await advance(sweeps, dice.choice(sweeps), 1)
            world.check()
        while zombies or sweeps:
            sleepers = dice.choice([actors for actors in (zombies, sweeps) if actors])
            await advance(sleepers, dice.choice(sleepers), 1, world.refused if sleepers is zombies else ())
            world.check()
        while world.committed < len(world.log):
            await owner.step()
        last = world.spawn_sweep()
        while await last.step():
            pass
        world.check_at_the_end()
    finally:
        for actor in (owner, *zombies, *sweeps):
            await actor.kill()


@pytest.mark.soak
@pytest.mark.parametrize("order", list(Order))
async def test_no_interleaving_of_owners_sleepers_crashes_and_sweeps_shows_a_wrong_state(order: Order) -> None:
    for seed in range(RUNS):
        try:
            await run(seed, order=order)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("rule", RULES)
async def test_leaving_out_a_rule_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule is needed: without it some interleaving goes wrong, so the check above can fail."""
    if undo := UNDONE.get(rule):
        undo(monkeypatch)
    for seed in range(SEEDS):
        try:
            await run(seed, frozenset({rule}))
        except AssertionError:
            return
    pytest.fail(f"without {rule} nothing went wrong")


async def late_addition(without: frozenset[str] = frozenset()) -> World:
    """A passage goes and comes back while two sleepers hold on to the past: one would add it, one would remove it."""
    world = World(0, without, Order.LOG)
    there = Upsert(id="x", text="aa")
    bodies: list[Upsert | Delete] = [there, Delete(id="x"), there]
    world.log = [Event("x", None, "x", 0, offset, 1.0, body) for offset, body in enumerate(bodies)]
    adding = await sleeping(world, 0, "add")
    await finished(world, 0)
    removing = await sleeping(world, 1, "remove")
    await finished(world, 2)
    for sleeper in (adding, removing):
        while await sleeper.step():
            pass
    return world


async def sleeping(world: World, offset: int, gate: str) -> Actor:
    """Somebody who has one event in hand and has stopped before this step."""
    actor = Actor()
    actor.start(index_one(world, actor, offset))
    while actor.at != gate:
        assert await actor.step(), f"it never came to {gate}"
    return actor


async def finished(world: World, offset: int) -> None:
    actor = Actor()
    actor.start(index_one(world, actor, offset))
    while await actor.step():
        pass


async def index_one(world: World, actor: Actor, offset: int) -> None:
    indexer, batch = world.indexer(actor), world.batch(offset, offset + 1)
    await indexer.plan(batch, lambda: True)
    await indexer.embed(batch, lambda: True)
    await indexer.write(batch, lambda: True)


async def test_a_late_addition_does_not_put_a_passage_within_the_reach_of_a_late_removal() -> None:
    world = await late_addition()
    world.check_at_the_end()


async def test_that_is_what_the_fence_of_additions_is_for() -> None:
    world = await late_addition(frozenset({"add_fence"}))
    with pytest.raises(AssertionError, match="a listed passage is missing"):
        world.check_at_the_end()


async def swept_while_it_came_again() -> World:
    """A dead letter is retried, its passages are added, and before the commit a sweep comes by."""
    world = World(0, frozenset(), Order.LOG)
    event = Event("x", None, "x", 0, 0, 1.0, Upsert(id="x", text="aa"), Again(Why.RETRIED))
    world.log, world.committed = [event], 1
    retried = await sleeping(world, 0, "commit")
    sweep = world.spawn_sweep()
    while await sweep.step():
        pass
    while await retried.step():
        pass
    return world


async def test_a_sweep_takes_nothing_of_an_event_that_has_come_again() -> None:
    world = await swept_while_it_came_again()
    assert world.shown(world.points.ledger["x"]) == ("aa", "{}")


async def test_that_is_why_it_takes_only_what_is_older_than_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    undo_sweep_older(monkeypatch)
    world = await swept_while_it_came_again()
    with pytest.raises(AssertionError, match="a listed passage is missing"):
        world.shown(world.points.ledger["x"])
