"""What the index ports promise of term statistics."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest

from freshet.search.index.qdrant import statistics as adapter
from freshet.search.sparse import SparseVector, term_id
from freshet.search.statistics import TermStatistics
from freshet.streams.statistics import renew_statistics
from tests.contract.index.making import LONG_AGO, passage, record, unit, words
from tests.contract.index.under_test import Index


def snapshot(number: int, size: int = 3) -> TermStatistics:
    numbers = np.arange(1, size + 1, dtype=np.uint32)
    return TermStatistics(number, 10 * number, 9 * number, numbers * 1000, numbers * number)


def content(statistics: TermStatistics | None) -> tuple[object, ...]:
    assert statistics is not None
    lists = statistics.terms.tolist(), statistics.counts.tolist()
    return statistics.number, statistics.passages, statistics.sampled, *lists


async def test_before_the_first_snapshot_there_is_none(index: Index):
    assert await index.reader.statistics() is None
    assert await index.statistics.statistics() is None


async def test_a_snapshot_comes_back_as_it_was_kept(index: Index):
    await index.statistics.keep(snapshot(1))
    assert content(await index.reader.statistics()) == content(snapshot(1))


async def test_a_snapshot_of_nothing_is_a_snapshot(index: Index):
    await index.statistics.keep(snapshot(1, size=0))
    assert content(await index.reader.statistics()) == content(snapshot(1, size=0))


async def test_one_that_is_known_already_is_not_read_again(index: Index):
    await index.statistics.keep(snapshot(1))
    known = await index.reader.statistics()
    assert await index.reader.statistics(known) is known
    await index.statistics.keep(snapshot(2))
    assert content(await index.reader.statistics(known)) == content(snapshot(2))


async def test_only_the_snapshot_after_the_newest_is_kept(index: Index):
    for number in (1, 2, 1, 4, 2):
        await index.statistics.keep(snapshot(number))
    assert content(await index.reader.statistics()) == content(snapshot(2))


async def test_a_snapshot_larger_than_a_part_comes_back_whole_and_leaves_nothing_behind(
    index: Index, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(adapter, "TERMS_A_PART", 7)
    for number in range(1, 5):
        await index.statistics.keep(snapshot(number, size=30))
    assert content(await index.reader.statistics()) == content(snapshot(4, size=30))
    assert (await index.client.count(index.name, exact=True)).count == 1 + 5


async def test_two_owners_at_once_leave_one_whole_snapshot(index: Index, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adapter, "TERMS_A_PART", 2)
    for number in range(1, 6):
        await asyncio.gather(*(index.statistics.keep(snapshot(number, size=size)) for size in (9, 10)))
        found = await index.reader.statistics()
        assert content(found) in (content(snapshot(number, size=9)), content(snapshot(number, size=10)))


async def test_readers_see_whole_snapshots_while_they_are_renewed(index: Index, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adapter, "TERMS_A_PART", 5)
    await index.statistics.keep(snapshot(1, size=20))
    renewing = True

    async def renew() -> None:
        nonlocal renewing
        for number in range(2, 12):
            await index.statistics.keep(snapshot(number, size=20))
        renewing = False

    async def read() -> None:
        while renewing:
            found = await index.reader.statistics()
            assert found is not None
            assert content(found) == content(snapshot(found.number, size=20))
            await asyncio.sleep(0)

    await asyncio.gather(renew(), read(), read())


async def test_terms_are_counted_in_passages_and_nothing_else(index: Index):
    texts = ["a cable", "a lamp", "a lamp a lamp", "the end"] + [f"word{n}" for n in range(300)]
    await index.writer.add([passage(text, key=text) for text in texts], at_most=LONG_AGO)
    await index.writer.add([passage("", key="none", terms=SparseVector.of({}))], at_most=LONG_AGO)
    await index.writer.commit([record("a")], partition=0, read=[])
    await index.statistics.keep(snapshot(1))
    assert await index.statistics.count_passages() == len(texts) + 1
    made = await renew_statistics(index.statistics)
    assert made is not None
    expected = Counter(term_id(word) for text in texts for word in set(text.split()))
    assert dict(zip(made.terms.tolist(), made.counts.tolist(), strict=True)) == expected
    assert (made.number, made.passages, made.sampled) == (2, len(texts) + 1, len(texts) + 1)
    assert content(await index.reader.statistics()) == content(made)


async def test_words_find_passages_by_descending_inner_product_and_only_where_one_is_shared(index: Index):
    lamp = SparseVector.of({term_id("lamp"): 2.5, term_id("cable"): 1.0})
    texts = {"both": lamp, "half": SparseVector.of({term_id("cable"): 2.0}), "none": words("other")}
    await index.writer.add([passage(name, key=name, terms=terms) for name, terms in texts.items()], at_most=LONG_AGO)
    query = SparseVector.of({term_id("lamp"): 2.0, term_id("cable"): 1.5})
    hits = await index.nearest(query, limit=9)
    assert [(hit.text, hit.score) for hit in hits] == [("both", 6.5), ("half", 3.0)]
    dense, sparse = await index.reader.nearest([unit(1), query], limit=9)
    assert len(dense) == 3
    assert sparse == hits
    assert await index.nearest(SparseVector.of({}), limit=9) == []
    assert await index.reader.nearest([SparseVector.of({}), query, SparseVector.of({})], limit=9) == [[], hits, []]


async def test_the_words_of_a_passage_are_read_with_its_vector(index: Index):
    stored = passage("a lamp", terms=SparseVector.of({7: 1.5, 2**32 - 1: 0.25}))
    await index.writer.add([stored, passage("", terms=SparseVector.of({}))], at_most=LONG_AGO)
    found = await index.reader.passages([stored.id, passage("").id], vectors=True)
    full, empty = found[stored.id].terms, found[passage("").id].terms
    assert full is not None
    assert empty is not None
    assert (full.indices.tolist(), full.values.tolist()) == ([7, 2**32 - 1], [1.5, 0.25])
    assert not empty
    assert (await index.reader.passages([stored.id]))[stored.id].terms is None
