from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from freshet.schemas.access import Scope
from freshet.search.limits.base import Limit
from tests.unit.search.http.keys import ADMIN, PUBLISHER, SEARCHER, caller, keys
from tests.unit.search.http.test_access import GUARDED, OPEN, ask
from tests.unit.search.http.test_errors import assert_problem
from tests.unit.search.http.world import World

SECOND = 1_000_000
SLOW = caller("slow", Scope.ADMIN, rate=0.25, burst=1)
FREE = caller("free", Scope.ADMIN, rate=0)


@pytest.fixture
async def limited() -> AsyncIterator[World]:
    world = World()
    async with world.serving(keys=keys(SEARCHER, PUBLISHER, ADMIN, SLOW, FREE), limit=Limit(2, 3)):
        yield world


@pytest.mark.parametrize("route", GUARDED)
async def test_every_route_that_takes_a_key_counts_and_refuses_what_is_too_much(limited, route):
    for remaining in (2, 1, 0):
        answer = await ask(limited, route, ADMIN.bearer)
        assert answer.status < 300
        assert answer.headers["RateLimit-Policy"] == '"key";q=3;w=2'
        assert answer.headers["RateLimit"].startswith(f'"key";r={remaining};t=')
    refused = await ask(limited, route, ADMIN.bearer)
    assert_problem(refused, 429, "too-many-requests")
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit"] == '"key";r=0;t=2'
    limited.now += SECOND // 2
    assert (await ask(limited, route, ADMIN.bearer)).status < 300


async def test_each_key_is_counted_for_itself_by_its_own_limit_where_it_has_one(limited):
    assert (await limited.ask("GET", "/index", headers=SLOW.bearer)).status == 200
    refused = await limited.ask("GET", "/index", headers=SLOW.bearer)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "4")
    assert (await limited.ask("GET", "/index", headers=SEARCHER.bearer)).status == 200
    for _ in range(10):
        answer = await limited.ask("GET", "/index", headers=FREE.bearer)
        assert answer.status == 200
        assert "RateLimit" not in answer.headers


async def test_what_is_refused_for_its_scope_or_its_mistakes_counts_too(limited):
    for _ in range(3):
        await limited.ask("GET", "/search?limit=0", headers=PUBLISHER.bearer)
    assert (await limited.ask("GET", "/search?q=a", headers=PUBLISHER.bearer)).status == 429
    for _ in range(3):
        assert "RateLimit" in (await limited.ask("GET", "/search?limit=0", headers=SEARCHER.bearer)).headers
    assert (await limited.ask("GET", "/search?q=a", headers=SEARCHER.bearer)).status == 429


@pytest.mark.parametrize("route", OPEN)
async def test_probes_and_the_page_are_never_refused(limited, route):
    for _ in range(10):
        answer = await ask(limited, route, ADMIN.bearer)
        assert answer.status == 200
        assert "RateLimit" not in answer.headers


async def test_those_who_are_turned_away_are_counted_by_the_reason(limited):
    for _ in range(4):
        await limited.ask("GET", "/index", headers=SEARCHER.bearer)
    await limited.ask("DELETE", "/documents/a", headers=FREE.bearer)
    await limited.ask("GET", "/search?q=a", headers=PUBLISHER.bearer)
    await limited.ask("GET", "/search?q=a")
    reasons = ("no_key", "missing_scope", "too_many")
    assert [limited.sample("freshet_http_refusals_total", reason=each) for each in reasons] == [1, 1, 1]


async def test_without_keys_nothing_is_counted(world):
    async with world.serving(limit=Limit(1, 1)):
        for _ in range(5):
            assert (await world.ask("GET", "/index")).status == 200
