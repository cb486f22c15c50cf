"""Where a document is, told from what a worker made of random logs, and from single topics in memory."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record, Rules
from freshet.schemas.errors import DeniedError, OutsideError, TransientError
from freshet.schemas.feed import Watermark
from freshet.schemas.positions import FreshnessToken, Order, Place
from freshet.search.documents.facts import LogFacts, Looked, Pace
from freshet.search.documents.verdict import News, State, Verdict, judge
from freshet.streams.again import wrap
from freshet.streams.batch import Batch
from freshet.streams.headway import FRESH_SECONDS, Mark, pace
from freshet.streams.lag import Position
from freshet.streams.retrying import Spans
from freshet.streams.tracing import Limits, LogTracer
from tests.support.announcing import announcer_to
from tests.unit.streams.letters import LETTERS, Topic, letter_headers
from tests.unit.streams.test_both_topics import LIMIT, TOPICS, World, Written, arrived, follow, logs, record_of

NOW = 1_000_000.0
VERSION = "documents__abc"
STANDARD = Limits()


class Kafka:
    """Topics in memory, each of which may fail; `done` is by topic what a group has committed."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions
        self.topics: dict[str, list[Record]] = {}
        self.done: dict[str, int] = {}
        self.away: set[str] = set()
        self.failure: type[OutsideError] = DeniedError
        self.read_offsets = 0
        self.slow = False

    def tracer(self, limits: Limits) -> LogTracer:
        return LogTracer(
            index="documents",
            topics=TOPICS,
            offsets=self.offsets,
            reader=self.reader,
            partition_of=lambda _key, partitions: 1 % partitions,
            limits=limits,
            clock=lambda: NOW,
        )

    async def look(self, key: str = "a", held: Place | None = None, limits: Limits = STANDARD) -> LogFacts:
        return await self.tracer(limits).look(key, held=held, version=VERSION)

    @asynccontextmanager
    async def offsets(self) -> AsyncIterator[Kafka]:
        if "offsets" in self.away:
            raise self.failure("read committed offsets", "away")
        yield self

    async def positions(self, topic: str, group: str) -> list[Position]:
        assert group == "freshet.documents.abc"
        return [Position(each, 0, 0, self.done.get(topic)) for each in range(self.partitions)]

    async def times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, float]:
        raise NotImplementedError

    @asynccontextmanager
    async def reader(self, topic: str) -> AsyncIterator[Reader]:
        if topic in self.away:
            raise self.failure(f"read {topic}", "away")
        yield Reader(self, self.topics.get(topic, []))


class Reader:
    def __init__(self, kafka: Kafka, records: Iterable[Record]) -> None:
        self._kafka = kafka
        self._records = list(records)

    async def spans(self) -> Spans:
        ends = dict.fromkeys(range(self._kafka.partitions), 0)
        for record in self._records:
            ends[record.partition] = max(ends[record.partition], record.offset + 1)
        return {number: range(end) for number, end in ends.items()}

    async def read(self, spans: Spans) -> AsyncIterator[Sequence[Record]]:
        if self._kafka.slow:
            await asyncio.Event().wait()
        self._kafka.read_offsets += sum(map(len, spans.values()))
        yield [each for each in self._records if each.offset in spans.get(each.partition, range(0))]


def upsert(offset: int, key: str = "a", text: str = "t", partition: int = 0) -> Record:
    value = json.dumps({"type": "upsert", "id": key, "text": text}).encode()
    return Record(TOPICS.documents, partition, offset, 5.0, key.encode(), value)


async def traced(world: World, key: str, kafka: Kafka) -> Verdict:
    """As a service tells it of a world whose worker has come as far as `world.at`."""
    record = world.points.ledger.get(key)
    held = None if record is None else Place(record.partition, record.offset)
    return judge(record, await kafka.look(key, held), Rules(order=world.order, max_bytes=LIMIT))


async def topics_of(world: World) -> Kafka:
    kafka, letters = Kafka(), Topic()
    announcer = announcer_to(letters, topics=TOPICS, clock=lambda: 7.0)
    await announcer.announce(Batch((), {}, {}, 0, dead=world.dead))
    kafka.topics = {TOPICS.documents: world.documents, TOPICS.again: world.again, LETTERS: letters.records}
    kafka.done = dict(world.at)
    return kafka


@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32))
def test_whatever_became_of_a_documents_last_event_is_told(order: Order, log: list[Written], seed: int) -> None:
    async def check() -> None:
        dice = random.Random(seed)
        records = [record_of(at, each, order) for at, each in enumerate(log)]
        world = World(order, records[: dice.randint(0, len(records))], [])
        await follow(world, dice)
        world.documents = records  # the rest is there, and nobody has come to it yet
        kafka = await topics_of(world)
        for key in {written[0] for written in log}:
            verdict = await traced(world, key, kafka)
            assert (verdict.state is State.SEARCHABLE) == (key in world.shown())
            expect(world, key, verdict)
            kafka.away = {LETTERS}
            assert (await traced(world, key, kafka)).news is not News.DIFFERS, "what it cannot know it must not say"
            kafka.away = set()

    asyncio.run(check())


