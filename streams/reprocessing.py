"""Feeding what the log holds through the live version again: after a fix, or where somebody doubts.

Of each document only the newest event is put into `documents.again`: the older ones would be refused as stale. The
order of events decides there as always, so workers may run meanwhile, and what is newer stays. In log order that
event is the newest up to the log's end, where each stretch ends, so its document has not ended since. In version order
a higher version may lie before the stretch.
"""

from __future__ import annotations

from collections.abc import Callable

from freshet.schemas.again import Again, Why
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics
from freshet.streams.again import wrap
from freshet.streams.announcing import Sink
from freshet.streams.folded import Folded, FoldedLog


async def reprocess(
    log: FoldedLog, *, sink: Sink, topics: Topics, order: Order, advance: Callable[[int], object] = lambda _: None
) -> int:
    """Have workers write these documents as their newest events say; returns how many.

    Raises what `sink` raises; a repeat is harmless.
    """
    done = 0
    for page in log.pages():
        again = [(each.record, _again(each, order)) for each in page]
        await sink.send_all([wrap(record, each, topics.again) for record, each in again if record is not None])
        advance(len(page))
        done += len(page)
    return done


def _again(folded: Folded, order: Order) -> Again:
    """Without a version: a null stands for what it ended, which only the ledger knows where the stretch begins late."""
    return Again(Why.REPROCESSED, until=folded.until if order is Order.LOG else 0)
