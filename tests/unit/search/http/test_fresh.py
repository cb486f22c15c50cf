"""Freshness tokens over HTTP: what waits for them, and what is said of those that could not be waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import ClientSession

from freshet.schemas.http import MAX_TOKENS
from freshet.search.feed.mark import Mark
from freshet.search.http.fresh import FRESH_AFTER, WATERMARK
from tests.support.waiting import wait_until
from tests.unit.search.http.world import VERSION, Answer, World


class Told:
    """`Following` that knows what it is told; `waiting` counts those who wait for more."""

    def __init__(self) -> None:
        self.identity: str | None = "feed"
        self.sure = True
        self.watermarks: dict[str, dict[int, int]] = {}
        self.waiting = 0
        self._moved = asyncio.Event()

    def tell(self, version: str, **watermarks: int) -> None:
        """`tell("v1", p0=7)`."""
        self.watermarks[version] = {int(name[1:]): offset for name, offset in watermarks.items()}
        self._moved.set()
        self._moved = asyncio.Event()

    def mark(self, version: str) -> Mark:
        return Mark({}, self.watermarks.get(version, {}))

    async def reached(self, version: str, wanted: Mapping[int, int], *, seconds: float) -> bool:
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                while not self._has(version, wanted):
                    await self._moved.wait()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

    def _has(self, version: str, wanted: Mapping[int, int]) -> bool:
        told = self.watermarks.get(version, {})
        return all(told.get(partition, 0) >= offset for partition, offset in wanted.items())


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def world(told: Told) -> AsyncIterator[World]:
    world = World(following=told)
    world.reader.put("cats", "the cat sat on a mat")
    async with world.serving():
        yield world


async def waiting(world: World, told: Told, **options: object) -> asyncio.Task[Answer]:
    """A search that has begun to wait."""
    asked = asyncio.create_task(world.search("cat", wait_ms=30_000, **options))
    await wait_until(lambda: told.waiting or asked.done(), "it waits")
    assert not asked.done()
    return asked


async def test_an_answer_says_how_far_the_index_was_and_the_header_says_it_as_tokens(world, told):
    told.tell(VERSION, p0=18, p1=0, p2=3)
    answer = await world.search("cat")
    assert answer.json["index"] == {
        "version": VERSION,
        "topic": "documents",
        "watermarks": {"0": 18, "1": 0, "2": 3},
    }
    assert answer.headers[WATERMARK] == "documents/0@17,documents/2@2"
    again = await world.ask("POST", "/search", json={"query": "cat"}, headers={FRESH_AFTER: answer.headers[WATERMARK]})
    assert (again.status, "pending" in again.json) == (200, False)


async def test_while_nothing_is_known_there_is_no_header(world):
    assert WATERMARK not in (await world.search("cat")).headers


async def test_a_search_waits_for_the_event_of_its_token(world, told):
    told.tell(VERSION, p0=17)
    asked = await waiting(world, told, fresh_after="documents/0@17")
    told.tell(VERSION, p0=18)
    answer = await asked
    assert answer.json["degraded"] == []
    assert "pending" not in answer.json
    assert answer.json["index"]["watermarks"] == {"0": 18}
    assert world.sample("freshet_fresh_after_total", outcome="met") == 1


async def test_of_several_tokens_it_waits_for_all_wherever_they_stand(world, told):
    told.tell(VERSION, p0=5, p1=5)
    asked = asyncio.create_task(
        world.ask(
            "GET",
            "/search?q=cat&wait_ms=30000&fresh_after=documents/0@5,documents/0@3,documents/1@1",
            headers={FRESH_AFTER: "documents/1@6, documents/1@2"},
        )
    )
    for watermarks in ({"p0": 6, "p1": 5}, {"p0": 6, "p1": 6}):
        told.tell(VERSION, **watermarks)
        await wait_until(lambda: told.waiting)
        assert not asked.done()
    told.tell(VERSION, p0=6, p1=7)
    assert "pending" not in (await asked).json


async def test_what_could_not_be_waited_for_is_said_in_the_answer(world, told):
    told.tell(VERSION, p0=5)
    answer = await world.search("cat", fresh_after=["documents/0@4", "documents/0@5", "documents/7@0"], wait_ms=1)
    assert answer.status == 200
    assert [result["id"] for result in answer.json["results"]] == ["cats"]
    assert answer.json["degraded"] == ["not_fresh"]
    assert answer.json["pending"] == ["documents/0@5", "documents/7@0"]
    assert world.sample("freshet_fresh_after_total", outcome="late") == 1
    assert world.sample("freshet_search_degraded_total", reason="not_fresh") == 1


async def test_a_wait_ends_before_the_deadline_of_the_request(told):
    world = World(following=told)
    async with world.serving(deadline_seconds=0.2):
        answer = await world.search("cat", fresh_after="documents/0@5", wait_ms=30_000)
    assert (answer.status, answer.json["pending"]) == (200, ["documents/0@5"])


async def test_who_waits_holds_no_place_and_its_wait_is_no_latency(told):
    world = World(following=told, places=1)
    async with world.serving():
        began = time.perf_counter()
        asked = await waiting(world, told, fresh_after="documents/0@5")
        waits = time.perf_counter()
        assert (await world.search("cat")).status == 200
        assert world.sample("freshet_search_in_flight") == 0
        before = world.sample("search_latency_seconds_sum")
        await asyncio.sleep(0.1)  # only so that a wait that was counted would show
        waited = time.perf_counter() - waits
        told.tell(VERSION, p0=6)
        await asked
        took = world.sample("search_latency_seconds_sum") - before
        assert took <= time.perf_counter() - began - waited


async def test_a_wait_follows_a_switch_of_the_live_version(world, told):
    told.tell(VERSION, p0=5)
    asked = await waiting(world, told, fresh_after="documents/0@5")
    world.versions.name = "documents__def"
    told.tell(VERSION, p0=6)
    await wait_until(lambda: told.waiting)
    assert not asked.done()
    told.tell("documents__def", p0=9)
    answer = await asked
    assert answer.json["index"]["version"] == "documents__def"
    assert "pending" not in answer.json


async def test_the_answer_is_judged_by_the_version_that_gave_it(world, told):
    """As when another version, which is behind, goes live between the wait and the search."""
    await world.search("cat")
    told.tell(VERSION, p0=6)
    told.tell("documents__def", p0=2)
    world.versions.name = "documents__def"
    answer = await world.search("cat", fresh_after="documents/0@5", wait_ms=1)
    assert answer.json["pending"] == ["documents/0@5"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("documents/0", "is not a freshness token"),
        ("", "is not a freshness token"),
        (["documents/0@1", "x"], "is not a freshness token"),
        (["documents/0@1"] * (MAX_TOKENS + 1), "at most 100"),
        (7, "valid"),
    ],
)
async def test_a_token_that_is_none_is_refused(world, given, message):
    answer = await world.search("cat", fresh_after=given)
    assert answer.status == 422
    [error] = answer.json["errors"]
    assert error["field"].startswith("fresh_after")
    assert message in error["message"]


async def test_for_a_token_of_another_topic_nobody_waits_and_the_answer_says_that_it_may_not_show_it(world, told):
    """Clients that send back what they saw last have such tokens for a while when an index moves to another topic."""
    told.tell(VERSION, p0=6)
    answer = await world.search("cat", fresh_after=["others/0@1", "documents/0@5"], wait_ms=30_000)
    assert (answer.status, answer.json["pending"]) == (200, ["others/0@1"])
    assert "not_fresh" in answer.json["degraded"]


@pytest.mark.parametrize("given", ["x", ",".join(f"documents/0@{number}" for number in range(MAX_TOKENS + 1))])
async def test_a_header_that_holds_no_tokens_or_too_many_is_refused(world, given):
    answer = await world.ask("POST", "/search", json={"query": "cat"}, headers={FRESH_AFTER: given})
    assert answer.status == 422
    assert answer.json["errors"][0]["field"] == FRESH_AFTER


async def test_a_wait_that_is_none_or_too_long_is_refused(world):
    for wait_ms in (-1, 30_001, 1.5):
        assert (await world.search("cat", wait_ms=wait_ms)).status == 422


async def test_without_a_feed_no_token_is_waited_for():
    async with World().serving() as world:
        answer = await world.search("cat", fresh_after="documents/0@5", wait_ms=30_000)
    assert (answer.json["degraded"], answer.json["pending"]) == (["not_fresh"], ["documents/0@5"])


async def test_an_answer_says_that_the_feed_is_not_followed(world, told):
    told.sure = False
    assert (await world.search("cat")).json["degraded"] == ["changes_unknown"]
    assert world.sample("freshet_search_degraded_total", reason="changes_unknown") == 1


async def test_a_document_is_told_once_its_event_is_indexed(world, told):
    told.tell(VERSION, p0=5)
    asked = asyncio.create_task(world.ask("GET", "/documents/cats?fresh_after=documents/0@5&wait_ms=30000"))
    await wait_until(lambda: told.waiting)
    told.tell(VERSION, p0=6)
    answer = await asked
    assert answer.json["index"]["watermarks"] == {"0": 6}
    assert answer.headers[WATERMARK] == "documents/0@5"
    assert "pending" not in answer.json


async def test_a_document_that_may_be_newer_is_told_as_such(world, told):
    told.tell(VERSION, p0=5)
    answer = await world.ask("GET", "/documents/cats?wait_ms=0", headers={FRESH_AFTER: "documents/0@5,documents/0@4"})
    assert answer.json["pending"] == ["documents/0@5"]
    assert answer.json["told"][-1] == "This may not show yet: documents/0@5."


async def test_the_end_of_the_service_is_not_held_up_by_who_waits_and_who_is_answered(told):
    world = World(following=told)
    async with ClientSession() as session:
        server = world.serving(deadline_seconds=60)
        await server.__aenter__()
        world.session = session  # one that outlives the server
        asked = await waiting(world, told, fresh_after="documents/0@5")
        await server.__aexit__(None, None, None)
        answer = await asked
    assert (answer.status, answer.json["pending"]) == (200, ["documents/0@5"])
