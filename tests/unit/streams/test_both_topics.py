"""`documents` and `documents.again` together: whatever the interleaving, the batches and the compaction, one index.

The real decoding, planning, writing and reinstating, over topics and an index in memory. What must come out is defined
by `fold`: of each document's good events the newest, as the log was written.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Reason, Record, Rules
from freshet.schemas.keys import canonical_json
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics
from freshet.search.bm25 import Bm25
from freshet.search.passages import Recipe
from freshet.streams.again import wrap
from freshet.streams.batch import Batch, DeadLetter
from freshet.streams.cutting import ends
from freshet.streams.decode import Earlier, decode_batch, nothing_earlier
from freshet.streams.indexer import Indexer
from freshet.streams.messages import Message
from freshet.streams.reinstating import Reinstater
from freshet.streams.retry import Retry, Weather
from tests.support.embedder import CountingEmbedder, vector_of
from tests.support.memory_index import MemoryIndex, Points
from tests.support.memory_log import MemoryLog, compacted
from tests.support.scale import count

TOPICS = Topics()
CRASHES = 0.2  # of the steps
BAD = "bad"
POISON = "poison"  # a word that the model refuses
State = tuple[str, str] | str | None  # (text, language), None where it ends, or BAD
LONG = "l" * 300  # more than the rules allow at first
LIMIT = 250  # bytes
REFUSED: State = POISON, "d"
REFUSALS: tuple[State, ...] = (REFUSED, (POISON, "e"), (LONG, "d"))
Written = tuple[str, State, int, bool]  # key, state, version, whether its end is a null


class World:
    """Two topics, and the index that a worker makes of them."""

    def __init__(self, order: Order, documents: list[Record], again: list[Record]) -> None:
        self.order = order
        self.documents, self.again = documents, again
        self.points, self.embedder = Points(), CountingEmbedder(poison=POISON)
        self.at = {TOPICS.documents: 0, TOPICS.again: 0}
        self.dead: list[DeadLetter] = []
        self.rules = Rules(order=order, max_bytes=LIMIT)
        self.earlier: Earlier = nothing_earlier
        self.index = MemoryIndex(self.points)
        self.indexer = Indexer(
            index=self.index,
            embedder=self.embedder,
            order=order,
            recipe=Recipe(window=4),
            text=Bm25(),
            retry=Retry(weather=Weather(), longest_wait=1),
            clock=lambda: 1.0,
            floor=self.index.floor,
            ledger_bytes=1 << 20,
            batch_tokens=3,
        )
        log = MemoryLog(documents)
        self.reinstater = Reinstater(index=self.index, log=log, topics=TOPICS, order=order)

    def left(self, topic: str) -> int:
        return len(self._records(topic)) - self.at[topic]

    def fetch(self, documents: int, again: int) -> Batch:
        found: list[Record] = []
        for topic, many in ((TOPICS.documents, documents), (TOPICS.again, again)):
            found += self._records(topic)[self.at[topic] :][:many]
            self.at[topic] = min(self.at[topic] + many, len(self._records(topic)))
        records = tuple(found)
        of_both = (ends(records, topic) for topic in (TOPICS.documents, TOPICS.again))
        documents_end, again_end = of_both
        return Batch(records, documents_end, {}, 0, again_ends=again_end)

    def _records(self, topic: str) -> list[Record]:
        return self.documents if topic == TOPICS.documents else self.again

    async def process(self, batches: list[Batch]) -> None:
        """As a full pipeline does: all are planned before the first is written."""
        for batch in batches:
            decode_batch(batch, self.rules, TOPICS, self.earlier)
            await self.indexer.plan(batch, lambda: True)
        for batch in batches:
            await self.indexer.embed(batch, lambda: True)
            await self.indexer.write(batch, lambda: True)
            self.dead += batch.dead
            for message in await self.reinstater.messages(batch):
                self.again.append(arrived(message, len(self.again)))

    def shown(self) -> dict[str, tuple[str, str]]:
        found = {}
        for key, record in self.points.ledger.items():
            passages = [self.points.passages[point] for point in record.passages]
            for each in passages:
                assert (each.vector == vector_of(each.text)).all()
            if not record.deleted:
                found[key] = "".join(each.text for each in passages), canonical_json(record.metadata)
        return found


def arrived(message: Message, offset: int) -> Record:
    assert message.partition is not None
    return Record(
        message.topic, message.partition, offset, 9.0, message.key, message.value, headers=tuple(message.headers)
    )


def record_of(offset: int, written: Written, order: Order) -> Record:
    key, state, version, null = written
    event: dict[str, object] = {"id": key} | ({"version": version} if order is Order.VERSION else {})
    value: bytes | None
    if state is None:
        value = None if null else json.dumps({"type": "delete", **event}).encode()
    elif isinstance(state, str):
        value = b"{"
    else:
        text, lang = state
        value = json.dumps({"type": "upsert", **event, "text": text, "metadata": {"lang": lang}}).encode()
    return Record(TOPICS.documents, 0, offset, 1.0, key.encode(), value)


def fold(log: list[Written], order: Order, *, refusals: Collection[State] = REFUSALS) -> dict[str, tuple[str, str]]:
    """The definition: the highest (version, place) of each document's good events, nulls with the version before."""
    newest: dict[str, tuple[int, State]] = {}
    for key, state, version, null in log:
        known = newest.get(key, (-1, None))[0]
        rank = (known if state is None and null else version) if order is Order.VERSION else 0
        if state not in (BAD, *refusals) and rank >= known:
            newest[key] = rank, state
    return {
        key: (state[0], canonical_json({"lang": state[1]})) for key, (_, state) in newest.items() if state is not None
    }


