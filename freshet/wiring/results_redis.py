"""Answers that search processes share."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from freshet.search.results.upkeep import UpkeepMetrics
from freshet.settings import Settings

if TYPE_CHECKING:
    from freshet.search.results.redis import RedisResults


def open_shared_results(settings: Settings, stack: AsyncExitStack, metrics: UpkeepMetrics) -> RedisResults | None:
    """Those in the Redis of the settings, closed with the stack; None where there is no Redis."""
    if settings.redis.url is None:
        return None
    from freshet.search.redis import connect
    from freshet.search.results.redis import RedisResults

    timeout = settings.redis.timeout_seconds
    client = connect(settings.redis.url.get_secret_value(), timeout=timeout, ca_file=settings.redis.ca_file)
    results = RedisResults(client, timeout=timeout, counted=metrics.shared)
    stack.push_async_callback(results.close)
    return results
