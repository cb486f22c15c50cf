"""Keeping the term statistics of an index near to what it holds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np

from freshet.search.index.base import StatisticsStore
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics
from freshet.streams.retry import Retry, always

SAMPLE: Final = 100_000  # passages that a snapshot looks at: beyond, the share of each term is known well enough
CHANGE: Final = 0.25  # of the number of passages, after which a snapshot is renewed
LOOK_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.02  # between pages, so that counting never crowds out events and searches
TALLIED_AT_ONCE: Final = 10_000  # passages
Sleep = Callable[[float], Awaitable[None]]
SHARE: Final = 0.05  # of the time that may go into making snapshots
logger = logging.getLogger(__name__)


async def keep_statistics(
    store: StatisticsStore,
    retry: Retry,
    *,
    sleep: Sleep = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Renew the snapshot whenever the number of passages has changed by a quarter; until cancelled."""
    while True:
        began = clock()
        try:
            await retry("renew term statistics", lambda: renew_statistics(store, sleep=sleep), always)
        except Exception:
            logger.exception("cannot renew the term statistics; searches go on with those that they have")
        await sleep(max(LOOK_SECONDS, (clock() - began) / SHARE))


async def renew_statistics(
    store: StatisticsStore, *, always: bool = False, sleep: Sleep = asyncio.sleep
) -> TermStatistics | None:
    """Make the next snapshot where one is due (or `always`), and keep it. Raises what the store raises."""
    known, passages = await store.statistics(), await store.count_passages()
    if not always and not _is_due(known, passages):
        return known
    tally = await _count(store, sleep)
    number = known.number + 1 if known else 1
    made = TermStatistics(number, passages, tally.sampled, tally.terms, tally.counts)
    await store.keep(made)
    logger.info("term statistics %s: %s terms of %s passages", number, len(tally.terms), tally.sampled)
    return made


def _is_due(known: TermStatistics | None, passages: int) -> bool:
    if known is None:
        return passages > 0
    return abs(passages - known.passages) > CHANGE * known.passages


class _Tally:
    """In how many passages each term is, of the passages given so far."""

    def __init__(self) -> None:
        self.terms = np.zeros(0, np.uint32)
        self.counts = np.zeros(0, np.uint32)
        self.sampled = 0

    def add(self, passages: Sequence[SparseVector]) -> None:
        found = np.concatenate([self.terms, *(each.indices for each in passages)])
        weights = np.concatenate([self.counts, np.ones(len(found) - len(self.terms), np.uint32)])
        self.terms, places = np.unique(found, return_inverse=True)
        self.counts = np.bincount(places, weights, len(self.terms)).astype(np.uint32)
        self.sampled += len(passages)


async def _count(store: StatisticsStore, sleep: Sleep) -> _Tally:
    tally, waiting = _Tally(), list[SparseVector]()
    async for page in store.stored_terms():
        waiting += page
        if len(waiting) >= TALLIED_AT_ONCE:
            await asyncio.to_thread(tally.add, waiting)
            waiting = []
        if tally.sampled >= SAMPLE:
            break
        await sleep(PAUSE_SECONDS)
    await asyncio.to_thread(tally.add, waiting)
    return tally
