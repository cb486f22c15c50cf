"""Searches by meaning and by words, on a worker and a service that run as users run them."""

import asyncio
import json
from functools import partial

from freshet import OverloadedError
from freshet.schemas.topics import Topics
from freshet.streams.judged_queries import last_queries
from freshet.streams.kafka.connection import KafkaConnection
from tests.support.waiting import wait_until

TOPICS = ["reset the router", "expenses of a journey", "soup of carrots", "a lease of a flat", "repair a bicycle"]
DOCUMENTS = [
    {
        "type": "upsert",
        "id": f"{number:02}",
        "title": f"Case {number}",
        "text": f"How to: {TOPICS[number % 5]}. Reference code QX{number}Z.",
        "metadata": {"team": f"team-{number % 3}", "lang": "en"},
    }
    for number in range(60)
]


async def test_words_find_what_meaning_cannot_and_both_together_find_either(make_road, started):
    road = make_road(FRESHET_FIELDS=json.dumps({"team": "keyword"}), FRESHET_SEARCH__RECORD_QUERIES="text")
    await started(road.search())
    await started(road.worker())
    async with road.publisher() as publisher, road.client() as client:
        await publisher.publish_many(DOCUMENTS)
        await road.caught_up()

        async def weighed():
            answer = await client.search("QX17Z", mode="sparse", explain=True)
            return answer if answer.query.statistics else None

        answer = await wait_until(weighed, "the worker has made term statistics, and the service has taken them up")
        assert [result.id for result in answer.results] == ["17"]
        assert (await client.search("QX17Z", limit=1)).results[0].id == "17"
        by_meaning = await client.search("my wifi does not work", mode="dense", limit=12)
        assert {result.id for result in by_meaning.results} == {f"{number:02}" for number in range(0, 60, 5)}
        assert (await client.search("my wifi does not work", mode="sparse")).results == []
        assert (await client.search("my wifi does not work", limit=1)).results[0].text.startswith("How to: reset")

        pages = [(await client.search("how to", limit=7, offset=at)).results for at in range(0, 63, 7)]
        found = [result.id for page in pages for result in page]
        assert sorted(found) == [document["id"] for document in DOCUMENTS]

        only = {"must": [{"key": "metadata.team", "match": {"value": "team-2"}}]}
        answer = await client.search("QX17Z", filters=only, facets=["metadata.team"], limit=60)
        assert answer.results[0].id == "17"
        assert {result.metadata["team"] for result in answer.results} == {"team-2"}
        assert [(each.value, each.count) for each in answer.facets["metadata.team"]] == [("team-2", 20)]

        await client.feedback(answer.query_id, answer.results[0].id, 1)
        last = await wait_until(partial(recorded, road), "what was asked and said of it can be read back")
        assert (last.text, last.mode, last.limit) == ("QX17Z", "hybrid", 60)
        assert last.filters.model_dump(mode="json", by_alias=True, exclude_unset=True) == only
        assert last.judgements == {"17": 1.0}

    other = road.search()
    await started(other)
    async with road.client() as client:
        await wait_until(partial(warmed, other), "a service that starts asks in advance what was asked of the first")
        assert (await client.search("my wifi does not work", mode="sparse")).cached
        assert (await other.metric("search_requests_total"))["answered"] == 1
        code, told = await road.command("warm", "--from-queries", "--url", road.url, "--json")
        summary = json.loads(told)
        assert (code, summary["cached"], summary["failed"]) == (0, 15, [])
        assert (await other.metric("search_requests_total"))["answered"] == 1


async def warmed(service):
    """Whether nothing is left to be warmed: what was recorded are fifteen different requests."""
    return (await service.metric("freshet_result_cache_warmed_total")).get("done", 0) >= 15


async def recorded(road):
    """The query that was asked last, once it was recorded and is judged."""
    queries = await last_queries(KafkaConnection(road.bootstrap), Topics(), 5, index=road.environment["FRESHET_INDEX"])
    return queries[0] if queries and queries[0].judgements else None


async def test_a_search_with_the_token_of_an_event_sees_it_every_time_or_says_that_it_could_not_wait(
    make_road, started
):
    road = make_road()
    await started(road.search())
    worker = await started(road.worker())
    async with road.client() as client:
        await wait_until(partial(is_followed, client), "the change feed is followed")

        async def written_and_read(number):
            word = f"QX{number}Z"
            token = (await client.put(f"{number:03}", f"Reference code {word}.")).token
            answer = await client.search(word, fresh_after=token, mode="sparse", limit=1, wait_ms=30_000)
            assert (answer.pending, answer.degraded) == ([], [])
            assert [result.id for result in answer.results] == [f"{number:03}"]
            return token

        tokens = [await written_and_read(number) for number in range(20)]
        for start in range(20, 200, 20):  # side by side, too
            tokens += await asyncio.gather(*map(written_and_read, range(start, start + 20)))
        answer = await client.search("", filters={}, limit=1, fresh_after=tokens[-100:])
        assert answer.results[0].id in {f"{number:03}" for number in range(180, 200)}

        end = (await client.delete("199")).token
        facts = await client.explain("199", fresh_after=end, wait_ms=30_000)
        assert (facts.state, facts.pending) == ("deleted", [])

        await worker.stop()
        late = (await client.put("200", "Reference code QX200Z.")).token
        answer = await client.search("QX200Z", fresh_after=[tokens[0], late], wait_ms=50)
        assert answer.pending == [late]
        assert answer.degraded == ["not_fresh"]


async def is_followed(client):
    try:
        answer = await client.search("anything")
    except OverloadedError:
        return False  # no version is live yet
    return not answer.degraded
