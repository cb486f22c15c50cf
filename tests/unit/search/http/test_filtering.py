"""Filters, facets and lists without a query, as callers see them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from freshet.schemas.fields import Kind
from tests.unit.search.http.test_errors import assert_problem
from tests.unit.search.http.world import World

FIELDS = {"lang": Kind.KEYWORD, "price": Kind.FLOAT, "open": Kind.BOOL}
ENGLISH = {"must": [{"key": "metadata.lang", "match": {"value": "en"}}]}


@pytest.fixture
async def shop() -> AsyncIterator[World]:
    """Lamps in two languages, the newest last."""
    world = World()
    world.reader.fields = FIELDS
    for number in range(12):
        lang = "en" if number % 3 else "de"
        world.reader.put(
            f"lamp-{number:02}", f"a lamp of {number}", searchable_at=float(number), lang=lang, price=float(number)
        )
    world.reader.put("gone", "a lamp", searchable_at=99.0, deleted=True, lang="en")
    async with World(reader=world.reader).serving() as served:
        yield served


async def ids(world: World, **body: object) -> list[str]:
    answer = await world.ask("POST", "/search", json={"limit": 20, **body})
    assert answer.status == 200, answer.body
    return [result["id"] for result in answer.json["results"]]


@pytest.mark.parametrize("mode", ["dense", "sparse", "hybrid"])
async def test_only_documents_that_pass_are_found_in_every_mode(shop: World, mode: str):
    found = await ids(shop, query="lamp", mode=mode, filters=ENGLISH)
    assert set(found) == {f"lamp-{number:02}" for number in range(12) if number % 3}


@pytest.mark.parametrize("query", ["", " \n\x00"])
async def test_a_filter_without_a_query_lists_the_newest_documents_with_their_first_passage(shop: World, query: str):
    answer = await shop.ask("POST", "/search", json={"query": query, "filters": ENGLISH, "limit": 3, "explain": True})
    assert [result["id"] for result in answer.json["results"]] == ["lamp-11", "lamp-10", "lamp-08"]
    first = answer.json["results"][0]
    assert (first["text"], first["score"], first["explanation"]["dense"]) == ("a lamp of 11", 0.0, None)
    assert shop.embedder.asked == []


async def test_pages_of_a_list_follow_one_another(shop: World):
    whole = await ids(shop, filters=ENGLISH)
    pages = [await ids(shop, filters=ENGLISH, limit=3, offset=at) for at in range(0, 9, 3)]
    assert [each for page in pages for each in page] == whole
    assert len(whole) == 8


async def test_a_list_needs_a_filter(shop: World):
    problem = assert_problem(await shop.ask("POST", "/search", json={"query": ""}), 422, "invalid-request")
    assert problem["errors"][0]["field"] == "query"
    assert "filters" in problem["errors"][0]["message"]
    assert await ids(shop, filters={}) == [f"lamp-{number:02}" for number in reversed(range(12))]


async def test_facets_count_all_documents_that_pass_whatever_the_query(shop: World):
    body = {"query": "lamp of 1", "limit": 1, "facets": ["metadata.lang"]}
    answer = (await shop.ask("POST", "/search", json=body)).json
    assert answer["facets"] == {"metadata.lang": [{"value": "en", "count": 8}, {"value": "de", "count": 4}]}
    answer = (await shop.ask("POST", "/search", json=body | {"filters": ENGLISH, "facet_limit": 1})).json
    assert answer["facets"] == {"metadata.lang": [{"value": "en", "count": 8}]}
    assert "facets" in answer["stages"]


async def test_people_can_filter_with_an_address(shop: World):
    address = f"/search?q=lamp&limit=20&facets=metadata.lang&filters={quote(json.dumps(ENGLISH))}"
    answer = (await shop.ask("GET", address)).json
    assert {result["id"] for result in answer["results"]} == set(await ids(shop, query="lamp", filters=ENGLISH))
    assert answer["facets"]["metadata.lang"][0] == {"value": "en", "count": 8}


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        (
            {"filters": {"must": [{"key": "metadata.colour", "match": {"value": "red"}}]}},
            "filters.must[0].key",
            "FIELDS",
        ),
        ({"filters": {"must": [{"key": "metadata.lang", "range": {"lt": 3}}]}}, "filters.must[0].range", "keyword"),
        ({"facets": ["metadata.colour"]}, "facets[0]", "FRESHET_FIELDS"),
        ({"facets": ["metadata.price"]}, "facets[0]", "float"),
    ],
)
async def test_a_field_that_is_not_declared_or_not_of_that_kind_is_told_with_its_place(shop, body, field, told):
    problem = assert_problem(await shop.ask("POST", "/search", json={"query": "lamp", **body}), 422, "invalid-request")
    assert problem["errors"][0]["field"] == field
    assert told in problem["errors"][0]["message"]


async def test_filters_and_facets_stay_with_their_tenant():
    world = World(tenants=True)
    world.reader.fields = FIELDS
    world.reader.put("one", "the lamp", tenant="acme", lang="en")
    world.reader.put("two", "the lamp", tenant="other", lang="secret")
    async with World(reader=world.reader, tenants=True).serving() as served:
        wide = {"must_not": [{"is_empty": {"key": "metadata.lang"}}]}
        for query in ("lamp", ""):
            body = {"query": query, "tenant": "acme", "filters": wide, "facets": ["metadata.lang"]}
            answer = await served.ask("POST", "/search", json=body)
            assert [result["id"] for result in answer.json["results"]] == ["one"]
            assert b"secret" not in answer.body
