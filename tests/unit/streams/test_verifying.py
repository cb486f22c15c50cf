"""Verification: nothing is found where the index is the fold of the log, and every defect is found and mended."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import BadEvent, Reason, Record, Rules, decode
from freshet.schemas.positions import FreshnessToken, Order, Place, Rank
from freshet.search.embedding.base import Embedded, Purpose
from freshet.search.index.records import LedgerRecord, Vector
from freshet.search.passages import Recipe, split
from freshet.streams.again import unwrap, wrap
from freshet.streams.batch import DeadLetter
from freshet.streams.comparing import Difference, Kind
from freshet.streams.folded import Folded, FoldedLog
from freshet.streams.healing import AgainHealer
from freshet.streams.letters import Letter, State
from freshet.streams.messages import Message
from freshet.streams.reprocessing import reprocess
from freshet.streams.verifying import Found, Verifier
from tests.support.embedder import vector_of
from tests.support.memory_log import compacted
from tests.support.tracing import most_bytes
from tests.unit.streams.letters import records_of
from tests.unit.streams.test_both_topics import (
    BAD,
    LIMIT,
    REFUSALS,
    REFUSED,
    TOPICS,
    World,
    Written,
    arrived,
    fold,
    follow,
    logs,
    record_of,
)
from tests.unit.streams.test_both_topics import State as DocumentState


class Vectors:
    """A cache that knows every other text, and a model."""

    def __init__(self, world: World, *, cached: bool) -> None:
        self._world = world
        self._cached = cached

    async def known(self, texts: Sequence[str]) -> list[Vector | None]:
        return [vector_of(text) if self._cached else None for text in texts]

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        return await self._world.embedder.embed(texts, purpose=purpose)


class AgainSink:
    """Where a healer writes."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def send_all(self, records: Iterable[Message]) -> list[FreshnessToken]:
        for message in records:
            assert message.topic == TOPICS.again
            self._world.again.append(arrived(message, len(self._world.again)))
        return []


def healer_of(world: World) -> AgainHealer:
    return AgainHealer(
        index=world.index,
        sink=AgainSink(world),
        topics=TOPICS,
        order=world.order,
    )


def as_letter(dead: DeadLetter) -> Letter:
    record = dead.record
    origin, moment = FreshnessToken(record.topic, record.partition, record.offset), round(record.timestamp * 1_000)
    place, reason = Place(record.partition, 0), dead.error.reason.value
    return Letter(origin, moment, dead.attempts, reason, record.key, len(record.value or b""), False, place, 2.0)


async def verify(
    world: World,
    *,
    letters: Iterable[Letter] | None = None,
    documents: Sequence[Record] | None = None,
    heal: bool = False,
    cached: bool = True,
    tombstones_since: float = 0.0,
    max_bytes: int = LIMIT,
) -> Found:
    """As `freshet verify` does, of a world whose worker has come as far as `world.at`."""
    ends = {0: world.at[TOPICS.documents]}
    healer = healer_of(world) if heal else None

    async def no_time(_: float) -> None:
        return

    async def quiet() -> set[int]:
        return set() if world.left(TOPICS.again) else {0}

    told = map(as_letter, world.dead) if letters is None else letters
    make = partial(FoldedLog, topic=TOPICS.documents, rules=Rules(order=world.order, max_bytes=max_bytes), ends=ends)
    with TemporaryDirectory() as folder, make(Path(folder) / "log") as log:
        log.add_letters(records_of(told))
        came = [(unwrap(each, TOPICS.documents), each.offset >= world.at[TOPICS.again]) for each in world.again]
        log.add_again(came)
        read = world.documents if documents is None else documents
        for start in range(0, len(read), 3):
            log.add(read[start : start + 3])
        log.finish()
        return await Verifier(
            index=world.index,
            log=log,
            ends=ends,
            split=lambda title, text: split(title, text, Recipe(window=4), world.embedder.token_ends),
            vectors=Vectors(world, cached=cached),
            tombstones_since=tombstones_since,
            sample=None,
            quiet=quiet,
            healer=healer,
            sleep=no_time,
        ).run()


