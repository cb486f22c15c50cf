"""Feeding what the log holds through the live version again: after a fix, or where somebody doubts.

Of each document only the newest event is put into `documents.again`: the older ones would be refused as stale. The
order of events decides there as always, so workers may run meanwhile, and what is newer stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from freshet.schemas.again import Again, Why
from freshet.schemas.topics import Topics
from freshet.streams.again import wrap
from freshet.streams.announcing import Sink
from freshet.streams.folded import FoldedLog

# A null stands for what it ended, which only the ledger knows where the stretch does not begin with the log.
AGAIN: Final = Again(Why.REPROCESSED)


async def reprocess(
    log: FoldedLog, *, sink: Sink, topics: Topics, advance: Callable[[int], object] = lambda _: None
) -> int:
    """Have workers write these documents as their newest events say; returns how many.

    Raises what `sink` raises; a repeat is harmless.
    """
    done = 0
    for page in log.pages():
        await sink.send_all([wrap(each.record, AGAIN, topics.again) for each in page if each.record is not None])
        advance(len(page))
        done += len(page)
    return done
