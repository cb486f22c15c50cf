"""How long an answer is kept at most, whatever the feed says: a net under the proof, not a part of it.

The more a tenant's documents change, the sooner a change that was missed, against all reasoning, would have been seen:
an answer lives for as long as `CHANGES` changes of its tenant take at the recent rate, within bounds.
"""

from __future__ import annotations

import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from freshet.search.feed.changes import FeedChange

CHANGES: Final = 1_000
HALF_LIFE: Final = 600.0  # seconds after which a change counts half
_TENANTS: Final = 10_000  # whose rates are known; of others it is as if nothing had changed
_JITTER: Final = 0.2  # of the time, so that answers that were made together do not go together


@dataclass(slots=True)
class _Tally:
    count: float
    at: float

    def now(self, now: float) -> float:
        return self.count * math.exp2((self.at - now) / HALF_LIFE)


class Lifetimes:
    """Rates of change by tenant, and what follows; hears of changes as a `ChangeSink`.

    `least` and `most` are in seconds.
    """

    def __init__(
        self,
        *,
        least: float,
        most: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._least = least
        self._most = most
        self._clock = clock
        self._chance = chance
        self._tallies: OrderedDict[str | None, _Tally] = OrderedDict()

    def begin(self, positions: Mapping[int, int]) -> None:  # noqa: ARG002
        """As `ChangeSink.begin`; what it tells from now on may have been heard before."""
        self._tallies.clear()

    def add(self, change: FeedChange) -> None:
        """As `ChangeSink.add`."""
        tenant = change.tenant
        now, tally = self._clock(), self._tallies.pop(tenant, None)
        self._tallies[tenant] = _Tally(1.0 if tally is None else tally.now(now) + 1, now)
        if len(self._tallies) > _TENANTS:
            self._tallies.popitem(last=False)

    def rate(self, tenant: str | None) -> float:
        """Changes of its documents a second, of late."""
        tally = self._tallies.get(tenant)
        return 0.0 if tally is None else tally.now(self._clock()) * math.log(2) / HALF_LIFE

    def of(self, tenant: str | None) -> float:
        """How many seconds an answer to the tenant may live from now on."""
        rate = self.rate(tenant)
        seconds = self._most if rate * self._most <= CHANGES else CHANGES / rate
        return max(self._least, seconds) * (1 - _JITTER * self._chance())
