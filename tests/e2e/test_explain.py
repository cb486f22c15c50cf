"""`freshet explain` and `GET /documents/{id}` on a real log: where a document is, at each point of its way."""

import itertools
import json

import aiohttp
from aiokafka import AIOKafkaProducer

from freshet.search.redis import connect
from freshet.search.results.redis import KEY_PREFIX
from tests.support.waiting import wait_until


def upsert(document_id, text):
    return json.dumps({"type": "upsert", "id": document_id, "title": "Reset", "text": text}).encode()


async def answer_is_shared(road, redis_url):
    """A search has found the documents, and its answer lies in Redis; which may take some, for none waits for that."""
    asked = itertools.count()

    async with connect(redis_url, timeout=10) as client, aiohttp.ClientSession() as session:

        async def is_there():
            query = {"q": f"hold it {next(asked)}"}
            async with session.get(f"{road.url}/search", params=query) as answer:
                shown = [each["id"] for each in (await answer.json())["results"]]
            shared = [await client.get(name) or b"" for name in await client.keys(f"{KEY_PREFIX}*")]
            return {*shown} == {"a", "gone"} and any(road.topic.encode() in each for each in shared)

        await wait_until(is_there, "an answer is shared")


async def test_a_document_is_told_from_its_event_to_its_end(make_road, started, redis_url):
    road = make_road(FRESHET_REDIS__URL=redis_url, FRESHET_REDIS__TIMEOUT_SECONDS="5")
    worker = road.worker()
    await started(worker)
    await started(road.search())
    async with AIOKafkaProducer(bootstrap_servers=road.bootstrap) as producer:
        await producer.send_and_wait(road.topic, upsert("a", "Hold it."), b"a", headers=[("ce_source", b"crm")])
    await road.produce([(b"gone", upsert("gone", "Hold it."))])
    await road.caught_up()
    await answer_is_shared(road, redis_url)
    await road.produce([(b"gone", None)])
    await road.caught_up()

    async def told(document_id="a"):
        async with aiohttp.ClientSession() as session, session.get(f"{road.url}/documents/{document_id}") as answer:
            return answer.status, await answer.json()

    status, facts = await told()
    indexed = facts["indexed"]
    assert (status, facts["state"], facts["newer"], facts["untold"]) == (200, "searchable", None, [])
    assert indexed["event"]["producer"] == {"ce_source": "crm"}
    assert (indexed["passages"], indexed["vectors"]["embedded"], indexed["cost_usd"]) == (1, 1, 0.0)
    assert all(seconds < 60 for seconds in indexed["stages"].values())
    _, facts = await told("gone")
    assert (facts["state"], facts["newer"]) == ("deleted", None)
    status, problem = await told("nobody")
    assert (status, problem["type"]) == (404, "/problems/not-found")

    assert await road.command("reprocess", "a") == (0, "1 document: workers index them again now\n")

    async def written_again():
        _, facts = await told()
        return facts["indexed"]["again"] and facts["indexed"]["stages"]["queued"] is None

    await wait_until(written_again, "it is told as written again")
    code, output = await road.command("explain", "a")
    assert "which was written again at" in output
    assert "queued" not in output

    await road.produce([(b"a", b"{")])
    await road.caught_up()
    _, facts = await told()
    assert (facts["state"], facts["newer"]["outcome"]) == ("searchable", "dead")
    assert facts["newer"]["letter"] == facts["dead_letters"][0]
    assert facts["dead_letters"][0]["reason"] == "not_json"
    assert facts["told"][-1].endswith(f": freshet dead-letters drop {facts['dead_letters'][0]['event']}")

    await worker.stop()
    await road.produce([(b"a", upsert("a", "Wait."))])
    code, output = await road.command("explain", "a", "--passages")
    assert code == 0, output
    for text in ("It is searchable, as of", "waits: none is before it in its partition", "ce_source", "Hold it."):
        assert text in output

    code, output = await road.command("explain", "gone", "--erasure", "--json")
    assert code == 0, output
    left = json.loads(output)
    assert (left["is_deleted"], left["untold"]) == (True, [])
    index, older, end, feed, cache, answers = left["remains"]
    assert index["what"].startswith("its tombstone")
    assert (older["place"], older["what"]) == (road.topic, "older events, with its text")
    assert end["what"] == "its end, a null: the key alone"
    assert feed["place"] == f"{road.topic}.indexed"
    assert [key.startswith("freshet:embedding:") for key in cache["where"]] == [True]
    assert answers["what"] == "answers that show it, with a passage of its text"
    async with connect(redis_url, timeout=10) as client:
        await client.unlink(*answers["where"])
    code, output = await road.command("explain", "gone", "--erasure", "--json")
    assert [each["place"] for each in json.loads(output)["remains"]][-1] == "embedding cache"

    without = {"FRESHET_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    code, output = await road.command("explain", "gone", "--json", environment=without)
    assert code == 0, output
    facts = json.loads(output)
    assert (facts["state"], len(facts["untold"])) == ("deleted", 1)
