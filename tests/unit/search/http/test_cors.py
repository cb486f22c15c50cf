from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.search.http.keys import ADMIN, keys
from tests.unit.search.http.test_access import ROUTES, ask, method_of, path_of
from tests.unit.search.http.test_errors import assert_problem
from tests.unit.search.http.world import World

APP = "https://app.example"
CORS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers")


@pytest.fixture(params=[True, False], ids=["keys", "no keys"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World()
    async with world.serving(cors_origins=frozenset({APP}), keys=keys(ADMIN) if request.param else ()):
        yield world


@pytest.mark.parametrize("route", ROUTES)
async def test_a_page_of_an_allowed_origin_asks_first_without_a_key_and_then_with_one(shared, route):
    method, headers = method_of(route), {"Origin": APP, "Access-Control-Request-Headers": "authorization,content-type"}
    asked = await shared.ask("OPTIONS", path_of(route), headers={**headers, "Access-Control-Request-Method": method})
    assert (asked.status, asked.body) == (204, b"")
    assert method in asked.headers["Access-Control-Allow-Methods"].split(", ")
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    answer = await ask(shared, route, {"Origin": APP, **ADMIN.bearer})
    assert answer.status < 300
    for each in (asked, answer):
        assert each.headers["Access-Control-Allow-Origin"] == APP
        assert each.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in each.headers
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


async def test_a_page_may_read_why_it_was_refused(shared):
    answer = await shared.ask("GET", "/search?limit=0", headers={"Origin": APP})
    assert answer.status in (401, 422)
    assert answer.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "null",
    ],
)
@pytest.mark.parametrize("route", ROUTES)
async def test_every_other_origin_is_refused_and_told_nothing(shared, route, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": method_of(route)}
    for answer in (
        await shared.ask("OPTIONS", path_of(route), headers=headers),
        await ask(shared, route, {**ADMIN.bearer, "Origin": origin}),
    ):
        assert_problem(answer, 403, "foreign-origin")
        assert not any(name in answer.headers for name in CORS)


async def test_what_is_no_question_of_a_browser_is_answered_as_ever(shared):
    assert_problem(await shared.ask("OPTIONS", "/search", headers={"Origin": APP}), 405, "method-not-allowed")
    asks = {"Origin": APP, "Access-Control-Request-Method": "GET"}
    assert_problem(await shared.ask("OPTIONS", "/nothing", headers=asks), 404, "not-found")
    assert_problem(
        await shared.ask("OPTIONS", "/search", headers={"Access-Control-Request-Method": "GET"}),
        405,
        "method-not-allowed",
    )
    assert "Access-Control-Allow-Origin" not in (await shared.ask("GET", "/livez")).headers


async def test_without_the_setting_nobody_hears_of_it(world):
    answer = await world.ask("GET", "/livez", headers={"Origin": "http://localhost"})
    assert answer.status == 200
    assert not any(name in answer.headers for name in (*CORS, "Vary"))
