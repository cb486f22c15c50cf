"""Whether a worker stands still: events wait, nothing gets done, and nothing outside explains it.

Then something inside hangs, and only a restart helps. Who waits for Kafka, Qdrant or a model's server waits by design.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from freshet.schemas.errors import TransientError
from freshet.streams.enduring import Enduring

LOOK_SECONDS: Final = 5.0
LONGEST_STEP: Final = 3 * LOOK_SECONDS  # who was paused for an hour has not stood still for an hour
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sight:
    """A worker at one moment.

    `now` is in seconds of a clock that only goes forward, `waiting` counts the events of its own partitions that are
    not committed, `committed` are its offsets, `work` is a number that changes with whatever it gets done, and
    `explained` says whether something outside is known to keep it from working.
    """

    now: float
    waiting: int
    committed: frozenset[tuple[str, int, int | None]]
    work: float
    explained: bool


class Standing:
    """For how long nothing has moved, told from what was seen of a worker every few seconds."""

    def __init__(self, *, patience: float) -> None:
        """`patience` is the number of seconds after which it counts as standing still."""
        self._patience = patience
        self._last: Sight | None = None
        self._still = 0.0

    def saw(self, sight: Sight) -> None:
        """Take note of a worker as it is now."""
        last, self._last = self._last, sight
        if last is None or self._is_fine(last, sight):
            self._still = 0.0
            return
        before = self.reason
        self._still += min(sight.now - last.now, LONGEST_STEP)
        if self.reason and not before:
            logger.error("the worker stands still: %s", self.reason)

    def _is_fine(self, last: Sight, sight: Sight) -> bool:
        moved = (sight.committed, sight.work) != (last.committed, last.work)
        return moved or sight.explained or not sight.waiting

    @property
    def reason(self) -> str | None:
        """Why it must be started again; None while it need not."""
        if self._last is None or self._still < self._patience:
            return None
        return f"events that wait: {self._last.waiting:,}; nothing has moved for {self._still:.0f} s"

    async def check(self) -> None:
        """Raise TransientError while it stands still."""
        if self.reason is not None:
            raise TransientError("index events", self.reason, hint="a stage hangs; the process must be started again")


async def keep_watching(
    standing: Standing,
    look: Callable[[], Sight],
    *,
    every: float = LOOK_SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look again and again, until cancelled."""
    enduring = Enduring("tell whether the worker stands still", logger)
    while True:
        with enduring():
            standing.saw(look())
        await sleep(every)
