"""How a worker process works."""

from __future__ import annotations

from dataclasses import dataclass, field

from freshet.settings import WORKER_PROBE_PORT, Settings
from freshet.streams.pace import Pace, Unhurried


@dataclass(frozen=True, slots=True)
class Mode:
    """What differs between a process of `freshet worker` and one of `freshet replay run`.

    One `beside` makes its version beside the live one, where another worker makes only an index's first. `nice` is how
    far it steps back for other processes, `probe_port` is taken where the settings name none, 0 for any free one, and
    `pace` holds its batches back.
    """

    nice: int
    probe_port: int
    beside: bool = False
    pace: Pace = field(default_factory=Unhurried)


def following(settings: Settings) -> Mode:
    """Of `freshet worker`."""
    return Mode(nice=settings.worker.nice, probe_port=WORKER_PROBE_PORT)


def building(settings: Settings, pace: Pace) -> Mode:
    """Of `freshet replay run`."""
    return Mode(nice=settings.replay.nice, probe_port=0, beside=True, pace=pace)
