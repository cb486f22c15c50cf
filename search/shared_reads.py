"""Reads of callers that wait together, as one command: a command each would cost five times as much."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST: Final = 128  # names in one read: 200 kB of vectors at 384 dimensions, so that others get their turn in between


@dataclass(slots=True)
class _Asked:
    """Names that somebody waits for: their values in the same order, None for what was not to be had."""

    names: Sequence[str]
    answer: asyncio.Future[list[bytes | None]]


class SharedReads:
    """Reads values by name; names of the same turn of the loop, or asked for during a read, make one read together.

    `read` takes at most `most` different names and gives their values in the same order, or None where it failed, which
    is a miss for everybody in it. So a caller waits for the read under way, and for its own. Who asks for more than
    `most` shares several, one after the other, and goes without the rest after `seconds`. Whoever is cancelled leaves
    the others alone. For one event loop.
    """

    def __init__(
        self,
        read: Callable[[list[str]], Awaitable[Any]],
        *,
        seconds: float,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._waiting: deque[_Asked] = deque()
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """The values, None for each that there is none of."""
        end = self._clock() + self._seconds
        values: list[bytes | None] = []
        for start in range(0, len(names), self._most):
            if start and self._clock() >= end:
                break
            values += await self._ask(names[start : start + self._most])
        return values + [None] * (len(names) - len(values))

    async def close(self) -> None:
        """Whoever waits gets misses, and so does who comes later. Idempotent."""
        self._closed = True
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _ask(self, names: Sequence[str]) -> list[bytes | None]:
        if self._closed:
            return [None] * len(names)
        asked = _Asked(names, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._reading is None:
            # A task of its own begins in the next turn: who asks in this one is in its first read.
            self._reading = asyncio.create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._read_for(self._take())
        finally:  # also where it is cancelled, or `read` raised what it should not: nobody waits for ever
            self._reading = None
            while self._waiting:
                _answer(self._waiting.popleft(), {})

    def _take(self) -> list[_Asked]:
        """Who came first, as many as have no more names together than one read takes; who was cancelled is let go."""
        taken: list[_Asked] = []
        room = self._most
        while self._waiting and len(self._waiting[0].names) <= room:
            asked = self._waiting.popleft()
            if not asked.answer.done():
                taken.append(asked)
                room -= len(asked.names)
        return taken

    async def _read_for(self, taken: Sequence[_Asked]) -> None:
        names = list(dict.fromkeys(name for asked in taken for name in asked.names))
        found: dict[str, Any] = {}
        try:
            values = await self._read(names) if names else None
            if isinstance(values, list) and len(values) == len(names):
                found = dict(zip(names, values, strict=True))
        finally:
            for asked in taken:
                _answer(asked, found)


def _answer(asked: _Asked, found: dict[str, Any]) -> None:
    if not asked.answer.done():
        values = (found.get(name) for name in asked.names)
        asked.answer.set_result([value if isinstance(value, bytes) else None for value in values])
