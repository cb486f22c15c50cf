"""What the index ports promise of writes: each changes only what its condition allows, and a repeat changes nothing."""

import asyncio
import random
from collections.abc import Sequence

import numpy as np
import pytest

from freshet.schemas.errors import PermanentError
from freshet.schemas.events import Event, Upsert
from freshet.schemas.positions import Order, Rank
from freshet.search.index.records import Passage, Work
from freshet.streams.plan import collapse, plan_document
from freshet.streams.writing import Written, write
from tests.contract.index.making import LONG_AGO, displaced, passage, record, unit
from tests.contract.index.under_test import Index

# Ranks around every word in which they are compared, in ascending order; neighbours differ by one.
RANKS = [
    Rank(0, 0),
    Rank(0, 1),
    Rank(0, 2**40),
    Rank(1, 0),
    Rank(2**32 - 1, 9),
    Rank(2**32, 3),
    Rank(2**60, 2**40),
    Rank(2**60 + 1, 4),
    Rank(2**60 + 1, 5),
    Rank(2**63 - 1, 0),
]


async def texts(index: Index, passages: Sequence[Passage]) -> set[str]:
    return {found.text for found in (await index.writer.passages([item.id for item in passages])).values()}


async def offsets(index: Index, *keys: str) -> dict[str, int]:
    return {key: found.offset for key, found in (await index.writer.ledger(keys)).items()}


# add


async def test_an_added_passage_is_there_for_the_next_read(index: Index):
    for n in range(10):
        item = passage(f"text {n}", vector=unit(1, n))
        await index.writer.add([item], at_most=LONG_AGO)
        assert item.id in {hit.id for hit in await index.nearest(unit(1, n), limit=20)}


async def test_a_passage_is_overwritten_only_where_it_stands_at_or_below_the_fence(index: Index):
    for stored in RANKS:
        for fence in RANKS:
            old = passage(f"{stored} {fence}", rank=stored)
            new = passage(old.text, rank=fence)
            await index.writer.add([old], at_most=stored)
            await index.writer.add([new], at_most=fence)
            found = (await index.writer.passages([old.id]))[old.id]
            assert found.rank == (max(fence, stored)), (stored, fence)


async def test_the_fence_may_lie_above_the_passages_own_rank(index: Index):
    await index.writer.add([passage("same", rank=Rank(0, 5))], at_most=Rank(0, 5))
    again = passage("same", rank=Rank(0, 3))
    await index.writer.add([again], at_most=Rank(0, 9))
    assert (await index.writer.passages([again.id]))[again.id].rank == Rank(0, 3)


async def test_a_refused_passage_leaves_its_neighbours_alone(index: Index):
    newer, known = passage("newer", rank=Rank(0, 9)), passage("known", rank=Rank(0, 1))
    await index.writer.add([newer, known], at_most=Rank(0, 9))
    rewritten = [passage("newer", rank=Rank(0, 5)), passage("known", rank=Rank(0, 5)), passage("new", rank=Rank(0, 5))]
    await index.writer.add(rewritten, at_most=Rank(0, 5))
    found = await index.writer.passages([item.id for item in rewritten])
    assert {item.text: item.rank.offset for item in found.values()} == {"newer": 9, "known": 5, "new": 5}


async def test_a_passage_of_another_partition_is_not_overwritten(index: Index):
    stored = passage("same", partition=1)
    await index.writer.add([stored], at_most=LONG_AGO)
    await index.writer.add([passage("same", partition=2, rank=Rank(0, 7))], at_most=Rank(0, 7))
    found = (await index.writer.passages([stored.id]))[stored.id]
    assert (found.partition, found.rank) == (1, LONG_AGO)


async def test_adding_again_changes_nothing(index: Index):
    items = [passage(f"text {n}", vector=unit(1, n)) for n in range(5)]
    await index.writer.add(items, at_most=LONG_AGO)
    for _ in range(2):
        await index.writer.add(items, at_most=LONG_AGO)
        assert [hit.text for hit in await index.nearest(unit(1), limit=9)] == [item.text for item in items]


