import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import DeniedError, PermanentError, TransientError
from freshet.schemas.topics import Topics
from freshet.streams.lag import Followed, LagWatcher, Position, lag, lag_of_both, waiting
from tests.support.waiting import wait_until

NOW = 1_000.0


class Log:
    """A log whose record at offset n was written at n seconds."""

    def __init__(self, *positions: Position) -> None:
        self.now = list(positions)
        self.asked: list[dict[int, int]] = []

    async def positions(self, topic: str, group: str) -> list[Position]:  # noqa: ARG002
        return self.now

    async def times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, float]:  # noqa: ARG002
        self.asked.append(dict(offsets))
        return {partition: float(offset) for partition, offset in offsets.items()}


async def measured(*positions: Position) -> list[tuple[int, float]]:
    found = await lag(Log(*positions), topic="documents", group="g", clock=lambda: NOW)
    return [(each.events, each.seconds) for each in found]


async def test_lag_counts_from_the_committed_offset_and_the_age_of_its_record():
    assert await measured(Position(0, begin=0, end=100, committed=90)) == [(10, NOW - 90)]


async def test_what_waits_is_as_old_as_its_oldest_record_in_any_of_the_topics():
    class Both(Log):
        async def positions(self, topic: str, group: str) -> list[Position]:  # noqa: ARG002
            return self.now if topic == "documents" else [Position(0, 0, 50, 40), Position(1, 0, 0, None)]

    log = Both(Position(0, 0, 100, 90), Position(1, 0, 100, 100))
    found = await waiting(log, topics=["documents", "documents.again"], group="g", clock=lambda: NOW)
    assert found == {0: NOW - 40}


async def test_a_group_that_never_committed_has_everything_before_it():
    assert await measured(Position(0, begin=40, end=100, committed=None)) == [(60, NOW - 40)]


async def test_who_is_caught_up_has_no_lag():
    assert await measured(Position(0, 0, 100, 100), Position(1, 0, 0, None)) == [(0, 0.0), (0, 0.0)]


async def test_records_that_retention_removed_are_no_lag():
    assert await measured(Position(0, begin=95, end=100, committed=10)) == [(5, NOW - 95)]


async def test_a_committed_offset_beyond_the_end_is_no_lag():
    assert await measured(Position(0, begin=0, end=5, committed=100)) == [(0, 0.0)]


async def test_each_partition_is_measured_and_only_those_behind_are_read():
    log = Log(Position(0, 0, 10, 10), Position(1, 0, 10, 4))
    found = await lag(log, topic="documents", group="g", clock=lambda: NOW)

    assert [(each.partition, each.events, each.committed, each.end) for each in found] == [
        (0, 0, 10, 10),
        (1, 6, 4, 10),
    ]
    assert log.asked == [{1: 4}]


async def test_offsets_without_records_behind_them_are_no_lag():
    class Compacted(Log):
        async def times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, float]:  # noqa: ARG002
            return {}

    found = await lag(Compacted(Position(0, 0, 10, 9)), topic="documents", group="g")

    assert [(each.events, each.seconds) for each in found] == [(0, 0.0)]


async def test_a_record_from_the_future_has_no_negative_age():
    found = await lag(Log(Position(0, 0, 2000, 1500)), topic="documents", group="g", clock=lambda: NOW)

    assert found[0].seconds == 0.0


class TwoTopics(Log):
    """Another log for `documents.again`, where there is one."""

    def __init__(self, documents: Position, again: Position | None) -> None:
        super().__init__(documents)
        self.again = again

    async def positions(self, topic: str, group: str) -> list[Position]:
        if topic == "documents":
            return await super().positions(topic, group)
        if self.again is None:
            raise PermanentError("describe topics", f"there is no topic {topic}")
        return [self.again]


async def test_what_must_be_processed_again_is_lag_of_its_own_topic():
    log = TwoTopics(Position(0, 0, 100, 90), Position(0, 0, 5, 3))
    found = await lag_of_both(log, topics=Topics("documents"), group="g", clock=lambda: NOW)
    assert [(each.topic, each.events) for each in found] == [("documents", 10), ("documents.again", 2)]


async def test_an_again_topic_that_nobody_has_made_yet_is_left_out():
    found = await lag_of_both(TwoTopics(Position(0, 0, 9, 9), None), topics=Topics("documents"), group="g")
    assert [each.topic for each in found] == ["documents"]


