"""A Redis that loses, keeps what is old, corrupts and mixes up: what it gives back is right, or is not used.

Of both caches: answers that processes share, and vectors on their way into the index.
"""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.embedding.redis import RedisEmbeddingCache
from freshet.search.redis import connect
from freshet.search.results.redis import RedisResults
from freshet.search.results.upkeep import Shared
from tests.support.embedder import CountingEmbedder, vector_of
from tests.support.proxy import TcpProxy, Trouble
from tests.support.servers import LocalRedis
from tests.support.waiting import wait_until

Start = Callable[[], Awaitable[LocalRedis]]
KEYS = ("a", "b", "c")


class Cache(Protocol):
    """A cache over Redis, as a test sees it."""

    async def put(self, key: str) -> None:
        """Put what belongs to a key, and return when Redis has it or has refused it."""
        ...

    async def hits(self, key: str) -> bool:
        """Whether it is known; fails where anything else is given back."""
        ...


class Answers:
    """Answers by key; each time another one is put."""

    def __init__(self, client: Redis, prefix: str, *, timeout: float = 10) -> None:
        self.outcomes: list[Shared] = []
        self._results = RedisResults(
            client, prefix=prefix, timeout=timeout, pause=0.05, counted=lambda outcome, _: self.outcomes.append(outcome)
        )
        self._put: dict[str, set[bytes]] = defaultdict(set)

    async def put(self, key: str) -> None:
        value, count = f"answer {len(self._put[key])} to {key}".encode(), len(self.outcomes)
        self._put[key].add(value)
        await self._results.put(key, value, ttl=600)
        await wait_until(lambda: len(self.outcomes) > count)

    async def hits(self, key: str) -> bool:
        found = await self._results.get(key)
        assert found is None or found in self._put[key]
        return found is not None


class Vectors:
    """Vectors of texts, by the embedder that the worker indexes with."""

    def __init__(self, client: Redis, prefix: str, *, timeout: float = 10) -> None:
        self._model = CountingEmbedder()
        cache = RedisEmbeddingCache(client, prefix=prefix, timeout=timeout, pause=0.05)
        self._embedder = CachedEmbedder(self._model, cache, EmbeddingMetrics(CollectorRegistry()))
        self._cache = cache

    async def put(self, key: str) -> None:
        await self._embedder.embed([key])

    async def hits(self, key: str) -> bool:
        [known] = await self._embedder.known([key])
        assert known is None or (known == vector_of(key)).all()
        [vector] = (await self._embedder.embed([key])).vectors
        assert (vector == vector_of(key)).all()
        return known is not None


CACHES = pytest.mark.parametrize("cache_of", [Answers, Vectors])
Make = type[Answers] | type[Vectors]


@CACHES
async def test_what_was_flushed_is_not_known_until_it_is_put_again(restartable_redis: Start, cache_of: Make):
    server = await restartable_redis()
    client = connect(server.url, timeout=10)
    cache = cache_of(client, "test:")
    await cache.put("a")
    assert await cache.hits("a")
    await client.flushall()
    assert not await cache.hits("a")
    await cache.put("a")
    assert await cache.hits("a")
    await client.aclose()


@CACHES
async def test_a_redis_that_restarts_with_an_old_dump_gives_what_was_once_put_there(
    restartable_redis: Start, cache_of: Make
):
    server = await restartable_redis()
    client = connect(server.url, timeout=10)
    cache = cache_of(client, "test:")
    await cache.put("a")
    await client.save()
    for key in ("a", "b"):
        await cache.put(key)
    await server.stop()
    await server.start()
    await client.connection_pool.disconnect()  # else the first call would fail, and the next be left out
    found = [await cache.hits(key) for key in ("a", "b")]
    assert found == [True, False]
    await client.aclose()


@CACHES
async def test_a_redis_that_fails_over_to_an_empty_one_is_filled_again(restartable_redis: Start, cache_of: Make):
    one, other = await restartable_redis(), await restartable_redis()
    async with TcpProxy(one.port) as proxy:
        client = connect(f"redis://127.0.0.1:{proxy.port}/0", timeout=10)
        cache = cache_of(client, "test:")
        await cache.put("a")
        assert await cache.hits("a")
        proxy.upstream = other.port
        await one.stop()
        await wait_until(lambda: _back(cache, client), "the other is used")
        await client.aclose()


