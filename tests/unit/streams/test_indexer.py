"""A batch on its way through plan, embed and write, over an index in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Reason, Record
from freshet.schemas.errors import PermanentError
from freshet.schemas.events import Event, Upsert
from freshet.schemas.feed import Change
from freshet.schemas.positions import Order, Rank
from freshet.schemas.topics import Topics
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.records import LedgerRecord, Passage, Vector
from freshet.search.passages import Recipe
from freshet.streams.batch import Batch
from freshet.streams.indexer import Indexer
from freshet.streams.plan import NewPassage
from freshet.streams.retry import AbandonedError, Retry, Weather
from freshet.streams.sweep import sweep
from freshet.streams.telling import NOBODY, Teller
from tests.support.embedder import CountingEmbedder, vector_of
from tests.support.memory_index import MemoryIndex, Points


def make_indexer(index: MemoryIndex, embedder: Embedder, batch_tokens: int = 1_000, **options: object) -> Indexer:
    return Indexer(
        index=index,
        embedder=embedder,
        order=Order.LOG,
        recipe=Recipe(window=4),
        text=Bm25(),
        retry=Retry(weather=Weather(), longest_wait=1),
        clock=lambda: 9.0,
        ledger_bytes=1 << 20,
        batch_tokens=batch_tokens,
        **options,  # type: ignore[arg-type]
    )


class Pipeline:
    """An indexer, and the batches that its log is cut into."""

    def __init__(
        self, *, poison: str | None = None, index: type[MemoryIndex] = MemoryIndex, batch_tokens: int = 1_000
    ) -> None:
        self.points = Points()
        self.embedder = CountingEmbedder(poison=poison)
        self.index_under_test = index(self.points)
        self.indexer = make_indexer(self.index_under_test, self.embedder, batch_tokens)
        self._next = 0

    def batch(self, *documents: tuple[str, str | None, dict[str, str]]) -> Batch:
        """A batch of (id, text or None for a null, metadata)."""
        records, events = [], dict[str, list[Event]]()
        for key, text, metadata in documents:
            body = None if text is None else Upsert(id=key, text=text, metadata=metadata)
            events.setdefault(key, []).append(Event(key, None, key, 0, self._next, 1.0, body))
            records.append(Record("documents", 0, self._next, 1.0, key.encode(), b"{}"))
            self._next += 1
        return Batch(tuple(records), {0: self._next}, {0: 0}, 0, events=events)

    async def index(self, *batches: Batch) -> None:
        """All planned before the first is written, as in a full pipeline."""
        for batch in batches:
            await self.indexer.plan(batch, wanted)
        for batch in batches:
            await self.indexer.embed(batch, wanted)
        for batch in batches:
            await self.indexer.write(batch, wanted)

    def text(self, key: str) -> str | None:
        record = self.points.ledger.get(key)
        if record is None or record.deleted:
            return None
        return "".join(self.points.passages[point].text for point in record.passages)


def wanted() -> bool:
    return True


async def test_documents_are_searchable_with_the_vectors_of_their_texts() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one two three", {}), ("b", "four", {})))
    assert (pipe.text("a"), pipe.text("b")) == ("one two three", "four")
    for passage in pipe.points.passages.values():
        assert (passage.vector == vector_of(passage.text)).all()
    assert pipe.points.ledger["a"].searchable_at == 9.0


async def test_a_metadata_change_embeds_nothing_and_keeps_the_vectors() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one two three", {"lang": "en"})))
    embedded = len(pipe.embedder.texts)
    await pipe.index(pipe.batch(("a", "one two three", {"lang": "de"})))
    assert len(pipe.embedder.texts) == embedded
    assert pipe.points.ledger["a"].metadata == {"lang": "de"}
    assert all((each.vector == vector_of(each.text)).all() for each in pipe.points.passages.values())


async def test_an_edit_of_one_passage_embeds_one_passage() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one two three four five six", {})))
    embedded = len(pipe.embedder.texts)
    await pipe.index(pipe.batch(("a", "one two 3 4 five six", {})))
    assert pipe.embedder.texts[embedded:] == ["3 4 "]


async def test_a_record_tells_how_its_vectors_came() -> None:
    pipe = Pipeline()

    async def made(batch: Batch) -> tuple[int, int, int, int]:
        batch.fetched_at = 5.0
        for number, stage in enumerate(("decode", "plan", "embed"), start=6):
            batch.passed[stage] = number
        await pipe.index(batch)
        work = pipe.points.ledger["a"].work
        assert work is not None
        assert (work.fetched_at, work.decode, work.plan, work.embed) == (5.0, 1.0, 1.0, 1.0)
        return work.embedded, work.cached, work.taken_over, work.tokens

    assert await made(pipe.batch(("a", "one two three", {}))) == (2, 0, 0, 3)
    assert await made(pipe.batch(("a", "one two three", {"lang": "de"}))) == (0, 0, 2, 0)
    assert await made(pipe.batch(("a", "one two 3 4", {"lang": "de"}))) == (1, 0, 0, 2)
    several = pipe.batch(("a", "other", {}), ("a", "one two 3 4", {"lang": "de"}))
    assert await made(several) == (1, 0, 0, 2), "only the position moved: the vectors are those of before"
    assert await made(pipe.batch(("a", None, {}))) == (0, 0, 0, 0)


async def test_vectors_of_the_cache_are_told_apart_from_those_that_were_paid_for() -> None:
    pipe = Pipeline()
    cached = CachedEmbedder(pipe.embedder, MemoryEmbeddingCache(), EmbeddingMetrics(CollectorRegistry()))
    await cached.embed(["one two "])
    pipe.indexer = make_indexer(pipe.index_under_test, cached)
    batch = pipe.batch(("a", "one two three", {}))
    batch.fetched_at, batch.passed = 1.0, {"decode": 1.0, "plan": 1.0, "embed": 1.0}
    await pipe.index(batch)
    work = pipe.points.ledger["a"].work
    assert work is not None
    assert (work.embedded, work.cached, work.tokens) == (1, 1, 1)


async def test_a_repeat_and_a_redelivery_embed_and_write_nothing() -> None:
    pipe = Pipeline()
    first = pipe.batch(("a", "one two", {}))
    await pipe.index(first)
    before = dict(pipe.points.ledger)
    again = Batch(first.records, first.ends, {0: 0}, 0, events=first.events)
    await pipe.index(again)
    await pipe.index(pipe.batch(("a", "one two", {})))
    assert pipe.points.ledger == before
    assert len(pipe.embedder.texts) == 1


async def test_batches_in_flight_build_on_each_other() -> None:
    pipe = Pipeline()
    batches = [pipe.batch(("a", text, {})) for text in ("one", "two", "one", "three")]
    await pipe.index(*batches)
    assert pipe.text("a") == "three"
    assert len(pipe.points.passages) == 1


async def test_a_document_that_the_model_refuses_is_a_dead_letter_alone() -> None:
    pipe = Pipeline(poison="bad")
    batch = pipe.batch(("a", "one", {}), ("b", "bad", {}), ("c", "three", {}))
    await pipe.index(batch)
    assert (pipe.text("a"), pipe.text("b"), pipe.text("c")) == ("one", None, "three")
    assert [(each.record.key, each.error.reason) for each in batch.dead] == [(b"b", Reason.REFUSED)]


async def test_when_the_newest_event_is_refused_the_one_before_it_counts() -> None:
    pipe = Pipeline(poison="bad")
    batch = pipe.batch(("a", "old", {}), ("a", "good", {}), ("a", "bad", {}))
    await pipe.index(batch)
    assert pipe.text("a") == "good"
    assert [each.record.offset for each in batch.dead] == [2]


async def test_what_was_planned_from_a_refused_state_is_planned_again() -> None:
    """The second batch repeats the text of the first: without a second look it would count as unchanged and be lost."""

    class Refusing(MemoryIndex):
        async def add(self, passages: Sequence[Passage], *, at_most: Rank) -> None:
            if any(passage.rank.offset == 0 for passage in passages):
                raise PermanentError("write", "refused")
            await super().add(passages, at_most=at_most)

    pipe = Pipeline(index=Refusing)
    first, second = pipe.batch(("a", "one", {})), pipe.batch(("a", "one", {}))
    await pipe.index(first, second)
    assert [each.record.offset for each in first.dead] == [0]
    assert pipe.text("a") == "one"
    assert not second.dead


async def test_a_null_removes_every_passage_and_leaves_a_tombstone() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one two three", {})), pipe.batch(("a", None, {})))
    assert pipe.points.passages == {}
    assert pipe.points.ledger["a"].deleted


async def test_what_an_abandoned_batch_was_to_write_is_not_believed() -> None:
    """A rebalance gives the same events again while the old batch still sleeps: they must be written by the new one."""
    pipe = Pipeline()
    abandoned = pipe.batch(("a", "one", {}))
    await pipe.indexer.plan(abandoned, wanted)
    pipe.indexer.forget()
    again = Batch(abandoned.records, abandoned.ends, {0: 0}, 1, events=dict(abandoned.events))
    await pipe.index(again)
    assert pipe.text("a") == "one"


async def test_a_batch_that_is_abandoned_while_it_is_planned_leaves_no_assumption() -> None:
    pipe = Pipeline()
    batch = pipe.batch(("a", "one", {}))
    answers = chain([True], repeat(False))
    with pytest.raises(AbandonedError):
        await pipe.indexer.plan(batch, lambda: next(answers))
    again = Batch(batch.records, batch.ends, {0: 0}, 1, events=dict(batch.events))
    await pipe.index(again)
    assert pipe.text("a") == "one"


async def test_of_a_batch_the_newest_event_is_what_became_searchable_last() -> None:
    """The age of the newest event is read from the record that became searchable last."""
    pipeline = Pipeline()
    batch = pipeline.batch(("a", "one", {}), ("b", "two", {}), ("c", "three", {}))
    for key, time in (("a", 2.0), ("b", 3.0), ("c", 1.0)):
        batch.events[key] = [replace(event, time=time) for event in batch.events[key]]
    await pipeline.index(batch)
    last = max(pipeline.points.ledger.values(), key=lambda record: record.searchable_at)
    assert last.key == "b"
    assert [record.searchable_at for record in pipeline.points.ledger.values()].count(last.searchable_at) == 1


class CountingIndex(MemoryIndex):
    """Notes which documents' records are read."""

    def __init__(self, points: Points) -> None:
        super().__init__(points)
        self.asked: list[str] = []

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        self.asked += keys
        return await super().ledger(keys)


