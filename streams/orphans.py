"""Passages that belong to no state of their document, told from those of an event that is being written just now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, NamedTuple

from freshet.search.index.base import IndexAudit
from freshet.search.index.records import StoredPassage
from freshet.streams.folded import FoldedLog
from freshet.streams.sweep import is_older

SETTLE_SECONDS: Final = 0.3  # before the second look: longer than any write is between its steps
Quiet = Callable[[], Awaitable[Collection[int]]]


class Unlisted(NamedTuple):
    """Passages that no record lists, and those of which nobody can say yet whether one will."""

    orphans: list[StoredPassage]
    unsure: list[StoredPassage]


async def find_orphans(
    index: IndexAudit,
    log: FoldedLog,
    page: Sequence[StoredPassage],
    *,
    quiet: Quiet,
    sleep: Callable[[float], Awaitable[None]],
) -> Unlisted:
    """Those of a page, below the committed offset, that no record lists; looks twice.

    One that is older than its document's record will never be listed. Any other may be of an event that came again and
    is not done: an orphan only where `quiet`, asked between the two looks, names its partition as one where nothing
    that came again is on its way. Documents of which the log holds more than was folded are left out.
    """
    first = await _unlisted(index, log, page)
    if not first:
        return Unlisted([], [])
    await sleep(SETTLE_SECONDS)
    partitions = await quiet()
    there = await index.passages([each.id for each, _ in first])
    found = Unlisted([], [])
    for each, older in await _unlisted(index, log, [each for each, _ in first if there.get(each.id) == each]):
        (found.orphans if older or each.partition in partitions else found.unsure).append(each)
    return found


async def _unlisted(
    index: IndexAudit, log: FoldedLog, page: Sequence[StoredPassage]
) -> list[tuple[StoredPassage, bool]]:
    """Each with whether it is older than its document's record."""
    keys = {each.key for each in page}
    pending = {key for key, each in log.find(keys).items() if each.pending}
    ledger = await index.ledger(keys)
    listed = {point for record in ledger.values() for point in record.passages}
    unlisted = (each for each in page if each.id not in listed and each.key not in pending)
    return [(each, is_older(each, ledger.get(each.key))) for each in unlisted]
