"""An embedder that asks a cache first, so that no text is embedded twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from freshet.search.embedding.base import Embedded, Embedder, Model, Purpose
from freshet.search.embedding.cache import CachedVector, EmbeddingCache, cache_key
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.embedding.shares import apportion


class CachedEmbedder:
    """Looks each text up, embeds those that are not known (equal ones once), and keeps what it learnt.

    `Embedded.tokens` counts what the model was given now. Owns the embedder and the cache.
    """

    def __init__(self, embedder: Embedder, cache: EmbeddingCache, metrics: EmbeddingMetrics) -> None:
        self._embedder = embedder
        self._cache = cache
        self._metrics = metrics

    @property
    def model(self) -> Model:
        return self._embedder.model

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """As `Embedder.embed`; an error of the model leaves the cache as it was."""
        keys = [cache_key(self.model, purpose, text) for text in texts]
        known = await self._lookup(list(dict.fromkeys(keys)))
        # Of equal texts one is embedded: the others are hits, as they would be a moment later.
        unknown = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        tokens = await self._learn(unknown, known, purpose) if unknown else 0
        paid = {key: known[key].tokens for key in unknown}  # of equal texts by the first
        self._metrics.looked_up(hits=len(texts) - len(unknown), misses=len(unknown))
        self._metrics.saved(sum(known[key].tokens for key in keys) - tokens)
        vectors = np.empty((len(texts), self.model.dimension), np.float32)
        for row, key in enumerate(keys):
            vectors[row] = known[key].vector
        return Embedded(vectors, tokens, [paid.pop(key, 0) for key in keys])

    async def known(self, texts: Sequence[str], *, purpose: Purpose = "index") -> list[NDArray[np.float32] | None]:
        """The vectors of texts as far as the cache has them, in the order of the texts."""
        keys = [cache_key(self.model, purpose, text) for text in texts]
        found = await self._lookup(list(dict.fromkeys(keys)))
        return [found[key].vector if key in found else None for key in keys]

    def token_ends(self, text: str) -> Sequence[int]:
        """As `Embedder.token_ends`."""
        return self._embedder.token_ends(text)

    async def close(self) -> None:
        """Close the cache and the embedder. Idempotent."""
        await self._cache.close()
        await self._embedder.close()

    async def _lookup(self, keys: Sequence[str]) -> dict[str, CachedVector]:
        if not keys:
            return {}
        entries = zip(keys, await self._cache.get_many(keys), strict=True)
        shape = (self.model.dimension,)
        return {key: entry for key, entry in entries if entry is not None and entry.vector.shape == shape}

    async def _learn(self, unknown: dict[str, str], known: dict[str, CachedVector], purpose: Purpose) -> int:
        """Embed these texts by key, into `known` and the cache; the tokens that it took."""
        texts = list(unknown.values())
        embedded = await self._embedder.embed(texts, purpose=purpose)
        self._metrics.embedded(self.model, purpose, embedded.tokens)
        shares = apportion(embedded.tokens, texts)
        rows = zip(unknown, embedded.vectors, shares, strict=True)
        learnt = {key: CachedVector(vector, share) for key, vector, share in rows}
        known.update(learnt)
        await self._cache.put_many(learnt)
        return embedded.tokens
