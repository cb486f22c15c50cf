"""What the index ports promise of reads."""

import math
from typing import Any

import numpy as np
import pytest

from freshet.schemas.keys import document_key
from freshet.schemas.positions import Rank
from freshet.search.index.records import Work
from tests.contract.index.making import LONG_AGO, passage, record, unit
from tests.contract.index.under_test import Index

NEWEST = Rank(2**62, 2**40)


async def test_nearest_gives_passages_by_descending_cosine_similarity(index: Index):
    angles = {"far": 1.5, "near": 0.1, "middle": 0.7}
    passages = [passage(name, vector=unit(math.cos(a), math.sin(a))) for name, a in angles.items()]
    await index.writer.add(passages, at_most=LONG_AGO)
    hits = await index.nearest(unit(1), limit=10)
    assert [hit.text for hit in hits] == ["near", "middle", "far"]
    assert [hit.score for hit in hits] == pytest.approx([math.cos(angles[hit.text]) for hit in hits], abs=1e-6)


async def test_a_hit_tells_its_document_text_and_rank(index: Index):
    stored = passage("words", key="kb/17", rank=Rank(2**60 + 1, 9))
    await index.writer.add([stored], at_most=stored.rank)
    [hit] = await index.nearest(unit(1), limit=1)
    assert (hit.id, hit.key, hit.text, hit.rank) == (stored.id, "kb/17", "words", Rank(2**60 + 1, 9))


async def test_similarity_does_not_depend_on_the_length_of_a_vector(index: Index):
    await index.writer.add([passage("long", vector=unit(1, 1) * 5)], at_most=LONG_AGO)
    [hit] = await index.nearest(unit(1) * 3, limit=1)
    assert hit.score == pytest.approx(math.sqrt(0.5), abs=1e-6)


async def test_nearest_stops_at_its_limit_and_a_longer_list_begins_with_the_shorter_one(index: Index):
    passages = [passage(f"{n}", vector=unit(1, n / 10)) for n in range(20)]
    await index.writer.add(passages, at_most=LONG_AGO)
    short = await index.nearest(unit(1), limit=5)
    long = await index.nearest(unit(1), limit=50)
    assert (len(short), len(long)) == (5, 20)
    assert [hit.id for hit in long[:5]] == [hit.id for hit in short]


async def test_a_search_of_one_tenant_sees_no_other_and_a_search_of_none_sees_all(index: Index):
    passages = [
        passage("of a", key=document_key("1", "a"), tenant="a"),
        passage("of b", key=document_key("1", "b"), tenant="b"),
        passage("of nobody", key="1"),
    ]
    await index.writer.add(passages, at_most=LONG_AGO)
    assert [hit.text for hit in await index.nearest(unit(1), limit=9, tenant="a")] == ["of a"]
    assert await index.nearest(unit(1), limit=9, tenant="c") == []
    assert {hit.text for hit in await index.nearest(unit(1), limit=9)} == {"of a", "of b", "of nobody"}


async def test_ledger_records_are_never_hits_and_unlisted_passages_are(index: Index):
    await index.writer.add([passage("unlisted")], at_most=LONG_AGO)
    await index.writer.commit([record(), record("other")], partition=0, read=[])
    assert [hit.text for hit in await index.nearest(unit(1), limit=9)] == ["unlisted"]


async def test_an_empty_index_has_no_hits(index: Index):
    assert await index.nearest(unit(1), limit=9) == []


async def test_a_record_comes_back_as_it_was_written(index: Index):
    metadata: dict[str, Any] = {
        "none": None,
        "nested": {"list": [1, 2.5, None, {"deep": []}], "empty": {}},
        "true": True,
        "float": 1.0,
        "big": 2**62 + 1,
        "small": -(2**63),
        "a.b[0] \u2028 é 東": "\x00\U0001f600",
    }
    written = record(
        "tenant-a/kb 17",
        id="kb 17",
        tenant="tenant-a",
        partition=7,
        rank=Rank(2**62 + 3, 2**40 + 1),
        version=2**62 + 3,
        title="A title",
        metadata=metadata,
        passages=(passage("a").id, passage("b").id, passage("a", key="x").id),
        tokens=123,
    )
    await index.writer.commit([written], partition=7, read=[])
    read = (await index.reader.ledger([written.key]))[written.key]
    assert read == written
    assert isinstance(read.metadata["float"], float)


async def test_tombstones_are_read_and_unknown_documents_are_absent(index: Index):
    await index.writer.commit([record("gone", deleted=True), record("here")], partition=0, read=[])
    found = await index.reader.ledger(["gone", "here", "unknown"])
    assert {key: entry.deleted for key, entry in found.items()} == {"gone": True, "here": False}


async def test_reading_nothing_gives_nothing(index: Index):
    assert await index.reader.ledger([]) == {}
    assert await index.reader.passages([]) == {}


