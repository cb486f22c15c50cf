"""The embedding cache in a real Redis: what happens to values that are not ours, and when Redis is not there."""

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from redis.asyncio import Redis

from freshet.local.processes import free_port
from freshet.search.embedding.cache import CachedVector
from freshet.search.embedding.redis import RedisEmbeddingCache
from freshet.search.redis import connect
from tests.support.servers import LocalRedis

LOGGER = "freshet.search.embedding.redis"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url, timeout=10)
    yield client
    await client.aclose()


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4()}:"


@pytest.fixture
def cache(client: Redis, prefix: str) -> RedisEmbeddingCache:
    return RedisEmbeddingCache(client, prefix=prefix, timeout=10)


def entry(seed: int = 1) -> CachedVector:
    return CachedVector(np.random.default_rng(seed).normal(size=8).astype(np.float32), 7)


async def test_no_damaged_value_becomes_a_vector(client: Redis, cache: RedisEmbeddingCache, prefix: str):
    await cache.put_many({"a": entry()})
    value: Any = await client.get(f"{prefix}a")
    assert await cache.get_many(["a"]) != [None]
    damaged = [value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :] for at in range(len(value))]
    damaged += [value[:length] for length in range(len(value))]
    damaged += [value + b"\0", value * 2, b"\0" * len(value), b"an entry of some other program"]
    for wrong in damaged:
        await client.set(f"{prefix}a", wrong)
        assert await cache.get_many(["a"]) == [None], wrong


async def test_a_value_under_another_key_than_its_own_is_a_miss(client: Redis, cache: RedisEmbeddingCache, prefix: str):
    await cache.put_many({"a": entry()})
    await client.copy(f"{prefix}a", f"{prefix}b")
    found = await cache.get_many(["a", "b"])
    assert [one is not None for one in found] == [True, False]


async def test_keys_of_another_type_are_misses_and_no_trouble(
    client: Redis, cache: RedisEmbeddingCache, prefix: str, caplog: pytest.LogCaptureFixture
):
    await client.rpush(f"{prefix}a", "a list")
    assert await cache.get_many(["a"]) == [None]
    assert not caplog.records


async def test_entries_end_after_their_time_to_live(client: Redis, prefix: str):
    cache = RedisEmbeddingCache(client, prefix=prefix, timeout=10, ttl=1_000)
    await cache.put_many({"a": entry()})
    assert 900 < await client.ttl(f"{prefix}a") <= 1_000


async def test_a_redis_that_is_away_gives_misses_and_one_line(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, LOGGER)
    clock = Clock()
    client = connect(f"redis://127.0.0.1:{free_port()}/0", timeout=5)
    cache = RedisEmbeddingCache(client, timeout=5, pause=2, clock=clock)
    for second in range(10):
        clock.now = second
        await cache.put_many({"a": entry()})
        assert await cache.get_many(["a", "b"]) == [None, None]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    await cache.close()


async def test_a_redis_that_comes_back_is_used_again_and_said_so(
    restartable_redis: Callable[[], Awaitable[LocalRedis]], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, LOGGER)
    clock = Clock()
    server = await restartable_redis()
    cache = RedisEmbeddingCache(connect(server.url, timeout=10), timeout=10, pause=2, clock=clock)
    await cache.put_many({"a": entry()})
    await server.stop()
    assert await cache.get_many(["a"]) == [None]
    await server.start()
    await cache.put_many({"a": entry()})
    assert await cache.get_many(["a"]) == [None]  # left alone for a while, so the put was dropped
    clock.now += 2
    await cache.put_many({"a": entry()})
    [found] = await cache.get_many(["a"])
    assert found is not None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    await cache.close()


async def test_a_redis_that_hangs_costs_its_budget_once_and_then_nothing(
    restartable_redis: Callable[[], Awaitable[LocalRedis]],
):
    clock = Clock()
    server = await restartable_redis()
    cache = RedisEmbeddingCache(connect(server.url, timeout=10), timeout=1, pause=2, clock=clock)
    await cache.put_many({"a": entry()})
    server.process.pause()
    assert await cache.get_many(["a"]) == [None]
    server.process.resume()
    assert await cache.get_many(["a"]) == [None]
    clock.now += 2
    [found] = await cache.get_many(["a"])
    assert found is not None
    await cache.close()
