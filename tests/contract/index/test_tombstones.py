"""What the index ports promise of ends: each is forgotten only as it was read, and how far up is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from freshet.schemas.positions import Rank
from freshet.search.index.records import LedgerRecord
from tests.contract.index.making import record
from tests.contract.index.under_test import Index

LONG_AGO, NOW = 1_700_000_000.25, 1_800_000_000.0


def ended(key: str, offset: int, **parts: Any) -> LedgerRecord:
    return record(key, offset, deleted=True, **({"searchable_at": LONG_AGO} | parts))


async def put(index: Index, *records: LedgerRecord, read: int = -1) -> None:
    for each in records:
        await index.writer.commit([each], partition=each.partition, read={read})


async def found(index: Index, partition: int = 0, *, before: float = NOW) -> list[LedgerRecord]:
    pages = [page async for page in index.tombstones.ended(partition, before=before)]
    return sorted((each for page in pages for each in page), key=lambda each: each.offset)


async def known(index: Index, *keys: str) -> set[str]:
    return set(await index.writer.ledger(keys))


async def test_only_tombstones_of_the_partition_that_were_written_before_are_found(index: Index):
    old, other = ended("old", 1), ended("other", 2, partition=1)
    young, exact = ended("young", 3, searchable_at=NOW + 1e-6), ended("exact", 4, searchable_at=NOW)
    await put(index, old, other, young, exact, record("alive", 5, searchable_at=LONG_AGO))
    assert await found(index) == [old]
    assert await found(index, 1) == [other]
    assert await found(index, 2) == []


async def test_all_of_them_are_found_page_by_page_and_may_be_forgotten_meanwhile(index: Index):
    many = [ended(f"doc-{number}", number) for number in range(150)]
    await index.writer.commit(many, partition=0, read=set())
    seen: list[LedgerRecord] = []
    async for page in index.tombstones.ended(0, before=NOW):
        await index.tombstones.purge(page)
        seen += page
    assert sorted(each.offset for each in seen) == list(range(150))
    assert await known(index, *(each.key for each in many)) == set()


async def test_a_tombstone_that_was_forgotten_is_as_if_it_had_never_been(index: Index):
    one, other = ended("one", 1), ended("other", 2)
    await put(index, one, other)
    for _ in range(2):
        await index.tombstones.purge([one])
        assert await known(index, "one", "other") == {"other"}
    await put(index, record("one", 9))
    assert (await index.writer.ledger(["one"]))["one"].offset == 9
    await index.tombstones.purge([])


@pytest.mark.parametrize(
    "now",
    [
        record("doc", 8),
        record("doc", 7, rank=Rank(3, 7), searchable_at=LONG_AGO),
        ended("doc", 8),
        ended("doc", 7, rank=Rank(4, 7)),
        ended("doc", 7, rank=Rank(3 + 2**32, 7)),
        ended("doc", 7, rank=Rank(3, 7), searchable_at=LONG_AGO + 1e-6),
    ],
    ids=["alive again", "alive at its place", "ended again", "of another version", "of a far version", "written again"],
)
async def test_what_came_after_it_was_read_stays(index: Index, now: LedgerRecord):
    seen = ended("doc", 7, rank=Rank(3, 7))
    await put(index, seen)
    await put(index, now, read=7)
    await index.tombstones.purge([seen])
    assert await index.writer.ledger(["doc"]) == {"doc": now}


async def test_one_of_another_partition_stays(index: Index):
    seen = ended("doc", 7)
    await put(index, seen)
    await index.tombstones.purge([replace(seen, partition=1)])
    assert await known(index, "doc") == {"doc"}


async def test_a_commit_and_a_purge_at_once_leave_the_newer_state(index: Index):
    for number in range(20):
        seen = ended(f"doc-{number}", number)
        newer = record(seen.key, number + 100)
        await put(index, seen)
        commit = index.writer.commit([newer], partition=0, read={number})
        await asyncio.gather(commit, index.tombstones.purge([seen]))
        assert (await index.writer.ledger([seen.key]))[seen.key] == newer


async def test_the_floor_is_the_highest_offset_that_was_forgotten_in_the_partition(index: Index):
    assert await index.tombstones.floor(0) == -1
    for offsets, floor in (((3, 5, 4), 5), ((2,), 5), ((2**40,), 2**40)):
        await index.tombstones.purge([ended(f"doc-{offset}", offset) for offset in offsets])
        assert await index.tombstones.floor(0) == floor
    assert await index.tombstones.floor(1) == -1


async def test_the_floor_is_raised_before_anything_is_forgotten(index: Index):
    """Whoever reads the ledger and then the floor sees a tombstone in the one or in the other."""
    many = [ended(f"doc-{number}", number) for number in range(60)]
    await index.writer.commit(many, partition=0, read=set())

    async def look() -> Sequence[bool]:
        looks = []
        for _ in range(20):
            there = await known(index, "doc-59")
            looks.append(bool(there) or await index.tombstones.floor(0) == 59)
        return looks

    looks, _ = await asyncio.gather(look(), index.tombstones.purge(many))
    assert all(looks)


async def test_the_floor_is_no_document_and_nothing_that_a_search_finds(index: Index):
    await index.tombstones.purge([ended("doc", 7)])
    assert await index.reader.count() == 0
    assert await index.reader.newest() is None
    assert await index.reader.browse(limit=10) == []
    assert await index.statistics.count_passages() == 0
