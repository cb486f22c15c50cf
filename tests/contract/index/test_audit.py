"""Looking at everything that an index holds."""

import pytest

from freshet.search.index.qdrant.audit import QdrantAudit
from freshet.search.index.qdrant.payloads import ledger_point, passage_point
from freshet.search.index.records import Displaced
from tests.contract.index.making import DIMENSION, LONG_AGO, passage, record
from tests.contract.index.under_test import Index


async def test_all_passages_of_a_document_are_found_listed_or_not_and_no_others(index: Index):
    audit = QdrantAudit(index.client, collection=index.name, dimension=DIMENSION)
    own = [passage(f"text {number}") for number in range(300)]
    await index.writer.add([*own, passage("other", key="doc 2"), passage("own", key="acme/doc")], at_most=LONG_AGO)
    await index.writer.commit([record("doc", 1, passages=(own[0].id,))], partition=0, read=[])
    found = await audit.of_document("doc")
    assert {each.id for each in found} == {each.id for each in own}
    assert {each.text for each in found} == {each.text for each in own}
    assert await audit.of_document("nobody") == []


@pytest.mark.parametrize("stray", ["00000000-0000-4000-8000-000000000017", 17])
async def test_a_record_under_another_point_than_its_documents_is_told_by_that_point_and_can_be_removed(
    index: Index, stray: str | int
):
    audit = QdrantAudit(index.client, collection=index.name, dimension=DIMENSION)
    point = ledger_point(record("doc", 1)).model_copy(update={"id": stray})
    await index.client.upsert(index.name, [point], wait=True)
    await index.writer.commit([record("doc", 2)], partition=0, read=[])
    [found] = [page async for page in audit.records()]
    assert {each.stray: each.offset for each in found} == {str(stray): 1, None: 2}
    await audit.remove([Displaced((str(stray),), 0, record("doc", 1).rank)])
    [found] = [page async for page in audit.records()]
    assert [(each.stray, each.offset) for each in found] == [(None, 2)]


async def test_a_passage_that_somebody_put_under_a_number_is_read_and_removed_like_others(index: Index):
    await index.client.upsert(index.name, [passage_point(passage("x")).model_copy(update={"id": 17})], wait=True)
    [[found]] = [page async for page in index.writer.stored(0, below=1_000)]
    assert await index.writer.passages([found.id]) == {"17": found}
    await index.writer.remove([Displaced((found.id,), found.partition, found.rank)])
    assert await index.writer.passages([found.id]) == {}
