"""Which documents a batch tells of, and that each is told whole: the real plan and write code, an index in memory."""

from __future__ import annotations

import numpy as np
import pytest

from freshet.schemas.decoding import BadEvent, Reason, Record
from freshet.schemas.feed import Change, Fields
from freshet.schemas.topics import CHANGE_BYTES, Topics
from freshet.search.feed.changes import Scored, read_change
from freshet.search.index.records import StoredPassage
from freshet.streams.batch import Batch, DeadLetter
from freshet.streams.telling import LOOKS, NOBODY, States, Teller
from tests.support.embedder import DIMENSION, vector_of
from tests.support.memory_index import MemoryIndex
from tests.support.working import Worker


async def told(worker: Worker, batch: Batch, index: States | None = None, **options) -> list[Change]:
    teller = Teller(index=index or worker.index, topics=Topics(), version="docs__1", **options)
    messages = await teller.changes(batch)
    assert all(each.topic == "documents.indexed" and each.partition == 0 for each in messages)
    assert all(len(each.value or b"") <= CHANGE_BYTES for each in messages)
    return [Change.model_validate_json(each.value or b"") for each in messages]


async def told_of(worker: Worker, batch: Batch, index: States | None = None) -> Change:
    (change,) = await told(worker, batch, index)
    return change


def scored(change: Change) -> Scored | None:
    return read_change(change, partition=0, offset=0).scored


def texts(worker: Worker, change: Change) -> list[str]:
    """The texts of the passages that a change tells, found by their vectors; their terms must be theirs, too."""
    found, error = scored(change), change.error
    assert found is not None
    stored = list(worker.points.passages.values())
    near = [min(stored, key=lambda each: np.linalg.norm(each.vector - vector)) for vector in found.vectors]
    for passage, vector, terms in zip(near, found.vectors, found.terms, strict=True):
        assert np.linalg.norm(passage.vector - vector) <= error + 1e-6
        assert (terms.indices == passage.terms.indices).all()
        assert (terms.values == passage.terms.values).all()
    return [each.text.strip() for each in near]


def fields(**metadata) -> Fields:
    return Fields(present=True, metadata=metadata)


async def test_a_new_document_is_told_with_its_passages_and_that_it_was_not_there() -> None:
    worker = Worker()
    worker.publish("a", "one two three", metadata={"lang": "en"})
    change = await told_of(worker, await worker.written(0, 1))
    assert (change.index_version, change.key, change.origin) == ("docs__1", "a", "documents/0@0")
    assert (change.outcome, change.before, change.after) == ("indexed", NOBODY, fields(lang="en"))
    assert texts(worker, change) == ["one two", "three"]


async def test_an_edit_tells_the_passages_that_stayed_too() -> None:
    worker = Worker()
    worker.publish("a", "one two three", "one two four")
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(1, 2, announced=1))
    assert (change.outcome, change.before, change.after) == ("indexed", fields(), fields())
    assert texts(worker, change) == ["one two", "four"]


async def test_of_new_metadata_both_are_told_and_all_passages() -> None:
    worker = Worker()
    worker.publish("a", "one two three", metadata={"price": 1})
    worker.publish("a", "one two three", metadata={"price": 2})
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(1, 2, announced=1))
    assert (change.outcome, change.before, change.after) == ("metadata", fields(price=1), fields(price=2))
    assert texts(worker, change) == ["one two", "three"]


async def test_the_end_of_a_document_is_told_with_what_it_was() -> None:
    worker = Worker()
    worker.publish("a", "one", None, metadata={"lang": "en"})
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(1, 2, announced=1))
    assert (change.outcome, change.before, change.after) == ("deleted", fields(lang="en"), NOBODY)
    assert change.passages == ()


async def test_what_did_not_change_is_not_told_where_it_was_told_before() -> None:
    worker = Worker()
    worker.publish("a", "one", "one")
    await worker.written(0, 1)
    assert await told(worker, await worker.written(1, 2, announced=1)) == []


