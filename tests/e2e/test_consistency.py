"""A document that is edited while it is searched: always found, and always in exactly one of its states."""

import asyncio
import json
from itertools import cycle
from typing import Any

import pytest

from tests.support.scale import count

pytestmark = pytest.mark.soak

SEARCHES = count(10_000)
EDITS = count(1_000)
CLIENTS = 4
OTHERS = 50
QUERY = "eruption of a volcano"
FIELDS = {"kind": "keyword", "edition": "integer"}
KIND = {"must": [{"key": "metadata.kind", "match": {"value": "volcano"}}]}
ANY_EDITION = {"must": [{"key": "metadata.edition", "range": {"gte": 0}}]}
# What is asked in turn; `facets` wherever there is a filter, for they must count one document whatever happens.
WAYS: list[dict[str, Any]] = [
    {"query": QUERY},
    {"query": QUERY, "mode": "dense"},
    {"query": "volcano erupted lava", "mode": "sparse"},
    {"query": QUERY, "filters": KIND, "facets": ["metadata.kind"]},
    {"query": QUERY, "mode": "dense", "filters": ANY_EDITION, "facets": ["metadata.kind"]},
    {"query": "volcano erupted lava", "mode": "sparse", "filters": KIND, "facets": ["metadata.kind"]},
    {"filters": KIND, "facets": ["metadata.kind"]},
]


def state(n):
    """Three passages, each of which says which state it belongs to."""
    passage = f"The volcano erupted again, says edition {n}. " + "Lava flowed down the mountain. " * 40
    metadata = {"edition": n, "kind": "volcano"}
    return {"type": "upsert", "id": "v", "title": f"Edition {n}", "text": passage * 3, "metadata": metadata}


async def test_every_search_finds_an_edited_document_in_exactly_one_of_its_states(make_road, started):
    road = make_road(FRESHET_FIELDS=json.dumps(FIELDS))
    await started(road.search())
    await started(road.worker())
    others = [{"type": "upsert", "id": f"o{n}", "text": f"Accounting rules, part {n}."} for n in range(OTHERS)]
    seen = set()
    async with road.publisher() as publisher:
        await publisher.publish_many([*others, state(0)])
        await road.found_first(QUERY, "v")
        done, ways = 0, cycle(WAYS)

        async def search(client):
            nonlocal done
            while done < SEARCHES:
                done += 1
                way = next(ways)
                answer = await client.search(**way, limit=3)
                hits = [result for result in answer.results if result.id == "v"]
                assert len(hits) == 1, f"{way}: found {len(hits)} times among {[each.id for each in answer.results]}"
                seen.add(one_state(hits[0]))
                if "facets" in way:
                    counts = [(each.value, each.count) for each in answer.facets["metadata.kind"]]
                    assert counts == [("volcano", 1)], way

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
    async with road.client() as client:
        for way in WAYS:
            results = (await client.search(**way, limit=1)).results
            assert results, f"at rest {way} finds nothing"
            assert one_state(results[0]) == EDITS


def one_state(hit):
    edition = hit.metadata["edition"]
    assert hit.title == f"Edition {edition}"
    assert f"says edition {edition}." in hit.text or "edition" not in hit.text
    return edition