async def test_more_passages_than_a_request_holds_are_added_whole(index: Index):
    items = [passage(f"text {n}") for n in range(600)]
    await index.writer.add(items, at_most=LONG_AGO)
    assert len(await texts(index, items)) == 600


@pytest.mark.parametrize(
    "vector",
    [np.ones(3, np.float32), np.ones(5, np.float32), np.ones((1, 4), np.float32), np.array([1, 2, np.nan, 0])],
    ids=["short", "long", "two-dimensional", "not a number"],
)
async def test_a_batch_with_a_vector_that_does_not_fit_is_refused_whole(index: Index, vector):
    items = [passage("good"), passage("bad", vector=vector), passage("as good")]
    with pytest.raises(PermanentError, match="vector"):
        await index.writer.add(items, at_most=LONG_AGO)
    assert await texts(index, items) == set()


async def test_writing_nothing_is_fine(index: Index):
    await index.writer.add([], at_most=LONG_AGO)
    await index.writer.commit([], partition=0, read=[])
    await index.writer.remove([])
    await index.writer.remove([displaced(at_most=LONG_AGO)])


async def test_writers_of_one_passage_leave_the_highest_rank_whatever_their_order(index: Index):
    ranks = [Rank(version, offset) for version in range(4) for offset in range(5)]
    random.Random(1).shuffle(ranks)
    writes = (index.writer.add([passage("same", rank=rank)], at_most=rank) for rank in ranks)
    await asyncio.gather(*writes)
    item = passage("same")
    assert (await index.writer.passages([item.id]))[item.id].rank == max(ranks)


# commit


async def test_unknown_documents_are_inserted_whatever_was_read(index: Index):
    await index.writer.commit([record("a", 3)], partition=0, read=[])
    await index.writer.commit([record("b", 4), record("gone", 5, deleted=True)], partition=0, read=[99])
    assert await offsets(index, "a", "b", "gone") == {"a": 3, "b": 4, "gone": 5}


async def test_a_record_is_replaced_where_its_offset_was_read_and_left_where_it_was_not(index: Index):
    await index.writer.commit([record("a", 1), record("b", 2), record("c", 3)], partition=0, read=[])
    await index.writer.commit([record("a", 11), record("b", 12), record("c", 13)], partition=0, read=[1, 3])
    assert await offsets(index, "a", "b", "c") == {"a": 11, "b": 2, "c": 13}


async def test_a_plan_that_read_nothing_replaces_nothing(index: Index):
    await index.writer.commit([record("a", 0)], partition=0, read=[])
    await index.writer.commit([record("a", 5), record("b", 6)], partition=0, read=[])
    assert await offsets(index, "a", "b") == {"a": 0, "b": 6}


async def test_an_offset_that_was_read_counts_whether_it_is_lower_or_higher(index: Index):
    await index.writer.commit([record("a", 50)], partition=0, read=[])
    await index.writer.commit([record("a", 20)], partition=0, read=[50])
    assert await offsets(index, "a") == {"a": 20}


async def test_large_offsets_are_told_apart(index: Index):
    high = 2**62
    await index.writer.commit([record("a", high + 1)], partition=0, read=[])
    await index.writer.commit([record("a", high + 9)], partition=0, read=[high, high + 2])
    assert await offsets(index, "a") == {"a": high + 1}


async def test_a_record_of_another_partition_is_left_as_it_is(index: Index):
    await index.writer.commit([record("a", 4, partition=1)], partition=1, read=[])
    await index.writer.commit([record("a", 5, partition=2)], partition=2, read=[4])
    found = (await index.writer.ledger(["a"]))["a"]
    assert (found.partition, found.offset) == (1, 4)


