"""The write steps and the reader's check together, on real storage."""

from __future__ import annotations

import asyncio

import pytest

from freshet.schemas.positions import Rank
from freshet.search.fusion import Candidate, fuse
from freshet.search.index.base import Query
from freshet.search.index.records import Displaced, LedgerRecord
from freshet.search.retrieval import retrieve
from tests.contract.index.making import passage, record, unit, words
from tests.contract.index.under_test import Index

EDITS = 200
MODES: dict[str, list[Query]] = {
    "dense": [unit(1)],
    "sparse": [words("the part")],
    "hybrid": [unit(1), words("the part")],
}


async def edit(index: Index, before: LedgerRecord | None, offset: int) -> LedgerRecord:
    """One edit as a worker makes it: of one passage of two, and every third of the title, and so of both."""
    rank, title = Rank(0, offset), f"title {offset // 3}"
    texts = ["the first part", f"the second part, {offset}"]
    new = [passage(text, facets=title, title=title, rank=rank, vector=unit(1, n)) for n, text in enumerate(texts)]
    had = set(before.passages) if before else set()
    after = record(offset=offset, title=title, passages=tuple(item.id for item in new), metadata={"texts": texts})
    await index.writer.add([item for item in new if item.id not in had], at_most=rank)
    await index.writer.commit([after], partition=0, read=[before.offset] if before else [])
    assert await index.writer.ledger([after.key]) == {after.key: after}
    gone = tuple(had - set(after.passages))
    await index.writer.remove([Displaced(gone, 0, at_most=rank)])
    return after


@pytest.mark.parametrize("mode", MODES)
async def test_a_document_that_always_matches_is_in_every_answer_in_one_of_its_states(index: Index, mode: str):
    await index.writer.add(
        [passage(f"{n}", key=f"other {n}", vector=unit(1, 5)) for n in range(20)], at_most=Rank(0, 0)
    )
    states = [await edit(index, None, 0)]
    answers: list[Candidate] = []
    editing = True

    async def search() -> None:
        while editing:
            [found] = fuse(await retrieve(index.reader, MODES[mode], length=10))
            answers.append(found)
            await asyncio.sleep(0)

    searches = [asyncio.create_task(search()) for _ in range(3)]
    for offset in range(1, EDITS):
        states.append(await edit(index, states[-1], offset))
    editing = False
    await asyncio.gather(*searches)
    assert answers or index.in_process
    for answer in answers:
        assert answer.record in states
        assert [hit.text for hit in answer.passages] == answer.record.metadata["texts"]
