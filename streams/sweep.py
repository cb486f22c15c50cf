"""Removing what crashes leave behind: passages that no ledger record lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from freshet.search.index.base import IndexWriter
from freshet.search.index.records import Displaced, LedgerRecord, Passage, StoredPassage

PAUSE_SECONDS: Final = 0.02  # between pages, so that a sweep never crowds out events and searches


async def sweep(
    index: IndexWriter,
    partition: int,
    *,
    below: int,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Remove unlisted passages of a partition; returns how many were found.

    Only those below the committed offset `below`, for a batch in flight adds its passages before any record lists them;
    only those older than their document's record, for an event that came again may be in flight below that offset, and
    one that is older will be refused; what is as new as the record, or has none, is left to a verification; and only up
    to the rank that was seen, for the same passage may be added again meanwhile.
    """
    found = 0
    async for page in index.stored(partition, below=below):
        orphans = await _unlisted(index, page)
        if orphans:
            await index.remove([Displaced((each.id,), partition, each.rank) for each in orphans])
        found += len(orphans)
        await sleep(PAUSE_SECONDS)
    return found


async def _unlisted(index: IndexWriter, page: Sequence[StoredPassage]) -> list[StoredPassage]:
    ledger = await index.ledger({each.key for each in page})
    listed = {point for record in ledger.values() for point in record.passages}
    return [each for each in page if each.id not in listed and is_older(each, ledger.get(each.key))]


def is_older(passage: StoredPassage | Passage, record: LedgerRecord | None) -> bool:
    """Whether it is of a state before the recorded one, so that nothing that is written now can still list it."""
    return record is not None and passage.rank < record.rank
