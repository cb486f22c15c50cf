"""`freshet explain` and `GET /documents/{id}` on a real log: where a document is, at each point of its way."""

import json

import aiohttp
from aiokafka import AIOKafkaProducer

from tests.support.waiting import wait_until


def upsert(document_id, text):
    return json.dumps({"type": "upsert", "id": document_id, "title": "Reset", "text": text}).encode()


async def test_a_document_is_told_from_its_event_to_its_end(road, started):
    worker = road.worker()
    await started(worker)
    await started(road.search())
    async with AIOKafkaProducer(bootstrap_servers=road.bootstrap) as producer:
        await producer.send_and_wait(road.topic, upsert("a", "Hold it."), b"a", headers=[("ce_source", b"crm")])
    await road.found_first("hold", "a")

    async def told(document_id="a"):
        async with aiohttp.ClientSession() as session, session.get(f"{road.url}/documents/{document_id}") as answer:
            return answer.status, await answer.json()

    status, facts = await told()
    indexed = facts["indexed"]
    assert (status, facts["state"], facts["newer"], facts["untold"]) == (200, "searchable", None, [])
    assert indexed["event"]["producer"] == {"ce_source": "crm"}
    assert (indexed["passages"], indexed["vectors"]["embedded"], indexed["cost_usd"]) == (1, 1, 0.0)
    assert sum(indexed["stages"].values()) < 60
    status, problem = await told("nobody")
    assert (status, problem["type"]) == (404, "/problems/not-found")

    await road.produce([(b"a", b"{")])
    await road.caught_up()
    code, output = await road.command("explain", "a")
    assert code == 0, output
    assert "It is searchable since" in output
    assert "cannot be indexed: not_json" in output.replace("\n ", "")
    assert "ce_source" in output

    await worker.stop()
    await road.produce([(b"b", upsert("b", "Else.")), (b"a", upsert("a", "Wait."))])
    code, output = await road.command("explain", "a", "--json")
    facts = json.loads(output)
    assert (code, facts["state"], facts["newer"]["outcome"]) == (0, "searchable", "waiting")
    assert facts["indexed"]["texts"] == ["Hold it."]
    assert facts["newer"]["ahead"] in (0, 1)  # "b" may lie in another partition

    await road.produce([(b"a", None)])
    await started(worker)

    async def deleted():
        _, facts = await told()
        return facts["state"] == "deleted" and facts["newer"] is None

    await wait_until(deleted, "its end is told")
    code, output = await road.command("explain", "nobody")
    assert code == 1
    assert "nothing is known of this document" in output
    code, output = await road.command("explain", "a", environment={"FRESHET_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert code == 0, output
    assert "It is deleted since" in output
    assert "This could not be told" in output
