"""The port to what counts requests, and the rule by which they are counted.

The rule is the generic cell rate algorithm, a token bucket that needs one number: the time at which the bucket is full
again. A request moves it ahead by `1 / per_second`, and is refused where it would then be further ahead than `burst`
of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """`per_second` requests in the long run, and `burst` at once."""

    per_second: float
    burst: int

    @property
    def interval(self) -> int:
        """Microseconds in which one request is earned."""
        return max(1, round(MICROSECONDS / self.per_second))

    @property
    def window(self) -> int:
        """Whole seconds in which an empty bucket fills."""
        return max(1, math.ceil(self.burst * self.interval / MICROSECONDS))


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request. `wait` is in seconds, 0 where it may go on; `full` when the bucket is full again."""

    wait: float
    remaining: int
    full: float

    @property
    def allowed(self) -> bool:
        return self.wait <= 0

    @classmethod
    def of(cls, limit: Limit, *, wait: int, ahead: int) -> Taken:
        """From microseconds: how long to wait, and how far the time at which the bucket is full lies ahead."""
        room = limit.burst * limit.interval - ahead
        return cls(max(0, wait) / MICROSECONDS, max(0, room // limit.interval), ahead / MICROSECONDS)


class Limiter(Protocol):
    """Counts requests by name. Never raises: where it cannot count together with others, it counts alone."""

    async def take(self, name: str, limit: Limit) -> Taken:
        """Count one request, atomically; one that is refused costs nothing."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...