async def test_what_did_not_change_is_told_where_its_record_may_be_untold() -> None:
    """Whoever wrote it may have died before saying so."""
    worker = Worker()
    worker.publish("a", "one", "one", metadata={"lang": "en"})
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(1, 2, announced=0))
    assert (change.outcome, change.before, change.after) == ("unchanged", None, fields(lang="en"))
    assert texts(worker, change) == ["one"]


async def test_a_redelivered_event_is_told_as_it_stands_in_the_index() -> None:
    worker = Worker()
    worker.publish("a", "one two three")
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(0, 1))
    assert (change.outcome, change.before, change.after) == ("repeated", None, fields())
    assert texts(worker, change) == ["one two", "three"]


async def test_of_an_event_that_is_stale_the_newer_state_is_told() -> None:
    worker = Worker()
    worker.publish("a", "one", "two")
    await worker.written(0, 2)
    change = await told_of(worker, await worker.written(0, 1))
    assert (change.outcome, change.before, change.origin) == ("stale", None, "documents/0@0")
    assert texts(worker, change) == ["two"]


async def test_what_an_untold_state_was_replaced_with_is_told_without_the_state_before() -> None:
    """A reader that has seen neither must not take the middle one for what it has seen."""
    worker = Worker()
    worker.publish("a", "one", "two")
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(1, 2, announced=0))
    assert (change.outcome, change.before) == ("indexed", None)


async def test_of_two_who_write_the_same_event_only_the_one_whose_commit_stands_knows_the_state_before() -> None:
    first = Worker()
    first.publish("a", "one", "two")
    await first.written(0, 1)
    twin = Worker(first)
    planned = await twin.plan(twin.batch(1, 2, announced=1))
    own = await told_of(first, await first.written(1, 2, announced=1))
    foreign = await told_of(twin, await twin.write(planned))
    assert (own.before, foreign.before) == (fields(), None)
    assert texts(first, own) == texts(twin, foreign) == ["two"]


async def test_where_somebody_was_ahead_the_newer_state_is_told() -> None:
    late = Worker()
    late.publish("a", "one", "two three four")
    batch = await late.plan(late.batch(0, 1))
    await Worker(late).written(1, 2)
    change = await told_of(late, await late.write(batch))
    assert (change.before, change.origin) == (None, "documents/0@0")
    assert texts(late, change) == ["two three", "four"]


async def test_what_came_again_may_be_untold_wherever_it_lies() -> None:
    """Its place is from before, but it may have been written just now, by somebody who died."""
    worker = Worker()
    worker.publish("a", "one", "one", "one")
    await worker.written(0, 0, again=(0,))
    change = await told_of(worker, await worker.written(1, 2, announced=1))
    assert (change.outcome, change.before) == ("unchanged", None)
    assert await told(worker, await worker.written(2, 3, announced=2)) == []  # from now on it stands at its own place


async def test_what_follows_something_that_came_again_is_told_without_the_state_before() -> None:
    worker = Worker()
    worker.publish("a", "one", "two", "three")
    await worker.written(0, 0, again=(0,))
    assert (await told_of(worker, await worker.written(1, 2, announced=1))).before is None
    assert (await told_of(worker, await worker.written(2, 3, announced=2))).before == fields()


async def test_a_repeat_that_moves_the_record_is_told_for_it_moves_in_listings_too_but_not_its_passages() -> None:
    """They were told before, and reading all of them for each repeat would cost as much as a rebuild."""
    worker = Worker()
    worker.publish("a", "one", "two", "one")
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(1, 3, announced=1))
    assert (change.outcome, change.before, change.after) == ("unchanged", fields(), fields())
    assert change.passages == ()


async def test_a_repeat_that_moves_a_record_which_may_be_untold_is_told_whole() -> None:
    worker = Worker()
    worker.publish("a", "one", "two", "one")
    await worker.written(0, 1)
    change = await told_of(worker, await worker.written(1, 3))
    assert (change.outcome, change.before) == ("unchanged", None)
    assert texts(worker, change) == ["one"]


