"""More searches than there are places: some wait, the rest are sent away, and nothing else is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from freshet.search.load import Shed, ShedError
from tests.support.waiting import wait_until
from tests.unit.search.http.test_errors import ROUTES, assert_problem
from tests.unit.search.http.world import World


class Gate:
    """An embedder that lets queries through when it is opened."""

    def __init__(self, world: World) -> None:
        self.open = asyncio.Event()
        self.waiting = 0
        self._embed = world.embedder.embed
        world.embedder.embed = self.embed  # type: ignore[method-assign]

    async def embed(self, *texts: Any, **given: Any) -> Any:
        self.waiting += 1
        await self.open.wait()
        return await self._embed(*texts, **given)


async def test_searches_beyond_the_places_wait_and_those_beyond_the_queue_are_told_when_to_come_again():
    world = World(places=1)
    gate = Gate(world)
    async with world.serving():
        asked = [asyncio.create_task(world.search("cat")) for _ in range(5)]
        await wait_until(lambda: world.admission.waiting == 4, "the queue is full")
        shed = await world.search("cat")
        assert_problem(shed, 503, "overloaded")
        assert shed.headers["Retry-After"] == "1"
        assert (gate.waiting, world.sample("freshet_search_in_flight")) == (1, 1)
        gate.open.set()
        assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * 5
        assert (await world.search("cat")).status == 200
    assert world.sample("freshet_search_in_flight") == 0
    assert world.sample("freshet_search_shed_total", reason="queue_full") == 1
    assert world.sample("search_requests_total", outcome="shed") == 1
    assert world.sample("search_latency_seconds_count") == 6, "what was sent away at once is no fast answer"
    assert world.sample("freshet_search_stage_seconds_count", stage="queue") == 6
    status = world.metrics.status()
    assert (status.in_flight, status.shed["queue_full"], status.searches["shed"]) == (0, 1, 1)


@pytest.mark.parametrize(("method", "path", "given"), [*ROUTES[2:], ("GET", "/", {}), ("GET", "/index", {})])
async def test_health_pages_and_publishing_are_answered_however_many_search(method, path, given):
    world = World(places=1)
    gate = Gate(world)
    async with world.serving():
        asked = [asyncio.create_task(world.search("cat")) for _ in range(5)]
        await wait_until(lambda: world.admission.waiting == 4, "the queue is full")
        world.service._tried.add(world.embedder.model.fingerprint)  # else /readyz asks the model, which is held up here
        assert (await world.ask(method, path, **given)).status in {200, 202}
        gate.open.set()
        await asyncio.gather(*asked)


async def test_who_hangs_up_while_waiting_leaves_the_queue_and_costs_nothing():
    world = World(places=1)
    gate = Gate(world)
    async with world.serving():
        first = asyncio.create_task(world.search("cat"))
        await wait_until(lambda: gate.waiting == 1, "the first is worked on")
        second = asyncio.create_task(world.search("cat"))
        await wait_until(lambda: world.admission.waiting == 1, "the second waits")
        second.cancel()
        await wait_until(lambda: world.admission.waiting == 0, "it has left the queue")
        gate.open.set()
        assert (await first).status == 200
    assert gate.waiting == 1
    assert world.sample("search_requests_total", outcome="cancelled") == 1


async def test_what_still_waits_at_its_deadline_is_dropped():
    world = World(places=1)
    async with world.serving(deadline_seconds=0.05), world.admission.enter():
        assert (await world.search("cat")).status in {503, 504}
        assert world.admission.waiting == 0
    assert world.embedder.asked == []
    assert world.admission.working == 0


async def test_a_queue_before_the_model_that_is_full_is_told_like_ours(world):
    world.embedder.failure = ShedError("embed the query", Shed.EMBEDDING, retry_after=2.5)
    shed = await world.search("cat")
    assert_problem(shed, 503, "overloaded")
    assert shed.headers["Retry-After"] == "3"
    assert world.sample("freshet_search_shed_total", reason="embedding") == 1