async def _back(cache: Cache, client: Redis) -> bool:
    await cache.put("a")
    return await cache.hits("a") and await client.dbsize() > 0


Mischief = tuple[str, str, str, int, int]
MISCHIEF = st.tuples(
    st.sampled_from(["put", "flip", "cut", "lengthen", "copy", "swap"]),
    st.sampled_from(KEYS),
    st.sampled_from(KEYS),
    st.integers(0, 200),
    st.integers(1, 255),
)


@CACHES
@settings(max_examples=40)
@given(mischief=st.lists(MISCHIEF, min_size=1, max_size=8))
async def test_no_value_that_was_changed_or_moved_is_taken_for_what_was_put(
    redis_url: str, cache_of: Make, mischief: list[Mischief]
):
    prefix = f"test-{uuid.uuid4()}:"
    client = connect(redis_url, timeout=10)
    cache = cache_of(client, prefix)
    names: dict[str, Any] = {}
    for key in KEYS:
        before = set(await client.keys(f"{prefix}*"))
        await cache.put(key)
        [names[key]] = set(await client.keys(f"{prefix}*")) - before
    for what, key, other, at, by in mischief:
        if what == "put":
            await cache.put(key)
        else:
            await _do(client, what, names[key], names[other], at=at, by=by)
        for each in KEYS:
            await cache.hits(each)
    await client.delete(*names.values())
    await client.aclose()


async def _do(client: Redis, what: str, name: Any, other: Any, *, at: int, by: int) -> None:
    value: Any = await client.get(name) or b"?"
    at %= len(value)
    match what:
        case "flip":
            await client.set(name, value[:at] + bytes([value[at] ^ by]) + value[at + 1 :])
        case "cut":
            await client.set(name, value[:at])
        case "lengthen":
            await client.append(name, bytes([by]))
        case "copy":
            await client.set(other, value)
        case "swap":
            theirs: Any = await client.get(other) or b"?"
            await client.mset({name: theirs, other: value})


async def test_every_single_damaged_byte_of_an_answer_is_a_miss(redis_url: str):
    prefix = f"test-{uuid.uuid4()}:"
    client = connect(redis_url, timeout=10)
    cache = Answers(client, prefix)
    await cache.put("a")
    value: Any = await client.get(f"{prefix}a")
    wrong = [value[:at] + bytes([value[at] ^ bit]) + value[at + 1 :] for at in range(len(value)) for bit in (1, 128)]
    wrong += [value[:length] for length in range(len(value))]
    wrong += [value + b"\0", value * 2, b"\0" * len(value), b"an entry of some other program"]
    for each in wrong:
        await client.set(f"{prefix}a", each)
        assert not await cache.hits("a"), each
    await client.set(f"{prefix}a", value)
    assert await cache.hits("a")
    await client.delete(f"{prefix}a")
    await client.rpush(f"{prefix}a", "a list")
    assert not await cache.hits("a")
    await client.aclose()


@CACHES
async def test_a_redis_that_takes_too_long_is_gone_without_and_used_again_when_it_is_well(
    restartable_redis: Start, cache_of: Make, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "freshet.search")
    server = await restartable_redis()
    async with TcpProxy(server.port) as proxy:
        client = connect(f"redis://127.0.0.1:{proxy.port}/0", timeout=0.5)
        cache = cache_of(client, "test:", timeout=0.5)
        await cache.put("a")
        proxy.trouble = lambda: Trouble(delay=3_600)
        assert not await cache.hits("a")  # and this test goes on
        proxy.calm()
        await wait_until(lambda: cache.hits("a"), "Redis is used again")
        await client.aclose()
    assert [record.levelname for record in caplog.records][:2] == ["WARNING", "INFO"]


@CACHES
async def test_a_redis_that_refuses_to_write_is_read_from_all_the_same_and_told_of_once(
    restartable_redis: Start, cache_of: Make, caplog: pytest.LogCaptureFixture
):
    server = await restartable_redis()
    client = connect(server.url, timeout=10)
    cache = cache_of(client, "test:")
    await cache.put("a")
    await client.config_set("maxmemory", 1)  # it is full; by default it refuses what is new
    for _ in range(3):
        await cache.put("b")
        assert await cache.hits("a")
        assert not await cache.hits("b")
    [told] = caplog.records
    assert "OutOfMemory" in told.getMessage()
    await client.aclose()
