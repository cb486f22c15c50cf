"""Forgetting the ends of documents, once nothing can come any more that a tombstone would have to refuse.

How long that is, and what it guards against: docs/decisions/tombstone-retention.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from freshet.schemas.errors import OutsideError
from freshet.schemas.topics import DELETE_RETENTION, RETENTION, UNLIMITED, Topics, TopicState
from freshet.search.index.base import Tombstones

FIRST_SECONDS: Final = 60.0  # after an assignment, which has better things to do at first
EVERY_SECONDS: Final = 3_600.0
PAUSE_SECONDS: Final = 0.1  # between pages, so that forgetting never crowds out events and searches
_DAY: Final = 86_400.0
_MS: Final = 1_000.0
logger = logging.getLogger(__name__)
Sleep = Callable[[float], Awaitable[None]]


def kept_seconds(topics: Topics, states: Mapping[str, TopicState], days: float) -> float | None:
    """How long a tombstone is kept, given the topics as they are; None for ever.

    As long as an event may be late (`days`, or for as long as Kafka keeps ends itself, whichever is longer), and from
    then on for as long as a dead letter of such an event can be retried.
    """
    letters = _milliseconds(states, topics.dead_letters, RETENTION)
    ends = [_milliseconds(states, topic, DELETE_RETENTION) for topic in (topics.documents, topics.again)]
    if UNLIMITED in (letters, *ends):
        return None
    return max(days * _DAY, *(each / _MS for each in ends)) + letters / _MS


def _milliseconds(states: Mapping[str, TopicState], topic: str, setting: str) -> int:
    """A setting of a topic; for ever where Kafka does not tell it."""
    state = states.get(topic)
    return int(state.configs.get(setting, UNLIMITED)) if state else UNLIMITED


async def purge(index: Tombstones, partition: int, *, before: float, sleep: Sleep = asyncio.sleep) -> int:
    """Forget the ends of a partition's documents that were written before a moment; returns how many were found."""
    found = 0
    async for page in index.ended(partition, before=before):
        await index.purge(page)
        found += len(page)
        await sleep(PAUSE_SECONDS)
    return found


class Purging:
    """What the owner of partitions does for as long as it has them.

    `describe` tells how Kafka keeps the topics now, `behind` how old the oldest record is that waits in each partition
    of either topic (seconds; left out where none does); `purged` is told how many ends were forgotten. What fails is
    not retried before the next look and is no weather, for no event waits for it: it neither makes the worker unready
    nor excuses it where it stands still.
    """

    def __init__(
        self,
        *,
        index: Tombstones,
        topics: Topics,
        days: float,
        describe: Callable[[], Awaitable[Mapping[str, TopicState]]],
        behind: Callable[[], Awaitable[Mapping[int, float]]],
        clock: Callable[[], float],
        purged: Callable[[int], None],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._index = index
        self._topics = topics
        self._days = days
        self._describe = describe
        self._behind = behind
        self._clock = clock
        self._purged = purged
        self._sleep = sleep

    async def run(self, partitions: frozenset[int]) -> None:
        """Look once an hour, until cancelled."""
        await self._sleep(FIRST_SECONDS)
        while True:
            try:
                await self.look(partitions)
            except OutsideError as error:
                logger.warning("cannot forget the ends of documents; they stay for now: %s", error)
            except Exception:
                logger.exception("cannot forget the ends of documents; they stay for now")
            await self._sleep(EVERY_SECONDS)

    async def look(self, partitions: frozenset[int]) -> None:
        """Forget in each partition what is old enough. Raises OutsideError."""
        states = await self._describe()
        kept = kept_seconds(self._topics, states, self._days)
        if kept is None:
            return
        now, behind = self._clock(), await self._behind()
        for partition in sorted(partitions):
            # What waits may be as late as it is old, so the clock stands still at the oldest record that waits.
            before = now - behind.get(partition, 0.0) - kept
            found = await purge(self._index, partition, before=before, sleep=self._sleep)
            self._purged(found)
            logger.log(logging.INFO if found else logging.DEBUG, "forgot %s ends in partition %s", found, partition)