async def test_an_again_topic_that_may_not_be_read_is_told():
    class Closed(TwoTopics):
        async def times(self, topic: str, offsets: Mapping[int, int]) -> dict[int, float]:
            if topic == "documents.again" and offsets:
                raise DeniedError("read the oldest events", "not allowed")
            return await super().times(topic, offsets)

    with pytest.raises(DeniedError):
        await lag_of_both(Closed(Position(0, 0, 9, 9), Position(0, 0, 5, 3)), topics=Topics("documents"), group="g")


class Weather:
    """Kafka that comes and goes."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.away = False
        self.refused = 0

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Log]:
        if self.away:
            self.refused += 1
            raise TransientError("connect to Kafka", "no broker answers")
        yield self.log


def watching(weather: Weather, registry: CollectorRegistry) -> contextlib.AbstractAsyncContextManager[None]:
    followed = Followed(Topics("documents"), "g")
    return running(LagWatcher(weather.connect, followed=followed.always, registry=registry, every=0.01))


@contextlib.asynccontextmanager
async def running(watcher: LagWatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(watcher.run())
    yield
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_gauges_follow_the_lag():
    registry = CollectorRegistry()
    log = Log(Position(3, 0, 100, 90))
    labels = {"topic": "documents", "partition": "3", "group": "g"}
    async with watching(Weather(log), registry):
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_events", labels) == 10)
        assert (registry.get_sample_value("freshet_consumer_lag_seconds", labels) or 0) > 1_000_000
        again = labels | {"topic": "documents.again"}
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_events", again) == 10)
        log.now = [Position(3, 0, 100, 100)]
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_events", labels) == 0)
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_seconds", labels) == 0)


async def test_when_another_group_is_followed_the_figures_of_the_one_before_are_gone():
    registry = CollectorRegistry()
    of = {name: {"topic": "documents", "partition": "3", "group": name} for name in ("before", "after")}
    followed = Followed(Topics("documents"), "before")

    async def now() -> Followed:
        return followed

    def events(group: str) -> float | None:
        return registry.get_sample_value("freshet_consumer_lag_events", of[group])

    weather = Weather(Log(Position(3, 0, 100, 90)))
    async with running(LagWatcher(weather.connect, followed=now, registry=registry, every=0.01)):
        await wait_until(lambda: events("before") == 10)
        followed = Followed(Topics("documents"), "after")
        await wait_until(lambda: (events("before"), events("after")) == (None, 10))


async def test_while_kafka_is_away_there_are_no_figures_and_then_there_are_again(caplog: pytest.LogCaptureFixture):
    registry = CollectorRegistry()
    labels = {"topic": "documents", "partition": "0", "group": "g"}

    class Failing(Log):
        async def positions(self, topic: str, group: str) -> list[Position]:
            if weather.away:
                raise TransientError("read committed offsets", "no broker answers")
            return await super().positions(topic, group)

    weather = Weather(Failing(Position(0, 0, 7, 0)))
    async with watching(weather, registry):
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_events", labels) == 7)
        weather.away = True
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_events", labels) is None)
        await wait_until(lambda: weather.refused > 3)
        weather.away = False
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_events", labels) == 7)

    assert [record.getMessage() for record in caplog.records] == [
        "the consumer lag cannot be measured: read committed offsets: no broker answers",
        "the consumer lag can be measured again",
    ]


async def test_what_nobody_foresaw_ends_no_gauges_for_good(caplog: pytest.LogCaptureFixture):
    registry = CollectorRegistry()
    labels = {"topic": "documents", "partition": "0", "group": "g"}

    class Odd(Log):
        failed = 0

        async def positions(self, topic: str, group: str) -> list[Position]:
            if self.failed < 3:
                self.failed += 1
                raise ValueError("odd")
            return await super().positions(topic, group)

    async with watching(Weather(Odd(Position(0, 0, 7, 0))), registry):
        await wait_until(lambda: registry.get_sample_value("freshet_consumer_lag_events", labels) == 7)
    assert [record.getMessage() for record in caplog.records] == [
        "the consumer lag cannot be measured: odd",
        "the consumer lag can be measured again",
    ]