@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32), cached=st.booleans())
def test_nothing_differs_wherever_the_worker_is_and_whatever_compaction_has_taken(
    order: Order, log: list[Written], seed: int, cached: bool
) -> None:
    async def check() -> None:
        dice = random.Random(seed)
        records = [record_of(at, each, order) for at, each in enumerate(log)]
        world = World(order, records, [])
        world.documents = records[: dice.randint(0, len(records))]
        await follow(world, dice)
        world.documents = records  # the rest is there, and nobody has come to it yet
        for upto in (0, dice.randint(0, len(records)), None):
            found = await verify(world, documents=compacted(records, upto), cached=cached)
            assert found.first == []
        while world.left(TOPICS.documents) or world.left(TOPICS.again):
            await follow(world, dice)
        found = await verify(world, documents=compacted(records), cached=cached)
        assert (found.first, found.ahead) == ([], 0)
        assert found.vectors == found.passages == len(world.points.passages)

    asyncio.run(check())


LOG: list[tuple[str, DocumentState]] = [
    ("a", ("one two three four five", "d")),
    ("b", ("six", "d")),
    ("gone", ("x", "d")),
    ("gone", None),
    ("b", ("seven eight nine ten", "e")),
    ("b", BAD),
]


def lose_passage(world: World) -> None:
    del world.points.passages[world.points.ledger["a"].passages[1]]


def lose_document(world: World) -> None:
    record = world.points.ledger.pop("a")
    for point in record.passages:
        del world.points.passages[point]


def end_document(world: World) -> None:
    lost = world.points.ledger["a"]
    lose_document(world)
    world.points.ledger["a"] = replace(lost, deleted=True, passages=())


def old_text(world: World) -> None:
    before = world.points.ledger["b"]
    for point in before.passages:
        del world.points.passages[point]
    older = World(world.order, world.documents[:2], [])
    asyncio.run(older.process([older.fetch(2, 0)]))
    world.points.ledger["b"] = older.points.ledger["b"]
    world.points.passages |= {point: older.points.passages[point] for point in older.points.ledger["b"].passages}


def other_metadata(world: World) -> None:
    world.points.ledger["a"] = replace(world.points.ledger["a"], metadata={"lang": "zz"})


def wrong_vector(world: World) -> None:
    point = world.points.ledger["a"].passages[0]
    world.points.passages[point] = replace(world.points.passages[point], vector=vector_of("wrong"))


def other_words(world: World) -> None:
    point = world.points.ledger["a"].passages[0]
    world.points.passages[point] = replace(world.points.passages[point], text="not so")


def extra_document(world: World) -> None:
    passage = world.points.passages[world.points.ledger["a"].passages[0]]
    world.points.passages["p"] = replace(passage, id="p", key="extra")
    world.points.ledger["extra"] = replace(world.points.ledger["a"], key="extra", id="extra", passages=("p",))


def resurrected(world: World) -> None:
    older = World(world.order, world.documents[:3], [])
    asyncio.run(older.process([older.fetch(3, 0)]))
    world.points.ledger["gone"] = older.points.ledger["gone"]
    world.points.passages |= {point: older.points.passages[point] for point in older.points.ledger["gone"].passages}


def resurrected_from_nowhere(world: World) -> None:
    """At a position that no event has, and above that of the one which counts."""
    resurrected(world)
    world.points.ledger["gone"] = replace(world.points.ledger["gone"], rank=Rank(99, 4))


def lose_tombstone(world: World) -> None:
    del world.points.ledger["gone"]


def orphan(world: World) -> None:
    passage = world.points.passages[world.points.ledger["a"].passages[0]]
    world.points.passages["orphan"] = replace(passage, id="orphan")


DEFECTS: list[tuple[Callable[[World], None], Kind]] = [
    (lose_passage, Kind.PASSAGE),
    (lose_document, Kind.MISSING),
    (end_document, Kind.MISSING),
    (old_text, Kind.TEXT),
    (other_metadata, Kind.METADATA),
    (wrong_vector, Kind.VECTOR),
    (other_words, Kind.PASSAGE),
    (extra_document, Kind.EXTRA),
    (resurrected, Kind.RESURRECTED),
    (resurrected_from_nowhere, Kind.RESURRECTED),
    (lose_tombstone, Kind.TOMBSTONE),
    (orphan, Kind.ORPHAN),
]