async def test_a_repeat_of_what_was_just_indexed_reads_nothing() -> None:
    pipe = Pipeline(index=CountingIndex)
    await pipe.index(pipe.batch(("a", "one", {}), ("b", "two", {})))
    index = pipe.index_under_test
    assert isinstance(index, CountingIndex)
    index.asked.clear()
    await pipe.index(pipe.batch(("a", "one", {}), ("b", "two", {})))
    assert index.asked == []


async def test_after_a_rebalance_records_are_read_anew_for_others_may_have_written() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one", {})))
    pipe.indexer.forget()
    another = Pipeline()
    another.points, another.indexer = pipe.points, make_indexer(MemoryIndex(pipe.points), another.embedder)
    await another.index(pipe.batch(("a", "two", {})))
    await pipe.index(pipe.batch(("a", "one", {})))
    assert pipe.text("a") == "one"


def displacing(pipe: Pipeline, key: str, text: str | None, offset: int = 0) -> Batch:
    """A verification found the record that is there now where the log has no event; without text it has none at all."""
    batch = pipe.batch((key, text, {}))
    (event,) = batch.events[key]
    again = Again(Why.REMOVED if text is None else Why.HEALED, displaces=pipe.points.ledger[key].rank)
    event = replace(event, offset=offset, again=again)
    batch.displacing[key] = [event]
    batch.events = {} if text is None else {key: [event]}
    return batch


