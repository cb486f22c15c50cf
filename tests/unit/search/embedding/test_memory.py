"""The cache in memory: what makes room for what."""

import numpy as np

from freshet.search.embedding.cache import CachedVector
from freshet.search.embedding.memory import MemoryEmbeddingCache

DIMENSION = 384
ROOM = 10


def entry() -> CachedVector:
    return CachedVector(np.ones(DIMENSION, np.float32), 1)


async def known(cache: MemoryEmbeddingCache, *keys: str) -> list[bool]:
    return [found is not None for found in await cache.get_many(keys)]


def small() -> MemoryEmbeddingCache:
    return MemoryEmbeddingCache(max_bytes=ROOM * (DIMENSION * 4 + 600))


async def test_the_least_recently_used_makes_room():
    cache = small()
    for n in range(5):
        await cache.put_many({f"old-{n}": entry()})
    assert await known(cache, "old-0") == [True]  # used: the youngest now
    await cache.put_many({f"new-{n}": entry() for n in range(ROOM - 2)})
    assert await known(cache, "old-0", "old-1", "new-7") == [True, False, True]


async def test_memory_stays_bounded():
    cache = small()
    for n in range(1_000):
        await cache.put_many({f"key-{n}": entry()})
    alive = await known(cache, *(f"key-{n}" for n in range(1_000)))
    assert 0 < sum(alive) <= ROOM + 1
    assert alive[-1]


async def test_replacing_an_entry_again_and_again_takes_no_more_room():
    cache = small()
    await cache.put_many({"other": entry()})
    for _ in range(1_000):
        await cache.put_many({"same": entry()})
    assert await known(cache, "other", "same") == [True, True]


async def test_a_row_does_not_keep_its_matrix_alive():
    cache = MemoryEmbeddingCache()
    matrix = np.ones((1_000, DIMENSION), np.float32)
    await cache.put_many({"row": CachedVector(matrix[3], 1)})
    [found] = await cache.get_many(["row"])
    assert found is not None
    assert found.vector.base is None


async def test_a_cache_without_room_keeps_nothing():
    cache = MemoryEmbeddingCache(max_bytes=0)
    await cache.put_many({"a": entry()})
    assert await known(cache, "a") == [False]
