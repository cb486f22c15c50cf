"""Stopping aiokafka's clients, and what they are about, so that no connection is left open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer

_HEARD_SECONDS: Final = 0.1
T = TypeVar("T")


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop it for good.

    Where a fetch has just failed its own `stop` raises CancelledError, though nobody cancelled anything, and leaves its
    connections open.
    """
    await _end_fetching(consumer)
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        await consumer._client.close()  # noqa: SLF001
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise


async def uncut(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that connects; where its caller is cancelled, that is once the work has come to its end.

    aiokafka would forget a connection that it is just making, and leave it open. Its timeouts bound the wait.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _end_fetching(consumer: AIOKafkaConsumer) -> None:
    """End what fetches in the background, which does not hear of it while it drops partitions: `stop` would hang."""
    fetcher = consumer._fetcher  # noqa: SLF001
    while fetcher is not None and not fetcher._fetch_task.done():  # noqa: SLF001
        fetcher._fetch_task.cancel()  # noqa: SLF001
        await asyncio.wait([fetcher._fetch_task], timeout=_HEARD_SECONDS)  # noqa: SLF001