states = st.one_of(
    st.just(BAD),
    st.sampled_from(REFUSALS),
    st.none(),
    st.tuples(st.sampled_from(["x", "x y z", "p q r s t", ""]), st.sampled_from(["d", "e"])),
)
logs = st.lists(st.tuples(st.sampled_from("ab"), states, st.integers(0, 3), st.booleans()), min_size=1, max_size=9)


async def follow(world: World, dice: random.Random) -> None:
    """Both topics to their ends, in random pieces; some batches are lost before the commit and come again."""
    while any(world.left(topic) for topic in (TOPICS.documents, TOPICS.again)):
        before = dict(world.at)
        batches = []
        for _ in range(dice.randint(1, 4)):
            sizes = [min(world.left(topic), dice.randint(0, 4)) for topic in before]
            batches.append(world.fetch(*sizes))
        await world.process([each for each in batches if each.records])
        if dice.random() < CRASHES:  # before the commit
            await world.process([world_again(world, before)])


def world_again(world: World, before: dict[str, int]) -> Batch:
    """What was fetched since, once more and as one batch."""
    sizes = [world.at[topic] - place for topic, place in before.items()]
    world.at = dict(before)
    return world.fetch(*sizes)


async def check(log: list[Written], order: Order, dice: random.Random) -> None:
    records = [record_of(at, each, order) for at, each in enumerate(log)]
    live = World(order, records, [])
    await follow(live, dice)
    assert live.shown() == fold(log, order)
    assert live.left(TOPICS.again) == 0, "it reinstates without end"
    for upto in (0, dice.randint(0, len(records)), None):
        rebuild = World(order, compacted(records, upto), compacted(live.again))
        await follow(rebuild, dice)
        assert rebuild.shown() == fold(log, order)


def versioned(*events: tuple[State, int]) -> list[Written]:
    """Events of one document; ends without a version of their own are nulls."""
    return [("a", state, version, state is None) for state, version in events]


X, Y = ("x", "d"), ("y", "d")


