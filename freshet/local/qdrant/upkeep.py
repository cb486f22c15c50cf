"""What an engine does beside answering: making safe from a power failure what it has acknowledged.

A killed process loses nothing: the engine's log is in the system's hands before a write is acknowledged. For a power
failure the log must reach the disk. A full flush does that and shortens the log, but it holds up every request for
100 to 250 ms (some forty files are synced in one call), so it waits for a quiet moment, `FLUSH_SECONDS` at most. In
between, the log alone is synced, in a thread: that takes 5 to 15 ms and holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from freshet.local.qdrant.config import FLUSH_SECONDS
from freshet.local.qdrant.store import Store

log = logging.getLogger(__name__)

SYNC_SECONDS = 2.0
"""How much of the acknowledged past a power failure can cost."""

QUIET_SECONDS = 1.0
"""Without a request for so long, a flush is thought to disturb nobody."""


class Upkeep:
    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._asked = self._flushed = clock()

    def asked(self) -> None:
        """A request came."""
        self._asked = self._clock()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            await self.tick()

    async def tick(self) -> None:
        now = self._clock()
        if now - self._asked >= QUIET_SECONDS or now - self._flushed >= FLUSH_SECONDS:
            self._store.flush()
            self._flushed = now
            return
        try:
            await asyncio.to_thread(_sync, self._store.unflushed_logs())
        except OSError:
            log.exception("cannot sync the log to the disk")


def _sync(folders: Iterable[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):  # deleted, or a segment of the log that a flush has dropped
            for file in folder.iterdir():
                _sync_file(file)


def _sync_file(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())