def expect(world: World, key: str, verdict: Verdict) -> None:
    last = [each for each in world.documents if each.key == key.encode()][-1]
    held, done = world.points.ledger.get(key), world.at[TOPICS.documents]
    if last.offset >= done:
        assert (verdict.news, verdict.record, verdict.ahead) == (News.WAITING, last, last.offset - done)
    elif held is not None and held.offset >= last.offset:
        assert verdict.news is None
    elif last.offset in {each.record.offset for each in world.dead}:
        assert verdict.news is News.DEAD
        assert verdict.letter is not None
        assert verdict.letter.origin == FreshnessToken(TOPICS.documents, 0, last.offset)
    else:
        assert held is not None
        assert verdict.record == last
        assert verdict.news is News.UNCHANGED or (verdict.news is News.STALE and world.order is Order.VERSION)


@pytest.mark.parametrize("order", list(Order))
@given(log=logs, seed=st.integers(0, 2**32))
def test_an_index_that_lost_what_the_log_says_is_found_out(order: Order, log: list[Written], seed: int) -> None:
    async def check() -> None:
        records = [record_of(at, each, order) for at, each in enumerate(log)]
        world = World(order, records, [])
        await follow(world, random.Random(seed))
        kafka = await topics_of(world)
        last = {each.key: each.offset for each in records}
        for key, record in list(world.points.ledger.items()):
            if last[key.encode()] == record.offset:
                del world.points.ledger[key]
                news = (await traced(world, key, kafka)).news
                assert news is (News.FORGOTTEN if record.deleted else News.DIFFERS)

    asyncio.run(check())


async def test_the_newest_event_is_looked_for_from_the_end_backwards_and_no_further_than_the_limit() -> None:
    kafka = Kafka()
    kafka.topics[TOPICS.documents] = [upsert(0), *(upsert(at, "other") for at in range(1, 9_000))]
    facts = await kafka.look(limits=Limits(offsets=5_000))
    assert (facts.newest, facts.looked[TOPICS.documents]) == (None, Looked(5_000, 9_000))
    assert kafka.read_offsets == 5_000
    facts = await kafka.look(limits=Limits(offsets=9_000))
    assert facts.newest is not None
    assert facts.newest.offset == 0
    kafka.read_offsets = 0
    kafka.topics[TOPICS.documents].append(upsert(9_000))
    facts = await kafka.look(limits=Limits(offsets=9_000))
    assert facts.newest is not None
    assert (facts.newest.offset, kafka.read_offsets) == (9_000, 2_000)


async def test_where_the_index_holds_a_state_only_what_lies_behind_it_in_its_partition_is_looked_at() -> None:
    kafka = Kafka(partitions=2)
    held = replace(upsert(3), headers=(("ce_source", b"crm"),))
    kafka.topics[TOPICS.documents] = [
        *(upsert(at, "b") for at in range(3)),
        held,
        upsert(4, "b"),
        upsert(0, partition=1),
    ]
    facts = await kafka.look(held=Place(0, 3))
    assert (facts.held, facts.newest, facts.looked[TOPICS.documents]) == (held, None, Looked(1, 1))


async def test_of_an_unknown_document_every_partition_is_looked_at_that_of_its_key_first() -> None:
    kafka = Kafka(partitions=3)
    kafka.topics[TOPICS.documents] = [
        upsert(at, "a" if (number, at) == (2, 0) else "b", partition=number) for number in range(3) for at in range(10)
    ]
    facts = await kafka.look()
    assert facts.newest == upsert(0, partition=2)
    facts = await kafka.look(limits=Limits(offsets=20))
    assert (facts.newest, facts.looked[TOPICS.documents]) == (None, Looked(20, 30))


@pytest.mark.parametrize("topic", ["offsets", TOPICS.documents, TOPICS.again, LETTERS, TOPICS.indexed])
async def test_what_cannot_be_read_is_told_and_the_rest_is_looked_at(topic: str) -> None:
    kafka = Kafka()
    kafka.topics[TOPICS.documents] = [upsert(0), upsert(1)]
    kafka.done[TOPICS.documents] = 1
    kafka.away = {topic}
    facts = await kafka.look()
    assert [text for text in facts.untold if "away" in text] == facts.untold != []
    assert (facts.newest is None) == (topic == TOPICS.documents)
    assert bool(facts.next) == (topic != "offsets")


async def test_without_kafka_nothing_more_is_tried() -> None:
    kafka = Kafka()
    kafka.failure, kafka.away = TransientError, {"offsets", TOPICS.documents, LETTERS}
    assert (await kafka.look()).untold == ["how far workers are: read committed offsets: away"]


