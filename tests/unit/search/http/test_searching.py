from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from freshet.schemas.errors import TransientError
from freshet.search.sparse import term_id
from freshet.search.statistics import TermStatistics
from tests.support.waiting import wait_until
from tests.unit.search.http.world import VERSION, World


async def test_a_search_finds_the_nearest_document_with_its_title_text_and_metadata(world):
    answer = await world.search("cat mat sat")
    assert answer.status == 200
    best = answer.json["results"][0]
    assert {name: best[name] for name in ("id", "title", "text", "metadata")} == {
        "id": "cats",
        "title": "Cats",
        "text": "the cat sat on a mat",
        "metadata": {"lang": "en"},
    }
    assert best["score"] > answer.json["results"][1]["score"]


async def test_an_answer_says_what_it_was_read_from_and_where_the_time_went(world):
    answer = (await world.search("cat")).json
    assert set(answer) == {"query_id", "results", "reranked", "took_ms", "stages", "cached", "degraded", "index"}
    assert answer["index"] == {"version": VERSION, "topic": "documents", "watermarks": {}}
    assert answer["degraded"] == []
    assert set(answer["stages"]) == {"cache", "resolve", "embed", "retrieve", "fuse"}
    assert answer["took_ms"] >= max(answer["stages"].values())


async def test_metadata_comes_back_as_it_was_given_nulls_too(world):
    found = (await world.search("dog barked")).json["results"][0]
    assert found["metadata"] == {"price": 12.5, "gone": None}


async def test_a_document_of_several_passages_is_found_once_by_its_best(world):
    found = (await world.search("dogs chase")).json["results"]
    assert [result["id"] for result in found].count("dogs") == 1
    assert found[0]["text"] == "dogs chase the cat away"


async def test_pages_follow_one_another_without_gaps_or_repeats(world):
    whole = [result["id"] for result in (await world.search("the cat", limit=3)).json["results"]]
    pages = [(await world.search("the cat", limit=1, offset=at)).json["results"][0]["id"] for at in range(3)]
    assert pages == whole
    assert (await world.search("the cat", offset=3)).json["results"] == []


async def test_an_explanation_tells_places_in_the_lists_passages_and_the_event(world):
    found = (await world.search("dogs chase", explain=True)).json["results"][0]
    why = found["explanation"]
    assert (why["dense"]["rank"], why["sparse"]["rank"]) == (1, 1)
    assert [passage["position"] for passage in why["passages"]] == [1, 0]
    assert why["passages"][0]["dense"] == why["dense"]["score"]
    assert why["passages"][0]["sparse"] == why["sparse"]["score"]
    assert why["event"] == f"documents/0@{world.reader.records['dogs'].offset}"


async def test_an_explanation_tells_what_was_asked_for_in_the_end(world):
    about = (await world.search("  The\x00 dogs  chased ", explain=True)).json["query"]
    assert [each["step"] for each in about.pop("steps")] == ["control_characters", "whitespace"]
    assert about == {"text": "The dogs chased", "terms": ["chase", "dog"], "statistics": None, "reranker": None}
    assert "query" not in (await world.search("dogs")).json
    assert "explanation" not in (await world.search("dogs")).json["results"][0]


@pytest.mark.parametrize(("mode", "other"), [("dense", "sparse"), ("sparse", "dense")])
async def test_a_mode_of_one_list_answers_with_its_own_scores(world, mode, other):
    found = (await world.search("dogs chase", mode=mode, explain=True)).json["results"][0]
    assert found["score"] == found["explanation"][mode]["score"]
    assert found["explanation"][other] is None


async def test_a_search_by_words_finds_only_documents_with_a_word_and_asks_no_model(world):
    world.embedder.failure = TransientError("embed", "away")
    found = (await world.search("chased cats?", mode="sparse")).json["results"]
    assert {result["id"] for result in found} == {"cats", "dogs"} & {result["id"] for result in found}
    assert all(result["highlights"] for result in found)
    assert (await world.search("zebra", mode="sparse")).json["results"] == []