async def test_of_a_refused_event_that_somebody_else_had_indexed_it_is_told_what_stands_there() -> None:
    """A worker of other settings, say, which died before it said so."""
    worker = Worker()
    worker.publish("a", "one", "two")
    await worker.written(0, 2)
    record = Record("documents", 0, 1, 1.0, b"a", b"{}")
    batch = Batch((record,), {0: 2}, {0: 1}, 0, dead=[DeadLetter(record, BadEvent(Reason.TOO_LARGE, "too large"))])
    change = await told_of(worker, batch)
    assert (change.outcome, change.origin, change.before) == ("dead", "documents/0@1", None)
    assert texts(worker, change) == ["two"]


async def test_of_a_refused_event_of_which_the_index_holds_nothing_newer_nothing_is_told() -> None:
    worker = Worker()
    worker.publish("a", "one")
    await worker.written(0, 1)
    records = [Record("documents", 0, 1 + at, 1.0, key, b"{}") for at, key in enumerate((b"a", b"unknown", None))]
    dead = [DeadLetter(each, BadEvent(Reason.NOT_JSON, "no")) for each in records]
    assert await told(worker, Batch(tuple(records), {0: 4}, {0: 1}, 0, dead=dead)) == []


class Vanishing(MemoryIndex):
    """An index whose reader never finds some passages at first: somebody removes them while it looks."""

    def __init__(self, worker: Worker, times: int) -> None:
        super().__init__(worker.points)
        self.times = times
        self.looks = 0

    async def passages(self, ids, *, vectors: bool = False) -> dict[str, StoredPassage]:
        self.looks += 1
        found = await super().passages(ids, vectors=vectors)
        return {} if self.looks <= self.times else found


async def test_a_document_that_changes_while_it_is_read_is_read_again() -> None:
    worker = Worker()
    worker.publish("a", "one two three", "one two four")
    await worker.written(0, 1)
    batch = await worker.written(1, 2, announced=1)
    index = Vanishing(worker, 1)
    change = await told_of(worker, batch, index)
    assert texts(worker, change) == ["one two", "four"]
    assert change.before is None  # what is told is what was read now, whoever wrote it
    assert index.looks == 2


async def test_passages_that_are_gone_for_good_are_not_told() -> None:
    worker = Worker()
    worker.publish("a", "one two three", "one two four")
    await worker.written(0, 1)
    batch = await worker.written(1, 2, announced=1)
    index = Vanishing(worker, 100)
    change = await told_of(worker, batch, index)
    assert (change.passages, change.error, change.after) == (None, 0.0, fields())
    assert index.looks == LOOKS


async def test_one_call_reads_the_passages_of_all_documents() -> None:
    worker = Worker()
    for key in "abc":
        worker.publish(key, "one two three", "one two four")
    await worker.written(0, 6)
    index = Vanishing(worker, 0)
    assert len(await told(worker, await worker.written(0, 6), index)) == 3
    assert index.looks == 1


async def test_of_a_document_that_is_too_large_its_passages_are_left_out() -> None:
    worker = Worker()
    worker.publish("a", " ".join(f"word{number}" for number in range(12_000)))
    change = await told_of(worker, await worker.written(0, 1))
    assert (change.passages, change.error, change.after) == (None, 0.0, fields())


async def test_of_metadata_that_is_too_large_it_is_told_only_that_it_is_there() -> None:
    worker = Worker()
    worker.publish("a", "one", metadata={"m": "x" * CHANGE_BYTES})
    change = await told_of(worker, await worker.written(0, 1))
    assert (change.passages, change.before, change.after) == (None, NOBODY, Fields(present=True, metadata=None))


@pytest.mark.parametrize(
    ("built_to", "again", "said"),
    [({0: 2}, (), 0), ({0: 1}, (), 1), ({1: 100}, (), 1), ({0: 100}, (1,), 1)],
    ids=["before the build", "since the build began", "another partition", "again"],
)
async def test_of_what_a_build_reads_again_nothing_is_told(built_to, again, said) -> None:
    worker = Worker()
    worker.publish("a", "one", "two")
    batch = await (worker.written(0, 0, again=again) if again else worker.written(1, 2))
    assert len(await told(worker, batch, built_to=built_to)) == said


def test_the_embedder_of_these_tests_makes_vectors_of_unit_length() -> None:
    assert np.linalg.norm(vector_of("one")) == pytest.approx(1)
    assert vector_of("one").shape == (DIMENSION,)
