"""How fast batches may go into the pipeline: as fast as they can, or held back by somebody's orders.

Who is held fetches nothing more, and stays a member of its group all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

LOOK_SECONDS: Final = 0.25  # between two looks at the orders


class Pace(Protocol):
    """What the fetching side asks before each batch."""

    @property
    def held(self) -> str | None:
        """Why a batch waits now, in words for people; None where none does."""

    @property
    def most(self) -> int | None:
        """How many events a batch should have at most; None for any number."""

    async def admit(self, events: int, /) -> None:
        """Wait until a batch of so many events may go in."""


class Unhurried:
    """Every batch may go in at once."""

    held: Final = None
    most: Final = None

    async def admit(self, _events: int) -> None:
        return


@dataclass(frozen=True, slots=True)
class Orders:
    """`rate` is the limit in events per second, None for none; `rest` says why nothing may go in, where nothing may."""

    rate: float | None = None
    rest: str | None = None


class Throttle:
    """Holds batches back as the orders of the moment say; before the first orders it holds everything.

    Over any stretch of time it admits no more events than the rate allows, and one batch. A batch holds a second's
    worth, so that what a limit leaves is a steady flow.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._orders: Callable[[], Orders] = lambda: Orders(rest="starting")
        self._debt = 0.0  # events that were admitted and that the rate has not yet allowed
        self._paid = clock()
        self._held: str | None = None

    @property
    def held(self) -> str | None:
        return self._held

    @property
    def most(self) -> int | None:
        rate = self._orders().rate
        return None if rate is None else max(1, round(rate))

    def obey(self, orders: Callable[[], Orders]) -> None:
        """From now on these orders count; they are asked for again and again."""
        self._orders = orders

    async def admit(self, events: int) -> None:
        try:
            while (reason := self._reason()) is not None:
                self._held = reason
                await self._sleep(LOOK_SECONDS)
        finally:
            self._held = None
        self._debt += events

    def _reason(self) -> str | None:
        orders, now = self._orders(), self._clock()
        if orders.rate is None:
            self._debt = 0.0
        else:
            self._debt = max(0.0, self._debt - (now - self._paid) * orders.rate)
        self._paid = now
        return orders.rest or ("limited" if self._debt else None)
