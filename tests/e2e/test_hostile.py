"""The service as users start it, on real servers: hostile bytes, and whatever its OpenAPI allows and forbids."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.support.contract import exercise
from tests.support.hostile import ask_all, resident_kb
from tests.support.hostile_inputs import hostile
from tests.support.scale import count

TEXT = "Penguins huddle together to survive the antarctic winter."
MOST_GROWTH_KB = 40_000
pytestmark = pytest.mark.soak


@pytest.fixture
async def running(road, started):
    """A service with a document, and its process."""
    service = await started(road.search(FRESHET_SEARCH__HEAD_SECONDS="0.5"))
    await started(road.worker())
    async with road.publisher() as publisher:
        await publisher.upsert("penguins", TEXT)
    await road.found_first("birds in the cold", "penguins")
    return road, service


async def test_hostile_bytes_cost_it_neither_its_memory_nor_its_answers(running):
    road, service = running
    port = int(road.url.rpartition(":")[2])
    inputs = list(hostile(count(1_000), seed=2))
    assert await ask_all(port, inputs[:20]) == []
    before = resident_kb(service.pid)
    assert await ask_all(port, inputs) == []
    assert resident_kb(service.pid) - before < MOST_GROWTH_KB
    assert await road.find("birds in the cold")


async def test_it_keeps_its_openapi(running):
    road, _ = running
    async with aiohttp.ClientSession() as session, session.get(f"{road.url}/openapi.json") as answer:
        document = await answer.json()
    for path, methods in document["paths"].items():
        for method in methods:
            await asyncio.to_thread(exercise, document, method, path, url=road.url, examples=count(200))
