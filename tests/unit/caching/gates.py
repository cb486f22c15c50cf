"""Where code waits until the driver lets it go on: one call at a time, in any order, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.support.memory_index import Gate


@dataclass(eq=False)
class Waiting:
    """A call that has not happened yet, of somebody."""

    who: object
    step: str
    go: asyncio.Future[None]


@dataclass
class Gates:
    """Everybody who waits at a gate. What is let go runs until nothing can move without the driver."""

    waiting: list[Waiting] = field(default_factory=list)

    def of(self, who: object) -> Gate:
        async def gate(step: str) -> None:
            mine = Waiting(who, step, asyncio.get_running_loop().create_future())
            self.waiting.append(mine)
            try:
                await mine.go
            finally:
                if mine in self.waiting:
                    self.waiting.remove(mine)

        return gate

    def at(self, who: object) -> list[Waiting]:
        return [each for each in self.waiting if each.who is who]

    async def let_go(self, one: Waiting) -> None:
        self.waiting.remove(one)
        one.go.set_result(None)
        await settle()

    async def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        await settle()
        return task


async def settle() -> None:
    """Return when every task waits for the driver or for time to pass."""
    ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    while ready:  # noqa: ASYNC110 (nobody tells when it is empty)
        await asyncio.sleep(0)


async def kill(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
