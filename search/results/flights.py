"""Work that several wait for, done once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """Work in a task of its own, which goes on when one who waits for it goes, and ends when all are gone.

    `ended` is told when there is nothing more to wait for.
    """

    def __init__(self, work: Coroutine[Any, Any, T], *, ended: Callable[[], None]) -> None:
        self._task = asyncio.create_task(work)
        self._ended = ended
        self._waiting = 0
        self._task.add_done_callback(self._done)

    async def result(self) -> T:
        """What comes of it. Raises what the work raises, to all who wait."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if self._waiting == 0 and not self._task.done():
                self._ended()
                self._task.cancel()

    def _done(self, task: asyncio.Task[T]) -> None:
        self._ended()
        if not task.cancelled():
            task.exception()  # who waited has gone, perhaps
