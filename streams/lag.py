"""How far the index is behind the log: per partition, in events and in seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Gauge

from freshet.schemas.errors import DeniedError, OutsideError, PermanentError, TransientError
from freshet.schemas.status import PartitionStatus
from freshet.schemas.topics import Topics

REFRESH_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a group stands in a partition: offsets of the oldest record, of the next one, and what it committed."""

    partition: int
    begin: int
    end: int
    committed: int | None

    @property
    def next(self) -> int:
        """Offset of the first event that is not done: the oldest one for a group that never committed."""
        return self.begin if self.committed is None else max(self.committed, self.begin)


class Offsets(Protocol):
    """What Kafka knows of groups and partitions. Both methods raise TransientError while it is away."""

    async def positions(self, topic: str, group: str) -> list[Position]:
        """Where a group stands in each partition, in order. Raises PermanentError where there is no such topic."""

    async def times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, float]:
        """By partition, the time (seconds since the epoch) of the first record at or after an offset, where one is."""


class GroupOffsets(Offsets, Protocol):
    """What Kafka knows of groups beside."""

    async def topics(self, group: str) -> list[str]:
        """The topics in which a group has committed offsets, in order. Raises TransientError while Kafka is away."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`events` counts offsets, an upper bound where compaction removed some; `seconds` is the age of the oldest one.

    The log holds offsets from `begin` up to `end`.
    """

    topic: str
    partition: int
    group: str
    begin: int
    committed: int | None
    end: int
    events: int
    seconds: float


async def lag(
    offsets: Offsets, *, topic: str, group: str, clock: Callable[[], float] = time.time
) -> list[PartitionLag]:
    """The lag of a group, whether or not anybody is a member of it. Raises as Offsets does."""
    positions = await offsets.positions(topic, group)
    behind = {each.partition: each.next for each in positions if each.next < each.end}
    times = await offsets.times(topic, behind)
    now = clock()

    def of(each: Position) -> PartitionLag:
        oldest = times.get(each.partition)
        events = 0 if oldest is None else each.end - each.next
        seconds = 0.0 if oldest is None else max(now - oldest, 0.0)
        return PartitionLag(topic, each.partition, group, each.begin, each.committed, each.end, events, seconds)

    return [of(each) for each in positions]


async def lag_of_both(
    offsets: Offsets, *, topics: Topics, group: str, clock: Callable[[], float] = time.time
) -> list[PartitionLag]:
    """The lag of a group behind `documents` and, where that is there already, `documents.again`. Raises as `lag`."""
    found = await lag(offsets, topic=topics.documents, group=group, clock=clock)
    try:
        found += await lag(offsets, topic=topics.again, group=group, clock=clock)
    except DeniedError:
        raise
    except PermanentError:
        log.debug("there is no topic %s yet", topics.again)
    return found


async def lag_of_group(offsets: GroupOffsets, *, group: str, otherwise: Topics) -> list[PartitionLag]:
    """The lag of a group behind the topics that it reads: an older version's are not always those of the settings.

    They are the ones in which it has committed, and `otherwise` where that is none. Of other topics those are left out
    that are gone, or that this user may not see. Raises as `lag`.
    """
    names = {name.removesuffix(Topics("").again) for name in await offsets.topics(group)}
    if not names:
        return await lag_of_both(offsets, topics=otherwise, group=group)
    found = list[PartitionLag]()
    for name in sorted(names):
        if name == otherwise.documents:
            found += await lag_of_both(offsets, topics=otherwise, group=group)
            continue
        for topic in (name, Topics(name).again):
            with suppress(PermanentError):  # it is gone, or others may see it
                found += await lag(offsets, topic=topic, group=group)
    return found


async def lag_where_there(offsets: Offsets, *, topics: Topics, group: str) -> list[PartitionLag] | None:
    """As `lag_of_both`; None where the documents topic is gone. Raises TransientError, and DeniedError."""
    try:
        return await lag_of_both(offsets, topics=topics, group=group)
    except DeniedError:
        raise
    except PermanentError:
        return None


async def waiting(
    offsets: Offsets, *, topics: Iterable[str], group: str, clock: Callable[[], float] = time.time
) -> dict[int, float]:
    """By partition, the age (seconds) of the oldest record of any of these topics that is not done. Raises as Offsets.

    Partitions where nothing waits are left out.
    """
    found: dict[int, float] = {}
    for topic in topics:
        for each in await lag(offsets, topic=topic, group=group, clock=clock):
            if each.events:
                found[each.partition] = max(each.seconds, found.get(each.partition, 0.0))
    return found


@dataclass(frozen=True, slots=True)
class Followed:
    """A group, and the topics that it reads."""

    topics: Topics
    group: str

    async def always(self) -> Followed:
        """This one, whenever it is asked for: what a LagWatcher takes that follows no other."""
        return self


class LagWatcher:
    """Keeps the gauges of a group's lag up to date: of the one that is `followed` each time.

    While Kafka is away there are no figures rather than old ones.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Offsets]],
        *,
        followed: Callable[[], Awaitable[Followed]],
        registry: CollectorRegistry,
        every: float = REFRESH_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        labels = ["topic", "partition", "group"]
        self._events = Gauge(
            "freshet_consumer_lag_events", "Events of the log that are not yet indexed", labels, registry=registry
        )
        self._seconds = Gauge(
            "freshet_consumer_lag_seconds", "Age of the oldest event that is not yet indexed", labels, registry=registry
        )
        self._connect = connect
        self._followed = followed
        self._every = every
        self._sleep = sleep
        self._failing = False
        self._last: list[PartitionLag] | None = None

    def status(self) -> list[PartitionStatus] | None:
        """What was measured last; None while Kafka does not tell it."""
        if self._last is None:
            return None
        return [PartitionStatus.model_validate(each, from_attributes=True) for each in self._last]

    async def check(self) -> None:
        """Raise TransientError while Kafka does not answer."""
        if self._failing:
            raise TransientError("measure the consumer lag", "Kafka does not answer")

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            try:
                async with self._connect() as offsets:
                    while True:
                        followed = await self._followed()
                        self._show(await lag_of_both(offsets, topics=followed.topics, group=followed.group))
                        await self._sleep(self._every)
            except Exception as error:  # noqa: BLE001 (whatever it is, the next try may go well)
                self._lost(error)
            await self._sleep(self._every)

    def _show(self, lags: list[PartitionLag]) -> None:
        if self._failing:
            log.warning("the consumer lag can be measured again")
            self._failing = False
        if {_gauged(each) for each in self._last or []} - {_gauged(each) for each in lags}:
            self._clear()  # another group is followed now
        self._last = lags
        for each in lags:
            labels = _gauged(each)
            self._events.labels(*labels).set(each.events)
            self._seconds.labels(*labels).set(each.seconds)

    def _lost(self, error: Exception) -> None:
        if not self._failing:
            log.warning("the consumer lag cannot be measured: %s", error, exc_info=not isinstance(error, OutsideError))
            self._failing = True
        self._last = None
        self._clear()

    def _clear(self) -> None:
        self._events.clear()
        self._seconds.clear()


def _gauged(each: PartitionLag) -> tuple[str, str, str]:
    """The values of the labels."""
    return each.topic, str(each.partition), each.group
