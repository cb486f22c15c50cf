"""The contract of embedding caches, for each adapter."""

import uuid
from collections.abc import AsyncIterator

import numpy as np
import pytest

from freshet.search.embedding.cache import CachedVector, EmbeddingCache
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.redis import RedisEmbeddingCache
from freshet.search.embedding.tiered import TieredEmbeddingCache
from freshet.search.redis import connect


def entry(seed: int, dimension: int = 384) -> CachedVector:
    vector = np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
    return CachedVector(vector, seed)


class CacheSuite:
    async def test_what_was_put_is_found_to_the_bit(self, cache: EmbeddingCache):
        put = {f"key-{n}": entry(n) for n in range(5)}
        await cache.put_many(put)
        for key, found in zip(put, await cache.get_many(list(put)), strict=True):
            assert found is not None
            assert found.vector.dtype == np.float32
            assert np.array_equal(found.vector, put[key].vector)
            assert found.tokens == put[key].tokens

    async def test_answers_come_in_the_order_of_the_keys_with_none_for_the_unknown(self, cache: EmbeddingCache):
        await cache.put_many({"a": entry(1), "c": entry(3)})
        tokens = [found and found.tokens for found in await cache.get_many(["c", "b", "a", "c"])]
        assert tokens == [3, None, 1, 3]

    async def test_nothing_asked_is_nothing_answered(self, cache: EmbeddingCache):
        await cache.put_many({})
        assert await cache.get_many([]) == []

    async def test_a_later_entry_replaces_an_earlier_one(self, cache: EmbeddingCache):
        await cache.put_many({"a": entry(1)})
        await cache.put_many({"a": entry(2)})
        [found] = await cache.get_many(["a"])
        assert found is not None
        assert found.tokens == 2

    async def test_vectors_are_copied_in(self, cache: EmbeddingCache):
        mine = entry(1)
        wanted = mine.vector.copy()
        await cache.put_many({"a": mine})
        mine.vector[:] = 0
        [found] = await cache.get_many(["a"])
        assert found is not None
        assert np.array_equal(found.vector, wanted)

    async def test_vectors_cannot_be_written_to(self, cache: EmbeddingCache):
        await cache.put_many({"a": entry(1)})
        [found] = await cache.get_many(["a"])
        assert found is not None
        with pytest.raises(ValueError, match="read-only"):
            found.vector[0] = 1

    async def test_hundreds_of_keys_go_through_at_once(self, cache: EmbeddingCache):
        put = {f"many-{n}": entry(n, 16) for n in range(700)}
        await cache.put_many(put)
        found = await cache.get_many(list(put))
        assert [one and one.tokens for one in found] == list(range(700))

    async def test_closing_twice_is_closing_once(self, cache: EmbeddingCache):
        await cache.close()
        await cache.close()


class TestMemory(CacheSuite):
    @pytest.fixture
    def cache(self) -> EmbeddingCache:
        return MemoryEmbeddingCache()


@pytest.fixture
async def redis_cache(redis_url: str) -> AsyncIterator[EmbeddingCache]:
    prefix = f"test-{uuid.uuid4()}:"
    cache = RedisEmbeddingCache(connect(redis_url, timeout=10), prefix=prefix, timeout=10)
    yield cache
    await cache.close()


class TestRedis(CacheSuite):
    @pytest.fixture
    def cache(self, redis_cache: EmbeddingCache) -> EmbeddingCache:
        return redis_cache


class TestMemoryOverRedis(CacheSuite):
    @pytest.fixture
    def cache(self, redis_cache: EmbeddingCache) -> EmbeddingCache:
        return TieredEmbeddingCache(near=MemoryEmbeddingCache(), far=redis_cache)

    async def test_what_another_process_put_is_found_and_then_kept_near(self, redis_cache: EmbeddingCache):
        near = MemoryEmbeddingCache()
        await redis_cache.put_many({"a": entry(1)})
        [found] = await TieredEmbeddingCache(near=near, far=redis_cache).get_many(["a"])
        [kept] = await near.get_many(["a"])
        assert found is not None
        assert kept is not None
        assert kept.tokens == found.tokens == 1
