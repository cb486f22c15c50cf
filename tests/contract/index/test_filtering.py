"""What the index ports promise of filters, of counts by value, and of listing documents."""

from __future__ import annotations

import itertools
import uuid
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.schemas.fields import COUNTED
from freshet.schemas.filters import Filter
from freshet.schemas.keys import document_key
from freshet.search.index.records import LedgerRecord, Place, ValueCount
from tests.contract.index.making import LONG_AGO, passage, record, unit
from tests.contract.index.under_test import Index
from tests.support.filtering import FIELDS, documents, filters
from tests.support.ledger_reading import LedgerReading

EVERYTHING = 1_000
COUNTED_KEYS = [f"metadata.{path}" for path, kind in FIELDS.items() if kind in COUNTED]
# The local mode of the client knows no declared kinds, and looks for words in one value at a time.
stored = st.lists(st.tuples(documents(tidy=True), st.integers(0, 2), st.booleans()), min_size=1, max_size=8)
several = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
offsets = itertools.count()


def only(*conditions: dict[str, Any]) -> Filter:
    return Filter.model_validate({"must": conditions})


def records(given_: list[tuple[dict[str, Any], int, bool]], tenant: str) -> list[LedgerRecord]:
    """Documents of one tenant, some of the same moment and some deleted."""
    return [
        record(
            document_key(f"{n}", tenant),
            next(offsets),
            id=f"{n}",
            tenant=tenant,
            searchable_at=float(moment),
            metadata=metadata,
            deleted=deleted,
        )
        for n, (metadata, moment, deleted) in enumerate(given_)
    ]


async def put(index: Index, written: list[LedgerRecord]) -> LedgerReading:
    """Records with a passage each; the same as the oracle has them."""
    oracle = LedgerReading(FIELDS)
    oracle.records = {each.key: each for each in written}
    passages = [passage(each.id, key=each.key, tenant=each.tenant, metadata=each.metadata) for each in written]
    await index.writer.add(passages, at_most=LONG_AGO)
    await index.writer.commit(written, partition=0, read=[])
    return oracle


@several
@given(given_=stored, asked=filters())
async def test_a_filter_means_the_same_for_passages_and_records_as_in_plain_words(
    index: Index, given_: list[tuple[dict[str, Any], int, bool]], asked: Filter
):
    tenant = uuid.uuid4().hex
    oracle = await put(index, records(given_, tenant))
    hits = await index.nearest(unit(1), limit=EVERYTHING, filters=asked, tenant=tenant)
    assert {hit.key for hit in hits} == {key for key in oracle.records if oracle.passes(key, asked, tenant)}
    listed = await index.reader.browse(asked, limit=EVERYTHING, tenant=tenant)
    assert listed == await oracle.browse(asked, limit=EVERYTHING, tenant=tenant)
    assert await index.reader.count(asked, tenant=tenant) == len(listed)


@several
@given(given_=stored, asked=st.none() | filters())
async def test_facets_count_documents_by_value(
    index: Index, given_: list[tuple[dict[str, Any], int, bool]], asked: Filter | None
):
    tenant = uuid.uuid4().hex
    oracle = await put(index, records(given_, tenant))
    found = await index.reader.facets(COUNTED_KEYS, limit=EVERYTHING, filters=asked, tenant=tenant)
    assert found == await oracle.facets(COUNTED_KEYS, limit=EVERYTHING, filters=asked, tenant=tenant)


@several
@given(given_=stored, limit=st.integers(1, 4))
async def test_pages_neither_repeat_nor_skip_a_document_of_an_index_at_rest(
    index: Index, given_: list[tuple[dict[str, Any], int, bool]], limit: int
):
    tenant = uuid.uuid4().hex
    oracle = await put(index, records(given_, tenant))
    pages: list[LedgerRecord] = []
    while page := await index.reader.browse(limit=limit, tenant=tenant, after=Place.of(pages[-1]) if pages else None):
        assert len(page) <= limit
        pages += page
    assert pages == await oracle.browse(limit=EVERYTHING, tenant=tenant)
    assert pages[:limit] == await index.reader.browse(limit=limit, tenant=tenant)


async def test_many_documents_of_one_moment_are_listed_page_by_page(index: Index):
    oracle = await put(index, [record(f"doc {n}", n, searchable_at=float(n > 2)) for n in range(100)])
    first = await index.reader.browse(limit=40)
    second = await index.reader.browse(limit=90, after=Place.of(first[-1]))
    assert [*first, *second] == await oracle.browse(limit=EVERYTHING)