@pytest.mark.parametrize(
    "log",
    [
        versioned((X, 3), (None, 0), (Y, 1)),  # a null that is reinstated keeps the version that it ended
        versioned((X, 3), (Y, 1), (None, 0)),  # what was reinstated lies before a null
        versioned((X, 3), (Y, 1), (None, 0), (Y, 2)),  # and the null ends what has a version in between, too
        versioned((REFUSED, 3), (None, 0), (Y, 1)),  # nothing ends with a version that the model refused
        versioned((X, 1), (None, 0), (REFUSED, 3), (None, 0), (None, 0), (Y, 2)),
        versioned((REFUSED, 3), (REFUSED, 2), (None, 0), (Y, 1)),
    ],
)
async def test_nulls_in_version_order(log: list[Written]) -> None:
    for seed in range(100):
        await check(log, Order.VERSION, random.Random(seed))


@pytest.mark.soak
@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32))
@settings(max_examples=count(10_000), deadline=None)
def test_however_both_topics_are_read_and_compacted_the_index_is_the_fold(
    order: Order, log: list[Written], seed: int
) -> None:
    asyncio.run(check(log, order, random.Random(seed)))


@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_what_compaction_removed_before_it_could_be_read_back_is_put_together(
    order: Order, log: list[Written], seed: int
) -> None:
    async def check() -> None:
        records = [record_of(at, each, order) for at, each in enumerate(log)]
        live = World(order, list(records), [])
        live.reinstater = Reinstater(index=live.index, log=MemoryLog([]), topics=TOPICS, order=order)
        await follow(live, random.Random(seed))
        rebuild = World(order, compacted(records), compacted(live.again))
        await follow(rebuild, random.Random(seed))
        assert rebuild.shown() == fold(log, order)

    asyncio.run(check())


@pytest.mark.soak
@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32))
@settings(max_examples=count(10_000))
def test_letters_that_are_retried_once_the_model_is_mended_take_their_places(
    order: Order, log: list[Written], seed: int
) -> None:
    """Nulls are left out in version order: their versions depend on what was known when they came."""
    if order is Order.VERSION:
        log = [(key, state, version, False) for key, state, version, _ in log]

    async def check() -> None:
        dice = random.Random(seed)
        records = [record_of(at, each, order) for at, each in enumerate(log)]
        world = World(order, records[: dice.randint(0, len(records))], [])
        await follow(world, dice)
        mend(world, dice)
        if dice.random() < 0.5:
            await follow(world, dice)
        world.documents = records
        await follow(world, dice)
        mend(world, dice)
        await follow(world, dice)
        assert world.shown() == fold(log, order, refusals=())

    asyncio.run(check())


def mend(world: World, dice: random.Random) -> None:
    """Let the model and the rules take everything, and retry all that they have refused, in any order."""
    world.embedder.poison = None
    world.rules = replace(world.rules, max_bytes=1_000)
    letters = {each.record.offset: each for each in world.dead if each.error.reason is not Reason.NOT_JSON}
    for letter in dice.sample(list(letters.values()), len(letters)):
        again = wrap(replace(letter.record, again=None), Again(Why.RETRIED, letter.attempts), TOPICS.again)
        world.again.append(arrived(again, len(world.again)))
    world.dead.clear()


@pytest.mark.parametrize("why", [Why.HEALED, Why.REPROCESSED])
async def test_what_was_asked_for_is_written_even_where_the_ledger_calls_it_equal(why: Why) -> None:
    record = record_of(0, ("a", ("one two", "d"), 0, False), Order.LOG)
    world = World(Order.LOG, [record], [])
    await world.process([world.fetch(1, 0)])
    for point, passage in world.points.passages.items():
        world.points.passages[point] = replace(passage, vector=vector_of("wrong"))
    world.again.append(arrived(wrap(record, Again(why), TOPICS.again), 0))
    await world.process([world.fetch(0, 1)])
    assert world.shown() == {"a": ("one two", '{"lang":"d"}')}


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("why", [Why.HEALED, Why.REPROCESSED])
@pytest.mark.parametrize("sizes", [[(1, 0), (0, 1)], [(0, 1), (1, 0)], [(1, 1)]], ids=["after", "before", "together"])
async def test_what_was_asked_for_before_a_build_began_is_embedded_and_written_once(
    order: Order, why: Why, sizes: list[tuple[int, int]]
) -> None:
    record = record_of(7, ("a", ("one two", "d"), 1, False), order)
    world = World(order, [record], [arrived(wrap(record, Again(why), TOPICS.again), 4)])
    world.earlier = lambda each: each.topic == TOPICS.again and each.offset < 5
    for both in sizes:
        await world.process([world.fetch(*both)])
    assert world.embedder.texts == ["one two"]
    assert world.shown() == {"a": ("one two", '{"lang":"d"}')}


