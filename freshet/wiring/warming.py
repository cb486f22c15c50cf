"""Popular queries, and asking them in advance."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from freshet.schemas.errors import OutsideError
from freshet.schemas.topics import Topics
from freshet.search.live import LiveIndex
from freshet.search.load import Admission
from freshet.search.results.base import Answers
from freshet.search.results.popular import Popular
from freshet.search.results.upkeep import UpkeepMetrics
from freshet.search.results.warming import Warming
from freshet.search.service import SearchService
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.recorded_requests import count_recorded

_READ_SECONDS: Final = 30.0  # for the recorded queries; after that, what was read has to do

logger = logging.getLogger(__name__)


def open_popular(settings: Settings) -> Popular | None:
    """What counts the requests; None where none is to be asked in advance."""
    return Popular() if settings.cache.enabled and settings.cache.warm else None


def warm_in_background(
    settings: Settings,
    popular: Popular | None,
    *,
    service: SearchService,
    live: LiveIndex,
    admission: Admission,
    results: Answers,
    connection: KafkaConnection,
    metrics: UpkeepMetrics,
    stack: AsyncExitStack,
) -> None:
    """Ask what is popular in advance, until the stack is closed: at the start, and when another version is live."""
    if popular is None:
        return

    async def version() -> str | None:
        current = await live.current()
        return f"{current.name} {current.incarnation}" if results.keeps(current) else None

    warming = Warming(
        popular=popular,
        most=settings.cache.warm,
        search=partial(service.search, in_advance=True),
        version=version,
        quiet=lambda: admission.idle,
        counted=metrics.warmed,
    )
    task = asyncio.create_task(_run(warming, settings, popular, connection))
    stack.push_async_callback(_end, task)


async def _run(warming: Warming, settings: Settings, popular: Popular, connection: KafkaConnection) -> None:
    if settings.search.record_queries == "text":
        await _count_recorded(settings, popular, connection)
    await warming.run()


async def _count_recorded(settings: Settings, popular: Popular, connection: KafkaConnection) -> None:
    try:
        async with asyncio.timeout(_READ_SECONDS):
            await count_recorded(connection, Topics(settings.topics.documents), popular, index=settings.index)
    except (OutsideError, TimeoutError) as error:
        told = "recorded queries cannot be read, so what is popular is known later: %s"
        logger.warning(told, str(error) or type(error).__name__, extra={"action": "recorded_unread"})


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
