"""When which fault comes: a list made from a seed, paced by events."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.support.scale import SOAK, count


class Fault(StrEnum):
    """What is done to a run."""

    KILL = "kills"  # SIGKILL of a worker
    LEAVE = "leaves"  # SIGTERM of a worker, where there are several
    JOIN = "joins"  # one worker more
    ZOMBIE = "zombies"  # a worker that is stopped until it has lost its partitions, and then goes on
    KAFKA = "outages of Kafka"
    QDRANT = "outages of Qdrant"
    REDIS = "outages of Redis"
    QDRANT_WEATHER = "bad weather before Qdrant"
    REDIS_WEATHER = "bad weather before Redis"


FULL: Final[Mapping[Fault, int]] = {
    Fault.KILL: 100,
    Fault.LEAVE: 30,
    Fault.JOIN: 40,
    Fault.ZOMBIE: 20,
    Fault.KAFKA: 20,
    Fault.QDRANT: 20,
    Fault.REDIS: 20,
    Fault.QDRANT_WEATHER: 40,
    Fault.REDIS_WEATHER: 20,
}
EVENTS: Final = 100_000
OF_WORKERS: Final = (Fault.KILL, Fault.LEAVE, Fault.JOIN, Fault.ZOMBIE)
OF_SERVERS: Final = tuple(fault for fault in Fault if fault not in OF_WORKERS)


@dataclass(frozen=True, slots=True)
class Step:
    """A fault, which begins when so many events are published; `chance` decides its details."""

    at: int
    fault: Fault
    chance: random.Random


def often(full: int) -> int:
    """How often in a run of one order: all of it in a soak; of a twentieth each of the two orders has its half."""
    return full if SOAK else (count(full) + 1) // 2


def events() -> int:
    return often(EVENTS)


def schedule(seed: int, *, events: int) -> list[list[Step]]:
    """Two lists, of what happens to workers and of what happens to servers meanwhile.

    Every fault comes as often as it should, in an order of the seed's, spread over the events.
    """
    rng = random.Random(seed)
    return [_spread(rng, faults, events) for faults in (OF_WORKERS, OF_SERVERS)]


def _spread(rng: random.Random, kinds: Sequence[Fault], events: int) -> list[Step]:
    faults = [fault for fault in kinds for _ in range(often(FULL[fault]))]
    rng.shuffle(faults)
    gap = events / (len(faults) + 1)
    return [
        Step(round((number + rng.random()) * gap), fault, random.Random(rng.random()))
        for number, fault in enumerate(faults)
    ]