async def test_a_page_may_end_at_any_moment(index: Index):
    random = Random(1)
    moments = [1_795_000_000 + random.random() * 1e6 for _ in range(200)]
    for n, moment in enumerate(moments):
        written = [record(f"{n}/{m}", 10 * n + m, tenant=str(n), searchable_at=moment + m) for m in range(3)]
        await index.writer.commit(written, partition=0, read=[])
        pages: list[LedgerRecord] = []
        while page := await index.reader.browse(limit=1, tenant=str(n), after=Place.of(pages[-1]) if pages else None):
            pages += page
        assert [each.key for each in pages] == [f"{n}/2", f"{n}/1", f"{n}/0"], moment


async def test_a_place_is_right_though_its_document_has_moved_on(index: Index):
    await put(index, [record(name, n, searchable_at=1.0) for n, name in enumerate("abc")])
    first, *others = await index.reader.browse(limit=3)
    again = record(first.key, 9, searchable_at=2.0)
    await index.writer.commit([again], partition=0, read=[first.offset])
    assert await index.reader.browse(limit=3, after=Place.of(first)) == others


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_page_is_full_though_a_document_of_it_moves_on_while_it_is_read(
    index: Index, limit: int, monkeypatch: pytest.MonkeyPatch
):
    there = [record(name, n, searchable_at=float(n)) for n, name in enumerate("abcd")]
    await put(index, there)
    scroll, moving, last = index.client.scroll, [there[-limit]], there[-limit].key

    async def scroll_and_move(*args: Any, **options: Any) -> Any:
        found = await scroll(*args, **options)
        while options.get("order_by") and moving:
            moved = moving.pop()
            await index.writer.commit([record(moved.key, 9, searchable_at=9.0)], partition=0, read=[moved.offset])
        return found

    monkeypatch.setattr(index.client, "scroll", scroll_and_move)
    page = await index.reader.browse(limit=limit)
    assert [each.key for each in page] == [last, *(each for each in "dcba" if each != last)][:limit]


async def test_a_filter_of_nothing_is_no_filter(index: Index):
    await put(index, [record("a", 1), record("b", 2), record("gone", 3, deleted=True)])
    for nothing in (None, Filter(), only()):
        assert await index.reader.count(nothing) == 2
        assert len(await index.nearest(unit(1), limit=9, filters=nothing)) == 3
        assert {each.key for each in await index.reader.browse(nothing, limit=9)} == {"a", "b"}


async def test_no_filter_shows_another_tenants_documents(index: Index):
    keys = {tenant: document_key("1", tenant) for tenant in ("a", "b")}
    written = [record(key, n, tenant=tenant, metadata={"lang": tenant}) for n, (tenant, key) in enumerate(keys.items())]
    await put(index, written)
    key = {"key": "metadata.lang"}
    for wide in (
        {"should": [key | {"match": {"any": ["a", "b"]}}, {"is_empty": key}]},
        {"must_not": [{"is_empty": key}]},
        {"min_should": {"conditions": [key | {"values_count": {"gte": 0}}], "min_count": 1}},
    ):
        asked = Filter.model_validate(wide)
        assert [hit.key for hit in await index.nearest(unit(1), limit=9, filters=asked, tenant="a")] == [keys["a"]]
        assert [each.key for each in await index.reader.browse(asked, limit=9, tenant="a")] == [keys["a"]]
        assert await index.reader.count(asked, tenant="a") == 1
        assert await index.reader.facets(["metadata.lang"], limit=9, filters=asked, tenant="a") == {
            "metadata.lang": [ValueCount("a", 1)]
        }


async def test_facets_give_the_most_frequent_values_first_and_no_more_than_asked_for(index: Index):
    langs = ["en", "en", "en", "de", "de", "fr", "fr", "cs"]
    await put(index, [record(f"{n}", n, metadata={"lang": lang, "open": True}) for n, lang in enumerate(langs)])
    found = await index.reader.facets(["metadata.lang", "metadata.open"], limit=3)
    counts = [ValueCount("en", 3), ValueCount("de", 2), ValueCount("fr", 2)]
    assert found == {"metadata.lang": counts, "metadata.open": [ValueCount(value=True, count=8)]}
    assert found["metadata.open"][0].value is True


async def test_a_page_is_filtered_before_it_is_cut(index: Index):
    await put(index, [record(f"{n}", n, searchable_at=float(n), metadata={"price": n / 2}) for n in range(30)])
    dear = only({"key": "metadata.price", "range": {"gte": 10.0}})
    first = await index.reader.browse(dear, limit=6)
    second = await index.reader.browse(dear, limit=6, after=Place.of(first[-1]))
    assert [each.key for each in first + second] == [f"{n}" for n in range(29, 19, -1)]
