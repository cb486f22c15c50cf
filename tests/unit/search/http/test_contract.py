"""The service keeps its OpenAPI, whatever it is asked: documents in memory here, the real ones in tests/e2e/."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.contract import ask_once, exercise
from tests.support.scale import count
from tools.reference.operations import service_operations

OPERATIONS = [each for each in service_operations() if each.answer]


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
async def test_what_it_answers_is_what_its_openapi_says(world, operation):
    document = (await world.ask("GET", "/openapi.json")).json
    url, examples = f"http://127.0.0.1:{world.port}", count(500)
    await asyncio.to_thread(exercise, document, operation.method, operation.path, url=url, examples=examples)


@pytest.mark.parametrize("broken", ["status", "schema"])
async def test_a_service_that_does_not_is_found(world, broken):
    document = (await world.ask("GET", "/openapi.json")).json
    url, body = f"http://127.0.0.1:{world.port}", {"query": "volcano"}
    await asyncio.to_thread(ask_once, document, "POST", "/search", url=url, body=body)
    if broken == "status":
        del document["paths"]["/search"]["post"]["responses"]["200"]
    else:
        document["components"]["schemas"]["SearchAnswer"]["properties"]["took_ms"] = {"type": "string"}
    with pytest.raises(BaseExceptionGroup):
        await asyncio.to_thread(ask_once, document, "POST", "/search", url=url, body=body)
