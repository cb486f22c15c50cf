"""How fast events come: faults set the pace, for each must find a system that has something to do."""

from __future__ import annotations

import asyncio
import math
from typing import Final

PAUSE_SECONDS: Final = 0.05  # between two looks


class Pace:
    """`count` events are published so far.

    More may be published up to `total`, but not beyond where the next fault of a lane begins; and, whatever that says,
    up to `wanted`, which a fault may raise while it is being done.
    """

    def __init__(self, total: int, lanes: int) -> None:
        self.count = 0
        self.limits = [math.inf] * lanes
        self.wanted = 0.0
        self.overtaking = False
        self.over = False
        self._total = total

    async def more(self) -> bool:
        """Whether another event is to be published, once it is; not after the last fault is `over`."""
        while not (self.count < self._total and self.count <= min(self.limits)) and self.count >= self.wanted:
            if self.over and self.count >= self._total:
                return False
            await asyncio.sleep(PAUSE_SECONDS)
        return True

    async def reach(self, count: int) -> None:
        """Wait until so many events are published."""
        while self.count < count:  # noqa: ASYNC110 (faults and Kafka set the pace)
            await asyncio.sleep(PAUSE_SECONDS)

    async def overtake(self, number: int) -> None:
        """Have so many events published now, whatever the next faults say: such as change back what was just said."""
        self.overtaking, self.wanted = True, self.count + number
        await self.reach(self.count + number)
        self.overtaking, self.wanted = False, 0