async def followed(order: Order) -> World:
    records = [record_of(at, (key, state, at, False), order) for at, (key, state) in enumerate(LOG)]
    world = World(order, records, [])
    await follow(world, random.Random(1))
    return world


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(("spoil", "kind"), DEFECTS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_defect_is_found_and_mended(spoil: Callable[[World], None], kind: Kind, order: Order, cached: bool) -> None:
    world = asyncio.run(followed(order))
    spoil(world)

    async def check() -> None:
        found = await verify(world, cached=cached)
        assert found.kinds == {kind: 1}
        assert (await verify(world, cached=cached, heal=True)).kinds == {kind: 1}
        await follow(world, random.Random(2))
        left = await verify(world, cached=cached, heal=True)
        assert left.kinds == ({Kind.ORPHAN: 1} if kind is Kind.EXTRA else {}), "what it listed is nobody's then"
        mended = await verify(world, cached=cached)
        assert mended.first == []
        assert world.shown() == {
            "a": ("one two three four five", '{"lang":"d"}'),
            "b": ("seven eight nine ten", '{"lang":"e"}'),
        }

    asyncio.run(check())


@pytest.mark.parametrize("order", list(Order))
async def test_reprocessing_a_stretch_mends_what_lies_in_it_and_puts_nothing_back(order: Order) -> None:
    world = await followed(order)
    wrong_vector(world)
    assert await reprocess_all(world) == 3
    await follow(world, random.Random(3))
    assert (await verify(world)).first == []
    assert set(world.shown()) == {"a", "b"}


async def restarted(order: Order) -> World:
    """As `followed`, with a worker that remembers no ledger record."""
    before = await followed(order)
    world = World(order, before.documents, before.again)
    world.points.ledger.update(before.points.ledger)
    world.points.passages.update(before.points.passages)
    world.at, world.dead = before.at, before.dead
    return world


async def reprocess_all(world: World) -> int:
    make = partial(FoldedLog, topic=TOPICS.documents, rules=Rules(order=world.order), ends={0: len(LOG)})
    with TemporaryDirectory() as folder, make(Path(folder) / "log") as log:
        log.add(world.documents)
        log.finish()
        return await reprocess(log, sink=AgainSink(world), topics=TOPICS, order=world.order)


@pytest.mark.parametrize("order", list(Order))
async def test_what_was_lost_is_mended_also_where_ends_beyond_it_are_forgotten(order: Order) -> None:
    """In version order only by a verification: a stretch of the log may not hold the highest version."""
    world = await restarted(order)
    lose_document(world)
    world.points.floors[0] = len(LOG) - 1
    await reprocess_all(world)
    await follow(world, random.Random(4))
    assert ("a" in world.shown()) is (order is Order.LOG)
    await verify(world, heal=True)
    await follow(world, random.Random(5))
    assert (await verify(world)).first == []
    assert "a" in world.shown()


async def test_a_retried_letter_counts_once_workers_have_come_to_it() -> None:
    world = World(Order.LOG, [record_of(0, ("a", REFUSED, 0, False), Order.LOG)], [])
    await follow(world, random.Random(1))
    assert (await verify(world)).documents == 0
    world.embedder.poison = None
    world.again.append(arrived(wrap(world.documents[0], Again(Why.RETRIED), TOPICS.again), 0))
    letters = [replace(as_letter(dead), state=State.RETRIED) for dead in world.dead]
    waiting = await verify(world, letters=letters)
    assert (waiting.first, waiting.ahead, waiting.waiting) == ([], 1, 1)
    await follow(world, random.Random(1))
    done = await verify(world, letters=letters)
    assert (done.first, done.documents) == ([], 1)


@pytest.mark.parametrize("order", list(Order))
async def test_what_is_refused_still_is_a_dead_letter_again_where_its_letter_was_too_old(order: Order) -> None:
    world = World(order, [record_of(0, ("a", REFUSED, 0, False), order)], [])
    await follow(world, random.Random(1))
    world.dead.clear()
    assert (await verify(world, heal=True)).kinds == {Kind.MISSING: 1}
    await follow(world, random.Random(1))
    (letter,) = world.dead
    assert (letter.record.offset, letter.error.reason) == (0, Reason.REFUSED)
    assert (await verify(world)).first == []


async def test_an_end_that_cannot_be_written_is_no_letter_of_the_event_whose_place_it_has() -> None:
    """As where tenants are on, and no document can have the key."""
    world = await followed(Order.LOG)
    extra_document(world)
    world.dead.clear()
    world.rules = replace(world.rules, tenants=True)
    await verify(world, letters=[], heal=True)
    await follow(world, random.Random(1))
    assert world.dead == []


async def process_again(world: World) -> None:
    world.again.append(arrived(wrap(world.documents[-1], Again(Why.REPROCESSED), TOPICS.again), 0))
    await follow(world, random.Random(1))


async def deliver_again(world: World) -> None:
    world.at[TOPICS.documents] -= 1
    await follow(world, random.Random(1))


async def retry_and_lose_the_topic(world: World) -> None:
    world.again.append(arrived(wrap(world.documents[-1], Again(Why.RETRIED), TOPICS.again), 0))
    await follow(world, random.Random(1))
    world.again, world.at[TOPICS.again] = [], 0


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("before", [[], [("a", ("before", "d"))]], ids=["first", "second"])
@pytest.mark.parametrize(
    ("come_again", "state"),
    [(process_again, State.OPEN), (deliver_again, State.OPEN), (retry_and_lose_the_topic, State.RETRIED)],
)
async def test_a_dead_letter_that_was_indexed_since_counts_though_its_letter_does_not_say_so(
    come_again: Callable[[World], Awaitable[None]], state: State, before: list[tuple[str, DocumentState]], order: Order
) -> None:
    log = [*before, ("a", REFUSED)]
    records = [record_of(at, (key, said, at, False), order) for at, (key, said) in enumerate(log)]
    world = World(order, records, [])
    await follow(world, random.Random(1))
    letters = [replace(as_letter(dead), state=state) for dead in world.dead]
    assert len(letters) == 1
    world.again, world.at[TOPICS.again] = [], 0
    world.embedder.poison = None
    await come_again(world)
    shown = world.shown()
    assert "before" not in str(shown)
    found = await verify(world, letters=letters, heal=True)
    assert (found.first, found.documents, found.ahead) == ([], 1, 0)
    wrong_vector(world)
    assert (await verify(world, letters=letters, heal=True)).kinds == {Kind.VECTOR: 1}
    await follow(world, random.Random(1))
    assert (await verify(world, letters=letters)).first == []
    assert world.shown() == shown


@pytest.mark.parametrize("before", [[], [("a", ("x", "d"))]], ids=["first", "second"])
async def test_what_the_rules_refuse_by_now_is_not_forgotten(before: list[tuple[str, DocumentState]]) -> None:
    log = [*before, ("a", ("a longer text than is allowed today", "d"))]
    records = [record_of(at, (key, said, at, False), Order.LOG) for at, (key, said) in enumerate(log)]
    world = World(Order.LOG, records, [])
    await follow(world, random.Random(1))
    shown = world.shown()
    assert (await verify(world, max_bytes=len(records[-1].value or b"") - 1, heal=True)).differing == 1
    await follow(world, random.Random(1))
    assert world.shown() == shown


async def test_a_passage_of_an_event_that_is_just_being_retried_is_no_orphan() -> None:
    world = World(Order.LOG, [record_of(0, ("a", REFUSED, 0, False), Order.LOG)], [])
    await follow(world, random.Random(1))
    world.embedder.poison = None
    at_commit, go_on = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def gate(step: str) -> None:
        if step == "stored" and not tasks:  # the log has been read; now somebody retries the letter
            world.again.append(arrived(wrap(world.documents[0], Again(Why.RETRIED), TOPICS.again), 0))
            tasks.append(asyncio.create_task(world.process([world.fetch(0, 1)])))
            world.at[TOPICS.again] = 0  # which is committed when all is written
            await at_commit.wait()
        elif step == "commit":
            at_commit.set()
            await go_on.wait()

    world.index._gate = gate
    found = await verify(world, heal=True)
    assert (found.first, found.ahead, found.waiting) == ([], 1, 0)
    go_on.set()
    await tasks[0]
    assert set(world.shown()) == {"a"}


@pytest.mark.parametrize("key", ["a", "nobody"])
async def test_orphans_are_removed_by_the_run_that_has_documents_come_again(key: str) -> None:
    """Those as new as their document's record, and those of a document without one."""
    world = await followed(Order.LOG)
    passage = world.points.passages[world.points.ledger["a"].passages[0]]
    world.points.passages["orphan"] = replace(passage, id="orphan", key=key)
    lose_tombstone(world)
    extra_document(world)
    assert (await verify(world, heal=True)).kinds == {Kind.ORPHAN: 1, Kind.TOMBSTONE: 1, Kind.EXTRA: 1}
    assert "orphan" not in world.points.passages


async def healed(world: World, *, left: int = 0) -> None:
    """Verified with `heal` and followed, after which so many differences are left."""
    await verify(world, heal=True)
    while world.left(TOPICS.documents) or world.left(TOPICS.again):
        await follow(world, random.Random(1))
    found = await verify(world)
    assert found.differing == left, found.first


async def test_what_an_extra_document_lists_above_itself_is_gone_after_another_run() -> None:
    """Nobody but a vandal writes a record below its passages."""
    world = await followed(Order.LOG)
    extra_document(world)
    world.points.passages["p"] = replace(world.points.passages["p"], rank=Rank(0, 3))
    await healed(world, left=1)
    await healed(world)
    assert "p" not in world.points.passages


@pytest.mark.parametrize("order", list(Order))
async def test_a_document_that_was_put_right_since_it_was_found_stays(order: Order) -> None:
    world = await followed(order)
    extra_document(world)
    seen = world.points.ledger["extra"]
    world.points.ledger["extra"] = replace(seen, rank=Rank(0, 3))
    await healer_of(world).heal(Difference(Kind.EXTRA, "extra", ""), None, seen)
    await follow(world, random.Random(1))
    assert "extra" in world.shown()


@pytest.mark.parametrize(
    ("rank", "partition", "divided", "displaces"),
    [
        (Rank(0, 9), 0, False, b"0@9"),  # above the newest event
        (Rank(0, 2), 0, False, None),  # an older state
        (Rank(0, 2), 1, False, b"0@2"),  # where the document has no events
        (Rank(0, 2), 1, True, None),  # where it has some, and nothing tells which are newer
    ],
)
async def test_what_is_in_the_way_of_the_newest_event_is_displaced_by_it(
    rank: Rank, partition: int, divided: bool, displaces: bytes | None
) -> None:
    world = await followed(Order.LOG)
    newest = world.documents[4]
    folded = Folded("b", decode(newest, world.rules), Rank(0, 4), newest, pending=False, divided=divided)
    record = replace(world.points.ledger["b"], rank=rank, partition=partition)
    await healer_of(world).heal(Difference(Kind.TEXT, "b", ""), folded, record)
    assert dict(world.again[-1].headers).get("displaces") == displaces


@pytest.mark.parametrize("order", list(Order))
@given(log=logs, more=logs, seed=st.integers(0, 2**32))
def test_whatever_stands_where_no_event_is_gives_way_to_the_log(
    order: Order, log: list[Written], more: list[Written], seed: int
) -> None:
    """Also where a worker remembers it, and while events of its document come.

    None that are refused, as of a low version: beside them what the index holds is reinstated, and is in the log then.
    """
    more = [each for each in more if order is Order.LOG and each[1] not in (BAD, *REFUSALS)]

    async def check() -> None:
        dice = random.Random(seed)
        first = [*log, ("another", ("x", "d"), 0, False)]  # whose place nothing of the others has
        records = [record_of(at, each, order) for at, each in enumerate([*first, *more])]
        world = World(order, records[: len(first)], [])
        await follow(world, dice)
        for key in dice.sample(["a", "b", "extra"], dice.randint(1, 3)):
            plant(world, dice, key, len(log))
        world.indexer.forget()
        world.documents = records[: dice.randint(len(first), len(records))]
        await follow(world, dice)  # a worker comes across it
        await verify(world, heal=True)
        world.documents = records
        for _ in range(2):  # the second time for what is listed nowhere then
            while world.left(TOPICS.documents) or world.left(TOPICS.again):
                await follow(world, dice)
            await verify(world, heal=True)
        while world.left(TOPICS.again):
            await follow(world, dice)
        assert (await verify(world)).first == []
        assert world.shown() == fold([*first, *more], order)

    asyncio.run(check())


def plant(world: World, dice: random.Random, key: str, offset: int) -> None:
    """A record above all events of its document, listing what another one lists."""
    model = dice.choice(list(world.points.ledger.values()))
    rank = Rank(99 if world.order is Order.VERSION else 0, offset)
    listed = {f"{key}-{point}": world.points.passages[point] for point in model.passages}
    for point, passage in listed.items():
        world.points.passages[point] = replace(passage, id=point, key=key, rank=rank)
    deleted = not listed or dice.random() < 0.3
    world.points.ledger[key] = replace(
        model, key=key, id=key, rank=rank, passages=() if deleted else tuple(listed), deleted=deleted
    )


async def test_a_tombstone_may_be_gone_once_its_time_is_over() -> None:
    world = await followed(Order.LOG)
    lose_tombstone(world)
    assert (await verify(world, tombstones_since=2.0)).first == []  # the events are of second 1


async def test_what_changes_while_it_is_looked_at_is_no_difference() -> None:
    world = await followed(Order.LOG)
    look, before = world.index.ledger, world.points.ledger["b"]
    stale = replace(before, content_digest="older", rank=Rank(0, 1))
    answers = iter([stale])

    async def ledger(keys: Collection[str]) -> dict[str, LedgerRecord]:
        found = dict(await look(keys))
        return found | {"b": next(answers, before)} if "b" in found else found

    world.index.ledger = ledger  # type: ignore[method-assign]
    assert (await verify(world)).first == []


def test_vectors_that_are_nearly_the_same_are_the_same() -> None:
    vector = vector_of("a text")
    world = asyncio.run(followed(Order.LOG))
    for point, passage in world.points.passages.items():
        noise = np.random.default_rng(1).normal(0, 1e-4, vector.shape).astype(np.float32)
        world.points.passages[point] = replace(passage, vector=passage.vector + noise)
    assert asyncio.run(verify(world)).first == []


@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32))
def test_an_index_restored_from_a_backup_of_any_moment_is_brought_to_the_log(
    order: Order, log: list[Written], seed: int
) -> None:
    """The offsets that were committed since the backup stay, so the events since are not delivered again."""

    async def check() -> None:
        dice = random.Random(seed)
        records = [record_of(at, each, order) for at, each in enumerate(log)]
        world = World(order, records, [])
        world.documents = records[: dice.randint(0, len(records))]
        await follow(world, dice)
        backup = dict(world.points.ledger), dict(world.points.passages)
        world.documents = records
        while world.left(TOPICS.documents) or world.left(TOPICS.again):
            await follow(world, dice)
        wanted, restored = world.shown(), World(order, records, world.again)
        restored.points.ledger.update(backup[0])
        restored.points.passages.update(backup[1])
        restored.at, restored.dead = world.at, world.dead
        await verify(restored, heal=True)
        while restored.left(TOPICS.again):
            await follow(restored, dice)
        assert (await verify(restored)).first == []
        assert restored.shown() == wanted

    asyncio.run(check())


