from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession

from freshet.schemas.decoding import Rules
from freshet.schemas.errors import TransientError
from freshet.schemas.fields import Kind
from freshet.schemas.positions import Order
from freshet.search.rerank.base import RerankOff
from freshet.search.reranking import Reranking
from tests.support.waiting import wait_until
from tests.unit.search.http.test_reranking import ByNumber
from tests.unit.search.http.world import VERSION, Answer, MemoryReader, World

LONG = 8000


async def facts(world, query=""):
    answer = await world.ask("GET", f"/index{query}")
    assert answer.status == 200, answer.body
    return answer.json


async def waiting(world: World, query: str) -> asyncio.Task[Answer]:
    """A long poll that has begun to wait."""
    asked = asyncio.create_task(world.ask("GET", f"/index?{query}"))
    await wait_until(lambda: world.watch._waiting or asked.done(), "it waits")
    assert not asked.done()
    return asked


async def test_the_index_tells_what_it_holds_and_how_fresh_it_is(world):
    world.reader.put("newest", "text", event_time=1_800_000_000.25, searchable_at=1_800_000_001.123457)
    before = datetime.now(UTC)
    answer = await facts(world)
    assert before <= datetime.fromisoformat(answer.pop("now")) <= datetime.now(UTC)
    assert answer == {
        "index": "documents",
        "version": VERSION,
        "documents": 4,
        "newest_event_at": "2027-01-15T08:00:00.250000Z",
        "changed_at": "2027-01-15T08:00:01.123457Z",
        "tenants": False,
        "order": "log",
        "publishing": True,
        "tenant": None,
        "fields": {},
        "reranking": False,
    }


async def test_an_empty_index_is_told_with_nulls():
    async with World().serving() as world:
        answer = await facts(world)
    assert (answer["documents"], answer["newest_event_at"], answer["changed_at"]) == (0, None, None)


async def test_the_settings_of_the_topic_are_told_and_that_nothing_can_be_published():
    async with World().serving(publishes=False, rules=Rules(tenants=True, order=Order.VERSION)) as world:
        answer = await facts(world)
    assert (answer["tenants"], answer["order"], answer["publishing"]) == (True, "version", False)


async def test_what_searches_can_ask_for_is_told():
    reader = MemoryReader()
    reader.fields = {"lang": Kind.KEYWORD, "author.name": Kind.TEXT}
    world = World(reader=reader, reranking=Reranking(ByNumber(), seconds=1))
    async with world.serving():
        answer = await facts(world)
    assert answer["fields"] == {"metadata.lang": "keyword", "metadata.author.name": "text"}
    assert answer["reranking"] is True


async def test_a_reranker_that_could_not_be_had_is_not_offered():
    async with World(reranking=Reranking(RerankOff("no hub", wanted=True), seconds=1)).serving() as world:
        assert (await facts(world))["reranking"] is False


async def test_a_long_poll_is_answered_when_a_document_becomes_searchable(world):
    world.reader.put("a", "text", searchable_at=1_800_000_001.123457)
    known = (await facts(world))["changed_at"]
    asked = await waiting(world, f"after={known}&wait_ms={LONG}")
    world.reader.put("b", "text", searchable_at=1_800_000_002.0)
    answer = (await asked).json
    assert (answer["changed_at"], answer["documents"]) == ("2027-01-15T08:00:02Z", 5)


async def test_a_long_poll_that_knows_less_than_there_is_is_answered_at_once(world):
    other = (datetime.fromisoformat((await facts(world))["changed_at"]) - timedelta(microseconds=1)).isoformat()
    answer = await facts(world, f"?after={other.replace('+', '%2B')}&wait_ms={LONG}")
    assert answer["documents"] == 3


async def test_a_long_poll_on_an_empty_index_is_answered_with_the_first_document():
    async with World().serving() as world:
        asked = await waiting(world, f"wait_ms={LONG}")
        world.reader.put("first", "text", searchable_at=1.0)
        assert (await asked).json["documents"] == 1


async def test_a_wait_longer_than_the_deadline_of_a_request_ends_before_it():
    async with World().serving(deadline_seconds=1.5) as world:
        assert (await facts(world, "?wait_ms=30000"))["documents"] == 0


async def test_without_a_live_version_it_is_unavailable_at_once_and_while_somebody_waits(world):
    known = (await facts(world))["changed_at"]
    asked = await waiting(world, f"after={known}&wait_ms={LONG}")
    world.versions.name = None
    for answer in (await asked, await world.ask("GET", f"/index?wait_ms={LONG}")):
        assert (answer.status, answer.json["type"]) == (503, "/problems/unavailable")
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.headers["Retry-After"] == "1"


async def test_an_index_that_cannot_be_read_is_unavailable(world):
    world.reader.failure = TransientError("read the newest ledger record", "away")
    assert (await world.ask("GET", "/index")).status == 503


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=2026-11-20T12:00:00", "after"),
        ("after=yesterday", "after"),
        ("after=", "after"),
        ("wait_ms=-1", "wait_ms"),
        ("wait_ms=30001", "wait_ms"),
        ("wait_ms=soon", "wait_ms"),
        ("wait=8000", "wait"),
        ("wait_ms=1&wait_ms=2", "wait_ms"),
    ],
)
async def test_a_parameter_that_is_misspelt_or_out_of_bounds_is_named(world, query, field):
    answer = await world.ask("GET", f"/index?{query}")
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


async def test_it_is_not_counted_as_a_search(world):
    await facts(world)
    await world.ask("GET", "/index?nonsense=1")
    assert sum(world.sample("search_requests_total", outcome=each) for each in ("answered", "refused", "failed")) == 0


async def test_the_end_of_the_service_is_not_held_up_by_a_long_poll_which_is_answered():
    world = World()
    async with ClientSession() as session:
        server = world.serving(deadline_seconds=60)
        await server.__aenter__()
        world.session = session  # one that outlives the server
        asked = await waiting(world, "wait_ms=30000")
        await server.__aexit__(None, None, None)
        answer = await asked
    assert (answer.status, answer.json["documents"]) == (200, 0)


async def test_when_nobody_waits_any_more_the_index_is_left_alone(world):
    known = (await facts(world))["changed_at"].replace("+", "%2B")
    asked = await waiting(world, f"after={known}&wait_ms={LONG}")
    asked.cancel()
    await wait_until(lambda: world.watch._waiting == 0, "nobody waits")


async def test_a_wait_under_a_short_deadline_is_a_wait_all_the_same():
    async with World().serving(deadline_seconds=0.4) as world:
        clock = asyncio.get_running_loop().time
        before = clock()
        assert (await facts(world, "?wait_ms=30000"))["documents"] == 0
        assert clock() - before >= 0.2