@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_whatever_was_asked_for_before_a_build_began_it_comes_to_the_fold(
    order: Order, log: list[Written], seed: int
) -> None:
    async def check() -> None:
        dice = random.Random(seed)
        records = [record_of(at, each, order) for at, each in enumerate(log)]
        live = World(order, records, [])
        await follow(live, dice)
        ask(live, dice)
        rebuild = World(order, compacted(records, dice.randint(0, len(records))), compacted(live.again))
        began = dice.randint(0, len(live.again))
        rebuild.earlier = lambda each: each.offset < began
        await follow(rebuild, dice)
        assert rebuild.shown() == fold(log, order)

    asyncio.run(check())


def ask(world: World, dice: random.Random) -> None:
    """Have some of the documents written anew, as a verification and `freshet reprocess` do."""
    for record in world.points.ledger.values():
        original = world.documents[record.offset]
        null = original.value is None and world.order is Order.VERSION
        again = Again(dice.choice([Why.HEALED, Why.REPROCESSED]), version=record.rank.version if null else None)
        if dice.random() < 0.7:
            world.again.append(arrived(wrap(original, again, TOPICS.again), len(world.again)))


async def test_an_event_that_came_again_never_overwrites_a_newer_one() -> None:
    log = [("a", ("old", "d"), 0, False), ("a", ("new", "d"), 0, False)]
    records = [record_of(at, each, Order.LOG) for at, each in enumerate(log)]
    world = World(Order.LOG, records, [])
    await world.process([world.fetch(2, 0)])
    for why in Why:
        world.again.append(arrived(wrap(records[0], Again(why), TOPICS.again), len(world.again)))
    await world.process([world.fetch(0, len(Why))])
    assert world.shown()["a"][0] == "new"


async def test_a_retried_event_that_fails_again_is_a_dead_letter_with_one_attempt_more() -> None:
    world = World(Order.LOG, [], [])
    bad = record_of(3, ("a", BAD, 0, False), Order.LOG)
    world.again.append(arrived(wrap(bad, Again(Why.RETRIED, attempts=2), TOPICS.again), 0))
    batch = world.fetch(0, 1)
    await world.process([batch])
    [letter] = batch.dead
    assert (letter.record.offset, letter.record.value, letter.attempts) == (3, b"{", 3)


@pytest.mark.parametrize("why", [each for each in Why if each not in (Why.RETRIED, Why.HEALED)])
async def test_others_that_came_again_and_cannot_be_used_are_only_counted(why: Why) -> None:
    world = World(Order.LOG, [], [Record(TOPICS.again, 0, 0, 1.0, b"k", b"nonsense")])
    bad = record_of(3, ("a", BAD, 0, False), Order.LOG)
    world.again.append(arrived(wrap(bad, Again(why), TOPICS.again), 1))
    batch = world.fetch(0, 2)
    await world.process([batch])
    assert (batch.dead, batch.ignored) == ([], 2)


async def test_a_null_ends_also_what_was_a_dead_letter_when_it_came() -> None:
    """The retried event lies before the null, whose version is therefore as high; as a rebuild will see it."""
    log = versioned((X, 9), (None, 0), (Y, 5))
    records = [record_of(at, each, Order.VERSION) for at, each in enumerate(log)]
    world = World(Order.VERSION, records, [arrived(wrap(records[0], Again(Why.RETRIED), TOPICS.again), 0)])
    world.at[TOPICS.documents] = 1  # the first was refused
    for sizes in ((1, 0), (0, 1), (1, 0)):
        await world.process([world.fetch(*sizes)])
    assert world.shown() == fold(log, Order.VERSION) == {}
