from __future__ import annotations

import asyncio

import pytest

from freshet.schemas.errors import MisfitError, TransientError
from freshet.search.index.base import VersionInfo
from freshet.search.live import LiveIndex
from tests.support.waiting import wait_until
from tests.unit.search.http.world import MemoryReader, Versions


async def test_each_request_gets_the_version_that_is_live_then_and_opens_it_once():
    versions, readers = Versions("one"), {"one": MemoryReader(), "two": MemoryReader()}
    live = LiveIndex(versions=versions, open_reader=lambda info: readers[info.name])
    assert [(await live.current()).reader for _ in range(3)] == [readers["one"]] * 3
    assert versions.described == ["one"]
    await versions.make_live("two")
    current = await live.current()
    assert (current.name, current.reader) == ("two", readers["two"])


async def test_without_a_live_version_it_says_so_until_there_is_one():
    versions = Versions(None)
    live = LiveIndex(versions=versions, open_reader=lambda _: MemoryReader())
    with pytest.raises(TransientError, match="no index version is live"):
        await live.current()
    await versions.make_live("one")
    assert (await live.current()).name == "one"


async def test_a_version_that_cannot_be_served_is_refused_each_time():
    def refuse(info: VersionInfo) -> MemoryReader:
        raise MisfitError(f"{info.name} was built for another model")

    live = LiveIndex(versions=Versions("one"), open_reader=refuse)
    for _ in range(2):
        with pytest.raises(MisfitError, match="another model"):
            await live.current()


async def test_a_version_that_goes_away_between_two_calls_is_worth_another_try():
    class Vanishing(Versions):
        async def describe(self, version: str) -> VersionInfo | None:
            self.described.append(version)
            return None

    with pytest.raises(TransientError):
        await LiveIndex(versions=Vanishing("one"), open_reader=lambda _: MemoryReader()).current()


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
    live = LiveIndex(versions=versions, open_reader=lambda _: MemoryReader())
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
    live = LiveIndex(versions=versions, open_reader=lambda _: MemoryReader())
    leaving, staying = (asyncio.create_task(live.current()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    versions.gate.set()
    assert (await staying).name == "one"
