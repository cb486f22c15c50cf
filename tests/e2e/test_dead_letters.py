"""From a dead letter to a document that is found: what it failed on is mended, and it is retried."""

import json

import pytest

from tests.support.waiting import wait_until

LIMIT = 1_000
TEXT = "Penguins huddle together to survive the antarctic winter. " * 20


def upsert(document_id, text):
    return json.dumps({"type": "upsert", "id": document_id, "text": text}).encode()


@pytest.fixture
async def strict(road, started):
    """A worker that takes small events only, on topics that would take larger ones."""
    assert (await road.command("topics", "create"))[0] == 0
    return await started(road.worker(FRESHET_MAX_EVENT_BYTES=str(LIMIT)))


async def letters(road, *arguments):
    code, output = await road.command("dead-letters", "list", "--json", *arguments)
    assert code == 0, output
    return json.loads(output)


async def test_an_event_that_was_too_large_is_found_once_the_limit_is_raised_and_it_is_retried(road, started, strict):
    await started(road.search())
    await road.produce([(b"penguins", upsert("penguins", TEXT)), (b"parcels", upsert("parcels", "Return a parcel."))])
    await road.caught_up()
    (letter,) = await letters(road)
    assert (letter["reason"], letter["key"], letter["attempts"]) == ("too_large", "penguins", 1)

    code, output = await road.command("dead-letters", "retry", "--reason", "too_large")
    assert code == 0, output

    async def refused_again():
        found = await letters(road)
        return found and found[0]["attempts"] == 2

    await wait_until(refused_again, "the same worker refuses it again")
    assert [each["origin"] for each in await letters(road)] == [letter["origin"]]

    await strict.stop()
    await started(road.worker())
    code, output = await road.command("dead-letters", "retry", "--reason", "too_large")
    assert code == 0, output
    await road.found_first("birds in the cold", "penguins")
    assert await letters(road) == []
    assert [each["origin"] for each in await letters(road, "--state", "retried")] == [letter["origin"]]


async def test_a_retried_event_never_replaces_a_newer_one(road, started, strict):
    await started(road.search())
    await road.produce([(b"a", upsert("a", TEXT)), (b"a", upsert("a", "Return a parcel at any post office."))])
    await road.caught_up()
    await strict.stop()
    worker = await started(road.worker())
    code, output = await road.command("dead-letters", "retry", "--all")
    assert code == 0, output

    async def told_stale():
        return (await worker.metric("freshet_events_total")).get("stale")

    await wait_until(told_stale, "the retried event is counted as stale")
    await road.found_first("where to send a package back", "a")
    assert "parcel" in (await road.find("where to send a package back"))[0]["text"]
    assert await letters(road) == []
