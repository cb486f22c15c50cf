"""Ends of documents are forgotten when nothing can come any more that they would have to refuse, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Reason, Record
from freshet.schemas.errors import DeniedError, TransientError
from freshet.schemas.events import Delete, Event, Upsert
from freshet.schemas.keys import document_key
from freshet.schemas.positions import Order, Rank
from freshet.schemas.topics import DAY_MS, Topics, TopicState
from freshet.search.bm25 import Bm25
from freshet.search.index.records import LedgerRecord
from freshet.search.passages import Recipe
from freshet.streams import purging
from freshet.streams.batch import Batch
from freshet.streams.indexer import Indexer
from freshet.streams.plan import Outcome
from freshet.streams.purging import EVERY_SECONDS, FIRST_SECONDS, Purging, kept_seconds
from freshet.streams.retry import Retry, Weather
from tests.support.embedder import CountingEmbedder
from tests.support.memory_index import MemoryIndex, Points
from tests.support.waiting import wait_until

TOPICS = Topics()
DAY = 86_400.0
NOW = 1_000 * DAY


def states(documents: str = "7", again: str = "7", letters: str = "30") -> dict[str, TopicState]:
    """The topics with these retentions, in days."""

    def state(name: str, setting: str, days: str) -> TopicState:
        if not days:
            return TopicState(name, 4, {})
        return TopicState(name, 4, {setting: days if days == "-1" else str(int(days) * DAY_MS)})

    return {
        TOPICS.documents: state(TOPICS.documents, "delete.retention.ms", documents),
        TOPICS.again: state(TOPICS.again, "delete.retention.ms", again),
        TOPICS.dead_letters: state(TOPICS.dead_letters, "retention.ms", letters),
    }


@pytest.mark.parametrize(
    ("days", "topics", "kept"),
    [
        (7, states(), 37),
        (20, states(), 50),
        (1, states(), 37),
        (7, states(documents="9"), 39),
        (7, states(again="10"), 40),
        (7, states(letters="60"), 67),
        (7, states(letters="-1"), None),
        (7, states(documents="-1"), None),
        (7, states(letters=""), None),
        (7, {}, None),
    ],
)
def test_they_are_kept_for_as_long_as_events_may_be_late_and_letters_of_those_may_be_retried(
    days: float, topics: Mapping[str, TopicState], kept: float | None
) -> None:
    assert kept_seconds(TOPICS, topics, days) == (None if kept is None else kept * DAY)


class World:
    """An index in memory, whose partition 0 is purged as the topics and what waits in them allow."""

    def __init__(self, *records: LedgerRecord, waits: float | None = None, letters: str = "30") -> None:
        self.points = Points(ledger={each.key: each for each in records})
        self.index = MemoryIndex(self.points)
        self.forgotten = 0
        self.slept: list[float] = []
        self.failure: Exception | None = None

        async def describe() -> Mapping[str, TopicState]:
            if self.failure is not None:
                failure, self.failure = self.failure, None
                raise failure
            return states(letters=letters)

        async def behind() -> Mapping[int, float]:
            return {} if waits is None else {0: waits}

        self.purging = Purging(
            index=self.index,
            topics=TOPICS,
            days=7,
            describe=describe,
            behind=behind,
            clock=lambda: NOW,
            purged=self._purged,
            sleep=self._sleep,
        )

    def _purged(self, ends: int) -> None:
        self.forgotten += ends

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def look(self) -> set[str]:
        """The documents that are remembered after a look."""
        await self.purging.look(frozenset({0}))
        return set(self.points.ledger)

    def indexer(self, order: Order = Order.LOG) -> Indexer:
        return Indexer(
            index=self.index,
            embedder=CountingEmbedder(),
            order=order,
            recipe=Recipe(window=4),
            text=Bm25(),
            retry=Retry(weather=Weather(), longest_wait=1),
            clock=lambda: NOW,
            floor=self.index.floor,
            ledger_bytes=0,
            batch_tokens=100,
        )


def tombstone(key: str, days: float, offset: int = 5, **parts: Any) -> LedgerRecord:
    """One that was written so many days ago."""
    defaults: dict[str, Any] = {"partition": 0, "rank": Rank(0, offset), "version": None, "deleted": True}
    state = {"content_digest": "deleted", "metadata_digest": "deleted", "event_time": 1.0}
    return LedgerRecord(key=key, id=key, tenant=None, searchable_at=NOW - days * DAY, **(defaults | state | parts))


async def test_only_what_is_older_than_that_is_forgotten() -> None:
    records = tombstone("old", 37.1), tombstone("young", 36.9), tombstone("alive", 99, deleted=False)
    world = World(*records, tombstone("elsewhere", 99, partition=1))
    assert await world.look() == {"young", "alive", "elsewhere"}
    assert (world.forgotten, world.points.floors) == (1, {0: 5})


async def test_an_event_that_names_an_old_time_makes_its_tombstone_no_older() -> None:
    assert await World(tombstone("doc", 1, event_time=0.0)).look() == {"doc"}


async def test_what_still_waits_in_a_topic_may_be_as_late_as_it_is_old() -> None:
    assert await World(tombstone("doc", 40), waits=2 * DAY).look() == set()
    assert await World(tombstone("doc", 40), waits=4 * DAY).look() == {"doc"}


async def test_where_dead_letters_are_kept_for_ever_so_are_ends() -> None:
    assert await World(tombstone("doc", 900), letters="-1").look() == {"doc"}


@pytest.mark.parametrize(
    "failure",
    [RuntimeError("nobody foresaw this"), TransientError("ask Kafka", "away"), DeniedError("ask Kafka", "no right")],
)
async def test_a_look_that_fails_is_made_again_an_hour_later_and_ends_nothing(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing waits for it, so it is not retried: trouble of a chore would excuse a worker that hangs."""
    world = World(tombstone("doc", 40))
    world.failure = failure
    running = asyncio.create_task(world.purging.run(frozenset({0})))
    await wait_until(lambda: world.forgotten, "the next look forgets it")
    running.cancel()
    await asyncio.wait([running])
    assert world.slept[:2] == [FIRST_SECONDS, EVERY_SECONDS]
    assert "they stay for now" in caplog.text
    assert ("Traceback" in caplog.text) is isinstance(failure, RuntimeError)


