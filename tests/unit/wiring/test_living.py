"""What is seen of a worker, and what is not held against it."""

from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import MisfitError, TransientError
from freshet.schemas.status import PartitionStatus
from freshet.search.embedding.base import Model
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.retry import Weather
from freshet.wiring.living import Replaced, see


class World:
    """A worker that has partition 0 of two, with three events behind in each."""

    def __init__(self):
        registry = CollectorRegistry()
        self.worker = SimpleNamespace(partitions=frozenset({0}), cannot_fetch=False)
        self.metrics, self.spent, self.weather = WorkerMetrics(registry), EmbeddingMetrics(registry), Weather()
        self.lags = [
            PartitionStatus(topic="documents", partition=each, committed=7, end=10, events=3, seconds=1.0)
            for each in (0, 1)
        ]

    def see(self):
        watcher = SimpleNamespace(status=lambda: self.lags)
        return see(self.worker, self.metrics, self.spent, watcher, self.weather)  # type: ignore[arg-type]


def test_the_lag_of_its_own_partitions_counts():
    world = World()
    sight = world.see()
    assert (sight.waiting, sight.committed, sight.explained) == (3, {("documents", 0, 7)}, False)
    world.worker.partitions = frozenset()
    assert world.see().waiting == 0


def test_whatever_passes_a_stage_or_is_embedded_is_work():
    world = World()
    works = [world.see().work]
    with world.metrics.stage("decode", 1):
        pass
    works.append(world.see().work)
    world.spent.embedded(Model("openvino", "m", 8, 128), "index", 9)
    works.append(world.see().work)
    assert len(set(works)) == 3


def unreachable(world):
    world.lags = None


def refused(world):
    world.worker.cannot_fetch = True


def retrying(world):
    world.weather.begins("write the index", TransientError("write the index", "connection refused"))


@pytest.mark.parametrize("happens", [unreachable, refused, retrying])
def test_what_is_known_to_be_wrong_outside_explains_that_nothing_moves(happens):
    world = World()
    happens(world)
    assert world.see().explained


async def test_whoever_waits_hears_of_the_worker_that_took_the_name():
    replaced = Replaced()
    replaced.heard(MisfitError("another worker has joined"))
    with pytest.raises(MisfitError, match="another worker"):
        await replaced.ended()