async def test_more_than_one_request_can_hold_is_read_whole(index: Index):
    records = [record(f"doc {n}", n) for n in range(600)]
    passages = [passage(f"text {n}", rank=Rank(0, n)) for n in range(600)]
    await index.writer.add(passages, at_most=NEWEST)
    await index.writer.commit(records, partition=0, read=[])
    assert await index.writer.ledger([entry.key for entry in records]) == {entry.key: entry for entry in records}
    assert set(await index.writer.passages([item.id for item in passages])) == {item.id for item in passages}


async def test_passages_are_read_by_id_without_vectors_unless_asked_for(index: Index):
    stored = passage("words", key="k", partition=3, rank=Rank(5, 6), vector=unit(1, 2, 3) * 4)
    await index.writer.add([stored], at_most=stored.rank)
    plain = (await index.reader.passages([stored.id, passage("missing").id]))[stored.id]
    assert (plain.key, plain.text, plain.partition, plain.rank, plain.vector) == ("k", "words", 3, Rank(5, 6), None)
    [full] = (await index.reader.passages([stored.id], vectors=True)).values()
    assert full.vector is not None
    assert full.vector.dtype == np.float32
    assert full.vector == pytest.approx(unit(1, 2, 3), abs=1e-6)


async def test_an_id_without_a_passage_is_absent(index: Index):
    assert await index.reader.passages([passage("missing").id]) == {}


async def test_the_newest_record_became_searchable_last_whatever_its_offset_and_event_time(index: Index):
    await index.writer.add([passage("a")], at_most=LONG_AGO)
    late = record("late", 1, searchable_at=20.000002, event_time=1.0)
    early = record("early", 2, searchable_at=20.000001, event_time=9.0)
    await index.writer.commit([late, early], partition=0, read=[])
    assert await index.reader.newest() == late
    other_partition = record("other", 0, partition=3, searchable_at=1_700_000_000.123457)
    await index.writer.commit([other_partition], partition=3, read=[])
    assert await index.reader.newest() == other_partition


async def test_what_a_state_took_comes_back_to_the_microsecond_and_older_records_lack_it(index: Index):
    work = Work(1_700_000_000.250001, 0.000003, 12.5, 7_200.0, embedded=3, cached=1, taken_over=2, tokens=700)
    told, older = record("told", 1, work=work), record("older", 2)
    await index.writer.commit([told, older], partition=0, read=[])
    assert await index.reader.ledger(["told", "older"]) == {"told": told, "older": older}


async def test_an_edit_makes_a_record_the_newest_and_so_does_the_end_of_a_document(index: Index):
    await index.writer.commit([record("a", 1, searchable_at=1.0)], partition=0, read=[])
    await index.writer.commit([record("b", 2, searchable_at=2.0)], partition=0, read=[])
    edited = record("a", 3, searchable_at=3.0)
    await index.writer.commit([edited], partition=0, read=[1])
    assert await index.reader.newest() == edited
    ended = record("b", 4, searchable_at=4.0, deleted=True)
    await index.writer.commit([ended], partition=0, read=[2])
    assert await index.reader.newest() == ended


async def test_an_index_without_documents_has_no_newest_record_even_where_passages_wait_for_theirs(index: Index):
    assert await index.reader.newest() is None
    await index.writer.add([passage("not yet visible")], at_most=LONG_AGO)
    assert await index.reader.newest() is None
    assert await index.reader.count() == 0


async def test_documents_are_counted_exactly_without_passages_and_tombstones(index: Index):
    await index.writer.add([passage(f"{n}") for n in range(7)], at_most=LONG_AGO)
    await index.writer.commit([record(f"doc {n}", n) for n in range(600)], partition=0, read=[])
    await index.writer.commit([record("never seen", 600, deleted=True)], partition=0, read=[])
    assert await index.reader.count() == 600
    await index.writer.commit([record("doc 5", 601, deleted=True)], partition=0, read=[5])
    assert await index.reader.count() == 599
    await index.writer.commit([record("doc 5", 602)], partition=0, read=[601])
    assert await index.reader.count() == 600


async def test_a_tenant_has_a_newest_record_and_a_count_of_its_own(index: Index):
    own = record("acme/a", 1, id="a", tenant="acme", searchable_at=1.0)
    gone = record("acme/b", 2, id="b", tenant="acme", searchable_at=2.0, deleted=True)
    other = record("globex/a", 3, id="a", tenant="globex", searchable_at=3.0)
    await index.writer.commit([own, gone, other], partition=0, read=[])
    assert await index.reader.newest(tenant="acme") == gone
    assert await index.reader.newest(tenant="globex") == other
    assert await index.reader.newest(tenant="nosuch") is None
    assert [await index.reader.count(tenant=each) for each in ("acme", "globex", "nosuch", None)] == [1, 1, 0, 2]