def batch(*events: Event) -> Batch:
    made = Batch(tuple(record_of(each) for each in events), {0: 99}, {0: 0}, 0)
    for each in events:
        made.events.setdefault(each.key, []).append(each)
    return made


def record_of(event: Event) -> Record:
    return Record(TOPICS.documents, 0, event.offset, 1.0, event.key.encode(), b"{}", again=event.again)


def event(key: str, offset: int, why: Why | None, until: int = 0) -> Event:
    again = None if why is None else Again(why, until=until)
    return Event(key, None, document_key(key, None), 0, offset, 1.0, Upsert(id=key, text="aa", version=1), again)


async def plan(world: World, *events: Event, order: Order = Order.LOG) -> Batch:
    planned = batch(*events)
    await world.indexer(order).plan(planned, lambda: True)
    return planned


@pytest.mark.parametrize("order", list(Order))
async def test_a_retry_does_not_bring_back_a_document_whose_end_is_forgotten(order: Order) -> None:
    world = World(tombstone("doc", 40, offset=5))
    assert (await plan(world, event("doc", 3, Why.RETRIED), order=order)).plans["doc"].outcome is Outcome.STALE
    await world.look()
    planned = await plan(world, event("doc", 3, Why.RETRIED), order=order)
    [letter] = planned.dead
    assert (letter.error.reason, letter.attempts, planned.plans) == (Reason.FORGOTTEN, 2, {})


@pytest.mark.parametrize("body", [None, Delete(id="doc", version=5)])
async def test_an_end_that_comes_again_is_taken_lest_what_is_older_by_its_version_be_indexed(
    body: Delete | None,
) -> None:
    """Everything is read again: of `documents` compaction has left what came late and was refused as stale."""
    world = World(tombstone("gone", 40, offset=25, rank=Rank(5, 25)))
    await world.look()
    end = replace(event("doc", 20, None), body=body, again=Again(Why.REINSTATED, version=5 if body is None else None))
    late = replace(event("doc", 30, None), body=Upsert(id="doc", text="aa", version=3))
    indexer = world.indexer(Order.VERSION)
    for each in (end, late):
        planned = batch(each)
        await indexer.plan(planned, lambda: True)
        await indexer.embed(planned, lambda: True)
        await indexer.write(planned, lambda: True)
    record = world.points.ledger[end.key]
    assert (record.deleted, record.rank) == (True, Rank(5, 20))


@pytest.mark.parametrize("why", [Why.REINSTATED, Why.REPROCESSED])
async def test_nor_does_anything_else_that_comes_again_and_it_is_counted(why: Why) -> None:
    world = World(tombstone("doc", 40, offset=5))
    await world.look()
    planned = await plan(world, event("doc", 3, why))
    assert (planned.plans, planned.dead, planned.ignored) == ({}, [], 1)


async def test_what_is_no_older_than_any_forgotten_end_is_indexed_and_so_is_what_the_log_ends_with() -> None:
    world = World(tombstone("gone", 40, offset=5), tombstone("known", 40, offset=4, deleted=False))
    await world.look()
    events = (
        event("new", 6, Why.RETRIED),
        event("healed", 3, Why.HEALED, until=6),
        event("documents", 3, None),
        event("known", 4, Why.REPROCESSED),
    )
    planned = await plan(world, *events)
    assert set(planned.plans) == {"new", "healed", "documents", "known"}
    assert {each.outcome for each in planned.plans.values()} == {Outcome.INDEXED}


@pytest.mark.parametrize("why", [Why.HEALED, Why.REPROCESSED])
async def test_what_the_log_ended_with_once_is_refused_where_an_end_that_came_since_is_forgotten(why: Why) -> None:
    """Everything is read again, and the document's own end, a null, Kafka has removed."""
    world = World(tombstone("doc", 40, offset=5))
    await world.look()
    planned = await plan(world, event("doc", 3, why, until=5))
    assert (planned.plans, planned.ignored) == ({}, 1)


async def test_another_event_of_the_document_counts_all_the_same() -> None:
    world = World(tombstone("doc", 40, offset=5))
    await world.look()
    planned = await plan(world, event("doc", 3, Why.RETRIED), event("doc", 9, None))
    assert planned.plans["doc"].newest.rank.offset == 9
    assert planned.dead == []


async def test_the_floor_is_read_after_the_ledger_lest_an_end_be_forgotten_in_between() -> None:
    steps: list[str] = []

    async def gate(step: str) -> None:
        steps.append(step)
        if step == "floor":
            assert world.points.floors, "the end was forgotten before the floor was read"
        elif step == "ledger":
            await purging.purge(MemoryIndex(world.points), 0, before=NOW, sleep=world._sleep)

    world = World(tombstone("doc", 40, offset=5))
    world.index = MemoryIndex(world.points, gate)
    assert [each.error.reason for each in (await plan(world, event("doc", 3, Why.RETRIED))).dead] == [Reason.FORGOTTEN]
    assert steps == ["ledger", "floor"]
