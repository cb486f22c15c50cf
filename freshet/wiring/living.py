"""What tells whether a worker stands still, and whether another one has taken its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from freshet.schemas.errors import MisfitError
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.streams.lag import LagWatcher
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.retry import Weather
from freshet.streams.standing import Sight, Standing, keep_watching
from freshet.streams.worker import Worker


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
        explained=bool(weather.failing) or worker.cannot_fetch or lags is None,
    )