def spoil(pipe: Pipeline, key: str, **parts: Any) -> None:
    pipe.points.ledger[key] = replace(pipe.points.ledger[key], rank=Rank(0, 90), content_digest="another", **parts)
    for point, passage in pipe.points.passages.items():
        partition = parts.get("partition", 0)
        pipe.points.passages[point] = replace(passage, rank=Rank(0, 90), partition=partition)


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize("elsewhere", [True, False])
async def test_what_stands_where_no_event_is_gives_way(remembered: bool, elsewhere: bool) -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one two three four five", {})))
    spoil(pipe, "a", partition=7 if elsewhere else 0)
    if not remembered:
        pipe.indexer.forget()
    for _ in range(2):  # it comes again after a crash
        batch = displacing(pipe, "a", "one two three four and more")
        await pipe.index(batch)
        assert pipe.text("a") == "one two three four and more"
        record = pipe.points.ledger["a"]
        assert (record.rank, record.partition) == (Rank(0, 0), 0)
    assert [each.before for each in await changes(pipe, batch)] == [None]


async def changes(pipe: Pipeline, batch: Batch) -> list[Change]:
    teller = Teller(index=pipe.index_under_test, topics=Topics(), version="docs__1", incarnation="made once")
    return [Change.model_validate_json(each.value or b"") for each in await teller.changes(batch)]


