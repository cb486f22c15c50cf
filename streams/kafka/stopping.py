"""Stopping aiokafka's consumers."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer

_HEARD_SECONDS: Final = 0.1


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


async def _end_fetching(consumer: AIOKafkaConsumer) -> None:
    """End what fetches in the background, which does not hear of it while it drops partitions: `stop` would hang."""
    fetcher = consumer._fetcher  # noqa: SLF001
    while fetcher is not None and not fetcher._fetch_task.done():  # noqa: SLF001
        fetcher._fetch_task.cancel()  # noqa: SLF001
        await asyncio.wait([fetcher._fetch_task], timeout=_HEARD_SECONDS)  # noqa: SLF001
