"""Switching between versions, interrupted or doubled, always leaves one live that was meant, and the way back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.errors import TransientError
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import BUILT_AT, BUILT_TO, DROPPED, PREVIOUS, State, state_of
from freshet.search.index.switching import NoSuchVersionError, forget_way_back, go_back, switch
from tests.support.memory_versions import MemoryVersions

OLD, NEW = "documents__old", "documents__new"


@pytest.fixture
def versions() -> MemoryVersions:
    return MemoryVersions(OLD, NEW, live=OLD)


def states(versions: MemoryVersions) -> dict[str, State]:
    live = versions.infos.get(versions.alias or "")
    return {name: state_of(info, live) for name, info in versions.infos.items()}


async def test_what_was_live_is_the_way_back(versions: MemoryVersions):
    assert await switch(versions, NEW) == OLD
    assert states(versions) == {OLD: State.PREVIOUS, NEW: State.LIVE}
    assert await go_back(versions) == (NEW, OLD)
    assert versions.alias == OLD


async def test_what_was_left_is_ready_and_can_be_put_live_again(versions: MemoryVersions):
    await versions.record(NEW, {BUILT_TO: {"0": 3}, BUILT_AT: "2026-11-20T12:00:00+00:00"})
    await switch(versions, NEW)
    await go_back(versions)
    assert states(versions) == {OLD: State.LIVE, NEW: State.READY}
    await switch(versions, NEW)
    assert states(versions) == {OLD: State.PREVIOUS, NEW: State.LIVE}


async def test_the_first_version_counts_as_built_once_another_one_is_live(versions: MemoryVersions):
    """Or it could never be promoted again after a third one."""
    await switch(versions, NEW)
    await versions.record(NEW, {PREVIOUS: None})
    assert states(versions)[OLD] is State.READY


async def test_what_was_forced_before_it_was_built_is_not_taken_for_built(versions: MemoryVersions):
    await versions.record(NEW, {BUILT_TO: {"0": 3}})
    await switch(versions, NEW)
    await go_back(versions)
    assert states(versions)[NEW] is State.BUILDING


async def test_the_live_one_is_left_alone(versions: MemoryVersions):
    assert await switch(versions, OLD) == OLD
    assert PREVIOUS not in versions.facts(OLD)


async def test_where_nothing_is_live_there_is_no_way_back():
    versions = MemoryVersions(NEW)
    with pytest.raises(NoSuchVersionError, match="nothing is live"):
        await go_back(versions)
    assert await switch(versions, NEW) is None
    with pytest.raises(NoSuchVersionError, match="no version was live before"):
        await go_back(versions)


async def test_nobody_goes_back_to_a_version_that_was_dropped_and_is_being_built_anew(versions: MemoryVersions):
    await switch(versions, NEW)
    await versions.drop(OLD)
    await versions.create(VersionInfo(OLD, 8, {BUILT_TO: {"0": 3}}))
    with pytest.raises(NoSuchVersionError, match="is being built anew"):
        await go_back(versions)
    assert versions.alias == NEW


async def test_a_version_that_goes_is_nobodys_way_back_any_more(versions: MemoryVersions):
    await switch(versions, NEW)
    for _ in range(2):
        await forget_way_back(versions, OLD)
    assert states(versions) == {OLD: State.READY, NEW: State.LIVE}


async def test_nobody_goes_back_to_what_is_gone_or_going(versions: MemoryVersions):
    await switch(versions, NEW)
    await versions.record(OLD, {DROPPED: True})
    with pytest.raises(NoSuchVersionError, match="is being dropped"):
        await go_back(versions)
    await versions.drop(OLD)
    with pytest.raises(NoSuchVersionError, match="was dropped"):
        await go_back(versions)
    assert versions.alias == NEW


async def test_what_is_being_dropped_is_not_put_live(versions: MemoryVersions):
    await versions.record(NEW, {DROPPED: True})
    with pytest.raises(NoSuchVersionError, match="is being dropped"):
        await switch(versions, NEW)
    assert versions.alias == OLD


@pytest.mark.parametrize(("live", "command"), [(OLD, "freshet replay run"), (None, "freshet worker")])
async def test_who_wants_a_version_that_is_not_there_is_told_what_makes_it(live: str | None, command: str):
    with pytest.raises(NoSuchVersionError, match=f"is not there; .*make it with: {command}"):
        await switch(MemoryVersions(OLD, live=live), NEW)


@given(st.integers(0, 3), st.integers(0, 3))
def test_whoever_is_interrupted_does_it_again(first: int, second: int):
    async def run() -> None:
        versions = MemoryVersions(OLD, NEW, live=OLD)
        for fail_at, move in ((first, lambda: switch(versions, NEW)), (second, lambda: go_back(versions))):
            versions.fail_at = fail_at
            before = versions.alias
            try:
                await move()
            except TransientError:
                assert versions.alias == before, "an interrupted switch has switched nothing"
                await move()
        assert versions.alias == OLD

    asyncio.run(run())


async def test_two_at_once_do_no_harm(versions: MemoryVersions):
    await asyncio.gather(*(switch(versions, NEW) for _ in range(5)))
    assert states(versions) == {OLD: State.PREVIOUS, NEW: State.LIVE}
