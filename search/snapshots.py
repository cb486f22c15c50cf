"""The term statistics that searches of one index version use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from freshet.schemas.errors import OutsideError
from freshet.search.index.base import IndexReader
from freshet.search.statistics import TermStatistics

RENEW_SECONDS: Final = 5.0


class Snapshots:
    """The newest snapshot, looked up again every `seconds` by one of the searches, while the others go on."""

    def __init__(
        self, reader: IndexReader, *, seconds: float = RENEW_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._seconds = seconds
        self._clock = clock
        self._known: TermStatistics | None = None
        self._due: float | None = None

    async def current(self) -> TermStatistics | None:
        """The snapshot to weigh terms by; None before the first. Raises what the reader raises at the first look."""
        first, now = self._due is None, self._clock()
        if self._due is None or now >= self._due:
            self._due = None if first else now + self._seconds
            try:
                self._known = await self._reader.statistics(self._known)
            except OutsideError:
                if first:
                    raise
            self._due = now + self._seconds
        return self._known
