"""When which fault comes: a list made from a seed, paced by events."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.support.scale import count


class Fault(StrEnum):
    """What is done to a run."""

    KILL = "kills"  # SIGKILL of a worker
    LEAVE = "leaves"  # SIGTERM of a worker, where there are several
    JOIN = "joins"  # one worker more
    ZOMBIE = "zombies"  # a worker that is stopped until it has lost its partitions, and then goes on
    KAFKA = "outages of Kafka"
    QDRANT = "outages of Qdrant"
    REDIS = "outages of Redis"
    KAFKA_WEATHER = "bad weather before Kafka"
    QDRANT_WEATHER = "bad weather before Qdrant"
    REDIS_WEATHER = "bad weather before Redis"


FULL: Final[Mapping[Fault, int]] = {
    Fault.KILL: 100,
    Fault.LEAVE: 25,
    Fault.JOIN: 25,
    Fault.ZOMBIE: 20,
    Fault.KAFKA: 20,
    Fault.QDRANT: 20,
    Fault.REDIS: 20,
    Fault.KAFKA_WEATHER: 20,
    Fault.QDRANT_WEATHER: 20,
    Fault.REDIS_WEATHER: 20,
}
EVENTS: Final = 100_000
OVERTAKING: Final = 150  # events that come after those which a zombie holds, and undo them
OF_WORKERS: Final = (Fault.KILL, Fault.LEAVE, Fault.JOIN, Fault.ZOMBIE)
OF_SERVERS: Final = tuple(fault for fault in Fault if fault not in OF_WORKERS)


@dataclass(frozen=True, slots=True)
class Step:
    """A fault, which begins when so many events are published; `chance` decides its details."""

    at: int
    fault: Fault
    chance: random.Random


def often(full: int) -> int:
    """How often in a run of one order: each of the two has its half, in a soak and in a twentieth of one."""
    return (count(full) + 1) // 2


def events() -> int:
    return often(EVENTS)


def schedule(seed: int, *, events: int) -> list[list[Step]]:
    """Two lists, of what happens to workers and of what happens to servers meanwhile.

    Every fault comes as often as it should, in an order of the seed's, spread over the events. The last of workers is a
    zombie near the end, so that nothing comes afterwards which could mend what its late writes have done.
    """
    rng = random.Random(seed)
    workers, servers = (_shuffled(rng, kinds) for kinds in (OF_WORKERS, OF_SERVERS))
    workers.remove(Fault.ZOMBIE)
    last = Step(events - OVERTAKING, Fault.ZOMBIE, random.Random(rng.random()))
    return [[*_spread(rng, workers, last.at), last], _spread(rng, servers, events)]


def _shuffled(rng: random.Random, kinds: Sequence[Fault]) -> list[Fault]:
    faults = [fault for fault in kinds for _ in range(often(FULL[fault]))]
    rng.shuffle(faults)
    return faults


def _spread(rng: random.Random, faults: Sequence[Fault], events: int) -> list[Step]:
    gap = events / len(faults)
    return [
        Step(round((number + rng.random()) * gap), fault, random.Random(rng.random()))
        for number, fault in enumerate(faults)
    ]