async def test_later_events_are_planned_from_what_takes_its_place() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one", {})), pipe.batch(("a", "two", {})))
    spoil(pipe, "a")
    pipe.indexer.forget()
    batches = [displacing(pipe, "a", "two", offset=1), pipe.batch(("a", "three", {})), pipe.batch(("a", "four", {}))]
    await pipe.index(*batches)
    assert pipe.text("a") == "four"


async def test_a_sweep_takes_nothing_of_an_event_that_takes_its_place() -> None:
    """Its passages lie below the record that was there, as those do which nobody will ever list."""
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one two", {})))
    spoil(pipe, "a")
    batch = displacing(pipe, "a", "three four")
    await pipe.indexer.plan(batch, wanted)
    await pipe.indexer.embed(batch, wanted)

    async def gate(step: str) -> None:
        if step == "commit":
            await sweep(MemoryIndex(pipe.points), 0, below=100)

    pipe.index_under_test._gate = gate
    await pipe.indexer.write(batch, wanted)
    assert pipe.text("a") == "three four"


@pytest.mark.parametrize("taken_away", [False, True])
async def test_what_the_log_knows_nothing_of_is_gone_and_that_is_told(taken_away: bool) -> None:
    """Also by whoever comes after one that took it away and did not come to tell."""
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one", {})))
    spoil(pipe, "a")
    batch = displacing(pipe, "a", None, offset=90)
    if taken_away:
        await pipe.index_under_test.forget(pipe.points.ledger["a"])
    await pipe.index(batch)
    assert pipe.points.ledger == {}
    (change,) = await changes(pipe, batch)
    assert (change.outcome, change.key, change.before, change.after) == ("deleted", "a", None, NOBODY)


async def test_what_was_taken_away_is_not_remembered() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one", {})))
    spoil(pipe, "a")
    pipe.indexer.forget()
    await pipe.index(pipe.batch(("a", "none", {})))  # which lies below, so that it is known from then on
    await pipe.index(displacing(pipe, "a", None, offset=90))
    pipe.points.passages.clear()  # as nobody's
    await pipe.index(pipe.batch(("a", "one", {})))
    assert pipe.text("a") == "one"


async def test_where_what_takes_its_place_is_refused_it_is_told_that_nothing_is_there() -> None:
    pipe = Pipeline(poison="poison")
    await pipe.index(pipe.batch(("a", "one", {})))
    spoil(pipe, "a")
    batch = displacing(pipe, "a", "poison")
    batch.records = (Record("documents", 0, 0, 1.0, b"a", b"{}", again=batch.events["a"][0].again),)
    await pipe.index(batch)
    assert [each.error.reason for each in batch.dead] == [Reason.REFUSED]
    assert [each.after for each in await changes(pipe, batch)] == [NOBODY]


async def test_a_late_one_takes_nothing_away_of_what_came_since() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one", {})))
    spoil(pipe, "a")
    bogus, late = pipe.points.ledger["a"], MemoryIndex(pipe.points)
    await pipe.index(displacing(pipe, "a", "one two"))
    await late.forget(bogus)
    assert pipe.text("a") == "one two"