async def test_orphans_are_removed_by_the_run_that_has_an_event_with_a_letter_come_again() -> None:
    world = World(Order.LOG, [record_of(0, ("a", REFUSED, 0, False), Order.LOG)], [])
    await follow(world, random.Random(1))
    world.embedder.poison = None
    await deliver_again(world)
    wrong_vector(world)
    orphan(world)
    assert (await verify(world, heal=True)).kinds == {Kind.ORPHAN: 1, Kind.VECTOR: 1}
    assert "orphan" not in world.points.passages


def test_any_number_of_letters_whose_events_are_indexed_takes_no_memory() -> None:
    """Of documents of which the log knows refused events alone, a page is looked at at a time."""
    many, size = 1_000, 4_000
    records = [large(at, size) for at in range(many)]
    world = World(Order.LOG, records, [])
    world.rules = replace(world.rules, max_bytes=2 * size)
    asyncio.run(world.process([world.fetch(many, 0)]))
    letters = [as_letter(DeadLetter(record, BadEvent(Reason.REFUSED, ""))) for record in records]
    found: list[Found] = []

    def work() -> None:
        found.append(asyncio.run(verify(world, letters=letters, max_bytes=2 * size)))

    assert most_bytes(work) < many * size
    assert (found[0].first, found[0].documents) == ([], many)


def large(offset: int, size: int) -> Record:
    """An event that makes no passage."""
    body = {"type": "upsert", "id": f"d{offset}", "text": "", "metadata": {"lang": "l" * size}}
    return Record(TOPICS.documents, 0, offset, 1.0, f"d{offset}".encode(), json.dumps(body).encode())
