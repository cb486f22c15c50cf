"""What tells whether a worker stands still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.streams.lag import LagWatcher
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.retry import Weather
from freshet.streams.standing import Sight, Standing, keep_watching
from freshet.streams.worker import Worker


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
