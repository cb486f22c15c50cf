from __future__ import annotations

import asyncio

import pytest

from freshet.schemas.errors import DeniedError, MisfitError, OverloadedError, PermanentError, TransientError
from freshet.search.index.base import IndexVersions, VersionInfo
from freshet.search.live import LiveIndex, LiveVersion
from tests.support.waiting import wait_until
from tests.unit.search.http.world import MemoryReader, Versions, WordEmbedder


def index_over(versions: IndexVersions, **readers: MemoryReader) -> LiveIndex:
    def opened(info: VersionInfo) -> LiveVersion:
        return LiveVersion.of(info, readers.get(info.name, MemoryReader()), WordEmbedder())

    return LiveIndex(versions=versions, open_version=opened)


async def test_each_request_gets_the_version_that_is_live_then_and_opens_it_once():
    versions, readers = Versions("one"), {"one": MemoryReader(), "two": MemoryReader()}
    live = index_over(versions, **readers)
    assert [(await live.current()).reader for _ in range(3)] == [readers["one"]] * 3
    assert versions.described == ["one"]
    await versions.make_live("two")
    current = await live.current()
    assert (current.name, current.reader) == ("two", readers["two"])


async def test_who_is_content_with_a_moment_ago_asks_nobody_and_whoever_is_not_does():
    versions, now = Versions("one"), [0.0]
    live = LiveIndex(
        versions=versions,
        open_version=lambda info: LiveVersion.of(info, MemoryReader(), WordEmbedder()),
        clock=lambda: now[0],
    )
    assert (await live.current(within=0.1)).name == "one", "before the first look there is nothing to be content with"
    await versions.make_live("two")
    now[0] = 0.1
    assert (await live.current(within=0.1)).name == "one"
    assert (await live.current()).name == "two"
    assert (await live.current(within=0.1)).name == "two"
    await versions.make_live("one")
    now[0] = 5.0
    assert (await live.current(within=60)).name == "one"


async def test_a_version_that_was_made_anew_under_its_name_is_opened_anew():
    """Nobody can have asked in between, for another one was live then, or none."""

    class Named(Versions):
        incarnation = "1"

        async def describe(self, version: str) -> VersionInfo | None:
            info = await super().describe(version)
            assert info is not None
            return VersionInfo(version, info.dimension, {**info.metadata, "incarnation": self.incarnation})

    versions, now = Named("one"), [0.0]
    live = LiveIndex(
        versions=versions,
        open_version=lambda info: LiveVersion.of(info, MemoryReader(), WordEmbedder()),
        clock=lambda: now[0],
    )
    first = await live.current()
    now[0] = 5.0
    assert await live.current() is first
    versions.incarnation, now[0] = "2", 10.0
    assert (await live.current()).incarnation == "2"


async def test_without_a_live_version_it_says_so_until_there_is_one():
    versions = Versions(None)
    live = index_over(versions)
    with pytest.raises(TransientError, match="no index version is live"):
        await live.current()
    await versions.make_live("one")
    assert (await live.current()).name == "one"


async def test_a_version_that_cannot_be_served_is_refused_each_time_and_seen_all_the_same():
    def refuse(info: VersionInfo) -> LiveVersion:
        if info.name == "two":
            raise MisfitError(f"{info.name} was built for another model")
        return LiveVersion.of(info, MemoryReader(), WordEmbedder())

    versions = Versions("one")
    live = LiveIndex(versions=versions, open_version=refuse)
    await live.current()
    await versions.make_live("two")
    for _ in range(2):
        with pytest.raises(MisfitError, match="another model"):
            await live.current()
    assert live.seen is not None
    assert live.seen.name == "two"
    await versions.make_live("one")
    assert (await live.current()).name == live.seen.name == "one"


class Dropping(Versions):
    """Each version is dropped, and another made live, before it can be described."""

    def __init__(self, *names: str) -> None:
        super().__init__(names[0])
        self.succession = list(names)

    async def describe(self, version: str) -> VersionInfo | None:
        info = await super().describe(version)
        if len(self.succession) == 1:
            return info
        self.name = self.succession[1]
        del self.succession[0]
        return None


async def test_a_version_that_is_dropped_before_it_is_opened_gives_way_to_the_next():
    assert (await index_over(Dropping("one", "two")).current()).name == "two"


async def test_versions_that_go_away_again_and_again_are_worth_another_try():
    with pytest.raises(TransientError, match="the version two went away"):
        await index_over(Dropping("one", "two", "three")).current()


@pytest.mark.parametrize("kind", [DeniedError, PermanentError, TransientError])
async def test_work_on_a_version_that_was_dropped_after_a_switch_is_done_on_the_next(kind):
    versions = Versions("one")

    async def work(live: LiveVersion) -> str:
        if live.name == "one":
            await versions.make_live("two")
            raise kind("search", "there is no such collection")
        return live.name

    assert await index_over(versions).use(work) == "two"


async def test_what_fails_on_the_live_version_is_told_as_it_is():
    calls: list[str] = []

    async def fail(live: LiveVersion) -> None:
        calls.append(live.name)
        raise TransientError("search", "refused")

    with pytest.raises(TransientError, match="refused"):
        await index_over(Versions("one")).use(fail)
    assert calls == ["one"]


async def test_what_failed_first_is_told_where_nothing_is_live_any_more():
    versions = Versions("one")

    async def fail(_: LiveVersion) -> None:
        versions.name = None
        raise DeniedError("search", "there is no such collection")

    with pytest.raises(DeniedError, match="no such collection"):
        await index_over(versions).use(fail)


async def test_who_is_asked_for_patience_is_not_asked_more_for_that():
    versions = Slow()
    versions.gate.set()

    async def overloaded(_: LiveVersion) -> None:
        raise OverloadedError("embed", "too much", retry_after=1)

    with pytest.raises(OverloadedError):
        await index_over(versions).use(overloaded)
    assert versions.asked == 1


class Slow(Versions):
    """Answers when it is let; `asked` counts how often it was."""

    def __init__(self) -> None:
        super().__init__("one")
        self.asked = 0
        self.gate = asyncio.Event()

    async def live(self) -> str | None:
        self.asked += 1
        name = self.name
        await self.gate.wait()
        return name


async def test_requests_that_come_together_share_a_question_that_was_put_after_they_came():
    versions = Slow()
    live = index_over(versions)
    first = asyncio.create_task(live.current())
    await wait_until(lambda: versions.asked == 1, "the first has asked")
    await versions.make_live("two")  # the first question has had its answer, which is on its way
    others = [asyncio.create_task(live.current()) for _ in range(20)]
    await asyncio.sleep(0)
    versions.gate.set()
    assert (await first).name == "one"
    assert {(await each).name for each in others} == {"two"}
    assert versions.asked == 2


async def test_a_request_that_is_given_up_takes_nobodys_answer_with_it():
    versions = Slow()
    live = index_over(versions)
    leaving, staying = (asyncio.create_task(live.current()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    versions.gate.set()
    assert (await staying).name == "one"