async def test_an_ordinary_event_takes_its_place_where_one_comes_in_the_same_batch() -> None:
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one", {})))
    spoil(pipe, "a")
    pipe.indexer.forget()
    batch, other = displacing(pipe, "a", "one"), pipe.batch(("a", "two", {}))
    batch.events["a"] += other.events["a"]
    await pipe.index(batch)
    assert pipe.text("a") == "two"


async def test_a_batch_that_is_abandoned_while_it_is_written_leaves_nothing_remembered() -> None:
    pipe = Pipeline()
    batch = pipe.batch(("a", "one", {}))
    await pipe.indexer.plan(batch, wanted)
    await pipe.indexer.embed(batch, wanted)
    answers = chain([True], repeat(False))  # the call goes out, and then the partition is somebody else's
    await pipe.indexer.write(batch, lambda: next(answers))
    pipe.points.ledger["a"] = replace(pipe.points.ledger["a"], rank=Rank(0, 90), content_digest="another's")
    again = Batch(batch.records, {0: 100}, {0: 0}, 1)
    again.events["a"] = [replace(batch.events["a"][0], offset=99)]
    await pipe.index(again)
    assert pipe.points.ledger["a"].rank == Rank(0, 99)


async def test_what_a_batch_is_writing_is_not_remembered_as_it_was_before() -> None:
    """A later batch reads the record before the commit, and would remember it after."""
    pipe = Pipeline()
    await pipe.index(pipe.batch(("a", "one", {})))
    pipe.indexer.forget()
    await pipe.index(pipe.batch(("a", "two", {})), pipe.batch(("a", "two", {})))
    await pipe.index(pipe.batch(("a", "one", {})))
    assert pipe.text("a") == "one"


async def test_tokens_are_embedded_in_parts() -> None:
    pipe = Pipeline(batch_tokens=4)
    await pipe.index(pipe.batch(("a", "one two three four five six seven eight nine", {})))
    assert pipe.text("a") == "one two three four five six seven eight nine"
    assert pipe.embedder.requests == 3


class Giver:
    """A donor that has the vectors of passages with a word in them, and knows what it was asked for."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.asked: list[str] = []

    async def vectors(self, passages: Sequence[NewPassage]) -> dict[str, Vector]:
        self.asked += [each.piece.text for each in passages]
        return {each.id: vector_of(each.piece.embedded) for each in passages if self._word in each.piece.text}


async def test_what_a_donor_has_is_not_embedded_and_counts_as_saved() -> None:
    pipe, giver, saved = Pipeline(), Giver("one"), list[int]()
    pipe.indexer = make_indexer(pipe.index_under_test, pipe.embedder, donor=giver, saved=saved.append)
    await pipe.index(pipe.batch(("a", "one two three four", {}), ("b", "five", {})))
    assert sorted(giver.asked) == ["five", "one two ", "three four"]
    assert sorted(pipe.embedder.texts) == ["five", "three four"]
    assert saved == [2]
    assert all((each.vector == vector_of(each.text)).all() for each in pipe.points.passages.values())


async def test_a_donor_is_not_asked_for_what_stands_in_the_index_itself() -> None:
    pipe, giver = Pipeline(), Giver("one")
    await pipe.index(pipe.batch(("a", "one two", {"lang": "en"})))
    pipe.indexer = make_indexer(pipe.index_under_test, pipe.embedder, donor=giver)
    await pipe.index(pipe.batch(("a", "one two", {"lang": "de"})))
    assert giver.asked == []


@pytest.mark.parametrize("why", [Why.HEALED, Why.REPROCESSED])
@pytest.mark.parametrize("earlier", [True, False])
async def test_a_donor_is_asked_for_what_was_to_be_made_anew_before_the_build_began(why: Why, earlier: bool) -> None:
    """What is asked for later is not taken from where it may be wrong, too."""
    pipe, giver = Pipeline(), Giver("one")
    pipe.indexer = make_indexer(pipe.index_under_test, pipe.embedder, donor=giver)
    batch = pipe.batch(("a", "one two", {}))
    batch.events["a"] = [replace(each, again=Again(why, earlier=earlier)) for each in batch.events["a"]]
    await pipe.index(batch)
    assert (giver.asked, pipe.embedder.texts) == ((["one two"], []) if earlier else ([], ["one two"]))
