"""The change feed under fire: readers who remember what they saw, and believe it until the feed tells otherwise.

The owners, sleepers, crashes and sweeps of `test_interleavings.py`, each of which announces its batches with the real
code; a sleeper goes on announcing after another one has taken over. A reader notes where the feed ends and looks at the
index. Whatever a watermark then passes, the reader must know: from what it saw, or from a change told since. It also
keeps a count, and doubts it only where a change may have altered it, by the fields before and after.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from freshet.schemas.events import Event, Upsert
from freshet.schemas.feed import Change, Fields, Watermark
from freshet.schemas.keys import canonical_json
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics
from freshet.search.index.records import LedgerRecord
from freshet.search.passages import split
from freshet.streams import telling
from freshet.streams.batch import Batch
from freshet.streams.indexer import Indexer
from freshet.streams.plan import DocumentPlan, Outcome
from freshet.streams.telling import Teller
from tests.support import scale
from tests.support.embedder import vector_of
from tests.support.memory_index import MemoryIndex
from tests.unit.streams.test_interleavings import RECIPE, Actor, World, fold, run

KEYS = "xy"
RUNS = scale.count(1_000)
SEEDS = 1_000
READERS = 8  # at a time
State = tuple[tuple[bytes, ...], str] | None  # passages' vectors in half precision and metadata, of what is there


@dataclass(frozen=True)
class Reader:
    """What somebody saw, and where the feed ended before."""

    position: int
    seen: dict[str, State]


class Announced(World):
    refused = ("idle", "planned")

    def __init__(self, seed: int, without: frozenset[str], order: Order) -> None:
        super().__init__(seed, without, order)
        self.feed: list[Change | Watermark] = []
        self.readers: list[Reader] = []
        self._moments = count(1)
        self._owner: Actor | None = None
        self._states: dict[tuple[str, str], State] = {}

    def now(self) -> float:
        return len(self.log) + next(self._moments) * 1e-5  # no two write at the same moment

    def spawn_worker(self) -> Actor:
        self._owner = super().spawn_worker()
        return self._owner

    async def _worker(self, actor: Actor) -> None:
        indexer, at, announced = self.indexer(actor), self.committed, 0
        while True:
            batches = []
            for _ in range(self.random.randint(1, 2)):
                if at < len(self.log):
                    end = min(at + self.random.randint(1, 4), len(self.log))
                    batch = replace(self.batch(at, end), announced={0: announced})
                    await indexer.plan(batch, lambda: True)
                    batches.append(batch)
                    at = announced = end
            await actor.gate("planned" if batches else "idle")
            for batch in batches:
                await indexer.embed(batch, lambda: True)
                await indexer.write(batch, lambda: True)
                await self.announce(actor, batch)
                await actor.gate("commit offset")
                if actor is self._owner:
                    self.committed = max(self.committed, batch.ends[0])

    async def announce(self, actor: Actor, batch: Batch) -> None:
        teller = Teller(index=MemoryIndex(self.points, actor.gate), topics=Topics(), version="v")
        changes = await teller.changes(batch)
        await actor.gate("announce")
        self.feed += [Change.model_validate_json(each.value or b"") for each in changes]
        await actor.gate("announce the watermark")
        mark = Watermark(index_version="v", topic="documents", partition=0, offset=batch.ends[0])
        self.feed.append(mark)
        self.watermark = max(self.watermark, mark.offset)
        for reader in self.readers:
            self.check_reader(reader, mark.offset)

    def check(self) -> None:
        super().check()
        if self.random.random() < 0.3:
            self.look()

    def look(self) -> None:
        """Somebody reads the index now; who has read it long ago believes it no more."""
        seen = {key: self.state(self.points.ledger.get(key)) for key in KEYS}
        self.readers = [*self.readers[1 - READERS :], Reader(len(self.feed), seen)]

    def check_reader(self, reader: Reader, watermark: int) -> None:
        for key in KEYS:
            told = [each for each in self.feed[reader.position :] if isinstance(each, Change) and each.key == key]
            fresh = set(self.fresh(key, watermark))
            known = {reader.seen[key], *(_told(each) for each in told if each.passages is not None)}
            silent = not any(each.passages is None for each in told)
            assert not silent or known & fresh, f"{key}: a state below the watermark {watermark} was never told"
            if all(each.before is not None and each.before == each.after for each in told):
                counted = _metadata(reader.seen[key])
                assert counted in map(_metadata, fresh), f"{key}: a count changed and nothing told so"

    def fresh(self, key: str, watermark: int) -> Iterator[State]:
        """The states that the document had at the watermark or later."""
        states = fold([each for each in self.log if each.key == key], self.order)
        below = [state for offset, state in states if offset < watermark]
        for shape in (below[-1] if below else None, *(state for offset, state in states if offset >= watermark)):
            yield None if shape is None else self._shaped(*shape)

    def _shaped(self, text: str, metadata: str) -> State:
        if (text, metadata) not in self._states:
            pieces = split("", text, RECIPE, self.embedder.token_ends)
            self._states[text, metadata] = tuple(sorted(_half(piece.text) for piece in pieces)), metadata
        return self._states[text, metadata]

    def state(self, record: LedgerRecord | None) -> State:
        shown = self.shown(record)
        return None if shown is None else self._shaped(*shown)


def _half(text: str) -> bytes:
    return bytes(vector_of(text).astype("<f2").tobytes())


def _told(change: Change) -> State:
    if change.after is None or not change.after.present:
        return None
    vectors = sorted(b64decode(each.vector) for each in change.passages or ())
    return tuple(vectors), canonical_json(change.after.metadata or {})


def _metadata(state: State) -> str | None:
    return None if state is None else state[1]


@pytest.mark.soak
@pytest.mark.parametrize("order", list(Order))
async def test_whoever_believes_the_feed_knows_every_change_that_a_watermark_passes(order: Order) -> None:
    for seed in range(RUNS):
        try:
            await run(seed, order=order, make=Announced)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def undo_untold(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(telling, "_is_told", lambda _record, _batch: True)


def undo_moves(patch: pytest.MonkeyPatch) -> None:
    """What changes nothing is not told, though its record was to be written."""

    def only_changes(plan: DocumentPlan, batch: Batch) -> bool:
        return plan.outcome is not Outcome.UNCHANGED or not telling._is_told(plan.read, batch)

    patch.setattr(telling, "_is_worth_saying", only_changes)


def undo_overtaken(patch: pytest.MonkeyPatch) -> None:
    worth = telling._is_worth_saying

    def leaves_it_to_whoever_was_ahead(plan: DocumentPlan, batch: Batch) -> bool:
        return worth(plan, batch) and plan.key not in batch.overtaken

    patch.setattr(telling, "_is_worth_saying", leaves_it_to_whoever_was_ahead)


def undo_whole(patch: pytest.MonkeyPatch) -> None:
    """Only the new passages."""
    states = telling._States
    patch.setattr(states, "_lacking", lambda _self, _key: [])

    def new_ones(self: Any, key: str) -> list[Any]:
        record = self.records[key]
        return [found for point in (record.passages if record else ()) if (found := self._find(point)) is not None]

    patch.setattr(states, "passages_of", new_ones)


def undo_before_of_untold(patch: pytest.MonkeyPatch) -> None:
    """It tells what it read, though that may never have been told."""

    def whatever_was_read(plan: DocumentPlan, batch: Batch) -> Fields | None:
        return telling._fields(plan.read) if plan.key in batch.ours else None

    patch.setattr(telling, "_before", whatever_was_read)


def undo_before_of_ours(patch: pytest.MonkeyPatch) -> None:
    """It tells what it read, though a twin may have replaced something else."""

    def whoever_wrote_it(plan: DocumentPlan, batch: Batch) -> Fields | None:
        return telling._fields(plan.read) if telling._is_told(plan.read, batch) else None

    patch.setattr(telling, "_before", whoever_wrote_it)


UNDONE = {  # each with the order in which it is noticed sooner
    "untold": (undo_untold, Order.LOG),
    "overtaken": (undo_overtaken, Order.LOG),
    "whole": (undo_whole, Order.LOG),
    "before_of_untold": (undo_before_of_untold, Order.VERSION),
}


@pytest.mark.parametrize("rule", UNDONE)
async def test_leaving_out_a_rule_of_telling_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    undo, order = UNDONE[rule]
    undo(monkeypatch)
    for seed in range(SEEDS):
        try:
            await run(seed, order=order, make=Announced)
        except AssertionError:
            return
    pytest.fail(f"without {rule} nothing went wrong")


class Free(Actor):
    """Somebody whom nothing stops."""

    async def gate(self, step: str) -> None:
        """Go on."""


Held = tuple[Indexer, Batch]
FIRST = Upsert(id="x", text="aa", metadata={"m": "m"})
OTHER = Upsert(id="x", text="bb", metadata={"m": "n"})
THIRD = Upsert(id="x", text="cc", metadata={"m": "m"})


async def hold(world: Announced, at: int, end: int, *, announced: int) -> Held:
    """Plan these events, and do not write them yet."""
    indexer, batch = world.indexer(Free()), replace(world.batch(at, end), announced={0: announced})
    await indexer.plan(batch, lambda: True)
    await indexer.embed(batch, lambda: True)
    return indexer, batch


async def finish(world: Announced, held: Held, *, announce: bool = True) -> None:
    indexer, batch = held
    await indexer.write(batch, lambda: True)
    if announce:
        await world.announce(Free(), batch)


async def two_who_write_the_last(*bodies: Upsert) -> None:
    """A sleeper writes the second state, which a reader sees, and the third, which the owner planned from the first."""
    world = Announced(0, frozenset(), Order.LOG)
    world.log = [Event("x", None, "x", 0, offset, 1.0, body) for offset, body in enumerate(bodies)]
    await finish(world, await hold(world, 0, 1, announced=0))
    sleeper = await hold(world, 1, 2, announced=1)
    owner = await hold(world, 1, 3, announced=1)
    await finish(world, sleeper, announce=False)
    world.look()
    await finish(world, await hold(world, 2, 3, announced=2), announce=False)
    await finish(world, owner)


@pytest.mark.parametrize("third", [FIRST, THIRD])
async def test_what_another_one_wrote_is_told_by_whoever_meant_to_write_it(third: Upsert) -> None:
    await two_who_write_the_last(FIRST, OTHER, third)


@pytest.mark.parametrize(
    ("undo", "third", "wrong"),
    [(undo_moves, FIRST, "was never told"), (undo_before_of_ours, THIRD, "a count changed and nothing told so")],
)
async def test_that_is_what_telling_our_own_records_from_others_is_for(undo, third, wrong, monkeypatch) -> None:
    """These two are too rare to be met by chance."""
    undo(monkeypatch)
    with pytest.raises(AssertionError, match=wrong):
        await two_who_write_the_last(FIRST, OTHER, third)
