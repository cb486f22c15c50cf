"""Who may ask for what, on every route that the service has: a new one is tried here as soon as it is there."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import MagicMock

import pytest

from freshet.schemas.access import Scope
from freshet.schemas.errors import TransientError
from freshet.search.http.app import create_app
from freshet.search.http.callers import KEY_HEADER
from freshet.search.http.options import HttpOptions
from tests.unit.search.http.keys import ADMIN, PUBLISHER, SEARCHER, WITHOUT_TENANT, Caller, keys
from tests.unit.search.http.test_errors import JSON, LINES, assert_problem
from tests.unit.search.http.world import Answer, World
from tools.reference.operations import service_operations

SCOPES = {operation.name: operation.scope for operation in service_operations()}
ROUTES = list(SCOPES)
GUARDED = [route for route, scope in SCOPES.items() if scope is not None]
OPEN = [route for route, scope in SCOPES.items() if scope is None]
NAMES = {"{id}": "kb-17", "{name}": "style.css"}
# What each route answers well to; the rest needs nothing but its path.
GIVEN: dict[str, dict[str, Any]] = {
    "POST /search": {"json": {"query": "cat"}},
    "PUT /documents/{id}": {"json": {"text": "t"}},
    "POST /documents": {"data": b'{"type":"delete","id":"kb-17"}', "headers": LINES},
    "POST /feedback": {"json": {"query_id": "q1", "id": "kb-17", "score": 1}},
}
PARAMETERS = {"GET /search": "?q=cat"}
BY_SCOPE = {Scope.SEARCH: SEARCHER, Scope.PUBLISH: PUBLISHER, Scope.ADMIN: ADMIN}


def method_of(route: str) -> str:
    return route.partition(" ")[0]


def path_of(route: str) -> str:
    path = route.split()[1]
    for name, value in NAMES.items():
        path = path.replace(name, value)
    return path + PARAMETERS.get(route, "")


async def ask(world: World, route: str, headers: dict[str, str] | None = None) -> Answer:
    given = GIVEN.get(route, {})
    shown = {**given.get("headers", {}), **(headers or {})}
    return await world.ask(method_of(route), path_of(route), **{**given, "headers": shown})


@pytest.fixture
async def locked() -> AsyncIterator[World]:
    world = World()
    world.reader.put("kb-17", "the cat sat on a mat", title="Cats")
    async with world.serving(keys=keys(*WITHOUT_TENANT)):
        yield world


def test_every_route_of_the_router_is_an_operation_whose_scope_somebody_has_decided():
    parts: dict[str, Any] = dict.fromkeys(inspect.signature(create_app).parameters, MagicMock())
    app = create_app(**{**parts, "options": HttpOptions()})
    found = {
        f"{'GET' if route.method == 'HEAD' else route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource
    }
    assert found == set(SCOPES)


@pytest.mark.parametrize("route", GUARDED)
async def test_no_key_and_every_kind_of_wrong_one_are_answered_alike(locked, route):
    shown = [
        {},
        {"Authorization": "Bearer fk_wrong"},
        {"Authorization": f"Bearer {ADMIN.key}x"},
        {"Authorization": f"Bearer {ADMIN.key.upper()}"},
        {"Authorization": f"Basic {ADMIN.key}"},
        {"Authorization": ADMIN.key},
        {"Authorization": f"Bearer {ADMIN.entry.hash}"},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
        {KEY_HEADER: ""},
        {KEY_HEADER: "fk_wrong"},
        {**ADMIN.bearer, KEY_HEADER: SEARCHER.key},
    ]
    bodies = []
    for headers in shown:
        answer = await ask(locked, route, headers)
        problem = assert_problem(answer, 401, "no-key")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        bodies.append({**problem, "request_id": ""})
    assert bodies == bodies[:1] * len(shown)
    assert (locked.embedder.asked, locked.publisher.log) == ([], [])


@pytest.mark.parametrize("route", GUARDED)
async def test_a_key_without_the_scope_is_refused_and_one_with_it_or_an_admins_is_not(locked, route):
    wanted = SCOPES[route]
    for scope, caller in BY_SCOPE.items():
        answer = await ask(locked, route, caller.bearer)
        if scope in (wanted, Scope.ADMIN):
            assert answer.status < 300, answer.body
        else:
            assert wanted in assert_problem(answer, 403, "missing-scope")["detail"]


@pytest.mark.parametrize("route", GUARDED)
async def test_a_key_may_come_in_either_header_and_twice_when_it_is_the_same(locked, route):
    for headers in (
        {KEY_HEADER: ADMIN.key},
        {"authorization": f"bearer  {ADMIN.key} "},
        {**ADMIN.bearer, KEY_HEADER: ADMIN.key},
        {"Authorization": "Basic dXNlcjpwYXNz", KEY_HEADER: ADMIN.key},
    ):
        assert (await ask(locked, route, headers)).status < 300


@pytest.mark.parametrize("route", OPEN)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer fk_wrong"}])
async def test_what_is_for_everybody_takes_no_key(locked, route, headers):
    assert (await ask(locked, route, headers)).status == 200


@pytest.mark.parametrize("route", ROUTES)
async def test_a_service_without_keys_asks_for_none(world, route):
    assert (await ask(world, route)).status < 300


@pytest.mark.parametrize("route", [*ROUTES, "GET /nothing", "PATCH /search"])
@pytest.mark.parametrize("caller", [None, PUBLISHER, ADMIN])
async def test_every_answer_keeps_browsers_from_making_more_of_it_than_it_is(locked, route, caller):
    headers = (await locked.ask(method_of(route), path_of(route), headers=caller.bearer if caller else {})).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    kept = route.startswith(("GET /assets/", "GET /openapi.json"))  # and asked for again each time
    assert ("no-cache" if kept else "no-store") == headers["Cache-Control"]


@pytest.mark.parametrize("route", [route for route in GUARDED if method_of(route) in ("POST", "PUT", "PATCH")])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
)
async def test_every_route_that_takes_a_body_refuses_what_a_form_can_send(locked, route, content_type):
    headers = {**ADMIN.bearer, **({"Content-Type": content_type} if content_type else {})}
    answer = await locked.ask(method_of(route), path_of(route), data=b'{"text": "t", "query": "q"}', headers=headers)
    assert_problem(answer, 415, "unsupported-media-type")
    assert locked.publisher.log == []


async def test_a_body_is_not_read_before_the_key(locked):
    answer = await locked.ask("POST", "/search", data=b"{", headers=JSON)
    assert_problem(answer, 401, "no-key")


@pytest.mark.parametrize("path", ["/health", "/readyz"])
async def test_only_an_admin_hears_what_is_wrong_with_a_part(locked, path):
    locked.embedder.failure = TransientError("embed", "connect to 10.0.0.7")

    async def checks(caller: Caller | None) -> Any:
        answer = await locked.ask("GET", path, headers=caller.bearer if caller else {})
        assert answer.status == 503
        return answer.json["checks"]

    for caller in (None, SEARCHER, PUBLISHER):
        assert await checks(caller) == {"index": {"ok": True}, "embedder": {"ok": False}}
    assert "10.0.0.7" in (await checks(ADMIN))["embedder"]["error"]


async def test_a_key_that_may_not_publish_is_not_told_that_it_could(locked):
    told = [(await locked.ask("GET", "/index", headers=each.bearer)).json["publishing"] for each in (SEARCHER, ADMIN)]
    assert told == [False, True]


async def test_where_there_are_keys_the_service_goes_by_any_name_and_other_pages_may_not_ask_all_the_same(locked):
    async def status(host: str, origin: str | None = None) -> int:
        headers = {"Host": host, **ADMIN.bearer, **({"Origin": origin} if origin else {})}
        answer: Answer = await locked.ask("GET", "/index", headers=headers)
        return answer.status

    assert await status("search.example") == 200
    assert await status("search.example", "https://search.example") == 200
    assert await status("search.example:8443", "https://search.example:8443") == 200
    assert await status("search.example", "https://evil.example") == 403
    assert await status("search.example", "https://search.example.evil.example") == 403


async def test_names_that_are_configured_hold_where_there_are_keys_too():
    world = World()
    async with world.serving(keys=keys(ADMIN), allowed_hosts=frozenset({"search.example"})):
        headers = {"Host": "other.example", **ADMIN.bearer}
        assert_problem(await world.ask("GET", "/index", headers=headers), 421, "foreign-host")
        assert (await world.ask("GET", "/index", headers={**headers, "Host": "search.example"})).status == 200