async def test_committing_again_changes_nothing(index: Index):
    await index.writer.commit([record("a", 1)], partition=0, read=[])
    for _ in range(2):
        await index.writer.commit([record("a", 2), record("b", 3)], partition=0, read=[1])
        assert await offsets(index, "a", "b") == {"a": 2, "b": 3}


async def test_of_writers_that_planned_from_the_same_state_one_wins(index: Index):
    await index.writer.commit([record("a", 0)], partition=0, read=[])
    rivals = [record("a", 10 + n, title=f"writer {n}") for n in range(8)]
    await asyncio.gather(*(index.writer.commit([rival], partition=0, read=[0]) for rival in rivals))
    winner = (await index.writer.ledger(["a"]))["a"]
    assert winner in rivals
    for rival in rivals:
        await index.writer.commit([rival], partition=0, read=[0])
    assert (await index.writer.ledger(["a"]))["a"] == winner


async def test_a_commit_replaces_every_part_of_a_record(index: Index):
    await index.writer.commit([record("a", 1, metadata={"x": 1, "y": 2}, title="old", tokens=5)], partition=0, read=[])
    tombstone = record("a", 2, metadata={"z": 3}, deleted=True)
    await index.writer.commit([tombstone], partition=0, read=[1])
    assert (await index.writer.ledger(["a"]))["a"] == tombstone


async def test_more_records_than_a_request_holds_are_committed_under_one_condition(index: Index):
    keys = [f"doc {n}" for n in range(600)]
    await index.writer.commit([record(key, n) for n, key in enumerate(keys)], partition=0, read=[])
    moved = [record(key, 1000 + n) for n, key in enumerate(keys)]
    await index.writer.commit(moved, partition=0, read=range(599))
    found = await offsets(index, *keys)
    assert found == {key: 1000 + n for n, key in enumerate(keys)} | {"doc 599": 599}


# remove


async def test_a_passage_is_removed_only_where_it_stands_at_or_below_the_fence(index: Index):
    for fence in RANKS:
        items = [passage(f"{rank}", rank=rank) for rank in RANKS]
        await index.writer.add(items, at_most=RANKS[-1])
        await index.writer.remove([displaced(*items, at_most=fence)])
        assert await texts(index, items) == {item.text for item in items if item.rank > fence}


async def test_only_the_named_passages_are_removed(index: Index):
    gone, kept = passage("gone"), passage("kept")
    await index.writer.add([gone, kept], at_most=LONG_AGO)
    await index.writer.remove([displaced(gone, passage("never there"), at_most=LONG_AGO)])
    assert await texts(index, [gone, kept]) == {"kept"}
    assert [hit.text for hit in await index.nearest(unit(1), limit=9)] == ["kept"]


async def test_a_passage_of_another_partition_is_not_removed(index: Index):
    item = passage("kept", partition=1)
    await index.writer.add([item], at_most=LONG_AGO)
    await index.writer.remove([displaced(item, at_most=Rank(0, 9), partition=2)])
    assert await texts(index, [item]) == {"kept"}


async def test_each_document_has_its_own_fence_however_many_are_removed_at_once(index: Index):
    items = [passage(f"{n}", key=f"doc {n}", rank=Rank(0, n)) for n in range(150)]
    await index.writer.add(items, at_most=Rank(0, 999))
    fences = [displaced(item, at_most=Rank(0, n - n % 2)) for n, item in enumerate(items)]
    await index.writer.remove(fences)
    assert await texts(index, items) == {item.text for n, item in enumerate(items) if n % 2}


async def test_a_very_long_document_is_removed_whole(index: Index):
    items = [passage(f"{n}") for n in range(1500)]
    await index.writer.add(items, at_most=LONG_AGO)
    await index.writer.remove([displaced(*items, at_most=LONG_AGO)])
    assert await texts(index, items) == set()


async def test_removing_again_changes_nothing(index: Index):
    item = passage("gone")
    await index.writer.add([item], at_most=LONG_AGO)
    for _ in range(2):
        await index.writer.remove([displaced(item, at_most=LONG_AGO)])
        assert await texts(index, [item]) == set()


