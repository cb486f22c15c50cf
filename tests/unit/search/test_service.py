from __future__ import annotations

from itertools import count

import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.http import SearchRequest
from freshet.search.asking import MAX_QUERY_CHARACTERS, InvalidSearch, SearchRules
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics
from freshet.search.service import SearchService
from tests.unit.search.http.world import MemoryReader, Versions, WordEmbedder

PASSAGES = SearchRules().list_length


def service_on(reader: MemoryReader, *, tenants: bool = False, registry: CollectorRegistry | None = None):
    seconds, numbers, embedder = count(), count(1), WordEmbedder()
    return SearchService(
        index=LiveIndex(versions=Versions(), open_version=lambda info: LiveVersion.of(info, reader, embedder)),
        embedder=embedder,
        metrics=SearchMetrics(registry or CollectorRegistry()),
        rules=SearchRules(tenants=tenants),
        clock=lambda: float(next(seconds)),
        new_id=lambda: f"query-{next(numbers)}",
    )


async def test_every_answer_has_an_id_of_its_own_and_the_time_of_each_stage():
    registry = CollectorRegistry()
    service = service_on(MemoryReader(), registry=registry)
    answers = [await service.search(SearchRequest(query="cat")) for _ in range(2)]
    assert [answer.query_id for answer in answers] == ["query-1", "query-2"]
    assert set(answers[0].stages) == {"cache", "resolve", "embed", "retrieve", "fuse"}
    assert all(milliseconds >= 1000.0 for milliseconds in answers[0].stages.values())
    assert answers[0].took_ms == 11000.0  # a second for each look at the clock
    assert registry.get_sample_value("freshet_search_stage_seconds_count", {"stage": "embed"}) == 2


async def test_an_index_without_documents_answers_with_nothing():
    assert (await service_on(MemoryReader()).search(SearchRequest(query="cat"))).results == []


async def test_pages_of_any_size_add_up_to_the_same_order():
    reader = MemoryReader()
    for number in range(PASSAGES + 20):
        reader.put(f"d{number:03}", "cat " * (number + 1) + f"word{number}")
    service = service_on(reader)

    async def page(offset: int, limit: int) -> list[str]:
        answer = await service.search(SearchRequest(query="cat", offset=offset, limit=limit, mode="dense"))
        return [result.id for result in answer.results]

    whole = await page(0, 100)
    assert len(set(whole)) == PASSAGES
    for size in (7, 50):
        assert [id_ for at in range(0, PASSAGES, size) for id_ in await page(at, size)] == whole
    assert await page(PASSAGES - 1, 100) == whole[-1:]


async def test_an_offset_that_no_list_reaches_is_refused_with_the_limit():
    with pytest.raises(InvalidSearch, match=str(PASSAGES)) as caught:
        await service_on(MemoryReader()).search(SearchRequest(query="cat", offset=PASSAGES))
    assert caught.value.field == "offset"


async def test_a_query_of_the_greatest_length_is_answered_and_a_longer_one_is_not():
    service = service_on(MemoryReader())
    await service.search(SearchRequest(query="x" * MAX_QUERY_CHARACTERS, mode="sparse"))
    with pytest.raises(InvalidSearch, match=str(MAX_QUERY_CHARACTERS)) as caught:
        await service.search(SearchRequest(query="x" * (MAX_QUERY_CHARACTERS + 1), mode="sparse"))
    assert caught.value.field == "query"


async def test_a_query_of_more_tokens_than_the_model_takes_is_refused_with_both_numbers():
    service = service_on(MemoryReader())
    await service.search(SearchRequest(query="x" * 510))
    with pytest.raises(InvalidSearch, match="has 511 tokens, the model takes 510") as caught:
        await service.search(SearchRequest(query="x" * 511))
    assert caught.value.field == "query"


@pytest.mark.parametrize(("tenants", "tenant"), [(True, None), (False, "acme")])
async def test_a_tenant_is_named_exactly_where_tenants_are_on(tenants, tenant):
    with pytest.raises(InvalidSearch) as caught:
        await service_on(MemoryReader(), tenants=tenants).search(SearchRequest(query="cat", tenant=tenant))
    assert caught.value.field == "tenant"


async def test_a_deleted_document_is_not_found():
    reader = MemoryReader()
    reader.put("cats", "cat")
    assert (await service_on(reader).search(SearchRequest(query="cat"))).results
    del reader.records["cats"]
    reader.stored = {}
    assert not (await service_on(reader).search(SearchRequest(query="cat"))).results


async def test_the_words_of_the_query_are_marked_in_each_result_wherever_a_page_begins():
    reader = MemoryReader()
    reader.put("one", "many cats sat down")
    reader.put("two", "a cat is a cat")
    reader.put("rain", "rain fell")
    service = service_on(reader)
    whole = (await service.search(SearchRequest(query="the  cat\x00 sat", limit=3))).results
    marked = {result.id: [result.text[start:end] for start, end in result.highlights] for result in whole}
    assert marked == {"one": ["cats sat"], "two": ["cat", "cat"], "rain": []}
    assert (await service.search(SearchRequest(query="the cat sat", limit=2, offset=1))).results == whole[1:]
