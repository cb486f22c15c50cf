"""Looking at everything that an index holds."""

from freshet.search.index.qdrant.audit import QdrantAudit
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
