"""What a worker does with the index when it starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from freshet.schemas.errors import MisfitError, PermanentError
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.schemas.topics import Source
from freshet.search.embedding.base import Model
from freshet.search.index.facts import again_built_to, built_to, incarnation
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.conditions import INDEXES
from freshet.search.index.qdrant.filters import declared_indexes
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.passages import Recipe
from freshet.wiring.starting import prepare_index
from tests.contract.index.making import DIMENSION, record
from tests.contract.index.under_test import Index
from tests.support.filtering import FIELDS

SOURCE = Source("documents", 3, "an-id")
ADDED_LATER = {"searchable_at", "deleted"}
ALL = {*INDEXES, *declared_indexes(FIELDS)}


@pytest.fixture
async def index(qdrant) -> AsyncIterator[Index]:
    client = connect(qdrant.url, api_key=qdrant.api_key)
    under_test = Index(client, in_process=False)
    try:
        yield under_test
        await client.delete_collection(identity(under_test).version)
    finally:
        await client.close()


def identity(index: Index) -> Identity:
    return Identity(index.alias, Model("test", "words", DIMENSION, 64), Recipe(64))


async def prepare(index: Index, wanted: Identity | None = None) -> None:
    await prepare_index(index.versions, wanted or identity(index), SOURCE)


async def payload_indexes(index: Index) -> set[str]:
    return set((await index.client.get_collection(identity(index).version)).payload_schema)


async def make_as_an_earlier_release_did(index: Index, *, live: bool) -> None:
    """The version without the payload indexes that searches came to need later."""
    name = identity(index).version
    await index.versions.create(identity(index).info(topic="documents", partitions=3))
    for field in ADDED_LATER:
        await index.client.delete_payload_index(name, field)
    if live:
        await index.versions.make_live(name)


async def test_the_first_worker_makes_the_version_with_its_payload_indexes_and_puts_it_live(index: Index):
    await prepare(index)
    assert await index.versions.live() == identity(index).version
    assert await payload_indexes(index) == ALL


@pytest.mark.parametrize("live", [True, False], ids=["live", "not yet live"])
async def test_a_version_that_an_earlier_release_made_can_tell_how_fresh_it_is_once_a_worker_has_started(index, live):
    await make_as_an_earlier_release_did(index, live=live)
    name, written = identity(index).version, record("a", 1)
    await index.writer_of(name).commit([written], partition=0, read=[])
    with pytest.raises(PermanentError, match="searchable_at"):
        await index.reader_of(name).newest()
    for _ in range(2):
        await prepare(index)
        assert await payload_indexes(index) == ALL
        assert await index.reader_of(name).newest() == written
    assert await index.versions.live() == name


async def recorded(index: Index) -> object:
    info = await index.versions.describe(identity(index).version)
    assert info is not None
    return info.metadata.get("topic_id")


async def test_a_version_is_made_with_the_id_of_its_topic(index: Index):
    await prepare(index)
    assert await recorded(index) == "an-id"
    with pytest.raises(MisfitError, match="deleted and created again"):
        await prepare_index(index.versions, identity(index), replace(SOURCE, id="another"))
    assert await recorded(index) == "an-id"


async def test_a_version_that_an_earlier_release_made_takes_the_id_of_its_topic_on(index: Index):
    await make_as_an_earlier_release_did(index, live=True)
    await prepare_index(index.versions, identity(index), replace(SOURCE, id=None))
    assert await recorded(index) is None
    await prepare(index)
    assert await recorded(index) == "an-id"


async def test_a_version_of_another_model_is_left_as_it_is(index: Index):
    await make_as_an_earlier_release_did(index, live=True)
    before = await payload_indexes(index)
    assert not before & ADDED_LATER
    with pytest.raises(MisfitError, match="was built for words"):
        await prepare(index, replace(identity(index), model=Model("test", "letters", DIMENSION, 64)))
    assert await payload_indexes(index) == before


async def prepare_with(index: Index, fields: dict[str, Kind]) -> None:
    await prepare_index(QdrantVersions(index.client, index=index.alias, fields=fields), identity(index), SOURCE)


async def test_fields_that_are_declared_since_are_told_until_a_worker_has_started(index: Index):
    name = identity(index).version
    await prepare_with(index, {"lang": Kind.KEYWORD, "size": Kind.INTEGER})
    fields = {"price": Kind.FLOAT, "lang": Kind.TEXT, "size": Kind.INTEGER, "colour": Kind.KEYWORD}
    versions = QdrantVersions(index.client, index=index.alias, fields=fields)
    assert await versions.undeclared(name) == ["price", "lang", "colour"]
    await prepare_with(index, fields)
    assert await versions.undeclared(name) == []


async def test_a_field_that_is_declared_later_is_counted_once_a_worker_has_started(index: Index):
    await prepare(index)
    name, reader = identity(index).version, index.reader_of(identity(index).version)
    metadata = {"metadata": {"colour": "red"}}
    await index.writer_of(name).commit([record("a", 1, **metadata), record("b", 2, **metadata)], partition=0, read=[])
    with pytest.raises(PermanentError, match=r"metadata\.colour.*FRESHET_FIELDS"):
        await reader.facets(["metadata.colour"], limit=9)
    await prepare_with(index, {"colour": Kind.KEYWORD})
    [found] = (await reader.facets(["metadata.colour"], limit=9))["metadata.colour"]
    assert (found.value, found.count) == ("red", 2)
    assert await payload_indexes(index) == {*ALL, "metadata.colour"}


async def test_a_field_that_is_declared_of_another_kind_is_that_once_a_worker_has_started(index: Index):
    name, reader = identity(index).version, index.reader_of(identity(index).version)
    await prepare_with(index, {"size": Kind.KEYWORD})
    records = [record("a", 1, metadata={"size": "4"}), record("b", 2, metadata={"size": 4})]
    await index.writer_of(name).commit(records, partition=0, read=[])
    facets = await reader.facets(["metadata.size"], limit=9)
    assert [found.value for found in facets["metadata.size"]] == ["4"]
    await prepare_with(index, {"size": Kind.INTEGER})
    facets = await reader.facets(["metadata.size"], limit=9)
    assert [found.value for found in facets["metadata.size"]] == [4]
    at_least_four = Filter.model_validate({"must": [{"key": "metadata.size", "range": {"gte": 4}}]})
    assert [found.id for found in await reader.browse(at_least_four, limit=9)] == ["b"]


def beside(index: Index) -> Identity:
    return replace(identity(index), generation=2)


@pytest.fixture
async def second(index: Index) -> AsyncIterator[Identity]:
    yield beside(index)
    await index.client.delete_collection(beside(index).version)


async def test_what_is_built_beside_the_live_version_has_its_facts_from_the_beginning(index: Index, second: Identity):
    await prepare(index)
    first, later = ({"built_to": {"0": end}, "again_built_to": {"0": end - 4}} for end in (7, 9))
    made = await prepare_index(index.versions, second, SOURCE, beside=first)
    again = await prepare_index(index.versions, second, SOURCE, beside=later)
    for each in (made, again):
        assert built_to(each.metadata) == {0: 7}, "who goes on with a build must not forget where it began"
        assert again_built_to(each.metadata) == {0: 3}
    assert await index.versions.live() == identity(index).version


async def test_nothing_is_built_beside_nothing_and_no_version_beside_itself(index: Index):
    with pytest.raises(MisfitError, match="freshet worker"):
        await prepare_index(index.versions, identity(index), SOURCE, beside={})
    await prepare(index)
    with pytest.raises(MisfitError, match="is live already"):
        await prepare_index(index.versions, identity(index), SOURCE, beside={})


async def test_nobody_begins_to_follow_a_version_that_is_being_dropped(index: Index, second: Identity):
    await prepare(index)
    await prepare_index(index.versions, second, SOURCE, beside={})
    await index.versions.record(second.version, {"dropped": True})
    for start in (partial(prepare_index, beside={}), prepare_index):
        with pytest.raises(MisfitError, match="is being dropped"):
            await start(index.versions, second, SOURCE)


async def test_a_version_that_is_dropped_and_made_again_is_another_one(index):
    first, met = [await prepare_index(index.versions, identity(index), SOURCE) for _ in range(2)]
    await index.client.delete_collection(first.name)
    second = await prepare_index(index.versions, identity(index), SOURCE)
    assert incarnation(first.metadata) == incarnation(met.metadata) is not None
    assert incarnation(second.metadata) not in (None, incarnation(first.metadata))


async def test_of_two_who_make_a_version_at_once_both_see_the_same_one(index):
    made = await asyncio.gather(*(prepare_index(index.versions, identity(index), SOURCE) for _ in range(2)))
    assert len({incarnation(each.metadata) for each in made}) == 1


async def test_a_version_of_an_earlier_release_is_not_given_what_tells_it_from_others(index):
    await make_as_an_earlier_release_did(index, live=True)
    assert incarnation((await prepare_index(index.versions, identity(index), SOURCE)).metadata) is None
