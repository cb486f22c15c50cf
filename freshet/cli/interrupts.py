"""Ctrl-C and SIGTERM for commands that have much to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, Final, TypeVar

from freshet.cli.exits import INTERRUPTED

T = TypeVar("T")
SHOW_CURSOR: Final = b"\x1b[?25h"


class Interrupts:
    """Before `run`, a signal raises KeyboardInterrupt, which ends a download. In `run` the first one cancels the work,
    which ends what it started in peace; the next one ends us at once, and the system then kills our children. After
    `run` only this remains, so that no signal meets an interpreter that is on its way out.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._working: asyncio.Task[Any] | None = None
        self._is_stopping = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the work. Raises CancelledError when a signal ended it."""
        working = asyncio.create_task(work)
        self._loop, self._working = asyncio.get_running_loop(), working
        try:
            return await working
        finally:
            self._is_stopping = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_stopping:
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), SHOW_CURSOR)  # a live view hides it
            os._exit(INTERRUPTED)
        self._is_stopping = True
        if self._loop is None or self._working is None:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._working.cancel)
