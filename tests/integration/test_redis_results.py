"""Answers in a real Redis: what putting and getting them costs, and how many may wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from prometheus_client import CollectorRegistry

from freshet.local.processes import free_port
from freshet.search.redis import connect
from freshet.search.results.redis import KEY_PREFIX, MAX_BYTES, RedisResults
from freshet.search.results.upkeep import Shared, UpkeepMetrics
from freshet.settings import load_settings
from freshet.wiring.results_redis import open_shared_results
from tests.support.servers import LocalRedis
from tests.support.waiting import wait_until

Start = Callable[[], Awaitable[LocalRedis]]


def open_results(url: str, counts: Counter[Shared]) -> RedisResults:
    def counted(outcome: Shared, count: int) -> None:
        counts[outcome] += count

    return RedisResults(connect(url, timeout=10), timeout=10, counted=counted)


async def test_many_callers_cost_few_commands(restartable_redis: Start):
    server, counts = await restartable_redis(), Counter[Shared]()
    results, client = open_results(server.url, counts), connect(server.url, timeout=10)
    put = {f"{number:03}": bytes([number]) * number for number in range(100)}
    for key, value in put.items():
        await results.put(key, value, ttl=60)
    await wait_until(lambda: counts[Shared.WRITTEN] == len(put))
    found = await asyncio.gather(*(results.get(key) for key in put))
    assert found == list(put.values())
    stats: Any = await client.info("commandstats")
    assert stats["cmdstat_mget"]["calls"] <= 7  # for each may be large
    await client.aclose()
    await results.close()


async def test_an_answer_ends_after_its_time_and_one_without_time_is_not_kept(restartable_redis: Start):
    server, counts = await restartable_redis(), Counter[Shared]()
    results, client = open_results(server.url, counts), connect(server.url, timeout=10)
    for key, ttl in (("never", 0.0), ("past", -5.0), ("a", 1_000.5)):
        await results.put(key, b"answer", ttl=ttl)
    await wait_until(lambda: counts[Shared.WRITTEN])
    assert await client.keys("*") == [f"{KEY_PREFIX}a".encode()]
    assert 900_000 < await client.pttl(f"{KEY_PREFIX}a") <= 1_000_500
    await client.aclose()
    await results.close()


async def test_the_last_of_several_answers_is_kept(redis_url: str):
    counts = Counter[Shared]()
    results = open_results(redis_url, counts)
    for value in (b"1", b"2", b"3"):
        await results.put("0123-last", value, ttl=60)
    await wait_until(lambda: counts[Shared.WRITTEN])
    assert await results.get("0123-last") == b"3"
    await results.close()


async def test_what_is_too_large_is_not_shared_and_replaces_nothing(redis_url: str):
    counts = Counter[Shared]()
    results = open_results(redis_url, counts)
    await results.put("0123-large", b"x" * MAX_BYTES, ttl=60)
    await results.put("0123-larger", b"x" * (MAX_BYTES + 1), ttl=60)
    await wait_until(lambda: counts[Shared.WRITTEN])
    assert counts == {Shared.WRITTEN: 1, Shared.TOO_LARGE: 1}
    assert await results.get("0123-large") is not None
    assert await results.get("0123-larger") is None
    await results.close()


async def test_no_more_waits_than_there_is_room_for_and_nobody_waits_with_it(restartable_redis: Start):
    server, counts = await restartable_redis(), Counter[Shared]()
    results = open_results(server.url, counts)
    server.process.pause()
    for number in range(1_000):
        await results.put(f"{number:04}", b"answer", ttl=60)
    assert counts == {Shared.CROWDED: 1_000 - 256}
    server.process.resume()
    await wait_until(lambda: counts[Shared.WRITTEN] == 256)
    for number in range(40):
        await results.put(f"{number:04}", b"x" * MAX_BYTES, ttl=60)
    assert counts[Shared.CROWDED] == 1_000 - 256 + 40 - 15  # the sixteenth, with its header, is beyond 16 MB
    await results.close()


async def test_closing_drops_what_waits_and_then_there_are_misses(restartable_redis: Start):
    server, counts = await restartable_redis(), Counter[Shared]()
    results = open_results(server.url, counts)
    server.process.pause()
    reading = asyncio.create_task(results.get("a"))
    await results.put("a", b"answer", ttl=60)
    await asyncio.sleep(0)
    await results.close()
    await results.close()
    assert await reading is None
    await results.put("a", b"answer", ttl=60)
    assert await results.get("a") is None
    server.process.resume()


async def test_processes_of_one_redis_share_answers_and_without_one_there_is_nothing_to_share(redis_url: str):
    async with AsyncExitStack() as stack:
        given = load_settings(redis={"url": redis_url, "timeout_seconds": 10})
        one, other = (open_shared_results(given, stack, UpkeepMetrics(CollectorRegistry())) for _ in range(2))
        assert one is not None
        assert other is not None
        await one.put("0123-shared", b"answer", ttl=60)
        reading = other

        async def is_there() -> bool:
            return await reading.get("0123-shared") == b"answer"

        await wait_until(is_there, "the other has it")
        assert open_shared_results(load_settings(), stack, UpkeepMetrics(CollectorRegistry())) is None


async def test_a_redis_that_is_away_loses_what_is_put_and_says_so():
    counts = Counter[Shared]()
    results = open_results(f"redis://127.0.0.1:{free_port()}/0", counts)
    await results.put("a", b"answer", ttl=60)
    await wait_until(lambda: counts[Shared.FAILED] == 1)
    assert await results.get("a") is None
    await results.close()
