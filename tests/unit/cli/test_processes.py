"""How a process ends that is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from freshet.cli import processes
from freshet.cli.processes import Signals

GIVEN: Any = SimpleNamespace(worker=SimpleNamespace(shutdown_seconds=1.0))
PATIENT: Any = SimpleNamespace(worker=SimpleNamespace(shutdown_seconds=60.0))


class CutOffError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    def cut_off(code: int) -> None:
        raise CutOffError(code)

    monkeypatch.setattr(os, "_exit", cut_off)
    monkeypatch.setattr(processes, "_GRACE", 0.0)
    monkeypatch.setattr(processes, "_LAST_GRACE", 0.01)


class Work:
    """Runs until it is cancelled, and then takes some seconds to end; `is_ready` from the beginning or never."""

    def __init__(self, *, is_ready: bool, seconds: float) -> None:
        self.is_ready = is_ready
        self.seconds = seconds
        self.has_ended = False

    async def run(self, _given: object, signals: Signals) -> None:
        if self.is_ready:
            signals.ready.set()
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                with suppress(asyncio.CancelledError):  # as what Faust has begun
                    await asyncio.sleep(0.01)
            self.has_ended = True


async def test_what_was_just_starting_is_not_cut_off_while_it_ends_what_it_had_begun():
    """A member that was killed keeps its group from letting another one in, and out again, for seconds."""
    work, began = Work(is_ready=False, seconds=0.2), time.monotonic()
    await processes._until_stopped(PATIENT, work.run)
    assert work.has_ended
    assert time.monotonic() - began < PATIENT.worker.shutdown_seconds, "it was cancelled at once"


@pytest.mark.parametrize("is_ready", [True, False])
async def test_what_does_not_end_is_cut_off_when_its_time_is_over(is_ready):
    began = time.monotonic()
    with pytest.raises(CutOffError):
        await processes._until_stopped(GIVEN, Work(is_ready=is_ready, seconds=1.5).run)
    assert time.monotonic() - began >= 1.0
