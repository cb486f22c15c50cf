"""What tells of a worker that runs whether it stands still, lost its topic, or was replaced by another one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Final

from freshet.schemas.errors import MisfitError, OutsideError
from freshet.schemas.status import PartitionStatus
from freshet.schemas.topics import Source
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.base import VersionInfo
from freshet.search.index.identity import Identity, check_end, check_source
from freshet.streams.lag import LagWatcher
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.retry import Weather
from freshet.streams.standing import Sight, Standing, keep_watching
from freshet.streams.worker import Worker

LOOK_SECONDS: Final = 5.0  # between two looks at the topic


class Replaced:
    """Hears of another worker that took this one's name, and tells whoever waits for that."""

    def __init__(self) -> None:
        self._error: MisfitError | None = None
        self._happened = asyncio.Event()

    def heard(self, error: MisfitError) -> None:
        self._error = error
        self._happened.set()

    async def ended(self) -> None:
        """Wait for it. Raises MisfitError."""
        await self._happened.wait()
        if self._error is not None:
            raise self._error


def watch_standing(look: Callable[[], Sight], patience: float, stack: AsyncExitStack) -> Standing:
    """Look at a worker every few seconds until the stack is closed; `patience` is in seconds."""
    standing = Standing(patience=patience)
    task = asyncio.create_task(keep_watching(standing, look))
    stack.callback(task.cancel)
    return standing


def see(
    worker: Worker, metrics: WorkerMetrics, spent: EmbeddingMetrics, watcher: LagWatcher, weather: Weather
) -> Sight:
    """The worker as it is now, with the lag as it was measured last."""
    lags = watcher.status()
    own = [each for each in lags or () if each.partition in worker.partitions]
    return Sight(
        now=time.monotonic(),
        waiting=sum(each.events for each in own),
        committed=frozenset((each.topic, each.partition, each.committed) for each in own),
        work=metrics.passed() + spent.given,
        explained=bool(weather.failing) or worker.cannot_fetch or worker.held is not None or lags is None,
    )


class Following:
    """Whether the topic is still the one that a version was made for, and still has all that was read of it.

    `lags` tells the lag as it was measured last.
    """

    def __init__(
        self, identity: Identity, followed: VersionInfo, lags: Callable[[], Iterable[PartitionStatus] | None]
    ) -> None:
        self._identity = identity
        self._followed = followed
        self._topic = str(followed.metadata["topic"])
        self._lags = lags
        self._read: dict[int, int] = {}  # most that was ever committed, for who finds a log cut reads it anew

    def check(self, source: Source) -> None:
        """Raise MisfitError where it is not, or has not."""
        check_source(self._identity, self._followed, self._topic, source)
        for each in self._lags() or ():
            if each.topic == self._topic:
                self._check_end(each)

    def _check_end(self, lag: PartitionStatus) -> None:
        read = self._read[lag.partition] = max(lag.committed or 0, self._read.get(lag.partition, 0))
        check_end(self._identity, self._followed, lag.partition, committed=read, end=lag.end)


async def keep_looking(
    find: Callable[[], Awaitable[Source | None]],
    check: Callable[[Source], None],
    *,
    every: float = LOOK_SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Check the topic every so many seconds while it is there to be looked at; ends with what `check` raises."""
    while True:
        await sleep(every)
        try:
            source = await find()
        except OutsideError:  # whoever consumes notices, too
            continue
        if source is not None:
            check(source)
