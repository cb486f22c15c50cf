from __future__ import annotations

import pytest

from freshet.schemas.errors import SettingsError, TransientError
from freshet.search.index.base import VersionInfo
from freshet.search.live import LiveIndex
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
        raise SettingsError(f"{info.name} was built for another model")

    live = LiveIndex(versions=Versions("one"), open_reader=refuse)
    for _ in range(2):
        with pytest.raises(SettingsError, match="another model"):
            await live.current()


async def test_a_version_that_goes_away_between_two_calls_is_worth_another_try():
    class Vanishing(Versions):
        async def describe(self, version: str) -> VersionInfo | None:
            self.described.append(version)
            return None

    with pytest.raises(TransientError):
        await LiveIndex(versions=Vanishing("one"), open_reader=lambda _: MemoryReader()).current()
