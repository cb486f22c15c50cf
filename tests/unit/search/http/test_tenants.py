"""A tenant's key acts for that tenant, and tells nothing of another: on every route that takes a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.waiting import wait_until
from tests.unit.search.http.keys import ACME, ADMIN, GLOBEX, keys
from tests.unit.search.http.test_access import GUARDED, ask, method_of
from tests.unit.search.http.test_errors import LINES, assert_problem
from tests.unit.search.http.world import Answer, World

SECRET = "cobalt"  # stands in whatever is globex's
EXISTS, DOES_NOT = "globex", "nosuch"
# How each route is asked for a tenant by its name.
NAMING: dict[str, dict[str, Any]] = {
    "GET /search": {"query": "?q=cat&tenant={}"},
    "POST /search": {"json": {"query": "cat", "explain": True, "tenant": "{}"}},
    "GET /documents/{id}": {"path": "/documents/kb-17", "query": "?tenant={}"},
    "PUT /documents/{id}": {"json": {"text": "t", "tenant": "{}"}},
    "DELETE /documents/{id}": {"query": "?tenant={}"},
    "POST /documents": {"data": '{"type":"delete","id":"a","tenant":"{}"}', "headers": LINES},
    "POST /feedback": {"json": {"query_id": "q1", "id": "a", "score": 1, "tenant": "{}"}},
}
CANNOT_NAME = {"GET /index"}


@pytest.fixture
async def tenants() -> AsyncIterator[World]:
    world = World(tenants=True)
    world.reader.put("kb-17", "the cat sat", title="Cats", tenant="acme", event_time=10.0, searchable_at=11.0)
    for number in range(3):
        text, title = f"the cat {SECRET} {number}", f"Cats {SECRET}"
        parts: dict[str, Any] = {"event_time": 20.0 + number, "searchable_at": 21.0 + number, "colour": SECRET}
        world.reader.put(f"{SECRET}-{number}", text, title=title, tenant="globex", **parts)
    async with world.serving(keys=keys(ACME, GLOBEX, ADMIN)):
        yield world


async def ask_for(world: World, route: str, tenant: str) -> Answer:
    given = json.loads(json.dumps(NAMING[route]).replace("{}", tenant))
    path = given.pop("path", route.split()[1].replace("{id}", "a")) + given.pop("query", "")
    headers = {**ACME.bearer, **given.pop("headers", {})}
    return await world.ask(method_of(route), path, headers=headers, **given)


def test_it_is_known_of_every_route_how_it_names_a_tenant():
    assert {*NAMING, *CANNOT_NAME} == set(GUARDED)


@pytest.mark.parametrize("route", GUARDED)
async def test_a_key_acts_for_its_tenant_without_naming_it_and_tells_nothing_of_another(tenants, route):
    answer = await ask(tenants, route, ACME.bearer)
    assert answer.status < 300
    assert SECRET not in answer.body.decode() + str(answer.headers)
    assert "globex" not in answer.body.decode()
    assert {event.tenant for event in tenants.publisher.log} <= {"acme"}


@pytest.mark.parametrize("route", NAMING)
async def test_naming_another_tenant_is_refused_alike_whether_it_exists_or_not(tenants, route):
    problems = []
    for tenant in (EXISTS, DOES_NOT):
        answer = await ask_for(tenants, route, tenant)
        problem = assert_problem(answer, 403, "foreign-tenant")
        assert SECRET not in answer.body.decode()
        assert tenant not in answer.body.decode()
        problems.append({**problem, "request_id": ""})
    assert problems[0] == problems[1]
    assert (tenants.embedder.asked, tenants.publisher.log) == ([], [])


@pytest.mark.parametrize("route", NAMING)
async def test_naming_ones_own_tenant_is_right(tenants, route):
    assert (await ask_for(tenants, route, "acme")).status < 300


async def test_results_counts_explanations_and_highlights_are_of_ones_own(tenants):
    found = await tenants.ask("POST", "/search", json={"query": f"cat {SECRET}", "explain": True}, headers=ACME.bearer)
    [result] = found.json["results"]
    assert (result["id"], result["highlights"], len(result["explanation"]["passages"])) == ("kb-17", [[4, 7]], 1)
    theirs = await tenants.ask("POST", "/search", json={"query": "cat"}, headers=GLOBEX.bearer)
    assert len(theirs.json["results"]) == 3


async def test_the_index_tells_a_tenants_key_of_its_documents_and_times_alone(tenants):
    told = [(await tenants.ask("GET", "/index", headers=each.bearer)).json for each in (ACME, GLOBEX, ADMIN)]
    assert [(each["tenant"], each["documents"]) for each in told] == [("acme", 1), ("globex", 3), (None, 4)]
    assert [each["newest_event_at"][17:19] for each in told] == ["10", "22", "22"]
    assert [each["changed_at"][17:19] for each in told] == ["11", "23", "23"]


async def test_a_long_poll_of_a_tenants_key_is_not_ended_by_what_others_change(tenants):
    known = (await tenants.ask("GET", "/index", headers=ACME.bearer)).json["changed_at"]
    path = f"/index?after={known}&wait_ms=8000"
    asked = asyncio.create_task(tenants.ask("GET", path, headers=ACME.bearer))
    await wait_until(lambda: tenants.watch._waiting, "it waits")
    tenants.reader.put(f"{SECRET}-9", "more", tenant="globex", searchable_at=30.0)
    theirs = await tenants.ask("GET", f"{path.replace(known, '1970-01-01T00:00:23Z')}", headers=GLOBEX.bearer)
    assert theirs.json["documents"] == 4
    assert not asked.done()
    tenants.reader.put("kb-18", "more", tenant="acme", searchable_at=31.0)
    assert (await asked).json["documents"] == 2


async def test_lines_are_of_the_keys_tenant_and_those_of_others_are_named(tenants):
    async def post(*tenants_named: str | None) -> Answer:
        lines = [{"type": "upsert", "id": "a", "text": "t", "tenant": each} for each in tenants_named]
        data = "\n".join(json.dumps(line) for line in lines)
        answer: Answer = await tenants.ask("POST", "/documents", data=data, headers={**LINES, **GLOBEX.bearer})
        return answer

    assert (await post(None, "globex", None)).status == 202
    assert [event.tenant for event in tenants.publisher.log] == ["globex"] * 3
    problem = assert_problem(await post("globex", "acme", None, "nosuch"), 403, "foreign-tenant")
    assert [(error["field"], error["line"]) for error in problem["errors"]] == [("tenant", 2), ("tenant", 4)]
    assert len(assert_problem(await post(*["acme"] * 50), 403, "foreign-tenant")["errors"]) == 20
    assert len(tenants.publisher.log) == 3


async def test_a_key_without_a_tenant_names_any_and_must_name_one(tenants):
    for tenant, count in (("acme", 1), ("globex", 3), ("nosuch", 0)):
        answer = await tenants.ask("GET", f"/search?q=cat&tenant={tenant}", headers=ADMIN.bearer)
        assert len(answer.json["results"]) == count
    missing = await tenants.ask("GET", "/search?q=cat", headers=ADMIN.bearer)
    assert assert_problem(missing, 422, "invalid-request")["errors"][0]["field"] == "tenant"
    put = await tenants.ask("PUT", "/documents/a", json={"text": "t", "tenant": "acme"}, headers=ADMIN.bearer)
    assert put.status == 202


async def test_no_word_of_another_tenant_stands_anywhere_in_an_explained_answer(tenants):
    found = await tenants.ask("POST", "/search", json={"query": "cat", "explain": True}, headers=ACME.bearer)
    assert SECRET not in found.body.decode()
    asked_for_it = await tenants.ask("POST", "/search", json={"query": SECRET, "limit": 100}, headers=ACME.bearer)
    assert {each["id"] for each in asked_for_it.json["results"]} <= {"kb-17"}
