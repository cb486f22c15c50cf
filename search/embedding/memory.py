"""An embedding cache in the process's own memory: the least recently used vectors make room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from freshet.search.embedding.cache import CachedVector

# What an entry takes beside its numbers: key, array header, entry, dictionary slot (measured with tracemalloc).
_ENTRY_OVERHEAD: Final = 512


class MemoryEmbeddingCache:
    """Holds vectors up to `max_bytes` in all. For one event loop."""

    def __init__(self, *, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._entries: OrderedDict[str, CachedVector] = OrderedDict()
        self._max_bytes = max_bytes
        self._bytes = 0

    async def get_many(self, keys: Sequence[str]) -> list[CachedVector | None]:
        found = [self._entries.get(key) for key in keys]
        for key, entry in zip(keys, found, strict=True):
            if entry is not None:
                self._entries.move_to_end(key)
        return found

    async def put_many(self, entries: Mapping[str, CachedVector]) -> None:
        for key, entry in entries.items():
            self._drop(key)
            # A copy, because a row of a bigger array would keep all of that array alive.
            vector = np.array(entry.vector, dtype=np.float32)
            vector.setflags(write=False)
            self._entries[key] = CachedVector(vector, entry.tokens)
            self._bytes += _size(self._entries[key])
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    async def close(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(entry)


def _size(entry: CachedVector) -> int:
    return entry.vector.nbytes + _ENTRY_OVERHEAD