# forget


async def test_a_record_is_forgotten_only_where_it_stands_at_its_very_rank(index: Index):
    for number, stored in enumerate(RANKS):
        for rank in RANKS:
            key = f"{number} {rank}"
            await index.writer.commit([record(key, rank=stored)], partition=0, read=[])
            await index.writer.forget(record(key, rank=rank))
            assert bool(await index.writer.ledger([key])) is (stored != rank), (stored, rank)


async def test_a_record_of_another_partition_is_not_forgotten_and_passages_stay(index: Index):
    listed = passage("listed")
    await index.writer.add([listed], at_most=LONG_AGO)
    await index.writer.commit([record(passages=(listed.id,))], partition=0, read=[])
    await index.writer.forget(record(partition=1, passages=(listed.id,)))
    assert await index.writer.ledger(["doc"])
    for _ in range(2):
        await index.writer.forget(record(passages=(listed.id,)))
        assert not await index.writer.ledger(["doc"])
        assert await texts(index, [listed]) == {"listed"}


# stored


async def listed(index: Index, partition: int, below: int) -> list[str]:
    pages = [page async for page in index.writer.stored(partition, below=below)]
    assert all(pages), "no empty pages"
    return [item.text for page in pages for item in page]


async def test_all_passages_of_a_partition_below_an_offset_are_listed(index: Index):
    items = [passage(f"{n}", partition=n % 2, rank=Rank(3, n)) for n in range(600)]
    for partition in (0, 1):
        await index.writer.add([item for item in items if item.partition == partition], at_most=Rank(3, 999))
    await index.writer.commit([record("a", 2)], partition=0, read=[])
    found = await listed(index, 0, 550)
    assert sorted(found, key=int) == [f"{n}" for n in range(0, 550, 2)]
    assert await listed(index, 2, 10**9) == []
    assert await listed(index, 1, 0) == []


async def test_a_listed_passage_tells_what_a_sweep_needs(index: Index):
    item = passage("words", key="k", partition=5, rank=Rank(2**60 + 1, 6))
    await index.writer.add([item], at_most=item.rank)
    [[found]] = [page async for page in index.writer.stored(5, below=7)]
    assert (found.id, found.key, found.text, found.partition, found.rank, found.vector) == (
        item.id,
        "k",
        "words",
        5,
        Rank(2**60 + 1, 6),
        None,
    )


async def test_what_is_removed_while_it_is_listed_skips_nothing_else(index: Index):
    items = [passage(f"{n}") for n in range(600)]
    await index.writer.add(items, at_most=LONG_AGO)
    seen = []
    async for page in index.writer.stored(0, below=1):
        seen += [item.text for item in page]
        doomed = [item for item in items if item.id in {found.id for found in page}]
        await index.writer.remove([displaced(*doomed, at_most=LONG_AGO)])
    assert sorted(seen, key=int) == [f"{n}" for n in range(600)]
    assert await texts(index, items) == set()


async def test_a_worker_knows_its_own_record_again_and_not_that_of_a_twin(index):
    """Whatever floats its event holds: only so does it know which state it replaced."""
    event = Event("own", None, "own", 0, 3, 1_700_000_000.1234567, Upsert(id="own", text="", metadata={"m": 0.1 + 0.2}))
    plan = plan_document(collapse([event], None, Order.LOG), None, Order.LOG, lambda _title, _text: [])
    work = Work(1_700_000_000.7654321, 0.1234567, 1e-7, 2.5, tokens=3)

    async def written(moment: float) -> Written:
        clock, took = lambda: moment, lambda _: work
        return await write(index.writer, [plan], partition=0, top=3, vectors={}, terms={}, clock=clock, work=took)

    first, second = [await written(moment) for moment in (1_700_000_001.3333333, 1_700_000_001.4444444)]
    assert (first.own, first.ours) == (("own",), ("own",))
    assert (second.own, second.ours) == (("own",), ())
