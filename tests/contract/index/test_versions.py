"""What the index ports promise of versions and of the switch between them."""

import asyncio
import uuid

import pytest

from freshet.schemas.errors import PermanentError
from freshet.search.index.base import VersionInfo
from tests.contract.index.making import DIMENSION, LONG_AGO, passage, unit
from tests.contract.index.under_test import Index


def another(index: Index, **metadata: object) -> VersionInfo:
    return VersionInfo(index.new_name(), DIMENSION, metadata)


async def test_a_version_that_was_never_made_is_not_described(index: Index):
    assert await index.versions.describe(f"never-{uuid.uuid4()}") is None


async def test_a_version_is_described_as_it_was_made(index: Index):
    info = another(index, fingerprint="0a1b", topic={"id": "Xy", "partitions": 12}, none=None)
    await index.versions.create(info)
    described = await index.versions.describe(info.name)
    assert described is not None
    assert (described.name, described.dimension) == (info.name, DIMENSION)
    assert {name: described.metadata.get(name) for name in info.metadata} == dict(info.metadata)


async def test_making_a_version_again_keeps_what_it_holds(index: Index):
    await index.writer.add([passage("kept")], at_most=LONG_AGO)
    before = await index.versions.describe(index.name)
    await index.versions.create(VersionInfo(index.name, DIMENSION, {"fingerprint": "another"}))
    assert await index.versions.describe(index.name) == before
    assert [hit.text for hit in await index.nearest(unit(1), limit=9)] == ["kept"]


async def test_more_can_be_recorded_with_a_version(index: Index):
    info = another(index, fingerprint="0a1b", topic="documents")
    await index.versions.create(info)
    for _ in range(2):
        await index.versions.record(info.name, {"topic_id": "Xy"})
    described = await index.versions.describe(info.name)
    assert described is not None
    assert described.metadata == {"fingerprint": "0a1b", "topic": "documents", "topic_id": "Xy"}


async def test_processes_that_start_together_may_all_make_the_version(index: Index):
    info = another(index, fingerprint="0a1b")
    await asyncio.gather(*(index.versions.create(info) for _ in range(5)))
    described = await index.versions.describe(info.name)
    assert described is not None
    assert described.metadata["fingerprint"] == "0a1b"


def version_of(index: str, number: int, suffix: str = "") -> VersionInfo:
    return VersionInfo(f"{index}__{number:016x}{suffix}", DIMENSION, {})


async def test_the_versions_of_an_index_are_known_and_those_of_others_are_not_its_own(index: Index):
    own = [version_of(index.alias, 1), version_of(index.alias, 1, "-2"), version_of(index.alias, 2)]
    foreign = [version_of(f"{index.alias}__x", 1), VersionInfo(f"{index.alias}__notes", DIMENSION, {})]
    for info in (*reversed(own), *foreign):
        await index.versions.create(info)
    try:
        assert await index.versions.names() == [info.name for info in own]
    finally:
        for info in (*own, *foreign):
            await index.versions.drop(info.name)
    assert await index.versions.names() == []


async def test_a_version_is_dropped_whole_and_once_and_never_the_live_one(index: Index):
    second = another(index)
    await index.versions.create(second)
    await index.writer_of(second.name).add([passage("in the second")], at_most=LONG_AGO)
    await index.versions.make_live(second.name)
    with pytest.raises(PermanentError, match="is live"):
        await index.versions.drop(second.name)
    await index.versions.make_live(index.name)
    for _ in range(2):
        await index.versions.drop(second.name)
        assert await index.versions.describe(second.name) is None
    assert await index.versions.live() == index.name


async def test_no_version_is_live_before_one_is_made_so(index: Index):
    assert await index.versions.live() is None


async def test_the_live_version_is_the_one_made_so_last(index: Index):
    second = another(index)
    await index.versions.create(second)
    for name in (index.name, second.name, second.name, index.name):
        await index.versions.make_live(name)
        assert await index.versions.live() == name


async def test_a_search_through_the_alias_sees_the_live_version_only(index: Index):
    second = another(index)
    await index.versions.create(second)
    await index.writer.add([passage("in the first")], at_most=LONG_AGO)
    await index.writer_of(second.name).add([passage("in the second")], at_most=LONG_AGO)
    through = index.reader_of(index.alias)
    for name, text in ((index.name, "in the first"), (second.name, "in the second")):
        await index.versions.make_live(name)
        assert [hit.text for hit in (await through.nearest([unit(1)], limit=9))[0]] == [text]


async def test_another_index_is_not_switched_along(index: Index):
    await index.versions.make_live(index.name)
    assert await index.versions_of(f"{index.alias}-other").live() is None


async def test_searches_never_miss_the_index_while_it_is_switched(index: Index):
    second = another(index)
    await index.versions.create(second)
    for writer in (index.writer, index.writer_of(second.name)):
        await writer.add([passage("the same")], at_most=LONG_AGO)
    await index.versions.make_live(index.name)
    switching = True

    async def switch() -> None:
        nonlocal switching
        for n in range(40):
            await index.versions.make_live((second.name, index.name)[n % 2])
        switching = False

    async def search() -> int:
        searches = 0
        while switching:
            assert len((await index.reader_of(index.alias).nearest([unit(1)], limit=9))[0]) == 1
            searches += 1
            await asyncio.sleep(0)
        return searches

    _, *searches = await asyncio.gather(switch(), search(), search())
    assert index.in_process or min(searches) > 0
