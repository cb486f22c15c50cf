"""What follows the change feed in a search process, with its parts."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from freshet.schemas.topics import Topics
from freshet.search.feed.base import ChangeSink, NoSink
from freshet.search.feed.keeper import Keeper
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.feed.tail import Tail
from freshet.search.live import LiveIndex
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.feed import KafkaChangeFeed

_FIRST_SECONDS: Final = 3.0  # so that the first answers of an ordinary start need not do without it
_LAST_SECONDS: Final = 1.0


async def follow_feed(
    settings: Settings,
    connection: KafkaConnection,
    live: LiveIndex,
    metrics: FeedMetrics,
    stack: AsyncExitStack,
    *,
    sink: ChangeSink | None = None,
) -> Keeper:
    """Follow the change feed until the stack is closed; comes back as soon as that is begun, or after a moment.

    `sink` hears of the changes, one feed after another.
    """

    def open_tail(topic: str) -> Tail:
        feed = KafkaChangeFeed(connection, Topics(topic), index=settings.index)
        return Tail(feed, topic=topic, sink=sink or NoSink(), metrics=metrics)

    keeper = Keeper(live=live, topic=settings.topics.documents, open_tail=open_tail, metrics=metrics)
    stack.push_async_callback(_end, asyncio.create_task(keeper.run()))
    await keeper.tried(seconds=_FIRST_SECONDS)
    return keeper


async def _end(following: asyncio.Task[None]) -> None:
    following.cancel()
    await asyncio.wait({following}, timeout=_LAST_SECONDS)
