"""What is seen of a worker and its topic, and what is not held against it."""

import asyncio
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import MisfitError, TransientError
from freshet.schemas.status import PartitionStatus
from freshet.schemas.topics import Source
from freshet.search.embedding.base import Model
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.identity import Identity
from freshet.search.passages import Recipe
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.retry import Weather
from freshet.wiring.living import Following, Replaced, keep_looking, see

FIRST, SECOND = Source("documents", 4, "the-first"), Source("documents", 4, "the-second")


class World:
    """A worker that has partition 0 of two, with three events behind in each."""

    def __init__(self):
        registry = CollectorRegistry()
        self.worker = SimpleNamespace(partitions=frozenset({0}), cannot_fetch=False, held=None)
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


def paused(world):
    world.worker.held = "paused"


@pytest.mark.parametrize("happens", [unreachable, refused, retrying, paused])
def test_what_is_known_to_keep_it_from_working_explains_that_nothing_moves(happens):
    world = World()
    happens(world)
    assert world.see().explained


async def test_whoever_waits_hears_of_the_worker_that_took_the_name():
    replaced = Replaced()
    replaced.heard(MisfitError("another worker has joined"))
    with pytest.raises(MisfitError, match="another worker"):
        await replaced.ended()


async def no_time(_seconds):
    await asyncio.sleep(0)


def finding(*answers):
    """Finds these one after the other; errors are raised."""
    left = list(answers)

    async def find():
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return find


async def test_a_topic_that_was_created_again_is_noticed_however_often_kafka_was_away_before():
    checked = []

    def check(source):
        checked.append(source)
        if source != FIRST:
            raise MisfitError("created again")

    find = finding(FIRST, TransientError("look at the topic", "no broker answers"), None, FIRST, SECOND)
    with pytest.raises(MisfitError, match="created again"):
        await keep_looking(find, check, sleep=no_time)
    assert checked == [FIRST, FIRST, SECOND]


class Followed:
    """What a worker looks at every few seconds: its topic, and how far it was read."""

    def __init__(self):
        identity = Identity("docs", Model("openvino", "m", 8, 128), Recipe(window=128))
        followed = identity.info(topic="documents", partitions=4, topic_id="the-first")
        self.lags: list[PartitionStatus] | None = []
        self.following = Following(identity, followed, lambda: self.lags)

    def look(self, *lags, source=FIRST):
        """Each of these is a topic, a partition, what is committed, and the end."""
        names = ("topic", "partition", "committed", "end")
        self.lags = [PartitionStatus(**dict(zip(names, each, strict=True)), events=0, seconds=0.0) for each in lags]
        self.following.check(source)


def test_a_topic_that_has_all_that_was_read_is_followed():
    world = Followed()
    world.look(("documents", 0, None, 0), ("documents", 1, 4, 4), ("documents.again", 1, 9, 9))
    world.look(("documents", 0, 1, 1), ("documents", 1, 4, 5), ("documents.again", 1, None, 0))  # made anew: no harm
    world.lags = None
    world.following.check(FIRST)  # while Kafka does not tell


def test_another_topic_of_the_same_name_is_not():
    with pytest.raises(MisfitError, match="created again"):
        Followed().look(source=SECOND)


@pytest.mark.parametrize("committed", [5, 2, None], ids=["as it was", "the worker reads it anew", "forgotten"])
def test_nor_is_a_log_that_lost_what_was_read(committed):
    world = Followed()
    world.look(("documents", 0, 5, 7), ("documents", 1, 9, 9))
    world.look(("documents", 0, 5, 5), ("documents", 1, 9, 9))
    with pytest.raises(MisfitError, match=r"documents/0 up to offset 5, but that ends at 3"):
        world.look(("documents", 0, committed, 3), ("documents", 1, 9, 9))
