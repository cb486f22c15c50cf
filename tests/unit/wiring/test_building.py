"""What a build is told to do, and when it counts as built."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from freshet.schemas.errors import PermanentError
from freshet.schemas.topics import Topics
from freshet.search.index.base import VersionInfo
from freshet.streams.lag import Position
from freshet.streams.pace import Orders
from freshet.wiring import building
from freshet.wiring.building import Build
from freshet.wiring.followed import FollowedVersion

GROUPS = {"own": "freshet.docs.1111111111111111", "live": "freshet.docs.0000000000000000"}
NAMES = {which: f"docs__{group[-16:]}" for which, group in GROUPS.items()}


class World:
    """A version that is built by two processes, of which this one has one partition of four."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.facts: dict[str, Any] = {"partitions": 4, "began_at": "2026-11-20T12:00:00+00:00"}
        self.live_topic = "documents"
        self.live, self.is_followed, self.now = NAMES["live"], True, 0.0
        self.end = 100
        self.done = {"own": 0, "live": 100}
        self.recorded: list[dict[str, Any]] = []
        self.worker = SimpleNamespace(partitions=frozenset({0}), held=None)
        own = VersionInfo(NAMES["own"], 8, self.facts)
        self.followed = FollowedVersion(self, own, self.live)  # type: ignore[arg-type]
        parts = SimpleNamespace(wanted=SimpleNamespace(group=GROUPS["own"]), connection=None)
        process: Any = SimpleNamespace(
            worker=self.worker, followed=self.followed, parts=parts, spent=SimpleNamespace(given=7)
        )
        itself: Any = self
        self.build = Build(
            index="docs",
            topics=Topics(),
            process=process,
            versions=itself,
            reader=itself,
            yield_seconds=5,
            since=datetime(2026, 11, 20, 11, tzinfo=UTC),
            clock=lambda: self.now,
        )
        monkeypatch.setattr(building, "has_members", self._has_members)

    async def describe(self, name: str) -> VersionInfo:
        topic = "documents" if name == NAMES["own"] else self.live_topic
        return VersionInfo(name, 8, {**self.facts, "topic": topic})

    async def record(self, version: str, facts: dict[str, Any]) -> None:
        assert version == NAMES["own"]
        self.recorded.append(facts)
        self.facts |= facts

    async def count(self) -> int:
        return 42

    async def positions(self, topic: str, group: str) -> list[Position]:
        if topic == "gone":
            raise PermanentError("read offsets", "there is no such topic")
        which = "own" if group == GROUPS["own"] else "live"
        if topic != ("documents" if which == "own" else self.live_topic):
            return []
        done = self.done[which]
        return [Position(0, 0, self.end, done)]

    async def times(self, _topic: str, offsets: dict[int, int]) -> dict[int, float]:
        return dict.fromkeys(offsets, 0.0)

    async def _has_members(self, _connection: object, group: str) -> bool:
        assert group == GROUPS["live"]
        return self.is_followed

    async def look(self, seconds: float = 2.0) -> Orders:
        """Let so much time pass, and look."""
        self.now += seconds
        self.followed.info, self.followed.live = await self.describe(NAMES["own"]), self.live
        await self.build._look(self)  # type: ignore[arg-type]
        return self.build.orders()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(monkeypatch)
    monkeypatch.setattr(FollowedVersion, "look", _nothing)
    return made


async def _nothing(_self: FollowedVersion) -> None:
    return


async def test_before_the_first_look_it_waits(world: World) -> None:
    assert world.build.orders() == Orders(rest="starting")
    assert world.build.seen is None


async def test_a_process_takes_the_share_of_its_partitions_of_the_limit(world: World) -> None:
    assert await world.look() == Orders()
    world.facts["limit"] = 200.0
    assert await world.look() == Orders(rate=50.0)
    world.worker.partitions = frozenset()
    assert world.build.orders() == Orders(rate=0.0)


async def test_it_rests_while_it_is_paused(world: World) -> None:
    world.facts["paused"] = True
    assert await world.look() == Orders(rest="paused")
    world.facts["paused"] = False
    assert await world.look() == Orders()


async def test_it_rests_while_workers_of_the_live_version_have_not_done_what_came_some_seconds_ago(
    world: World,
) -> None:
    world.done["live"] = 90
    assert await world.look() == Orders()  # that may have come just now
    assert await world.look(5) == Orders(rest="the live version is behind")
    assert world.build.seen is not None
    assert world.build.seen.held == "the live version is behind"
    world.done["live"] = 100
    assert await world.look() == Orders()


async def test_a_live_version_of_another_topic_is_waited_for_as_far_as_it_is_behind_that(world: World) -> None:
    world.live_topic, world.done["live"] = "documents-before", 90
    await world.look()
    assert await world.look(5) == Orders(rest="the live version is behind")
    world.done["live"] = 100
    assert await world.look() == Orders()


async def test_nobody_waits_for_a_live_version_whose_topic_is_gone(world: World) -> None:
    world.live_topic, world.done["live"] = "gone", 0
    await world.look()
    assert await world.look(5) == Orders()


async def test_it_does_not_wait_for_a_live_version_that_nobody_works_on(world: World) -> None:
    world.is_followed, world.done["live"] = False, 90
    await world.look()
    assert await world.look(5) == Orders()


async def test_once_it_is_live_nothing_holds_it_back(world: World) -> None:
    world.facts |= {"paused": True, "limit": 1.0}
    world.live = NAMES["own"]
    assert await world.look() == Orders()
    assert world.build.seen is not None
    assert (world.build.seen.is_live, world.build.seen.held) == (True, None)


async def test_it_is_built_once_it_has_done_what_was_there_a_moment_ago_and_that_is_recorded_once(world: World) -> None:
    world.done["own"] = 99
    await world.look()
    assert not world.build.caught_up.is_set()
    world.done["own"], world.end = 100, 130
    await world.look()
    assert world.build.caught_up.is_set()
    [facts] = world.recorded
    assert facts["build"].items() >= {"documents": 42, "events": 100, "tokens": None}.items()
    world.done["own"] = 130
    await world.look()
    assert len(world.recorded) == 1
    assert world.build.seen is not None
    assert (world.build.seen.is_built, world.build.seen.counted.left) == (True, 0)
    assert world.build.seen.has_caught_up


async def test_what_a_build_embedded_is_recorded_where_one_process_did_all_of_it(world: World) -> None:
    world.done["own"], world.worker.partitions = 100, frozenset(range(4))
    await world.look()
    [facts] = world.recorded
    assert facts["build"]["tokens"] == 7
