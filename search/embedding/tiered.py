"""Two embedding caches as one: a near one that is fast, and a far one that processes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from freshet.search.embedding.cache import CachedVector, EmbeddingCache


class TieredEmbeddingCache:
    """Asks `near` first and `far` for the rest; what `far` knew is kept near. Owns both."""

    def __init__(self, *, near: EmbeddingCache, far: EmbeddingCache) -> None:
        self._near = near
        self._far = far

    async def get_many(self, keys: Sequence[str]) -> list[CachedVector | None]:
        found = dict(zip(keys, await self._near.get_many(keys), strict=True))
        missing = [key for key, entry in found.items() if entry is None]
        if missing:
            answers = zip(missing, await self._far.get_many(missing), strict=True)
            fetched = {key: entry for key, entry in answers if entry is not None}
            await self._near.put_many(fetched)
            found.update(fetched)
        return [found[key] for key in keys]

    async def put_many(self, entries: Mapping[str, CachedVector]) -> None:
        await self._near.put_many(entries)
        await self._far.put_many(entries)

    async def close(self) -> None:
        await self._near.close()
        await self._far.close()
