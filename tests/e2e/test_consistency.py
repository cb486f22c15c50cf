"""A document that is edited while it is searched: always found, and always in exactly one of its states."""

import asyncio

import pytest

from tests.support.scale import count

pytestmark = pytest.mark.soak

SEARCHES = count(10_000)
EDITS = count(1_000)
CLIENTS = 4
OTHERS = 50


def state(n):
    """Three passages, each of which says which state it belongs to."""
    passage = f"The volcano erupted again, says edition {n}. " + "Lava flowed down the mountain. " * 40
    return {"type": "upsert", "id": "v", "title": f"Edition {n}", "text": passage * 3, "metadata": {"edition": n}}


async def test_every_search_finds_an_edited_document_in_exactly_one_of_its_states(road, started):
    await started(road.search())
    await started(road.worker())
    others = [{"type": "upsert", "id": f"o{n}", "text": f"Accounting rules, part {n}."} for n in range(OTHERS)]
    seen = set()
    async with road.publisher() as publisher:
        await publisher.publish_many([*others, state(0)])
        await road.found_first("eruption of a volcano", "v")
        done = 0

        async def search(client):
            nonlocal done
            while done < SEARCHES:
                done += 1
                results = await road.ask(client, "eruption of a volcano", limit=3)
                hits = [result for result in results if result["id"] == "v"]
                assert len(hits) == 1, f"search {done}: found {len(hits)} times among {[r['id'] for r in results]}"
                seen.add(one_state(hits[0]))

        async def edit():
            for n in range(1, EDITS + 1):
                while done < n * SEARCHES // (EDITS + 1):  # noqa: ASYNC110 (the pace is set by searches)
                    await asyncio.sleep(0.001)
                await publisher.publish(state(n))

        async with road.client() as client, asyncio.TaskGroup() as tasks:
            tasks.create_task(edit())
            for _ in range(CLIENTS):
                tasks.create_task(search(client))
    assert len(seen) > EDITS / 4, "the edits were collapsed, so the searches met too few of them"
    await road.caught_up()
    assert one_state((await road.find("eruption of a volcano", limit=1))[0]) == EDITS


def one_state(hit):
    edition = hit["metadata"]["edition"]
    assert hit["title"] == f"Edition {edition}"
    assert f"says edition {edition}." in hit["text"] or "edition" not in hit["text"]
    return edition
