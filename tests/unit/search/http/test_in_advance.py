"""Searches that nobody has made, so that their answers are kept: they are like any other, and leave no trace."""

from __future__ import annotations

from freshet.schemas.http import SearchRequest
from freshet.search.load import Shed
from tests.unit.search.http.world import World

WARM = {"Freshet-Purpose": "warm"}


async def test_a_search_in_advance_is_answered_and_neither_recorded_nor_counted_nor_popular(world: World):
    body = {"query": "the cat", "limit": 2}
    warmed = await world.ask("POST", "/search", json=body, headers=WARM)
    assert warmed.status == 200
    assert world.quality.answers == []
    assert world.popular.top(10) == []
    assert world.sample("search_requests_total", outcome="answered") == 0
    asked = await world.ask("POST", "/search", json=body)
    assert asked.json["results"] == warmed.json["results"]
    assert [each.query for each in world.quality.answers] == ["the cat"]
    assert world.popular.top(10) == [SearchRequest(query="the cat", limit=2)]
    assert world.sample("search_requests_total", outcome="answered") == 1


async def test_while_others_need_their_places_it_is_to_come_again_and_users_are_answered():
    world = World(places=2)
    world.reader.put("cats", "the cat sat on a mat")
    async with world.serving(), world.admission.enter():
        assert (await world.ask("POST", "/search", json={"query": "cat"}, headers=WARM)).status == 200
        async with world.admission.enter():
            told = await world.ask("POST", "/search", json={"query": "cat"}, headers=WARM)
    assert told.status == 503
    assert int(told.headers["Retry-After"]) >= 1
    assert [world.sample("search_requests_total", outcome=each) for each in ("shed", "failed")] == [0, 0]
    assert all(world.sample("freshet_search_shed_total", reason=each.value) == 0 for each in Shed)


async def test_what_cannot_be_asked_is_not_popular(world: World):
    assert (await world.search("")).status == 422
    assert world.popular.top(10) == []