async def test_rare_words_weigh_more_once_there_are_statistics(world):
    common, rare = term_id("cat"), term_id("bark")
    terms, counts = zip(*sorted([(common, 90), (rare, 1)]), strict=True)
    world.reader.snapshot = TermStatistics(4, 100, 100, np.array(terms, np.uint32), np.array(counts, np.uint32))
    answer = (await world.search("cat barked", mode="sparse", explain=True)).json
    assert answer["query"]["statistics"] == 4
    assert answer["results"][0]["id"] == "dogs"


async def test_people_can_ask_with_an_address_alone(world):
    by_address = (await world.ask("GET", "/search?q=cat%20mat&limit=2&explain=true")).json["results"]
    assert by_address == (await world.search("cat mat", limit=2, explain=True)).json["results"]


async def test_the_query_is_embedded_normalised_and_as_a_query(world):
    await world.search("  cafe\u0301\n\tmat\x00 ")
    assert world.embedder.asked[-1] == ("café mat", "query")


async def test_a_tenant_finds_its_own_documents_only():
    world = World(tenants=True)
    world.reader.put("one", "the cat", tenant="acme")
    world.reader.put("two", "the cat", tenant="other")
    async with world.serving():
        found = (await world.search("cat", tenant="acme")).json["results"]
        assert [result["id"] for result in found] == ["one"]
        by_address = (await world.ask("GET", "/search?q=cat&tenant=other")).json["results"]
        assert [result["id"] for result in by_address] == ["two"]
        missing = await world.search("cat")
        assert (missing.status, missing.json["errors"][0]["field"]) == (422, "tenant")


async def test_after_a_switch_of_versions_the_answer_names_the_new_one(world):
    world.versions.name = "documents__def"
    assert (await world.search("cat")).json["index"]["version"] == "documents__def"


async def test_searches_are_counted_by_how_they_end(world):
    await world.search("cat")
    await world.search("")
    await world.ask("POST", "/search", data=b"{", headers={"Content-Type": "application/json"})
    world.reader.failure = RuntimeError("broken")
    await world.search("cat")
    counts = {
        outcome: world.sample("search_requests_total", outcome=outcome) for outcome in ("answered", "refused", "failed")
    }
    assert counts == {"answered": 1, "refused": 2, "failed": 1}
    assert world.sample("search_latency_seconds_count") == 2
    assert world.sample("freshet_search_stage_seconds_count", stage="embed") == 2
    assert world.sample("freshet_search_stage_seconds_count", stage="retrieve") == 1


async def test_a_search_that_nobody_waits_for_is_given_up_and_counted_apart(world):
    started, given_up = asyncio.Event(), asyncio.Event()

    async def embed(*_: Any, **__: Any) -> Any:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    world.embedder.embed = embed
    asked = asyncio.create_task(world.search("cat"))
    await started.wait()
    asked.cancel()
    await given_up.wait()
    await wait_until(lambda: world.sample("search_requests_total", outcome="cancelled") == 1, "it is counted")
    assert world.sample("search_latency_seconds_count") == 0


async def test_a_search_that_takes_longer_than_its_deadline_has_failed():
    async def embed(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    world = World()
    world.embedder.embed = embed  # type: ignore[method-assign]
    async with world.serving(deadline_seconds=0.05):
        assert (await world.search("cat")).status == 504
    assert world.sample("search_requests_total", outcome="failed") == 1
    assert world.sample("search_latency_seconds_count") == 1


async def test_the_status_tells_of_the_last_searches(world):
    await world.search("cat")
    await world.search("")
    status = world.metrics.status()
    assert {outcome: count for outcome, count in status.searches.items() if count} == {"answered": 1, "refused": 1}
    assert status.searches_per_second > 0
    assert status.latency is not None
    assert status.latency.count == 1
