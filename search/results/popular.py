"""Which requests are asked most, counted in memory; no text of them goes anywhere."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from typing import Any, Final

from freshet.schemas.http import DEFAULT_WAIT_MS, SearchRequest

ROOM: Final = 2_000  # requests that are counted at once; of more the half that is asked least is forgotten
HALF_LIFE: Final = 3_600.0  # seconds after which an asking counts half
_LONGEST: Final = 2_000  # characters of a request that is counted, as JSON: longer ones are hardly asked twice
_OF_THE_MOMENT: Final[dict[str, Any]] = {"fresh_after": (), "wait_ms": DEFAULT_WAIT_MS}  # and what lasts instead
_NAMES: Final = set(_OF_THE_MOMENT)
_FAR: Final = 500.0  # half-lives, beyond which weights would soon be more than a float holds


class Popular:
    """Counts requests, newer askings more than older ones. What is asked but now and then is forgotten first.

    Takes some MB at most. For one event loop. `clock` is in seconds.
    """

    def __init__(
        self, *, room: int = ROOM, half_life: float = HALF_LIFE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._room = room
        self._half_life = half_life
        self._clock = clock
        self._began = clock()
        self._weights: dict[str, float] = {}
        self._requests: dict[str, SearchRequest] = {}

    def asked(self, request: SearchRequest) -> None:
        """Count an asking."""
        name = request.model_dump_json(exclude=_NAMES)
        if len(name) > _LONGEST:
            return
        # Instead of making all older ones smaller with time, a newer one is larger.
        weight = self._weight()
        if name in self._weights:
            self._weights[name] += weight
        else:
            self._weights[name] = weight
            self._requests[name] = request.model_copy(update=_OF_THE_MOMENT)
            if len(self._weights) > self._room:
                self._keep(self._room // 2)

    def top(self, n: int) -> list[SearchRequest]:
        """The `n` that are asked most, the most popular first."""
        names = heapq.nlargest(n, self._weights, key=self._weights.__getitem__)
        return [self._requests[name] for name in names]

    def _weight(self) -> float:
        age = (self._clock() - self._began) / self._half_life
        if age > _FAR:
            self._began = self._clock()
            self._weights = {name: weight * math.exp2(-age) for name, weight in self._weights.items()}
            age = 0.0
        return math.exp2(age)

    def _keep(self, n: int) -> None:
        names = heapq.nlargest(n, self._weights, key=self._weights.__getitem__)
        self._weights = {name: self._weights[name] for name in names}
        self._requests = {name: self._requests[name] for name in names}