async def test_what_takes_too_long_is_given_up_and_told() -> None:
    kafka = Kafka()
    kafka.topics[TOPICS.documents] = [upsert(0)]
    kafka.slow = True
    facts = await kafka.look(limits=Limits(seconds=0.01))
    assert facts.untold == ["all of it: looking took longer than 0.01 s"]
    assert facts.looked[TOPICS.documents] == Looked(0, 1)


async def test_of_its_letters_those_that_were_retried_say_so_and_others_letters_are_not_its() -> None:
    kafka, origin = Kafka(), FreshnessToken(TOPICS.documents, 0, 4)

    def letter(offset: int, key: bytes, **state: object) -> Record:
        return Record(LETTERS, 0, offset, 8.0 + offset, key, b"", letter_headers(origin, **state))  # type: ignore[arg-type]

    kafka.topics[LETTERS] = [letter(0, b"a"), letter(1, b"ab"), Record(LETTERS, 0, 2, 9.0, b"a", b"", ())]
    [found] = (await kafka.look()).letters
    assert (found.origin, found.reason, found.message, found.state) == (origin, "too_large", "no", "open")
    kafka.topics[LETTERS].append(letter(3, b"a", attempts=2))
    [found] = (await kafka.look()).letters
    assert (found.attempts, found.time) == (2, 11.0)


async def test_an_event_that_waits_to_be_processed_again_is_told_until_it_was() -> None:
    kafka = Kafka()
    again = wrap(upsert(4), Again(Why.RETRIED), TOPICS.again)
    other = wrap(upsert(5, "ab"), Again(Why.RETRIED), TOPICS.again)
    kafka.topics[TOPICS.again] = [arrived(again, 0), arrived(other, 1)]
    facts = await kafka.look()
    assert facts.again is not None
    assert (facts.again.offset, facts.again.value) == (4, upsert(4).value)
    assert judge(None, facts, Rules()).news is News.AGAIN
    kafka.done[TOPICS.again] = 1
    assert (await kafka.look()).again is None


async def test_a_retried_letter_waits_again_and_one_that_was_dropped_is_dead() -> None:
    facts = LogFacts(newest=replace(upsert(4), value=b"{"), next={0: 9}, has_letters=True)
    letter = Topic([Record(LETTERS, 0, 0, 8.0, b"a", b"", letter_headers(FreshnessToken(TOPICS.documents, 0, 4)))])
    kafka = Kafka()
    kafka.topics[LETTERS] = letter.records
    [found] = (await kafka.look()).letters
    assert found.moment == 1_000, "it is of a record that lay at this place before the topic was made anew"
    assert judge(None, replace(facts, letters=[found]), Rules()).letter is None
    found = replace(found, moment=5_000)
    for state, again, news in [
        ("open", None, News.DEAD),
        ("dropped", None, News.DEAD),
        ("retried", replace(upsert(4), again=Again(Why.RETRIED)), News.AGAIN),
    ]:
        facts.letters, facts.again = [replace(found, state=state)], again
        assert judge(None, facts, Rules()).news is news


async def test_the_pace_is_that_of_the_versions_watermarks_in_the_feed() -> None:
    kafka = Kafka()
    kafka.topics[TOPICS.documents] = [upsert(0), upsert(500)]
    kafka.done[TOPICS.documents] = 100

    def mark(at: int, offset: int, version: str = VERSION, **parts: int) -> Record:
        said = Watermark(index_version=version, topic="documents", **({"partition": 0} | parts), offset=offset)
        return Record(TOPICS.indexed, 0, at, NOW - 50 + at, None, said.model_dump_json().encode())

    others = [
        mark(4, 900, "documents__other"),
        mark(5, 800, partition=3),
        Record(TOPICS.indexed, 0, 6, NOW, b"a", b"{}"),
    ]
    kafka.topics[TOPICS.indexed] = [mark(0, 60), mark(2, 80), *others, mark(10, 100)]
    assert (await kafka.look()).pace == Pace(4.0, NOW - 40)
    kafka.done[TOPICS.documents] = 501
    assert (await kafka.look()).pace is None, "nothing waits"


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ([], Pace(None, None)),
        ([Mark(NOW, 5)], Pace(None, NOW)),
        ([Mark(NOW - 10, 5), Mark(NOW, 5)], Pace(None, NOW)),
        ([Mark(NOW - 10, 5), Mark(NOW, 25)], Pace(2.0, NOW)),
        ([Mark(NOW - 1_000, 1), Mark(NOW - 10, 5), Mark(NOW, 25)], Pace(2.0, NOW)),
        (
            [Mark(NOW - FRESH_SECONDS - 11, 5), Mark(NOW - FRESH_SECONDS - 1, 25)],
            Pace(None, NOW - FRESH_SECONDS - 1),
        ),
    ],
)
def test_a_pace_is_told_only_of_what_moves(seen: list[Mark], told: Pace) -> None:
    assert pace(seen, NOW) == told
